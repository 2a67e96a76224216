package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
	"illmail/store/storetest"
)

// post is a world with a server that takes its mail.
type post struct {
	*world
	t    *testing.T
	smtp *mailtest.SMTP
	now  time.Time
}

func newPost(t *testing.T, opt mailtest.SMTPOptions) *post {
	t.Helper()
	w := newWorld(t, t.Context(), storetest.New(t), "healey", testRules(t)).started()
	p := &post{world: w, t: t, smtp: mailtest.StartSMTP(t, opt), now: w.at("2026-11-24")}
	p.office.Submitters = []Submitter{p.submitter()}
	if err := w.db.ReleaseLease(w.ctx, w.office.ID, store.SendingLease, "test"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *post) submitter() *mailbox.Submitter {
	s := &mailbox.Submitter{Account: p.smtp.Account()}
	p.t.Cleanup(func() { s.Close() })
	return s
}

func (p *post) worker(owner string) *worker {
	d := &Dispatcher{DB: p.db, Offices: []*Office{p.office}, Log: slog.New(slog.DiscardHandler), Owner: owner, Now: func() time.Time { return p.now }}
	return &worker{Dispatcher: d, office: p.office}
}

// send runs a worker until nothing is left to do for it now.
func (p *post) send(w *worker) {
	p.t.Helper()
	for {
		n, err := w.runOnce(p.ctx)
		if err != nil {
			p.t.Log("sending:", err) // what it means is seen in the rows
			return
		}
		if n == 0 {
			return
		}
	}
}

// dueToday loads overdue loans of so many patrons and queues their letters.
func (p *post) dueToday(n int) {
	p.t.Helper()
	var rows []store.ImportRow
	for i := range n {
		rows = append(rows, request(int64(100+i), fmt.Sprintf("patron%d", i), store.StateOnLoan, "2026-11-23"))
	}
	p.load(rows...)
	p.run("2026-11-24", Options{})
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name    string
		script  func(at mailtest.Stage, m mailtest.Mail) mailtest.Verdict
		state   store.OutboxState
		reason  string
		taken   int
		unknown bool // mail to the patron no longer goes
	}{
		{name: "taken", state: store.OutboxSent, taken: 1},
		{name: "deferred at the recipient", script: verdict(mailtest.AtRcpt, mailtest.Verdict{Code: 451, Text: "4.7.1 Greylisted"}), state: store.OutboxQueued, reason: "Greylisted"},
		{name: "deferred at the dot", script: verdict(mailtest.AtDot, mailtest.Verdict{Code: 452, Text: "4.3.1 Full"}), state: store.OutboxQueued, reason: "Full"},
		{name: "no such user", script: verdict(mailtest.AtRcpt, mailtest.Verdict{Code: 550, Text: "5.1.1 No such user"}), state: store.OutboxFailed, reason: "No such user", unknown: true},
		{name: "refused for its content", script: verdict(mailtest.AtDot, mailtest.Verdict{Code: 554, Text: "5.7.1 Spam"}), state: store.OutboxFailed, reason: "Spam"},
		{name: "hung up at MAIL", script: verdict(mailtest.AtMail, mailtest.Verdict{HangUp: true}), state: store.OutboxQueued},
		{name: "hung up at the dot, dropped", script: verdict(mailtest.AtDot, mailtest.Verdict{HangUp: true}), state: store.OutboxUncertain},
		{name: "hung up at the dot, kept", script: verdict(mailtest.AtDot, mailtest.Verdict{HangUp: true, Keep: true}), state: store.OutboxUncertain, taken: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t, mailtest.SMTPOptions{Script: c.script})
			p.dueToday(1)
			w := p.worker("one")
			p.send(w)
			rows := p.outbox("")
			row := rows[len(rows)-1]
			if row.State != c.state || !strings.Contains(row.Reason, c.reason) {
				t.Errorf("the mail is %s (%s), want %s", row.State, row.Reason, c.state)
			}
			if n := len(p.smtp.Mails()); n != c.taken {
				t.Errorf("the server took %d mails, want %d", n, c.taken)
			}
			patron, err := p.db.PatronByUsername(p.ctx, p.office.ID, "patron0")
			if err != nil || (patron.UndeliverableAt != nil) != c.unknown {
				t.Errorf("undeliverable: %v (%v)", patron.UndeliverableAt, err)
			}
			// Whatever came of it, an idle worker and the next day's run do not send it twice.
			p.smtp.SetScript(nil)
			p.send(w)
			if row.State != store.OutboxQueued {
				p.now = p.at("2026-11-25")
				p.run("2026-11-25", Options{})
				p.send(w)
				if n := len(p.smtp.Mails()); n != c.taken {
					t.Errorf("a day later the server took %d mails, want %d", n, c.taken)
				}
			}
			w.leave(p.ctx)
		})
	}
}

