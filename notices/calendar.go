package notices

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"illmail/store"
)

// Calendar says on which days the office is open. The zero Calendar is open
// every day. It is immutable once made.
type Calendar struct {
	closedWeekdays [7]bool
	closed         []store.Date // closed dates on weekdays that are otherwise open, ascending
	closedSet      map[store.Date]struct{}
}

// maxRange bounds one range of closed dates, so that a mistyped year is an
// error and not an office that never opens again.
const maxRange = 366

// NewCalendar makes a calendar of closed weekdays ("saturday") and closed
// dates: single days ("2026-11-26") and ranges with both ends closed
// ("2026-12-24..2027-01-01").
func NewCalendar(weekdays, dates []string) (Calendar, error) {
	var c Calendar
	var problems []error
	for _, name := range weekdays {
		day, ok := parseWeekday(name)
		if !ok {
			problems = append(problems, fmt.Errorf("closed_weekdays: %q is no weekday; write it as \"saturday\"", name))
			continue
		}
		c.closedWeekdays[day] = true
	}
	if !slices.Contains(c.closedWeekdays[:], false) {
		problems = append(problems, errors.New("closed_weekdays: all seven days are closed, so nothing could ever be sent; leave one open"))
	}
	c.closedSet = map[store.Date]struct{}{}
	for _, s := range dates {
		from, to, err := parseRange(s)
		if err != nil {
			problems = append(problems, fmt.Errorf("closed_dates: %w", err))
			continue
		}
		for d := from; !d.After(to); d = d.AddDays(1) {
			if !c.closedWeekdays[d.Weekday()] {
				c.closedSet[d] = struct{}{}
			}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return Calendar{}, err
	}
	for d := range c.closedSet {
		c.closed = append(c.closed, d)
	}
	slices.SortFunc(c.closed, store.Date.Compare)
	return c, nil
}

// With is the calendar with further closed dates.
func (c Calendar) With(dates []store.Date) Calendar {
	c.closed, c.closedSet = slices.Clone(c.closed), maps.Clone(c.closedSet)
	if c.closedSet == nil {
		c.closedSet = map[store.Date]struct{}{}
	}
	for _, d := range dates {
		if _, known := c.closedSet[d]; !known && !c.closedWeekdays[d.Weekday()] {
			c.closedSet[d] = struct{}{}
			c.closed = append(c.closed, d)
		}
	}
	slices.SortFunc(c.closed, store.Date.Compare)
	return c
}

func parseWeekday(name string) (time.Weekday, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for d := time.Sunday; d <= time.Saturday; d++ {
		full := strings.ToLower(d.String())
		if name == full || name == full[:3] {
			return d, true
		}
	}
	return 0, false
}

// parseRange reads "2026-11-26" or "2026-12-24..2027-01-01".
func parseRange(s string) (from, to store.Date, err error) {
	first, last, isRange := strings.Cut(strings.TrimSpace(s), "..")
	if from, err = parseDay(first); err != nil {
		return from, to, err
	}
	if !isRange {
		return from, from, nil
	}
	if to, err = parseDay(last); err != nil {
		return from, to, err
	}
	switch days := to.Sub(from); {
	case days < 0:
		return from, to, fmt.Errorf("%q ends before it begins", s)
	case days >= maxRange:
		return from, to, fmt.Errorf("%q is longer than a year; is a year mistyped?", s)
	}
	return from, to, nil
}

func parseDay(s string) (store.Date, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return store.Date{}, errors.New("a date is missing; write it as 2026-11-24 or 2026-12-24..2027-01-01")
	}
	return store.ParseDate(s)
}

// IsOpen reports whether d is neither a closed weekday nor a closed date.
func (c Calendar) IsOpen(d store.Date) bool {
	if c.closedWeekdays[d.Weekday()] {
		return false
	}
	_, closed := c.closedSet[d]
	return !closed
}

// NextOpen is the first open day on or after d.
func (c Calendar) NextOpen(d store.Date) store.Date {
	for !c.IsOpen(d) {
		d = d.AddDays(1)
	}
	return d
}

// LastOpenBefore is the last open day before d.
func (c Calendar) LastOpenBefore(d store.Date) store.Date {
	for d = d.AddDays(-1); !c.IsOpen(d); d = d.AddDays(-1) {
	}
	return d
}

