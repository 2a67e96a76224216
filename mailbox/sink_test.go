package mailbox_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"illmail/mailbox"
)

// memSink is the Sink in memory.
type memSink struct {
	// before, where it is set, is asked at each Receive, with the lock held.
	before func(msgs []mailbox.Fetched) error

	mu       sync.Mutex
	changed  chan struct{}
	marks    map[string]mailbox.Marks
	got      map[mailbox.Location]received
	order    []mailbox.Location
	calls    []int // messages of each Receive
	vanished map[string][]uint32
	again    []uint32 // what staff want once more
	health   []string // "ok …" or "bad …"
}

type received struct {
	raw       string
	truncated bool
	problem   string
	size      int64
	date      time.Time
}

func newSink() *memSink {
	return &memSink{
		changed: make(chan struct{}), marks: map[string]mailbox.Marks{},
		got: map[mailbox.Location]received{}, vanished: map[string][]uint32{},
	}
}

func (s *memSink) Marks(_ context.Context, folder string) (mailbox.Marks, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks[folder], nil
}

func (s *memSink) Receive(_ context.Context, msgs []mailbox.Fetched) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		if err := s.before(msgs); err != nil {
			return err
		}
	}
	fresh := map[mailbox.Location]received{}
	for _, m := range msgs {
		r := received{truncated: m.Truncated, problem: m.Problem, size: m.Size, date: m.InternalDate}
		if m.Body != nil {
			raw, err := io.ReadAll(m.Body)
			if err != nil {
				return fmt.Errorf("reading the body of UID %d: %w", m.UID, err)
			}
			r.raw = string(raw)
		}
		if _, known := s.got[m.Location]; !known {
			fresh[m.Location] = r
		}
	}
	for _, m := range msgs {
		if r, ok := fresh[m.Location]; ok {
			s.got[m.Location] = r
			s.order = append(s.order, m.Location)
		}
	}
	s.calls = append(s.calls, len(msgs))
	s.notify()
	return nil
}

func (s *memSink) Vanished(_ context.Context, folder string, _ uint32, uids []uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vanished[folder] = append(s.vanished[folder], uids...)
	s.notify()
	return nil
}

func (s *memSink) Again(context.Context, string, uint32) ([]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uids := s.again
	s.again = nil
	for _, u := range uids { // what staff see in its place goes when it comes after all
		delete(s.got, mailbox.Location{Folder: "INBOX", UIDValidity: s.marks["INBOX"].UIDValidity, UID: u})
	}
	return uids, nil
}

func (s *memSink) SetMarks(_ context.Context, folder string, m mailbox.Marks) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.marks[folder]
	if old.UIDValidity == m.UIDValidity && m.HighUID < old.HighUID {
		for loc := range s.got {
			if loc.Folder == folder {
				delete(s.got, loc)
			}
		}
	}
	s.marks[folder] = m
	s.notify()
	return nil
}

func (s *memSink) Health(_ context.Context, _ string, ok bool, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	word := "bad "
	if ok {
		word = "ok "
	}
	s.health = append(s.health, word+detail)
	s.notify()
}

func (s *memSink) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until cond holds; it is called with the lock held.
func (s *memSink) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		ok, changed := cond(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("%s: it did not happen; %d received, marks %v, health %q", what, len(s.order), s.marks, s.health)
		}
	}
}

// bodies are the raw messages received from folder, in the order of their UIDs.
func (s *memSink) bodies(folder string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var locs []mailbox.Location
	for loc := range s.got {
		if loc.Folder == folder {
			locs = append(locs, loc)
		}
	}
	slices.SortFunc(locs, func(a, b mailbox.Location) int { return int(a.UID) - int(b.UID) })
	var out []string
	for _, loc := range locs {
		out = append(out, s.got[loc].raw)
	}
	return out
}

func (s *memSink) byUID(uid uint32) (received, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for loc, r := range s.got {
		if loc.UID == uid {
			return r, true
		}
	}
	return received{}, false
}

// run runs w until the test ends.
func run(t *testing.T, w *mailbox.Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Run: %v", err)
		}
	})
}

func rawMail(n int) string {
	return fmt.Sprintf("From: patron%d@example.edu\r\nTo: ill@healey.example.edu\r\nMessage-ID: <m%d@example.edu>\r\nSubject: message %d\r\n\r\nText of message %d.\r\n", n, n, n, n)
}
