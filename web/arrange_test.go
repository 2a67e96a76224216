package web

import (
	"fmt"
	"strings"
	"testing"
)

// undoLast presses the Undo of the page to which an answer leads.
func (b *browser) undoLast(a *answer) *answer {
	b.t.Helper()
	page := b.get(a.status(303).location).status(200).has(">Undo</button>")
	return b.post("/undo", "undo", page.field("undo"))
}

func TestClosingSnoozingAndFilingAreUndone(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b, ana := s.signIn(t, "tom"), s.signIn(t, "ana")
	id := s.talks["recall"]
	row := func() string {
		_, rest, ok := strings.Cut(b.get("/").status(200).body, fmt.Sprintf(`<tr role="row" data-id="%d"`, id))
		if !ok {
			return ""
		}
		rest, _, _ = strings.Cut(rest, "</tr>")
		return rest
	}
	before := row()
	for _, form := range [][]string{{"action", "close"}, {"action", "snooze", "until", s.day(9).String()}} {
		a := b.post(conv(id)+"/state", form...).status(303)
		if row() != "" {
			t.Fatalf("%v left it on the list", form)
		}
		page := b.get(a.location).status(200)
		ana.post("/undo", "undo", page.field("undo")).status(409) // not hers
		b.undoLast(a).status(303)
		if after := row(); after != before {
			t.Errorf("undone, the row is %s, and was %s", after, before)
		}
		b.post("/undo", "undo", page.field("undo")).status(409)
	}

	// Filed elsewhere by one key, and back.
	id = s.talks["renewal"]
	m := fmt.Sprint(s.msgs["renewal"])
	b.get(conv(id)).status(200).has("Move it here", `data-key="f"`)
	a := b.post(conv(id)+"/match", "message", m, "tn", "412655", "action", "move")
	b.get(conv(id)).status(200).has("Meera Patel", `Request <span class="num">412655`).hasNot(`Request <span class="num">412304`)
	b.undoLast(a).status(303)
	b.get(conv(id)).status(200).has(`Request <span class="num">412304`, "Customs in Common").hasNot(`Request <span class="num">412655`, "Meera Patel")
	st, err := s.db.ReadStory(t.Context(), id)
	if err != nil || st.Matches[0].DecidedBy != "" || st.Matches[0].TransactionNumber != 412304 {
		t.Errorf("undone, it is filed as %+v, %v", st.Matches, err)
	}

	// Something came since: it is too late.
	a = b.post(conv(id)+"/state", "action", "close")
	page := b.get(a.location).status(200)
	s.receive(t, []sampleMail{{name: "again", from: "Jordan Doe", addr: "jdoe3@example.edu", verified: true, user: "jdoe3", subject: "Re: x", text: "Hello?", kind: "patron", intent: "status", p: .9, refs: []string{"renewal@test"}}})
	b.post("/undo", "undo", page.field("undo")).status(409).has("cannot be undone any more")
	b.post("/undo", "undo", "x").status(400)
	b.post("/undo").status(400)
}

func TestSplitAndJoin(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.talks["renewal"]
	s.receive(t, []sampleMail{{name: "other", from: "Jordan Doe", addr: "jdoe3@example.edu", verified: true, user: "jdoe3", subject: "Re: something else", text: "And what about my scan?", kind: "patron", intent: "status", p: .9, refs: []string{"renewal@test"}}})
	if s.talks["other"] != id {
		t.Fatal("the answer is elsewhere")
	}
	b.post(conv(id) + "/split").status(400)
	b.post(conv(id)+"/split", "message", fmt.Sprint(s.msgs["other"]), "message", fmt.Sprint(s.msgs["renewal"])).status(409)
	a := b.post(conv(id)+"/split", "message", fmt.Sprint(s.msgs["other"])).status(303)
	fresh, _, _ := strings.Cut(a.location, "?")
	b.get(conv(id)).status(200).hasNot("And what about my scan?").has("Re: something else", "Join with this one")
	b.get(fresh).status(200).has("And what about my scan?")
	b.undoLast(a).status(303)
	b.get(conv(id)).status(200).has("And what about my scan?")

	// Two conversations of one patron are joined, and taken apart by undo.
	other := s.talks["thanks"]
	id = s.talks["file"] // both of Meera Patel
	a = b.post(conv(id)+"/join", "other", fmt.Sprint(other)).status(303)
	stays, _, _ := strings.Cut(a.location, "?")
	b.get(stays).status(200).has("Thanks so much, the article arrived.", "File does not work")
	b.undoLast(a).status(303)
	b.get(conv(id)).status(200).hasNot("Thanks so much, the article arrived.")
	b.get(conv(other)).status(200).has("Thanks so much, the article arrived.")
	b.get("/?tab=done").status(200).has("Thanks so much")
	b.get("/").status(200).has("File does not work")

	// A patron's and a library's stay apart.
	b.post(conv(id)+"/join", "other", fmt.Sprint(s.talks["recall"])).status(409).has("another library or vendor")
	b.post(conv(id)+"/join", "other", "999999").status(400)
	b.post(conv(id)+"/join", "other", fmt.Sprint(id)).status(409)
}
