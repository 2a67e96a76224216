package web

import (
	"fmt"
	"testing"
	"time"

	"illmail/store"
	"illmail/triage"
)

// TestRenewalIsAskedOnce: one key asks for a renewal, once, and the office's
// rules say when it may not be.
func TestRenewalIsAskedOnce(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	page := conv(s.talks["renewal"])
	b.get(page).status(200).hasNot("Ask for a renewal")
	rules := &triage.Renewals{Days: 21, Most: 1}
	s.server.Desk.Offices[0].Renewals = rules
	b.get(page).status(200).has("Ask for a renewal of 21 days", `data-key="w"`)
	b.get(conv(s.talks["file"])).status(200).hasNot("Ask for a renewal")
	tx, err := s.db.TransactionByNumber(t.Context(), s.office.ID, 412304)
	if err != nil {
		t.Fatal(err)
	}
	s.signIn(t, "lin").post(page+"/renewal", "transaction", fmt.Sprint(tx.ID)).status(403)
	b.post(page+"/renewal", "transaction", fmt.Sprint(tx.ID)).status(303)
	b.post(page+"/renewal", "transaction", fmt.Sprint(tx.ID)).status(409)
	b.get(page).status(200).has("No renewal: a renewal was asked for already").hasNot("Ask for a renewal")
	b.get("/offices/healey/transactions/412304").status(200).has("renewal asked for", "for 21 days")
	queued, err := s.db.QueueActions(t.Context(), s.office.ID, time.Now().Add(-time.Hour), false, store.Routes{Renewal: "Renewal Requested"})
	if queued != 1 || err != nil {
		t.Errorf("queued %d, %v", queued, err)
	}
	rules.EarlyDays = 5
	for _, days := range []int{12, 3} {
		offer, err := s.server.Desk.OfferRenewal(t.Context(), store.Transaction{OfficeID: s.office.ID, ProcessType: "Borrowing", State: store.StateOnLoan,
			DueDate: s.day(days), RenewalsAllowed: true}, s.now)
		if err != nil || offer == nil || (offer.Why != "") != (days > 5) {
			t.Errorf("%d days before: %+v, %v", days, offer, err)
		}
	}
}

func TestWriteBacksPage(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ctx := t.Context()
	tx, err := s.db.TransactionByNumber(ctx, s.office.ID, 412304)
	if err != nil {
		t.Fatal(err)
	}
	b := s.signIn(t, "tom")
	b.get("/").status(200).hasNot("Not written back")
	if err := s.db.QueueWriteBack(ctx, store.WriteBack{OfficeID: s.office.ID, TransactionID: tx.ID, Kind: "route", Payload: "Renewal Requested", Cause: "action 1"}); err != nil {
		t.Fatal(err)
	}
	w, err := s.db.ClaimWriteBack(ctx, s.office.ID, time.Now(), time.Minute)
	if err != nil || w == nil {
		t.Fatalf("%+v, %v", w, err)
	}
	if err := s.db.SettleWriteBack(ctx, w, "failed", "ILLiad refused <it>", time.Now()); err != nil {
		t.Fatal(err)
	}
	b.get("/").status(200).has("Not written back")
	b.get("/writebacks").status(200).has("Renewal Requested", "ILLiad refused &lt;it&gt;", "412304", "Try again")
	lin := s.signIn(t, "lin")
	lin.get("/writebacks").status(200).hasNot("Try again")
	at := fmt.Sprintf("/writebacks/%d/", w.ID)
	lin.post(at + "retry").status(403)
	b.post(at + "burn").status(400)
	b.post(at + "retry").status(303)
	b.post(at + "retry").status(409)
	b.get("/writebacks").status(200).has("Everything was written")
	if w, err := s.db.ClaimWriteBack(ctx, s.office.ID, time.Now().Add(time.Minute), time.Minute); err != nil || w == nil {
		t.Errorf("it is not tried again: %+v, %v", w, err)
	}
}
