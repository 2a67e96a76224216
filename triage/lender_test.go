package triage_test

import (
	"strings"
	"testing"

	"illmail/store"
	"illmail/templates"
)

// TestKnownLenderIsAParty: what a stranger writes about a request is only
// offered; from a library of the directory it is filed there.
func TestKnownLenderIsAParty(t *testing.T) {
	b := newBench(t)
	const body = "Hello, we need this one back by the end of next week: The Ecology of Tidal Marshes, your TN 412304. Thank you, Interlibrary Loan"
	b.deliver("INBOX", mail("l1@xff.example.org", "Ann <ann@xff.example.org>", "Recall: TN 412304", body))
	b.take()
	before := b.line("l1@xff.example.org")
	if err := b.db.SaveLender(t.Context(), store.Lender{OfficeID: b.office.ID, Symbol: "XFF", Name: "Far Fields", Domains: []string{"xff.example.org"}}); err != nil {
		t.Fatal(err)
	}
	b.deliver("INBOX", mail("l2@xff.example.org", "Bea <bea@xff.example.org>", "Recall: TN 412304 ", body))
	b.take()
	after := b.line("l2@xff.example.org")
	if len(before.Transactions) != 0 {
		t.Errorf("a stranger's mail was filed: %+v", before)
	}
	if after.Kind != "partner" || len(after.Transactions) != 1 || after.Transactions[0] != 412304 {
		t.Errorf("a known lender's was not: %+v", after)
	}
}

// TestLettersToLenders: each of them can be written once the mail is filed on a
// request, with an ILL number and without, though no directory knows the
// library. Filed on nothing, it is said so in words.
func TestLettersToLenders(t *testing.T) {
	b := newBench(t)
	_, err := b.db.Import(t.Context(), b.office.ID, func(yield func(store.ImportRow, error) bool) {
		yield(store.ImportRow{Patron: store.Patron{Username: "asmith", FirstName: "Adam", LastName: "Smith", Email: "asmith@example.edu"},
			Transaction: store.Transaction{TransactionNumber: 412777, ILLNumber: "231829001", RequestType: "Loan", ProcessType: "Borrowing",
				Status: "Checked Out to Customer", State: store.StateOnLoan, Title: "Secrets of the Deep"}}, nil)
	}, store.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.deliver("INBOX", mail("l@x", "Lending <ill@coastal.example>", "Recall: The Ecology of Tidal Marshes", "We must recall this item, please return it by the end of next week."))
	b.take()
	l := b.line("l@x")
	if l.Kind != "partner" {
		t.Fatalf("the mail is %+v", l)
	}
	var letters []string
	for _, name := range templates.Default().Names() {
		if strings.HasPrefix(name, "lender-") {
			letters = append(letters, name)
		}
	}
	if len(letters) < 9 {
		t.Fatalf("only the letters %v", letters)
	}
	for _, name := range letters {
		if p := b.prepared(l, name); p.Body != "" || !strings.Contains(p.Missing, "filed on none") || strings.Contains(p.Missing, "{") {
			t.Errorf("%s, filed on nothing, lacks %q", name, p.Missing)
		}
	}
	for _, c := range []struct {
		change store.MatchChange
		has    string
	}{
		{store.MatchChange{Add: []int64{412304}}, "Our number: 412304"},
		{store.MatchChange{Add: []int64{412777}}, "ILL number: 231829001"}, // of another patron, beside the first
		{store.MatchChange{Remove: []int64{412304}}, "ILL number: 231829001"},
	} {
		if err := b.desk.ChangeMatch(t.Context(), l.ID, c.change, b.anna); err != nil {
			t.Fatal(err)
		}
		for _, name := range letters {
			p := b.prepared(l, name)
			if p.Missing != "" || !strings.Contains(p.Body, c.has) || strings.Contains(p.Body, "{{") {
				t.Errorf("%s after %+v lacks %q:\n%s", name, c.change, p.Missing, p.Body)
			}
			if len(c.change.Add) > 0 && !strings.Contains(p.Body, "412304") {
				t.Errorf("%s forgets the first request:\n%s", name, p.Body)
			}
			for _, secret := range []string{"Jane", "Doe", "jdoe3", "Adam", "asmith"} {
				if strings.Contains(p.Body, secret) {
					t.Errorf("%s names the patron:\n%s", name, p.Body)
				}
			}
		}
	}
	// A patron's mail that was taken for a library's reads of nobody's requests.
	b.deliver("INBOX", mail("p@x", "asmith@example.edu", "Hello", "Hello"))
	b.take()
	l = b.line("p@x")
	st, err := b.db.ReadStory(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.desk.CorrectIntent(t.Context(), st.Messages[0].ID, "partner", "recall", b.anna); err != nil {
		t.Fatal(err)
	}
	if err := b.desk.ChangeMatch(t.Context(), l.ID, store.MatchChange{Add: []int64{412304}}, b.anna); err != nil {
		t.Fatal(err)
	}
	if p := b.prepared(l, "lender-returned"); p.Body != "" || !strings.Contains(p.Missing, "may not know") {
		t.Errorf("another patron reads of the request: %+v", p)
	}
}
