package illiad_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"illmail/illiad"
	"illmail/illiad/illiadtest"
	"illmail/store"
)

// receive takes in a mail of the patron and files it on nothing.
func receive(t *testing.T, a *illiad.API, uid uint32, username string) {
	t.Helper()
	ctx := t.Context()
	folder, err := a.DB.EnsureFolder(ctx, a.OfficeID, "INBOX", store.FolderInbox)
	if err != nil {
		t.Fatal(err)
	}
	raw := strings.Repeat("x", int(uid))
	if _, err := a.DB.Receive(ctx, folder, []store.Incoming{{UIDValidity: 1, UID: uid, InternalDate: time.Now(), Size: int64(len(raw)), Body: strings.NewReader(raw)}}); err != nil {
		t.Fatal(err)
	}
	stored, err := a.DB.ClaimUnfiled(ctx, a.OfficeID, time.Hour, 10)
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d, %v", len(stored), err)
	}
	filed, err := a.DB.FileMessages(ctx, a.OfficeID, []string{"ill@example.edu"}, []store.Filing{{ID: stored[0].ID, FromAddr: username + "@example.edu",
		Kind: "patron", NeedsStaff: true, SenderVerified: true, Username: username}})
	if err != nil || filed[0].Err != nil {
		t.Fatalf("%v, %+v", err, filed)
	}
}

func TestFetchPatrons(t *testing.T) {
	ctx := t.Context()
	s, c := newServer(t)
	a, o := newAPI(t, c)
	old := transaction(400001)
	old["TransactionDate"] = "2019-01-02T10:00:00"
	s.PutTransaction(old)
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	bad := transaction(412306)
	bad["TransactionStatus"] = nil
	s.PutTransaction(bad)
	s.PutTransaction(transaction(412305))
	if err := a.Refresh(ctx, o.ID, []int64{412304}); err != nil { // the patron is known
		t.Fatal(err)
	}
	var told []int64
	fetch := func(want int) error {
		t.Helper()
		n, err := a.FetchPatrons(ctx, now, func(_ context.Context, id int64) error { told = append(told, id); return nil })
		if n != want {
			t.Errorf("fetched for %d patrons, want %d", n, want)
		}
		return err
	}
	if err := fetch(0); err != nil {
		t.Error(err)
	}
	receive(t, a, 1, "jdoe3")
	s.Misbehave(failing(http.MethodGet, illiadtest.HangUpBefore))
	if err := fetch(0); err == nil {
		t.Error("ILLiad is down, and nobody says so")
	}
	if h, _ := a.DB.Health(ctx, o.ID); len(h) != 1 || h[0].OK {
		t.Errorf("health %+v", h)
	}
	s.Misbehave(nil)
	if err := fetch(1); err != nil {
		t.Error(err)
	}
	known, err := a.DB.TransactionsByNumber(ctx, o.ID, []int64{400001, 412304, 412305, 412306})
	if err != nil || len(known) != 2 || known[1].TransactionNumber != 412305 || known[1].Title != "Dune" {
		t.Errorf("got %+v, %v", known, err)
	}
	if len(told) != 1 || told[0] != known[0].PatronID {
		t.Errorf("told %v", told)
	}
	s.Calls()
	if err := fetch(0); err != nil { // once a mail
		t.Error(err)
	}
	if calls := s.Calls(); len(calls) != 0 {
		t.Errorf("asked again: %q", calls)
	}
	receive(t, a, 2, "jdoe3")
	if err := fetch(1); err != nil {
		t.Error(err)
	}
}
