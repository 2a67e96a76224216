package web

import (
	"context"
	"strings"
	"testing"

	"illmail/store"
)

// TestAlternativesAreFilledIn: the form of a cancellation shows where else the
// item can be had, and never puts back what staff took out.
func TestAlternativesAreFilledIn(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.request(t, 501001, "Whigs and Hunters", store.StateOpen, "Awaiting Request Processing")
	s.request(t, 501002, "The Poverty of Theory", store.StateOpen, "Awaiting Request Processing")
	b := s.signIn(t, "tom")
	b.get("/cancel?office=healey&tn=501001").status(200).hasNot("Found in the catalogue")
	s.server.Offices[0].Alternatives = func(_ context.Context, tx store.Transaction) (string, string) {
		if strings.HasPrefix(tx.Title, "Whigs") {
			return "KD371 <T5>", "https://repository.example.org/1"
		}
		return "", ""
	}
	page := b.get("/cancel?office=healey&tn=501001&tn=501002").status(200).
		has("KD371 &lt;T5&gt;", "https://repository.example.org/1", "Found in the catalogue").hasNot("CONTU")
	if n := strings.Count(page.body, "Found in the catalogue"); n != 1 {
		t.Errorf("%d requests were found", n)
	}
	b.post("/cancel", "office", "healey", "tn", "501001", "call_501001", "", "link_501001", "", "letter", "cancellation", "reason", "none", "action", "show").
		hasNot("KD371", "Found in the catalogue")
}
