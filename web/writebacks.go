package web

import (
	"net/http"

	"illmail/store"
)

// stuckShown bounds the page: what went wrong so often has one cause.
const stuckShown = 200

type writeBacksPage struct {
	Rows []stuckRow
}

type stuckRow struct {
	store.StuckWriteBack
	Clock  clock
	MayAct bool
}

// writeBacksPage lists what the ILL system did not take, or may not have.
func (s *Server) writeBacksPage(v *visit) error {
	stuck, err := s.DB.StuckWriteBacks(v.ctx(), stuckShown)
	if err != nil {
		return err
	}
	var p writeBacksPage
	for _, w := range stuck {
		p.Rows = append(p.Rows, stuckRow{w, s.clock(v, w.Office), v.staff.Role.AtLeast(store.RoleStaff)})
	}
	return s.render(v, http.StatusOK, "writebacks", "/writebacks", p)
}

// resolveWriteBack does what staff decide on one of them.
func (s *Server) resolveWriteBack(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	state, ok := map[string]string{"retry": "queued", "there": "sent", "drop": "dropped"}[v.r.PathValue("action")]
	if !ok {
		return badRequest("There is no action %q.", v.r.PathValue("action"))
	}
	if err := s.DB.ResolveWriteBack(v.ctx(), id, state, actor(v)); err != nil {
		return err
	}
	return v.redirect("/writebacks?done=resolved")
}
