package notices

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCalendarSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		weekdays, dates []string
		want            string
	}{
		{[]string{"caturday"}, nil, `"caturday" is no weekday`},
		{[]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, nil, "all seven days are closed"},
		{nil, []string{"2026-13-01"}, `"2026-13-01" is not a date`},
		{nil, []string{"2026-12-24..2026-12-20"}, "ends before it begins"},
		{nil, []string{"2026-12-24..2072-01-01"}, "longer than a year"},
		{nil, []string{""}, "a date is missing"},
		{nil, []string{"2026-12-24.."}, "a date is missing"},
	} {
		_, err := NewCalendar(c.weekdays, c.dates)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("NewCalendar(%q, %q) = %v, want an error with %q", c.weekdays, c.dates, err, c.want)
		}
	}
	_, err := NewCalendar([]string{"caturday"}, []string{"x", "y"})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all three problems are named: %v", err)
	}
}

func TestCalendar(t *testing.T) {
	c, err := NewCalendar([]string{"Saturday", " sun "}, []string{"2026-11-26", "2026-12-24..2027-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"2026-11-21", "2026-11-22", "2026-11-26", "2026-12-24", "2026-12-28", "2027-01-01", "2027-01-02"} {
		if c.IsOpen(day(s)) {
			t.Errorf("%s is open", s)
		}
	}
	if got := c.NextOpen(day("2026-12-24")); got != day("2027-01-04") {
		t.Errorf("the first open day from 2026-12-24 on is %s", got)
	}
	if got := c.LastOpenBefore(day("2027-01-04")); got != day("2026-12-23") {
		t.Errorf("the last open day before 2027-01-04 is %s", got)
	}
	if got := c.AddOpenDays(day("2026-11-25"), 2); got != day("2026-11-30") {
		t.Errorf("two open days after 2026-11-25 is %s", got)
	}
	if !(Calendar{}).IsOpen(day("2026-11-22")) {
		t.Error("the zero Calendar is closed on a day")
	}
}

// Counting by arithmetic must equal counting on one's fingers.
func TestOpenDaysCountAsOnFingers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := day("2026-01-01")
		names := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
		weekdays := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 6, rapid.ID[string]).Draw(t, "weekdays")
		var dates []string
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 80), 0, 12).Draw(t, "dates") {
			dates = append(dates, start.AddDays(n).String())
		}
		c, err := NewCalendar(weekdays, dates)
		if err != nil {
			t.Fatal(err)
		}
		from := start.AddDays(rapid.IntRange(-10, 90).Draw(t, "from"))
		to := from.AddDays(rapid.IntRange(-5, 60).Draw(t, "days"))
		want := 0
		for d := from.AddDays(1); !d.After(to); d = d.AddDays(1) {
			if !slices.Contains(weekdays, strings.ToLower(d.Weekday().String()[:3])) && !slices.Contains(dates, d.String()) {
				want++
			}
		}
		if got := c.OpenDaysBetween(from, to); got != want {
			t.Fatalf("OpenDaysBetween(%s, %s) = %d, want %d", from, to, got, want)
		}
		n := rapid.IntRange(1, 20).Draw(t, "n")
		late := c.latestWithin(to, n)
		if c.OpenDaysBetween(late, to) < n || c.OpenDaysBetween(late.AddDays(1), to) >= n {
			t.Fatalf("latestWithin(%s, %d) = %s", to, n, late)
		}
		early := c.earliestWithin(to, n)
		if c.OpenDaysBetween(early, to) > n || c.OpenDaysBetween(early.AddDays(-1), to) <= n {
			t.Fatalf("earliestWithin(%s, %d) = %s", to, n, early)
		}
		if on := c.AddOpenDays(from, n); c.OpenDaysBetween(from, on) != n || !c.IsOpen(on) {
			t.Fatalf("AddOpenDays(%s, %d) = %s", from, n, on)
		}
	})
}

func TestICalendar(t *testing.T) {
	ics := strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
SUMMARY:Thanks
 giving
DTSTART;VALUE=DATE:20261126
DTEND;VALUE=DATE:20261128
END:VEVENT
BEGIN:VEVENT
SUMMARY:Labor Day
DTSTART;VALUE=DATE:20260907
END:VEVENT
BEGIN:VEVENT
SUMMARY:Staff meeting
DTSTART:20261201T150000Z
DTEND:20261201T160000Z
END:VEVENT
BEGIN:VEVENT
SUMMARY:Summer Fridays
DTSTART;VALUE=DATE:20260605
RRULE:FREQ=WEEKLY;COUNT=10
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")
	dates, left, err := ParseICalendar(strings.NewReader(ics))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"2026-11-26..2026-11-27", "2026-09-07"}; !slices.Equal(dates, want) {
		t.Errorf("dates = %q, want %q", dates, want)
	}
	if len(left) != 2 || !strings.HasPrefix(left[0], "Staff meeting: has a time") || !strings.HasPrefix(left[1], "Summer Fridays: repeats") {
		t.Errorf("left = %q", left)
	}
	c, err := NewCalendar(nil, dates)
	if err != nil || c.IsOpen(day("2026-11-27")) || !c.IsOpen(day("2026-11-28")) {
		t.Errorf("what was imported does not close the right days (%v)", err)
	}
	if _, _, err := ParseICalendar(strings.NewReader("<html>")); err == nil {
		t.Error("a page of HTML was taken for a calendar")
	}
}

func FuzzICalendar(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261126\nDTEND;VALUE=DATE:20261128\nEND:VEVENT\n")
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261126\nDTEND;VALUE=DATE:99991231\nEND:VEVENT\n")
	f.Fuzz(func(t *testing.T, s string) {
		dates, _, err := ParseICalendar(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, d := range dates { // a range may be too long, but it is always a range
			if _, _, err := parseRange(d); err != nil && !strings.Contains(err.Error(), "longer than a year") {
				t.Errorf("%q became %q: %v", s, d, err)
			}
		}
	})
}
