package web

import (
	"fmt"
	"testing"
)

func TestHandOverAndSnoozeUntilAnAnswer(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	tom, ana := s.signIn(t, "tom"), s.signIn(t, "ana")
	id := s.talks["renewal"]
	to := fmt.Sprint(s.staff["ana"].ID)
	tom.get(conv(id)).status(200).has("Hand over", "Until they answer")
	tom.post(conv(id)+"/handover", "to", to, "was", "").status(400).has("Say in a sentence why")
	tom.post(conv(id)+"/handover", "to", fmt.Sprint(s.staff["lin"].ID), "was", "", "why", "x").status(400).has("Choose a supervisor")
	tom.post(conv(id)+"/handover", "to", to, "was", "", "why", "He asks for a third renewal.").status(303)
	tom.post(conv(id)+"/handover", "to", to, "was", fmt.Sprint(s.staff["lin"].ID), "why", "again").status(303) // it is hers already
	ana.get("/?tab=mine").status(200).has("Jordan Doe", "for Ana Ruiz: again")
	ana.get(conv(id)).status(200).has("For Ana Ruiz: He asks for a third renewal.")

	ana.post(conv(id)+"/state", "action", "snooze", "until", "answer").status(303)
	ana.get("/?tab=snoozed").status(200).has("Jordan Doe", "an answer")
	ana.get(conv(id)).status(200).has("until an answer comes")
	if n, err := s.db.WakeSnoozed(t.Context(), s.office.ID, s.now.AddDate(1, 0, 0)); err != nil || n != 0 {
		t.Errorf("%d woke, %v", n, err)
	}
	s.receive(t, []sampleMail{{name: "again", from: "Jordan Doe", addr: "jdoe3@example.edu", verified: true, user: "jdoe3", subject: "Re: x", text: "Hello?", kind: "patron", intent: "status", p: .9, refs: []string{"renewal@test"}}})
	ana.get("/?tab=mine").status(200).has("Hello?")
	ana.get("/?tab=snoozed").status(200).hasNot("Jordan Doe")
}

func TestApprovalIsAskedAndSentBack(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	lin, tom := s.signIn(t, "lin"), s.signIn(t, "tom")
	id := s.talks["new"]
	of := fmt.Sprint(s.staff["lin"].ID)
	lin.post(conv(id)+"/reply", "subject", "Re: Request", "body", "We have volume 4 here.", "action", "approval").status(303)
	tom.get("/").status(200).has("to approve")
	lin.post(conv(id)+"/draft", "quiet", "1", "subject", "Re: Request", "body", "We have volume 4 here, on shelf 3.").status(204)
	tom.get(conv(id)).status(200).has("asks for approval of this draft", "on shelf 3")
	lin.post(conv(id)+"/sendback", "of", of, "why", "x").status(403)
	tom.post(conv(id)+"/sendback", "of", of, "why", "Say which floor.").status(303)
	tom.post(conv(id)+"/sendback", "of", of, "why", "x").status(409)
	tom.get("/").status(200).hasNot("to approve")
	lin.get("/?tab=mine").status(200).has("draft of Lin Chen sent back: Say which floor.")
	lin.get(conv(id)).status(200).has("Say which floor.", "on shelf 3", "Your draft of")
}
