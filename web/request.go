package web

import (
	"fmt"
	"net/http"
	"strings"

	"illmail/store"
)

type requestPage struct {
	*store.RequestPage
	Clock   clock
	ILLLink string // the request in the ILL system; "" where not known
	Others  []store.TransactionRef
	Cancel  bool // it may be cancelled
	MayMend bool // that an address takes mail again may be said
}

// request is the page of one request, with the proof of what its patron was told.
func (s *Server) request(v *visit) error {
	tn, err := pathID(v, "tn")
	if err != nil {
		return err
	}
	code := v.r.PathValue("code")
	got, err := s.DB.ReadRequest(v.ctx(), code, tn)
	if err != nil {
		return err
	}
	p := &requestPage{RequestPage: got, Clock: s.clock(v, code), ILLLink: s.requestURL(code, v.r.PathValue("tn"))}
	if v.staff.Role.AtLeast(store.RoleStaff) { // what else a patron reads is not for student assistants
		p.Others, p.Cancel, p.MayMend = got.Others, offerCancel(got.Request.Transaction), true
	}
	return s.render(v, http.StatusOK, "request", "/", p)
}

func (s *Server) requestURL(office, tn string) string {
	return strings.ReplaceAll(s.office(office).RequestURL, "{tn}", tn)
}

// reachable lets mail go to a patron's address again that did not take it.
func (s *Server) reachable(v *visit) error {
	tn, err := pathID(v, "tn")
	if err != nil {
		return err
	}
	code := v.r.PathValue("code")
	got, err := s.DB.ReadRequest(v.ctx(), code, tn)
	if err != nil {
		return err
	}
	if err := s.DB.ClearUndeliverable(v.ctx(), got.Patron.ID, v.staff.Username); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/offices/%s/transactions/%d?done=saved", code, tn))
}
