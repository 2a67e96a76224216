package store_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"illmail/store"
	"illmail/store/storetest"
)

// inbox is an office with a folder, and short ways to receive and file.
type inbox struct {
	t      testing.TB
	db     *store.DB
	office store.Office
	folder store.Folder
	uid    uint32
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newInbox(t testing.TB, db *store.DB, code string) *inbox {
	t.Helper()
	o := newOffice(t, db, code)
	f, err := db.EnsureFolder(t.Context(), o.ID, "INBOX", store.FolderInbox)
	if err != nil {
		t.Fatal(err)
	}
	return &inbox{t: t, db: db, office: o, folder: f}
}

func (in *inbox) receive(raw string, at time.Time) int {
	in.t.Helper()
	in.uid++
	n, err := in.db.Receive(in.t.Context(), in.folder, []store.Incoming{{UIDValidity: 1, UID: in.uid, InternalDate: at, Size: int64(len(raw)), Body: strings.NewReader(raw)}})
	if err != nil {
		in.t.Fatal(err)
	}
	return n
}

// claim returns the one message that waits.
func (in *inbox) claim() store.Unfiled {
	in.t.Helper()
	list, err := in.db.ClaimUnfiled(in.t.Context(), in.office.ID, time.Hour, 10)
	if err != nil {
		in.t.Fatal(err)
	}
	if len(list) != 1 {
		in.t.Fatalf("%d messages wait, want 1", len(list))
	}
	return list[0]
}

// put receives and files one message.
func (in *inbox) put(at time.Time, f store.Filing) store.Filed {
	in.t.Helper()
	if in.receive(fmt.Sprintf("Message-ID: <%s>\r\n\r\n%s %s %d", f.MessageID, f.Subject, f.BodyText, in.uid), at) != 1 {
		in.t.Fatal("the message was not stored")
	}
	f.ID = in.claim().ID
	if f.ContentHash == nil {
		h := sha256.Sum256([]byte(f.Subject + f.BodyText))
		f.ContentHash = h[:]
	}
	out, err := in.db.FileMessages(in.t.Context(), in.office.ID, []string{in.office.Address}, []store.Filing{f})
	if err != nil {
		in.t.Fatal(err)
	}
	if out[0].Err != nil {
		in.t.Fatal(out[0].Err)
	}
	return out[0]
}

func (in *inbox) item(conv int64) store.QueueItem {
	in.t.Helper()
	q, err := in.db.Item(in.t.Context(), conv)
	if err != nil {
		in.t.Fatal(err)
	}
	return q
}

// ask is a patron's mail that needs staff.
func ask(id string, refs ...string) store.Filing {
	return store.Filing{MessageID: id, Subject: "About my book", BodyText: id, FromAddr: "jdoe@example.edu", Kind: "patron", NeedsStaff: true,
		Intents: []store.IntentView{{Intent: "renewal", P: 0.9}, {Intent: "fees", P: 0.4}, {Intent: "other", P: 0.01}}, Refs: refs}
}

func TestSameMessageIsFiledOnce(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	first := in.put(noon, ask("a@x"))
	if first.ConversationID == 0 || first.DuplicateOf != 0 {
		t.Fatalf("%+v", first)
	}
	if again := in.put(noon, ask("a@x")); again.DuplicateOf == 0 {
		t.Errorf("the same message was filed twice: %+v", again)
	}
	other := ask("a@x")
	other.BodyText = "a reused Message-ID"
	if got := in.put(noon, other); got.DuplicateOf != 0 || got.ConversationID != first.ConversationID {
		t.Errorf("a reused Message-ID with other content: %+v, want a message of its own in %d", got, first.ConversationID)
	}
	for i := range 2 {
		bare := ask("")
		bare.BodyText = fmt.Sprint("no id ", i)
		if got := in.put(noon, bare); got.DuplicateOf != 0 || got.ConversationID == first.ConversationID {
			t.Errorf("mail without Message-ID: %+v", got)
		}
	}
	lines, err := in.db.QueueLines(t.Context(), store.QueueQuery{OfficeID: in.office.ID})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 3 || lines[0].Messages != 2 || lines[0].MessageID != "<a@x>" || lines[0].State != store.ItemNew {
		t.Errorf("the list is %+v", lines)
	}
}

func TestFilingOneBadMessageSparesTheOthers(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	var batch []store.Filing
	for i := range 3 {
		in.receive(fmt.Sprint("message ", i), noon)
		f := ask(fmt.Sprintf("m%d@x", i))
		f.ID = in.claim().ID
		f.ContentHash = []byte{byte(i)}
		if i == 1 {
			f.Subject = "NUL \x00 that Postgres refuses"
		}
		batch = append(batch, f)
	}
	out, err := in.db.FileMessages(t.Context(), in.office.ID, nil, batch)
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Err != nil || out[1].Err == nil || out[2].Err != nil {
		t.Errorf("errors: %v, %v, %v", out[0].Err, out[1].Err, out[2].Err)
	}
	for i := range 3 {
		if err := in.db.FilingFailed(t.Context(), batch[1].ID, "refused", i == 2); err != nil {
			t.Fatal(err)
		}
	}
	aside, _ := in.db.ListKeptAside(t.Context(), in.office.ID, 10)
	if len(aside) != 1 || aside[0].ID != batch[1].ID {
		t.Fatalf("kept aside: %+v", aside)
	}
	if err := in.db.RetryKeptAside(t.Context(), aside[0].ID, store.Actor{Name: "anna"}); err != nil {
		t.Fatal(err)
	}
	if u := in.claim(); u.ID != batch[1].ID || u.Attempts != 1 {
		t.Errorf("claimed %+v", u)
	}
}

func TestClaimIsolatesWhatWasTriedBefore(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	for i := range 3 {
		in.receive(fmt.Sprint("message ", i), noon)
	}
	claim := func(lease time.Duration) []store.Unfiled {
		list, err := in.db.ClaimUnfiled(t.Context(), in.office.ID, lease, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if n := len(claim(time.Hour)); n != 3 {
		t.Fatalf("claimed %d", n)
	}
	if n := len(claim(time.Hour)); n != 0 {
		t.Errorf("claimed %d that another has", n)
	}
	if list := claim(0); len(list) != 1 || list[0].Attempts != 2 {
		t.Errorf("after a crash %+v, want one alone", list)
	}
}

// TestOrderDoesNotMatter files the same messages in two orders: threads whose
// links come late, chains with a missing link, and fresh mail on the same
// requests end in the same conversations.
func TestOrderDoesNotMatter(t *testing.T) {
	db := storetest.New(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(2, 7).Draw(rt, "messages")
		msgs := make([]store.Filing, size)
		for i := range msgs {
			var refs []string
			for j := range i {
				if rapid.IntRange(0, 3).Draw(rt, "answers") == 0 {
					refs = append(refs, fmt.Sprintf("m%d@x", j))
				}
			}
			if rapid.IntRange(0, 5).Draw(rt, "gone") == 0 {
				refs = append(refs, fmt.Sprintf("gone%d@x", rapid.IntRange(0, 2).Draw(rt, "which")))
			}
			msgs[i] = ask(fmt.Sprintf("m%d@x", i), refs...)
			if len(refs) == 0 && rapid.Bool().Draw(rt, "about") {
				msgs[i].About = store.AboutKey("jdoe", []int64{int64(rapid.IntRange(1, 2).Draw(rt, "tn"))})
			}
		}
		file := func(order []int) map[string]bool {
			n++
			in := newInbox(t, db, fmt.Sprint("office", n))
			for _, i := range order {
				in.put(noon.Add(time.Duration(i)*time.Minute), msgs[i])
			}
			lines, err := db.QueueLines(t.Context(), store.QueueQuery{OfficeID: in.office.ID})
			if err != nil {
				rt.Fatal(err)
			}
			groups := map[string]bool{}
			for _, l := range lines {
				st, err := db.ReadStory(t.Context(), l.ID)
				if err != nil {
					rt.Fatal(err)
				}
				var ids []string
				for _, m := range st.Messages {
					ids = append(ids, m.MessageID)
				}
				slices.Sort(ids)
				groups[strings.Join(ids, " ")] = true
			}
			return groups
		}
		straight := make([]int, size)
		for i := range straight {
			straight[i] = i
		}
		a := file(straight)
		b := file(rapid.Permutation(straight).Draw(rt, "order"))
		if fmt.Sprint(a) != fmt.Sprint(b) {
			rt.Fatalf("in order %v, otherwise %v", a, b)
		}
	})
}

func TestAnswersWrittenElsewhere(t *testing.T) {
	out := func(id, to string, refs ...string) store.Filing {
		return store.Filing{Out: true, MessageID: id, BodyText: id, FromAddr: "ill@healey.example.edu", To: []string{to}, Refs: refs}
	}
	db := storetest.New(t)
	for name, c := range map[string]struct {
		mails []store.Filing // a minute apart
		want  store.ItemState
	}{
		"to the patron":                     {[]store.Filing{ask("a@x"), out("b@x", "jdoe@example.edu", "a@x")}, store.ItemWaitingPatron},
		"before the mail it answers":        {[]store.Filing{out("b@x", "jdoe@example.edu", "a@x"), ask("a@x")}, store.ItemWaitingPatron},
		"to a colleague":                    {[]store.Filing{ask("a@x"), out("b@x", "circ@healey.example.edu", "a@x")}, store.ItemNew},
		"to the earlier of two":             {[]store.Filing{ask("a@x"), ask("c@x", "a@x"), out("b@x", "jdoe@example.edu", "a@x")}, store.ItemNew},
		"to the later of two":               {[]store.Filing{ask("a@x"), ask("c@x", "a@x"), out("b@x", "jdoe@example.edu", "c@x", "a@x")}, store.ItemWaitingPatron},
		"and the patron answers":            {[]store.Filing{ask("a@x"), out("b@x", "jdoe@example.edu", "a@x"), ask("c@x", "b@x", "a@x")}, store.ItemOpen},
		"and the patron says thanks":        {[]store.Filing{ask("a@x"), out("b@x", "jdoe@example.edu", "a@x"), thanks("c@x", "b@x")}, store.ItemWaitingPatron},
		"and an auto-responder":             {[]store.Filing{ask("a@x"), out("b@x", "jdoe@example.edu", "a@x"), autoReply("c@x", "b@x")}, store.ItemWaitingPatron},
		"and a carbon copy to our own desk": {[]store.Filing{ask("a@x"), {Out: true, MessageID: "b@x", BodyText: "b", To: []string{"circ@x"}, Cc: []string{"ill@and-a-carbon-copy-to-our-own-desk.example.edu"}, Refs: []string{"a@x"}}}, store.ItemNew},
	} {
		t.Run(name, func(t *testing.T) {
			in := newInbox(t, db, strings.ReplaceAll(name, " ", "-"))
			var conv int64
			for i, f := range c.mails {
				conv = in.put(noon.Add(time.Duration(i)*time.Minute), f).ConversationID
			}
			if got := in.item(conv).State; got != c.want {
				t.Errorf("the item is %s, want %s", got, c.want)
			}
		})
	}
}

func thanks(id string, refs ...string) store.Filing {
	f := ask(id, refs...)
	f.NeedsStaff, f.Intents = false, []store.IntentView{{Intent: "thanks", P: 1}}
	return f
}

func autoReply(id string, refs ...string) store.Filing {
	f := ask(id, refs...)
	f.NeedsStaff, f.Intents, f.Kind = false, nil, "auto_reply"
	return f
}

func TestQueueListOrder(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	late, early, dated, quiet := ask("late@x"), ask("early@x"), ask("dated@x"), autoReply("auto@x")
	dated.AnswerBy = store.NewDate(2026, 11, 25)
	in.put(noon.Add(2*time.Hour), late)
	in.put(noon.Add(3*time.Hour), dated)
	in.put(noon.Add(time.Hour), early)
	in.put(noon, quiet)
	zone := time.FixedZone("", -5*3600)
	var got []string
	var after *store.QueueLine
	for range 4 {
		page, err := in.db.QueueLines(t.Context(), store.QueueQuery{After: after, Limit: 1, Location: zone})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		after = &page[0]
		got = append(got, page[0].MessageID)
	}
	if want := []string{"<dated@x>", "<early@x>", "<late@x>"}; !slices.Equal(got, want) {
		t.Errorf("the list is %v, want %v", got, want)
	}
	if s := after.WaitingSince.Format(time.RFC3339); s != "2026-11-23T09:00:00-05:00" {
		t.Errorf("waiting since %s", s)
	}
	done, err := in.db.QueueLines(t.Context(), store.QueueQuery{States: []store.ItemState{store.ItemDone}})
	if err != nil || len(done) != 1 || done[0].MessageID != "<auto@x>" {
		t.Errorf("done: %+v, %v", done, err)
	}
	if q := in.item(after.ID); !slices.Equal(q.Intents, []string{"fees", "renewal"}) {
		t.Errorf("intents %v", q.Intents)
	}
}

func TestLedgerBalances(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	ctx := t.Context()
	day := store.DateOf(noon, time.UTC)
	ledger := func() store.LedgerRow {
		t.Helper()
		rows, err := in.db.Ledger(ctx, in.office.ID, day, day, time.UTC)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%+v, %v", rows, err)
		}
		return rows[0]
	}
	marks := func(high uint32) {
		t.Helper()
		in.folder.UIDValidity, in.folder.HighUID, in.folder.BackfillUID = 1, high, 1
		if err := in.db.SetFolderMarks(ctx, in.folder); err != nil {
			t.Fatal(err)
		}
	}
	marks(100) // what was there before is not asked for
	in.uid = 100
	in.put(noon, ask("a@x"))
	in.uid = 101
	if err := in.db.NoteVanished(ctx, in.folder, 1, []uint32{102}); err != nil {
		t.Fatal(err)
	}
	in.uid = 102
	in.put(noon, ask("b@x"))
	in.receive("waits", noon)
	if _, err := in.db.Receive(ctx, in.folder, []store.Incoming{{UIDValidity: 1, UID: 105, InternalDate: noon, Problem: "no"}}); err != nil {
		t.Fatal(err)
	}
	marks(105)
	got := ledger()
	// The vanished one counts on the day it was missed, which is today's.
	want := store.LedgerRow{Day: day, Office: "healey", Mailbox: "INBOX", Held: 4, Filed: 2, Waiting: 1, KeptAside: 1, Balanced: true}
	if got.Listed == 1 {
		want.Held, want.Listed = 5, 1
	}
	if got != want {
		t.Errorf("the ledger says %+v, want %+v", got, want)
	}
	in.uid = 107 // 106 and 107 are nowhere
	in.receive("late", noon)
	marks(109)
	if got := ledger(); got.Balanced || got.Missing != 3 {
		t.Errorf("three lost messages are not seen: %+v", got)
	}
}
