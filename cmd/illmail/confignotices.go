package main

import (
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"illmail/illiad"
	"illmail/notices"
	"illmail/store"
	"illmail/templates"
)

// NoticesConfig is [office.notices].
type NoticesConfig struct {
	Schedule               string            `toml:"schedule"`
	ClosedWeekdays         []string          `toml:"closed_weekdays"`
	ClosedDates            []string          `toml:"closed_dates"`
	ClosedCalendar         string            `toml:"closed_calendar"` // an iCalendar file of closed days
	Mode                   string            `toml:"mode"`
	GoLive                 string            `toml:"go_live"`
	MinGapDays             int               `toml:"min_gap_days"`
	OverdueDays            []int             `toml:"overdue_days"`
	OverdueEveryDays       int               `toml:"overdue_every_days"`
	DueSoonDays            []int             `toml:"due_soon_days"`
	DelayDays              []int             `toml:"delay_days"`
	CancellationMaxAgeDays int               `toml:"cancellation_max_age_days"`
	PickupDays             []int             `toml:"pickup_days"`
	PickupKeepDays         int               `toml:"pickup_keep_days"`
	DeliveryDays           []int             `toml:"delivery_days"`
	DeliveryKeepDays       int               `toml:"delivery_keep_days"`
	DeliveryViews          int               `toml:"delivery_views"`
	InTransitDays          []int             `toml:"in_transit_days"`
	ClaimDays              []int             `toml:"claim_days"`
	LeavingDays            []int             `toml:"leaving_days"`
	LeavingCcAlternate     bool              `toml:"leaving_cc_alternate"`
	LeavingText            map[string]string `toml:"leaving_text"`
	Recall                 string            `toml:"recall"`
	Digest                 bool              `toml:"digest"`
	MaxPerRun              int               `toml:"max_per_run"`
	RehearsalAddress       string            `toml:"rehearsal_address"`
	Rules                  []RuleConfig      `toml:"rule"`
}

// RuleConfig is one [[office.notices.rule]]: how one kind of notice is told
// about some requests, before the keys above.
type RuleConfig struct {
	Name            string   `toml:"name"`
	Kind            string   `toml:"kind"`
	States          []string `toml:"states"`
	RequestTypes    []string `toml:"request_types"`
	PatronStatuses  []string `toml:"patron_statuses"`
	PickupLocations []string `toml:"pickup_locations"`
	Days            []int    `toml:"days"`
	EveryDays       int      `toml:"every_days"`
	OpenDays        bool     `toml:"open_days"`
	Template        string   `toml:"template"`
	Cc              []string `toml:"cc"`
	Channel         string   `toml:"channel"`
	Mode            string   `toml:"mode"`
}

// rules are the office's notice rules, judged as a whole.
func (o *OfficeConfig) rules() (*notices.Rules, error) {
	n := o.Notices
	dates, _, err := o.closedDates()
	if err != nil {
		return nil, err
	}
	cal, err := notices.NewCalendar(n.ClosedWeekdays, dates)
	if err != nil {
		return nil, err
	}
	hours, err := notices.ParseHours(o.OpenHours)
	if err != nil {
		return nil, err
	}
	goLive, err := store.ParseDate(n.GoLive)
	if err != nil {
		return nil, &notices.Problem{Key: "go_live", Text: err.Error()}
	}
	r := &notices.Rules{
		Mode: notices.Mode(n.Mode), GoLive: goLive, MinGapDays: n.MinGapDays,
		OverdueDays: n.OverdueDays, OverdueEveryDays: n.OverdueEveryDays, DueSoonDays: n.DueSoonDays, DelayDays: n.DelayDays,
		CancellationMaxAgeDays: n.CancellationMaxAgeDays, PickupDays: n.PickupDays, PickupKeepDays: n.PickupKeepDays,
		DeliveryDays: n.DeliveryDays, DeliveryKeepDays: n.DeliveryKeepDays, DeliveryViews: n.DeliveryViews,
		InTransitDays: n.InTransitDays, ClaimDays: n.ClaimDays, LeavingDays: n.LeavingDays, LeavingCc: n.LeavingCcAlternate, LeavingText: n.LeavingText, Recall: notices.Mode(n.Recall),
		Digest: n.Digest, MaxPerRun: n.MaxPerRun,
		Live:   o.ILLiad.BaseURL != "",
		ILLiad: o.ILLiad.BaseURL != "", OffInILLiad: o.ILLiad.OffInILLiad,
		Calendar: cal, Hours: hours, Location: o.location,
	}
	for _, c := range n.Rules {
		r.Own = append(r.Own, notices.Rule{
			Name: c.Name, Kind: store.NoticeKind(c.Kind), States: c.States, RequestTypes: c.RequestTypes, PatronStatuses: c.PatronStatuses,
			PickupLocations: c.PickupLocations, Days: c.Days, Every: c.EveryDays, OpenDays: c.OpenDays, Template: c.Template, Cc: c.Cc, Mode: notices.Mode(c.Mode),
		})
	}
	if o.Source.pulls() || o.Source.PushTokenFile != "" { // what `import` brings is as old as its user says
		r.MaxAge = time.Duration(o.Source.MaxAge)
	}
	return r, r.Validate()
}

