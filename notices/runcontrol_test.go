package notices

import (
	"errors"
	"strings"
	"testing"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
)

// holdOf is a hold of staff on the notices of that kind and cycle.
func (w *world) holdOf(tn int64, kind store.NoticeKind, cycle string) store.NoticeHold {
	w.Helper()
	t, err := w.db.TransactionByNumber(w.ctx, w.office.ID, tn)
	if err != nil {
		w.Fatal(err)
	}
	return store.NoticeHold{OfficeID: w.office.ID, TransactionID: t.ID, Kind: kind, Cycle: day(cycle), Reason: "the dean asked", Staff: "jane"}
}

// What staff hold never goes by itself, whatever rung it reaches; the rest of
// its mail does, and so does what they release, or a later cycle.
func TestStaffHoldSingleNotices(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "ann", store.StateOnLoan, "2026-11-23"), request(13, "bob", store.StateOnLoan, "2026-11-23"))
	p.run("2026-11-24", Options{})
	for _, tn := range []int64{12, 13} { // one of two in a mail, and the only one in its mail
		if err := p.db.HoldNotice(p.ctx, p.holdOf(tn, store.KindOverdue, "2026-11-23")); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "cancelled", mails(p.outbox(store.OutboxCancelled)), "overdue 1 cancelled ")
	p.send(p.worker("one"))
	went := p.smtp.Mails()
	if len(went) != 1 || strings.Contains(mailbox.Parse(went[0].Raw).Text, "Book 12") {
		t.Fatalf("%d mails went, of what is held, too", len(went))
	}
	for _, on := range []string{"2026-11-24", "2026-11-30"} {
		p.run(on, Options{Named: true}) // a named day knows no approval, but the word of staff
	}
	held := p.plan("2026-11-30", Options{})
	equal(t, "held a week later", lineup(held), "overdue 2 hold 12; overdue 2 hold 13; overdue 2 send 11")
	for _, l := range held {
		if l.Decision == Hold && (!l.ByStaff || l.Reason != "held by jane: the dean asked" || len(l.Items) != 1 || l.Items[0].Cycle != day("2026-11-23")) {
			t.Errorf("held is %+v", l)
		}
	}
	p.load(request(13, "bob", store.StateOnLoan, "2026-11-27")) // renewed
	if err := p.db.ReleaseNotice(p.ctx, p.holdOf(12, store.KindOverdue, "2026-11-23")); err != nil {
		t.Fatal(err)
	}
	if err := p.db.ReleaseNotice(p.ctx, p.holdOf(12, store.KindOverdue, "2026-11-23")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a second release: %v", err)
	}
	equal(t, "after release and renewal", lineup(p.plan("2026-11-30", Options{})), "overdue 1 send 13; overdue 2 send 11+12; overdue 2 skip 13")
	p.run("2026-11-30", Options{})
	if err := p.db.ReleaseLease(p.ctx, p.office.ID, store.SendingLease, "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.db.AcquireLease(p.ctx, p.office.ID, store.SendingLease, "two", 1<<40); err != nil {
		t.Fatal(err)
	}
	claimed, err := p.db.ClaimMails(p.ctx, p.office.ID, "two", 10, 1<<40)
	if err != nil || len(claimed) != 2 {
		t.Fatalf("claimed %d, %v", len(claimed), err)
	}
	if err := p.db.BeginSending(p.ctx, claimed[0].ID, "two"); err != nil {
		t.Fatal(err)
	}
	for i, m := range claimed { // the first is on its way; of the other the claim is void
		rows, err := p.db.OutboxNotices(p.ctx, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		h := store.NoticeHold{OfficeID: p.office.ID, TransactionID: rows[0].TransactionID, Kind: m.Kind, Cycle: rows[0].Cycle, Reason: "late", Staff: "jane"}
		if err := p.db.HoldNotice(p.ctx, h); (i == 0) != errors.Is(err, store.ErrConflict) {
			t.Errorf("holding a notice of mail %d of 2: %v", i+1, err)
		}
	}
	if err := p.db.BeginSending(p.ctx, claimed[1].ID, "two"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("sending what was held under the claim: %v", err)
	}
}

// A day that staff close is closed in all: nothing goes, what was queued waits
// for the next open day, open days are counted without it.
func TestStaffCloseADay(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-20"), request(12, "bob", store.StateSent, "2026-11-13"))
	equal(t, "before", lineup(p.plan("2026-11-24", Options{})), "delay 1 send 12; overdue 1 send 11")
	p.run("2026-11-23", Options{})
	equal(t, "queued", mails(p.outbox(store.OutboxQueued)), "overdue 1 queued 11")
	if err := p.db.CloseDay(p.ctx, p.office.ID, store.ClosedDay{Day: day("2026-11-23"), Reason: "snow", Staff: "jane"}); err != nil {
		t.Fatal(err)
	}
	p.now = p.at("2026-11-23")
	p.send(p.worker("one"))
	if n := len(p.smtp.Mails()); n != 0 {
		t.Fatalf("%d mails went on a day that staff closed", n)
	}
	equal(t, "that day", lineup(p.plan("2026-11-23", Options{})), "overdue 1 hold 11")
	equal(t, "one open day fewer", lineup(p.plan("2026-11-24", Options{})), "overdue 1 send 11")
	if err := p.db.OpenDay(p.ctx, p.office.ID, day("2026-11-23"), "jane"); err != nil {
		t.Fatal(err)
	}
	p.send(p.worker("one"))
	if n := len(p.smtp.Mails()); n != 1 {
		t.Errorf("%d mails went after the day was opened again", n)
	}
}

