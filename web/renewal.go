package web

// offerRenewals sets what staff may ask of the lender, where a patron wants to
// keep an item longer.
func (s *Server) offerRenewals(v *visit, p *conversationPage) error {
	if p.C.Intent != "renewal" || p.C.State == "done" {
		return nil
	}
	for i := range p.Requests {
		offer, err := s.Desk.OfferRenewal(v.ctx(), p.Requests[i].Transaction, v.now)
		if err != nil {
			return err
		}
		p.Requests[i].Renewal = offer
	}
	return nil
}

// askRenewal records that the lender is asked; the ILL system hears of it.
func (s *Server) askRenewal(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	transaction, err := formID(v, "transaction")
	if err != nil {
		return err
	}
	if err := s.Desk.AskRenewal(v.ctx(), id, transaction, actor(v), v.now); err != nil {
		return err
	}
	return v.toConversation(id, "renewal")
}
