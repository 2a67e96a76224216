package web

import (
	"iter"
	"testing"

	"illmail/store"
)

// TestWhatStaffMustSettle: an export that shrank waits for a supervisor, an
// address is said to take mail again, and whom no letter told is listed.
func TestWhatStaffMustSettle(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	lin, tom, ana := s.signIn(t, "lin"), s.signIn(t, "tom"), s.signIn(t, "ana")

	one := iter.Seq2[store.ImportRow, error](func(yield func(store.ImportRow, error) bool) {
		yield(store.ImportRow{Patron: store.Patron{Username: "jdoe3", FirstName: "Jordan", LastName: "Doe", Email: "jdoe3@example.edu"},
			Transaction: store.Transaction{TransactionNumber: 412304, RequestType: "Loan", ProcessType: "Borrowing", Title: "The Making", State: store.StateOnLoan,
				Status: "Checked Out to Customer", DueDate: s.day(-1), StatusDate: s.day(-30)}}, nil)
	})
	full := func() store.ImportResult {
		t.Helper()
		r, err := s.db.Import(t.Context(), s.office.ID, one, store.ImportOptions{Full: true, Actor: "export"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := full(); r.ShrunkFrom == 0 || r.Closed != 0 {
		t.Fatalf("the smaller export: %+v", r)
	}
	const asks = "It is right: let the next one close them"
	tom.get("/notices").status(200).has("only 1 open requests").hasNot(asks)
	tom.post("/notices/shrink", "office", "healey").status(403)
	ana.get("/notices").status(200).has(asks)
	ana.post("/notices/shrink", "office", "healey").status(303)
	ana.get("/notices").status(200).hasNot("only 1 open requests")
	if r := full(); r.Closed == 0 {
		t.Errorf("confirmed, it closes nothing: %+v", r)
	}

	const request = "/offices/healey/transactions/412304"
	p, err := s.db.PatronByUsername(t.Context(), s.office.ID, "jdoe3")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.MarkUndeliverable(t.Context(), p.ID, p.Email, "5.1.1", "intake"); err != nil {
		t.Fatal(err)
	}
	lin.get(request).status(200).has("bounces: 5.1.1").hasNot("The address works again")
	lin.post(request + "/reachable").status(403)
	tom.get(request).status(200).has("The address works again")
	tom.post(request + "/reachable").status(303)
	tom.get(request).status(200).hasNot("bounces:")

	s.request(t, 501009, "Albion", store.StateCancelledStaff, "Cancelled by ILL Staff")
	tom.get("/notices").status(200).hasNot("the patron was not told") // it goes by itself
	old := iter.Seq2[store.ImportRow, error](func(yield func(store.ImportRow, error) bool) {
		yield(store.ImportRow{Patron: p, Transaction: store.Transaction{TransactionNumber: 501010, RequestType: "Loan", ProcessType: "Borrowing", Title: "Witness Against the Beast",
			State: store.StateCancelledStaff, Status: "Cancelled by ILL Staff", StatusDate: s.day(-40), CancelReason: "no lender"}}, nil)
	})
	if _, err := s.db.Import(t.Context(), s.office.ID, old, store.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	tom.get("/notices").status(200).has("the patron was not told", "Witness Against the Beast").hasNot("Albion</a> <span class=\"muted small num\">501009")
}

// TestUnknownStatusesAreListed: with how many requests have them, and with the
// lines to add.
func TestUnknownStatusesAreListed(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.signIn(t, "tom").get("/settings").status(200).hasNot("Statuses without a meaning")
	s.request(t, 501020, "Albion", store.StateUnknown, `Awaiting "Reply"`)
	s.request(t, 501021, "Milton", store.StateUnknown, `Awaiting "Reply"`)
	s.signIn(t, "tom").get("/settings").status(200).has("Statuses without a meaning", "<td>Awaiting &#34;Reply&#34;</td><td class=\"num\">2</td>",
		"[office.states]\n&#34;Awaiting \\&#34;Reply\\&#34;&#34; = &#34;&#34;")
}
