package web

import (
	"testing"

	"illmail/triage"
)

// TestGapTakesTheKeyAway: what only staff can answer is not sent with one key.
func TestGapTakesTheKeyAway(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.talks["html"]
	b.get(conv(id)).status(200).has(`data-key="y"`)
	page := b.get(conv(id)+"?template=reply-policy").status(200).has(triage.Gap, "has no answer of its own").hasNot(`data-key="y"`, `data-key="Y"`)
	fields := []string{"last_message", page.field("last_message"), "last_reply", "0", "template", "reply-policy", "subject", "Re: Distinction", "action", "send_wait"}
	b.post(conv(id)+"/reply", append(fields, "body", "Hello,\n"+triage.Gap)...).status(422).has("something is still missing").hasNot(`data-key="y"`)
	b.post(conv(id)+"/reply", append(fields, "body", "Hello,\nbring it to the desk.")...).status(303)
}
