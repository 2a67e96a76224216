package triage_test

import (
	"slices"
	"testing"
	"time"

	"illmail/classifier"
	"illmail/mailbox"
	"illmail/triage"
)

// TestReplay: mail is read again by another model without a trace in the
// records; what staff said of it is the measure.
func TestReplay(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	const words = "Zorblat the quuxly marshes, kindly."
	b.deliver("INBOX", mail("odd@x", jane, "Zorblat", words))
	b.deliver("INBOX", mail("plain@x", jane, "Renewal", "Could I keep TN 350001 for another two weeks, please?"))
	b.take()
	odd := b.line("odd@x")
	st, err := b.db.ReadStory(ctx, odd.ID)
	if err != nil {
		t.Fatal(err)
	}
	label := classifier.ReturnHow // whatever the model makes of such words, staff say otherwise
	if odd.Intent == string(label) {
		label = classifier.Fees
	}
	if err := b.desk.CorrectIntent(ctx, st.Messages[0].ID, "patron", string(label), b.anna); err != nil {
		t.Fatal(err)
	}
	replay := func(c *classifier.Classifier) (all []triage.Replayed) {
		t.Helper()
		if err := b.in.Replay(ctx, time.Now().AddDate(0, 0, -1), c, func(r triage.Replayed) error { all = append(all, r); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	same := replay(classifier.Default())
	if len(same) != 2 || !same[0].Same() || !same[1].Same() || same[0].Was.SaidIntent != string(label) || same[0].Was.Intent == string(label) {
		t.Fatalf("by the same model it reads %+v", same)
	}
	if said, was, is := same[0].Judged(); !said || was || is {
		t.Errorf("staff said otherwise, yet Judged is %v, %v, %v", said, was, is)
	}
	m := classifier.Default()
	e := classifier.Example{Reading: m.Read(mailbox.Parse([]byte(mail("lesson@x", jane, "Zorblat", words))), classifier.Office{Addresses: []string{officeAddr}}), Kind: classifier.KindPatron, Intents: []classifier.Intent{label}}
	changed := replay(m.Learn(slices.Repeat([]classifier.Example{e}, 12)))
	if len(changed) != 2 || changed[0].Same() || changed[0].Intent != string(label) || !changed[1].Same() {
		t.Errorf("by the model that learned it reads %+v", changed)
	}
	if said, was, is := changed[0].Judged(); !said || was || !is {
		t.Errorf("now it agrees with staff, yet Judged is %v, %v, %v", said, was, is)
	}
	if after := b.line("odd@x"); after.Intent != string(label) || len(after.Transactions) != len(odd.Transactions) {
		t.Errorf("the replay changed the list to %+v", after)
	}
}
