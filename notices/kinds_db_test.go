package notices

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/store"
	"illmail/store/storetest"
)

// lenderWrites files a mail of a lender about a transaction.
func (w *world) lenderWrites(tn int64, intent string, at time.Time, by string) int64 {
	w.Helper()
	return w.file(tn, "partner", "circulation@lender.example.net", "", intent, at, day(by))
}

func kindsWorld(t *testing.T) *world {
	rules := testRules(t, holidays...)
	rules.PickupDays, rules.DeliveryDays, rules.InTransitDays, rules.ClaimDays, rules.LeavingDays = []int{0, 5}, []int{0, 25}, []int{5}, []int{0}, []int{14}
	rules.OverdueEveryDays, rules.LeavingCc, rules.LeavingText = 14, true, map[string]string{"en": "All loans end with the term."}
	rules.Own = []Rule{
		{Name: "faculty", Kind: store.KindOverdue, PatronStatuses: []string{"faculty"}, Days: []int{10}, Every: 20, Cc: []string{"dean@example.edu"}, Mode: ModeApprove},
		{Name: "lost on the way", Kind: store.KindInTransit, States: []string{"in_transit"}, Days: []int{3, 8}, OpenDays: true},
	}
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	return newWorld(t, t.Context(), storetest.New(t), "healey", rules).started()
}

// Each further kind goes its whole way: rule, plan, queue, server, and never twice.
func TestFurtherKindsGoOnce(t *testing.T) {
	w := kindsWorld(t)
	delivery := request(12, "bob", store.StateDelivered, "2026-11-23")
	delivery.Transaction.DeliveryURL, delivery.Transaction.DeliveryPassword = "https://share.example.org/a/9f31c2", "Kw7-rain"
	leaver := request(14, "dan", store.StateOnLoan, "2026-12-31")
	leaver.Patron.AccountEnds, leaver.Patron.AlternateEmail = day("2026-12-07"), "dan@home.example.net"
	w.load(request(11, "ann", store.StateOnShelf, "2026-11-23"), delivery, request(13, "cyd", store.StateSent, "2026-11-10"), leaver,
		request(15, "eve", store.StateOnLoan, "2026-12-31"), request(16, "fay", store.StateInTransit, "2026-11-18"))
	w.lenderWrites(13, "lender_shipped", afternoon("2026-11-16"), "")
	on := "2026-11-23"
	w.run(on, Options{})
	equal(t, "queued", mails(w.outbox(store.OutboxQueued)), "delivery 1 queued 12; in_transit 1 queued 13; in_transit 1 queued 16; leaving 1 queued 14; pickup 1 queued 11")
	for _, want := range []struct {
		tn          int64
		in, subject string
	}{
		{11, "Thursday, December 10, 2026", "Ready for you"}, {12, "Kw7-rain", "Ready to read"}, {13, "Monday, November 16, 2026", "On the way, but late"},
		{14, "Monday, December 7, 2026", "Before you leave"},
	} {
		for _, r := range w.outbox(store.OutboxQueued) {
			if len(r.Transactions) != 1 || r.Transactions[0] != want.tn {
				continue
			}
			m, err := w.db.OutboxMail(w.ctx, r.ID)
			if err != nil || !strings.Contains(m.BodyText, want.in) || !strings.Contains(m.Subject, want.subject) {
				t.Errorf("the letter about %d lacks %q or %q (%v):\n%s\n%s", want.tn, want.subject, want.in, err, m.Subject, m.BodyText)
			}
			if leaves := want.tn == 14; leaves != strings.Contains(m.BodyText, "All loans end with the term.") || leaves != (fmt.Sprint(m.Cc) == "[dan@home.example.net]") {
				t.Errorf("the letter about %d goes in copy to %v and says\n%s", want.tn, m.Cc, m.BodyText)
			}
		}
	}
	leavers, err := w.db.ListLeavers(w.ctx, w.office.ID, day("2026-12-07"), 10)
	if err != nil || len(leavers) != 1 || leavers[0].TransactionNumber != 14 || leavers[0].AccountEnds != day("2026-12-07") || leavers[0].AlternateEmail != "dan@home.example.net" {
		t.Errorf("leavers: %+v, %v", leavers, err)
	}
	w.deliver(on)
	w.run(on, Options{})
	equal(t, "queued again", mails(w.outbox(store.OutboxQueued)), "")
	w.run("2026-12-03", Options{})
	equal(t, "queued when it still waits", mails(w.outbox(store.OutboxQueued)), "in_transit 2 queued 16; pickup 2 queued 11")
	if t15, err := w.db.TransactionByNumber(w.ctx, w.office.ID, 15); err != nil {
		t.Fatal(err)
	} else if err := w.db.RecordClaimOutcome(w.ctx, t15.ID, "not_found", "jane"); err != nil {
		t.Fatal(err)
	}
	claims := w.office.Rules.Calendar.NextOpen(w.office.today(time.Now())).String() // outcomes are recorded by the clock
	if lines := lineup(w.plan(claims, Options{Named: true})); !strings.Contains(lines, "claim 1") {
		t.Errorf("nothing follows what staff looked for in vain: %s", lines)
	}
}

