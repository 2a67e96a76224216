package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

// onServers runs a test against the server in memory and against Dovecot.
func onServers(t *testing.T, f func(t *testing.T, box *mailtest.Box)) {
	t.Run("memory", func(t *testing.T) { f(t, &mailtest.StartIMAP(t, mailtest.IMAPOptions{}).Box) })
	t.Run("dovecot", func(t *testing.T) { f(t, dovecotBox(t)) })
}

func watcher(box *mailtest.Box, sink *memSink, start string) *mailbox.Watcher {
	w := &mailbox.Watcher{
		Account: box.Account(), Folder: "INBOX", Sink: sink, Start: start,
		PollInterval: time.Hour, IdleFor: time.Hour,
	}
	w.SetTimes(0, time.Nanosecond)
	return w
}

func appendMail(t *testing.T, box *mailtest.Box, n int, flags ...string) {
	t.Helper()
	if err := box.Append("INBOX", []byte(rawMail(n)), time.Now(), flags...); err != nil {
		t.Fatal(err)
	}
}

func appendAll(t *testing.T, box *mailtest.Box, raws []string, flags ...string) {
	t.Helper()
	if err := box.AppendAll("INBOX", raws, time.Now(), flags...); err != nil {
		t.Fatal(err)
	}
}

func catchUp(t *testing.T, w *mailbox.Watcher) {
	t.Helper()
	if err := w.CatchUp(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestWatcherTakesInAllOnceAndLeavesFlagsAlone(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		var want []string
		for n := range 130 {
			want = append(want, rawMail(n))
		}
		appendAll(t, box, want[:100], `\Seen`)
		appendAll(t, box, want[100:])
		before, err := box.Messages("INBOX")
		if err != nil {
			t.Fatal(err)
		}
		sink := newSink()
		w := watcher(box, sink, "all")
		catchUp(t, w)
		if got := sink.bodies("INBOX"); !slices.Equal(got, want) {
			t.Fatalf("received %d messages, or other ones, want %d", len(got), len(want))
		}
		if first := sink.order[0].UID; first != 31 {
			t.Errorf("history begins with UID %d, want the newest 100 first", first)
		}
		if m := sink.marks["INBOX"]; m.HighUID != 130 || m.BackfillUID != 1 {
			t.Errorf("marks %+v", m)
		}
		calls := len(sink.calls)
		appendMail(t, box, 130)
		catchUp(t, w)
		catchUp(t, watcher(box, sink, "all"))
		if len(sink.order) != 131 || len(sink.calls) != calls+1 {
			t.Errorf("after one more message: %d received in %d calls", len(sink.order), len(sink.calls)-calls)
		}
		after, err := box.Messages("INBOX")
		if err != nil {
			t.Fatal(err)
		}
		for i := range before {
			if slices.Contains(before[i].Flags, `\Seen`) != slices.Contains(after[i].Flags, `\Seen`) {
				t.Fatalf("UID %d had flags %v, now %v", before[i].UID, before[i].Flags, after[i].Flags)
			}
		}
	})
}

func TestWatcherHearsOfNewMailByIdle(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		appendMail(t, box, 1)
		sink := newSink()
		run(t, watcher(box, sink, "now"))
		sink.await(t, "watching", func() bool { return len(sink.health) > 0 })
		for n := 2; n < 5; n++ {
			appendMail(t, box, n, `\Seen`)
			sink.await(t, "receiving", func() bool { return len(sink.order) == n-1 })
		}
		if got := sink.bodies("INBOX"); got[0] != rawMail(2) {
			t.Errorf("first received is %q", got[0])
		}
	})
}