// What nobody approves lapses when its day is over, and is planned anew; what
// waits for another reason goes on waiting.
func TestUnapprovedBatchLapses(t *testing.T) {
	rules := testRules(t)
	rules.Mode = ModeApprove
	p := newPost(t, mailtest.SMTPOptions{})
	p.office.Rules = rules
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateOnLoan, "2026-11-27"))
	p.run("2026-11-24", Options{})
	equal(t, "waits", mails(p.outbox(store.OutboxHeld)), "due_soon 1 held 12; overdue 1 held 11")
	n, err := p.planner.ReturnsProcessed(p.ctx, p.office, p.at("2026-11-24"), "jane")
	if err != nil || n != 1 {
		t.Errorf("%d mails go once the returns are processed: %v", n, err)
	}
	equal(t, "goes once returns are processed", mails(p.outbox(store.OutboxQueued)), "overdue 1 queued 11")
	lapse, err := LapseJob(p.planner, p.office)
	if err != nil {
		t.Fatal(err)
	}
	at := day("2026-11-25").At(0, 0, newYork)
	for _, when := range []string{"2026-11-25T00:00", "2026-11-25T00:00"} { // once a fire
		if err := lapse.Run(p.ctx, store.Fire{OfficeID: p.office.ID, Schedule: "lapse", Nominal: when, State: store.FireDone, FiredAt: at}, at); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "at night", mails(p.outbox(store.OutboxHeld)), "")
	equal(t, "what was approved", mails(p.outbox(store.OutboxQueued)), "overdue 1 queued 11")
	p.run("2026-11-25", Options{})
	equal(t, "planned anew", mails(p.outbox(store.OutboxHeld)), "due_soon 1 held 12")
}

// Words of staff stand in place of one letter as long as that letter would be
// the same; else it is written anew and waits.
func TestStaffEditOneNotice(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateOnLoan, "2026-11-23"))
	p.run("2026-11-24", Options{})
	for _, r := range p.outbox(store.OutboxQueued) {
		if err := p.db.EditNotice(p.ctx, store.Edit{ID: r.ID, Subject: "About your book", Text: "Dear all,\nit was the flood.", Reason: "the flood", Staff: "jane"}); err != nil {
			t.Fatal(err)
		}
	}
	p.run("2026-11-24", Options{})
	held := p.outbox(store.OutboxHeld)
	equal(t, "edited", mails(held), "overdue 1 held 11; overdue 1 held 12")
	for _, r := range held {
		if r.Subject != "About your book" || r.Reason != "edited by jane: the flood" {
			t.Errorf("after a run it is %q, held by %q", r.Subject, r.Reason)
		}
	}
	if n, err := p.db.ReleaseMails(p.ctx, p.office.ID, []int64{held[0].ID, held[1].ID}, "jane"); err != nil || n != 2 {
		t.Fatalf("released %d, %v", n, err)
	}
	p.load(request(12, "bob", store.StateOnLoan, "2026-11-20")) // recalled: another letter by now
	p.send(p.worker("one"))
	went := p.smtp.Mails()
	if len(went) != 1 {
		t.Fatalf("%d mails went", len(went))
	}
	if m := mailbox.Parse(went[0].Raw); m.Subject != "About your book" || !strings.Contains(m.Text, "it was the flood.") || m.HTML != "" {
		t.Errorf("it went as %q:\n%s\n%s", m.Subject, m.Text, m.HTML)
	}
	if err := p.db.EditNotice(p.ctx, store.Edit{ID: held[0].ID, Subject: "x", Text: "x", Reason: "x", Staff: "jane"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("editing what went: %v", err)
	}
	// On the next day the days that it tells are others.
	q := newPost(t, mailtest.SMTPOptions{})
	q.load(request(11, "ann", store.StateOnLoan, "2026-11-23"))
	q.run("2026-11-24", Options{})
	if err := q.db.EditNotice(q.ctx, store.Edit{ID: q.outbox(store.OutboxQueued)[0].ID, Subject: "About your book", Text: "One day overdue.", Reason: "x", Staff: "jane"}); err != nil {
		t.Fatal(err)
	}
	q.run("2026-11-25", Options{})
	if r := q.outbox(store.OutboxHeld); len(r) != 1 || r[0].Subject == "About your book" || !strings.Contains(r[0].Reason, "look at it again") {
		t.Errorf("a day later: %+v", r)
	}
}
