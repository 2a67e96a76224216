package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"illmail/illiad"
	"illmail/notices"
	"illmail/store"
)

// source is where requests are read from on schedule: an export, or the office's query.
type source interface {
	notices.Refresher
	PickUp(ctx context.Context) (read int, err error)
}

// pulls reports whether an export or a query is read on schedule.
func (s *SourceConfig) pulls() bool { return s.Path != "" || s.QueryFile != "" }

// source is what the office's requests are read from; nil where it names nothing.
func (inst *installation) source(o *OfficeConfig, log *slog.Logger) (source, error) {
	if !o.Source.pulls() {
		return nil, nil
	}
	states, err := o.states()
	if err != nil {
		return nil, err
	}
	id := inst.offices[o.Code].ID
	if o.Source.Path != "" {
		return &illiad.FileSource{DB: inst.db, OfficeID: id, Path: o.Source.Path, States: states, Full: o.Source.Full,
			MaxAge: time.Duration(o.Source.MaxAge), Log: log.With("office", o.Code)}, nil
	}
	query, err := os.ReadFile(o.Source.QueryFile)
	if err != nil {
		return nil, fmt.Errorf("source.query_file: %w", err)
	}
	url, err := readSecret(o.Source.DatabaseURLFile, "")
	if err != nil {
		return nil, fmt.Errorf("source.database_url_file: %w", err)
	}
	return &illiad.SQLSource{DB: inst.db, OfficeID: id, URL: strings.TrimSpace(url), Query: string(query), States: states, Full: o.Source.Full,
		Log: log.With("office", o.Code)}, nil
}

// follow reads an office's requests on its schedule, and before a notice goes.
// It returns nil where there is nothing to read from.
func (d *daemon) follow(ctx context.Context, start func(string, func(context.Context) error), o *OfficeConfig, n *notices.Office) (*notices.Job, error) {
	source, err := d.inst.source(o, d.log)
	if err != nil {
		return nil, err
	}
	if source == nil { // there may have been one before
		return nil, d.inst.db.ForgetHealth(ctx, n.ID, "source")
	}
	schedule, err := notices.ParseSchedule(o.Source.Schedule, o.location)
	if err != nil {
		return nil, fmt.Errorf("source.schedule: %w", err)
	}
	n.Refresher = source
	start("first reading of requests", func(ctx context.Context) error {
		_, err := source.PickUp(ctx)
		return err
	})
	return &notices.Job{OfficeID: n.ID, Name: "source", Schedule: schedule,
		Run: func(ctx context.Context, fire store.Fire, _ time.Time) error {
			// Recorded first: a pick-up that dies is made good by the next one.
			if first, err := d.inst.db.RecordFire(ctx, fire); err != nil || !first {
				return err
			}
			_, err := source.PickUp(ctx)
			return err
		}}, nil
}

// source tries the office's own query and its token for pushes, if it has them.
func (c *checker) source(ctx context.Context, inst *installation, o *OfficeConfig) {
	switch push, err := inst.push(o); {
	case err != nil:
		c.fail("correct [office.source]", "pushes: %v", err)
	case push != nil:
		c.ok("pushes: whoever has the token may send requests to %s/api/v1/transactions", strings.TrimSuffix(inst.cfg.Web.BaseURL, "/"))
	}
	s, err := inst.source(o, c.e.log)
	if err != nil {
		c.fail("correct [office.source]", "requests: %v", err)
		return
	}
	q, ok := s.(*illiad.SQLSource)
	if !ok {
		return
	}
	ignored, err := q.Check(ctx)
	if err != nil {
		c.fail("correct query_file or database_url_file in [office.source]", "query: %v", err)
		return
	}
	if len(ignored) > 0 {
		c.ok("query: its rows are understood; ignored columns: %s", strings.Join(ignored, ", "))
		return
	}
	c.ok("query: its rows are understood")
}
