package triage_test

import (
	"slices"
	"testing"

	"illmail/store"
)

// TestAStrangerIsOnlyOffered delivers mail that bears a patron's name, a
// library's look or a forged From: it reaches the list, is filed nowhere and
// puts nothing off, until staff say whose address it is.
func TestAStrangerIsOnlyOffered(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	const overdue = "Our overdue notice: please return the book to our library as soon as possible.\n\nThe Ecology of Tidal Marshes, Smith, due 20 November 2026\n\nInterlibrary Lending, Coastal College Library"
	b.deliver("INBOX",
		mail("name@x", "Jane Doe <jane.doe@elsewhere.example>", "Renewal", "Please renew TN 412304, The Ecology of Tidal Marshes.\n\nJane Doe"),
		mail("forged@x", "Jane Doe <"+jane+">", "Renewal", "Please renew TN 412304.", "Authentication-Results: mx.example.edu; dmarc=fail header.from=example.edu"),
		mail("away@x", "Jane Doe <jane.doe@elsewhere.example>", "Automatic reply: TN 412304", "I am away until December 20, 2026.\n\nJane Doe", "Auto-Submitted: auto-replied"),
		mail("library@x", "Lending <ill@coastal.example>", "Overdue item", overdue))
	b.take()
	for _, id := range []string{"name@x", "forged@x", "away@x", "library@x"} {
		if l := b.line(id); len(l.Transactions) > 0 || l.Verified {
			t.Errorf("%s is filed: %+v", id, l)
		}
	}
	p, err := b.db.PatronByUsername(ctx, b.office.ID, "jdoe3")
	if err != nil || !p.AwayUntil.IsZero() {
		t.Errorf("a stranger's word put the patron's notices off until %s, %v", p.AwayUntil, err)
	}
	for id, c := range map[string]store.MatchChange{"name@x": {LearnAddress: true}, "library@x": {LearnPartner: true}} {
		st, err := b.db.ReadStory(ctx, b.line(id).ID)
		if err != nil || !slices.ContainsFunc(st.Matches, func(m store.StoryMatch) bool { return m.TransactionNumber == 412304 && !m.Decided }) {
			t.Errorf("%s is not even offered: %+v, %v", id, st.Matches, err)
		}
		c.Add = []int64{412304}
		if err := b.desk.ChangeMatch(ctx, b.line(id).ID, c, b.anna); err != nil {
			t.Fatal(err)
		}
	}
	// Whom staff confirmed files by themselves from then on.
	b.deliver("INBOX",
		mail("name2@x", "Jane Doe <jane.doe@elsewhere.example>", "Renewal again", "Please renew TN 412304, The Ecology of Tidal Marshes."),
		mail("library2@x", "Lending <ill@coastal.example>", "Second notice", overdue))
	b.take()
	for _, id := range []string{"name2@x", "library2@x"} {
		if l := b.line(id); !slices.Equal(l.Transactions, []int64{412304}) {
			t.Errorf("%s is not filed: %+v", id, l)
		}
	}
}
