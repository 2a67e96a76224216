package notices

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"illmail/store"
)

// Hours are the hours in which the office is open on an open day, by the clock
// on its wall. The zero Hours are all day.
type Hours struct {
	opens, closes int // minutes since midnight
}

// ParseHours reads "09:00-17:00"; "" is all day.
func ParseHours(s string) (Hours, error) {
	if s = strings.TrimSpace(s); s == "" {
		return Hours{}, nil
	}
	from, to, ok := strings.Cut(s, "-")
	h := Hours{opens: minuteOfDay(from), closes: minuteOfDay(to)}
	if !ok || h.opens < 0 || h.closes <= h.opens {
		return Hours{}, fmt.Errorf("%q are no hours of a day; write them as \"09:00-17:00\"", s)
	}
	return h, nil
}

// Length is how long the office is open on an open day.
func (h Hours) Length() time.Duration {
	h = h.orAllDay()
	return time.Duration(h.closes-h.opens) * time.Minute
}

func (h Hours) orAllDay() Hours {
	if h.closes == 0 {
		h.closes = 24 * 60
	}
	return h
}

// minuteOfDay reads "9:30" and "24:00"; -1 where it is no time of day.
func minuteOfDay(s string) int {
	hour, minute, ok := strings.Cut(strings.TrimSpace(s), ":")
	h, err1 := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	if !ok || err1 != nil || err2 != nil || len(minute) != 2 || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 {
		return -1
	}
	return h*60 + m
}

// hoursOf is when the office opens and closes on that day; the same instant
// twice on a closed day.
func (r *Rules) hoursOf(d store.Date) (opens, closes time.Time) {
	h := r.Hours.orAllDay()
	opens = d.At(h.opens/60, h.opens%60, r.Location)
	if !r.Calendar.IsOpen(d) {
		return opens, opens
	}
	return opens, d.At(h.closes/60, h.closes%60, r.Location)
}

// Opens is the first instant at or after t at which the office is open: t
// itself where it is.
func (r *Rules) Opens(t time.Time) time.Time {
	for d := r.Calendar.NextOpen(store.DateOf(t, r.Location)); ; d = r.Calendar.NextOpen(d.AddDays(1)) {
		opens, closes := r.hoursOf(d)
		switch {
		case t.Before(opens):
			return opens
		case t.Before(closes):
			return t
		}
	}
}

// OfficeTime is how long the office was open between two instants.
func (r *Rules) OfficeTime(from, to time.Time) time.Duration {
	var sum time.Duration
	for d := store.DateOf(from, r.Location); !d.After(store.DateOf(to, r.Location)); d = d.AddDays(1) {
		opens, closes := r.hoursOf(d)
		if opens.Before(from) {
			opens = from
		}
		if closes.After(to) {
			closes = to
		}
		sum += max(0, closes.Sub(opens))
	}
	return sum
}

// OfficeTimeBefore is the latest instant since which the office was open for d
// until t.
func (r *Rules) OfficeTimeBefore(t time.Time, d time.Duration) time.Time {
	for day := store.DateOf(t, r.Location); d > 0; day = day.AddDays(-1) {
		opens, closes := r.hoursOf(day)
		if closes.After(t) {
			closes = t
		}
		if open := closes.Sub(opens); open >= d {
			return closes.Add(-d)
		} else if open > 0 {
			d -= open
		}
	}
	return t
}
