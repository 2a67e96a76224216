package store_test

import (
	"fmt"
	"testing"

	"illmail/store"
	"illmail/store/storetest"
)

func TestCopyrightOf(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	article := func(n int64, issn, title, year string, received store.Date) store.ImportRow {
		return row(n, "jdoe", func(r *store.ImportRow) {
			tx := &r.Transaction
			tx.RequestType, tx.ProcessType, tx.ISSNISBN, tx.Title, tx.PublicationYear, tx.ReceivedDate = "Article", "Borrowing", issn, title, year, received
			tx.CreationDate = store.NewDate(2026, 9, 1)
		})
	}
	none := store.Date{}
	wanted := func(change func(*store.Transaction)) *store.CopyrightUse {
		t.Helper()
		tx, err := db.TransactionByNumber(ctx, o.ID, 1001)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&tx)
		}
		use, err := db.CopyrightOf(ctx, tx, store.NewDate(2026, 11, 25))
		if err != nil {
			t.Fatal(err)
		}
		return use
	}
	mustImport(t, db, o.ID, store.ImportOptions{}, article(1001, "0002-9505", "American Journal of Physics", "2024", none))
	if use := wanted(nil); use != nil {
		t.Errorf("the export gives no received dates, and %+v is shown", use)
	}
	mustImport(t, db, o.ID, store.ImportOptions{},
		article(1002, "00029505", "AJP", "Mar 2023", store.NewDate(2026, 1, 1)),
		article(1003, "0002-9505", "AJP", "2021-2022", store.NewDate(2026, 12, 31)),
		article(1004, "0002-9505", "AJP", "2019", store.NewDate(2026, 5, 1)),   // too old to count
		article(1005, "0002-9505", "AJP", "2024", store.NewDate(2025, 12, 31)), // last year's
		article(1006, "0002-9505", "AJP", "2024", none),                        // never came
		article(1007, "1234-5678", "Another", "2024", store.NewDate(2026, 5, 1)),
		article(1008, "", "American journal of physics", "2024", store.NewDate(2026, 5, 1)),
		article(1009, "", "American Journal of Physics Teachers", "2024", store.NewDate(2026, 5, 1)),
		article(1010, "0002-9505", "AJP", "no year", store.NewDate(2026, 5, 1)))
	for name, c := range map[string]struct {
		change func(*store.Transaction)
		want   string
	}{
		"by ISSN":  {nil, "&{2026 2}"},
		"by title": {func(tx *store.Transaction) { tx.ISSNISBN = "" }, "&{2026 1}"},
		"a loan":   {func(tx *store.Transaction) { tx.RequestType = "Loan" }, "<nil>"},
		"old":      {func(tx *store.Transaction) { tx.PublicationYear = "2012" }, "<nil>"},
		"no year":  {func(tx *store.Transaction) { tx.PublicationYear = "" }, "<nil>"},
	} {
		if got := fmt.Sprint(wanted(c.change)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