// verdict interferes at one stage of every mail.
func verdict(at mailtest.Stage, v mailtest.Verdict) func(mailtest.Stage, mailtest.Mail) mailtest.Verdict {
	return func(s mailtest.Stage, _ mailtest.Mail) mailtest.Verdict {
		if s == at {
			return v
		}
		return mailtest.Verdict{}
	}
}

func TestMailThatGoesIsWhatTheRowSays(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(1)
	row := p.outbox(store.OutboxQueued)[0]
	p.send(p.worker("one"))
	mails := p.smtp.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mailbox.Parse(mails[0].Raw)
	full, err := p.db.OutboxMail(p.ctx, row.ID)
	if err != nil {
		t.Fatal(err)
	}
	if "<"+m.MessageID+">" != row.MessageID || m.Get("X-Illmail-Ref") != full.Ref || m.Subject != row.Subject {
		t.Errorf("went as %q %q %q, the row says %+v", m.MessageID, m.Get("X-Illmail-Ref"), m.Subject, row)
	}
	if got := m.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted: %q", got)
	}
	if full.SentAt == nil || !strings.HasPrefix(full.SMTPReply, "250") || full.Attempts != 1 {
		t.Errorf("recorded as %+v", full)
	}
}

func TestRepliesGoFirst(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(2)
	conv := p.write(100, "patron0", "fees", p.now)
	p.answer(conv, "patron0", "")
	p.send(p.worker("one"))
	if mails := p.smtp.Mails(); len(mails) != 3 || mailbox.Parse(mails[0].Raw).Subject != "Re: it" {
		t.Errorf("%d mails, first %q", len(mails), mailbox.Parse(mails[0].Raw).Subject)
	}
}

func TestRefusalsInARowStopTheOffice(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{Script: verdict(mailtest.AtMail, mailtest.Verdict{Code: 550, Text: "5.7.60 not allowed to send as"})})
	p.dueToday(8)
	p.send(p.worker("one"))
	counts, err := p.db.CountOutbox(p.ctx, p.office.ID)
	if err != nil || counts[store.OutboxFailed] != stopAfter || counts[store.OutboxQueued] != 8-stopAfter {
		t.Errorf("%v, %v", counts, err)
	}
	o, err := p.db.OfficeByID(p.ctx, p.office.ID)
	if err != nil || !strings.Contains(o.SendingStopped, "5.7.60") {
		t.Errorf("sending is not stopped: %q, %v", o.SendingStopped, err)
	}
}

func TestUnreachableServerLosesNothing(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(3)
	p.smtp.Close()
	p.send(p.worker("one"))
	counts, err := p.db.CountOutbox(p.ctx, p.office.ID)
	if err != nil || counts[store.OutboxQueued] != 3 {
		t.Errorf("%v, %v", counts, err)
	}
	health, err := p.db.Health(p.ctx, p.office.ID)
	if err != nil || len(health) != 1 || health[0].OK {
		t.Errorf("health: %+v, %v", health, err)
	}
}

// Two daemons with several connections each, and a run that plans anew all the
// while: each letter goes once.
func TestDaemonsAtTheSameTime(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	const n = 40
	p.dueToday(n)
	ctx, cancel := context.WithCancel(p.ctx)
	done := make(chan error, 2)
	for i := range 2 {
		o := *p.office
		o.Submitters = []Submitter{p.submitter(), p.submitter()}
		d := &Dispatcher{DB: p.db, Offices: []*Office{&o}, Log: slog.New(slog.DiscardHandler), Owner: fmt.Sprint("daemon", i), Now: func() time.Time { return p.now }}
		go func() { done <- d.Run(ctx) }()
	}
	for range 3 {
		p.run("2026-11-24", Options{})
	}
	wait, stop := context.WithTimeout(p.ctx, time.Minute)
	defer stop()
	if _, err := p.smtp.Wait(wait, n); err != nil {
		t.Fatalf("%d of %d went: %v", len(p.smtp.Mails()), n, err)
	}
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	seen := map[string]int{}
	for _, m := range p.smtp.Mails() {
		seen[m.To[0]]++
	}
	for to, times := range seen {
		if times != 1 {
			t.Errorf("%s got %d mails", to, times)
		}
	}
	counts, err := p.db.CountOutbox(p.ctx, p.office.ID)
	if err != nil || counts[store.OutboxSent] != n+1 || len(seen) != n {
		t.Errorf("%v, %d recipients, %v", counts, len(seen), err)
	}
	if leases, err := p.db.Leases(p.ctx); err != nil || len(leases) != 0 {
		t.Errorf("leases left behind: %+v, %v", leases, err)
	}
}