// OpenDaysBetween counts the open days after from, up to and including to. It
// is 0 where to is not after from.
func (c Calendar) OpenDaysBetween(from, to store.Date) int {
	days := to.Sub(from)
	if days <= 0 {
		return 0
	}
	open := 0
	for _, closed := range c.closedWeekdays {
		if !closed {
			open++
		}
	}
	n := days / 7 * open
	for i := range days % 7 {
		if !c.closedWeekdays[(int(to.Weekday())-i+7)%7] {
			n++
		}
	}
	first, _ := slices.BinarySearchFunc(c.closed, from.AddDays(1), store.Date.Compare)
	last, _ := slices.BinarySearchFunc(c.closed, to.AddDays(1), store.Date.Compare)
	return n - (last - first)
}

// AddOpenDays is the nth open day after d, n ≥ 1.
func (c Calendar) AddOpenDays(d store.Date, n int) store.Date {
	for ; n > 0; n-- {
		d = c.NextOpen(d.AddDays(1))
	}
	return d
}

// latestWithin is the latest day s for which at least n open days lie after s,
// up to and including d.
func (c Calendar) latestWithin(d store.Date, n int) store.Date {
	s := d
	for n > 0 {
		if c.IsOpen(s) {
			n--
		}
		s = s.AddDays(-1)
	}
	return s
}

// earliestWithin is the earliest day s for which at most n open days lie after
// s, up to and including d.
func (c Calendar) earliestWithin(d store.Date, n int) store.Date {
	return c.latestWithin(d, n+1).AddDays(1)
}

// ParseICalendar reads the whole-day events of an iCalendar file (RFC 5545) as
// closed dates, in the form that [NewCalendar] takes. What it does not take is
// returned in words: events with a time of day, which close no whole day, and
// repeating ones, whose dates have to be written out.
func ParseICalendar(r io.Reader) (dates, left []string, err error) {
	lines, err := unfold(r)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the calendar file: %w", err)
	}
	if len(lines) == 0 || !strings.EqualFold(strings.TrimPrefix(lines[0], "\ufeff"), "BEGIN:VCALENDAR") {
		return nil, nil, errors.New("this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR")
	}
	var ev icalEvent
	inside := false
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		name, params, _ := strings.Cut(strings.ToUpper(name), ";")
		switch {
		case name == "BEGIN" && strings.EqualFold(value, "VEVENT"):
			ev, inside = icalEvent{}, true
		case !inside:
		case name == "END" && strings.EqualFold(value, "VEVENT"):
			inside = false
			date, why := ev.closed()
			if why != "" {
				left = append(left, fmt.Sprintf("%s: %s", ev.title(), why))
			} else {
				dates = append(dates, date)
			}
		case name == "DTSTART":
			ev.start, ev.timed = value, !strings.Contains(params, "VALUE=DATE") || strings.Contains(params, "VALUE=DATE-TIME")
		case name == "DTEND":
			ev.end = value
		case name == "DURATION":
			ev.duration = true
		case name == "RRULE" || name == "RDATE":
			ev.repeats = true
		case name == "SUMMARY":
			ev.summary = value
		}
	}
	return dates, left, nil
}

type icalEvent struct {
	start, end, summary      string
	timed, repeats, duration bool
}

func (e icalEvent) title() string {
	if e.summary == "" {
		return "an event without a name"
	}
	return e.summary
}

// closed returns the days that e closes, or why it closes none. DTEND is the
// day after the last one (RFC 5545 section 3.6.1).
func (e icalEvent) closed() (dates, why string) {
	switch {
	case e.timed:
		return "", "has a time of day, so it closes no whole day"
	case e.repeats:
		return "", "repeats; write its dates out"
	case e.duration:
		return "", "gives a duration; write its dates out"
	}
	start, err := time.Parse("20060102", e.start)
	if err != nil {
		return "", fmt.Sprintf("begins on %q, which is not a date", e.start)
	}
	last := start
	if e.end != "" {
		end, err := time.Parse("20060102", e.end)
		if err != nil || end.Before(start) {
			return "", fmt.Sprintf("ends on %q, which is not a date after its beginning", e.end)
		}
		if end.After(start) {
			last = end.AddDate(0, 0, -1)
		}
	}
	if last.Equal(start) {
		return start.Format(time.DateOnly), ""
	}
	return start.Format(time.DateOnly) + ".." + last.Format(time.DateOnly), ""
}

// unfold joins folded content lines (RFC 5545 section 3.1).
func unfold(r io.Reader) ([]string, error) {
	var lines []string
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := strings.TrimSuffix(sc.Text(), "\r")
		if len(lines) > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			lines[len(lines)-1] += line[1:]
			continue
		}
		lines = append(lines, line)
	}
	return lines, sc.Err()
}
