package store_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"illmail/store"
	"illmail/store/storetest"
)

func TestOffices(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	again, err := db.EnsureOffice(ctx, store.Office{Code: "healey", Name: "Healey ILL", Address: "ill@new.example.edu"})
	if err != nil || again.ID != o.ID || again.Name != "Healey ILL" || again.Address != "ill@new.example.edu" {
		t.Fatalf("got %+v, %v", again, err)
	}
	if _, err := db.Office(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}

	for _, step := range []func() error{
		func() error {
			return db.StopSending(ctx, o.ID, "Sent holds mail of ours that is not known", "dispatcher")
		},
		func() error { return db.StopSending(ctx, o.ID, "another reason", "dispatcher") },
		func() error { return db.PauseNotices(ctx, o.ID, true, "amy") },
		func() error { return db.PauseNotices(ctx, o.ID, true, "ben") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.Office(ctx, "healey")
	if err != nil || got.SendingStopped != "Sent holds mail of ours that is not known" || !got.NoticesPaused {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := db.ConfirmSending(ctx, o.ID, "amy"); err != nil {
		t.Fatal(err)
	}
	if err := db.PauseNotices(ctx, o.ID, false, "amy"); err != nil {
		t.Fatal(err)
	}
	got, _ = db.OfficeByID(ctx, o.ID)
	if got.SendingStopped != "" || got.NoticesPaused {
		t.Errorf("got %+v", got)
	}
	events, err := db.Events(ctx, "office", o.ID)
	if err != nil {
		t.Fatal(err)
	}
	var whats []string
	for _, e := range events {
		whats = append(whats, e.Actor+": "+e.What)
	}
	want := []string{"dispatcher: sending stopped", "amy: notices paused", "amy: sending confirmed", "amy: notices resumed"}
	if d := cmp.Diff(want, whats); d != "" {
		t.Error(d)
	}
}

func TestPatrons(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"), row(1002, "asmith"))
	p, err := db.PatronByUsername(ctx, o.ID, "jdoe")
	if err != nil || p.Name() != "Jo Doe" {
		t.Fatalf("got %+v, %v", p, err)
	}

	for range 2 {
		if err := db.LearnAddress(ctx, p.ID, "Jo.Private@Example.org", "amy"); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.LearnAddress(ctx, p.ID, "JDOE@example.edu", "amy"); err != nil {
		t.Fatal(err)
	}
	if got, err := db.PatronAddresses(ctx, p.ID); err != nil || !cmp.Equal(got, []string{"jo.private@example.org"}) {
		t.Errorf("learned %v, %v", got, err)
	}
	found, err := db.PatronsByAddress(ctx, o.ID, "jo.private@EXAMPLE.org", "asmith@example.edu")
	if err != nil || len(found) != 2 || found[0].Username != "asmith" || found[1].Username != "jdoe" {
		t.Errorf("found %+v, %v", found, err)
	}
	if other := newOffice(t, db, "other"); true {
		if found, _ := db.PatronsByAddress(ctx, other.ID, "asmith@example.edu"); len(found) > 0 {
			t.Errorf("another office found %+v", found)
		}
	}

	// A bounce of an address that is no longer the registered one says nothing.
	if err := db.MarkUndeliverable(ctx, p.ID, "old@example.edu", "5.1.1", "intake"); err != nil {
		t.Fatal(err)
	}
	if p, _ = db.PatronByID(ctx, p.ID); p.UndeliverableAt != nil {
		t.Error("marked for another address")
	}
	if err := db.MarkUndeliverable(ctx, p.ID, "JDoe@example.edu", "5.1.1 no such user", "intake"); err != nil {
		t.Fatal(err)
	}
	if p, _ = db.PatronByID(ctx, p.ID); p.UndeliverableAt == nil || p.UndeliverableWhy != "5.1.1 no such user" {
		t.Errorf("got %+v", p)
	}
	// The same address in the next export keeps the mark; a new one loses it.
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe", func(r *store.ImportRow) { r.Patron.FirstName = "Joan" }))
	if p, _ = db.PatronByID(ctx, p.ID); p.UndeliverableAt == nil || p.FirstName != "Joan" {
		t.Errorf("got %+v", p)
	}
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe", func(r *store.ImportRow) { r.Patron.Email = "joan@example.edu" }))
	if p, _ = db.PatronByID(ctx, p.ID); p.UndeliverableAt != nil || p.UndeliverableWhy != "" {
		t.Errorf("got %+v", p)
	}
}

func TestLenders(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	for _, l := range []store.Lender{
		{Symbol: "LDV", Name: "Ludwig", Domains: []string{"Ludwig.example"}},
		{Symbol: "LDV", Name: "Ludwig", Addresses: []string{"ill@LDV.example.org"}},
		{Symbol: "QGB", Addresses: []string{"loans@qgb.example.org"}},
	} {
		l.OfficeID = o.ID
		if err := db.SaveLender(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Lenders(ctx, o.ID)
	if err != nil || len(all) != 2 || !cmp.Equal(all[0].Addresses, []string{"ill@ldv.example.org"}) || all[0].Name != "Ludwig" {
		t.Errorf("got %+v, %v", all, err)
	}
	for addr, want := range map[string]string{"ILL@ldv.example.org": "LDV", "maria@lib.ludwig.example": "LDV", "loans@qgb.example.org": "QGB", "x@udwig.example": ""} {
		found, err := db.LendersByAddress(ctx, o.ID, addr)
		got := ""
		if len(found) == 1 {
			got = found[0].Symbol
		}
		if err != nil || got != want || len(found) > 1 {
			t.Errorf("%s: %+v, %v", addr, found, err)
		}
	}
}

func TestSecretIsMadeOnce(t *testing.T) {
	db := storetest.New(t)
	got := make(chan []byte)
	for range 4 {
		go func() {
			s, err := db.Secret(context.Background(), "ref")
			if err != nil {
				t.Error(err)
			}
			got <- s
		}()
	}
	first := <-got
	if len(first) != 32 {
		t.Errorf("%d bytes", len(first))
	}
	for range 3 {
		if !bytes.Equal(first, <-got) {
			t.Error("two processes have different secrets")
		}
	}
	if other, _ := db.Secret(t.Context(), "other"); bytes.Equal(other, first) {
		t.Error("two names have the same secret")
	}
}

func TestHealth(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	set := func(ok bool, detail string) store.Health {
		t.Helper()
		if err := db.SetHealth(ctx, o.ID, "smtp", ok, detail); err != nil {
			t.Fatal(err)
		}
		h, err := db.Health(ctx, o.ID)
		if err != nil || len(h) != 1 {
			t.Fatalf("got %+v, %v", h, err)
		}
		return h[0]
	}
	first := set(true, "")
	again := set(true, "still")
	if again.Since != first.Since || again.Detail != "still" || !again.CheckedAt.After(first.CheckedAt) {
		t.Errorf("got %+v after %+v", again, first)
	}
	if bad := set(false, "refused"); bad.OK || !bad.Since.After(first.Since) {
		t.Errorf("got %+v", bad)
	}
	if all, err := db.Health(ctx, 0); err != nil || len(all) != 1 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestListen(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db, "healey")
	ctx, cancel := context.WithCancel(t.Context())
	ch := db.Listen(ctx)
	if c := receive(t, ch); c != (store.Change{}) {
		t.Errorf("first %+v, want the zero Change", c)
	}
	if err := db.PauseNotices(ctx, o.ID, true, "amy"); err != nil {
		t.Fatal(err)
	}
	want := store.Change{Topic: store.NotifyOffice, OfficeID: o.ID}
	if c := receive(t, ch); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	store.KillConnections(t, db) // the server goes away for a moment
	if c := receive(t, ch); c != (store.Change{}) {
		t.Errorf("after connecting again %+v, want the zero Change", c)
	}
	mustImport(t, db, o.ID, store.ImportOptions{}, row(1001, "jdoe"))
	if c := receive(t, ch); c.Topic != store.NotifyTransactions {
		t.Errorf("got %+v", c)
	}
	cancel()
	for range ch {
	}
}
