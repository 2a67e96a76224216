package illiad_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"illmail/illiad"
	"illmail/illiad/illiadtest"
	"illmail/store"
)

// TestWhatWaitedIsDueOnReturn: notes waited for an ILLiad that was away; once a
// check finds it back, they are due at once and not in an hour.
func TestWhatWaitedIsDueOnReturn(t *testing.T) {
	ctx := t.Context()
	s, c := newServer(t)
	a, o := newAPI(t, c)
	if err := a.Refresh(ctx, o.ID, []int64{412304}); err != nil {
		t.Fatal(err)
	}
	tx, _ := a.DB.TransactionByNumber(ctx, o.ID, 412304)
	if err := a.DB.QueueWriteBack(ctx, store.WriteBack{OfficeID: o.ID, TransactionID: tx.ID, Kind: "note", Payload: "x", Cause: "message 1"}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s.Misbehave(func(*http.Request) illiadtest.Fault { return illiadtest.Busy })
	if err := a.WriteBackOnce(ctx, now); err != nil {
		t.Fatal(err)
	}
	if n, err := a.DB.WaitingWriteBacks(ctx, o.ID); n != 1 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	if h, _ := a.DB.Health(ctx, o.ID); h[0].OK {
		t.Errorf("health %+v", h)
	}
	s.Misbehave(nil)
	if err := a.WriteBackOnce(ctx, now); err != nil || len(s.Notes(412304)) != 0 {
		t.Errorf("it was to wait: %q, %v", s.Notes(412304), err)
	}
	stop, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- a.RunChecks(stop) }()
	for w := (*store.WriteBack)(nil); w == nil; {
		var err error
		if w, err = a.DB.ClaimWriteBack(ctx, o.ID, time.Now(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// worker runs write-backs, each time two hours later: everything that waited is due.
type worker struct {
	*illiad.API
	now time.Time
}

func (w *worker) once(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(2 * time.Hour)
	if err := w.WriteBackOnce(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
}

func inState(t *testing.T, a *illiad.API, state string) int {
	t.Helper()
	w, err := a.DB.WriteBacks(t.Context(), a.OfficeID, state, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(w)
}

func TestWriteBacksOnce(t *testing.T) {
	ctx := t.Context()
	for _, readable := range []bool{true, false} {
		for name, fault := range map[string]struct {
			fault illiadtest.Fault
			done  bool // although it failed
			doubt bool
		}{
			"none":          {illiadtest.None, true, false},
			"busy":          {illiadtest.Busy, false, false},
			"crash before":  {illiadtest.CrashBefore, false, true},
			"crash after":   {illiadtest.CrashAfter, true, true},
			"hang up":       {illiadtest.HangUpBefore, false, true},
			"hang up after": {illiadtest.HangUpAfter, true, true},
		} {
			t.Run(fmt.Sprintf("%s readable=%v", name, readable), func(t *testing.T) {
				s, c := newServer(t)
				s.NotesReadable = readable
				a, o := newAPI(t, c)
				if err := a.Refresh(ctx, o.ID, []int64{412304}); err != nil {
					t.Fatal(err)
				}
				tx, _ := a.DB.TransactionByNumber(ctx, o.ID, 412304)
				for range 2 {
					for kind, payload := range map[string]string{"note": strings.Repeat("ü", 5000), "history": strings.Repeat("ü", 300), "route": "Awaiting Reply"} {
						if err := a.DB.QueueWriteBack(ctx, store.WriteBack{OfficeID: o.ID, TransactionID: tx.ID, Kind: kind, Payload: payload, Cause: "message 1"}); err != nil {
							t.Fatal(err)
						}
					}
				}
				first := map[string]bool{}
				s.Misbehave(func(r *http.Request) illiadtest.Fault {
					if r.Method == http.MethodGet || first[r.URL.Path] {
						return illiadtest.None
					}
					first[r.URL.Path] = true
					return fault.fault
				})
				w := &worker{a, time.Now()}
				for range 8 {
					w.once(t)
				}
				if got := s.Status(412304); got != "Awaiting Reply" {
					t.Errorf("the status is %q", got)
				}
				want := 1
				if fault.doubt && !readable && !fault.done {
					want = 0 // nobody can know: staff look
				}
				if n := len(s.Notes(412304)); n != want {
					t.Errorf("%d notes, want %d", n, want)
				}
				if n := len(s.Histories(412304)); n != want {
					t.Errorf("%d history entries, want %d", n, want)
				}
				uncertain := 0
				if fault.doubt && !readable {
					uncertain = 2
				}
				if got := inState(t, a, "uncertain"); got != uncertain || inState(t, a, "sent") != 3-uncertain {
					t.Errorf("%d uncertain and %d sent, want %d and %d", got, inState(t, a, "sent"), uncertain, 3-uncertain)
				}
			})
		}
	}
}

func TestWriteBackRefusedAndKilled(t *testing.T) {
	ctx := t.Context()
	s, c := newServer(t)
	s.NotesReadable = true
	a, o := newAPI(t, c)
	if err := a.Refresh(ctx, o.ID, []int64{412304}); err != nil {
		t.Fatal(err)
	}
	run := &worker{a, time.Now()}
	tx, _ := a.DB.TransactionByNumber(ctx, o.ID, 412304)
	queue := func(kind, payload, cause string) {
		t.Helper()
		if err := a.DB.QueueWriteBack(ctx, store.WriteBack{OfficeID: o.ID, TransactionID: tx.ID, Kind: kind, Payload: payload, Cause: cause}); err != nil {
			t.Fatal(err)
		}
	}
	// Refused for good: staff see why.
	s.Misbehave(failing(http.MethodPut, illiadtest.ModelState))
	queue("route", "No Such Queue", "conversation 1")
	run.once(t)
	if w, _ := a.DB.WriteBacks(ctx, o.ID, "failed", 10); len(w) != 1 || !strings.Contains(w[0].Reason, "The status does not exist") {
		t.Errorf("got %+v", w)
	}
	events, _ := a.DB.Events(ctx, "transaction", tx.ID)
	if len(events) != 1 || events[0].What != "route failed" {
		t.Errorf("events %+v", events)
	}
	s.Misbehave(nil)

	// claim is a worker that dies, its lease over at once; a second one finds it in doubt.
	claim := func() *store.WriteBack {
		t.Helper()
		w, err := a.DB.ClaimWriteBack(ctx, o.ID, time.Now(), 0)
		if err != nil || w == nil || w.Doubt {
			t.Fatalf("claimed %+v, %v", w, err)
		}
		return w
	}
	// The daemon is killed after ILLiad had it and before that was recorded.
	queue("note", "Mail from jdoe3", "message 7")
	w := claim()
	if err := c.AddNote(ctx, 412304, fmt.Sprintf("Mail from jdoe3 [illmail %d]", w.ID)); err != nil {
		t.Fatal(err)
	}
	run.once(t)
	if n := s.Notes(412304); len(n) != 1 || inState(t, a, "sent") != 1 {
		t.Errorf("notes %q", n)
	}
	// And before ILLiad had it.
	queue("note", "Another mail", "message 8")
	w = claim()
	run.once(t)
	if n := s.Notes(412304); len(n) != 2 || inState(t, a, "sent") != 2 {
		t.Errorf("notes %q", n)
	}
	// While a lease runs nobody else takes it.
	queue("note", "A third mail", "message 9")
	if w, err := a.DB.ClaimWriteBack(ctx, o.ID, time.Now(), time.Hour); err != nil || w == nil {
		t.Fatalf("claimed %+v, %v", w, err)
	}
	run.once(t)
	if n := s.Notes(412304); len(n) != 2 {
		t.Errorf("notes %q", n)
	}
	if err := a.DB.SettleWriteBack(ctx, w, "sent", "", time.Now()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a dead worker settled: %v", err)
	}
}

func TestRunWriteBacksWakes(t *testing.T) {
	s, c := newServer(t)
	a, o := newAPI(t, c)
	if err := a.Refresh(t.Context(), o.ID, []int64{412304}); err != nil {
		t.Fatal(err)
	}
	tx, _ := a.DB.TransactionByNumber(t.Context(), o.ID, 412304)
	written := make(chan struct{}, 1)
	s.Misbehave(func(r *http.Request) illiadtest.Fault {
		if r.Method == http.MethodPost {
			written <- struct{}{}
		}
		return illiadtest.None
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.RunWriteBacks(ctx) }()
	if err := a.DB.QueueWriteBack(ctx, store.WriteBack{OfficeID: o.ID, TransactionID: tx.ID, Kind: "history", Payload: "x", Cause: "y"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-written:
	case <-time.After(time.Minute):
		t.Error("nothing was written")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRoutesLeaveLaterStepsAlone: a request that was moved on meanwhile stays there.
func TestRoutesLeaveLaterStepsAlone(t *testing.T) {
	ctx := t.Context()
	s, c := newServer(t)
	a, o := newAPI(t, c)
	a.Write = illiad.Writes{Histories: true, Routes: store.Routes{Renewal: "Renewal Requested"}}
	s.PutTransaction(transaction(412305))
	if err := a.Refresh(ctx, o.ID, []int64{412304, 412305}); err != nil {
		t.Fatal(err)
	}
	for _, tn := range []int64{412304, 412305} {
		tx, _ := a.DB.TransactionByNumber(ctx, o.ID, tn)
		if _, err := a.DB.RecordRequestAction(ctx, store.RequestAction{TransactionID: tx.ID, Action: store.ActionRenewal}, store.Actor{Name: "amy"}); err != nil {
			t.Fatal(err)
		}
	}
	back := transaction(412305)
	back["TransactionStatus"] = "Request Finished"
	s.PutTransaction(back)
	w := &worker{a, time.Now()}
	w.once(t)
	w.once(t)
	if s.Status(412304) != "Renewal Requested" || s.Status(412305) != "Request Finished" {
		t.Errorf("the statuses are %q and %q", s.Status(412304), s.Status(412305))
	}
	failed, _ := a.DB.WriteBacks(ctx, o.ID, "failed", 10)
	if len(failed) != 1 || failed[0].TransactionNumber != 412305 || !strings.Contains(failed[0].Reason, "Request Finished") {
		t.Errorf("failed %+v", failed)
	}
	for _, tn := range []int64{412304, 412305} {
		if h := s.Histories(tn); len(h) != 1 || !strings.HasPrefix(h[0], "illmail: renewal asked for by amy [illmail ") {
			t.Errorf("the history of %d is %q", tn, h)
		}
	}
}
