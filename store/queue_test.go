package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"illmail/store"
	"illmail/store/storetest"
)

func newStaff(t testing.TB, db *store.DB, name string) store.Actor {
	t.Helper()
	s, err := db.AddStaff(t.Context(), store.Staff{Username: name, FullName: strings.ToUpper(name[:1]) + name[1:], Role: store.RoleStaff}, "")
	if err != nil {
		t.Fatal(err)
	}
	return store.Actor{StaffID: s.ID, Name: s.Username}
}

var answers int

// answer is a reply to a conversation as it is now.
func (in *inbox) answer(conv int64, who store.Actor, seen, seenReply int64) (int64, error) {
	answers++
	return in.db.AnswerConversation(in.t.Context(), store.Answer{
		NewReply: store.NewReply{OfficeID: in.office.ID, ConversationID: conv, StaffID: who.StaffID, Staff: who.Name, Recipient: "jdoe@example.edu",
			Subject: "Re: x", BodyText: "Yes.", MessageID: fmt.Sprintf("answer%d@x", answers), NotBefore: time.Now().Add(time.Hour), SeenMessageID: seen},
		SeenReplyID: seenReply, Then: store.ItemWaitingPatron,
	})
}

func TestTwoColleagues(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	ctx := t.Context()
	anna, ben := newStaff(t, db, "anna"), newStaff(t, db, "ben")
	conv := in.put(noon, ask("a@x")).ConversationID
	seen := *in.item(conv).LastMessageID

	if err := db.Assign(ctx, conv, anna.StaffID, 0, anna); err != nil {
		t.Fatal(err)
	}
	if err := db.Assign(ctx, conv, ben.StaffID, 0, ben); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Ben took what Anna has: %v", err)
	}
	if err := db.Assign(ctx, conv, ben.StaffID, anna.StaffID, ben); err != nil {
		t.Errorf("Ben takes over: %v", err)
	}
	if q := in.item(conv); q.State != store.ItemOpen || *q.AssignedTo != ben.StaffID {
		t.Errorf("the item is %+v", q)
	}

	// Both answer at once: one goes.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, who := range []store.Actor{anna, ben} {
		wg.Go(func() { _, errs[i] = in.answer2(conv, who, seen, i) })
	}
	wg.Wait()
	slices.SortFunc(errs, func(a, b error) int {
		if a == nil {
			return -1
		}
		return 1
	})
	if errs[0] != nil || !errors.Is(errs[1], store.ErrConflict) || !strings.Contains(errs[1].Error(), "has answered meanwhile") {
		t.Errorf("two answers at once: %v", errs)
	}

	// A newer message, and an answer from Outlook, are said.
	conv = in.put(noon, ask("b@x")).ConversationID
	seen = *in.item(conv).LastMessageID
	in.put(noon.Add(time.Minute), ask("c@x", "b@x"))
	if _, err := in.answer(conv, anna, seen, 0); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "a newer message of jdoe@example.edu") {
		t.Errorf("a newer message: %v", err)
	}
	if err := db.CloseConversation(ctx, conv, seen, anna, ""); !errors.Is(err, store.ErrConflict) {
		t.Errorf("closing over a newer message: %v", err)
	}
	seen = *in.item(conv).LastMessageID
	in.put(noon.Add(2*time.Minute), store.Filing{Out: true, MessageID: "d@x", FromAddr: "ill@healey.example.edu", FromName: "Carla", To: []string{"jdoe@example.edu"}, Refs: []string{"c@x"}})
	if _, err := in.answer(conv, anna, seen, 0); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "Carla has answered outside") {
		t.Errorf("an answer from Outlook: %v", err)
	}
	// An auto-reply is no reason to stop.
	seen = *in.item(conv).LastMessageID
	in.put(noon.Add(3*time.Minute), autoReply("e@x", "d@x"))
	if _, err := in.answer(conv, anna, seen, 0); err != nil {
		t.Errorf("after an auto-reply: %v", err)
	}
}

