package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"illmail/store"
	"illmail/store/storetest"
)

func numbers(t *testing.T, db *store.DB, office int64, k store.CandidateKeys) []int64 {
	t.Helper()
	found, err := db.Candidates(t.Context(), office, k)
	if err != nil {
		t.Fatal(err)
	}
	var ns []int64
	for _, f := range found {
		if f.Patron.ID != f.PatronID || f.Patron.Username == "" {
			t.Errorf("candidate %d has the patron %+v", f.TransactionNumber, f.Patron)
		}
		ns = append(ns, f.TransactionNumber)
	}
	slices.Sort(ns)
	return ns
}

func TestCandidates(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o, other := newOffice(t, db, "healey"), newOffice(t, db, "other")
	set := func(fn func(tx *store.Transaction)) func(*store.ImportRow) {
		return func(r *store.ImportRow) { fn(&r.Transaction) }
	}
	zhang := func(r *store.ImportRow) { r.Patron.LastName = "Zhang" }
	mustImport(t, db, other.ID, store.ImportOptions{}, row(1001, "jdoe", set(func(tx *store.Transaction) { tx.ILLNumber = "231806380" })))
	mustImport(t, db, o.ID, store.ImportOptions{},
		row(1001, "jdoe", set(func(tx *store.Transaction) { tx.ILLNumber = "231806380" })),
		row(1002, "jdoe", set(func(tx *store.Transaction) { tx.State = store.StateFinished })),
		row(1003, "asmith", set(func(tx *store.Transaction) { tx.RapidNumber = "-027621837" })),
		row(1004, "bwood", set(func(tx *store.Transaction) { tx.DOI = "10.1000/ABC" })),
		row(1005, "cward", set(func(tx *store.Transaction) { tx.ISSNISBN = "978-0-13-077248-x" })),
		row(1006, "wzhang", zhang),
		row(1007, "wzhang2", zhang),
		row(1008, "dlee", set(func(tx *store.Transaction) { tx.Title = "Electrochemical Methods: Fundamentals" })),
		row(1009, "elim", set(func(tx *store.Transaction) { tx.ArticleTitle = "Electrochemical noise" })),
	)
	p, _ := db.PatronByUsername(ctx, o.ID, "asmith")
	if err := db.LearnAddress(ctx, p.ID, "amy@home.example", "staff"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		keys store.CandidateKeys
		want []int64
	}{
		{"nothing", store.CandidateKeys{}, nil},
		{"number, and the rest of its patron's", store.CandidateKeys{TNs: []int64{1002, 99}}, []int64{1001, 1002}},
		{"ILL number", store.CandidateKeys{ILLNumbers: []string{"231806380"}}, []int64{1001, 1002}},
		{"Rapid number without minus", store.CandidateKeys{Rapid: []string{"27621837"}}, []int64{1003}},
		{"DOI", store.CandidateKeys{DOIs: []string{"10.1000/abc"}}, []int64{1004}},
		{"ISBN", store.CandidateKeys{ISSNISBNs: []string{"978013077248X"}}, []int64{1005}},
		{"registered address", store.CandidateKeys{Addresses: []string{"jdoe@example.edu"}}, []int64{1001, 1002}},
		{"learned address", store.CandidateKeys{Addresses: []string{"amy@home.example"}}, []int64{1003}},
		{"username", store.CandidateKeys{Usernames: []string{"bwood"}}, []int64{1004}},
		{"last name", store.CandidateKeys{LastNames: []string{"zhang"}}, []int64{1006, 1007}},
		{"title by two words", store.CandidateKeys{TitleWords: []string{"electrochemical", "methods", "lost"}}, []int64{1008}},
		{"title by one word", store.CandidateKeys{TitleWords: []string{"electrochemical"}}, []int64{1008, 1009}},
		{"title beside a namesake", store.CandidateKeys{LastNames: []string{"zhang"}, TitleWords: []string{"electrochemical", "noise"}}, []int64{1006, 1007, 1009}},
		{"no title where the person is known", store.CandidateKeys{Addresses: []string{"jdoe@example.edu"}, TitleWords: []string{"electrochemical", "noise"}}, []int64{1001, 1002}},
		{"words that are no words", store.CandidateKeys{TitleWords: []string{"o'neill", `a\b`, "'); --", "&", "  "}}, nil},
	} {
		if d := cmp.Diff(c.want, numbers(t, db, o.ID, c.keys)); d != "" {
			t.Errorf("%s:\n%s", c.what, d)
		}
	}
	found, _ := db.Candidates(ctx, o.ID, store.CandidateKeys{TNs: []int64{1003}})
	if len(found) != 1 || !cmp.Equal(found[0].OtherAddresses, []string{"amy@home.example"}) {
		t.Errorf("got %+v", found)
	}
}

