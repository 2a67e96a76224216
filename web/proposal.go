package web

import (
	"slices"

	"illmail/store"
)

// readProposals reads what the mail of a system says of the requests, and
// which of them a licence keeps on paper.
func (s *Server) readProposals(v *visit, p *conversationPage) (err error) {
	if p.Proposals, err = s.DB.Proposals(v.ctx(), p.C.ID); err != nil || len(p.Requests) == 0 {
		return err
	}
	var ids []int64
	for _, r := range p.Requests {
		ids = append(ids, r.ID)
	}
	p.PrintOnly, err = s.DB.PrintOnly(v.ctx(), ids)
	return err
}

// ProposalsOf are those about one request.
func (p *conversationPage) ProposalsOf(transactionID int64) (list []store.Proposal) {
	for _, x := range p.Proposals {
		if x.TransactionID == transactionID {
			list = append(list, x)
		}
	}
	return list
}

// OnPaper reports whether a licence keeps the request on paper.
func (p *conversationPage) OnPaper(transactionID int64) bool {
	return slices.Contains(p.PrintOnly, transactionID)
}

// decideProposal accepts or dismisses what a mail says.
func (s *Server) decideProposal(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	proposal, err := formID(v, "proposal")
	if err != nil {
		return err
	}
	action := v.r.PostFormValue("action")
	if action != "accept" && action != "dismiss" {
		return badRequest("There is no action %q.", action)
	}
	if err := s.DB.DecideProposal(v.ctx(), id, proposal, action == "accept", actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, action)
}

// allowElectronic takes back what a licence line said.
func (s *Server) allowElectronic(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	transaction, err := formID(v, "transaction")
	if err != nil {
		return err
	}
	if err := s.DB.AllowElectronic(v.ctx(), transaction, actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, "saved")
}