// answer2 is answer with an id of its own for each caller.
func (in *inbox) answer2(conv int64, who store.Actor, seen int64, n int) (int64, error) {
	return in.db.AnswerConversation(in.t.Context(), store.Answer{
		NewReply: store.NewReply{OfficeID: in.office.ID, ConversationID: conv, StaffID: who.StaffID, Staff: who.Name, Recipient: "jdoe@example.edu",
			Subject: "Re: x", BodyText: "Yes.", MessageID: fmt.Sprintf("both%d@x", n), NotBefore: time.Now().Add(time.Hour), SeenMessageID: seen},
		Then: store.ItemDone,
	})
}

func TestUndoBringsBackTheListAndTheDraft(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	anna := newStaff(t, db, "anna")
	conv := in.put(noon, ask("a@x")).ConversationID
	id, err := in.answer(conv, anna, *in.item(conv).LastMessageID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if q := in.item(conv); q.State != store.ItemWaitingPatron || *q.AssignedTo != anna.StaffID {
		t.Errorf("after the answer: %+v", q)
	}
	if err := db.UndoReply(t.Context(), id, anna.Name); err != nil {
		t.Fatal(err)
	}
	if err := db.UndoReply(t.Context(), id, anna.Name); !errors.Is(err, store.ErrConflict) {
		t.Errorf("undoing twice: %v", err)
	}
	st, err := db.ReadStory(t.Context(), conv)
	if err != nil {
		t.Fatal(err)
	}
	if q := in.item(conv); q.State != store.ItemOpen || !q.WaitingSince.Equal(noon) {
		t.Errorf("after the undo: %+v", q)
	}
	if len(st.Drafts) != 1 || st.Drafts[0].Body != "Yes." {
		t.Errorf("drafts: %+v", st.Drafts)
	}
}

func TestSplitAndMerge(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	ctx := t.Context()
	anna := newStaff(t, db, "anna")
	conv := in.put(noon, ask("a@x")).ConversationID
	in.put(noon.Add(time.Minute), ask("b@x", "a@x"))
	st, err := db.ReadStory(ctx, conv)
	if err != nil {
		t.Fatal(err)
	}
	all := []int64{st.Messages[0].ID, st.Messages[1].ID}
	if _, err := db.SplitConversation(ctx, conv, all, anna); !errors.Is(err, store.ErrConflict) {
		t.Errorf("splitting all away: %v", err)
	}
	fresh, err := db.SplitConversation(ctx, conv, all[1:], anna)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := in.item(conv), in.item(fresh); a.State != store.ItemNew || b.State != store.ItemOpen || !b.WaitingSince.Equal(noon.Add(time.Minute)) {
		t.Errorf("after the split: %+v, %+v", a, b)
	}
	// A later answer names both; it follows the nearest and joins nothing.
	if got := in.put(noon.Add(2*time.Minute), ask("c@x", "b@x", "a@x")).ConversationID; got != fresh {
		t.Errorf("filed in %d, want %d", got, fresh)
	}
	if got := in.put(noon.Add(3*time.Minute), ask("d@x", "a@x")).ConversationID; got != conv {
		t.Errorf("filed in %d, want %d", got, conv)
	}
	if err := db.CloseConversation(ctx, conv, 0, anna, ""); err != nil {
		t.Fatal(err)
	}
	won, err := db.MergeConversations(ctx, fresh, conv, anna)
	if err != nil || won != conv {
		t.Fatalf("merged into %d, %v", won, err)
	}
	if q := in.item(conv); q.State != store.ItemOpen {
		t.Errorf("after the merge: %+v", q)
	}
	if now, _ := db.ConversationOf(ctx, fresh); now != conv {
		t.Errorf("the old link leads to %d", now)
	}
	if err := db.CloseConversation(ctx, fresh, 0, anna, ""); !errors.Is(err, store.ErrConflict) {
		t.Errorf("acting on what was joined: %v", err)
	}
	if got := in.put(noon.Add(4*time.Minute), ask("e@x", "c@x")).ConversationID; got != conv {
		t.Errorf("after the merge filed in %d", got)
	}
}

func TestTwoPatronsAreNotJoined(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	mustImport(t, db, in.office.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "asmith"))
	a, b := ask("a@x"), ask("b@x")
	a.Username, b.Username = "jdoe", "ASmith"
	first, second := in.put(noon, a).ConversationID, in.put(noon, b).ConversationID
	both := ask("c@x", "b@x", "a@x")
	if got := in.put(noon, both).ConversationID; got != second {
		t.Errorf("filed in %d, want the nearest, %d", got, second)
	}
	if now, _ := db.ConversationOf(t.Context(), second); now == first {
		t.Error("the mail of two patrons was joined")
	}
}

