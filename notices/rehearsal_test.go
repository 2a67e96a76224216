package notices

import (
	"strings"
	"testing"

	"illmail/mailbox/mailtest"
	"illmail/store"
)

// A rehearsal goes to one address, is not repeated, and tells nobody: once it
// is over, the patrons get their letters.
func TestRehearsal(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	p.dueToday(2)
	p.office.RehearsalAddress = "rehearsal@healey.example.edu"
	p.send(p.worker("one"))
	went := p.smtp.Mails()
	for _, m := range went {
		if len(m.To) != 1 || m.To[0] != "rehearsal@healey.example.edu" || !strings.Contains(string(m.Raw), "[for patron") {
			t.Errorf("went to %v:\n%s", m.To, m.Raw)
		}
	}
	if len(went) != 2 {
		t.Fatalf("%d mails went", len(went))
	}
	p.run("2026-11-24", Options{})
	equal(t, "queued a second time", queuedMails(p), "")
	if id := p.outbox(store.OutboxSent)[0].ID; p.db.MarkBounced(p.ctx, id, "5.1.1", true, p.now) != nil {
		t.Error("a bounce of a rehearsal was not taken")
	}
	back, err := p.db.Handback(p.ctx, p.office.ID)
	for _, r := range back {
		if err != nil || r.TransactionNumber >= 100 {
			t.Errorf("a rehearsal counts as told: %+v, %v", r, err)
		}
	}
	p.office.RehearsalAddress = ""
	p.run("2026-11-24", Options{})
	equal(t, "queued when it is over", queuedMails(p), "overdue 1 queued 100; overdue 1 queued 101")
	p.send(p.worker("one"))
	for _, m := range p.smtp.Mails()[2:] {
		if m.To[0] == "rehearsal@healey.example.edu" || strings.Contains(string(m.Raw), "[for ") {
			t.Errorf("the real one went to %v", m.To)
		}
	}
	p.run("2026-11-24", Options{})
	equal(t, "queued at the end", queuedMails(p), "")
}

func queuedMails(p *post) string { return mails(p.outbox(store.OutboxQueued)) }
