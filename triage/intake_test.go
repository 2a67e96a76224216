package triage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"illmail/store"
	"illmail/triage"
)

func TestMailReachesTheList(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX", mail("a@example.edu", "Jane Doe <"+jane+">", "TN 412304", "Hello,\n\ncan I renew TN 412304 for two more weeks?\n\nThanks, Jane"))
	if n := b.take(); n != 1 {
		t.Fatalf("filed %d", n)
	}
	l := b.line("a@example.edu")
	if l.Kind != "patron" || l.Intent != "renewal" || l.State != store.ItemNew || l.From != jane || !slices.Equal(l.Transactions, []int64{412304}) || !l.Verified {
		t.Errorf("the line is %+v", l)
	}
	if want := start.Add(time.Minute); !l.WaitingSince.Equal(want) {
		t.Errorf("waiting since %v, want %v", l.WaitingSince, want)
	}
}

// TestNothingIsDropped delivers mail of every odd kind: each message is in a
// conversation or kept aside afterwards, and seeing the folder again under
// other numbers changes nothing.
func TestNothingIsDropped(t *testing.T) {
	b := newBench(t)
	nested := "From: x@example.edu\nMessage-ID: <nested@x>\n"
	for i := range 500 {
		nested += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	var fields strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&fields, "X-%d: x\n", i)
	}
	odd := []string{
		"\n",
		"no header at all",
		"garbage header line\nSubject: half\n\nbody",
		mail("", jane, "no id", "renew please"),
		mail("", jane, "no id", "renew please, again"),
		mail("reused@x", jane, "one", "first"),
		mail("reused@x", jane, "two", "second"),
		mail(strings.Repeat("long", 2000)+"@x", jane, strings.Repeat("very long ", 10_000), "long"),
		mail("refs@x", jane, "chain", "chain", "References: "+strings.Repeat("<r@x> <", 3000)),
		mail("charset@x", jane, "=?x-unknown?B?////?=", "\xff\xfe\x00", "X-Note: \xe9\x00"),
		mail("null@x", "MAILER-DAEMON@example.org", "Undelivered Mail", "could not be delivered", "Return-Path: <>"),
		mail("auto@x", jane, "Out of office", "I am away until January 5, 2027.", "Auto-Submitted: auto-replied"),
		mail("list@x", "news@vendor.example", "Our newsletter", "buy", "List-Id: <news.vendor.example>", "Precedence: bulk", "List-Unsubscribe: <https://vendor.example>"),
		mail("thanks@x", jane, "Thank you", "Thank you so much, that was quick!"),
		nested,
		"From: fields@example.edu\nMessage-ID: <fields@x>\n" + fields.String() + "\nbody",
	}
	b.deliver("INBOX", odd...)
	b.take()
	check := func() {
		t.Helper()
		shown := 0
		for _, l := range b.list() {
			shown += l.Messages
		}
		aside, err := b.db.ListKeptAside(t.Context(), b.office.ID, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(aside) > 0 {
			t.Errorf("kept aside: %d, the first because %q", len(aside), aside[0].Problem)
		}
		if shown+len(aside) != len(odd) {
			t.Errorf("%d in conversations and %d kept aside of %d", shown, len(aside), len(odd))
		}
	}
	check()
	b.imap.SetUIDValidity(99)
	b.take()
	check()
	day := store.DateOf(start, time.UTC)
	rows, err := b.db.Ledger(t.Context(), b.office.ID, day, day.AddDays(1), time.UTC)
	if err != nil || len(rows) == 0 {
		t.Fatal(rows, err)
	}
	for _, r := range rows {
		if !r.Balanced {
			t.Errorf("the ledger does not balance: %+v", r)
		}
	}
}

