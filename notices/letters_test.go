package notices

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
	"illmail/templates"
)

// What is approved is in the next letter, without a restart; drafts and
// languages that nobody approved are not.
func TestLettersFollowApproval(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	w := newWorld(t, ctx, db, "healey", testRules(t))
	letters, err := ReadLetters(ctx, db, w.office.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.office.Templates = letters.Set
	following, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- FollowLetters(following, db, slog.New(slog.DiscardHandler), letters) }()
	defer func() { stop(); <-done }()

	data := PreviewData(templates.Office{Name: "Healey", Address: "ill@healey.example.edu"},
		&store.Transaction{TransactionNumber: 412304, Title: "Dune", DueDate: day("2026-11-20")}, &store.Patron{FirstName: "Jo"}, day("2026-11-23"))
	ana := store.Actor{Name: "ana"}
	subject := func() string {
		t.Helper()
		r, err := w.office.Templates().Render("overdue", "es", data)
		if err != nil {
			t.Fatal(err)
		}
		return r.Subject
	}
	until := func(want string) {
		t.Helper()
		for subject() != want {
			select {
			case <-ctx.Done():
				t.Fatalf("the subject stays %q, want %q", subject(), want)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	v := store.TemplateVersion{OfficeID: w.office.ID, Name: "overdue", Language: "en", Source: "Subject: Please return it\n\nIt is late.\n"}
	before := subject()
	id, err := db.ProposeTemplate(ctx, v, store.Actor{Name: "lin"})
	if err != nil {
		t.Fatal(err)
	}
	if err := letters.Reload(ctx); err != nil || subject() != before {
		t.Fatalf("a draft is used: %q, %v", subject(), err)
	}
	if err := db.ApproveTemplate(ctx, w.office.ID, id, 0, ana); err != nil {
		t.Fatal(err)
	}
	until("Please return it")
	v.Language, v.Source = "es", "Subject: Por favor\n\nEs tarde.\n"
	if err := db.PublishTemplate(ctx, v, 0, ana); err != nil {
		t.Fatal(err)
	}
	if err := letters.Reload(ctx); err != nil || subject() != "Please return it" {
		t.Fatalf("a language that nobody approved is used: %q, %v", subject(), err)
	}
	if err := db.ApproveLanguage(ctx, w.office.ID, "es", ana); err != nil {
		t.Fatal(err)
	}
	until("Por favor")

	// What a later program cannot read is told, and its own letter stands in.
	v.Language, v.Source = "en", "Subject: {{nothing}}\n\nIt is late.\n"
	if err := db.PublishTemplate(ctx, v, id, ana); err != nil {
		t.Fatal(err)
	}
	if err := db.StopLanguage(ctx, w.office.ID, "es", ana); err != nil {
		t.Fatal(err)
	}
	until(before)
	if refused := letters.Refused(); len(refused) != 1 {
		t.Errorf("refused are %v", refused)
	}
}
