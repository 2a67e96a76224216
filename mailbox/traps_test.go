package mailbox_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

// fakeFolder is the INBOX of a scripted server.
type fakeFolder struct {
	mu      sync.Mutex
	uids    []uint32
	uidNext uint32
	// fetch answers a UID FETCH of one UID instead of the folder; false: it has not.
	fetch func(l *mailtest.Line, uid uint32, items string) bool
	// other is asked first of all commands; it answers or leaves it.
	other func(l *mailtest.Line)
	// lastBelow makes "n:*" name the last message even below n.
	lastBelow bool
	// uidLate puts UID after the literal.
	uidLate bool
}

func (f *fakeFolder) script(l *mailtest.Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.other != nil {
		f.other(l)
		if l.Answered() {
			return
		}
	}
	switch l.Command {
	case "SELECT":
		l.Untagged(fmt.Sprintf("%d EXISTS", len(f.uids)), "OK [UIDVALIDITY 1] valid", fmt.Sprintf("OK [UIDNEXT %d] next", f.uidNext))
		l.End("OK [READ-WRITE] selected")
	case "UID SEARCH", "SEARCH":
		found := "SEARCH"
		for _, u := range f.match(strings.Fields(l.Args)[1]) {
			if l.Command == "SEARCH" {
				u = uint32(slices.Index(f.uids, u) + 1)
			}
			found += fmt.Sprintf(" %d", u)
		}
		l.Untagged(found)
		l.End("OK done")
	case "UID FETCH", "FETCH":
		set, items, _ := strings.Cut(l.Args, " ")
		uids := f.match(set)
		if l.Command == "FETCH" {
			n, _ := strconv.Atoi(set)
			uids = f.uids[n-1 : n]
		}
		for _, u := range uids {
			if f.fetch != nil && f.fetch(l, u, items) {
				if l.Answered() {
					return
				}
				continue
			}
			l.Untagged(f.answer(u, items))
		}
		l.End("OK done")
	}
}

func (f *fakeFolder) answer(uid uint32, items string) string {
	raw := rawMail(int(uid))
	meta := ""
	if strings.Contains(items, "INTERNALDATE") {
		meta = fmt.Sprintf(` INTERNALDATE "10-Mar-2026 10:00:00 +0000" RFC822.SIZE %d`, len(raw))
	}
	body := ""
	switch {
	case strings.Contains(items, "[HEADER]"):
		body = " BODY[HEADER] " + mailtest.Literal(raw[:strings.Index(raw, "\r\n\r\n")+4])
	case strings.Contains(items, "[]"):
		body = " BODY[] " + mailtest.Literal(raw)
	}
	seq := slices.Index(f.uids, uid) + 1
	if f.uidLate && body != "" {
		return fmt.Sprintf("%d FETCH (%s UID %d)", seq, strings.TrimPrefix(meta+body, " "), uid)
	}
	return fmt.Sprintf("%d FETCH (UID %d%s%s)", seq, uid, meta, body)
}

// match returns the folder's UIDs in a set such as "3:*,7".
func (f *fakeFolder) match(set string) []uint32 {
	var out []uint32
	last := uint32(0)
	if len(f.uids) > 0 {
		last = f.uids[len(f.uids)-1]
	}
	for part := range strings.SplitSeq(set, ",") {
		lo, hi, isRange := strings.Cut(part, ":")
		if !isRange {
			hi = lo
		}
		num := func(s string) uint32 {
			if s == "*" {
				return last
			}
			n, _ := strconv.Atoi(s)
			return uint32(n)
		}
		a, b := num(lo), num(hi)
		if hi == "*" && a > b {
			if !f.lastBelow {
				continue
			}
			a, b = b, a
		}
		for _, u := range f.uids {
			if u >= a && u <= b {
				out = append(out, u)
			}
		}
	}
	return out
}

func (f *fakeFolder) add(uids ...uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uids = append(f.uids, uids...)
	slices.Sort(f.uids)
	f.uidNext = max(f.uidNext, f.uids[len(f.uids)-1]+1)
}