func TestChangeMatchAndCorrect(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	ctx := t.Context()
	anna := newStaff(t, db, "anna")
	mustImport(t, db, in.office.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "asmith"))
	f := ask("a@x")
	f.FromAddr = "Amy@home.example"
	f.Matches = []store.FilingMatch{{TransactionNumber: 1001, Score: 0.9, Decided: true}, {TransactionNumber: 1002, Score: 0.2}, {TransactionNumber: 9, Score: 0.2}}
	conv := in.put(noon, f).ConversationID
	filed := func() []int64 {
		t.Helper()
		lines, err := db.QueueLines(ctx, store.QueueQuery{})
		if err != nil {
			t.Fatal(err)
		}
		return lines[0].Transactions
	}
	if got := filed(); !slices.Equal(got, []int64{1001}) {
		t.Errorf("filed on %v", got)
	}
	if err := db.ChangeMatch(ctx, conv, store.MatchChange{Add: []int64{77}}, anna); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("filing on no request: %v", err)
	}
	if err := db.ChangeMatch(ctx, conv, store.MatchChange{Add: []int64{1002}, Remove: []int64{1001}, LearnAddress: true}, anna); err != nil {
		t.Fatal(err)
	}
	if got := filed(); !slices.Equal(got, []int64{1002}) {
		t.Errorf("filed on %v", got)
	}
	p, _ := db.PatronByUsername(ctx, in.office.ID, "asmith")
	if addrs, _ := db.PatronAddresses(ctx, p.ID); !slices.Equal(addrs, []string{"amy@home.example"}) {
		t.Errorf("addresses learned: %v", addrs)
	}
	st, _ := db.ReadStory(ctx, conv)
	if st.Conversation.PatronID == nil || *st.Conversation.PatronID != p.ID {
		t.Errorf("the conversation is of patron %v", st.Conversation.PatronID)
	}
	if err := db.CorrectReading(ctx, st.Messages[0].ID, "patron", "cancel", anna); err != nil {
		t.Fatal(err)
	}
	if q := in.item(conv); q.Intent != "cancel" || !slices.Equal(q.Intents, []string{"cancel"}) {
		t.Errorf("after the correction: %+v", q)
	}
	cs, err := db.Corrections(ctx, in.office.ID)
	if err != nil || len(cs) != 1 || cs[0].WasIntent != "renewal" || cs[0].Intent != "cancel" {
		t.Errorf("corrections: %+v, %v", cs, err)
	}
}

