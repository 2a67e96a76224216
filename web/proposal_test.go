package web

import (
	"fmt"
	"testing"

	"illmail/store"
)

// TestProposalIsDecidedOnce: one key accepts what a system's mail says.
func TestProposalIsDecidedOnce(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.receive(t, []sampleMail{{name: "shipped", from: "OCLC WorldShare ILL", addr: "noreply@oclc.example", subject: "Request 215412790 has shipped", text: "SHIPPED by LKS",
		kind: "system", intent: "system_update", p: .99, tns: []int64{412790},
		update: &store.FilingUpdate{Kind: "shipped", Lender: "LKS", Due: s.day(30), URL: "https://ae.example/secret", Password: "hush"}, printOnly: true}})
	page := conv(s.talks["shipped"])
	b, lin := s.signIn(t, "tom"), s.signIn(t, "lin")
	b.get(page).status(200).has("<strong>Shipped</strong> by LKS", "uses up one of its views", "Print only.", `value="accept" data-key="w"`).hasNot("https://ae.example/secret", "hush")
	lin.get(page).status(200).has("<strong>Shipped</strong> by LKS").hasNot(`value="accept"`)
	list, err := s.db.Proposals(t.Context(), s.talks["shipped"])
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	id := fmt.Sprint(list[0].ID)
	lin.post(page+"/proposal", "proposal", id, "action", "accept").status(403)
	b.post(page+"/proposal", "proposal", id, "action", "burn").status(400)
	b.post(conv(s.talks["renewal"])+"/proposal", "proposal", id, "action", "accept").status(404)
	b.post(page+"/proposal", "proposal", id, "action", "accept").status(303)
	b.post(page+"/proposal", "proposal", id, "action", "dismiss").status(409)
	b.get(page).status(200).has("accepted by tom").hasNot(`value="accept"`)
	tx, err := s.db.TransactionByNumber(t.Context(), s.office.ID, 412790)
	if err != nil || tx.State != store.StateInTransit || tx.DueDate.Compare(s.day(30)) != 0 || tx.LendingLibrary != "LKS" {
		t.Errorf("got %+v, %v", tx, err)
	}
	b.post(page+"/electronic", "transaction", fmt.Sprint(tx.ID)).status(303)
	b.get(page).status(200).hasNot("Print only.")
}
