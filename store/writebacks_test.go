package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"illmail/store"
	"illmail/store/storetest"
)

func payloads(t *testing.T, db *store.DB, office int64) (ps []string) {
	t.Helper()
	ws, err := db.WriteBacks(t.Context(), office, "queued", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ws {
		ps = append(ps, w.Kind+" of "+w.Cause+": "+w.Payload)
	}
	return ps
}

func TestSentMailBecomesHistories(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "jdoe"))
	store.Exec(t, db, `
		INSERT INTO outbox (office_id, state, kind, rung, recipient, subject, body_text, message_id, sent_at)
		SELECT $1, state, 'overdue', 2, 'jdoe@example.edu', 's', 'b', state, CASE state WHEN 'sent' THEN timestamptz '2026-11-24 18:00Z' END
		FROM unnest(ARRAY['sent', 'queued']) state`, o.ID)
	store.Exec(t, db, `
		INSERT INTO notice (office_id, transaction_id, kind, rung, cycle, state, outbox_id, planned_on)
		SELECT $1, t.id, 'overdue', t.transaction_number - 1000, '2026-11-20', 'planned', o.id, '2026-11-24'
		FROM transaction t JOIN outbox o ON (o.state = 'sent') = (t.transaction_number > 1000)`, o.ID)
	for i, want := range []int{2, 0} {
		if n, err := db.QueueHistories(ctx, o.ID, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)); err != nil || n != want {
			t.Errorf("run %d queued %d, %v", i, n, err)
		}
	}
	if d := cmp.Diff([]string{
		"history of outbox 1: illmail sent overdue notice 2 to jdoe@example.edu on 2026-11-24 18:00 UTC",
		"history of outbox 1: illmail sent overdue notice 1 to jdoe@example.edu on 2026-11-24 18:00 UTC",
	}, payloads(t, db, o.ID)); d != "" {
		t.Error(d)
	}
	if n, err := db.QueueHistories(ctx, o.ID, time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)); err != nil || n != 0 {
		t.Errorf("queued %d of before the time, %v", n, err)
	}
}

func TestFiledMailBecomesNotes(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "jdoe"))
	at := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	store.Exec(t, db, `INSERT INTO conversation (office_id, subject) VALUES ($1, 'Dune')`, o.ID)
	store.Exec(t, db, `
		INSERT INTO message (office_id, conversation_id, state, direction, raw_hash, size, internal_date, stored_at, from_addr, subject, new_text, kind, needs_staff)
		SELECT $1, 1, 'filed', direction, '\x00', 1, $2, $2, 'jdoe@example.edu', 'Dune', E'Please  renew\n\nit\nhttps://share.worldcat.org/ILL/articleexchange/x?f=1\nPassword: 9dWqa7', kind, kind <> 'auto_reply'
		FROM (VALUES ('in', 'patron'), ('in', 'auto_reply'), ('out', 'patron')) v (direction, kind)`, o.ID, at)
	store.Exec(t, db, `
		INSERT INTO message_match (message_id, transaction_id, score, decided)
		SELECT m.id, t.id, 1, t.transaction_number = 1001 FROM message m, transaction t WHERE t.office_id = $1`, o.ID)
	for i, want := range []int{1, 0} {
		if n, err := db.QueueNotes(ctx, o.ID, at.Add(-time.Hour), "https://ill.example.edu"); err != nil || n != want {
			t.Errorf("run %d queued %d, %v", i, n, err)
		}
	}
	if d := cmp.Diff([]string{
		"note of message 1: Mail from jdoe@example.edu of 2026-11-24 18:00 UTC: Dune\nPlease renew it https://… Password: ••••\nhttps://ill.example.edu/conversations/1",
	}, payloads(t, db, o.ID)); d != "" {
		t.Error(d)
	}
}

