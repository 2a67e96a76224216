package store_test

import (
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
		SELECT $1, 1, 'filed', direction, '\x00', 1, $2, $2, 'jdoe@example.edu', 'Dune', E'Please  renew\n\nit', kind, kind <> 'auto_reply'
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
		"note of message 1: Mail from jdoe@example.edu of 2026-11-24 18:00 UTC: Dune\nPlease renew it\nhttps://ill.example.edu/conversations/1",
	}, payloads(t, db, o.ID)); d != "" {
		t.Error(d)
	}
}