// A lender's mail proposes a letter; nothing but the word of staff makes it go.
func TestRecallWaitsForStaff(t *testing.T) {
	w := kindsWorld(t)
	w.load(request(11, "ann", store.StateOnLoan, "2026-12-31"), request(12, "ann", store.StateOnLoan, "2026-12-31"))
	w.lenderWrites(11, "recall", afternoon("2026-11-20"), "2026-12-04")
	lines := w.plan("2026-11-23", Options{})
	if got := lineup(lines); got != "recall 1 hold 11" || !strings.Contains(lines[0].Reason, "confirm that the patron still has it") {
		t.Fatalf("planned %s: %+v", got, lines)
	}
	w.run("2026-11-23", Options{Named: true})
	held := w.outbox(store.OutboxHeld)
	equal(t, "proposed", mails(held), "recall 1 held 11")
	w.run("2026-11-24", Options{})
	equal(t, "the next day", mails(w.outbox(store.OutboxHeld)), "recall 1 held 11")
	if n, err := w.db.ReleaseMails(w.ctx, w.office.ID, []int64{held[0].ID}, "jane"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	w.run("2026-11-24", Options{})
	equal(t, "confirmed", mails(w.outbox(store.OutboxQueued)), "recall 1 queued 11")
	m, err := w.db.OutboxMail(w.ctx, held[0].ID)
	if err != nil || !strings.Contains(m.BodyText, "Friday, December 4, 2026") {
		t.Errorf("the letter does not say by when: %v\n%s", err, m.BodyText)
	}
	w.deliver("2026-11-24")
	w.lenderWrites(11, "lender_overdue", afternoon("2026-11-27"), "")
	w.run("2026-11-30", Options{})
	equal(t, "after another mail of the lender", mails(w.outbox(store.OutboxHeld))+mails(w.outbox(store.OutboxQueued)), "")
	// Returned meanwhile: what is proposed goes away by itself.
	w.lenderWrites(12, "recall", afternoon("2026-11-27"), "")
	w.run("2026-11-30", Options{})
	equal(t, "proposed for the other", mails(w.outbox(store.OutboxHeld)), "recall 1 held 12")
	w.load(request(12, "ann", store.StateReturned, "2026-11-30"))
	w.run("2026-12-01", Options{})
	equal(t, "proposed after its return", mails(w.outbox(store.OutboxHeld)), "")
	// What staff dismissed proposes nothing; what it says of the day is told.
	w.load(request(13, "bob", store.StateOnLoan, "2026-12-31"))
	w.update = &store.FilingUpdate{Kind: "recalled", Due: day("2026-12-11")}
	talk := w.lenderWrites(13, "recall", afternoon("2026-12-01"), "")
	if lines := w.plan("2026-12-02", Options{}); lineup(lines) != "recall 1 hold 13; recall 2 skip 11" {
		t.Errorf("planned %s", lineup(lines))
	}
	all, err := w.db.Proposals(w.ctx, talk)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := w.db.DecideProposal(w.ctx, talk, all[0].ID, false, store.Actor{Name: "jane"}); err != nil {
		t.Fatal(err)
	}
	equal(t, "planned after staff dismissed it", lineup(w.plan("2026-12-02", Options{})), "recall 2 skip 11") // its patron was told
}

func TestRulesOfOnesOwnMakeTheirOwnMail(t *testing.T) {
	w := kindsWorld(t)
	prof := request(12, "prof", store.StateOnLoan, "2026-11-13")
	prof.Patron.PatronStatus = "Faculty"
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-20"), prof)
	w.run("2026-11-23", Options{})
	equal(t, "queued", mails(w.outbox(store.OutboxQueued)), "overdue 1 queued 11")
	held := w.outbox(store.OutboxHeld)
	equal(t, "for approval", mails(held), "overdue 1 held 12")
	m, err := w.db.OutboxMail(w.ctx, held[0].ID)
	if err != nil || fmt.Sprint(m.Cc) != "[dean@example.edu]" {
		t.Errorf("the copy goes to %v (%v)", m.Cc, err)
	}
}

// What the database finds by its bands of days is what deciding about every
// single request says.
func TestBandsAreWideEnough(t *testing.T) {
	w := kindsWorld(t)
	rng := rand.New(rand.NewPCG(11, 1))
	states := []store.State{store.StateOnLoan, store.StateOnLoan, store.StateSent, store.StateOnShelf, store.StateDelivered, store.StateInTransit, store.StateCancelledStaff, store.StateInHands, store.StateFinished}
	start := day("2026-10-01")
	var rows []store.ImportRow
	for i := range 600 {
		r := request(int64(1000+i), fmt.Sprintf("patron%d", i), states[rng.IntN(len(states))], start.AddDays(rng.IntN(130)).String())
		if rng.IntN(4) == 0 {
			r.Patron.PatronStatus = "faculty"
		}
		if rng.IntN(5) == 0 {
			r.Patron.AccountEnds = start.AddDays(rng.IntN(130))
		}
		rows = append(rows, r)
	}
	w.load(rows...)
	var ids []int64
	for i, r := range rows {
		tr, err := w.db.TransactionByNumber(w.ctx, w.office.ID, r.Transaction.TransactionNumber)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, tr.ID)
		if i%20 == 0 {
			w.lenderWrites(tr.TransactionNumber, []string{"recall", "lender_overdue", "lender_shipped"}[rng.IntN(3)], time.Now(), "")
		}
	}
	w.office.Rules.MaxPerRun = 0
	total := 0
	today := store.DateOf(time.Now(), newYork)
	for _, on := range []string{"2026-10-30", "2026-11-02", "2026-11-09", "2026-11-30", "2026-12-18", "2027-01-04", today.String(), today.AddDays(5).String()} {
		facts, err := w.db.NoticeFacts(w.ctx, ids)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for i := range facts {
			for _, d := range Decide(Day{Date: day(on)}, w.office.Rules, &facts[i]) {
				if d.State != store.NoticePassed {
					want[fmt.Sprintf("%s %d of %d", d.Kind, d.Rung, facts[i].Transaction.TransactionNumber)] = true
				}
			}
		}
		for _, l := range w.plan(on, Options{}) {
			key := fmt.Sprintf("%s %d of %d", l.Kind, l.Rung, l.Transactions[0])
			if !want[key] {
				t.Errorf("on %s the plan has %s, which nobody decided", on, key)
			}
			delete(want, key)
			total++
		}
		if len(want) > 0 {
			t.Errorf("on %s the bands miss %v", on, want)
		}
		w.run(on, Options{Named: true})
		w.deliver(on)
	}
	if total < 300 {
		t.Errorf("only %d notices were compared", total)
	}
}

