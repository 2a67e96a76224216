package notices

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/store"
	"illmail/store/storetest"
	"illmail/templates"
)

func TestPlanTellsWhatTheContractSays(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t))
	w.load(
		request(412304, "jdoe3", store.StateOnLoan, "2026-11-23"),
		request(412522, "jdoe3", store.StateOnLoan, "2026-11-20"),
	)
	lines := w.plan("2026-11-24", Options{})
	b, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "plan", string(b), `[{"office":"healey","kind":"overdue","rung":1,"username":"jdoe3","to":"jdoe3@example.edu","transactions":[412304,412522],"decision":"send","reason":"2 requests: 4 days overdue; 1 day overdue","subject":"2 interlibrary loans are overdue - first reminder","send_on":"2026-11-24"}]`)
	if rows := w.outbox(""); len(rows) != 0 {
		t.Errorf("a plan stored %v", rows)
	}
	if lines := w.plan("2026-11-22", Options{}); len(lines) != 0 && strings.Contains(lineup(lines), "send") {
		t.Errorf("sends on a Sunday: %v", lines)
	}
}

func TestRunQueuesOnce(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	w.load(
		request(11, "ann", store.StateOnLoan, "2026-11-23"),
		request(12, "ann", store.StateOnLoan, "2026-10-23"),
		request(13, "bob", store.StateOnLoan, "2026-11-27"),
		request(14, "bob", store.StateSent, "2026-11-12"),
		request(15, "cyd", store.StateCancelledStaff, "2026-11-23"),
		request(16, "dan", store.StateInHands, "2026-11-23"),
	)
	res := w.run("2026-11-24", Options{})
	want := "cancellation 1 queued 15; delay 1 queued 14; due_soon 1 queued 13; overdue 4 queued 11+12"
	equal(t, "queued", mails(w.outbox(store.OutboxQueued)), want)
	if res.Queued != 4 || res.Held != 1 || !res.Done {
		t.Errorf("the result is %+v", res)
	}
	before := w.outbox(store.OutboxQueued)
	w.run("2026-11-24", Options{})
	equal(t, "queued by a second run", mails(w.outbox(store.OutboxQueued)), want)
	for i, r := range w.outbox(store.OutboxQueued) {
		if r.MessageID != before[i].MessageID {
			t.Errorf("mail %d has another Message-ID after a second run", r.ID)
		}
	}
	w.deliver("2026-11-24")
	w.run("2026-11-24", Options{})
	equal(t, "queued after all went", mails(w.outbox(store.OutboxQueued)), "")
	held, err := w.db.ListHeldNotices(w.ctx, w.office.ID, 10)
	if err != nil || len(held) != 1 || held[0].TransactionNumber != 16 || held[0].HeldSince != day("2026-11-24") {
		t.Errorf("held: %+v, %v", held, err)
	}
	back, err := w.db.Handback(w.ctx, w.office.ID)
	if err != nil || len(back) != 9 { // five letters, three rungs passed, and the first mail of the office
		t.Errorf("%d rows to hand back: %+v, %v", len(back), back, err)
	}
}

func TestMailIsComplete(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "ann", store.StateOnLoan, "2026-10-23"))
	w.run("2026-11-24", Options{})
	m, err := w.db.OutboxMail(w.ctx, w.outbox(store.OutboxQueued)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.db.Secret(w.ctx, store.RefSecret)
	if err != nil {
		t.Fatal(err)
	}
	ref, ok := mailbox.VerifyRef(key, m.Ref)
	if !ok || ref.Kind != "overdue" || ref.Rung != 4 || ref.Cycle != "2026-10-23" || len(ref.TransactionNumbers) != 2 {
		t.Errorf("ref %q says %+v (%v)", m.Ref, ref, ok)
	}
	if !strings.HasSuffix(m.MessageID, "@healey.example.edu") {
		t.Errorf("the Message-ID is %q", m.MessageID)
	}
	if m.Recipient != "ann@example.edu" || m.RecipientName != "Ann Doe" || m.Template != "overdue" || m.BodyHTML == "" {
		t.Errorf("incomplete: %+v", m)
	}
	for _, want := range []string{"first reminder"} {
		if !strings.Contains(m.Subject, want) {
			t.Errorf("the subject %q lacks %q", m.Subject, want)
		}
	}
	for _, want := range []string{"1 day overdue", "32 days overdue", "Book 12"} {
		if !strings.Contains(m.BodyText, want) {
			t.Errorf("the text lacks %q:\n%s", want, m.BodyText)
		}
	}
	if i, j := strings.Index(m.BodyText, "Book 12"), strings.Index(m.BodyText, "Book 11"); i > j {
		t.Error("the stern item does not come first")
	}
	if n := strings.Count(m.BodyText, "at once"); n != 1 {
		t.Errorf("%d items are told sternly, want the one that is long overdue", n)
	}
	notices, err := w.db.OutboxNotices(w.ctx, m.ID)
	if err != nil || len(notices) != 2 {
		t.Errorf("notices: %+v, %v", notices, err)
	}
}