// TestTitlesOfASmallTable: once the table is analysed each of its few words
// has a large share, and is not common all the same.
func TestTitlesOfASmallTable(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db, "healey")
	titled := func(title string) func(*store.ImportRow) {
		return func(r *store.ImportRow) { r.Transaction.Title = title }
	}
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1, "jdoe", titled("The Generous Campus")), row(2, "amy", titled("Salt Roads")), row(3, "amy", titled("Campus Roads")))
	store.Exec(t, db, `ANALYZE transaction`)
	keys := store.CandidateKeys{Addresses: []string{"lending@library.example"}, TitleWords: []string{"overdue", "lending", "branch", "patron", "returned", "generous", "campus"}}
	if got := numbers(t, db, o.ID, keys); !slices.Equal(got, []int64{1}) {
		t.Errorf("a lender's mail leads to %v, want the request whose title it names", got)
	}
	keys.TitleWords = []string{"generous", "donna", "ames"} // campus is no word to look for
	if got := numbers(t, db, o.ID, keys); !slices.Equal(got, []int64{1}) {
		t.Errorf("one word of a title leads to %v, want the request with it", got)
	}
}

// TestCandidatesOfABusyPatron: 200 of the newest, and what is open beyond them.
func TestCandidatesOfABusyPatron(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db, "healey")
	rows := []store.ImportRow{row(1, "jdoe")}
	for n := range int64(300) {
		rows = append(rows, row(2+n, "jdoe", func(r *store.ImportRow) { r.Transaction.State = store.StateFinished }))
	}
	mustImport(t, db, o.ID, store.ImportOptions{}, rows...)
	got := numbers(t, db, o.ID, store.CandidateKeys{Usernames: []string{"jdoe"}})
	if len(got) != 201 || got[0] != 1 || got[1] != 102 {
		t.Errorf("got %d: %v…", len(got), got[:min(3, len(got))])
	}
}

// million builds a table of n requests of n/20 patrons, by the importer itself.
func million(b *testing.B, db *store.DB, office int64, n int) store.ImportResult {
	b.Helper()
	rows := func(yield func(store.ImportRow, error) bool) {
		for i := range n {
			p := i % (n / 20)
			state, status := store.StateFinished, "Request Finished"
			if i%10 == 0 {
				state, status = store.StateOnLoan, "Checked Out to Customer"
			}
			if !yield(store.ImportRow{
				Line:   i + 2,
				Patron: store.Patron{Username: fmt.Sprintf("user%d", p), FirstName: "Jo", LastName: fmt.Sprintf("Name%d", p%5000), Email: fmt.Sprintf("user%d@example.edu", p)},
				Transaction: store.Transaction{
					TransactionNumber: int64(100000 + i), ILLNumber: strconv.Itoa(200000000 + i), RequestType: "Loan", Status: status, State: state,
					Title: fmt.Sprintf("The history of the word%d and its theory%d", i%40000, (i/7)%9000), Author: fmt.Sprintf("Author%d", i%70000),
					ISSNISBN: strconv.Itoa(9780000000000 + i%300000), DueDate: store.NewDate(2026, 1, 1).AddDays(i % 365),
					CreationDate: store.NewDate(2025, 1, 1).AddDays(i % 600), StatusDate: store.NewDate(2025, 1, 10).AddDays(i % 600), LendingLibrary: "LDV",
				},
			}, nil) {
				return
			}
		}
	}
	res, err := db.Import(context.Background(), office, rows, store.ImportOptions{Full: true})
	if err != nil {
		b.Fatal(err)
	}
	return res
}

// BenchmarkMillion imports a million requests, imports them again, and looks for
// candidates among them.
func BenchmarkMillion(b *testing.B) {
	db := storetest.New(b)
	o := newOffice(b, db, "healey")
	const n = 1_000_000
	ran := false
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			million(b, db, o.ID, n)
		}
		ran = true
	})
	if !ran {
		million(b, db, o.ID, n)
	}
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if res := million(b, db, o.ID, n); res.Unchanged != n {
				b.Fatalf("got %+v", res)
			}
		}
	})
	for _, c := range []struct {
		what string
		keys func(i int) store.CandidateKeys
	}{
		{"number", func(i int) store.CandidateKeys { return store.CandidateKeys{TNs: []int64{int64(100000 + i)}} }},
		{"all", func(i int) store.CandidateKeys {
			return store.CandidateKeys{
				TNs: []int64{int64(100000 + i), int64(200000 + i)}, ILLNumbers: []string{strconv.Itoa(200000000 + i)}, Rapid: []string{"27621837"},
				DOIs: []string{"10.1000/abc"}, ISSNISBNs: []string{strconv.Itoa(9780000000000 + i%300000)},
				Addresses: []string{fmt.Sprintf("user%d@example.edu", i%50000), "ill@example.edu"}, Usernames: []string{fmt.Sprintf("user%d", i%50000)},
				LastNames: []string{fmt.Sprintf("name%d", i%5000)}, TitleWords: []string{"history"},
			}
		}},
		{"title", func(i int) store.CandidateKeys {
			return store.CandidateKeys{Addresses: []string{"stranger@example.org"}, TitleWords: []string{
				"the", "history", "and", fmt.Sprintf("word%d", i%40000), fmt.Sprintf("theory%d", (i/7)%9000), "please", "renew"}}
		}},
	} {
		b.Run(c.what, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				found, err := db.Candidates(context.Background(), o.ID, c.keys(i))
				if err != nil {
					b.Fatal(err)
				}
				if !slices.ContainsFunc(found, func(f store.TransactionWithPatron) bool { return f.TransactionNumber == int64(100000+i) }) {
					b.Fatalf("%d is not among %d candidates", 100000+i, len(found))
				}
			}
		})
	}
}
