package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"illmail/notices"
	"illmail/store"
)

type noticesCmd struct {
	Plan noticesPlanCmd `cmd:"" help:"What would be sent on a day, and what would not and why. Sends and stores nothing."`
	Run  noticesRunCmd  `cmd:"" help:"Plan for a day and queue at once; serve sends it."`
}

type dayOfNotices struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
	On     string `help:"The day; today where absent." placeholder:"YYYY-MM-DD"`
}

// each calls fn for each picked office with its day.
func (c dayOfNotices) each(e *env, fn func(*notices.Planner, *notices.Office, store.Date, time.Time, notices.Options) error) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		planner := &notices.Planner{DB: inst.db, Log: e.log}
		for _, o := range offices {
			n, err := inst.noticesOffice(e.ctx, o)
			if err != nil {
				return fmt.Errorf("office %s: %w", o.Code, err)
			}
			now := time.Now()
			on, err := dayFlag("on", c.On, store.DateOf(now, o.location))
			if err != nil {
				return err
			}
			if err := fn(planner, n, on, now, notices.Options{Named: c.On != ""}); err != nil {
				return err
			}
		}
		return nil
	})
}

type noticesPlanCmd struct {
	dayOfNotices
	JSON bool `name:"json" help:"One JSON object a notice."`
}

func (c noticesPlanCmd) Run(e *env) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	err := c.each(e, func(p *notices.Planner, o *notices.Office, on store.Date, now time.Time, opts notices.Options) error {
		lines, err := p.Plan(e.ctx, o, on, now, opts)
		if err != nil {
			return err
		}
		if !c.JSON {
			fmt.Fprintf(w, "%s on %s\t\t\t\t\n", o.Name, on)
		}
		for _, l := range lines {
			if c.JSON {
				if err := enc.Encode(l); err != nil {
					return fmt.Errorf("writing the plan: %w", err)
				}
				continue
			}
			kind := string(l.Kind)
			if l.Rung > 0 {
				kind = fmt.Sprintf("%s %d", kind, l.Rung)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Decision, kind, l.To, numbers(l.Transactions), l.Reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

type noticesRunCmd struct{ dayOfNotices }

func (c noticesRunCmd) Run(e *env) error {
	return c.each(e, func(p *notices.Planner, o *notices.Office, on store.Date, now time.Time, opts notices.Options) error {
		opts.Named = true // a person asks for it
		r, err := p.Run(e.ctx, o, on, now, opts)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "%s, %s: %d mails queued, %d wait for approval, %d notices held, %d skipped.\n",
			o.Code, on, r.Queued, r.Waiting, r.Held, r.Skipped)
		return err
	})
}
