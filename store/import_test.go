package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"illmail/store"
	"illmail/store/storetest"
)

func TestImportIsIdempotent(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	rows := []store.ImportRow{
		row(1001, "jdoe"),
		row(1002, "asmith", func(r *store.ImportRow) {
			r.Transaction.Title = "bad \xff bytes\x00, blanks "
			r.Transaction.ArticleTitle = "On sand"
			r.Transaction.RequestType = "Article"
			r.Transaction.StatusDate = store.NewDate(2026, 11, 3)
		}),
		row(0, "nobody"),
		row(1003, " "),
		row(1004, "jdoe", func(r *store.ImportRow) { r.Transaction.Title = "first of the same number" }),
		row(1004, "jdoe", func(r *store.ImportRow) { r.Transaction.StatusDate = store.NewDate(2099, 1, 1) }),
	}
	var bad []string
	opts := store.ImportOptions{Bad: func(line int, why string) { bad = append(bad, fmt.Sprintf("%d: %s", line, why)) }}
	first := mustImport(t, db, o.ID, opts, rows...)
	want := store.ImportResult{Rows: 3, Added: 3, Bad: 3, DataDate: store.NewDate(2026, 11, 3)}
	if d := cmp.Diff(want, first, compareDates); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"0: it has no transaction number", "1003: transaction 1003 has no username"}, bad); d != "" {
		t.Error(d)
	}
	got, err := db.TransactionByNumber(ctx, o.ID, 1002)
	if err != nil || got.Title != "bad \uFFFD bytes, blanks" || got.DisplayTitle() != "On sand" || got.ProcessType != "Borrowing" || got.State != store.StateOnLoan {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, _ := db.TransactionByNumber(ctx, o.ID, 1004); got.Title != "Dune" {
		t.Errorf("the last row of a number does not count: %+v", got)
	}

	versions := store.RowVersions(t, db)
	second := mustImport(t, db, o.ID, store.ImportOptions{}, rows...)
	want = store.ImportResult{Rows: 3, Unchanged: 3, Bad: 3, DataDate: store.NewDate(2026, 11, 3)}
	if d := cmp.Diff(want, second, compareDates); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(versions, store.RowVersions(t, db)); d != "" {
		t.Errorf("the second run wrote rows:\n%s", d)
	}

	third := mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe", func(r *store.ImportRow) {
		r.Transaction.Status, r.Transaction.State = "Request Finished", store.StateFinished
	}))
	if third.Updated != 1 || third.Added+third.Unchanged != 0 {
		t.Errorf("got %+v", third)
	}
	tx, _ := db.TransactionByNumber(ctx, o.ID, 1001)
	events, err := db.Events(ctx, "transaction", tx.ID)
	if err != nil || len(events) != 1 || events[0].What != "on_loan → finished" || events[0].Why != "Request Finished" || events[0].Actor != "import" {
		t.Errorf("events %+v, %v", events, err)
	}
	office, _ := db.OfficeByID(ctx, o.ID)
	if office.ImportedAt == nil || office.DataDate != store.NewDate(2026, 11, 3) {
		t.Errorf("the older, partial export changed the date of the data: %+v", office)
	}
}

func TestImportFailsAsAWhole(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	broken := errors.New("the disk is gone")
	_, err := db.Import(ctx, o.ID, func(yield func(store.ImportRow, error) bool) {
		_ = yield(row(1001, "jdoe"), nil) && yield(store.ImportRow{}, broken)
	}, store.ImportOptions{Full: true})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if _, err := db.TransactionByNumber(ctx, o.ID, 1001); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half an export was taken in: %v", err)
	}
}

