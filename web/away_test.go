package web

import (
	"fmt"
	"strings"
	"testing"

	"illmail/store"
)

func TestAwayWithACover(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ana, tom, lin := s.signIn(t, "ana"), s.signIn(t, "tom"), s.signIn(t, "lin")
	id := func(name string) string { return fmt.Sprint(s.staff[name].ID) }
	until := s.day(3)
	tom.post(conv(s.talks["renewal"])+"/assign", "to", id("tom"), "was", "").status(303)

	// What cannot be meant is said, and nothing is entered.
	for _, c := range [][]string{
		{"from", s.day(0).String(), "until", "", "cover", id("ana")},
		{"from", s.day(2).String(), "until", s.day(1).String(), "cover", id("ana")},
		{"from", s.day(-9).String(), "until", s.day(-1).String(), "cover", id("ana")},
		{"from", s.day(0).String(), "until", s.day(1000).String(), "cover", id("ana")},
		{"from", s.day(0).String(), "until", until.String(), "cover", ""},
		{"from", s.day(0).String(), "until", until.String(), "cover", id("tom")},
		{"from", s.day(0).String(), "until", until.String(), "cover", "99999"},
	} {
		tom.post("/away", c...).status(422).has(`class="problem"`)
	}
	tom.post("/away", "staff", id("lin"), "from", s.day(0).String(), "until", until.String(), "cover", id("ana")).status(403)
	tom.get("/away").status(200).has("Nobody is away")
	tom.post("/away", "from", s.day(0).String(), "until", until.String(), "cover", id("ana")).status(303)
	tom.post("/away", "from", s.day(1).String(), "until", s.day(1).String(), "cover", id("lin")).status(422).has("Tom Weber is away from")
	lin.post("/away", "from", s.day(1).String(), "until", s.day(1).String(), "cover", id("tom")).status(422).has("Tom Weber is away from")

	// The cover has it in hers, and it stays his.
	ana.get("/?tab=mine").status(200).has("Jordan Doe", "for Tom Weber, away until").hasNot("Meera Patel")
	lin.get("/?tab=mine").status(200).hasNot("Jordan Doe")
	lin.get("/").status(200).has("Tom Weber is away until")
	ana.get(conv(s.talks["renewal"])).status(200).has("assigned to Tom Weber", "for Tom Weber, away until", "Tom Weber (away until")
	tom.get("/?tab=mine").status(200).has("Jordan Doe")

	// Whoever gives him work is asked back, with all that they had filled in.
	assign := func(b *browser, name string, pairs ...string) *answer {
		return b.post(conv(s.talks[name])+"/assign", append([]string{"was", ""}, pairs...)...)
	}
	assign(lin, "file", "choice", id("tom")).status(409).has("Tom Weber is away until", "Give it to Ana Ruiz", `name="was" value=""`, `name="anyway" value="1"`)
	bulk := lin
	bulk.post("/bulk").status(403)
	page := ana.get("/")
	row := page.field("row")
	ana.post("/bulk", "row", row, "action", "assign", "to", id("tom"), "back", "/").status(409).has(`name="row" value="`+row+`"`, `name="action" value="assign"`)
	assign(lin, "file", "to", id("tom"), "anyway", "1").status(303)
	assign(lin, "new", "to", id("ana"), "anyway", "1").status(303)
	assign(tom, "pickup", "to", id("tom")).status(303) // he works nonetheless
	ana.get("/?tab=mine").status(200).has("Jordan Doe", "Meera Patel", "Unknown Reader", "Kathleen")

	// Her own cover takes both; without one it is in nobody's hands.
	ana.post("/away", "staff", id("ana"), "from", s.day(0).String(), "until", s.day(1).String(), "cover", id("lin")).status(303)
	lin.get("/?tab=mine").status(200).has("Jordan Doe", "for Tom Weber", "for Ana Ruiz")
	lin.post(conv(s.talks["private"])+"/handover", "to", id("ana"), "was", "", "why", "Please look.").status(409).has("You stand in", "Take it", `name="why" value="Please look."`)
	if err := s.db.DisableStaff(t.Context(), "lin", s.now); err != nil {
		t.Fatal(err)
	}
	tom.get("/?tab=unassigned").status(200).has("Jordan Doe", "Tom Weber is away until", "and nobody stands in")

	// Back: all is as before.
	list, err := s.db.Absences(t.Context(), s.day(0))
	if err != nil || len(list) != 2 {
		t.Fatalf("away are %+v, %v", list, err)
	}
	for _, a := range list {
		path := fmt.Sprintf("/away/%d/end", a.ID)
		if a.StaffID != s.staff["tom"].ID {
			tom.post(path).status(403)
		}
		ana.post(path).status(303)
	}
	ana.get("/?tab=mine").status(200).hasNot("Jordan Doe")
	if body := tom.get("/?tab=mine").status(200).body; strings.Contains(body, "away until") || !strings.Contains(body, "Jordan Doe") {
		t.Errorf("his pile is not as before")
	}
	tom.get("/?tab=unassigned").status(200).hasNot("Jordan Doe")
	for _, what := range []string{"renewal", "file", "pickup"} {
		if item, err := s.db.Item(t.Context(), s.talks[what]); err != nil || item.AssignedTo == nil || *item.AssignedTo != s.staff["tom"].ID {
			t.Errorf("%s is with %v, %v", what, item.AssignedTo, err)
		}
	}
}

// TestDaysAwayEnd: the first and the last day count, by the office's clock.
func TestDaysAwayEnd(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	a := store.Absence{StaffID: s.staff["tom"].ID, CoverID: s.staff["ana"].ID, From: s.day(1), Until: s.day(2), EnteredBy: "ana"}
	if err := s.db.AddAbsence(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	today, loc := s.day(0), s.now.Location()
	for day, want := range []bool{false, true, true, false} {
		for _, hour := range []int{0, 23} {
			s.now = today.AddDays(day).At(hour, 59, loc)
			b := s.signIn(t, "ana")
			if got := strings.Contains(b.get(conv(s.talks["renewal"])).status(200).body, "Tom Weber (away until"); got != want {
				t.Errorf("on day %d at %d:59 he is away: %v, want %v", day, hour, got, want)
			}
		}
	}
}