func (b *bench) list() []store.QueueLine {
	b.t.Helper()
	list, err := b.db.QueueLines(b.t.Context(), store.QueueQuery{States: allStates, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func TestFreshMailOnOneRequestComesTogether(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX",
		mail("a@x", jane, "renewal", "Please renew TN 412304."),
		mail("b@x", jane, "my book", "Did you get my question? It is about TN 412304, I would like to renew it."),
		mail("c@x", jane, "another", "Where is TN 412522? When will it come?"),
		mail("d@x", "mallory@elsewhere.example", "renewal", "Please cancel TN 412304 now."))
	b.take()
	if n := len(b.list()); n != 3 {
		t.Fatalf("%d conversations, want 3: %+v", n, b.list())
	}
	if l := b.line("b@x"); l.Messages != 2 {
		t.Errorf("the second mail is in %+v", l)
	}
	if l := b.line("d@x"); len(l.Transactions) != 0 || l.Verified {
		t.Errorf("a stranger's mail is filed on %v, verified %v", l.Transactions, l.Verified)
	}
	// Once it is closed, new mail opens a conversation of its own.
	if err := b.desk.Close(t.Context(), b.line("b@x").ID, 0, b.anna, ""); err != nil {
		t.Fatal(err)
	}
	b.deliver("INBOX", mail("e@x", jane, "again", "Please renew TN 412304 once more."))
	b.take()
	if l := b.line("e@x"); l.Messages != 1 || l.State != store.ItemNew {
		t.Errorf("after closing: %+v", l)
	}
}

func TestThreadByOurMessageID(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX", mail("a@x", jane, "Renewal", "Please renew TN 412304."))
	b.take()
	first := b.line("a@x")
	ours := b.sent(b.reply(first, "We asked the lender."))
	if l := b.line("a@x"); l.State != store.ItemWaitingPatron || l.AssignedTo != "anna" {
		t.Errorf("after the reply: %+v", l)
	}
	b.deliver("INBOX", mail("auto@x", jane, "Out of office", "I am away until January 5, 2027.", "Auto-Submitted: auto-replied", "In-Reply-To: <"+ours+">"))
	b.take()
	if l := b.line("auto@x"); l.ID != first.ID || l.State != store.ItemWaitingPatron || l.Messages != 2 {
		t.Errorf("after an auto-reply: %+v", l)
	}
	p, err := b.db.PatronByUsername(t.Context(), b.office.ID, "jdoe3")
	if err != nil || p.AwayUntil != store.NewDate(2027, 1, 5) {
		t.Errorf("away until %v, %v", p.AwayUntil, err)
	}
	b.deliver("INBOX", mail("b@x", jane, "Something else entirely", "Has the lender answered? When is it due now?", "In-Reply-To: <"+ours+">"))
	b.take()
	if l := b.line("b@x"); l.ID != first.ID || l.State != store.ItemOpen {
		t.Errorf("after a question: %+v", l)
	}
	// A stranger who knows the id joins the thread, and is marked.
	b.deliver("INBOX", mail("m@x", "mallory@elsewhere.example", "Re: Renewal", "Please send the status of TN 412304 to me.", "In-Reply-To: <"+ours+">"))
	b.take()
	if l := b.line("m@x"); l.Verified {
		t.Errorf("a stranger is verified: %+v", l)
	}
}

const bounce = `From: MAILER-DAEMON@mx.example.edu
To: ill@healey.example.edu
Subject: Undelivered Mail Returned to Sender
Message-ID: <%[1]s>
Return-Path: <>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your message could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.edu

Final-Recipient: rfc822; jdoe3@example.edu
Action: %[3]s
Status: %[4]s
Diagnostic-Code: smtp; 550 no such user

--b
Content-Type: text/rfc822-headers

From: ill@healey.example.edu
To: jdoe3@example.edu
Subject: Re: Renewal
Message-ID: <%[2]s>

--b--
`

func TestBounceIsTiedToTheMail(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX", mail("a@x", jane, "Renewal", "Please renew TN 412304."))
	b.take()
	reply := b.reply(b.line("a@x"), "We asked the lender.")
	ours := b.sent(reply)
	b.deliver("INBOX", fmt.Sprintf(bounce, "late@mx", ours, "delayed", "4.4.1"))
	b.take()
	if l := b.line("late@mx"); l.Kind != "bounce" || l.State != store.ItemDone {
		t.Errorf("a delay warning: %+v", l)
	}
	p, _ := b.db.PatronByUsername(t.Context(), b.office.ID, "jdoe3")
	if p.UndeliverableAt != nil {
		t.Error("a delay marked the address")
	}
	b.deliver("INBOX", fmt.Sprintf(bounce, "dead@mx", ours, "failed", "5.1.1"))
	b.take()
	l := b.line("dead@mx")
	if l.Kind != "bounce" || !l.State.Waits() || !strings.Contains(l.Note, "reach this patron another way") || !slices.Equal(l.Transactions, []int64{412304}) {
		t.Errorf("a failure: %+v", l)
	}
	if a := b.line("a@x"); a.ID == l.ID || a.State != store.ItemWaitingPatron {
		t.Errorf("the patron's conversation: %+v", a)
	}
	if p, _ = b.db.PatronByUsername(t.Context(), b.office.ID, "jdoe3"); p.UndeliverableAt == nil {
		t.Error("the address is not marked")
	}
	m, err := b.db.OutboxMail(t.Context(), reply)
	if err != nil || m.BouncedAt == nil || m.BounceStatus != "5.1.1" {
		t.Errorf("the mail: %+v, %v", m, err)
	}
}

func TestAnswersInSent(t *testing.T) {
	b := newBench(t)
	answer := func(id, to, refs string) string {
		return "From: Healey ILL <" + officeAddr + ">\nTo: " + to + "\nSubject: Re: Renewal\nMessage-ID: <" + id + ">\nIn-Reply-To: <" + refs + ">\n\nDone.\n"
	}
	b.deliver("INBOX", mail("a@x", jane, "Renewal", "Please renew TN 412304."), mail("b@x", "asmith@example.edu", "Question", "Where is TN 412777?"))
	b.deliver("Sent", answer("a1@o", jane, "a@x"), answer("b1@o", "circ@example.edu", "b@x"))
	b.take()
	if l := b.line("a@x"); l.State != store.ItemWaitingPatron || l.Messages != 2 {
		t.Errorf("answered in Outlook: %+v", l)
	}
	if l := b.line("b@x"); l.State != store.ItemNew || l.Messages != 2 {
		t.Errorf("forwarded to a colleague: %+v", l)
	}
	// A forged From in the inbox is no answer; a blind copy that our own host vouches for is.
	b.deliver("INBOX", answer("forged@o", "asmith@example.edu", "b@x"))
	b.take()
	if l := b.line("forged@o"); !l.State.Waits() {
		t.Errorf("a forged answer took it off the list: %+v", l)
	}
	b.deliver("INBOX", "Authentication-Results: mx.example.edu; dkim=pass header.d=healey.example.edu; spf=pass smtp.mailfrom=healey.example.edu; dmarc=pass header.from=healey.example.edu\n"+
		answer("bcc@o", "asmith@example.edu", "forged@o"))
	b.take()
	if l := b.line("forged@o"); l.State != store.ItemWaitingPatron {
		t.Errorf("after a blind copy: %+v", l)
	}
}

func TestUnknownMailOfOursStopsSending(t *testing.T) {
	b := newBench(t)
	b.deliver("Sent", "From: "+officeAddr+"\nTo: "+jane+"\nSubject: Overdue\nMessage-ID: <lost@o>\nX-Illmail-Ref: overdue.1.2026-11-20.412304.abcdef\n\nIt is overdue.\n")
	b.take()
	o, err := b.db.Office(t.Context(), "healey")
	if err != nil || o.SendingStopped == "" {
		t.Errorf("sending goes on: %+v, %v", o, err)
	}
}

func TestRunFilesWhatArrives(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.in.Run(ctx) }()
	changes := b.db.Listen(ctx)
	b.deliver("INBOX", mail("a@x", jane, "Renewal", "Please renew TN 412304."))
	// Another process stores it: only NOTIFY tells the one that runs.
	b.store(&triage.Intake{DB: b.db, Office: b.in.Office})
	for range changes {
		if len(b.list()) == 1 { // at whatever change it is seen
			break
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	for range changes {
	}
}

// TestTwoDaemonsFileTogether lets three intakes store and file the same mail at
// once: every message is there once, and each thread is one conversation.
func TestTwoDaemonsFileTogether(t *testing.T) {
	b := newBench(t)
	const threads, each = 4, 6
	for n := range threads * each {
		thread, i := n%threads, n/threads
		header := []string{}
		if i > 0 {
			header = append(header, fmt.Sprintf("In-Reply-To: <t%d.%d@x>", thread, i-1))
		}
		b.deliver("INBOX", mail(fmt.Sprintf("t%d.%d@x", thread, i), fmt.Sprintf("p%d@example.edu", thread), "Question", fmt.Sprint("May I ask something? ", n), header...))
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			in := &triage.Intake{DB: b.db, Office: b.in.Office, RetryAfter: time.Millisecond}
			b.store(in)
			if _, err := in.FileStored(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.file()
	list := b.list()
	if len(list) != threads {
		t.Errorf("%d conversations, want %d", len(list), threads)
	}
	for _, l := range list {
		if l.Messages != each {
			t.Errorf("%s has %d messages, want %d", l.MessageID, l.Messages, each)
		}
	}
}
