package store_test

import (
	"iter"
	"testing"
	"time"

	"go.uber.org/goleak"

	"illmail/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newOffice(t testing.TB, db *store.DB, code string) store.Office {
	t.Helper()
	o, err := db.EnsureOffice(t.Context(), store.Office{Code: code, Name: code + " Library", Address: "ill@" + code + ".example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func each(rows ...store.ImportRow) iter.Seq2[store.ImportRow, error] {
	return func(yield func(store.ImportRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// row is a loan on its way; change makes it what the test needs.
func row(number int64, username string, change ...func(*store.ImportRow)) store.ImportRow {
	r := store.ImportRow{
		Line:   int(number),
		Patron: store.Patron{Username: username, FirstName: "Jo", LastName: "Doe", Email: username + "@example.edu"},
		Transaction: store.Transaction{
			TransactionNumber: number, Status: "Checked Out to Customer", State: store.StateOnLoan, Title: "Dune",
			DueDate: store.NewDate(2026, 11, 20), CreationDate: store.NewDate(2026, 10, 1), StatusDate: store.NewDate(2026, 10, 20),
		},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func mustImport(t testing.TB, db *store.DB, office int64, opts store.ImportOptions, rows ...store.ImportRow) store.ImportResult {
	t.Helper()
	res, err := db.Import(t.Context(), office, each(rows...), opts)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// receive waits for a change, generously.
func receive(t *testing.T, ch <-chan store.Change) store.Change {
	t.Helper()
	select {
	case c, ok := <-ch:
		if !ok {
			t.Fatal("the channel is closed")
		}
		return c
	case <-time.After(30 * time.Second):
		t.Fatal("no change was announced")
	}
	panic("unreachable")
}
