package store_test

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

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
	if uids, err := in.db.FetchAgain(ctx, in.folder, 1); err != nil || len(uids) > 0 {
		t.Errorf("to fetch again, unasked: %v, %v", uids, err)
	}
	if err := in.db.RetryKeptAside(ctx, aside[0].ID, store.Actor{Name: "anna"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]uint32{{9}, {}} {
		if uids, err := in.db.FetchAgain(ctx, in.folder, 1); err != nil || !slices.Equal(uids, want) {
			t.Errorf("to fetch again: %v, %v, want %v", uids, err, want)
		}
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
