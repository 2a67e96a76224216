package main

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

// badSMTP is a submission service that hangs up before and after the final dot
// has counted, answers 4xx and 5xx, and takes its time. It counts what it took.
type badSMTP struct {
	w       *chaosWorld
	servers []*mailtest.SMTP
	gate    sync.RWMutex // held by a test while no mail shall go

	mu       sync.Mutex
	rnd      *rand.Rand
	calm     bool
	did      map[string]int      // mischief, by its kind
	accepted map[string]int      // by Message-ID
	mails    []*mailbox.Message  // as accepted, in order
	onNotice func(mailtest.Mail) // told of each notice that was accepted; may be nil
}

func newBadSMTP(w *chaosWorld) *badSMTP {
	return &badSMTP{w: w, rnd: w.random(1), did: map[string]int{}, accepted: map[string]int{}}
}

// start starts one more server of the service.
func (b *badSMTP) start(t *testing.T) *mailtest.SMTP {
	s := mailtest.StartSMTP(t, mailtest.SMTPOptions{Script: b.script, Deliver: b.deliver})
	b.servers = append(b.servers, s)
	return s
}

func (b *badSMTP) script(at mailtest.Stage, m mailtest.Mail) (v mailtest.Verdict) {
	if at == mailtest.AtMail {
		b.gate.RLock()
		b.gate.RUnlock() //lint:ignore SA2001 whoever holds the gate is waited for
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calm {
		return v
	}
	chance := b.rnd.Float64()
	do := func(what string, p float64, verdict mailtest.Verdict) {
		if chance >= 0 && chance < p {
			b.did[what]++
			v = verdict
		}
		chance -= p
	}
	switch at {
	case mailtest.AtMail:
		do("4xx to MAIL", 0.03, mailtest.Verdict{Code: 421, Text: "4.3.2 too busy"})
		do("hang-up at MAIL", 0.02, mailtest.Verdict{HangUp: true})
	case mailtest.AtRcpt:
		do("4xx to RCPT", 0.03, mailtest.Verdict{Code: 451, Text: "4.7.1 greylisted"})
		do("5xx to RCPT", 0.02, mailtest.Verdict{Code: 550, Text: "5.1.1 no such user"})
	case mailtest.AtData:
		do("hang-up before the dot", 0.04, mailtest.Verdict{HangUp: true})
	case mailtest.AtDot:
		do("hang-up at the dot, mail lost", 0.04, mailtest.Verdict{HangUp: true})
		do("hang-up after the dot, mail taken", 0.06, mailtest.Verdict{HangUp: true, Keep: true})
		do("4xx to the mail", 0.03, mailtest.Verdict{Code: 452, Text: "4.3.1 no space"})
		do("5xx to the mail", 0.01, mailtest.Verdict{Code: 554, Text: "5.7.1 we do not like it"})
		do("delay", 0.25, mailtest.Verdict{Delay: time.Duration(b.rnd.Int64N(int64(300 * time.Millisecond)))})
	}
	return v
}

// deliver counts an accepted mail, and files it in Sent where the service does.
func (b *badSMTP) deliver(m mailtest.Mail) error {
	parsed := mailbox.Parse(m.Raw)
	b.mu.Lock()
	b.accepted[parsed.MessageID]++
	b.mails = append(b.mails, parsed)
	onNotice := b.onNotice
	b.mu.Unlock()
	if onNotice != nil && parsed.Get("Auto-Submitted") != "" {
		onNotice(m)
	}
	if !b.w.files {
		return nil
	}
	return b.w.dovecot.Append("Sent", m.Raw, time.Now(), `\Seen`)
}

func (b *badSMTP) calmDown() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calm = true
}

// taken is how many mails were accepted so far.
func (b *badSMTP) taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mails)
}

// letters returns what was accepted so far.
func (b *badSMTP) letters() []*mailbox.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*mailbox.Message(nil), b.mails...)
}