func newFake(uids ...uint32) *fakeFolder {
	f := &fakeFolder{uidNext: 1}
	if len(uids) > 0 {
		f.add(uids...)
	}
	return f
}

func scriptedWatcher(t *testing.T, f *fakeFolder, start string) (*mailbox.Watcher, *memSink, *mailtest.Scripted) {
	srv := mailtest.StartScripted(t, f.script)
	sink := newSink()
	w := &mailbox.Watcher{Account: srv.Account(), Folder: "INBOX", Sink: sink, Start: start, PollInterval: time.Hour}
	w.SetTimes(0, time.Nanosecond)
	return w, sink, srv
}

// wantMail checks that exactly these UIDs were received whole.
func wantMail(t *testing.T, sink *memSink, uids ...uint32) {
	t.Helper()
	for _, u := range uids {
		if r, ok := sink.byUID(u); !ok || r.raw != rawMail(int(u)) || r.problem != "" || r.truncated {
			t.Errorf("UID %d: received %v, %q, problem %q", u, ok, r.raw, r.problem)
		}
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if len(sink.got) != len(uids) {
		t.Errorf("received %d messages, want %d", len(sink.got), len(uids))
	}
}

func TestTheLastMessageIsNotNew(t *testing.T) {
	f := newFake(4, 5)
	f.lastBelow = true
	w, sink, _ := scriptedWatcher(t, f, "now")
	catchUp(t, w)
	catchUp(t, w)
	wantMail(t, sink)
	f.add(6)
	catchUp(t, w)
	wantMail(t, sink, 6)
	if len(sink.calls) != 1 {
		t.Errorf("%d calls of Receive", len(sink.calls))
	}
}

// Two daemons may read the same folder, as they do with Sent.
func TestAnotherDaemonMovingTheMarksIsNoRenumbering(t *testing.T) {
	f := newFake(4)
	w, sink, _ := scriptedWatcher(t, f, "now")
	catchUp(t, w)
	f.mu.Lock()
	f.other = func(l *mailtest.Line) {
		if l.Command == "SELECT" {
			// UID 5 comes right after the answer, and the other one takes it in.
			l.Untagged("1 EXISTS", "OK [UIDVALIDITY 1] valid", "OK [UIDNEXT 5] next")
			f.uids, f.uidNext = []uint32{4, 5}, 6
			sink.SetMarks(context.Background(), "INBOX", mailbox.Marks{UIDValidity: 1, HighUID: 5, BackfillUID: 1})
			l.End("OK selected")
		}
	}
	f.mu.Unlock()
	catchUp(t, w)
	if m, _ := sink.Marks(t.Context(), "INBOX"); m.HighUID != 5 || m.BackfillUID != 1 {
		t.Errorf("marks %+v", m)
	}
}

func TestUIDAfterTheLiteral(t *testing.T) {
	f := newFake(3, 5, 8)
	f.uidLate = true
	w, sink, _ := scriptedWatcher(t, f, "all")
	catchUp(t, w)
	wantMail(t, sink, 3, 5, 8)
}

func TestOnlyHarmlessItemsAreAskedFor(t *testing.T) {
	f := newFake(1, 2)
	w, sink, srv := scriptedWatcher(t, f, "all")
	catchUp(t, w)
	wantMail(t, sink, 1, 2)
	for _, line := range srv.Lines() {
		for _, bad := range []string{"ENVELOPE", "BODYSTRUCTURE", "FLAGS", "ENABLE", "STORE", "BODY["} {
			if strings.Contains(line, bad) {
				t.Errorf("the client said %q", line)
			}
		}
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	for _, at := range []string{"", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "IDLE", "NOOP"} {
		t.Run("at "+at, func(t *testing.T) {
			f := newFake(1)
			silent := false
			f.other = func(l *mailtest.Line) {
				if l.Command == at && (at != "" || l.Tag == "*") {
					silent = true
					l.Silence()
				}
			}
			w, sink, _ := scriptedWatcher(t, f, "all")
			w.PollInterval = time.Millisecond
			w.SetTimes(50*time.Millisecond, time.Nanosecond)
			run(t, w)
			sink.await(t, "noticing the silence", func() bool {
				return slices.ContainsFunc(sink.health, func(h string) bool { return strings.Contains(h, "did not answer in time") })
			})
			f.mu.Lock()
			defer f.mu.Unlock()
			if !silent {
				t.Error("the server never fell silent")
			}
		})
	}
}

func TestEndingTheContextEndsASilentCommand(t *testing.T) {
	f := newFake(1)
	reached := make(chan bool, 1)
	f.other = func(l *mailtest.Line) {
		if l.Command == "UID FETCH" {
			l.Silence()
			reached <- true
		}
	}
	w, _, _ := scriptedWatcher(t, f, "all")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	<-reached
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run: %v", err)
	}
}

func TestAMessageThatKillsTheConnectionIsIsolated(t *testing.T) {
	for _, tc := range []struct {
		name  string
		kills func(items string) bool
		raw   string // what is had of it
	}{
		{"the whole message", func(items string) bool { return strings.Contains(items, "[]") }, "header"},
		{"every answer", func(string) bool { return true }, "nothing"},
		{"its date", func(items string) bool { return strings.Contains(items, "INTERNALDATE") }, "header"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(1, 2, 3, 4)
			f.fetch = func(l *mailtest.Line, uid uint32, items string) bool {
				if uid == 2 && tc.kills(items) {
					l.Untagged(`2 FETCH (UID 2 INTERNALDATE "not a date" RFC822.SIZE x)`)
					l.Silence()
					return true
				}
				return false
			}
			w, sink, srv := scriptedWatcher(t, f, "all")
			catchUp(t, w)
			r, ok := sink.byUID(2)
			if !ok || r.problem == "" {
				t.Fatalf("UID 2: received %v, problem %q", ok, r.problem)
			}
			if tc.raw == "header" && !strings.Contains(r.raw, "Subject: message 2") || tc.raw == "nothing" && r.raw != "" {
				t.Errorf("UID 2 is %q", r.raw)
			}
			delete(sink.got, sink.order[slices.IndexFunc(sink.order, func(l mailbox.Location) bool { return l.UID == 2 })])
			wantMail(t, sink, 1, 3, 4)
			if m := sink.marks["INBOX"]; m.BackfillUID != 1 || m.HighUID != 4 {
				t.Errorf("marks %+v", m)
			}
			lines := srv.Lines()
			last := lines[len(lines)-1]
			if n, _ := strconv.Atoi(strings.Fields(last)[0]); n > 6 {
				t.Errorf("it took %d connections", n)
			}
		})
	}
}

