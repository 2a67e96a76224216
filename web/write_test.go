package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"illmail/store"
)

func TestWriteToTheLender(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	if err := s.db.SaveLender(t.Context(), store.Lender{OfficeID: s.office.ID, Symbol: "XFF", Addresses: []string{"ill@xff.example.org"}}); err != nil {
		t.Fatal(err)
	}
	b := s.signIn(t, "tom")
	from := s.talks["renewal"]
	path := fmt.Sprintf("/write?from=%d&to_kind=partner", from)
	page := b.get(path).status(200).has("ill@xff.example.org", "The Making of the English Working Class", "are left out")
	page.hasNot("jdoe3", "Could I keep the Thompson", "(TN 412304)", "Hello Jordan")

	form := []string{"from", fmt.Sprint(from), "office", "healey", "tn", "412304", "to_kind", "partner", "to", "ill@xff.example.org", "subject", "About our loan", "action", "send_wait"}
	// What tells of the patron is shown first, and goes only where staff say so.
	a := b.post("/write", append(form, "body", "Jordan Doe (jdoe3@example.edu) says: could I keep the thompson for another two weeks")...).status(422).
		has("the name Jordan Doe", "the address jdoe3@example.edu", "the patron’s words", "Send it anyway")
	s.outbox(t, 0)
	_, rest, ok := strings.Cut(a.body, `action="/conversations/`)
	id, _, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || id == fmt.Sprint(from) {
		t.Fatalf("there is no conversation of its own: %q", id)
	}
	b.get("/?tab=mine").status(200).has("not sent yet", "About our loan")
	b.post("/conversations/"+id+"/reply", "to", "ill@xff.example.org", "subject", "About our loan", "body", "May our reader keep it until December?", "action", "send_wait").status(303)
	m := s.outbox(t, 1)[0]
	if m.To != "ill@xff.example.org" || len(m.Transactions) != 1 || m.Transactions[0] != 412304 {
		t.Errorf("it went as %+v", m)
	}
	b.get("/?tab=waiting_partner").status(200).has("About our loan")
	b.get("/offices/healey/transactions/412304").status(200).has("About our loan")
	b.get(conv(from)).status(200).has("wrote to ill@xff.example.org in conversation " + id)
	b.get("/?q=412304").status(200).has("About our loan")

	// The lender answers: it is the same conversation, and the answer goes to the lender.
	sent, err := s.db.OutboxMail(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.receive(t, []sampleMail{{name: "lender-answer", from: "XFF Lending", addr: "desk@xff.example.org", subject: "Re: About our loan", text: "Until December 4.", kind: "partner", intent: "lender_query", p: .9, refs: []string{sent.MessageID}}})
	if got := fmt.Sprint(s.talks["lender-answer"]); got != id {
		t.Errorf("the answer is in conversation %s, not %s", got, id)
	}
	b.get("/conversations/"+id).status(200).has("desk@xff.example.org", "New")
}

func TestWriteToThePatronAndColleague(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b, lin := s.signIn(t, "tom"), s.signIn(t, "lin")
	b.get("/write?office=healey&tn=412304&to_kind=patron").status(200).has("jdoe3@example.edu", "Hello Jordan", "(TN 412304)")
	form := []string{"office", "healey", "tn", "412304", "to_kind", "patron", "subject", "Your book", "body", "It is here."}
	lin.post("/write", append(form, "action", "send_wait")...).status(403).has("Ask for approval")
	b.post("/write", append(form, "to", "stranger@example.com", "action", "send_wait")...).status(400).has("takes no part")
	b.post("/write", append(form, "action", "send_close")...).status(303)
	if m := s.outbox(t, 1)[0]; m.To != "jdoe3@example.edu" {
		t.Errorf("it goes to %s", m.To)
	}
	b.get("/write?office=healey&to_kind=nobody").status(400)
	b.get("/write?office=nowhere&to_kind=vendor").status(404)

	// A forward takes the files along; a colleague reads all of it.
	q := url.Values{"from": {fmt.Sprint(s.talks["html"])}, "forward": {fmt.Sprint(s.msgs["html"])}, "to_kind": {"colleague"}}
	b.get("/write?"+q.Encode()).status(200).has("Forwarded message", "page.html", "Fwd: ")
	b.post("/write", "from", q.Get("from"), "forward", q.Get("forward"), "to_kind", "colleague", "to", "chief@example.edu", "subject", "Fwd: x", "body", "Look.", "part", "2", "action", "send_close").status(303)
	if got := s.files(t, s.outbox(t, 2)[0].ID); got != "page.html=<script>alert(2)</script>" {
		t.Errorf("the forward carries %q", got)
	}
	b.post("/write", "from", q.Get("from"), "forward", fmt.Sprint(s.msgs["renewal"]), "to_kind", "colleague", "to", "chief@example.edu", "subject", "x", "body", "y", "action", "draft").status(404)
}
