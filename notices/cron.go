package notices

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when something is done, by a cron expression in a time zone.
//
// A schedule that fires at most once a day is known by its nominal local time:
// a time that the clock skips fires at the first instant after the gap, and one
// that the clock repeats fires once, the first time. One that fires more often
// is known by its instants.
type Schedule struct {
	spec  cron.Schedule
	loc   *time.Location
	daily bool
}

const (
	nominalDaily   = "2006-01-02T15:04"
	nominalInstant = "2006-01-02T15:04:05Z"
)

// ParseSchedule reads five cron fields ("0 13 * * *"), or "@daily" and the
// like. A schedule that never fires is an error.
func ParseSchedule(spec string, loc *time.Location) (_ *Schedule, err error) {
	defer func() {
		// The parser panics on some input, "TZ=0" for one.
		if p := recover(); p != nil {
			err = fmt.Errorf("the schedule %q cannot be read: %v", spec, p)
		}
	}()
	spec = strings.TrimSpace(spec)
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return nil, fmt.Errorf("the schedule %q names a time zone; the office's timezone holds for it", spec)
	}
	c, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("the schedule %q cannot be read; write it as \"0 13 * * *\": %w", spec, err)
	}
	s := &Schedule{spec: c, loc: loc, daily: true}
	// Without a time zone no local time is skipped or repeated.
	day := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	first := c.Next(day)
	if first.IsZero() {
		return nil, fmt.Errorf("the schedule %q never fires; is there such a day?", spec)
	}
	for range 64 {
		next := c.Next(first)
		if next.IsZero() {
			break
		}
		if next.Sub(first) < 24*time.Hour {
			s.daily = false
			break
		}
		first = next
	}
	return s, nil
}

// Next is the first fire after t: the instant, and its nominal time, by which
// it is known.
func (s *Schedule) Next(t time.Time) (at time.Time, nominal string) {
	if !s.daily {
		at = s.spec.Next(t.In(s.loc))
		return at, at.UTC().Format(nominalInstant)
	}
	// The clock on the wall, as if it never jumped; a day back, since a skipped
	// or repeated hour makes wall time and instants disagree.
	wall := wallClock(t, s.loc).AddDate(0, 0, -1)
	for {
		if wall = s.spec.Next(wall); wall.IsZero() {
			return time.Time{}, ""
		}
		if at = instantOf(wall, s.loc); at.After(t) {
			return at, wall.Format(nominalDaily)
		}
	}
}

// instant reads a nominal time back.
func (s *Schedule) instant(nominal string) (time.Time, error) {
	if !s.daily {
		return time.Parse(nominalInstant, nominal)
	}
	wall, err := time.Parse(nominalDaily, nominal)
	if err != nil {
		return time.Time{}, err
	}
	return instantOf(wall, s.loc), nil
}

// wallClock is what the clock on the wall shows, kept in UTC.
func wallClock(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	h, min, sec := t.In(loc).Clock()
	return time.Date(y, m, d, h, min, sec, t.Nanosecond(), time.UTC)
}

// instantOf is the instant at which the clock on the wall first shows wall, or
// the first instant after the gap where it never does.
func instantOf(wall time.Time, loc *time.Location) time.Time {
	y, m, d := wall.Date()
	h, min, sec := wall.Clock()
	t := time.Date(y, m, d, h, min, sec, 0, loc)
	start, end := t.ZoneBounds()
	if got := wallClock(t, loc); !got.Equal(wall) { // skipped: Go takes either side of the gap
		if got.Before(wall) {
			return end
		}
		return start
	}
	if !start.IsZero() {
		_, now := t.Zone()
		_, before := start.Add(-time.Second).Zone()
		earlier := t.Add(time.Duration(now-before) * time.Second)
		if earlier.Before(start) && wallClock(earlier, loc).Equal(wall) {
			return earlier
		}
	}
	return t
}
