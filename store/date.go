package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Date is a day of the calendar in the office's time zone: a due date, a
// status date, a closed day. The zero Date means "no date".
type Date struct {
	t time.Time // midnight UTC, or the zero Time
}

// NewDate returns that day; days and months out of range are carried over.
func NewDate(year int, month time.Month, day int) Date {
	return Date{time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}

// DateOf returns the day on which t falls in the zone of loc.
func DateOf(t time.Time, loc *time.Location) Date {
	if t.IsZero() {
		return Date{}
	}
	y, m, d := t.In(loc).Date()
	return NewDate(y, m, d)
}

// ParseDate reads "2006-01-02"; "" is the zero Date.
func ParseDate(s string) (Date, error) {
	if s == "" {
		return Date{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date; write it as 2026-11-24", s)
	}
	return Date{t}, nil
}

// IsZero reports whether there is no date.
func (d Date) IsZero() bool { return d.t.IsZero() }

// String returns "2006-01-02", or "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.t.Format(time.DateOnly)
}

// Time returns midnight UTC of the day: for formatting, and for packages that
// take a day as a time.
func (d Date) Time() time.Time { return d.t }

// At returns that local time of the day in loc. A local time that summer time
// skips is the first instant after the gap.
func (d Date) At(hour, minute int, loc *time.Location) time.Time {
	y, m, day := d.t.Date()
	return time.Date(y, m, day, hour, minute, 0, 0, loc)
}

// AddDays returns the day n days later.
func (d Date) AddDays(n int) Date { return Date{d.t.AddDate(0, 0, n)} }

// Sub returns the calendar days from e to d.
func (d Date) Sub(e Date) int { return int(d.t.Sub(e.t).Hours() / 24) }

// Before, After and Compare order days.
func (d Date) Before(e Date) bool { return d.t.Before(e.t) }

// After reports whether d is later than e.
func (d Date) After(e Date) bool { return d.t.After(e.t) }

// Compare is -1, 0 or +1.
func (d Date) Compare(e Date) int { return d.t.Compare(e.t) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.t.Weekday() }

// MarshalJSON writes "2006-01-02" or "".
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what MarshalJSON writes, and null.
func (d *Date) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == nil {
		*d = Date{}
		return nil
	}
	v, err := ParseDate(*s)
	*d = v
	return err
}

// ScanDate implements pgtype.DateScanner; NULL is the zero Date.
func (d *Date) ScanDate(v pgtype.Date) error {
	if !v.Valid {
		*d = Date{}
		return nil
	}
	if v.InfinityModifier != pgtype.Finite {
		return fmt.Errorf("an infinite date")
	}
	d.t = v.Time
	return nil
}

// DateValue implements pgtype.DateValuer; the zero Date is NULL.
func (d Date) DateValue() (pgtype.Date, error) {
	return pgtype.Date{Time: d.t, Valid: !d.IsZero()}, nil
}