// The letter counts what came, not the rungs.
func TestLettersAreNumberedAsReceived(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-10-23"))
	w.run("2026-11-09", Options{}) // 17 days overdue: rung 3 goes, as the first
	sent := w.deliver("2026-11-09")
	if len(sent) != 1 || sent[0].Rung != 3 || !strings.Contains(sent[0].Subject, "first reminder") {
		t.Fatalf("sent %+v", sent)
	}
	if err := w.db.MarkBounced(w.ctx, sent[0].ID, "4.2.2", false, w.at("2026-11-10")); err != nil {
		t.Fatal(err)
	}
	w.run("2026-11-23", Options{}) // rung 4: the first never came
	if sent = w.deliver("2026-11-23"); len(sent) != 1 || sent[0].Rung != 4 || !strings.Contains(sent[0].Subject, "first reminder") {
		t.Fatalf("sent %+v", sent)
	}
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-26")) // renewed: a new cycle
	w.run("2026-11-27", Options{})
	if sent = w.deliver("2026-11-27"); len(sent) != 1 || sent[0].Rung != 1 || !strings.Contains(sent[0].Subject, "first reminder") {
		t.Fatalf("sent %+v", sent)
	}
	w.run("2026-12-03", Options{})
	if sent = w.deliver("2026-12-03"); len(sent) != 1 || sent[0].Rung != 2 || !strings.Contains(sent[0].Subject, "second reminder") {
		t.Fatalf("sent %+v", sent)
	}
}

func TestApproval(t *testing.T) {
	db := storetest.New(t)
	t.Run("the first run waits, a run for a named day does not", func(t *testing.T) {
		w := newWorld(t, t.Context(), db, "first", testRules(t))
		w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"))
		w.run("2026-11-24", Options{})
		equal(t, "outbox", mails(w.outbox("")), "overdue 1 held 11")
		w.run("2026-11-25", Options{})
		equal(t, "outbox a day later", mails(w.outbox("")), "overdue 1 held 11")
		w.run("2026-11-25", Options{Named: true})
		equal(t, "outbox after a named day", mails(w.outbox("")), "overdue 1 queued 11")
		if m, _ := w.db.OutboxMail(w.ctx, w.outbox("")[0].ID); m.DecidedFor != day("2026-11-25") || !strings.Contains(m.BodyText, "2 days overdue") {
			t.Errorf("the mail is decided for %s:\n%s", m.DecidedFor, m.BodyText)
		}
	})
	t.Run("a batch is approved once", func(t *testing.T) {
		rules := testRules(t)
		rules.Mode = ModeApprove
		w := newWorld(t, t.Context(), db, "approve", rules).started()
		w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateOnLoan, "2026-11-23"))
		w.run("2026-11-24", Options{})
		equal(t, "outbox", mails(w.outbox(store.OutboxHeld)), "overdue 1 held 11; overdue 1 held 12")
		var ids []int64
		for _, r := range w.outbox(store.OutboxHeld) {
			ids = append(ids, r.ID)
		}
		n, err := db.ReleaseMails(w.ctx, w.office.ID, ids[:1], "jane")
		if err != nil || n != 1 {
			t.Fatalf("released %d: %v", n, err)
		}
		if n, err = db.ReleaseMails(w.ctx, w.office.ID, ids[:1], "jane"); err != nil || n != 0 {
			t.Errorf("a second click released %d: %v", n, err)
		}
		// What was approved and did not go yet stays approved, with the days of the new run.
		w.run("2026-11-25", Options{})
		equal(t, "outbox a day later", mails(w.outbox("")), "cancellation 1 sent 1; overdue 1 held 12; overdue 1 queued 11")
		if err := db.CancelMail(w.ctx, ids[1], "jane", "the patron called"); err != nil {
			t.Fatal(err)
		}
		w.run("2026-11-27", Options{})
		equal(t, "outbox after a cancelling", mails(w.outbox("")), "cancellation 1 sent 1; overdue 1 cancelled 12; overdue 1 queued 11")
		w.run("2026-11-30", Options{})
		equal(t, "the next rung is not cancelled", mails(w.outbox(store.OutboxHeld)), "overdue 2 held 11; overdue 2 held 12")
	})
	t.Run("too many at once", func(t *testing.T) {
		rules := testRules(t)
		rules.MaxPerRun = 1
		w := newWorld(t, t.Context(), db, "many", rules).started()
		w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateOnLoan, "2026-11-23"))
		res := w.run("2026-11-24", Options{})
		if res.Queued != 0 || res.Waiting != 2 || !strings.Contains(w.outbox(store.OutboxHeld)[0].Reason, "max_per_run = 1") {
			t.Errorf("%+v, %+v", res, w.outbox(""))
		}
	})
	t.Run("a missed run", func(t *testing.T) {
		w := newWorld(t, t.Context(), db, "missed", testRules(t)).started()
		if _, err := db.RecordFire(w.ctx, store.Fire{OfficeID: w.office.ID, Schedule: "notices", Nominal: "2026-11-24T13:00", State: store.FireWaiting, FiredAt: w.at("2026-11-25")}); err != nil {
			t.Fatal(err)
		}
		w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateOnLoan, "2026-11-24"))
		w.run("2026-11-25", Options{})
		equal(t, "the backlog waits, what is due today goes", mails(w.outbox("")), "cancellation 1 sent 1; overdue 1 held 11; overdue 1 queued 12")
		if fires, _ := db.MissedFires(w.ctx, w.office.ID); len(fires) != 0 {
			t.Errorf("still missed: %v", fires)
		}
		w.run("2026-11-27", Options{})
		equal(t, "it goes on waiting", mails(w.outbox(store.OutboxHeld)), "overdue 1 held 11")
	})
}