// Staff say of a library's mail whose it is: the lender learns the address, never
// the patron whose request it is about, and nobody takes an address that is another's.
func TestLendersAddressIsLearned(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	ctx := t.Context()
	anna := newStaff(t, db, "anna")
	r := row(1001, "jdoe")
	r.Transaction.LendingLibrary = "LDV"
	mustImport(t, db, in.office.ID, store.ImportOptions{}, r)
	for i, c := range []struct{ kind, from, symbol string }{
		{"partner", "ill@ldv.example", "LDV"}, {"partner", "ILL@ldv.example", "LDV"}, {"system", "no-reply@oclc.example", ""},
		{"partner", in.office.Address, "none"}, {"partner", "jdoe@example.edu", "none"},
	} {
		f := ask(fmt.Sprintf("l%d@x", i))
		f.Kind, f.FromAddr, f.Username, f.Matches = c.kind, c.from, "", nil
		conv := in.put(noon, f).ConversationID
		if err := db.ChangeMatch(ctx, conv, store.MatchChange{Add: []int64{1001}, LearnPartner: true}, anna); err != nil {
			t.Fatal(err)
		}
		found, err := db.LendersByAddress(ctx, in.office.ID, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if c.symbol == "none" && len(found) > 0 || c.symbol != "none" && (len(found) != 1 || found[0].Symbol != c.symbol) {
			t.Errorf("%s from %s: %+v", c.kind, c.from, found)
		}
	}
	p, err := db.PatronByUsername(ctx, in.office.ID, "jdoe")
	if err != nil {
		t.Fatal(err)
	}
	if addrs, err := db.PatronAddresses(ctx, p.ID); err != nil || len(addrs) > 0 {
		t.Errorf("the patron learned %v, %v", addrs, err)
	}
}

func TestOurOwnCopies(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	ctx := t.Context()
	anna := newStaff(t, db, "anna")
	conv := in.put(noon, ask("a@x")).ConversationID
	reply, err := in.answer(conv, anna, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	mails, err := db.SentMails(ctx, in.office.ID, store.SentKeys{MessageIDs: []string{fmt.Sprintf("answer%d@x", answers)}})
	if err != nil || len(mails) != 1 {
		t.Fatal(mails, err)
	}
	store.Exec(t, db, `UPDATE outbox SET state = 'sent', sent_at = now() WHERE id = $1`, reply)
	// A message came while the reply was written: the copy in Sent, dated
	// after it, must not make it look answered.
	in.put(noon.Add(time.Minute), ask("b@x", "a@x"))
	got := in.put(noon.Add(time.Hour), store.Filing{Out: true, MessageID: "provider@x", OwnRef: "none", To: []string{"jdoe@example.edu"}, Refs: []string{"a@x"}})
	if !got.UnknownRef {
		t.Errorf("mail of ours that the database does not know: %+v", got)
	}
	got = in.put(noon.Add(time.Hour), store.Filing{Out: true, MessageID: mails[0].MessageID, To: []string{"jdoe@example.edu"}, Refs: []string{"a@x"}})
	if got.OutboxID != reply || got.ConversationID != conv || got.UnknownRef {
		t.Errorf("our own copy: %+v", got)
	}
	if q := in.item(conv); q.State != store.ItemOpen || !q.WaitingSince.Equal(noon.Add(time.Minute)) {
		t.Errorf("the later message is not waiting: %+v", q)
	}
	// The patron answers our Message-ID with nothing else to go by.
	if got := in.put(noon.Add(2*time.Hour), ask("c@x", mails[0].MessageID)); got.ConversationID != conv {
		t.Errorf("filed in %d", got.ConversationID)
	}
}

// After a restored backup a mail that waits may have gone long ago.
func TestCopyOfMailThatWaits(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	anna := newStaff(t, db, "anna")
	for _, state := range []store.OutboxState{store.OutboxQueued, store.OutboxHeld} {
		conv := in.put(noon, ask(string(state)+"@x")).ConversationID
		reply, err := in.answer(conv, anna, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		store.Exec(t, db, `UPDATE outbox SET state = $2 WHERE id = $1`, reply, state)
		m, err := db.OutboxMail(t.Context(), reply)
		if err != nil {
			t.Fatal(err)
		}
		got := in.put(noon.Add(time.Hour), store.Filing{Out: true, MessageID: m.MessageID, To: []string{"jdoe@example.edu"}})
		if got.OutboxID != reply || !got.UnknownRef {
			t.Errorf("%s: the copy was filed as %+v", state, got)
		}
		if m, err = db.OutboxMail(t.Context(), reply); err != nil || m.State != store.OutboxSent || m.SentAt == nil || !m.SentAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: the mail is %s at %v, %v", state, m.State, m.SentAt, err)
		}
		if o, err := db.OfficeByID(t.Context(), in.office.ID); err != nil || o.SendingStopped == "" {
			t.Errorf("%s: sending goes on, %v", state, err)
		}
		if err := db.ConfirmSending(t.Context(), in.office.ID, "anna"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBouncesAreApart(t *testing.T) {
	db := storetest.New(t)
	in := newInbox(t, db, "healey")
	conv := in.put(noon, ask("a@x")).ConversationID
	bounce := func(id string, needsStaff bool) store.Filing {
		return store.Filing{MessageID: id, Subject: "Undelivered", Kind: "bounce", NeedsStaff: needsStaff, Refs: []string{"a@x"}, Reports: []string{"bounce:mail 1"}, Note: "reach them"}
	}
	delay := in.put(noon, bounce("b@x", false))
	if delay.ConversationID == conv {
		t.Error("a delivery report joined the patron's conversation")
	}
	if q := in.item(delay.ConversationID); q.State != store.ItemDone {
		t.Errorf("a delay warning is %s", q.State)
	}
	failed := in.put(noon, bounce("c@x", true))
	if q := in.item(failed.ConversationID); failed.ConversationID != delay.ConversationID || q.State != store.ItemOpen || q.Note != "reach them" {
		t.Errorf("the failure is in %d: %+v", failed.ConversationID, q)
	}
}

// TestItemStates walks at random through what can happen to a conversation.
// Whatever happens, mail that nobody answered or closed is on the list, with
// the right date.
func TestItemStates(t *testing.T) {
	db := storetest.New(t)
	anna := newStaff(t, db, "anna")
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		in := newInbox(t, db, fmt.Sprint("office", n))
		ctx := t.Context()
		at, k := noon, 0
		var waiting []time.Time // of what nobody has dealt with
		var undone []time.Time  // what the last reply dealt with
		var reply, lastReply int64
		id := func() string { k++; return fmt.Sprintf("m%d.%d@x", n, k) }
		prev := id()
		conv := in.put(at, ask(prev)).ConversationID
		waiting = append(waiting, at)
		put := func(f store.Filing) {
			at = at.Add(time.Minute)
			if got := in.put(at, f).ConversationID; got != conv {
				rt.Fatalf("filed in %d, want %d", got, conv)
			}
		}
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"patron writes": func(*rapid.T) {
				id := id()
				put(ask(id, prev))
				prev, waiting = id, append(waiting, at)
			},
			"patron thanks":   func(*rapid.T) { put(thanks(id(), prev)) },
			"machine answers": func(*rapid.T) { put(autoReply(id(), prev)) },
			"answer in Outlook": func(*rapid.T) {
				put(store.Filing{Out: true, MessageID: id(), To: []string{"jdoe@example.edu"}, Refs: []string{prev}})
				waiting, reply = nil, 0
			},
			"forward in Outlook": func(*rapid.T) {
				put(store.Filing{Out: true, MessageID: id(), To: []string{"circ@example.edu"}, Refs: []string{prev}})
			},
			"close": func(*rapid.T) { must(db.CloseConversation(ctx, conv, 0, anna, "")); waiting, reply = nil, 0 },
			"reopen": func(rt *rapid.T) {
				if in.item(conv).State.Waits() || len(waiting) > 0 {
					rt.Skip("is open")
				}
				must(db.ReopenConversation(ctx, conv, anna, "", at))
			},
			"snooze": func(rt *rapid.T) {
				if in.item(conv).State == store.ItemDone {
					rt.Skip("is done")
				}
				must(db.SnoozeConversation(ctx, conv, 0, at.Add(time.Hour), anna))
			},
			"wake": func(*rapid.T) {
				_, err := db.WakeSnoozed(ctx, in.office.ID, at.Add(2*time.Hour))
				must(err)
			},
			"reply": func(*rapid.T) {
				var err error
				reply, err = in.answer(conv, anna, *in.item(conv).LastMessageID, lastReply)
				must(err)
				lastReply, undone, waiting = reply, waiting, nil
			},
			"undo": func(rt *rapid.T) {
				if reply == 0 {
					rt.Skip("nothing to undo")
				}
				must(db.UndoReply(ctx, reply, anna.Name))
				waiting, reply, undone = append(undone, waiting...), 0, nil
			},
			"": func(rt *rapid.T) {
				q := in.item(conv)
				switch {
				case len(waiting) > 0 && !q.State.Waits():
					rt.Fatalf("mail waits since %v, and the item is %s", waiting[0], q.State)
				case len(waiting) > 0 && !q.WaitingSince.Equal(waiting[0]):
					rt.Fatalf("waiting since %v, want %v", q.WaitingSince, waiting[0])
				case (q.State == store.ItemSnoozed) != (q.SnoozedUntil != nil):
					rt.Fatalf("%s until %v", q.State, q.SnoozedUntil)
				}
				events, err := db.Events(ctx, "conversation", conv)
				must(err)
				last := ""
				for _, e := range events {
					if _, to, ok := strings.Cut(e.What, " → "); ok {
						last = to
					} else if e.What == "new" {
						last = "new"
					}
				}
				if last != string(q.State) {
					rt.Fatalf("the last event says %q, the item %q", last, q.State)
				}
			},
		})
	})
}
