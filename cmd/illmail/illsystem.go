package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"illmail/illiad"
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
func (d *daemon) askILLiad(start func(string, func(context.Context) error), o *OfficeConfig, n *notices.Office, intake *triage.Intake) error {
	api, err := d.inst.illSystem(o, d.log)
	if api == nil || err != nil {
		return err
	}
	n.Refresher = api
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

// illSystem tries the office's ILLiad, if it has one.
func (c *checker) illSystem(ctx context.Context, inst *installation, o *OfficeConfig) {
	api, err := inst.illSystem(o, c.e.log)
	if err != nil {
		c.fail("correct [office.illiad]", "ILLiad: %v", err)
		return
	}
	if api == nil {
		return
	}
	defer api.Client.Close()
	f, err := api.Check(ctx)
	switch {
	case err != nil:
		c.fail("correct [office.illiad], or ask who runs ILLiad's server", "ILLiad: %v", err)
		return
	case f.Skew.Abs() > 5*time.Minute:
		c.fail("set the clocks of both machines by NTP", "ILLiad: its clock is %s ahead of ours", f.Skew)
	}
	c.ok("ILLiad: Web Platform %s", f.Version)
	if len(f.Unknown) > 0 {
		c.fail(`say under [office.states] what they mean: "Awaiting Reply" = "open"`, "ILLiad: statuses without a meaning: %s", strings.Join(f.Unknown, ", "))
	}
}

// routes are the statuses to which the office wants its requests moved.
func (o *OfficeConfig) routes() store.Routes {
	r := o.ILLiad.Routes
	return store.Routes{Cancelled: r.Cancelled, Renewal: r.Renewal, ClaimedReturned: r.ClaimedReturned, Reply: r.Reply, Unfilled: r.Unfilled,
		Conditional: r.Conditional, Shipped: r.Shipped, FileReady: r.FileReady, Recalled: r.Recalled, RenewalOK: r.RenewalOK, RenewalDenied: r.RenewalDenied}
}
