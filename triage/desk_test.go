package triage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/triage"
)

func (b *bench) prepared(l store.QueueLine, letter string) triage.PreparedReply {
	b.t.Helper()
	p, err := b.desk.Prepared(b.t.Context(), l.ID, letter, "Anna", start)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func TestReplyGoesToTheSender(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX",
		mail("same@x", jane, "One", "Please renew TN 412304.", "Reply-To: jane.doe@example.edu"),
		mail("other@x", jane, "Two", "Where is TN 412522?", "Reply-To: mallory@elsewhere.example"),
		mail("own@x", "asmith@example.edu", "Three", "Please renew TN 412777.", "Reply-To: "+officeAddr))
	b.take()
	for id, want := range map[string]string{"same@x": "jane.doe@example.edu", "other@x": jane, "own@x": "asmith@example.edu"} {
		r, err := b.desk.Recipient(t.Context(), b.line(id).ID)
		if err != nil || r.Addr != want {
			t.Errorf("an answer to %s goes to %s, want %s; %v", id, r.Addr, want, err)
		}
	}
}

func TestReply(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.deliver("INBOX", mail("root@x", jane, "Renewal", "Please renew TN 412304."),
		mail("a@x", jane, "Re: Renewal\t ", "And when is TN 412304 due now?", "In-Reply-To: <root@x>", "References: <older@x> <root@x>"))
	b.take()
	l := b.line("a@x")
	in := triage.ReplyInput{ConversationID: l.ID, StaffID: b.anna.StaffID, Staff: b.anna.Name, Body: "Yes.",
		Subject: "Hello\r\nBcc: victim@example.org\r\n\r\nbody", Then: store.ItemDone}
	for what, change := range map[string]func(*triage.ReplyInput){
		"an empty reply":         func(in *triage.ReplyInput) { in.Body = " \n" },
		"a stranger":             func(in *triage.ReplyInput) { in.To = "mallory@elsewhere.example" },
		"a broken Cc":            func(in *triage.ReplyInput) { in.Cc = []string{"x@example.edu>\r\nBcc: victim@example.org"} },
		"a state that is no end": func(in *triage.ReplyInput) { in.Then = store.ItemNew },
	} {
		bad := in
		change(&bad)
		if _, err := b.desk.Reply(ctx, bad, time.Now()); err == nil {
			t.Errorf("%s was queued", what)
		}
	}
	id, err := b.desk.Reply(ctx, in, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.db.OutboxMail(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if m.Recipient != jane || m.InReplyTo != "a@x" || strings.Join(m.Refs, " ") != "older@x root@x a@x" || strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("the reply is %+v", m)
	}
	if !strings.HasSuffix(m.MessageID, "@healey.example.edu") || m.Ref == "" {
		t.Errorf("Message-ID %q, ref %q", m.MessageID, m.Ref)
	}
	if l := b.line("a@x"); l.State != store.ItemDone {
		t.Errorf("the item is %s", l.State)
	}
	// A second click, with what the first one saw, sends nothing.
	if _, err := b.desk.Reply(ctx, in, time.Now()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second click: %v", err)
	}
	if err := b.desk.UndoReply(ctx, id, b.anna); err != nil {
		t.Fatal(err)
	}
	if l := b.line("a@x"); l.State != store.ItemOpen {
		t.Errorf("after the undo the item is %s", l.State)
	}
	in.Subject = ""
	again, err := b.desk.Reply(ctx, in, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	n, err := b.db.OutboxMail(ctx, again)
	if err != nil || n.Subject != "Re: Renewal" || n.MessageID == m.MessageID || n.Ref == m.Ref {
		t.Errorf("the second reply is %+v, %v", n, err)
	}
}

func TestPreparedFollowsTheRecords(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX",
		mail("a@x", jane, "Renewal", "Can I please renew TN 412304 for two more weeks?"),
		mail("b@x", "asmith@example.edu", "Renewal", "Can I please renew TN 412777 for two more weeks?"),
		mail("c@x", jane, "Cancel", "Please cancel my request TN 412522, I no longer need it."))
	b.take()
	for id, want := range map[string]struct{ letter, title string }{
		"a@x": {"reply-renewal-asked", "Tidal Marshes"},
		"b@x": {"reply-renewal-not-possible", "Secrets of the Deep"},
		"c@x": {"reply-cancel-confirmed", "Gothic Stained Glass"},
	} {
		p := b.prepared(b.line(id), "")
		if p.Template != want.letter || !strings.Contains(p.Body, want.title) || !strings.HasPrefix(p.Subject, "Re: ") || !strings.Contains(p.Body, "Anna") {
			t.Errorf("%s: %+v, want %s about %s", id, p, want.letter, want.title)
		}
	}
	if p := b.prepared(b.line("a@x"), "reply-fees"); p.Template != "reply-fees" || !strings.Contains(p.Body, "cost") {
		t.Errorf("a letter by choice: %+v", p)
	}
}

// TestPreparedTellsNoStranger files a stranger's mail on a request, as staff
// would to deal with it: nothing of the request or its patron is in the answer.
func TestPreparedTellsNoStranger(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX", mail("m@x", "M. Allory <mallory@elsewhere.example>", "Status", "Where is TN 412304? When is it due?"))
	b.take()
	l := b.line("m@x")
	if l.Verified {
		t.Errorf("the stranger is verified: %+v", l)
	}
	if err := b.desk.ChangeMatch(t.Context(), l.ID, store.MatchChange{Add: []int64{412304, 412777}}, b.anna); err != nil {
		t.Fatal(err)
	}
	for _, letter := range []string{"", "reply-status", "reply-renewal-asked", "reply-other"} {
		p := b.prepared(l, letter)
		for _, secret := range []string{"Tidal", "412304", "412777", "Secrets of the Deep", "November", "Jane"} {
			if strings.Contains(p.Body, secret) {
				t.Errorf("%s tells a stranger %q:\n%s", p.Template, secret, p.Body)
			}
		}
		if p.To.Verified {
			t.Errorf("the stranger is verified: %+v", p.To)
		}
	}
	// Once staff say that the address is the patron's, their requests may be told, and nobody else's.
	if err := b.desk.ChangeMatch(t.Context(), l.ID, store.MatchChange{Add: []int64{412304}, LearnAddress: true}, b.anna); err != nil {
		t.Fatal(err)
	}
	p := b.prepared(l, "reply-status")
	if !p.To.Verified || !strings.Contains(p.Body, "Tidal") || strings.Contains(p.Body, "Secrets of the Deep") {
		t.Errorf("after the address was learned: %+v", p)
	}
}

func TestClaimOutcomeAndLabels(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.deliver("INBOX", mail("a@x", jane, "Overdue", "I returned TN 412304 two weeks ago at the desk."))
	b.take()
	l := b.line("a@x")
	st, err := b.db.ReadStory(ctx, l.ID)
	if err != nil || len(st.Matches) == 0 {
		t.Fatal(st, err)
	}
	if err := b.desk.ConfirmOutcome(ctx, st.Matches[0].TransactionID, "found", b.anna); err != nil {
		t.Error(err)
	}
	if err := b.desk.ConfirmOutcome(ctx, st.Matches[0].TransactionID, "perhaps", b.anna); err == nil {
		t.Error("an unknown outcome was recorded")
	}
	for _, err := range []error{
		b.desk.Label(ctx, l.ID, " shelves ", b.anna),
		b.desk.Note(ctx, l.ID, "Looked on the shelf.", b.anna),
		b.desk.CorrectIntent(ctx, st.Messages[0].ID, "patron", "returned_claim", b.anna),
		b.desk.Snooze(ctx, l.ID, st.Messages[0].ID, start.Add(time.Hour), b.anna),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if st, _ = b.db.ReadStory(ctx, l.ID); st.Conversation.Label != "shelves" || len(st.Notes) != 1 || st.Conversation.State != "snoozed" || st.Conversation.Intent != "returned_claim" {
		t.Errorf("the conversation is %+v", st.Conversation)
	}
	if err := b.desk.Reopen(ctx, l.ID, b.anna, "", start); err != nil {
		t.Error(err)
	}
	if l = b.line("a@x"); l.State != store.ItemOpen || !l.WaitingSince.Equal(start.Add(time.Minute)) {
		t.Errorf("after opening again: %+v", l)
	}
}