func TestWatcherTakesInHistorySinceADate(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		day := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
		for n := range 10 {
			if err := box.Append("INBOX", []byte(rawMail(n)), day.AddDate(0, 0, n)); err != nil {
				t.Fatal(err)
			}
		}
		sink := newSink()
		catchUp(t, watcher(box, sink, "2026-03-15"))
		// One day more than asked for, as the server may count in another zone.
		if got := sink.bodies("INBOX"); len(got) != 6 || got[0] != rawMail(4) {
			t.Errorf("received %d messages", len(got))
		}
		if m := sink.marks["INBOX"]; m.BackfillUID != 1 || m.HighUID != 10 {
			t.Errorf("marks %+v", m)
		}
	})
}

func TestWatcherPutsNewMailBeforeHistory(t *testing.T) {
	srv := mailtest.StartIMAP(t, mailtest.IMAPOptions{})
	var raws []string
	for n := range 350 {
		raws = append(raws, rawMail(n))
	}
	appendAll(t, &srv.Box, raws)
	sink := newSink()
	sink.before = func([]mailbox.Fetched) error {
		if len(sink.order) == 0 {
			appendMail(t, &srv.Box, 1000)
		}
		return nil
	}
	w := watcher(&srv.Box, sink, "all")
	catchUp(t, w)
	at := slices.IndexFunc(sink.order, func(l mailbox.Location) bool { return l.UID == 351 })
	if len(sink.order) != 351 || at != 100 {
		t.Errorf("the new message came as number %d of %d, want right after the first 100", at+1, len(sink.order))
	}
}

func TestWatcherReadsAnewAfterRenumbering(t *testing.T) {
	srv := mailtest.StartIMAP(t, mailtest.IMAPOptions{UIDValidity: 7})
	for n := range 3 {
		appendMail(t, &srv.Box, n)
	}
	sink := newSink()
	w := watcher(&srv.Box, sink, "all")
	catchUp(t, w)
	srv.SetUIDValidity(8)
	appendMail(t, &srv.Box, 3)
	catchUp(t, w)
	if m := sink.marks["INBOX"]; m.UIDValidity != 8 || m.HighUID != 4 || m.BackfillUID != 1 {
		t.Errorf("marks %+v", m)
	}
	if len(sink.order) != 7 { // 3 under the old numbers, 4 under the new ones
		t.Errorf("received %d", len(sink.order))
	}

	// The same UIDVALIDITY with a lower UIDNEXT is another numbering, too.
	other := mailtest.StartIMAP(t, mailtest.IMAPOptions{UIDValidity: 8})
	appendMail(t, &other.Box, 10)
	w = watcher(&other.Box, sink, "all")
	catchUp(t, w)
	if m := sink.marks["INBOX"]; m.HighUID != 1 || m.BackfillUID != 1 {
		t.Errorf("marks after UIDNEXT fell: %+v", m)
	}
	if r, ok := sink.byUID(1); !ok || r.raw != rawMail(10) {
		t.Errorf("UID 1 is %q", r.raw)
	}
}

func TestRenumberingDoesNotBringOldHistory(t *testing.T) {
	srv := mailtest.StartIMAP(t, mailtest.IMAPOptions{UIDValidity: 7})
	if err := srv.Append("INBOX", []byte(rawMail(1)), time.Now().AddDate(-1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	sink := newSink()
	w := watcher(&srv.Box, sink, "now")
	catchUp(t, w)
	appendMail(t, &srv.Box, 2)
	srv.SetUIDValidity(8)
	catchUp(t, w)
	if got := sink.bodies("INBOX"); len(got) != 1 || got[0] != rawMail(2) {
		t.Errorf("received %q", got)
	}
}

func TestVanishedMailIsNoted(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		sink := newSink()
		w := watcher(box, sink, "now")
		catchUp(t, w)
		for n := 1; n <= 4; n++ {
			appendMail(t, box, n)
		}
		if err := box.Delete("INBOX", 1, 3); err != nil {
			t.Fatal(err)
		}
		catchUp(t, w)
		if v := sink.vanished["INBOX"]; !slices.Equal(v, []uint32{1, 3}) {
			t.Errorf("vanished %v", v)
		}
		if len(sink.order) != 2 || sink.marks["INBOX"].HighUID != 4 {
			t.Errorf("received %v, marks %+v", sink.order, sink.marks["INBOX"])
		}
	})
}

