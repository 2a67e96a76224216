package web

import (
	"testing"
	"time"

	"illmail/notices"
)

// Waiting counts the office's own hours: a mail of Friday evening has waited
// half an hour on Monday at half past nine.
func TestWaitingInOfficeHours(t *testing.T) {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	nine, err := notices.ParseHours("09:00-17:00")
	if err != nil {
		t.Fatal(err)
	}
	workdays, err := notices.NewCalendar([]string{"saturday", "sunday"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	monday := func(hour, minute int) time.Time { return time.Date(2026, time.November, 23, hour, minute, 0, 0, loc) }
	for _, c := range []struct {
		since, now time.Time
		allDay     bool
		want       string
		long       bool
	}{
		{time.Date(2026, time.November, 20, 20, 0, 0, 0, loc), monday(9, 30), false, "30 min", false},
		{time.Date(2026, time.November, 20, 16, 0, 0, 0, loc), monday(11, 0), false, "3 h", false},
		{time.Date(2026, time.November, 20, 9, 0, 0, 0, loc), monday(9, 0), false, "1 day", false},
		{time.Date(2026, time.November, 18, 12, 0, 0, 0, loc), monday(9, 0), false, "2 days", true},
		{time.Date(2026, time.November, 21, 9, 0, 0, 0, loc), monday(8, 0), false, "now", false},
		{time.Date(2026, time.November, 20, 14, 0, 0, 0, loc), monday(9, 0), true, "19 h", false},
		{time.Date(2026, time.November, 20, 14, 0, 0, 0, loc), monday(14, 0), true, "1 day", false},
	} {
		rules := notices.DefaultRules(loc)
		rules.Calendar = workdays
		if !c.allDay {
			rules.Hours = nine
		}
		k := clock{c.now, &Office{Office: &notices.Office{Rules: &rules}}}
		if got := k.Waiting(c.since); got != c.want || k.Long(c.since) != c.long {
			t.Errorf("from %s to %s: %q, long %v; want %q, %v", c.since, c.now, got, k.Long(c.since), c.want, c.long)
		}
	}
}