func TestRunPlansAnewWhatWaits(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "ann", store.StateOnLoan, "2026-11-23"), request(13, "bob", store.StateOnLoan, "2026-11-23"))
	w.run("2026-11-24", Options{})
	equal(t, "queued", mails(w.outbox(store.OutboxQueued)), "overdue 1 queued 11+12; overdue 1 queued 13")
	// The server is down. Meanwhile one is returned, one renewed, one more falls due.
	w.load(request(11, "ann", store.StateFinished, "2026-11-24"), request(13, "bob", store.StateOnLoan, "2026-12-24"), request(14, "ann", store.StateOnLoan, "2026-11-24"))
	w.run("2026-11-25", Options{})
	equal(t, "queued a day later", mails(w.outbox(store.OutboxQueued)), "overdue 1 queued 12+14")
	rows := w.outbox(store.OutboxCancelled)
	if len(rows) != 1 || rows[0].Reason != "renewed: due on 2026-12-24" {
		t.Errorf("cancelled: %+v", rows)
	}
	// A conversation holds it, on the day of the next rung as well; our answer frees it two open days later.
	conv := w.write(12, "ann", "renewal", w.at("2026-11-25"))
	w.run("2026-11-30", Options{})
	equal(t, "queued while a conversation is open", mails(w.outbox(store.OutboxQueued)), "overdue 1 queued 14")
	w.answer(conv, "ann", "")
	w.deliver("2026-11-30") // the answer goes, and what is due of 14
	w.run("2026-12-01", Options{})
	equal(t, "queued a day after the answer", mails(w.outbox(store.OutboxQueued)), "overdue 2 queued 14")
	w.run("2026-12-02", Options{})
	equal(t, "queued two open days after the answer", mails(w.outbox(store.OutboxQueued)), "overdue 2 queued 12+14")
}

func TestClaimOfReturnHoldsUntilSettled(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"))
	conv := w.write(11, "ann", "returned_claim", w.at("2026-11-20"))
	w.answer(conv, "ann", "")
	w.deliver("2026-11-20")
	w.run("2026-11-30", Options{})
	equal(t, "queued", mails(w.outbox(store.OutboxQueued)), "")
	tn, err := w.db.TransactionByNumber(w.ctx, w.office.ID, 11)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.db.RecordClaimOutcome(w.ctx, tn.ID, "not_found", "jane"); err != nil {
		t.Fatal(err)
	}
	w.run("2026-12-01", Options{})
	equal(t, "queued after the outcome is known", mails(w.outbox(store.OutboxQueued)), "overdue 2 queued 11")
}

func TestLongHoldIsRaised(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-02"))
	conv := w.write(11, "ann", "renewal", w.at("2026-11-02"))
	for _, on := range []string{"2026-11-03", "2026-11-09", "2026-11-10"} { // rung 2 takes the place of rung 1
		w.run(on, Options{})
		if q, err := w.db.Item(w.ctx, conv); err != nil || !q.AnswerBy.IsZero() {
			t.Fatalf("on %s: %+v, %v", on, q, err)
		}
	}
	w.run("2026-11-11", Options{}) // six open days
	q, err := w.db.Item(w.ctx, conv)
	if err != nil || q.AnswerBy.IsZero() || !strings.Contains(q.Note, "supervisor") {
		t.Errorf("not raised: %+v, %v", q, err)
	}
}

