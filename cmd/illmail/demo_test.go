package main

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"illmail/notices"
	"illmail/store"
	"illmail/store/storetest"
)

// TestDemoOnAnyDay: the sample office has the same notices to send on a
// holiday, at a weekend, over a clock change and on a leap day as on a plain
// Wednesday, and the same mail in its inbox.
func TestDemoOnAnyDay(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	var plain []string
	for _, at := range []time.Time{
		time.Date(2026, time.June, 10, 9, 0, 0, 0, newYork),
		time.Date(2026, time.December, 25, 9, 0, 0, 0, newYork),
		time.Date(2027, time.January, 1, 0, 5, 0, 0, newYork),
		time.Date(2027, time.March, 14, 9, 0, 0, 0, newYork), // a Sunday, of 23 hours
		time.Date(2026, time.November, 1, 9, 0, 0, 0, newYork),
		time.Date(2028, time.February, 29, 23, 0, 0, 0, newYork),
		time.Date(2026, time.July, 4, 9, 0, 0, 0, newYork), // a Saturday
	} {
		got := demoOn(t, at, newYork)
		if plain == nil {
			for kind, least := range map[store.NoticeKind]int{store.KindOverdue: 3, store.KindDueSoon: 1, store.KindDelay: 1, store.KindCancellation: 1} {
				n := 0
				for _, line := range got {
					var k string
					fmt.Sscan(line, &k)
					if k == string(kind) {
						n++
					}
				}
				if n < least {
					t.Errorf("%d %s notices to send, want %d at least", n, kind, least)
				}
			}
			plain = got
		}
		if !slices.Equal(got, plain) {
			t.Errorf("%s sends\n%q\na plain day\n%q", at, got, plain)
		}
	}
}

// demoOn is what the demo's office would send when it is started at that time.
func demoOn(t *testing.T, at time.Time, location *time.Location) []string {
	t.Helper()
	dir, today := t.TempDir(), store.DateOf(at, location)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	world, err := newDemoWorld(filepath.Join(dir, "mail"), at, today, log)
	if err != nil {
		t.Fatal(err)
	}
	defer world.close()
	waiting := 0
	for _, m := range sampleMails {
		if m.after == 0 {
			waiting++
		}
	}
	if kept, err := keptMail(filepath.Join(dir, "mail", "in")); err != nil || len(kept) != waiting {
		t.Errorf("%s: %d mails in the inbox, want %d: %v", at, len(kept), waiting, err)
	}
	cfg := demoConfig(dir, "127.0.0.1:0", world, today, location)
	cfg.Database.URL = storetest.EmptyURL(t)
	inst, err := openInstallation(&env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, log: log}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer inst.close()
	if err := prepareDemo(t.Context(), inst, today); err != nil {
		t.Fatal(err)
	}
	office, err := inst.noticesOffice(t.Context(), &cfg.Offices[0])
	if err != nil {
		t.Fatal(err)
	}
	lines, err := (&notices.Planner{DB: inst.db}).Plan(t.Context(), office, today, at, notices.Options{Named: true})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range lines {
		if l.Decision == notices.Send {
			out = append(out, fmt.Sprintf("%s %d %v", l.Kind, l.Rung, l.Transactions))
		}
	}
	slices.Sort(out)
	return out
}
