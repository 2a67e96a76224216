package mailbox

import (
	"strconv"
	"strings"
	"time"
)

// zones are the zone names that occur in Date fields (RFC 5322 section 4.3
// and the wild), in minutes east of UTC.
var zones = map[string]int{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "BST": 60, "IST": 330,
	"CET": 60, "MET": 60, "MEZ": 60, "CEST": 120, "MEST": 120, "MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180,
	"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
	"AKST": -540, "AKDT": -480, "HST": -600, "AST": -240, "ADT": -180, "BRT": -180,
	"JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
}

// dateLayouts are shapes besides RFC 5322's own that mailers have written.
var dateLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05",
	"2006/01/02 15:04:05", "1/2/2006 15:04:05", "1/2/2006 3:04:05 PM", "2006-01-02",
}

// parseDate reads a Date field (RFC 5322 sections 3.3 and 4.3) and what
// mailers make of it. It keeps the zone of the sender.
func parseDate(value string) (time.Time, bool) {
	value = strings.TrimSpace(cleanText(value))
	if len(value) > 200 {
		value = value[:200]
	}
	if t, ok := parseDateWords(value); ok {
		return t, true
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, value); err == nil && plausibleYear(t.Year()) {
			return t, true
		}
	}
	return time.Time{}, false
}

func plausibleYear(y int) bool { return y >= 1970 && y <= 2200 }

// parseDateWords reads day, month name, year, time and zone wherever they
// stand in the line: "Mon, 23 Nov 2026 09:14:00 -0500 (EST)" as well as
// "Mon Nov 23 09:14:00 EST 2026".
func parseDateWords(value string) (time.Time, bool) {
	if i := strings.IndexByte(value, '('); i > 0 {
		value = value[:i]
	}
	day, year, month, zone := 0, 0, 0, 0
	hour, minute, second := -1, 0, 0
	for _, w := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		switch {
		case strings.Contains(w, ":") && hour < 0:
			p := strings.Split(w, ":")
			var err [3]error
			hour, err[0] = strconv.Atoi(p[0])
			minute, err[1] = strconv.Atoi(p[1])
			if len(p) > 2 {
				s, _, _ := strings.Cut(p[2], ".")
				second, err[2] = strconv.Atoi(s)
			}
			if err != [3]error{} || hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60 {
				return time.Time{}, false
			}
		case w[0] == '+' || w[0] == '-' && hour >= 0:
			z, err := strconv.Atoi(strings.ReplaceAll(w[1:], ":", ""))
			if err != nil || z < 0 || z > 9959 {
				continue
			}
			if zone = z/100*60 + z%100; zone > 18*60 {
				zone = 0 // no such place: the hour is kept, the offset is not believed
			}
			if w[0] == '-' {
				zone = -zone
			}
		case w[0] >= '0' && w[0] <= '9':
			if d, m, y, ok := dashedDate(w); ok {
				day, month, year = d, m, y
				continue
			}
			n, err := strconv.Atoi(w)
			switch {
			case err != nil:
				return time.Time{}, false
			case day == 0 && len(w) <= 2:
				day = n
			case year == 0:
				year = fullYear(n, len(w))
			}
		case month == 0 && monthNumber(w) > 0:
			month = monthNumber(w)
		default:
			if z, ok := zones[strings.ToUpper(w)]; ok {
				zone = z
			} else if hour >= 0 && strings.EqualFold(w, "pm") && hour < 12 {
				hour += 12
			}
		}
	}
	if hour < 0 {
		hour = 0
	}
	if month == 0 || day < 1 || day > 31 || !plausibleYear(year) {
		return time.Time{}, false
	}
	loc := time.UTC
	if zone != 0 {
		loc = time.FixedZone("", zone*60)
	}
	t := time.Date(year, time.Month(month), day, hour, minute, min(second, 59), 0, loc)
	if t.Day() != day && hour < 24 {
		return time.Time{}, false // 31 February
	}
	return t, true
}

// dashedDate reads "23-Nov-2026".
func dashedDate(w string) (day, month, year int, ok bool) {
	p := strings.Split(w, "-")
	if len(p) != 3 {
		return 0, 0, 0, false
	}
	day, err1 := strconv.Atoi(p[0])
	y, err2 := strconv.Atoi(p[2])
	month = monthNumber(p[1])
	return day, month, fullYear(y, len(p[2])), err1 == nil && err2 == nil && month > 0
}

// fullYear completes years of two and three digits (RFC 5322 section 4.3).
func fullYear(n, digits int) int {
	switch {
	case digits == 2 && n < 50:
		return 2000 + n
	case digits <= 3:
		return 1900 + n
	}
	return n
}

// monthNumber reads an English month name, whole or its first three letters.
func monthNumber(w string) int {
	if len(w) < 3 {
		return 0
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	i := strings.Index(names, strings.ToLower(w[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}
