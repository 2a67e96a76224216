package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

// queueNotice plans one mail about transactions of one patron.
func queueNotice(t *testing.T, db *store.DB, o store.Office, state store.OutboxState, tns ...int64) int64 {
	t.Helper()
	ctx := t.Context()
	day := store.NewDate(2026, time.November, 24)
	messageID := fmt.Sprintf("%d.%d@healey.example.edu", o.ID, tns[0])
	err := db.RunNotices(ctx, o.ID, func(n *store.NoticeTx) error {
		m := store.PlannedMail{State: state, Kind: store.KindOverdue, Rung: 1, Recipient: "jdoe@example.edu", Subject: "Overdue", BodyText: "It is due.", MessageID: messageID}
		for _, tn := range tns {
			tr, err := db.TransactionByNumber(ctx, o.ID, tn)
			if err != nil {
				return err
			}
			m.PatronID = tr.PatronID
			m.Notices = append(m.Notices, store.DecidedNotice{TransactionID: tr.ID, Kind: store.KindOverdue, Rung: 1, Cycle: day.AddDays(-1), State: store.NoticePlanned, Days: 1, PlannedOn: day})
		}
		return n.SaveMails(ctx, []store.PlannedMail{m})
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.ListOutbox(ctx, store.OutboxFilter{OfficeID: o.ID, Limit: 1})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	return rows[0].ID
}

func TestListOutboxSpeaksTheContract(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "jdoe"))
	id := queueNotice(t, db, o, store.OutboxHeld, 1001, 1002)
	rows, err := db.ListOutbox(ctx, store.OutboxFilter{State: store.OutboxHeld})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`[{"id":%d,"office":"healey","kind":"overdue","rung":1,"to":"jdoe@example.edu","transactions":[1001,1002],"state":"held","message_id":"\u003c%d.1001@healey.example.edu\u003e","attempts":0,"sent_at":null,"smtp_reply":"","reason":""}]`, id, o.ID)
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if rows, err = db.ListOutbox(ctx, store.OutboxFilter{Before: id}); err != nil || len(rows) != 0 {
		t.Errorf("before the first: %v, %v", rows, err)
	}
}

