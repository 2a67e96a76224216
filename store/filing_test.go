package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
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

func TestReceiveKeepsBytesOnce(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	ctx := t.Context()
	raw := "Subject: x\r\n\r\nhello"
	at := func(uid uint32, body string) store.Incoming {
		return store.Incoming{UIDValidity: 7, UID: uid, InternalDate: noon, Size: int64(len(body)), Body: strings.NewReader(body)}
	}
	for i, c := range []struct {
		in   store.Incoming
		want int
	}{
		{at(1, raw), 1},
		{at(1, raw), 0},                // the same location
		{at(2, raw), 0},                // the same bytes elsewhere
		{at(3, raw+"!"), 1},            // another
		{at(1, "something longer"), 1}, // a server that uses a UID again
	} {
		n, err := in.db.Receive(ctx, in.folder, []store.Incoming{c.in})
		if err != nil {
			t.Fatal(err)
		}
		if n != c.want {
			t.Errorf("step %d stored %d, want %d", i, n, c.want)
		}
	}
	for i := range 2 { // nothing was given of two messages: they are not one
		empty := at(uint32(10+i), "")
		empty.InternalDate = noon.Add(time.Duration(i) * time.Second)
		if n, err := in.db.Receive(ctx, in.folder, []store.Incoming{empty}); n != 1 || err != nil {
			t.Errorf("empty message %d: stored %d, %v", i, n, err)
		}
	}
	list, err := in.db.ClaimUnfiled(ctx, in.office.ID, time.Hour, 10)
	if err != nil || len(list) != 5 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	got, more, err := in.db.ReadRaw(ctx, list[0].ID, 1<<20)
	if err != nil || more || string(got) != raw {
		t.Errorf("read %q, %v, %v", got, more, err)
	}
	if got, more, _ = in.db.ReadRaw(ctx, list[0].ID, 5); string(got) != raw[:5] || !more {
		t.Errorf("read %q, more %v", got, more)
	}
	if _, err := in.db.WriteRaw(ctx, 12345, io.Discard); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("bytes of no message: %v", err)
	}
}

func TestReceiveIsAllOrNothing(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	broken := io.MultiReader(strings.NewReader("half"), errReader{})
	_, err := in.db.Receive(t.Context(), in.folder, []store.Incoming{
		{UIDValidity: 1, UID: 1, InternalDate: noon, Body: strings.NewReader("whole")},
		{UIDValidity: 1, UID: 2, InternalDate: noon, Body: broken},
	})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("err = %v", err)
	}
	if list, _ := in.db.ClaimUnfiled(t.Context(), in.office.ID, time.Hour, 10); len(list) != 0 {
		t.Errorf("%d messages were stored", len(list))
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// bigReader makes n bytes and looks now and then at the heap.
type bigReader struct {
	n, read int
	peak    uint64
}

func (r *bigReader) Read(p []byte) (int, error) {
	if r.read == r.n {
		return 0, io.EOF
	}
	if r.read%(5<<20) < len(p) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		r.peak = max(r.peak, m.HeapAlloc)
	}
	k := min(len(p), r.n-r.read)
	for i := range p[:k] {
		p[i] = byte(r.read + i)
	}
	r.read += k
	return k, nil
}

func TestReceiveStreams(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	big := &bigReader{n: 50 << 20}
	if _, err := in.db.Receive(t.Context(), in.folder, []store.Incoming{{UIDValidity: 1, UID: 1, InternalDate: noon, Body: big}}); err != nil {
		t.Fatal(err)
	}
	if grown := int64(big.peak) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("50 MB were stored with %d MB on the heap", grown>>20)
	}
	n, err := in.db.WriteRaw(t.Context(), in.claim().ID, io.Discard)
	if err != nil || n != 50<<20 {
		t.Errorf("kept %d bytes, %v", n, err)
	}
	// The same again at another place is known by its hash.
	again := &bigReader{n: 50 << 20}
	if n, err := in.db.Receive(t.Context(), in.folder, []store.Incoming{{UIDValidity: 1, UID: 2, InternalDate: noon, Body: again}}); n != 0 || err != nil {
		t.Errorf("stored %d again, %v", n, err)
	}
}

func TestUnfetchableIsShownAndReplaced(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	ctx := t.Context()
	bad := store.Incoming{UIDValidity: 1, UID: 9, InternalDate: noon, Size: 10, Problem: "the server answers NO\x00\xff"}
	for range 2 {
		if n, err := in.db.Receive(ctx, in.folder, []store.Incoming{bad}); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	aside, err := in.db.ListKeptAside(ctx, in.office.ID, 10)
	if err != nil || len(aside) != 1 || aside[0].Problem == "" {
		t.Fatalf("kept aside: %+v, %v", aside, err)
	}
	if err := in.db.RetryKeptAside(ctx, aside[0].ID, store.Actor{Name: "anna"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("retrying what has no bytes: %v", err)
	}
	bad.Body, bad.Problem = strings.NewReader("Subject: here\r\n\r\nat last"), ""
	if n, err := in.db.Receive(ctx, in.folder, []store.Incoming{bad}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if aside, _ = in.db.ListKeptAside(ctx, in.office.ID, 10); len(aside) != 0 {
		t.Errorf("still kept aside: %+v", aside)
	}
	in.claim()
}

func TestUIDsNumberedAnew(t *testing.T) {
	in := newInbox(t, storetest.New(t), "healey")
	ctx := t.Context()
	set := func(validity, high, backfill uint32) {
		t.Helper()
		in.folder.UIDValidity, in.folder.HighUID, in.folder.BackfillUID = validity, high, backfill
		if err := in.db.SetFolderMarks(ctx, in.folder); err != nil {
			t.Fatal(err)
		}
	}
	set(1, 0, 1)
	if in.receive("one", noon) != 1 {
		t.Fatal("not stored")
	}
	set(1, 5, 1)
	set(1, 3, 1) // a second daemon that is behind
	if fs, err := in.db.Folders(ctx, in.office.ID); err != nil || fs[0].HighUID != 5 {
		t.Errorf("the mark was set back: %+v, %v", fs, err)
	}
	for _, text := range []string{"two", "six"} {
		set(1, 0, 1) // the same UIDVALIDITY, a lower mark, and all history to come
		in.uid = 0
		if in.receive(text, noon) != 1 { // the same size and date at the same UID
			t.Error("a UID that was given again hid a message")
		}
		set(1, 1, 1)
	}
	set(1, 0, 1)
	in.uid = 0
	if in.receive("one", noon) != 0 {
		t.Error("the first message is listed twice")
	}
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
