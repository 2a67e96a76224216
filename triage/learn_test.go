package triage_test

import (
	"fmt"
	"testing"

	"illmail/store"
)

func TestLearnsFromCorrections(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	if learned, err := b.in.Learn(ctx); learned || err != nil {
		t.Fatalf("learned %v from nothing, %v", learned, err)
	}
	const words = "Zorblat the quuxly marshes, kindly."
	teach := func(n int) {
		for range n {
			b.n++
			id := fmt.Sprintf("lesson%d@x", b.n)
			b.deliver("INBOX", mail(id, jane, "Zorblat", words))
			b.take()
			st, err := b.db.ReadStory(ctx, b.line(id).ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.desk.CorrectIntent(ctx, st.Messages[0].ID, "patron", "return_how", b.anna); err != nil {
				t.Fatal(err)
			}
		}
	}
	teach(12)
	if learned, err := b.in.Learn(ctx); !learned || err != nil {
		t.Fatalf("learned %v, %v", learned, err)
	}
	if learned, err := b.in.Learn(ctx); learned || err != nil {
		t.Errorf("learned the same again: %v, %v", learned, err)
	}
	b.deliver("INBOX", mail("exam@x", jane, "Zorblat", words))
	b.take()
	if l := b.line("exam@x"); l.Intent != "return_how" || l.State != store.ItemNew {
		t.Errorf("after twelve lessons it reads %+v", l)
	}
}
