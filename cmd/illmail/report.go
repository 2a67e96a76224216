package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"illmail/store"
)

type statsCmd struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
	From   string `help:"The first day." placeholder:"YYYY-MM-DD" required:""`
	To     string `help:"The last day." placeholder:"YYYY-MM-DD" required:""`
	Format string `help:"table, csv or json." enum:"table,csv,json" default:"table"`
}

func (c statsCmd) Run(e *env) error {
	from, err := dayFlag("from", c.From, store.Date{})
	if err != nil {
		return err
	}
	to, err := dayFlag("to", c.To, store.Date{})
	if err != nil {
		return err
	}
	type line struct {
		Office string `json:"office"`
		store.Stat
	}
	var lines []line
	err = c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		for _, o := range offices {
			stats, err := inst.db.Stats(e.ctx, inst.offices[o.Code].ID, from, to, o.location)
			if err != nil {
				return err
			}
			for _, s := range stats {
				lines = append(lines, line{o.Code, s})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	value := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch c.Format {
	case "json":
		enc := json.NewEncoder(e.stdout)
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return fmt.Errorf("writing the figures: %w", err)
			}
		}
		return nil
	case "csv":
		w := csv.NewWriter(e.stdout)
		_ = w.Write([]string{"office", "group", "figure", "value"}) // Error below tells
		for _, l := range lines {
			_ = w.Write([]string{l.Office, l.Group, l.Figure, value(l.Value)})
		}
		w.Flush()
		return w.Error()
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Office, l.Group, l.Figure, strconv.FormatFloat(l.Value, 'f', 1, 64))
	}
	return w.Flush()
}

type purgeCmd struct {
	configFlag
	DryRun bool `help:"Only count."`
}

func (c purgeCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		r := inst.cfg.Retention
		p, err := inst.db.Purge(e.ctx, store.Retention{BodiesDays: r.BodiesDays, PatronDays: r.PatronDays}, time.Now(), c.DryRun)
		if err != nil {
			return fmt.Errorf("purging: %w", err)
		}
		verb := "Removed"
		if c.DryRun {
			verb = "Would remove"
		}
		_, err = fmt.Fprintf(e.stdout, "%s the text of %d messages and %d sent mails, and all that names %d patrons.\n", verb, p.Messages, p.Mails, p.Patrons)
		return err
	})
}
