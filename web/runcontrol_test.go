package web

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"illmail/notices"
	"illmail/store"
)

var planItem = regexp.MustCompile(`name="item" value="(overdue \d+ [0-9-]+)"`)

// Single notices are held and released with a reason, one letter is written in
// other words, a day is closed and opened, the returns let the overdues go: all
// of it by plain forms, by staff only.
func TestRunControl(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.server.Offices[0].Rules.Calendar = notices.Calendar{} // open every day
	s.plan(t)
	tom, lin := s.signIn(t, "tom"), s.signIn(t, "lin")
	page := tom.get("/notices").status(200).has("Not this one", "Returns are processed", "We are closed today", "lapses at midnight")
	lin.get("/notices").status(200).hasNot("Not this one", "Returns are processed", "We are closed today")
	found := planItem.FindStringSubmatch(page.body)
	if found == nil {
		t.Fatal("no overdue notice can be held")
	}
	item := html.UnescapeString(found[1])
	lin.post("/notices/hold", "office", "healey", "item", item, "reason", "x").status(403)
	tom.post("/notices/hold", "office", "healey", "item", item).status(400)
	tom.post("/notices/hold", "office", "healey", "reason", "x").status(400)
	tom.post("/notices/hold", "office", "healey", "item", "overdue 999999 2026-11-23", "reason", "x").status(404)
	tom.post("/notices/hold", "office", "healey", "item", item, "on", s.day(0).String(), "reason", "the dean asked").status(303)
	tom.get("/notices").status(200).has("held by tom: the dean asked", `action="/notices/unhold"`)
	tom.post("/notices/unhold", "office", "healey", "item", item).status(303)
	tom.post("/notices/unhold", "office", "healey", "item", item).status(409)
	tom.get("/notices").status(200).hasNot("the dean asked")

	waiting, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{State: store.OutboxHeld})
	if err != nil || len(waiting) == 0 {
		t.Fatalf("%d notices wait: %v", len(waiting), err)
	}
	mail := fmt.Sprintf("/outbox/%d", waiting[0].ID)
	tom.get(mail).status(200).has("Write this one in other words")
	lin.get(mail).status(200).hasNot("Write this one in other words")
	lin.post(mail+"/edit", "subject", "x", "text", "x", "reason", "x").status(403)
	tom.post(mail+"/edit", "subject", "About it", "text", "It was the flood.").status(400)
	tom.post(mail+"/edit", "subject", "About it", "text", "It was the flood.", "reason", "the flood").status(303)
	tom.get(mail).status(200).has("It was the flood.", "About it", "the flood")
	tom.get("/notices").status(200).has("edited by tom: the flood")

	on := s.day(0).String()
	tom.post("/notices/closed", "office", "healey", "on", s.day(-1).String()).status(400)
	lin.post("/notices/closed", "office", "healey", "on", on).status(403)
	tom.post("/notices/closed", "office", "healey", "on", on, "reason", "snow").status(303)
	tom.get("/notices").status(200).has("closed", ": snow.", "We are open after all").hasNot("Returns are processed")
	tom.post("/notices/closed", "office", "healey", "on", on, "action", "open").status(303)
	tom.get("/notices").status(200).hasNot("We are open after all")

	lin.get("/notices/rules?office=healey").status(200).has("1, 7, 14, 28 days overdue", "staff let it go", "3 days before the due date")
	lin.get("/notices/rules").status(400)
	lin.post("/notices/returns", "office", "healey").status(403)
	// An office's first notices are looked at one by one, returns or not.
	if to := tom.post("/notices/returns", "office", "healey").status(303).location; !strings.HasSuffix(to, "done=noreturns") {
		t.Errorf("it says %q", to)
	}
}
