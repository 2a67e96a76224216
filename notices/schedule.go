package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"illmail/store"
)

// Job is something that is done on a schedule, each fire once however many
// daemons run.
type Job struct {
	OfficeID int64
	Name     string // the schedule's name in its rows: "notices", "source"
	Schedule *Schedule
	// Run does the work of a fire. It records the fire itself, in one
	// transaction with its work, or does nothing where it is recorded already.
	Run func(ctx context.Context, fire store.Fire, now time.Time) error
	// Approve: a fire that was missed on an earlier day, or today but it is
	// past 17:00, is recorded as one that waits for approval. Otherwise the last
	// one missed runs late.
	Approve bool
	// OpenDay reports whether a fire missed on that day matters; nil: always.
	OpenDay func(store.Date) bool
}

// NoticesJob is the daily run of an office's notices.
func NoticesJob(p *Planner, o *Office) (Job, error) {
	s, err := ParseSchedule(o.Schedule, o.Rules.Location)
	if err != nil {
		return Job{}, err
	}
	return Job{
		OfficeID: o.ID, Name: "notices", Schedule: s, Approve: true, OpenDay: o.Rules.Calendar.IsOpen,
		Run: func(ctx context.Context, fire store.Fire, now time.Time) error {
			_, err := p.Run(ctx, o, o.today(now), now, Options{Fire: &fire})
			return err
		},
	}, nil
}

// LapseJob lets a batch that nobody approved lapse when its day is over, so
// that nobody lets yesterday's letters go; the next run plans it anew.
func LapseJob(p *Planner, o *Office) (Job, error) {
	s, err := ParseSchedule("0 0 * * *", o.Rules.Location)
	if err != nil {
		return Job{}, err
	}
	return Job{
		OfficeID: o.ID, Name: "lapse", Schedule: s,
		Run: func(ctx context.Context, fire store.Fire, now time.Time) error {
			n, err := p.DB.LapseUnapproved(ctx, fire, o.today(now), []string{waitsForApproval, firstNotices})
			if n > 0 && p.Log != nil {
				p.Log.Info("notices lapsed that nobody approved", "office", o.Code, "mails", n)
			}
			return err
		},
	}, nil
}

// Scheduler runs jobs when their schedules fire. Clocks may jump: what decides
// whether a fire ran is its row.
type Scheduler struct {
	DB   *store.DB
	Jobs []Job
	Log  *slog.Logger
}

// pollEvery bounds how late a fire is noticed after the clock was set or the
// machine slept.
const pollEvery = 30 * time.Second

// late is by how much a fire may be late and still be no missed one.
const late = 15 * time.Minute

// lastCall is the hour of the day from which on a missed run of the same day
// waits for approval.
const lastCall = 17

// Run runs until ctx ends and the jobs under way have ended.
func (s *Scheduler) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, j := range s.Jobs {
		wg.Go(func() { s.runJob(ctx, j) })
	}
	wg.Wait()
	return ctx.Err()
}

func (s *Scheduler) runJob(ctx context.Context, j Job) {
	var since time.Time // fires up to here are dealt with; zero: as the rows say
	for {
		now := time.Now()
		next, err := s.runOnce(ctx, j, since, now)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("running a schedule", "job", j.Name, "office_id", j.OfficeID, "err", err)
		}
		if err == nil {
			since = now
		}
		wait := pollEvery
		if !next.IsZero() {
			wait = min(wait, max(time.Until(next), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// runOnce deals with the fires after since, up to now, and returns when the
// next one is. A zero since is that of the last row: what fired since was
// missed.
func (s *Scheduler) runOnce(ctx context.Context, j Job, since, now time.Time) (next time.Time, err error) {
	if since.IsZero() {
		if since, err = s.lastFire(ctx, j, now); err != nil {
			return time.Time{}, err
		}
	}
	if since.After(now) { // the clock was set back
		since = now
	}
	var fires []store.Fire
	var at []time.Time
	for t := since; ; {
		fire, nominal := j.Schedule.Next(t)
		if fire.IsZero() || fire.After(now) {
			next = fire
			break
		}
		fires = append(fires, store.Fire{OfficeID: j.OfficeID, Schedule: j.Name, Nominal: nominal, State: store.FireDone, FiredAt: now})
		at = append(at, fire)
		if len(fires) > maxMissed {
			fires, at = fires[1:], at[1:]
		}
		t = fire
	}
	if len(fires) == 0 {
		return next, nil
	}
	last := len(fires) - 1
	if j.Approve {
		if err := s.missed(ctx, j, fires[:last], at[:last]); err != nil {
			return next, err
		}
		today := store.DateOf(now, j.Schedule.loc) == store.DateOf(at[last], j.Schedule.loc)
		if now.Sub(at[last]) > late && (!today || now.In(j.Schedule.loc).Hour() >= lastCall) {
			return next, s.missed(ctx, j, fires[last:], at[last:])
		}
	}
	if err := j.Run(ctx, fires[last], now); err != nil {
		return next, fmt.Errorf("running %s of %s: %w", j.Name, fires[last].Nominal, err)
	}
	return next, nil
}

// maxMissed is how many missed fires are looked at: the newest.
const maxMissed = 400

// missed records fires that nobody ran: they wait for approval, or lapse where
// the office was closed.
func (s *Scheduler) missed(ctx context.Context, j Job, fires []store.Fire, at []time.Time) error {
	for i, f := range fires {
		f.State = store.FireWaiting
		if j.OpenDay != nil && !j.OpenDay(store.DateOf(at[i], j.Schedule.loc)) {
			f.State = store.FireLapsed
		}
		if _, err := s.DB.RecordFire(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// lastFire is the instant of the last fire that has a row. Where there is none
// nothing was missed; one in the future was recorded by a clock gone wrong.
func (s *Scheduler) lastFire(ctx context.Context, j Job, now time.Time) (time.Time, error) {
	f, err := s.DB.LastFire(ctx, j.OfficeID, j.Name, nominalOf(j.Schedule, now))
	if errors.Is(err, store.ErrNotFound) {
		return now, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := j.Schedule.instant(f.Nominal)
	if err != nil { // the schedule was changed to another kind
		return now, nil
	}
	return at, nil
}

// nominalOf is t written as a nominal time.
func nominalOf(s *Schedule, t time.Time) string {
	if s.daily {
		return wallClock(t, s.loc).Format(nominalDaily)
	}
	return t.UTC().Format(nominalInstant)
}
