package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

// fired notes which fires of a job ran.
type fired struct {
	mu   sync.Mutex
	runs []string
	fail error
}

func (f *fired) job(db *store.DB, office int64, spec string, approve bool) Job {
	s, err := ParseSchedule(spec, newYork)
	if err != nil {
		panic(err)
	}
	cal, err := NewCalendar([]string{"saturday", "sunday"}, nil)
	if err != nil {
		panic(err)
	}
	return Job{OfficeID: office, Name: "notices", Schedule: s, Approve: approve, OpenDay: cal.IsOpen,
		Run: func(ctx context.Context, fire store.Fire, now time.Time) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.fail != nil {
				return f.fail
			}
			first, err := db.RecordFire(ctx, fire)
			if first {
				f.runs = append(f.runs, fire.Nominal)
			}
			return err
		}}
}

func clock(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, newYork)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMissedFires(t *testing.T) {
	db := storetest.New(t)
	for i, c := range []struct {
		name    string
		spec    string
		last    string // nominal time of the last fire that ran
		now     string
		approve bool
		runs    string
		waiting string
	}{
		{"nothing missed", "0 13 * * *", "2026-11-23T13:00", "2026-11-24 12:00", true, "[]", "[]"},
		{"a new office", "0 13 * * *", "", "2026-11-24 14:00", true, "[]", "[]"},
		{"today's, in the afternoon", "0 13 * * *", "2026-11-23T13:00", "2026-11-24 15:00", true, "[2026-11-24T13:00]", "[]"},
		{"today's, in the evening", "0 13 * * *", "2026-11-23T13:00", "2026-11-24 17:30", true, "[]", "[2026-11-24T13:00]"},
		{"yesterday's, in the morning", "0 13 * * *", "2026-11-23T13:00", "2026-11-25 08:00", true, "[]", "[2026-11-24T13:00]"},
		{"a week's", "0 13 * * *", "2026-11-19T13:00", "2026-11-24 15:00", true, "[2026-11-24T13:00]", "[2026-11-20T13:00 2026-11-23T13:00]"},
		{"a weekend's", "0 13 * * *", "2026-11-20T13:00", "2026-11-23 09:00", true, "[]", "[]"},
		{"of an export: the last one", "*/15 * * * *", "2026-11-24T10:00:00Z", "2026-11-24 15:05", false, "[2026-11-24T20:00:00Z]", "[]"},
		{"a clock that was in the future", "0 13 * * *", "2031-11-23T13:00", "2026-11-24 15:00", true, "[]", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := db.EnsureOffice(t.Context(), store.Office{Code: fmt.Sprint("o", i), Address: "a@b.example"})
			if err != nil {
				t.Fatal(err)
			}
			if c.last != "" {
				if _, err := db.RecordFire(t.Context(), store.Fire{OfficeID: o.ID, Schedule: "notices", Nominal: c.last, State: store.FireDone, FiredAt: time.Now()}); err != nil {
					t.Fatal(err)
				}
			}
			var f fired
			s := &Scheduler{DB: db, Log: slog.New(slog.DiscardHandler)}
			j := f.job(db, o.ID, c.spec, c.approve)
			for range 2 { // a second start changes nothing
				if _, err := s.runOnce(t.Context(), j, time.Time{}, clock(c.now)); err != nil {
					t.Fatal(err)
				}
			}
			if got := fmt.Sprint(f.runs); got != c.runs {
				t.Errorf("ran %s, want %s", got, c.runs)
			}
			fires, err := db.MissedFires(t.Context(), o.ID)
			if err != nil {
				t.Fatal(err)
			}
			waiting := []string{}
			for _, w := range fires {
				waiting = append(waiting, w.Nominal)
			}
			if got := fmt.Sprint(waiting); got != c.waiting {
				t.Errorf("waiting %s, want %s", got, c.waiting)
			}
		})
	}
}

// Clocks that jump, ticks that repeat and daemons that compete: each fire once.
func TestEachFireOnce(t *testing.T) {
	db := storetest.New(t)
	o, err := db.EnsureOffice(t.Context(), store.Office{Code: "o", Address: "a@b.example"})
	if err != nil {
		t.Fatal(err)
	}
	var f fired
	s := &Scheduler{DB: db, Log: slog.New(slog.DiscardHandler)}
	j := f.job(db, o.ID, "30 1 * * *", true)
	f.fail = errors.New("the database is away")
	since := clock("2026-10-31 23:00")
	if _, err := s.runOnce(t.Context(), j, since, time.Date(2026, 11, 1, 5, 31, 0, 0, time.UTC)); err == nil {
		t.Error("no error")
	}
	f.fail = nil
	// 1:30 summer time, tried again; 1:30 winter time; back; far ahead and back again.
	for _, now := range []time.Time{
		time.Date(2026, 11, 1, 5, 31, 0, 0, time.UTC), time.Date(2026, 11, 1, 6, 31, 0, 0, time.UTC),
		time.Date(2026, 11, 1, 5, 29, 0, 0, time.UTC), time.Date(2026, 11, 1, 5, 35, 0, 0, time.UTC),
	} {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.runOnce(t.Context(), j, since, now); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if got := fmt.Sprint(f.runs); got != "[2026-11-01T01:30]" {
		t.Errorf("ran %s", got)
	}
	next, err := s.runOnce(t.Context(), j, clock("2026-11-01 12:00"), clock("2026-11-01 12:00"))
	if err != nil || !next.Equal(clock("2026-11-02 01:30")) {
		t.Errorf("next is %s, %v", next, err)
	}
}

func TestSchedulerRuns(t *testing.T) {
	db := storetest.New(t)
	o, err := db.EnsureOffice(t.Context(), store.Office{Code: "o", Address: "a@b.example"})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan string)
	every, err := ParseSchedule("@every 1s", newYork)
	if err != nil {
		t.Fatal(err)
	}
	s := &Scheduler{DB: db, Log: slog.New(slog.DiscardHandler), Jobs: []Job{{OfficeID: o.ID, Name: "tick", Schedule: every,
		Run: func(ctx context.Context, fire store.Fire, _ time.Time) error {
			select {
			case ran <- fire.Nominal:
			case <-ctx.Done():
			}
			return nil
		}}}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	first, second := <-ran, <-ran
	if first >= second {
		t.Errorf("fired %s, then %s", first, second)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
