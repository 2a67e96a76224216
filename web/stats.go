package web

import (
	"net/http"

	"illmail/store"
)

type statsPage struct {
	From, To store.Date // both included
	Office   *Office
	Offices  []Office
	Figures  []store.Stat
}

// Of are the figures of one group, the largest first.
func (p statsPage) Of(group string) statGroup {
	var g statGroup
	for _, f := range p.Figures {
		if f.Group == group {
			g.List = append(g.List, f)
			g.Most = max(g.Most, f.Value)
			g.Sum += f.Value
		}
	}
	return g
}

// Figure is one figure, 0 where nothing was counted.
func (p statsPage) Figure(group, figure string) float64 {
	for _, f := range p.Figures {
		if f.Group == group && f.Figure == figure {
			return f.Value
		}
	}
	return 0
}

type statGroup struct {
	List      []store.Stat
	Most, Sum float64
}

// stats shows the figures of a time, the last 30 days where none is given.
func (s *Server) stats(v *visit) error {
	if len(s.Offices) == 0 {
		return badRequest("No office is configured yet.")
	}
	p := statsPage{Office: &s.Offices[0], Offices: s.Offices}
	if code := v.r.FormValue("office"); code != "" {
		o, ok := s.offices[code]
		if !ok {
			return badRequest("There is no office %q.", code)
		}
		p.Office = o
	}
	var err1, err2 error
	p.From, err1 = store.ParseDate(v.r.FormValue("from"))
	p.To, err2 = store.ParseDate(v.r.FormValue("to"))
	if err1 != nil || err2 != nil {
		return badRequest("Write dates as 2026-11-24.")
	}
	if p.To.IsZero() {
		p.To = store.DateOf(v.now, p.Office.Rules.Location)
	}
	if p.From.IsZero() {
		p.From = p.To.AddDays(-29)
	}
	if p.From.After(p.To) {
		return badRequest("The first day is after the last one.")
	}
	var err error
	if p.Figures, err = s.DB.Stats(v.ctx(), p.Office.ID, p.From, p.To, p.Office.Rules.Location); err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "stats", "/stats", p)
}
