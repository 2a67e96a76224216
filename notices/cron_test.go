package notices

import (
	"testing"
	"time"
)

func TestParseScheduleRefuses(t *testing.T) {
	for _, spec := range []string{"", "TZ=0", "TZ=", "CRON_TZ=America/New_York 0 13 * * *", "0 0 31 2 *", "0 13 * *", "61 * * * *", "@every"} {
		if s, err := ParseSchedule(spec, newYork); err == nil {
			t.Errorf("%q is a schedule: %v", spec, s)
		}
	}
}

func TestNextOverClockChanges(t *testing.T) {
	type fire struct{ nominal, instant string }
	for _, c := range []struct {
		name, spec, after string
		want              []fire
	}{
		{"the hour that is skipped fires at the end of the gap", "30 2 * * *", "2026-03-07T00:00:00-05:00", []fire{
			{"2026-03-07T02:30", "2026-03-07T02:30:00-05:00"},
			{"2026-03-08T02:30", "2026-03-08T03:00:00-04:00"},
			{"2026-03-09T02:30", "2026-03-09T02:30:00-04:00"},
		}},
		{"the hour that is repeated fires once, the first time", "30 1 * * *", "2026-10-31T00:00:00-04:00", []fire{
			{"2026-10-31T01:30", "2026-10-31T01:30:00-04:00"},
			{"2026-11-01T01:30", "2026-11-01T01:30:00-04:00"},
			{"2026-11-02T01:30", "2026-11-02T01:30:00-05:00"},
		}},
		{"from within the repeated hour", "30 1 * * *", "2026-11-01T01:40:00-05:00", []fire{
			{"2026-11-02T01:30", "2026-11-02T01:30:00-05:00"},
		}},
		{"one o'clock in the afternoon stays so", "0 13 * * *", "2026-03-07T14:00:00-05:00", []fire{
			{"2026-03-08T13:00", "2026-03-08T13:00:00-04:00"},
		}},
		{"more than once a day is known by the instant", "30 1,13 * * *", "2026-11-01T00:00:00-04:00", []fire{
			{"2026-11-01T05:30:00Z", "2026-11-01T01:30:00-04:00"},
		}},
		{"every quarter of an hour, both times", "*/15 * * * *", "2026-11-01T01:50:00-04:00", []fire{
			{"2026-11-01T06:00:00Z", "2026-11-01T01:00:00-05:00"},
			{"2026-11-01T06:15:00Z", "2026-11-01T01:15:00-05:00"},
		}},
		{"weekly", "0 13 * * 1", "2026-11-23T13:00:00-05:00", []fire{
			{"2026-11-30T13:00", "2026-11-30T13:00:00-05:00"},
		}},
	} {
		s, err := ParseSchedule(c.spec, newYork)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			var nominal string
			at, nominal = s.Next(at)
			if got := at.In(newYork).Format(time.RFC3339); nominal != w.nominal || got != w.instant {
				t.Errorf("%s: %s at %s, want %s at %s", c.name, nominal, got, w.nominal, w.instant)
			}
			if back, err := s.instant(nominal); err != nil || !back.Equal(at) {
				t.Errorf("%s: %s reads back as %s (%v), want %s", c.name, nominal, back, err, at)
			}
		}
	}
}

// Every local time of a year fires once a day, in order, in zones with strange
// clocks.
func TestEveryDayFiresOnce(t *testing.T) {
	for _, zone := range []string{"America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Kathmandu"} {
		loc := mustZone(zone)
		for _, spec := range []string{"0 0 * * *", "30 1 * * *", "0 2 * * *", "15 2 * * *", "59 23 * * *"} {
			s, err := ParseSchedule(spec, loc)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Date(2018, time.January, 1, 12, 0, 0, 0, loc)
			seen := map[string]bool{}
			for range 400 {
				next, nominal := s.Next(at)
				if !next.After(at) || seen[nominal] || next.Sub(at) > 26*time.Hour {
					t.Fatalf("%s in %s: %s at %s after %s", spec, zone, nominal, next, at)
				}
				seen[nominal] = true
				at = next
			}
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"0 13 * * *", "TZ=0", "@daily", "*/15 9-17 * * 1-5", "0 0 29 2 *"} {
		f.Add(s)
	}
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, newYork)
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := ParseSchedule(spec, newYork)
		if err != nil {
			return
		}
		if at, nominal := s.Next(now); !at.IsZero() && (!at.After(now) || nominal == "") {
			t.Errorf("%q fires at %s (%q) after %s", spec, at, nominal, now)
		}
	})
}
