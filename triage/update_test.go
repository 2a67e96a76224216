package triage_test

import (
	"testing"
	"time"

	"illmail/store"
)

// TestSystemMailProposes: what systems write becomes proposals; by itself it
// counts only where the sender is trusted and the office's mail host vouches.
func TestSystemMailProposes(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	tx, err := b.db.TransactionByNumber(ctx, b.office.ID, 412522)
	if err != nil {
		t.Fatal(err)
	}
	patron, err := b.db.PatronByID(ctx, tx.PatronID)
	if err != nil {
		t.Fatal(err)
	}
	tx.ILLNumber = "233145888"
	_, err = b.db.Import(ctx, b.office.ID, func(yield func(store.ImportRow, error) bool) {
		yield(store.ImportRow{Patron: patron, Transaction: tx}, nil)
	}, store.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.in.Office.Trusted = []string{"@worldshare.example"}
	b.in.Office.AuthservIDs = []string{"mx.example.edu"}
	const system = "WorldShare ILL <no-reply@worldshare.example>"
	const vouched = "Authentication-Results: mx.example.edu; dmarc=pass header.from=worldshare.example"
	b.deliver("INBOX",
		mail("w1", system, "Request 233145888 is Unfilled", "Request ID 233145888\nTitle: Gothic Stained Glass\nNew status: UNFILLED\n"),
		mail("w2", system, "Request 233145888 has shipped", "Request ID 233145888\nTitle: Gothic Stained Glass\nNew status: SHIPPED by LKS 2026-11-20\nDue: 2026-12-30\n", vouched),
		mail("w3", system, "Request 233145888 is Conditional", "Request ID 233145888\nTitle: Gothic Stained Glass\nLender: LKS\nCondition: library use only\n"),
		mail("w4", "RapidILL <noreply@rapidill.example>", "Rapid delivery", "Document delivered\nRequest ID 233145888\nTitle: Gothic Stained Glass\n\nhttps://rapidx.rapidill.example/get?id=1\n\nUnder our license we are not permitted to provide the PDF to your patron; please print it.\n"),
	)
	b.take()
	states := map[string]string{}
	for _, id := range []string{"w1", "w2", "w3", "w4"} {
		list, err := b.db.Proposals(ctx, b.line(id).ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			states[p.Kind] = p.State
			if p.TransactionNumber != 412522 || p.Kind == "shipped" && (p.Lender != "LKS" || p.DueDate.String() != "2026-12-30") {
				t.Errorf("got %+v", p)
			}
		}
	}
	want := map[string]string{"unfilled": "open", "shipped": "accepted", "conditional": "open", "file_ready": "open"}
	for kind, state := range want {
		if states[kind] != state {
			t.Errorf("%s is %q, want %q", kind, states[kind], state)
		}
	}
	got, err := b.db.TransactionByNumber(ctx, b.office.ID, 412522)
	if err != nil || got.State != store.StateInTransit || got.DueDate.String() != "2026-12-30" || got.Status != "Request Sent" {
		t.Errorf("got %+v, %v", got, err)
	}
	if !got.PrintOnly {
		t.Error("the licence line was not seen")
	}
	n, err := b.db.QueueActions(ctx, b.office.ID, time.Now().Add(-time.Hour), true, store.Routes{Shipped: "Awaiting Post Receipt Processing", Unfilled: "Awaiting Unfilled Processing"})
	if n != 3 || err != nil { // the route and the entry of what is accepted, the note of the licence
		t.Errorf("queued %d, %v", n, err)
	}
	if err := b.db.AllowElectronic(ctx, tx.ID, b.anna); err != nil {
		t.Error(err)
	}
	if got, _ := b.db.TransactionByNumber(ctx, b.office.ID, 412522); got.PrintOnly {
		t.Error("staff cannot take it back")
	}

	// A mail that comes late does not set back what has moved on since.
	tx.State, tx.Status, tx.DueDate = store.StateOnLoan, "Checked Out to Customer", store.NewDate(2027, 1, 20)
	if _, err := b.db.Import(ctx, b.office.ID, func(yield func(store.ImportRow, error) bool) {
		yield(store.ImportRow{Patron: patron, Transaction: tx}, nil)
	}, store.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	b.deliver("INBOX", mail("w5", system, "Request 233145888 has shipped again", "Request ID 233145888\nTitle: Gothic Stained Glass\nNew status: SHIPPED by LKS 2026-11-20\nDue: 2026-12-30\n", vouched))
	b.take()
	if list, err := b.db.Proposals(ctx, b.line("w5").ID); err != nil || len(list) == 0 || list[len(list)-1].State != "accepted" {
		t.Fatalf("the late mail: %+v, %v", list, err)
	}
	if got, err := b.db.TransactionByNumber(ctx, b.office.ID, 412522); err != nil || got.State != store.StateOnLoan || got.DueDate.String() != "2027-01-20" {
		t.Errorf("after the late mail it is %s, due on %s: %v", got.State, got.DueDate, err)
	}
}