// A notice that was told is never told again in its cycle, whoever tries.
func TestToldNoticeStays(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"))
	id := queueNotice(t, db, o, store.OutboxQueued, 1001)
	if ok, err := db.AcquireLease(ctx, o.ID, store.SendingLease, "me", time.Hour); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := db.ClaimMails(ctx, o.ID, "me", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := db.BeginSending(ctx, id, "me"); err != nil {
		t.Fatal(err)
	}
	tr, err := db.TransactionByNumber(ctx, o.ID, 1001)
	if err != nil {
		t.Fatal(err)
	}
	day := store.NewDate(2026, time.November, 24)
	err = db.RunNotices(ctx, o.ID, func(n *store.NoticeTx) error {
		return n.SaveMails(ctx, []store.PlannedMail{{State: store.OutboxQueued, Kind: store.KindOverdue, Rung: 1, PatronID: tr.PatronID, Recipient: "jdoe@example.edu",
			Subject: "again", MessageID: "again@healey.example.edu", Notices: []store.DecidedNotice{
				{TransactionID: tr.ID, Kind: store.KindOverdue, Rung: 1, Cycle: day.AddDays(-1), State: store.NoticePlanned, PlannedOn: day}}}})
	})
	if !errors.Is(err, store.ErrConflict) {
		t.Fatalf("told again: %v", err)
	}
	if rows, err := db.ListOutbox(ctx, store.OutboxFilter{}); err != nil || len(rows) != 1 {
		t.Errorf("a mail was left behind: %v, %v", rows, err)
	}
}

// Of many that want a lease one gets it, and only when it lets go another.
func TestLease(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	var got atomic.Int32
	var holder atomic.Value
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("daemon", i)
			ok, err := db.AcquireLease(ctx, o.ID, store.SendingLease, name, time.Hour)
			if err != nil {
				t.Error(err)
			}
			if ok {
				got.Add(1)
				holder.Store(name)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Fatalf("%d hold the lease", got.Load())
	}
	if ok, err := db.AcquireLease(ctx, o.ID, store.SendingLease, holder.Load().(string), -time.Second); !ok || err != nil {
		t.Errorf("keeping it: %v, %v", ok, err)
	}
	if ok, err := db.AcquireLease(ctx, o.ID, store.SendingLease, "late", time.Hour); !ok || err != nil {
		t.Errorf("after it ran out: %v, %v", ok, err)
	}
	if err := db.ReleaseLease(ctx, o.ID, store.SendingLease, holder.Load().(string)); err != nil {
		t.Error(err)
	}
	leases, err := db.Leases(ctx)
	if err != nil || len(leases) != 1 || leases[0].Holder != "late" {
		t.Errorf("a former holder let another's lease go: %+v, %v", leases, err)
	}
}

func TestPatronNotTold(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	cancelled := func(tn int64, day int) store.ImportRow {
		return row(tn, "jdoe", func(r *store.ImportRow) {
			r.Transaction.State, r.Transaction.StatusDate, r.Transaction.CancelReason = store.StateCancelledStaff, store.NewDate(2026, time.November, day), "No lenders"
		})
	}
	mustImport(t, db, o.ID, store.ImportOptions{}, cancelled(1001, 2), cancelled(1002, 3), cancelled(1003, 20))
	list, err := db.ListPatronNotTold(ctx, o.ID, store.NewDate(2026, time.November, 1), store.NewDate(2026, time.November, 12), 10)
	if err != nil || len(list) != 2 || list[0].TransactionNumber != 1002 || list[1].TransactionNumber != 1001 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A bounce makes the address undeliverable only while it is the registered one.
func TestMarkBounced(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe", func(r *store.ImportRow) { r.Patron.Email = "JDoe@example.edu" }))
	id := queueNotice(t, db, o, store.OutboxQueued, 1001)
	now := time.Now()
	if err := db.MarkBounced(ctx, id, "5.1.1", true, now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a mail that never went came back: %v", err)
	}
	send(t, db, o, id)
	if err := db.MarkBounced(ctx, id, "4.2.2", false, now); err != nil {
		t.Fatal(err)
	}
	p, err := db.PatronByUsername(ctx, o.ID, "jdoe")
	if err != nil || p.UndeliverableAt != nil {
		t.Errorf("undeliverable for a full mailbox: %+v, %v", p, err)
	}
	if err := db.MarkBounced(ctx, id, "5.1.1", true, now); err != nil {
		t.Fatal(err)
	}
	if p, err = db.PatronByUsername(ctx, o.ID, "jdoe"); err != nil || p.UndeliverableAt == nil || !strings.Contains(p.UndeliverableWhy, "5.1.1") {
		t.Errorf("not undeliverable: %+v, %v", p, err)
	}
	m, err := db.OutboxMail(ctx, id)
	if err != nil || m.BouncedAt == nil || m.BounceStatus != "5.1.1" {
		t.Errorf("%+v, %v", m, err)
	}
}

// A mail that came back was taken: whoever sent it may be dead.
func TestBounceSettlesWhatNobodyHeard(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "asmith"))
	for n, first := range []string{"the bounce", "the time"} {
		id := queueNotice(t, db, o, store.OutboxQueued, int64(1001+n))
		store.Exec(t, db, `UPDATE outbox SET state = 'sending', sending_at = now() - interval '1 hour', claimed_by = 'gone' WHERE id = $1`, id)
		bounce := func() error { return db.MarkBounced(ctx, id, "5.1.1", true, time.Now()) }
		expire := func() error { _, err := db.ExpireSending(ctx, o.ID, time.Minute); return err }
		steps := []func() error{bounce, expire}
		if n == 1 {
			steps = []func() error{expire, bounce}
		}
		for _, step := range steps {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		m, err := db.OutboxMail(ctx, id)
		if err != nil || m.State != store.OutboxSent || m.SentAt == nil || m.SentCopy != "owed" {
			t.Errorf("%s first: the mail is %s, its copy %s, sent at %v (%v)", first, m.State, m.SentCopy, m.SentAt, err)
		}
	}
}

func send(t *testing.T, db *store.DB, o store.Office, id int64) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if ok, err := db.AcquireLease(ctx, o.ID, store.SendingLease, "me", time.Hour); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := db.ClaimMails(ctx, o.ID, "me", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := db.BeginSending(ctx, id, "me"); err != nil {
		t.Fatal(err)
	}
	if err := db.FinishSent(ctx, id, "me", "250 ok", false, time.Now()); err != nil {
		t.Fatal(err)
	}
}