func TestFullImportCloses(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o, other := newOffice(t, db, "healey"), newOffice(t, db, "other")
	mustImport(t, db, other.ID, store.ImportOptions{}, row(1001, "theirs"))
	full := store.ImportOptions{Full: true}
	var rows []store.ImportRow
	for n := range 20 {
		rows = append(rows, row(int64(1001+n), fmt.Sprintf("p%d", n)))
	}
	open := func() (n int) {
		t.Helper()
		for number := range int64(30) {
			if tx, err := db.TransactionByNumber(ctx, o.ID, 1001+number); err == nil && tx.ClosedAt == nil {
				n++
			}
		}
		return n
	}
	mustImport(t, db, o.ID, full, rows...)

	// One of twenty vanishes: 5 %.
	if res := mustImport(t, db, o.ID, full, rows[1:]...); res.Closed != 1 || res.ShrunkFrom != 0 || open() != 19 {
		t.Errorf("got %+v, %d open", res, open())
	}
	// It returns.
	if res := mustImport(t, db, o.ID, full, rows...); res.Updated != 1 || res.Closed != 0 || open() != 20 {
		t.Errorf("got %+v, %d open", res, open())
	}
	tx, _ := db.TransactionByNumber(ctx, o.ID, 1001)
	events, _ := db.Events(ctx, "transaction", tx.ID)
	if len(events) != 2 || events[0].What != "on_loan → closed" || events[1].What != "closed → on_loan" {
		t.Errorf("events %+v", events)
	}

	// Two of twenty vanish: 10 %. Nothing is closed, run after run, but the rest is taken in.
	rows[19].Transaction.Title = "Changed"
	for range 2 {
		res := mustImport(t, db, o.ID, full, rows[2:]...)
		if res.Closed != 0 || res.ShrunkFrom != 20 || res.ShrunkTo != 18 || open() != 20 {
			t.Errorf("got %+v, %d open", res, open())
		}
	}
	if tx, _ := db.TransactionByNumber(ctx, o.ID, 1020); tx.Title != "Changed" {
		t.Error("the rows of the smaller export were not taken in")
	}
	if office, _ := db.OfficeByID(ctx, o.ID); office.ShrunkRows != 18 {
		t.Errorf("got %+v", office)
	}
	if err := db.ConfirmShrink(ctx, o.ID, "amy"); err != nil {
		t.Fatal(err)
	}
	if res := mustImport(t, db, o.ID, full, rows[2:]...); res.Closed != 2 || open() != 18 {
		t.Errorf("got %+v, %d open", res, open())
	}
	// The confirmation counted once.
	if res := mustImport(t, db, o.ID, full, rows[10:]...); res.Closed != 0 || open() != 18 {
		t.Errorf("got %+v, %d open", res, open())
	}
	// A complete one again takes the question back.
	mustImport(t, db, o.ID, full, rows[2:]...)
	if office, _ := db.OfficeByID(ctx, o.ID); office.ShrunkRows != 0 || office.ShrinkConfirmed {
		t.Errorf("got %+v", office)
	}
	// Requests that finished are no missing ones.
	for i := range rows {
		rows[i].Transaction.State = store.StateFinished
	}
	if res := mustImport(t, db, o.ID, full, rows[2:]...); res.Updated != 18 {
		t.Errorf("got %+v", res)
	}
	if tx, _ := db.TransactionByNumber(ctx, other.ID, 1001); tx.ClosedAt != nil {
		t.Error("another office's transaction was closed")
	}
}

func TestFreshRowsCountAsRefreshed(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "jdoe"))
	before, _ := db.TransactionsByNumber(ctx, o.ID, []int64{1001, 1002})
	office, _ := db.OfficeByID(ctx, o.ID)
	mustImport(t, db, o.ID, store.ImportOptions{Fresh: true}, row(1001, "jdoe"))
	after, _ := db.TransactionsByNumber(ctx, o.ID, []int64{1001, 1002})
	if !after[0].RefreshedAt.After(before[0].RefreshedAt) || !after[1].RefreshedAt.Equal(before[1].RefreshedAt) {
		t.Errorf("refreshed %v %v, were %v %v", after[0].RefreshedAt, after[1].RefreshedAt, before[0].RefreshedAt, before[1].RefreshedAt)
	}
	if again, _ := db.OfficeByID(ctx, o.ID); !again.ImportedAt.Equal(*office.ImportedAt) {
		t.Error("a refresh counts as an import")
	}
}

func TestTransactionsOfPatron(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	finished := func(r *store.ImportRow) { r.Transaction.State = store.StateFinished }
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1, "jdoe"), row(2, "jdoe", finished), row(3, "jdoe", finished), row(4, "jdoe", finished), row(5, "other"))
	p, _ := db.PatronByUsername(ctx, o.ID, "jdoe")
	ts, err := db.TransactionsOfPatron(ctx, p.ID, 2)
	var got []int64
	for _, x := range ts {
		got = append(got, x.TransactionNumber)
	}
	if err != nil || !cmp.Equal(got, []int64{4, 3, 1}) {
		t.Errorf("got %v, %v", got, err)
	}
}

var compareDates = cmp.Comparer(func(a, b store.Date) bool { return a.Compare(b) == 0 })