func TestLargeMailIsStreamedAndTooLargeMailCut(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		body := strings.Repeat("A line of a large message, 50 bytes with its end\r\n", 60_000) // 3 MB
		large := "Subject: large\r\n\r\n" + body
		huge := "Subject: huge\r\n\r\n" + body + body
		for _, raw := range []string{rawMail(1), large, huge, rawMail(2)} {
			if err := box.Append("INBOX", []byte(raw), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		sink := newSink()
		w := watcher(box, sink, "all")
		w.SizeLimit = 4 << 20
		catchUp(t, w)
		if r, _ := sink.byUID(2); r.raw != large || r.truncated || r.size != int64(len(large)) {
			t.Errorf("large: %d bytes, truncated %v", len(r.raw), r.truncated)
		}
		r, _ := sink.byUID(3)
		if want := huge[:len("Subject: huge\r\n\r\n")+64<<10]; r.raw != want || !r.truncated || r.problem == "" || r.size != int64(len(huge)) {
			t.Errorf("huge: %d bytes, truncated %v, size %d, problem %q", len(r.raw), r.truncated, r.size, r.problem)
		}
		if got := sink.bodies("INBOX"); len(got) != 4 || got[0] != rawMail(1) || got[3] != rawMail(2) {
			t.Errorf("received %d messages", len(got))
		}
	})
}

func TestASinkThatFailsLosesNothing(t *testing.T) {
	srv := mailtest.StartIMAP(t, mailtest.IMAPOptions{})
	sink := newSink()
	failures := 0
	sink.before = func([]mailbox.Fetched) error {
		if failures < 2 {
			failures++
			return errors.New("the database is away")
		}
		return nil
	}
	w := watcher(&srv.Box, sink, "all")
	for n := range 5 {
		appendMail(t, &srv.Box, n)
	}
	for range 2 {
		if err := w.CatchUp(context.Background()); err == nil || !strings.Contains(err.Error(), "database is away") {
			t.Fatalf("CatchUp: %v", err)
		}
		if m := sink.marks["INBOX"]; m.BackfillUID != 6 {
			t.Fatalf("marks moved over what was not stored: %+v", m)
		}
	}
	catchUp(t, w)
	if len(sink.bodies("INBOX")) != 5 {
		t.Errorf("received %d", len(sink.bodies("INBOX")))
	}
	for _, loc := range sink.order {
		if r := sink.got[loc]; r.problem != "" || r.raw != rawMail(int(loc.UID)-1) {
			t.Errorf("UID %d: problem %q: a message was blamed for the sink", loc.UID, r.problem)
		}
	}
}

func TestAfterFilingMovesOrFlagsWhatCameNew(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		for _, after := range []string{"move:Filed", "flag"} {
			if err := box.Append("Filed", []byte(rawMail(100)), time.Now()); err != nil {
				t.Fatal(err)
			}
			sink := newSink()
			w := watcher(box, sink, "now")
			w.AfterFiling = after
			catchUp(t, w)
			appendMail(t, box, 1)
			appendMail(t, box, 2)
			catchUp(t, w)
			if len(sink.order) != 2 {
				t.Fatalf("%s: received %d", after, len(sink.order))
			}
			left, err := box.Messages("INBOX")
			if err != nil {
				t.Fatal(err)
			}
			filed, err := box.Count("Filed")
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case after == "flag" && (len(left) != 2 || !slices.ContainsFunc(left[0].Flags, func(f string) bool { return strings.EqualFold(f, `\Flagged`) })):
				t.Errorf("flag: %+v", left)
			case after != "flag" && (len(left) != 0 || filed != 3):
				t.Errorf("move: %d left, %d filed", len(left), filed)
			}
		}
	})
}