// TestActsAreQueuedOnce: what staff did and what patrons answered becomes routes
// and history entries, once, and only where the office wants them.
func TestActsAreQueuedOnce(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	sent := func(r *store.ImportRow) { r.Transaction.State = store.StateSent }
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "jdoe", sent), row(1003, "jdoe"))
	ts, err := db.TransactionsByNumber(ctx, o.ID, []int64{1001, 1002, 1003})
	if err != nil {
		t.Fatal(err)
	}
	amy := store.Actor{Name: "amy"}
	for i, want := range []bool{true, false} {
		first, err := db.RecordRequestAction(ctx, store.RequestAction{TransactionID: ts[0].ID, Action: store.ActionRenewal, Reason: "for 14 days"}, amy)
		if err != nil || first != want {
			t.Errorf("renewal %d: %v, %v", i, first, err)
		}
	}
	if _, err := db.RecordRequestAction(ctx, store.RequestAction{TransactionID: ts[1].ID, Action: store.ActionCancel, Reason: "no lender"}, amy); err != nil {
		t.Fatal(err)
	}
	if _, err := db.RecordRequestAction(ctx, store.RequestAction{TransactionID: 999, Action: store.ActionCancel}, amy); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := db.RecordClaimOutcome(ctx, ts[2].ID, "not_found", "amy"); err != nil {
		t.Fatal(err)
	}
	// A verified answer about a request that is on its way, one that is not verified, and one about a loan.
	store.Exec(t, db, `INSERT INTO conversation (office_id) VALUES ($1)`, o.ID)
	store.Exec(t, db, `
		INSERT INTO message (office_id, conversation_id, state, raw_hash, size, internal_date, from_addr, kind, needs_staff, sender_verified, refs)
		SELECT $1, 1, 'filed', '\x00', 1, now(), 'jdoe@example.edu', 'patron', true, n <> 2, ARRAY['notice@example.edu'] FROM generate_series(1, 3) n`, o.ID)
	store.Exec(t, db, `
		INSERT INTO message_match (message_id, transaction_id, score, decided)
		SELECT m.id, t.id, 1, true FROM message m JOIN transaction t ON t.transaction_number = CASE m.id WHEN 3 THEN 1001 ELSE 1002 END`)

	since := time.Now().Add(-time.Hour)
	if n, err := db.QueueActions(ctx, o.ID, since, false, store.Routes{}); n != 0 || err != nil {
		t.Errorf("nothing is wanted, and %d were queued, %v", n, err)
	}
	routes := store.Routes{Cancelled: "Cancelled by ILL Staff", Renewal: "Renewal Requested", ClaimedReturned: "Claims Returned", Reply: "Awaiting Reply"}
	for i, want := range []int{7, 0} {
		if n, err := db.QueueActions(ctx, o.ID, since, true, routes); n != want || err != nil {
			t.Errorf("run %d queued %d, %v", i, n, err)
		}
	}
	got := payloads(t, db, o.ID)
	slices.Sort(got)
	if d := cmp.Diff([]string{
		"history of action 1: illmail: renewal asked for by amy: for 14 days",
		"history of action 3: illmail: cancelled by amy: no lender",
		"history of claim 1: illmail: patron says it was returned; not found, looked for by amy",
		"route of action 1: Renewal Requested",
		"route of action 3: Cancelled by ILL Staff",
		"route of claim 1: Claims Returned",
		"route of message 1: Awaiting Reply",
	}, got); d != "" {
		t.Error(d)
	}
	if times, now, err := db.RenewalsAsked(ctx, ts[0].ID); times != 1 || !now || err != nil {
		t.Errorf("%d, %v, %v", times, now, err)
	}
}

func TestStaffResolveWriteBacks(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"))
	tx, _ := db.TransactionByNumber(ctx, o.ID, 1001)
	for _, kind := range []string{"note", "history", "route"} {
		if err := db.QueueWriteBack(ctx, store.WriteBack{OfficeID: o.ID, TransactionID: tx.ID, Kind: kind, Payload: "x", Cause: "y", FromStates: []store.State{store.StateOnLoan}}); err != nil {
			t.Fatal(err)
		}
		w, err := db.ClaimWriteBack(ctx, o.ID, time.Now(), time.Minute)
		if err != nil || w == nil || len(w.FromStates) != 1 || w.FromStates[0] != store.StateOnLoan {
			t.Fatalf("claimed %+v, %v", w, err)
		}
		if err := db.SettleWriteBack(ctx, w, map[string]string{"note": "uncertain", "history": "failed", "route": "failed"}[kind], "no", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	stuck, err := db.StuckWriteBacks(ctx, 10)
	if err != nil || len(stuck) != 3 || stuck[0].Kind != "route" || stuck[0].Office != "healey" || stuck[0].Title != tx.Title {
		t.Fatalf("got %+v, %v", stuck, err)
	}
	if c, err := db.CountTabs(ctx, 0, 0, store.Hands{}); err != nil || c.NotWritten != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	for i, state := range []string{"queued", "dropped", "sent"} {
		if err := db.ResolveWriteBack(ctx, stuck[i].ID, state, store.Actor{Name: "amy"}); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if err := db.ResolveWriteBack(ctx, stuck[i].ID, state, store.Actor{Name: "amy"}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s a second time: %v", state, err)
		}
	}
	if w, err := db.ClaimWriteBack(ctx, o.ID, time.Now().Add(time.Minute), time.Minute); err != nil || w == nil || w.Kind != "route" {
		t.Errorf("what is tried again is claimed: %+v, %v", w, err)
	}
}
