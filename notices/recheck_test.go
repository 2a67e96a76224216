package notices

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
)

// What changed between the run and the moment of sending is seen.
func TestRecheck(t *testing.T) {
	returned := func(p *post) { p.load(request(100, "patron0", store.StateFinished, "2026-11-24")) }
	for _, c := range []struct {
		name   string
		change func(p *post)
		reason string
	}{
		{"returned", returned, "returned"},
		{"renewed", func(p *post) { p.load(request(100, "patron0", store.StateOnLoan, "2026-12-24")) }, "renewed"},
		{"renewal asked in the ILL system", func(p *post) { p.load(request(100, "patron0", store.StateInHands, "2026-11-23")) }, "status"},
		{"a conversation opened", func(p *post) { p.write(100, "patron0", "renewal", p.now) }, "conversation"},
		{"answered this minute", func(p *post) {
			conv := p.write(100, "patron0", "renewal", p.now)
			p.answer(conv, "patron0", "")
		}, "we answered"},
		{"told by hand this minute", func(p *post) {
			conv := p.write(100, "patron0", "fees", p.now)
			p.answer(conv, "patron0", "overdue")
		}, "by hand"},
		{"the address bounced", func(p *post) {
			patron, err := p.db.PatronByUsername(p.ctx, p.office.ID, "patron0")
			if err != nil {
				p.t.Fatal(err)
			}
			if err := p.db.MarkUndeliverable(p.ctx, patron.ID, patron.Email, "5.1.1", "intake"); err != nil {
				p.t.Fatal(err)
			}
		}, "bounces"},
		{"cancelled by staff", func(p *post) {
			if err := p.db.CancelMail(p.ctx, p.outbox(store.OutboxQueued)[0].ID, "jane", "phoned"); err != nil {
				p.t.Fatal(err)
			}
		}, "cancelled by jane"},
		{"the ILL system says returned", func(p *post) { p.office.Refresher = refresher(func() error { returned(p); return nil }) }, "returned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t, mailtest.SMTPOptions{})
			p.dueToday(1)
			id := p.outbox(store.OutboxQueued)[0].ID
			c.change(p)
			p.send(p.worker("one"))
			for _, m := range p.smtp.Mails() {
				if strings.Contains(mailbox.Parse(m.Raw).Subject, "Overdue") {
					t.Error("it went nonetheless")
				}
			}
			m, err := p.db.OutboxMail(p.ctx, id)
			if err != nil || m.State != store.OutboxCancelled || !strings.Contains(m.Reason, c.reason) {
				t.Errorf("the mail is %s: %q (%v)", m.State, m.Reason, err)
			}
		})
	}
}

type refresher func() error

func (r refresher) Refresh(context.Context, int64, []int64) error { return r() }

func TestRecheckTakesOutSingleItems(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "ann", store.StateOnLoan, "2026-11-23"))
	p.run("2026-11-24", Options{})
	p.load(request(12, "ann", store.StateFinished, "2026-11-24"))
	p.send(p.worker("one"))
	mails := p.smtp.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	if m := mailbox.Parse(mails[0].Raw); strings.Contains(m.Text, "Book 12") || !strings.Contains(m.Subject, "Book 11") {
		t.Errorf("it still tells of the returned book: %s\n%s", m.Subject, m.Text)
	}
	rows := p.outbox("")
	m, err := p.db.OutboxNotices(p.ctx, rows[len(rows)-1].ID)
	if err != nil || len(m) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	states := map[store.NoticeState]string{m[0].State: m[0].Reason, m[1].State: m[1].Reason}
	if states[store.NoticePlanned] == "" || states[store.NoticeDropped] != "returned" {
		t.Errorf("recorded as %v", states)
	}
}

// A letter that could not go until the next day says that day's figures; on a
// closed day nothing goes; a run for a named day knows no closed day.
func TestRecheckOnAnotherDay(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-19"))
	p.run("2026-11-20", Options{})
	p.now = p.at("2026-11-21") // Saturday
	w := p.worker("one")
	p.send(w)
	if n := len(p.smtp.Mails()); n != 0 {
		t.Fatalf("%d mails went on a closed day", n)
	}
	row := p.outbox(store.OutboxQueued)
	if len(row) != 1 || !strings.Contains(row[0].Reason, "closed day") {
		t.Fatalf("%+v", row)
	}
	p.run("2026-11-21", Options{Named: true}) // still nothing: that day is closed
	equal(t, "queued for a closed day", mails(p.outbox(store.OutboxQueued)), "")
	p.run("2026-11-20", Options{Named: true})
	p.send(w)
	if n := len(p.smtp.Mails()); n != 1 {
		t.Errorf("%d mails of the named day went", n)
	}

	p = newPost(t, mailtest.SMTPOptions{})
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-22"))
	p.run("2026-11-24", Options{})
	p.now = p.at("2026-11-25")
	p.send(p.worker("one"))
	if mails := p.smtp.Mails(); len(mails) != 1 || !strings.Contains(mailbox.Parse(mails[0].Raw).Text, "2 days overdue") {
		t.Errorf("a day later it does not say two days")
	}
}

func TestRefresherThatCannotBeAsked(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(1)
	p.office.Refresher = refresher(func() error { return errors.New("connection refused") })
	p.send(p.worker("one"))
	rows := p.outbox(store.OutboxQueued)
	if len(rows) != 1 || !strings.Contains(rows[0].Reason, "could not be asked") || len(p.smtp.Mails()) != 0 {
		t.Errorf("%+v", rows)
	}
}

// An ILL system that is away holds every notice, also that of a named day and a
// cancellation's, however new the last export is; replies go.
func TestNothingIsToldWhileTheILLSystemIsAway(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.office.Rules.Live, p.office.Rules.MaxAge = true, 26*time.Hour
	p.load(request(11, "ann", store.StateOnLoan, "2026-11-23"), request(12, "bob", store.StateCancelledStaff, "2026-11-24"))
	p.run("2026-11-24", Options{Named: true})
	p.answer(p.write(11, "ann", "fees", p.now.Add(-time.Hour)), "ann", "")
	asked, away := 0, true
	p.office.Refresher = refresher(func() error {
		if asked++; away {
			return errors.New("connection refused")
		}
		return nil
	})
	w := p.worker("one")
	p.send(w)
	if mails := p.smtp.Mails(); len(mails) != 1 || !strings.Contains(mails[0].To[0], "ann") {
		t.Errorf("%d mails went", len(mails))
	}
	for _, m := range p.outbox(store.OutboxQueued) {
		if !strings.Contains(m.Reason, "could not be asked: connection refused") {
			t.Errorf("%s waits since %q", m.Kind, m.Reason)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times for two notices", asked)
	}
	away = false
	p.run("2026-11-24", Options{Named: true}) // writes what waits anew, due at once
	p.send(w)
	if asked != 4 || len(p.smtp.Mails()) != 3 {
		t.Errorf("asked %d times, %d mails", asked, len(p.smtp.Mails()))
	}
}
