package illiad

import (
	"fmt"
	"strings"
	"time"

	"illmail/store"
)

// dateLayouts are the forms beside 2026-11-24 in which exports write a day; a
// time of day after it is not read. With slashes the month comes first, as the
// software of American libraries writes it.
var dateLayouts = []string{
	"1/2/2006", "2006/1/2", "2.1.2006", "20060102",
	"Jan 2 2006", "Jan 2, 2006", "January 2 2006", "January 2, 2006", "2 Jan 2006", "2 January 2006", "2-Jan-2006",
}

// timeLayouts are the forms of the time of day that may follow.
var timeLayouts = []string{"15:04:05.999999999", "15:04", "3:04:05 PM", "3:04:05PM", "3:04 PM", "3:04PM", "3:04:05.999PM"}

// ParseDate reads a day in the forms that exports of ILLiad have, local time
// without a zone: 2026-11-24, 11/24/2026, 2020-06-15T18:34:44.957, Nov 24 2026
// 12:00AM. "" and the years up to 1900, with which SQL Server writes "none",
// are the zero Date. A day that is written some other way is an error, never a
// guess.
func ParseDate(s string) (store.Date, error) {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" || strings.EqualFold(s, "null") {
		return store.Date{}, nil
	}
	day, ok := isoDay(s)
	if !ok {
		day, ok = otherDay(s)
	}
	if !ok {
		return store.Date{}, fmt.Errorf("%q is not a date that is understood; write it as 2026-11-24", s)
	}
	if day.Year() <= 1900 {
		return store.Date{}, nil
	}
	if day.Year() > 2200 {
		return store.Date{}, fmt.Errorf("%q is too far off to be a date", s)
	}
	return store.NewDate(day.Year(), day.Month(), day.Day()), nil
}

// isoDay reads 2026-11-24, alone or with a time after a T or a blank.
func isoDay(s string) (time.Time, bool) {
	if len(s) < 10 || s[4] != '-' {
		return time.Time{}, false
	}
	day, err := time.Parse(time.DateOnly, s[:10])
	if err != nil {
		return time.Time{}, false
	}
	if len(s) == 10 {
		return day, true
	}
	if s[10] != 'T' && s[10] != ' ' {
		return time.Time{}, false
	}
	clock := s[11:]
	// A zone says nothing more of the day: the clock's own is meant.
	if i := strings.LastIndexAny(clock, "+-Z"); i > 0 {
		clock = strings.TrimSpace(clock[:i])
	}
	return day, isClock(clock)
}

func otherDay(s string) (time.Time, bool) {
	words := strings.Split(s, " ")
	for n := min(len(words), 3); n > 0; n-- {
		if clock := strings.Join(words[n:], " "); clock != "" && !isClock(clock) {
			continue
		}
		head := strings.Join(words[:n], " ")
		for _, layout := range dateLayouts {
			if day, err := time.Parse(layout, head); err == nil {
				return day, true
			}
		}
	}
	return time.Time{}, false
}

func isClock(s string) bool {
	for _, layout := range timeLayouts {
		if _, err := time.Parse(layout, strings.ToUpper(s)); err == nil {
			return true
		}
	}
	return false
}
