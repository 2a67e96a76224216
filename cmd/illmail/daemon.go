package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"illmail/mailbox"
	"illmail/notices"
	"illmail/store"
	"illmail/triage"
	"illmail/web"
)

// daemon is the running program: what serve and demo do.
type daemon struct {
	inst     *installation
	log      *slog.Logger
	owner    string // of leases and claims; no other process ever has it
	listener net.Listener
	pages    func(*web.Config) // lets the demo add to the pages; nil: nothing to add
}

func newDaemon(inst *installation, log *slog.Logger, l net.Listener) *daemon {
	host, _ := os.Hostname() // only for people who read the leases
	return &daemon{inst: inst, log: log, listener: l, owner: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:8])}
}

// run works until ctx ends, then finishes what is in hand. Each part retries
// by itself; none stops another.
func (d *daemon) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := func(name string, fn func(context.Context) error) {
		wg.Go(func() {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				d.log.Error("a part of the daemon ended", "part", name, "err", err)
			}
		})
	}

	var planned []*notices.Office
	desk := &triage.Desk{DB: d.inst.db}
	planner := &notices.Planner{DB: d.inst.db, Log: d.log}
	scheduler := &notices.Scheduler{DB: d.inst.db, Log: d.log}
	cfg := web.Config{
		DB: d.inst.db, Log: d.log, Desk: desk, Planner: planner, BaseURL: d.inst.cfg.Web.BaseURL, Version: version,
		Settings: d.inst.cfg.settings(), Metrics: metricsHandler(d.inst),
	}
	provider, err := d.inst.cfg.provider()
	if err != nil {
		return err
	}
	cfg.Provider = provider
	for i := range d.inst.cfg.Offices {
		o := &d.inst.cfg.Offices[i]
		office := d.inst.triageOffice(o)
		desk.Offices = append(desk.Offices, office)
		n, err := d.inst.noticesOffice(ctx, o)
		if err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		closeAll, err := d.inst.connect(o, n)
		if err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		defer closeAll()
		intake := &triage.Intake{DB: d.inst.db, Office: office, Log: d.log.With("office", o.Code)}
		start("intake "+o.Code, intake.Run)
		if err := d.watch(start, o, n, intake); err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		source, err := d.follow(ctx, start, o, n)
		if err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		if source != nil {
			scheduler.Jobs = append(scheduler.Jobs, *source)
		}
		start("statuses "+o.Code, func(ctx context.Context) error { return d.watchStatuses(ctx, o) })
		if err := d.askILLiad(ctx, start, o, n, intake); err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		if to := n.RehearsalAddress; to != "" {
			cfg.Banner = strings.TrimSpace(fmt.Sprintf("%s Rehearsal: all mail of %s goes to %s, and none to those it is written to.", cfg.Banner, o.Name, to))
		}
		planned = append(planned, n)
		push, err := d.inst.push(o)
		if err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		cfg.Offices = append(cfg.Offices, web.Office{Office: n, Letters: d.inst.letters[o.Code], Push: push, Alternatives: o.alternatives(d.log)})
		job, err := notices.NoticesJob(planner, n)
		if err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		lapse, err := notices.LapseJob(planner, n)
		if err != nil {
			return fmt.Errorf("office %s: %w", o.Code, err)
		}
		scheduler.Jobs = append(scheduler.Jobs, job, lapse)
	}
	if d.pages != nil {
		d.pages(&cfg)
	}
	pages, err := web.New(cfg)
	if err != nil {
		return fmt.Errorf("building the pages: %w", err)
	}
	dispatcher := &notices.Dispatcher{DB: d.inst.db, Offices: planned, Log: d.log, Owner: d.owner}
	start("letters", func(ctx context.Context) error {
		return notices.FollowLetters(ctx, d.inst.db, d.log, slices.Collect(maps.Values(d.inst.letters))...)
	})
	start("scheduler", scheduler.Run)
	start("alarm", (&notices.Alarm{DB: d.inst.db, Offices: planned, Log: d.log}).Run)
	start("dispatcher", dispatcher.Run)
	start("live pages", func(ctx context.Context) error { pages.Run(ctx); return nil })
	start("purge", d.purgeNightly)
	start("log-ins", d.watchLogins)
	return d.serveHTTP(ctx, pages)
}

// serveHTTP answers until ctx ends, and lets requests under way finish.
func (d *daemon) serveHTTP(ctx context.Context, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx }}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(d.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the pages: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(server.Close(), ignoreTimeout(err))
	}
	return nil
}

func ignoreTimeout(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // a page that streams; it was cut
	}
	return err
}