func TestTheSentFolderIsFoundAndWatched(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		if err := box.Append("Sent", []byte(rawMail(1)), time.Now()); err != nil {
			t.Fatal(err)
		}
		sink := newSink()
		w := watcher(box, sink, "all")
		w.Folder = ""
		catchUp(t, w)
		if got := sink.bodies("Sent"); len(got) != 1 {
			t.Errorf("received %d messages from %v", len(got), sink.marks)
		}
	})
}

func TestWatcherLogsInEachWay(t *testing.T) {
	for _, sec := range []mailbox.Security{mailbox.TLS, mailbox.StartTLS, mailbox.None} {
		for _, auth := range []mailbox.Auth{mailbox.AuthPassword, mailbox.AuthXOAUTH2} {
			t.Run(fmt.Sprint(sec, " ", auth), func(t *testing.T) {
				srv := mailtest.StartIMAP(t, mailtest.IMAPOptions{Security: sec, Token: "token"})
				appendMail(t, &srv.Box, 1)
				sink := newSink()
				w := watcher(&srv.Box, sink, "all")
				w.Account.Auth = auth
				secret := "secret"
				if auth == mailbox.AuthXOAUTH2 {
					secret = "token"
				}
				w.Account.Secret = func(context.Context) (string, error) { return secret, nil }
				catchUp(t, w)
				if len(sink.order) != 1 {
					t.Errorf("received %d", len(sink.order))
				}
				secret = "wrong"
				if err := w.CatchUp(context.Background()); err == nil || !strings.Contains(err.Error(), "logging in") || strings.Contains(err.Error(), "wrong") {
					t.Errorf("with a wrong secret: %v", err)
				}
			})
		}
	}
}

func TestBackOffGrowsIsBoundedAndHonoursTheServer(t *testing.T) {
	plain := errors.New("connection refused")
	for failures, most := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		for _, chance := range []float64{0, 0.5, 0.999} {
			if d := mailbox.BackOff(failures, plain, chance); d < time.Second || d > most*time.Second {
				t.Errorf("after %d failures: %v", failures, d)
			}
		}
	}
	throttled := errors.New("imap: NO Request is throttled. Suggested Backoff Time: 299712 milliseconds")
	if d := mailbox.BackOff(0, throttled, 0); d != 299712*time.Millisecond {
		t.Errorf("the server asked for 299712 ms, got %v", d)
	}
}

func TestMovingWithoutMoveNeverLosesMail(t *testing.T) {
	for _, tc := range []struct {
		name, caps, copy string
		want             []string // the commands after the fetch
	}{
		{"COPY works", "IMAP4rev1 UIDPLUS", "OK [COPYUID 9 1 1] done", []string{"UID COPY", "UID STORE", "UID EXPUNGE"}},
		{"COPY fails", "IMAP4rev1 UIDPLUS", "NO [TRYCREATE] no such folder", []string{"UID COPY"}},
		{"no UIDPLUS", "IMAP4rev1", "OK done", nil},
		{"MOVE", "IMAP4rev1 UIDPLUS MOVE", "", []string{"UID MOVE"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake()
			f.other = func(l *mailtest.Line) {
				switch l.Command {
				case "CAPABILITY":
					l.Untagged("CAPABILITY " + tc.caps)
					l.End("OK done")
				case "LOGIN":
					l.End("OK [CAPABILITY " + tc.caps + "] in")
				case "UID COPY":
					l.End(tc.copy)
				}
			}
			w, sink, srv := scriptedWatcher(t, f, "now")
			w.AfterFiling = "move:Filed"
			catchUp(t, w)
			f.add(1)
			catchUp(t, w)
			wantMail(t, sink, 1)
			var got []string
			for _, line := range srv.Lines() {
				fields := strings.Fields(line)
				if len(fields) > 2 && fields[1] == "UID" && !slices.Contains([]string{"SEARCH", "FETCH"}, fields[2]) {
					got = append(got, "UID "+fields[2])
				}
				if len(fields) > 1 && fields[1] == "EXPUNGE" {
					t.Errorf("the client said %q", line)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("commands %q, want %q", got, tc.want)
			}
		})
	}
}
