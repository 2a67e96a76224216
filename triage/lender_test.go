package triage_test

import (
	"testing"

	"illmail/store"
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
