package notices

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"illmail/store"
)

func TestHours(t *testing.T) {
	for text, ok := range map[string]bool{"": true, "09:00-17:00": true, " 8:30 - 16:45 ": true, "00:00-24:00": true,
		"9-17": false, "17:00-09:00": false, "09:00-09:00": false, "09:00-24:01": false, "09:60-17:00": false, "9:0-17:00": false, "x": false, "09:00": false} {
		if _, err := ParseHours(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// officeRules are open Monday to Friday from nine to five, but for Thanksgiving.
func officeRules(t *testing.T) *Rules {
	t.Helper()
	r := testRules(t)
	var err error
	if r.Calendar, err = NewCalendar([]string{"saturday", "sunday"}, []string{"2026-11-26"}); err != nil {
		t.Fatal(err)
	}
	if r.Hours, err = ParseHours("09:00-17:00"); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOfficeTime(t *testing.T) {
	r := officeRules(t)
	at := func(d string, hour, minute int) time.Time { return day(d).At(hour, minute, r.Location) }
	for _, c := range []struct {
		from, to time.Time
		want     time.Duration
	}{
		{at("2026-11-24", 10, 0), at("2026-11-24", 12, 30), 2*time.Hour + 30*time.Minute},
		{at("2026-11-24", 7, 0), at("2026-11-24", 9, 0), 0},
		{at("2026-11-24", 16, 0), at("2026-11-25", 10, 0), 2 * time.Hour},
		{at("2026-11-25", 16, 0), at("2026-11-27", 10, 0), 2 * time.Hour}, // over Thanksgiving
		{at("2026-11-27", 16, 0), at("2026-11-30", 9, 30), 90 * time.Minute},
		{at("2026-11-28", 1, 0), at("2026-11-29", 23, 0), 0},
		{at("2026-10-30", 16, 0), at("2026-11-02", 17, 0), 9 * time.Hour}, // over the end of summer time
		{at("2026-11-24", 12, 0), at("2026-11-24", 11, 0), 0},
	} {
		if got := r.OfficeTime(c.from, c.to); got != c.want {
			t.Errorf("from %s to %s are %s, want %s", c.from, c.to, got, c.want)
		}
	}
	for _, c := range [][2]time.Time{
		{at("2026-11-24", 10, 0), at("2026-11-24", 10, 0)},
		{at("2026-11-24", 8, 0), at("2026-11-24", 9, 0)},
		{at("2026-11-24", 17, 0), at("2026-11-25", 9, 0)},
		{at("2026-11-25", 18, 0), at("2026-11-27", 9, 0)},
		{at("2026-11-28", 12, 0), at("2026-11-30", 9, 0)},
	} {
		if got := r.Opens(c[0]); !got.Equal(c[1]) {
			t.Errorf("from %s on it opens %s, want %s", c[0], got, c[1])
		}
	}
}

// TestOfficeTimeBefore: what the one adds up the other takes off.
func TestOfficeTimeBefore(t *testing.T) {
	r := officeRules(t)
	start := store.DateOf(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), r.Location).At(0, 0, r.Location)
	rapid.Check(t, func(t *rapid.T) {
		now := start.Add(time.Duration(rapid.IntRange(0, 150*24*60).Draw(t, "minutes")) * time.Minute)
		d := time.Duration(rapid.IntRange(1, 200*60).Draw(t, "office minutes")) * time.Minute
		since := r.OfficeTimeBefore(now, d)
		if got := r.OfficeTime(since, now); got != d {
			t.Fatalf("%s before %s is %s, since which it was open for %s", d, now, since, got)
		}
		if got := r.OfficeTime(since.Add(time.Second), now); got >= d {
			t.Fatalf("%s before %s is %s, but it was open for %s a second later", d, now, since, got)
		}
	})
}
