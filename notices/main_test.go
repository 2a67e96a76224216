package notices

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"illmail/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var newYork = mustZone("America/New_York")

func mustZone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// day reads "2026-11-24".
func day(s string) store.Date {
	d, err := store.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func testRules(t testing.TB, closed ...string) *Rules {
	t.Helper()
	r := DefaultRules(newYork)
	cal, err := NewCalendar([]string{"saturday", "sunday"}, closed)
	if err != nil {
		t.Fatal(err)
	}
	r.Calendar = cal
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	return &r
}
