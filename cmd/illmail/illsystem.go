package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"illmail/illiad"
	"illmail/mailbox"
	"illmail/notices"
	"illmail/store"
	"illmail/triage"
)

// illSystem connects the office with its ILLiad; nil where it names none.
func (inst *installation) illSystem(o *OfficeConfig, log *slog.Logger) (*illiad.API, error) {
	if o.ILLiad.BaseURL == "" {
		return nil, nil
	}
	key, err := readSecret(o.ILLiad.APIKeyFile, "")
	if err != nil {
		return nil, fmt.Errorf("illiad.api_key_file: %w", err)
	}
	client, err := illiad.NewClient(o.ILLiad.BaseURL, key)
	if err != nil {
		return nil, fmt.Errorf("illiad.base_url: %w", err)
	}
	states, err := o.states()
	if err != nil {
		return nil, err
	}
	return &illiad.API{Client: client, DB: inst.db, OfficeID: inst.offices[o.Code].ID, States: states,
		Pages: strings.TrimSuffix(inst.cfg.Web.BaseURL, "/"), Log: log.With("office", o.Code),
		Write: illiad.Writes{Notes: o.ILLiad.Notes, Histories: o.ILLiad.Histories, Routes: o.routes()}}, nil
}

// askILLiad lets notices ask the office's ILLiad just before they go, fetches
// the requests of patrons whose mail came, and starts the write-backs where they
// are wanted.
func (d *daemon) askILLiad(ctx context.Context, start func(string, func(context.Context) error), o *OfficeConfig, n *notices.Office, intake *triage.Intake) error {
	api, err := d.inst.illSystem(o, d.log)
	if err != nil {
		return err
	}
	if api == nil { // there may have been one before
		return d.inst.db.ForgetHealth(ctx, n.ID, store.HealthILLiad, "illiad clock", "illiad statuses")
	}
	n.Refresher = api
	start("check of ILLiad "+o.Code, api.RunChecks)
	start("patrons' requests "+o.Code, func(ctx context.Context) error {
		return api.RunPatrons(ctx, func(ctx context.Context, patronID int64) error {
			return intake.MatchAgain(ctx, patronID, time.Now().Add(-24*time.Hour))
		})
	})
	if o.ILLiad.WriteBack {
		start("write-backs "+o.Code, api.RunWriteBacks)
	}
	return nil
}

// illSystem tries the office's ILLiad, if it has one, and returns the statuses
// that it names.
func (c *checker) illSystem(ctx context.Context, inst *installation, o *OfficeConfig) (statuses []string) {
	api, err := inst.illSystem(o, c.e.log)
	if err != nil {
		c.fail("correct [office.illiad]", "ILLiad: %v", err)
		return nil
	}
	if api == nil {
		return nil
	}
	defer api.Client.Close()
	f, err := api.Check(ctx)
	if err != nil {
		c.fail("correct [office.illiad], or ask who runs ILLiad's server", "ILLiad: %v", err)
		return nil
	}
	c.ok("ILLiad: Web Platform %s", f.Version)
	if held := stillOn(o.ILLiad.OffInILLiad); len(held) > 0 {
		c.finding(mailbox.Finding{OK: true, What: "ILLiad: its own mail may be on for " + strings.Join(held, ", ") + ": these notices are held",
			Do: "turn it off there (BorrowingOverdueNoticesActive for overdue), and say so in off_in_illiad"})
	}
	if skewed := f.Skewed(); skewed != "" {
		c.fail("set the clocks of both machines by NTP", "ILLiad: %s", skewed)
	}
	if len(f.Unknown) > 0 {
		c.fail(`say under [office.states] what they mean: "Awaiting Reply" = "open"`, "ILLiad: statuses without a meaning: %s", strings.Join(f.Unknown, ", "))
	}
	if o.ILLiad.WriteBack && len(f.Unseen) > 0 {
		c.finding(mailbox.Finding{OK: true, What: "ILLiad: routes lead to " + strings.Join(f.Unseen, ", "),
			Do: "see in ILLiad that these statuses exist: they are not among those with a display name"})
	}
	return f.Statuses
}

// statuses says which of the office's requests have a status that the
// configuration does not name (they are shown, and nothing is told by them), and
// which statuses it names that nothing has, by a typing error perhaps. inILLiad
// are those that ILLiad names.
func (c *checker) statuses(ctx context.Context, inst *installation, o *OfficeConfig, inILLiad []string) error {
	detail, err := inst.unknownStatuses(ctx, o)
	if err != nil {
		return err
	}
	if detail != "" {
		c.fail(`say under [office.states] what they mean: "Awaiting Reply" = "open"`, "transactions: %s", detail)
	}
	seen, err := inst.db.StatusesSeen(ctx, inst.offices[o.Code].ID, slices.Collect(maps.Keys(o.States)))
	if err != nil {
		return err
	}
	var unseen []string
	for _, status := range slices.Sorted(maps.Keys(o.States)) {
		same := func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), strings.TrimSpace(status)) }
		if !slices.ContainsFunc(seen, same) && !slices.ContainsFunc(inILLiad, same) {
			unseen = append(unseen, fmt.Sprintf("%q", status))
		}
	}
	if len(unseen) > 0 {
		c.finding(mailbox.Finding{OK: true, What: "states: no request has the status " + strings.Join(unseen, ", "),
			Do: "see that it is written under [office.states] as in your ILL system; case does not matter"})
	}
	return nil
}

func (inst *installation) unknownStatuses(ctx context.Context, o *OfficeConfig) (detail string, err error) {
	statuses, err := inst.db.UnknownStatuses(ctx, inst.offices[o.Code].ID)
	if err != nil || len(statuses) == 0 {
		return "", err
	}
	var names []string
	for i, s := range statuses {
		if i == 10 {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprintf("%q (%d)", s.Status, s.Count))
	}
	return "statuses without a meaning: " + strings.Join(names, ", "), nil
}

// watchStatuses keeps the health of "statuses": what requests have and the
// configuration does not name.
func (d *daemon) watchStatuses(ctx context.Context, o *OfficeConfig) error {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		detail, err := d.inst.unknownStatuses(ctx, o)
		if err == nil {
			do := detail
			if do != "" {
				do += "; say under [office.states] what they mean"
			}
			err = d.inst.db.SetHealth(ctx, d.inst.offices[o.Code].ID, "statuses", detail == "", do)
		}
		if err != nil && ctx.Err() == nil {
			d.log.Warn("looking for statuses without a meaning", "office", o.Code, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// stillOn are the kinds of ILLiad's own mail of which the office has not said
// that they are off.
func stillOn(off []string) (on []string) {
	for _, kind := range []string{"overdue", "cancellation", "pickup", "delivery"} {
		if !slices.Contains(off, kind) {
			on = append(on, kind)
		}
	}
	return on
}

// routes are the statuses to which the office wants its requests moved.
func (o *OfficeConfig) routes() store.Routes {
	r := o.ILLiad.Routes
	return store.Routes{Cancelled: r.Cancelled, Renewal: r.Renewal, ClaimedReturned: r.ClaimedReturned, Reply: r.Reply, Unfilled: r.Unfilled,
		Conditional: r.Conditional, Shipped: r.Shipped, FileReady: r.FileReady, Recalled: r.Recalled, RenewalOK: r.RenewalOK, RenewalDenied: r.RenewalDenied}
}