// watch starts the watchers of an office's folders. Each incoming folder is
// watched by one daemon, which holds its lease. Sent is read by every daemon:
// each must have read it to its end before it sends (a restored backup
// recognises its own mail there).
func (d *daemon) watch(start func(string, func(context.Context) error), o *OfficeConfig, n *notices.Office, intake *triage.Intake) error {
	account, err := o.imapAccount()
	if err != nil {
		return err
	}
	watcher := func(folder string, sink mailbox.Sink) *mailbox.Watcher {
		return &mailbox.Watcher{Account: account, Folder: folder, Sink: sink, Start: o.IMAP.Start,
			PollInterval: time.Duration(o.IMAP.PollInterval), SizeLimit: o.IMAP.SizeLimit, Log: d.log.With("office", o.Code)}
	}
	for _, folder := range o.IMAP.folders {
		role := store.FolderInbox
		if strings.EqualFold(folder, "Junk") || strings.EqualFold(folder, "Junk Email") || strings.EqualFold(folder, "Spam") {
			role = store.FolderJunk
		}
		w := watcher(folder, intake.Sink(role))
		w.AfterFiling = o.IMAP.AfterFiling
		start("watch "+folder, func(ctx context.Context) error {
			return d.leased(ctx, n.ID, "imap:"+folder, w.Run)
		})
	}
	if o.SMTP.SaveSent == string(notices.SaveNever) {
		return nil
	}
	sent := watcher(o.IMAP.SentFolder, intake.Sink(store.FolderSent))
	sent.Start = "now"
	var read atomic.Bool
	n.SentRead = read.Load
	start("watch Sent", func(ctx context.Context) error {
		d.readSent(ctx, sent, intake, &read)
		return sent.Run(ctx)
	})
	return nil
}

// readSent takes Sent in and files it, as often as it takes, and then says so.
func (d *daemon) readSent(ctx context.Context, sent *mailbox.Watcher, intake *triage.Intake, read *atomic.Bool) {
	for pause := time.Second; ; pause = min(2*pause, 2*time.Minute) {
		err := sent.CatchUp(ctx)
		if err == nil {
			err = intake.FileSent(ctx)
		}
		if err == nil {
			read.Store(true)
			return
		}
		if ctx.Err() != nil {
			return
		}
		sent.Sink.Health(ctx, "Sent", false, "It could not be read yet, and nothing is sent before it is: "+err.Error())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

const (
	leaseLife  = time.Minute
	leaseRenew = 15 * time.Second
)

// leased runs fn while this process holds the lease, and tries for it again
// and again while another does.
func (d *daemon) leased(ctx context.Context, officeID int64, name string, fn func(context.Context) error) error {
	for ctx.Err() == nil {
		got, err := d.inst.db.AcquireLease(ctx, officeID, name, d.owner, leaseLife)
		if err != nil && ctx.Err() == nil {
			d.log.Warn("taking a lease", "lease", name, "err", err)
		}
		if got {
			d.whileHeld(ctx, officeID, name, fn)
		}
		select {
		case <-time.After(leaseRenew):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// whileHeld runs fn until ctx ends or the lease is lost.
func (d *daemon) whileHeld(ctx context.Context, officeID int64, name string, fn func(context.Context) error) {
	held, lose := context.WithCancel(ctx)
	defer lose()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := fn(held); err != nil && held.Err() == nil {
			d.log.Error("a leased part ended", "lease", name, "err", err)
		}
	}()
	renewed := time.Now()
	for ticker := time.NewTicker(leaseRenew); ; {
		select {
		case <-done:
			ticker.Stop()
			release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if err := d.inst.db.ReleaseLease(release, officeID, name, d.owner); err != nil {
				d.log.Warn("giving a lease back", "lease", name, "err", err)
			}
			return
		case <-ticker.C:
			got, err := d.inst.db.AcquireLease(ctx, officeID, name, d.owner, leaseLife)
			switch {
			case got:
				renewed = time.Now()
			case err == nil, time.Since(renewed) > leaseLife-leaseRenew:
				lose() // another may hold it by now
			}
		}
	}
}

// purgeNightly applies the retention rules once a day.
func (d *daemon) purgeNightly(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(24 * time.Hour):
		}
		r := d.inst.cfg.Retention
		if _, err := d.inst.db.Purge(ctx, store.Retention{BodiesDays: r.BodiesDays, PatronDays: r.PatronDays}, time.Now(), false); err != nil && ctx.Err() == nil {
			d.log.Error("applying the retention rules", "err", err)
		}
	}
}

type serveCmd struct{ configFlag }

func (c serveCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		l, err := net.Listen("tcp", inst.cfg.Web.Listen)
		if err != nil {
			return fmt.Errorf("listening on %s: %w; is another illmail running, or give web.listen another port", inst.cfg.Web.Listen, err)
		}
		e.log.Info("illmail is up", "pages", "http://"+l.Addr().String())
		return newDaemon(inst, e.log, l).run(e.ctx)
	})
}
