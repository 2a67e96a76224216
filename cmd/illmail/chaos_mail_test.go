package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

// chaosMail is one distinct message that comes in, known by the token in its
// subject, and the thread that it belongs to.
type chaosMail struct {
	token  string
	thread int
	raw    []byte
	seen   bool     // marked read already when it arrives
	in     []string // folders, one for each copy
}

// chaosIntake makes mail and delivers it into Dovecot.
type chaosIntake struct {
	w *chaosWorld

	mu      sync.Mutex
	rnd     *rand.Rand
	mails   []chaosMail // all that are to be delivered, as made
	waiting []chaosMail // not delivered yet, shuffled
	threads int
	copies  int // delivered
}

const (
	askerTN   = 700_000 // requests that patrons write about: + thread
	overdueTN = 500_000 // requests that notices go out about
)

// newChaosIntake makes n messages, n at least 20.
func newChaosIntake(w *chaosWorld, n int) *chaosIntake {
	in := &chaosIntake{w: w, rnd: w.random(2)}
	for len(in.mails) < n {
		in.thread()
	}
	in.waiting = append([]chaosMail(nil), in.mails...)
	in.rnd.Shuffle(len(in.waiting), func(i, j int) { in.waiting[i], in.waiting[j] = in.waiting[j], in.waiting[i] })
	return in
}

func asker(thread int) string { return fmt.Sprintf("asker%d@example.edu", thread) }

// add makes one message of a thread.
func (in *chaosIntake) add(thread int, header, subject, body string) *chaosMail {
	token := fmt.Sprintf("m%06d", len(in.mails)+1)
	raw := fmt.Sprintf("From: %s\nTo: ill@healey.example.edu\nSubject: %s %s\nDate: %s\n%s\n%s\n",
		asker(thread), subject, token, time.Now().UTC().Format(time.RFC1123Z), header, body)
	m := chaosMail{token: token, thread: thread, raw: []byte(strings.ReplaceAll(raw, "\n", "\r\n")), seen: in.rnd.IntN(3) == 0, in: []string{"INBOX"}}
	switch in.rnd.IntN(12) { // the same message twice: in one folder, or moved
	case 0:
		m.in = append(m.in, "INBOX")
	case 1:
		m.in = append(m.in, "Junk")
	}
	in.mails = append(in.mails, m)
	return &in.mails[len(in.mails)-1]
}

// thread makes one more thread of one to five messages.
func (in *chaosIntake) thread() {
	in.threads++
	n := in.threads
	id := func(i int) string { return fmt.Sprintf("<thread%d.%d.%d@mail.example.edu>", n, i, in.w.seed) }
	switch in.rnd.IntN(10) {
	case 0: // no Message-ID
		in.add(n, "", "A question", "Where do I pick things up?")
		return
	case 1: // someone's machine answers something that we do not know
		in.add(n, "Message-ID: "+id(0)+"\nAuto-Submitted: auto-replied\nIn-Reply-To: <gone."+id(1)[1:]+"\n", "Automatic reply: away", "I am away until Monday.")
		return
	}
	root := id(0)
	in.add(n, "Message-ID: "+root+"\n", fmt.Sprintf("Renewal, TN %d", askerTN+n), "Could I keep this book for another two weeks, please?")
	refs := root
	for i := range in.rnd.IntN(4) {
		in.add(n, fmt.Sprintf("Message-ID: %s\nIn-Reply-To: %s\nReferences: %s\n", id(i+1), lastField(refs), refs),
			fmt.Sprintf("Re: Renewal, TN %d", askerTN+n), fmt.Sprintf("One more thing, number %d.", i+1))
		refs += " " + id(i+1)
	}
	if in.rnd.IntN(5) == 0 { // a program that uses one Message-ID again and again
		in.add(n, "Message-ID: "+root+"\n", fmt.Sprintf("Renewal, TN %d", askerTN+n), "This is another text under the same Message-ID.")
	}
}

func lastField(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

// answered makes, for some of our notices, what comes back: an auto-reply, or a
// report that it could not be delivered.
func (in *chaosIntake) answered(m mailtest.Mail) {
	in.mu.Lock()
	defer in.mu.Unlock()
	id := mailbox.Parse(m.Raw).MessageID
	switch in.rnd.IntN(20) {
	case 0:
		in.threads++
		in.waiting = append(in.waiting, *in.add(in.threads, fmt.Sprintf("Message-ID: <away.%s>\nAuto-Submitted: auto-replied\nIn-Reply-To: <%s>\n", id, id), "Automatic reply:", "I am away."))
	case 1:
		in.threads++
		header := fmt.Sprintf("Message-ID: <dsn.%s>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n", id)
		body := fmt.Sprintf("--b\nContent-Type: text/plain\n\nThe mail was not delivered.\n\n--b\nContent-Type: message/delivery-status\n\n"+
			"Reporting-MTA: dns; mx.example.edu\n\nFinal-Recipient: rfc822; %s\nAction: failed\nStatus: 5.2.1\n\n"+
			"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <%s>\nTo: %s\n\n--b--", m.To[0], id, m.To[0])
		in.waiting = append(in.waiting, *in.add(in.threads, header, "Undelivered mail", body))
	}
}

// deliver appends a few messages; false when none is left.
func (in *chaosIntake) deliver() (more bool, err error) {
	in.mu.Lock()
	n := min(len(in.waiting), 1+in.rnd.IntN(5))
	batch := in.waiting[:n]
	in.waiting = in.waiting[n:]
	in.mu.Unlock()
	for _, m := range batch {
		var flags []string
		if m.seen {
			flags = []string{`\Seen`}
		}
		for _, folder := range m.in {
			if err := in.w.dovecot.Append(folder, m.raw, time.Now(), flags...); err != nil {
				return false, err
			}
			in.mu.Lock()
			in.copies++
			in.mu.Unlock()
		}
	}
	return n > 0, nil
}

// run delivers until nothing is left, with random pauses.
func (in *chaosIntake) run(pause time.Duration) error {
	r := in.w.random(3)
	for {
		more, err := in.deliver()
		if err != nil || !more {
			return err
		}
		if !in.w.sleep(nil, between(r, 0, 2*pause)) {
			return errBound
		}
	}
}

func (in *chaosIntake) delivered() (mails []chaosMail, copies int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]chaosMail(nil), in.mails...), in.copies
}

// transactions is an export with the requests of all askers, and of the
// patrons from first up to last, who have overdue items: every fifth two.
func (in *chaosIntake) transactions(today, yesterday, later string, first, last int) string {
	var b strings.Builder
	b.WriteString("transaction_number,username,first_name,last_name,email,status,title,due_date,status_date,renewals_allowed\n")
	line := func(tn int, user, due string) {
		fmt.Fprintf(&b, "%d,%s,Jo,%s,%s@example.edu,Checked Out to Customer,Title %d,%s,%s,Yes\n", tn, user, strings.ToUpper(user), user, tn, due, today)
	}
	if first == 0 {
		for n := 1; n <= in.threads; n++ {
			line(askerTN+n, fmt.Sprintf("asker%d", n), later)
		}
	}
	for n := first; n < last; n++ {
		user := fmt.Sprintf("late%d", n)
		for i := range loans(n) {
			line(overdueTN+2*n+i, user, yesterday)
		}
	}
	return b.String()
}

// loans is how many items patron n has overdue: one mail tells of all.
func loans(n int) int {
	if n%5 == 0 {
		return 2
	}
	return 1
}