// The proof of notice names what was told, the server's answer, the letters of
// staff and what came back; and no other request's.
func TestProofOfNotice(t *testing.T) {
	w := kindsWorld(t)
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-20"), request(12, "bob", store.StateOnLoan, "2026-11-20"))
	w.run("2026-11-23", Options{})
	letters := w.deliver("2026-11-23")
	for _, m := range letters {
		if m.Recipient == "ann@example.edu" {
			w.refs = []string{m.MessageID}
		}
	}
	if len(letters) != 2 || len(w.refs) != 1 {
		t.Fatalf("%d letters went", len(letters))
	}
	talk := w.write(11, "ann", "fees", afternoon("2026-11-24"))
	w.refs = nil
	ann, err := w.db.TransactionByNumber(w.ctx, w.office.ID, 11)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.AnswerConversation(w.ctx, store.Answer{NewReply: store.NewReply{OfficeID: w.office.ID, ConversationID: talk, PatronID: ann.PatronID, Staff: "jane",
		Recipient: "ann@example.edu", Subject: "Re: it", BodyText: "Yes.", MessageID: mailbox.NewMessageID("example.edu"), Template: "reply-fees"}, Then: store.ItemWaitingPatron, SeenReplyID: 1 << 60}); err != nil {
		t.Fatal(err)
	}
	w.deliver("2026-11-24")
	page, err := w.db.ReadRequest(w.ctx, "healey", 11)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Notices) != 2 {
		t.Fatalf("%d things told, want the notice and the reply: %+v", len(page.Notices), page.Notices)
	}
	n := page.Notices[0]
	if n.Kind != "overdue" || n.Recipient != "ann@example.edu" || n.SMTPReply != "250 ok" || n.SentAt == nil || n.MessageID == "" || len(n.Answers) != 1 ||
		n.Answers[0].From != "ann@example.edu" || n.Answers[0].ConversationID != talk || !n.Answers[0].At.Equal(afternoon("2026-11-24")) {
		t.Errorf("the notice is proved by %+v", n)
	}
	if r := page.Notices[1]; r.Kind != "reply" || r.Subject != "Re: it" || len(r.Answers) != 0 {
		t.Errorf("the reply is proved by %+v", r)
	}
	back, err := w.db.Handback(w.ctx, w.office.ID)
	var told []string
	for _, r := range back {
		if r.Username != "first" { // with whom the office began
			told = append(told, fmt.Sprintf("%d %s %d %s %s %s", r.TransactionNumber, r.Kind, r.Rung, r.Cycle, r.State, r.Template))
		}
	}
	if want := "11 overdue 1 2026-11-20 sent overdue; 11 reply 0  sent reply-fees; 12 overdue 1 2026-11-20 sent overdue"; err != nil || strings.Join(told, "; ") != want {
		t.Errorf("handed back is %q, want %q; %v", strings.Join(told, "; "), want, err)
	}
	other, err := w.db.ReadRequest(w.ctx, "healey", 12)
	if err != nil || len(other.Notices) != 1 || len(other.Notices[0].Answers) != 0 {
		t.Errorf("another request's proof is %+v, %v", other.Notices, err)
	}
}
