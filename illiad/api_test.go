package illiad_test

import (
	"context"
	"errors"
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
