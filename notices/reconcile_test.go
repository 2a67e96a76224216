package notices

import (
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
)

// newFiledPost is a post whose Sent folder is that of an IMAP server. Where
// the server files what it takes, it does so as file writes it.
func newFiledPost(t *testing.T, script func(mailtest.Stage, mailtest.Mail) mailtest.Verdict, file func(raw []byte) []byte) (*post, *mailtest.IMAP) {
	imap := mailtest.StartIMAP(t, mailtest.IMAPOptions{})
	opt := mailtest.SMTPOptions{Script: script}
	if file != nil {
		opt.Deliver = func(m mailtest.Mail) error { return imap.Append("Sent", file(m.Raw), time.Now()) }
	}
	p := newPost(t, opt)
	sent := &mailbox.SentFolder{Account: imap.Account(), Name: "Sent"}
	t.Cleanup(func() { sent.Close() })
	p.office.Sent, p.office.SaveSent = sent, SaveAppend
	if file != nil {
		p.office.SaveSent = SaveServer
	}
	return p, imap
}

func asItIs(raw []byte) []byte { return raw }

func (p *post) inSent(imap *mailtest.IMAP, want int) {
	p.t.Helper()
	if n, err := imap.Count("Sent"); err != nil || n != want {
		p.t.Errorf("%d copies in Sent, want %d (%v)", n, want, err)
	}
}

func TestCopyIsFiledOnce(t *testing.T) {
	p, imap := newFiledPost(t, nil, nil)
	p.dueToday(2)
	w := p.worker("one")
	p.send(w)
	p.inSent(imap, 2)
	// A crash between the filing and its record: the copies are owed again.
	for _, r := range p.outbox(store.OutboxSent) {
		m, err := p.db.OutboxMail(p.ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind != store.KindCancellation && m.SentCopy != "done" {
			t.Errorf("the copy of mail %d is %s", m.ID, m.SentCopy)
		}
		if err := w.fileCopy(p.ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	p.inSent(imap, 3) // the third is of the office's very first mail
	stored, err := imap.Messages("Sent")
	if err != nil {
		t.Fatal(err)
	}
	if string(stored[0].Raw) != string(p.smtp.Mails()[0].Raw) {
		t.Error("the copy is not what was sent, byte for byte")
	}
}

func TestSettling(t *testing.T) {
	lost := verdict(mailtest.AtDot, mailtest.Verdict{HangUp: true})
	kept := verdict(mailtest.AtDot, mailtest.Verdict{HangUp: true, Keep: true})
	renamed := func(raw []byte) []byte { // some providers put an id of their own
		_, after, _ := strings.Cut(string(raw), "Message-ID: <")
		_, rest, _ := strings.Cut(after, ">")
		before, _, _ := strings.Cut(string(raw), "Message-ID: <")
		return []byte(before + "Message-ID: <theirs@provider.example>" + rest)
	}
	for _, c := range []struct {
		name   string
		script func(mailtest.Stage, mailtest.Mail) mailtest.Verdict
		file   func([]byte) []byte
		proved bool
		want   store.OutboxState // after two searches
		alias  string
		again  int // mails that the server has in the end, when it behaves
	}{
		{"taken and filed: found in Sent", kept, asItIs, true, store.OutboxSent, "", 1},
		{"taken and filed under another id: found by its ref", kept, renamed, true, store.OutboxSent, "theirs@provider.example", 1},
		{"lost, where absence proves it: goes again", lost, asItIs, true, store.OutboxSent, "", 1},
		{"lost, where nothing was proved: staff decide", lost, asItIs, false, store.OutboxUncertain, "", 0},
		{"taken, where nobody files: staff decide", kept, nil, false, store.OutboxUncertain, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := newFiledPost(t, c.script, c.file)
			p.office.SentProved = c.proved
			p.dueToday(1)
			w := p.worker("one")
			p.send(w)
			id := p.outbox("")[1].ID
			if m, _ := p.db.OutboxMail(p.ctx, id); m.State != store.OutboxUncertain {
				t.Fatalf("the mail is %s", m.State)
			}
			p.smtp.SetScript(nil)
			// Within the patience of production a search in vain proves nothing.
			w.waits = &waits{expire: patience.expire}
			for range 3 {
				if err := w.reconcile(p.ctx); err != nil {
					t.Fatal(err)
				}
			}
			if m, _ := p.db.OutboxMail(p.ctx, id); m.State == store.OutboxQueued {
				t.Fatal("queued again within 15 minutes")
			}
			w.waits = &waits{}
			if err := w.reconcile(p.ctx); err != nil {
				t.Fatal(err)
			}
			if m, _ := p.db.OutboxMail(p.ctx, id); m.State == store.OutboxQueued {
				t.Fatal("queued again after one search")
			}
			if err := w.reconcile(p.ctx); err != nil {
				t.Fatal(err)
			}
			p.send(w)
			m, err := p.db.OutboxMail(p.ctx, id)
			if err != nil || m.State != c.want || m.AliasMessageID != c.alias {
				t.Errorf("the mail is %s with alias %q (%v), want %s with %q", m.State, m.AliasMessageID, err, c.want, c.alias)
			}
			if n := len(p.smtp.Mails()); n != c.again {
				t.Errorf("the server has %d mails, want %d", n, c.again)
			}
		})
	}
}

func TestStaffSettle(t *testing.T) {
	for _, c := range []struct {
		name   string
		settle func(p *post, id int64) error
		want   store.OutboxState
		mails  int
	}{
		{"it went", func(p *post, id int64) error { return p.db.ConfirmSent(p.ctx, id, "jane") }, store.OutboxSent, 0},
		{"send it again", func(p *post, id int64) error { return p.db.SendAgain(p.ctx, id, "jane") }, store.OutboxSent, 1},
		{"let it be", func(p *post, id int64) error { return p.db.CancelMail(p.ctx, id, "jane", "told in person") }, store.OutboxCancelled, 0},
		{"it bounced, so it went", func(p *post, id int64) error { return p.db.MarkBounced(p.ctx, id, "5.2.2", true, p.now) }, store.OutboxSent, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t, mailtest.SMTPOptions{Script: verdict(mailtest.AtDot, mailtest.Verdict{HangUp: true})})
			p.dueToday(1)
			w := p.worker("one")
			p.send(w)
			id := p.outbox(store.OutboxUncertain)[0].ID
			p.smtp.SetScript(nil)
			if err := c.settle(p, id); err != nil {
				t.Fatal(err)
			}
			if err := c.settle(p, id); err == nil && c.name != "it bounced, so it went" {
				t.Error("a second click did something")
			}
			p.send(w)
			p.run("2026-11-25", Options{})
			p.now = p.at("2026-11-25")
			p.send(w)
			m, err := p.db.OutboxMail(p.ctx, id)
			if err != nil || m.State != c.want || len(p.smtp.Mails()) != c.mails {
				t.Errorf("the mail is %s, %d mails went (%v)", m.State, len(p.smtp.Mails()), err)
			}
			events, err := p.db.Events(p.ctx, "outbox", id)
			if err != nil || len(events) < 3 {
				t.Errorf("the events are %+v, %v", events, err)
			}
		})
	}
}