// checkRules judges what the rooms know better than this file.
func (o *OfficeConfig) checkRules(at func(key, format string, args ...any) error) error {
	rules, err := o.rules()
	if err != nil {
		return ruleErrors(at, err)
	}
	states, err := o.states()
	if err != nil {
		return at("states", "is wrong: %v", err)
	}
	r := o.ILLiad.Routes
	for key, status := range map[string]string{"cancelled": r.Cancelled, "renewal": r.Renewal, "claimed_returned": r.ClaimedReturned, "reply": r.Reply,
		"unfilled": r.Unfilled, "conditional": r.Conditional, "shipped": r.Shipped, "file_ready": r.FileReady, "recalled": r.Recalled,
		"renewal_ok": r.RenewalOK, "renewal_denied": r.RenewalDenied} {
		if status != "" && states.State(status) == store.StateUnknown {
			return at("illiad.routes."+key, "is %q, a status without a meaning; say under [office.states] what it means", status)
		}
	}
	for i := range rules.Own {
		if err := o.checkRule(at, fmt.Sprintf("notices.rule.%d.", i), &rules.Own[i], o.Notices.Rules[i].Channel, states); err != nil {
			return err
		}
	}
	for key, line := range map[string]string{"notices.schedule": o.Notices.Schedule, "source.schedule": o.Source.Schedule} {
		if _, err := notices.ParseSchedule(line, o.location); err != nil {
			return at(key, "is %q: %v", line, err)
		}
	}
	for language := range o.Notices.LeavingText {
		if templates.LanguageName(language) == language {
			return at("notices.leaving_text", "is given in %q, a language in which no letters come; write en, es, pt, ht, vi or zh-Hans", language)
		}
	}
	if a := o.Notices.RehearsalAddress; a != "" && !isAddress(a) {
		return at("notices.rehearsal_address", "is %q; write one address, \"rehearsal@example.edu\"", a)
	}
	return nil
}

// checkUnanswered judges to whom is told what nobody takes. The office itself
// would only get more mail that nobody takes.
func (c *Config) checkUnanswered(o *OfficeConfig, at func(key, format string, args ...any) error) error {
	if _, err := notices.ParseHours(o.OpenHours); err != nil {
		return at("open_hours", "is %q; write it as \"09:00-17:00\"", o.OpenHours)
	}
	u := o.Unanswered
	switch own := slices.Concat([]string{o.Address}, o.Aliases); {
	case u.Address == "":
		return nil
	case !isAddress(u.Address):
		return at("unanswered.address", "is %q; write one address, \"head@example.edu\"", u.Address)
	case slices.ContainsFunc(own, func(a string) bool { return strings.EqualFold(a, u.Address) }):
		return at("unanswered.address", "is the office's own; write the address of someone else")
	case u.AfterHours < 1 || u.AfterHours > 1000:
		return at("unanswered.after_hours", "is %d; write 1 to 1000 office hours", u.AfterHours)
	case u.Every < Duration(time.Minute):
		return at("unanswered.every", "is shorter than a minute; write it as \"1h\"")
	case c.Web.BaseURL == "":
		return at("unanswered.address", "needs web.base_url: the mail to it holds links to the pages")
	}
	return nil
}

// unanswered is what the office's second address is told, and when; nil: nothing.
func (c *Config) unanswered(o *OfficeConfig) *notices.Unanswered {
	u := o.Unanswered
	if u.Address == "" {
		return nil
	}
	return &notices.Unanswered{Address: u.Address, After: time.Duration(u.AfterHours) * time.Hour, Every: time.Duration(u.Every), Pages: strings.TrimRight(c.Web.BaseURL, "/")}
}

// ruleErrors gives each thing that is wrong with the rules its line.
func ruleErrors(at func(key, format string, args ...any) error, err error) error {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var lines []error
	for _, e := range list {
		var p *notices.Problem
		switch {
		case !errors.As(e, &p):
			lines = append(lines, at("notices", "is not a good set of rules: %v", e))
		case p.Rule > 0:
			lines = append(lines, at(fmt.Sprintf("notices.rule.%d.%s", p.Rule-1, p.Key), "%s", p.Text))
		default:
			lines = append(lines, at("notices."+p.Key, "%s", p.Text))
		}
	}
	return errors.Join(lines...)
}

// checkRule judges what a rule says of statuses and addresses. Its template may
// be one of the office's own, which `check` looks for.
func (o *OfficeConfig) checkRule(at func(key, format string, args ...any) error, key string, r *notices.Rule, channel string, states *illiad.StateMap) error {
	for _, status := range r.States {
		state := states.State(status)
		if s := store.State(strings.ToLower(status)); state == store.StateUnknown {
			state = s
		}
		switch wanted := notices.StatesOf(r.Kind); {
		case slices.Contains(wanted, state):
		case !illiad.IsState(state):
			return at(key+"states", "names %q, a status without a meaning; say under [office.states] what it means", status)
		default:
			return at(key+"states", "names %q, which means %s: a notice of kind %s goes for %s only, so the rule can never fire for it", status, state, r.Kind, words(wanted))
		}
	}
	for _, a := range r.Cc {
		if !isAddress(a) {
			return at(key+"cc", "holds %q, which is no address", a)
		}
	}
	if channel != "" && channel != "mail" {
		return at(key+"channel", "is %q; mail is the only one", channel)
	}
	return nil
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

func words(states []store.State) string {
	list := make([]string, len(states))
	for i, s := range states {
		list[i] = string(s)
	}
	return strings.Join(list, ", ")
}
