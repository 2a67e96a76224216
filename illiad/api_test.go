package illiad_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"illmail/illiad"
	"illmail/illiad/illiadtest"
	"illmail/store"
	"illmail/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const apiKey = "0a1b2c3d-0000-4000-8000-aabbccddeeff"

func newServer(t *testing.T) (*illiadtest.Server, *illiad.Client) {
	t.Helper()
	s := illiadtest.New(apiKey)
	t.Cleanup(s.Close)
	c, err := illiad.NewClient(s.Base()+"/", " "+apiKey+"\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s.PutUser(illiadtest.Object{"UserName": "jdoe3", "FirstName": "Jo", "LastName": "Doe", "EMailAddress": "jdoe3@example.edu", "Status": "Faculty", "NVTGC": "ILL", "SSN": "000-12-3456"})
	s.PutTransaction(transaction(412304))
	return s, c
}

func transaction(tn int) illiadtest.Object {
	return illiadtest.Object{
		"TransactionNumber": tn, "Username": "jdoe3", "RequestType": "Loan", "ProcessType": "Borrowing", "TransactionStatus": "Checked Out to Customer",
		"TransactionDate": "2026-10-15T18:34:44.957", "CreationDate": "2026-10-01T09:00:00", "LoanTitle": "Dune", "LoanAuthor": "Herbert", "PhotoJournalTitle": nil,
		"ISSN": "9780441172719", "ILLNumber": "231806380", "DueDate": "2026-11-23T00:00:00", "RenewalsAllowed": true, "ReasonForCancellation": nil, "LastOverdueNoticeSent": 0,
	}
}

func newAPI(t *testing.T, c *illiad.Client) (*illiad.API, store.Office) {
	t.Helper()
	db := storetest.New(t)
	o, err := db.EnsureOffice(t.Context(), store.Office{Code: "healey", Name: "Healey", Address: "ill@example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	return &illiad.API{Client: c, DB: db, OfficeID: o.ID, Pages: "https://ill.example.edu", Log: slog.New(slog.DiscardHandler)}, o
}

// failing makes the calls of that method fail so.
func failing(method string, f illiadtest.Fault) func(*http.Request) illiadtest.Fault {
	return func(r *http.Request) illiadtest.Fault {
		if r.Method == method {
			return f
		}
		return illiadtest.None
	}
}

func TestClientErrors(t *testing.T) {
	ctx := t.Context()
	s, c := newServer(t)
	if v, err := c.Version(ctx); err != nil || v != "9.2.0.0" {
		t.Errorf("got %q, %v", v, err)
	}
	if _, err := c.Transaction(ctx, 999); !errors.Is(err, illiad.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if _, err := c.User(ctx, "no/body?"); !errors.Is(err, illiad.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	wrong, err := illiad.NewClient(s.Base(), "wrong")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wrong.Close)
	if _, err := wrong.Version(ctx); !errors.Is(err, illiad.ErrKey) || !strings.Contains(err.Error(), "denied") {
		t.Errorf("got %v", err)
	}
	for _, base := range []string{"", "illiad.example.edu", "ftp://x/y"} {
		if _, err := illiad.NewClient(base, ""); err == nil {
			t.Errorf("%q is an address", base)
		}
	}

	for fault, want := range map[illiadtest.Fault]string{
		illiadtest.EmptyBadRequest: "(400): without a reason",
		illiadtest.ModelState:      "The request is invalid; Status: The status does not exist.",
		illiadtest.Busy:            "(503): Busy",
		illiadtest.CrashBefore:     "(500): An error has occurred",
		illiadtest.HangUpBefore:    "EOF",
		illiadtest.HalfAnswer:      "unexpected EOF",
		illiadtest.LogInPage:       "text/html in place of JSON; check base_url",
	} {
		s.Misbehave(func(*http.Request) illiadtest.Fault { return fault })
		_, err := c.Transaction(ctx, 412304)
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, illiad.ErrUncertain) {
			t.Errorf("fault %d on GET: got %v, want %q", fault, err, want)
		}
		_, err = c.Route(ctx, 412304, "Request Finished")
		uncertain := fault == illiadtest.CrashBefore || fault == illiadtest.HangUpBefore || fault == illiadtest.HalfAnswer || fault == illiadtest.LogInPage
		if err == nil || errors.Is(err, illiad.ErrUncertain) != uncertain {
			t.Errorf("fault %d on PUT: got %v, want uncertain = %v", fault, err, uncertain)
		}
	}
	s.Misbehave(nil)

	// A silent server: the caller's patience ends the call.
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	s.Misbehave(func(r *http.Request) illiadtest.Fault { <-r.Context().Done(); return illiadtest.HangUpBefore })
	if _, err := c.Transaction(short, 412304); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	s.Misbehave(nil)
	s.Close()
	if err := c.AddNote(ctx, 412304, "x"); err == nil || errors.Is(err, illiad.ErrUncertain) {
		t.Errorf("nobody listens: got %v, want a certain failure", err)
	}
}

func TestUserRequests(t *testing.T) {
	s, c := newServer(t)
	for n := range 230 {
		o := transaction(500000 + n)
		if n%2 == 0 {
			o["TransactionStatus"] = "Request Finished"
		}
		s.PutTransaction(o)
	}
	all, err := c.UserRequests(t.Context(), "jdoe3", "")
	if err != nil || len(all) != 231 {
		t.Errorf("%d requests, %v", len(all), err)
	}
	some, err := c.UserRequests(t.Context(), "jdoe3", "TransactionStatus eq 'Request Finished'")
	if err != nil || len(some) != 115 {
		t.Errorf("%d requests, %v", len(some), err)
	}
}

func TestRefresh(t *testing.T) {
	ctx := t.Context()
	s, c := newServer(t)
	a, o := newAPI(t, c)
	// What the export knew and ILLiad does not say stays.
	_, err := a.DB.Import(ctx, o.ID, func(yield func(store.ImportRow, error) bool) {
		yield(store.ImportRow{
			Patron:      store.Patron{Username: "jdoe3", FirstName: "Jo", LastName: "Doe", Email: "old@example.edu", Language: "es"},
			Transaction: store.Transaction{TransactionNumber: 412304, Status: "Request Sent", State: store.StateSent, PickupLocation: "Main Desk", CancelReason: "gone"},
		}, nil)
	}, store.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(ctx, o.ID, []int64{412304}); err != nil {
		t.Fatal(err)
	}
	got, err := a.DB.TransactionByNumber(ctx, o.ID, 412304)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != store.StateOnLoan || got.DueDate.String() != "2026-11-23" || got.StatusDate.String() != "2026-10-15" || got.Title != "Dune" ||
		!got.RenewalsAllowed || got.PickupLocation != "Main Desk" || got.CancelReason != "" || got.ISSNISBN != "9780441172719" {
		t.Errorf("got %+v", got)
	}
	p, _ := a.DB.PatronByID(ctx, got.PatronID)
	if p.Email != "jdoe3@example.edu" || p.Language != "es" || p.PatronStatus != "Faculty" || p.Site != "ILL" || p.Username != "jdoe3" {
		t.Errorf("got %+v", p)
	}
	events, _ := a.DB.Events(ctx, "transaction", got.ID)
	if len(events) != 1 || events[0].What != "sent → on_loan" || events[0].Actor != "refresh" {
		t.Errorf("events %+v", events)
	}

	// Nothing may be told by old records when ILLiad cannot be asked.
	for what, fault := range map[string]illiadtest.Fault{"down": illiadtest.HangUpBefore, "broken": illiadtest.HalfAnswer, "crashed": illiadtest.CrashBefore} {
		s.Misbehave(func(*http.Request) illiadtest.Fault { return fault })
		if err := a.Refresh(ctx, o.ID, []int64{412304}); err == nil {
			t.Errorf("%s: no error", what)
		}
		if h, _ := a.DB.Health(ctx, o.ID); len(h) != 1 || h[0].Part != "illiad" || h[0].OK {
			t.Errorf("%s: health %+v", what, h)
		}
	}
	s.Misbehave(nil)
	if err := a.Refresh(ctx, o.ID, []int64{412304, 999}); !errors.Is(err, illiad.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	bad := transaction(412305)
	bad["DueDate"] = "whenever"
	s.PutTransaction(bad)
	if err := a.Refresh(ctx, o.ID, []int64{412305}); err == nil || !strings.Contains(err.Error(), "due_date") {
		t.Errorf("got %v", err)
	}
	if h, _ := a.DB.Health(ctx, o.ID); !h[0].OK { // it answers, and that one request waits
		t.Errorf("health %+v", h)
	}
	s.PutTransaction(transaction(412305))
	if err := a.Refresh(ctx, o.ID, []int64{412304, 412305}); err != nil {
		t.Error(err)
	}
	if h, _ := a.DB.Health(ctx, o.ID); !h[0].OK {
		t.Errorf("health %+v", h)
	}
}

func TestCheck(t *testing.T) {
	s, c := newServer(t)
	a, o := newAPI(t, c)
	a.Write.Routes = store.Routes{Renewal: "checked out to customer", Reply: "Awaiting Reply"}
	f, err := a.Check(t.Context())
	if err != nil || f.Version != "9.2.0.0" || !cmp.Equal(f.Unknown, []string{"Extremely Overdue and Blocked"}) || f.Skew.Abs() > 2*time.Second || f.Skewed() != "" ||
		!cmp.Equal(f.Unseen, []string{"Awaiting Reply"}) {
		t.Errorf("got %+v, %v", f, err)
	}
	parts := func() map[string]store.Health {
		t.Helper()
		list, err := a.DB.Health(t.Context(), o.ID)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]store.Health{}
		for _, h := range list {
			m[h.Part] = h
		}
		return m
	}
	s.SetAhead(20 * time.Minute)
	if err := a.CheckOnce(t.Context()); err != nil {
		t.Error(err)
	}
	if h := parts(); !h["illiad"].OK || h["illiad clock"].OK || !strings.Contains(h["illiad clock"].Detail, "ahead of ours") || h["illiad statuses"].OK || !strings.Contains(h["illiad statuses"].Detail, "Extremely Overdue") {
		t.Errorf("health %+v", h)
	}
	s.SetAhead(0)
	own, err := illiad.NewStateMap(map[string]string{"Extremely Overdue and Blocked": "on_loan"})
	if err != nil {
		t.Fatal(err)
	}
	a.States = own
	if err := a.CheckOnce(t.Context()); err != nil {
		t.Error(err)
	}
	if h := parts(); !h["illiad clock"].OK || !h["illiad statuses"].OK {
		t.Errorf("health %+v", h)
	}
	s.Misbehave(func(*http.Request) illiadtest.Fault { return illiadtest.LogInPage })
	if _, err := a.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "base_url") {
		t.Errorf("got %v", err)
	}
	if h := parts(); h["illiad"].OK {
		t.Errorf("health %+v", h)
	}
}

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