func TestAServerErrorAtOneMessageIsIsolated(t *testing.T) {
	f := newFake(1, 2, 3)
	f.fetch = func(l *mailtest.Line, uid uint32, items string) bool {
		if uid == 2 {
			l.End("NO [SERVERBUG] Internal error occurred")
			return true
		}
		return false
	}
	w, sink, srv := scriptedWatcher(t, f, "now")
	catchUp(t, w)
	f.add(4)
	f.mu.Lock()
	f.uids = []uint32{4}
	f.mu.Unlock()
	catchUp(t, w)
	wantMail(t, sink, 4)

	f.mu.Lock()
	f.uids = []uint32{5, 6, 7}
	f.uidNext = 8
	f.fetch = func(l *mailtest.Line, uid uint32, items string) bool {
		if uid == 6 {
			l.End("NO [SERVERBUG] Internal error occurred")
			return true
		}
		return false
	}
	f.mu.Unlock()
	catchUp(t, w)
	r, ok := sink.byUID(6)
	if !ok || !strings.Contains(r.problem, "SERVERBUG") {
		t.Errorf("UID 6: %v %+v", ok, r)
	}
	if _, ok := sink.byUID(7); !ok {
		t.Error("UID 7 was not received")
	}
	if m := sink.marks["INBOX"]; m.HighUID != 7 {
		t.Errorf("marks %+v", m)
	}
	lines := srv.Lines()
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "3 ") {
		t.Errorf("the refusal cost connections: %q", last)
	}

	// Staff ask for it again: in vain, and then the server is mended.
	for _, mended := range []bool{false, true} {
		f.mu.Lock()
		if mended {
			f.fetch = nil
		}
		f.mu.Unlock()
		sink.again = []uint32{6}
		catchUp(t, w)
		if r, _ := sink.byUID(6); (r.raw == rawMail(6)) != mended || (r.problem == "") != mended {
			t.Errorf("asked for again, mended %v: %+v", mended, r)
		}
	}
	if m := sink.marks["INBOX"]; m.HighUID != 7 {
		t.Errorf("marks %+v", m)
	}
}

