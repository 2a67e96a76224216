package web

import "illmail/store"

// ProposalsOf are those about one request.
func (p *conversationPage) ProposalsOf(transactionID int64) (list []store.Proposal) {
	for _, x := range p.Proposals {
		if x.TransactionID == transactionID {
			list = append(list, x)
		}
	}
	return list
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
