package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"illmail/store"
)

// person is someone to whom work can be given.
type person struct {
	store.Staff
	Away string // until when, in words; "" where they are there
}

// hands is in whose hands work is today, read once a request.
func (s *Server) hands(v *visit) (store.Hands, error) {
	if v.hands == nil {
		h, err := s.DB.Hands(v.ctx(), s.today(v))
		if err != nil {
			return h, err
		}
		v.hands = &h
	}
	return *v.hands, nil
}

// today is the day by which staff are away or there: that of the first office.
func (s *Server) today(v *visit) store.Date {
	return store.DateOf(v.now, s.firstClock(v).office.Rules.Location)
}

func (s *Server) firstClock(v *visit) clock {
	if len(s.Offices) > 0 {
		return s.clock(v, s.Offices[0].Code)
	}
	return s.clock(v, "")
}

// people are those to whom work can be given.
func (s *Server) people(v *visit) ([]person, error) {
	all, err := s.openAccounts(v.ctx())
	if err != nil {
		return nil, err
	}
	hands, err := s.hands(v)
	if err != nil {
		return nil, err
	}
	var list []person
	for _, x := range all {
		p := person{Staff: x}
		if a := hands.Away(x.ID); a != nil {
			p.Away = s.firstClock(v).Date(a.Until)
		}
		list = append(list, p)
	}
	return list, nil
}

func (s *Server) openAccounts(ctx context.Context) ([]store.Staff, error) {
	all, err := s.DB.ListStaff(ctx)
	return slices.DeleteFunc(all, func(p store.Staff) bool { return p.DisabledAt != nil }), err
}

// standing says in whose hands a conversation of someone is where that is not
// clear from their name: "for Maria, away until Nov 28"; "" where they are there.
func standing(h store.Hands, c clock, assigned *int64, assignee string, me int64) string {
	if assigned == nil {
		return ""
	}
	in := h.StandIn(*assigned)
	a := h.Away(*assigned)
	switch {
	case in == *assigned:
		return ""
	case a == nil:
		return fmt.Sprintf("%s’s account is closed", assignee)
	case in == 0:
		return fmt.Sprintf("%s is away until %s, and nobody stands in", assignee, c.Date(a.Until))
	case in == me:
		return fmt.Sprintf("for %s, away until %s", assignee, c.Date(a.Until))
	}
	return fmt.Sprintf("%s is away until %s", assignee, c.Date(a.Until))
}

type awayPage struct {
	List    []store.Absence
	Now     []bool // whether each of List is away today
	People  []store.Staff
	MayFor  bool // the one who looks may enter it for others
	Today   store.Date
	Staff   int64 // as entered
	Cover   int64
	From    string
	Until   string
	Problem string
	Clock   clock
}

// MayEnd reports whether the one who looks may take an absence out.
func (p *awayPage) MayEnd(a store.Absence, me int64) bool { return p.MayFor || a.StaffID == me }

// away shows who is away and who stands in, and takes new dates.
func (s *Server) away(v *visit) error {
	return s.showAway(v, http.StatusOK, &awayPage{Staff: v.staff.ID, From: s.today(v).String()})
}

func (s *Server) showAway(v *visit, status int, p *awayPage) (err error) {
	p.Clock, p.Today, p.MayFor = s.firstClock(v), s.today(v), v.staff.Role.AtLeast(store.RoleSupervisor)
	if p.List, err = s.DB.Absences(v.ctx(), p.Today); err != nil {
		return err
	}
	for _, a := range p.List {
		p.Now = append(p.Now, a.On(p.Today))
	}
	if p.People, err = s.openAccounts(v.ctx()); err != nil {
		return err
	}
	return s.render(v, status, "away", "/away", p)
}

// enterAway takes the dates of an absence; for others supervisors only.
func (s *Server) enterAway(v *visit) error {
	p := &awayPage{Staff: v.staff.ID, From: v.r.PostFormValue("from"), Until: v.r.PostFormValue("until")}
	var err error
	if v.r.PostFormValue("staff") != "" {
		if p.Staff, err = formID(v, "staff"); err != nil {
			return err
		}
	}
	if p.Cover, err = formID(v, "cover"); err != nil {
		return err
	}
	if p.Staff != v.staff.ID && !v.staff.Role.AtLeast(store.RoleSupervisor) {
		return forbidden("Only supervisors enter it for others.")
	}
	a := store.Absence{StaffID: p.Staff, CoverID: p.Cover, EnteredBy: v.staff.Username}
	from, err1 := store.ParseDate(p.From)
	until, err2 := store.ParseDate(p.Until)
	a.From, a.Until = from, until
	switch today := s.today(v); {
	case err1 != nil || err2 != nil || from.IsZero() || until.IsZero():
		p.Problem = "Say from which day until which."
	case until.Before(from):
		p.Problem = "The last day comes before the first."
	case until.Before(today):
		p.Problem = "That time is over already."
	case until.Sub(from) > 2*366:
		p.Problem = "That is longer than two years; is a year mistyped?"
	case p.Cover == 0:
		p.Problem = "Choose who stands in."
	case p.Cover == p.Staff:
		p.Problem = "Someone else must stand in."
	}
	if p.Problem == "" {
		err := s.DB.AddAbsence(v.ctx(), a)
		switch {
		case errors.Is(err, store.ErrConflict):
			p.Problem = strings.TrimSuffix(err.Error(), ": "+store.ErrConflict.Error()) + ": choose other days, or someone else to stand in."
		case errors.Is(err, store.ErrNotFound):
			p.Problem = "That account is not open."
		case err != nil:
			return err
		}
	}
	if p.Problem != "" {
		return s.showAway(v, http.StatusUnprocessableEntity, p)
	}
	return v.redirect("/away?done=saved")
}

// endAway takes an absence out: someone is back, or does not go.
func (s *Server) endAway(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	if !v.staff.Role.AtLeast(store.RoleSupervisor) {
		list, err := s.DB.Absences(v.ctx(), store.Date{})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(a store.Absence) bool { return a.ID == id && a.StaffID == v.staff.ID }) {
			return forbidden("Only supervisors change it for others.")
		}
	}
	if err := s.DB.EndAbsence(v.ctx(), id); err != nil {
		return err
	}
	return v.redirect("/away?done=saved")
}

// askAway asks back where work is given to someone who is away: to them all the
// same, or to who stands in? It reports whether it asked.
func (s *Server) askAway(v *visit, to int64) (asked bool, err error) {
	if to == 0 || to == v.staff.ID || v.r.PostFormValue("anyway") != "" {
		return false, nil
	}
	hands, err := s.hands(v)
	if err != nil {
		return false, err
	}
	a := hands.Away(to)
	if a == nil {
		return false, nil
	}
	ask := awayAsk{Absence: *a, Action: v.r.URL.Path, Clock: s.firstClock(v)}
	if in := hands.StandIn(to); in != 0 {
		people, err := s.openAccounts(v.ctx())
		if err != nil {
			return false, err
		}
		for _, x := range people {
			if x.ID == in {
				ask.StandIn = &x
			}
		}
	}
	for name, values := range v.r.PostForm {
		if name == "to" || name == "choice" {
			continue
		}
		for _, value := range values {
			ask.Fields = append(ask.Fields, field{name, value})
		}
	}
	return true, s.render(v, http.StatusConflict, "awayask", "/", ask)
}

type awayAsk struct {
	store.Absence
	StandIn *store.Staff // nil: nobody does
	Action  string
	Fields  []field // of the form that is asked about
	Clock   clock
}

type field struct{ Name, Value string }