// The library takes a connection that ends inside a literal for the end of the
// message.
func TestAMessageCutShortIsNotTakenForWhole(t *testing.T) {
	for _, size := range []int{0, 2 << 20} {
		f := newFake(1, 2)
		cut := 0
		f.fetch = func(l *mailtest.Line, uid uint32, items string) bool {
			if uid != 2 {
				return false
			}
			if size > 0 && strings.Contains(items, "RFC822.SIZE") && !strings.Contains(items, "BODY") {
				l.Untagged(fmt.Sprintf(`2 FETCH (UID 2 INTERNALDATE "10-Mar-2026 10:00:00 +0000" RFC822.SIZE %d)`, size))
				return true
			}
			if !strings.Contains(items, "[]") || cut > 0 {
				return false
			}
			cut++
			whole := "* " + f.answer(2, items)
			l.Raw(whole[:len(whole)-20])
			l.HangUp()
			return true
		}
		w, sink, _ := scriptedWatcher(t, f, "all")
		catchUp(t, w)
		if cut == 0 {
			t.Fatal("nothing was cut")
		}
		wantMail(t, sink, 1, 2)
	}
}

func TestAGapIsGivenTime(t *testing.T) {
	f := newFake(1)
	w, sink, _ := scriptedWatcher(t, f, "now")
	w.SetTimes(0, time.Hour)
	w.PollInterval = time.Millisecond
	run(t, w)
	sink.await(t, "watching", func() bool { return len(sink.health) > 0 })
	f.add(3)
	sink.await(t, "receiving UID 3", func() bool { return len(sink.order) == 1 })
	polls := len(sink.health)
	sink.await(t, "polling", func() bool { return len(sink.health) > polls+2 })
	sink.mu.Lock()
	if m := sink.marks["INBOX"]; m.HighUID != 1 || len(sink.calls) != 1 {
		t.Errorf("marks %+v after %d calls of Receive", m, len(sink.calls))
	}
	sink.mu.Unlock()
	f.add(2) // another process of the server has committed late
	sink.await(t, "the mark passing", func() bool { return sink.marks["INBOX"].HighUID == 3 })
	wantMail(t, sink, 2, 3)
}

func TestRefusalsAreToldInTheServersWords(t *testing.T) {
	for _, tc := range []struct{ command, answer, want string }{
		{"LOGIN", "NO [AUTHENTICATIONFAILED] Wrong password, friend", "Wrong password, friend"},
		{"SELECT", "NO [NONEXISTENT] Mailbox doesn't exist: INBOX", "Mailbox doesn't exist"},
		{"SELECT", "BAD User is authenticated but not connected.", "object id"},
		{"", "BYE Too many connections", "Too many connections"},
	} {
		f := newFake(1)
		f.other = func(l *mailtest.Line) {
			if l.Command == tc.command {
				l.End(tc.answer)
			}
		}
		w, sink, _ := scriptedWatcher(t, f, "all")
		run(t, w)
		sink.await(t, tc.answer, func() bool {
			return slices.ContainsFunc(sink.health, func(h string) bool {
				return strings.HasPrefix(h, "bad ") && strings.Contains(h, tc.want)
			})
		})
	}
}
