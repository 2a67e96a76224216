package triage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/triage"
)

// TestAStrangerIsOnlyOffered delivers mail that bears a patron's name, a
// library's look or a forged From: it reaches the list, is filed nowhere and
// puts nothing off, until staff say whose address it is.
func TestAStrangerIsOnlyOffered(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	const overdue = "Our overdue notice: please return the book to our library as soon as possible.\n\nThe Ecology of Tidal Marshes, Smith, due 20 November 2026\n\nInterlibrary Lending, Coastal College Library"
	b.deliver("INBOX",
		mail("name@x", "Jane Doe <jane.doe@elsewhere.example>", "Renewal", "Please renew TN 412304, The Ecology of Tidal Marshes.\n\nJane Doe"),
		mail("forged@x", "Jane Doe <"+jane+">", "Renewal", "Please renew TN 412304.", "Authentication-Results: mx.example.edu; dmarc=fail header.from=example.edu"),
		mail("away@x", "Jane Doe <jane.doe@elsewhere.example>", "Automatic reply: TN 412304", "I am away until December 20, 2026.\n\nJane Doe", "Auto-Submitted: auto-replied"),
		mail("library@x", "Lending <ill@coastal.example>", "Overdue item", overdue))
	b.take()
	for _, id := range []string{"name@x", "forged@x", "away@x", "library@x"} {
		if l := b.line(id); len(l.Transactions) > 0 || l.Verified {
			t.Errorf("%s is filed: %+v", id, l)
		}
	}
	p, err := b.db.PatronByUsername(ctx, b.office.ID, "jdoe3")
	if err != nil || !p.AwayUntil.IsZero() {
		t.Errorf("a stranger's word put the patron's notices off until %s, %v", p.AwayUntil, err)
	}
	for id, c := range map[string]store.MatchChange{"name@x": {LearnAddress: true}, "library@x": {LearnPartner: true}} {
		st, err := b.db.ReadStory(ctx, b.line(id).ID)
		if err != nil || !slices.ContainsFunc(st.Matches, func(m store.StoryMatch) bool { return m.TransactionNumber == 412304 && !m.Decided }) {
			t.Errorf("%s is not even offered: %+v, %v", id, st.Matches, err)
		}
		c.Add = []int64{412304}
		if err := b.desk.ChangeMatch(ctx, b.line(id).ID, c, b.anna); err != nil {
			t.Fatal(err)
		}
	}
	// Whom staff confirmed files by themselves from then on.
	b.deliver("INBOX",
		mail("name2@x", "Jane Doe <jane.doe@elsewhere.example>", "Renewal again", "Please renew TN 412304, The Ecology of Tidal Marshes."),
		mail("library2@x", "Lending <ill@coastal.example>", "Second notice", overdue))
	b.take()
	for _, id := range []string{"name2@x", "library2@x"} {
		if l := b.line(id); !slices.Equal(l.Transactions, []int64{412304}) {
			t.Errorf("%s is not filed: %+v", id, l)
		}
	}
}

// TestForgedBounceMarksNobody: who knows a patron's address and the subject of
// our mail cannot silence the notices by a report; nor does a dead address that
// only got a copy.
func TestForgedBounceMarksNobody(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.deliver("INBOX", mail("a@x", jane, "Renewal", "Please renew TN 412304."))
	b.take()
	l := b.line("a@x")
	id, err := b.desk.Reply(ctx, triage.ReplyInput{ConversationID: l.ID, StaffID: b.anna.StaffID, Staff: b.anna.Name, Body: "Yes.", Cc: []string{"assistant@example.edu"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ours := b.sent(id)
	report := func(id, recipient, original string) string {
		return fmt.Sprintf("From: MAILER-DAEMON@mx.example\nReturn-Path: <>\nTo: %s\nSubject: Undelivered Mail\nMessage-ID: <%s>\n"+
			"Date: %s\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nfailed\n--b\nContent-Type: message/delivery-status\n\n"+
			"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; %s\nAction: failed\nStatus: 5.1.1\n--b\nContent-Type: text/rfc822-headers\n\n"+
			"To: %s\nSubject: Re: Renewal\nMessage-ID: <%s>\n--b--\n", officeAddr, id, time.Now().Format(time.RFC1123Z), recipient, recipient, original)
	}
	forged, copied := report("forged@x", jane, "guess@healey.example.edu"), report("copied@x", "assistant@example.edu", ours)
	for _, raw := range []string{forged, copied} {
		if err := b.imap.Append("INBOX", []byte(strings.ReplaceAll(raw, "\n", "\r\n")), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	b.take()
	p, err := b.db.PatronByUsername(ctx, b.office.ID, "jdoe3")
	if err != nil || p.UndeliverableAt != nil {
		t.Errorf("the patron's address was marked: %+v, %v", p, err)
	}
	for _, id := range []string{"forged@x", "copied@x"} {
		if l := b.line(id); l.Kind != "bounce" || !l.State.Waits() {
			t.Errorf("%s is not before staff: %+v", id, l)
		}
	}
	if l := b.line("copied@x"); !strings.Contains(l.Note, "a copy for assistant@example.edu came back") {
		t.Errorf("the copy's bounce says %q", l.Note)
	}
}

// TestForeignRefStopsNothing: a colleague's verified mail in the office's name
// may carry any field; only our own mark, or Sent, stops sending.
func TestForeignRefStopsNothing(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX", mail("c@x", officeAddr, "Hello", "Hello", "Authentication-Results: mx.example.edu; dmarc=pass header.from=healey.example.edu",
		"X-Illmail-Ref: overdue.1.2026-11-20.412304.AAAAAAAAAAAAAAAA"))
	b.take()
	if o, err := b.db.EnsureOffice(t.Context(), store.Office{Code: "healey", Name: "Healey Library ILL", Address: officeAddr}); err != nil || o.SendingStopped != "" {
		t.Errorf("sending was stopped by anybody's word: %q, %v", o.SendingStopped, err)
	}
}