// Two daemons, and a person with `notices run`, plan at the same time.
func TestRunsAtTheSameTime(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	var rows []store.ImportRow
	for i := range 40 {
		rows = append(rows, request(int64(100+i), string(rune('a'+i%26))+"x", store.StateOnLoan, "2026-11-23"))
	}
	w.load(rows...)
	fire := store.Fire{OfficeID: w.office.ID, Schedule: "notices", Nominal: "2026-11-24T13:00", State: store.FireDone, FiredAt: w.at("2026-11-24")}
	results := make(chan Result, 6)
	for i := range 6 {
		go func() {
			opts := Options{Fire: &fire}
			if i%3 == 2 {
				opts = Options{}
			}
			res, err := w.planner.Run(context.WithoutCancel(w.ctx), w.office, day("2026-11-24"), w.at("2026-11-24"), opts)
			if err != nil {
				t.Error(err)
			}
			results <- res
		}()
	}
	fires := 0
	for range 6 {
		if res := <-results; res.Done {
			fires++
		}
	}
	if fires != 3 { // one of the four with a fire, and the two without
		t.Errorf("%d runs ran", fires)
	}
	seen := map[int64]bool{}
	for _, r := range w.outbox(store.OutboxQueued) {
		for _, tn := range r.Transactions {
			if seen[tn] {
				t.Errorf("%d is in two mails", tn)
			}
			seen[tn] = true
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d requests are told, want 40", len(seen))
	}
}

func TestModeOffAndPause(t *testing.T) {
	db := storetest.New(t)
	w := newWorld(t, t.Context(), db, "paused", testRules(t)).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"))
	if err := db.PauseNotices(w.ctx, w.office.ID, true, "jane"); err != nil {
		t.Fatal(err)
	}
	w.run("2026-11-24", Options{Named: true})
	equal(t, "queued while paused", mails(w.outbox(store.OutboxQueued)), "")
	if err := db.PauseNotices(w.ctx, w.office.ID, false, "jane"); err != nil {
		t.Fatal(err)
	}
	w.run("2026-11-25", Options{})
	equal(t, "queued after that", mails(w.outbox(store.OutboxQueued)), "overdue 1 queued 11")

	rules := testRules(t)
	rules.Mode = ModeOff
	off := newWorld(t, t.Context(), db, "off", rules)
	off.load(request(11, "ann", store.StateOnLoan, "2026-11-23"))
	off.run("2026-11-24", Options{})
	equal(t, "queued while off", mails(off.outbox("")), "")
	equal(t, "plan while off", lineup(off.plan("2026-11-24", Options{})), "overdue 1 skip 11")
}

// Old records hold what depends on them, but not what a person asks for.
func TestOldRecordsHold(t *testing.T) {
	rules := testRules(t)
	rules.MaxAge = 26 * time.Hour
	w := newWorld(t, t.Context(), storetest.New(t), "healey", rules).started()
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateCancelledStaff, "2026-11-23"))
	far := time.Now().In(newYork).AddDate(0, 1, 0) // the records are read now, by the database's clock
	on := w.office.today(far)
	if !rules.Calendar.IsOpen(on) {
		on = rules.Calendar.NextOpen(on)
	}
	lines, err := w.planner.Plan(w.ctx, w.office, on, far, Options{})
	if err != nil || !strings.HasPrefix(lineup(lines), "overdue") || strings.Contains(lineup(lines), "send") || !strings.Contains(lines[0].Reason, "max_age") {
		t.Errorf("with old records: %+v, %v", lines, err)
	}
	lines, err = w.planner.Plan(w.ctx, w.office, on, far, Options{Named: true})
	if err != nil || !strings.Contains(lineup(lines), "send 11") {
		t.Errorf("for a named day: %+v, %v", lines, err)
	}
}

func TestLetterThatCannotBeWrittenHolds(t *testing.T) {
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	demanding, err := templates.Parse("overdue", "en", "Subject: Overdue at {{item.pickup_location}}\n\nIt is due at {{item.pickup_location}}.\n")
	if err != nil {
		t.Fatal(err)
	}
	set := templates.Default().With(demanding)
	w.office.Templates = func() *templates.Set { return set }
	r := request(12, "bob", store.StateOnLoan, "2026-11-23")
	r.Transaction.PickupLocation = "Main desk"
	w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), r)
	w.run("2026-11-24", Options{})
	equal(t, "queued", mails(w.outbox(store.OutboxQueued)), "overdue 1 queued 12")
	held, err := w.db.ListHeldNotices(w.ctx, w.office.ID, 10)
	if err != nil || len(held) != 1 || !strings.Contains(held[0].Reason, "cannot be written") {
		t.Errorf("held: %+v, %v", held, err)
	}
}