// A daemon that lost its lease, or whose mail was changed under its claim,
// hands nothing over.
func TestClaimThatNoLongerStands(t *testing.T) {
	for _, c := range []struct {
		name  string
		steal func(p *post)
	}{
		{"another holds the lease", func(p *post) {
			if err := p.db.ReleaseLease(p.ctx, p.office.ID, store.SendingLease, "one"); err != nil {
				p.t.Fatal(err)
			}
			if ok, err := p.db.AcquireLease(p.ctx, p.office.ID, store.SendingLease, "two", time.Minute); err != nil || !ok {
				p.t.Fatal(ok, err)
			}
		}},
		{"planned anew", func(p *post) { p.run("2026-11-24", Options{}) }},
		{"held by staff", func(p *post) {
			if err := p.db.HoldMail(p.ctx, p.outbox(store.OutboxQueued)[0].ID, "jane", "wait"); err != nil {
				p.t.Fatal(err)
			}
		}},
		{"paused", func(p *post) {
			if err := p.db.PauseNotices(p.ctx, p.office.ID, true, "jane"); err != nil {
				p.t.Fatal(err)
			}
		}},
		{"stopped", func(p *post) {
			if err := p.db.StopSending(p.ctx, p.office.ID, "backup restored", "intake"); err != nil {
				p.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t, mailtest.SMTPOptions{})
			p.dueToday(1)
			p.office.Submitters = []Submitter{stealing{p.submitter(), func() { c.steal(p) }}}
			w := p.worker("one")
			if n, err := w.runOnce(p.ctx); n != 1 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			if len(p.smtp.Mails()) != 0 {
				t.Error("it was handed over")
			}
			if row := p.outbox(""); row[len(row)-1].Attempts != 0 {
				t.Errorf("%+v", row)
			}
		})
	}
}

// stealing does something between the claim and MAIL FROM.
type stealing struct {
	Submitter
	steal func()
}

func (s stealing) Submit(ctx context.Context, o mailbox.Outgoing, commit func(context.Context) error) mailbox.Outcome {
	return s.Submitter.Submit(ctx, o, func(ctx context.Context) error {
		s.steal()
		return commit(ctx)
	})
}

// A daemon killed at any moment of a submission: another takes over at once
// what had not begun, and never sends by itself what had.
func TestKilledDaemon(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(2)
	if ok, err := p.db.AcquireLease(p.ctx, p.office.ID, store.SendingLease, "dead", time.Minute); err != nil || !ok {
		t.Fatal(ok, err)
	}
	claimed, err := p.db.ClaimMails(p.ctx, p.office.ID, "dead", 2, time.Hour)
	if err != nil || len(claimed) != 2 {
		t.Fatal(claimed, err)
	}
	if err := p.db.BeginSending(p.ctx, claimed[0].ID, "dead"); err != nil {
		t.Fatal(err)
	}
	w := p.worker("alive")
	if n, err := w.runOnce(p.ctx); n != 0 || err != nil {
		t.Fatalf("%d, %v while the other's lease stands", n, err)
	}
	// Its lease runs out.
	if err := p.db.ReleaseLease(p.ctx, p.office.ID, store.SendingLease, "dead"); err != nil {
		t.Fatal(err)
	}
	p.send(w)
	if n := len(p.smtp.Mails()); n != 1 {
		t.Errorf("%d mails went, want the one that had not begun", n)
	}
	if m, _ := p.db.OutboxMail(p.ctx, claimed[0].ID); m.State != store.OutboxSending {
		t.Errorf("what had begun is %s before its time", m.State)
	}
	w.waits = &waits{}
	w.reconciled = time.Time{}
	p.send(w)
	if m, _ := p.db.OutboxMail(p.ctx, claimed[0].ID); m.State != store.OutboxUncertain {
		t.Errorf("what had begun is %s", m.State)
	}
	// The dead one was only slow: what it knows settles the matter.
	if err := p.db.FinishSent(p.ctx, claimed[0].ID, "dead", "250 ok", false, p.now); err != nil {
		t.Error(err)
	}
	if err := p.db.FinishSent(p.ctx, claimed[0].ID, "dead", "250 ok", false, p.now); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second time: %v", err)
	}
}

func TestNothingGoesBeforeSentIsRead(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(1)
	read := false
	p.office.SentRead = func() bool { return read }
	p.send(p.worker("one"))
	if n := len(p.smtp.Mails()); n != 0 {
		t.Fatalf("%d mails went before Sent was read", n)
	}
	read = true
	p.send(p.worker("one"))
	if n := len(p.smtp.Mails()); n != 1 {
		t.Errorf("%d mails went after it", n)
	}
}
