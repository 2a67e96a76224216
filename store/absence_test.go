package store_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"illmail/store"
	"illmail/store/storetest"
)

func TestHands(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	ctx := t.Context()
	ids := map[string]int64{}
	for _, name := range []string{"ana", "tom", "lin", "kim"} {
		s, err := db.AddStaff(ctx, store.Staff{Username: name, Role: store.RoleStaff}, "")
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = s.ID
	}
	day := func(s string) store.Date {
		d, err := store.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	away := func(who, cover, from, until string) error {
		return db.AddAbsence(ctx, store.Absence{StaffID: ids[who], CoverID: ids[cover], From: day(from), Until: day(until), EnteredBy: who})
	}
	hands := func(on string) store.Hands {
		h, err := db.Hands(ctx, day(on))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	// Of two that are entered at once one is refused.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = away("ana", "tom", "2026-11-23", "2026-11-27") })
	wg.Go(func() { errs[1] = away("ana", "lin", "2026-11-27", "2026-11-30") })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || errs[0] != nil && !errors.Is(errs[0], store.ErrConflict) || errs[1] != nil && !errors.Is(errs[1], store.ErrConflict) {
		t.Fatalf("entering both: %v, %v", errs[0], errs[1])
	}
	list, err := db.Absences(ctx, day("2026-11-01"))
	if err != nil || len(list) != 1 {
		t.Fatalf("away are %+v, %v", list, err)
	}
	if err := db.EndAbsence(ctx, list[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := db.EndAbsence(ctx, list[0].ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ending it twice: %v", err)
	}

	for _, err := range []error{away("ana", "tom", "2026-11-23", "2026-11-27"), away("tom", "lin", "2026-11-25", "2026-11-26")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		on       string
		tom, lin []int64
	}{
		{on: "2026-11-22"},
		{on: "2026-11-23", tom: []int64{ids["ana"]}},
		{on: "2026-11-25", lin: []int64{ids["ana"], ids["tom"]}}, // her cover is away, too
		{on: "2026-11-27", tom: []int64{ids["ana"]}},
		{on: "2026-11-28"},
	} {
		h := hands(c.on)
		if got := h.CoveredBy(ids["tom"]); !slices.Equal(got, c.tom) {
			t.Errorf("on %s tom stands in for %v, want %v", c.on, got, c.tom)
		}
		if got := h.CoveredBy(ids["lin"]); !slices.Equal(got, c.lin) {
			t.Errorf("on %s lin stands in for %v, want %v", c.on, got, c.lin)
		}
		if got := h.Nobodys(); len(got) != 0 {
			t.Errorf("on %s nobody sees to %v", c.on, got)
		}
	}
	// A circle, and accounts that are closed, leave work in nobody's hands.
	if err := away("lin", "ana", "2026-11-26", "2026-11-26"); err == nil {
		t.Error("a cover may be away")
	}
	if err := away("lin", "kim", "2026-11-26", "2026-11-26"); err != nil {
		t.Fatal(err)
	}
	if got := hands("2026-11-26").CoveredBy(ids["kim"]); len(got) != 3 {
		t.Errorf("kim stands in for %v", got)
	}
	if err := db.DisableStaff(ctx, "kim", day("2026-11-20").Time()); err != nil {
		t.Fatal(err)
	}
	if got := hands("2026-11-26").Nobodys(); len(got) != 4 {
		t.Errorf("nobody sees to %v", got)
	}
	if err := away("lin", "kim", "2026-12-01", "2026-12-01"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a closed account stands in: %v", err)
	}
}
