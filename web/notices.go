package web

import (
	"net/http"
	"slices"

	"illmail/notices"
	"illmail/store"
)

// noticesPage is what goes on one day, to whom and why.
type noticesPage struct {
	Office     *Office
	Offices    []Office
	Row        store.Office
	On         store.Date
	Today      bool
	Open       bool             // On is an open day
	Closed     *store.ClosedDay // On was closed by staff
	Overdues   bool             // the office has overdue notices
	Lapses     bool             // what nobody approves today is planned anew
	Days       []noticeDay
	Send       []notices.PlanLine
	Hold       []notices.PlanLine
	Skip       []notices.PlanLine
	Waiting    []store.OutboxRow // mails that wait for approval
	Claims     []store.MailClaim // conversations that say that an item of Waiting was returned
	Leavers    []store.LeavingLoan
	Untold     []store.UntoldCancellation // too old for a letter: staff see to them
	Clock      clock
	MayApprove bool
	MayConfirm bool
}

// ClaimsOf are the claims of return that contradict one mail.
func (p *noticesPage) ClaimsOf(outboxID int64) (list []store.MailClaim) {
	for _, c := range p.Claims {
		if c.OutboxID == outboxID {
			list = append(list, c)
		}
	}
	return list
}

type noticeDay struct {
	Date    store.Date
	Title   string
	Current bool
	Open    bool
}

// leaversAhead is how many days before an account ends its loans are listed.
const leaversAhead = 60

// untoldFor is for how many days a cancellation is listed of which its patron
// was not told.
const untoldFor = 90

// noticesPage plans the chosen day without storing anything.
func (s *Server) noticesPage(v *visit) error {
	if len(s.Offices) == 0 {
		return badRequest("No office is configured yet.")
	}
	p := &noticesPage{Office: &s.Offices[0], Offices: s.Offices, MayApprove: v.staff.Role.AtLeast(store.RoleStaff),
		MayConfirm: v.staff.Role.AtLeast(store.RoleSupervisor)}
	if code := v.r.FormValue("office"); code != "" {
		o, ok := s.offices[code]
		if !ok {
			return badRequest("There is no office %q.", code)
		}
		p.Office = o
	}
	p.Clock = clock{v.now, p.Office}
	closed, err := s.DB.ClosedDays(v.ctx(), p.Office.ID)
	if err != nil {
		return err
	}
	rules := p.Office.ClosedOn(closed).Rules
	p.Overdues, p.Lapses = len(rules.OverdueDays) > 0, rules.Mode == notices.ModeApprove
	today := store.DateOf(v.now, rules.Location)
	on, err := store.ParseDate(v.r.FormValue("on"))
	if err != nil {
		return badRequest("%s.", err)
	}
	if on.IsZero() {
		on = today
	}
	if on.Before(today) || on.After(today.AddDays(60)) {
		return badRequest("A day from today on, at most 60 days ahead. What went before is in the outbox.")
	}
	p.On, p.Today, p.Open = on, on == today, rules.Calendar.IsOpen(on)
	for i, d := range closed {
		if d.Day == on {
			p.Closed = &closed[i]
		}
	}
	for i := range 7 {
		d := today.AddDays(i)
		p.Days = append(p.Days, noticeDay{d, d.Time().Format("Mon 2"), d == on, rules.Calendar.IsOpen(d)})
	}
	if p.Row, err = s.DB.Office(v.ctx(), p.Office.Code); err != nil {
		return err
	}
	lines, err := s.Planner.Plan(v.ctx(), p.Office.Office, on, v.now, notices.Options{})
	if err != nil {
		return err
	}
	for _, l := range lines {
		switch l.Decision {
		case notices.Send:
			p.Send = append(p.Send, l)
		case notices.Hold:
			p.Hold = append(p.Hold, l)
		default:
			p.Skip = append(p.Skip, l)
		}
	}
	if p.Waiting, err = s.waiting(v, p.Office.ID); err != nil {
		return err
	}
	var ids []int64
	for _, r := range p.Waiting {
		ids = append(ids, r.ID)
	}
	if p.Claims, err = s.DB.MailClaims(v.ctx(), ids); err != nil {
		return err
	}
	if p.Leavers, err = s.DB.ListLeavers(v.ctx(), p.Office.ID, on.AddDays(leaversAhead), 200); err != nil {
		return err
	}
	from, to := rules.Untold(today, untoldFor)
	if p.Untold, err = s.DB.ListPatronNotTold(v.ctx(), p.Office.ID, from, to, 200); err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "notices", "/notices", p)
}

// waiting are the notices that wait until someone releases them.
func (s *Server) waiting(v *visit, officeID int64) ([]store.OutboxRow, error) {
	rows, err := s.DB.ListOutbox(v.ctx(), store.OutboxFilter{OfficeID: officeID, State: store.OutboxHeld, Limit: 1000})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(r store.OutboxRow) bool { return r.Kind == store.KindReply }), nil
}

// noticesRelease releases the mails that were ticked: what the page showed,
// never what was planned since.
func (s *Server) noticesRelease(v *visit) error {
	o, err := s.formOffice(v)
	if err != nil {
		return err
	}
	var ids []int64
	for _, text := range v.r.PostForm["mail"] {
		t, err := readTicked(text + "-0-0")
		if err != nil {
			return err
		}
		ids = append(ids, t.id)
	}
	if len(ids) == 0 {
		return badRequest("Tick at least one notice first.")
	}
	n, err := s.DB.ReleaseMails(v.ctx(), o.ID, ids, v.staff.Username)
	if err != nil {
		return err
	}
	if n < len(ids) {
		return conflict(plural(len(ids)-n, "notice", "notices") + " changed while you were looking and stayed as they are; the others were released.")
	}
	return v.redirect("/notices?office=" + o.Code + "&done=approved")
}

// noticesPause stops or resumes all notices of an office; replies go on.
func (s *Server) noticesPause(v *visit) error {
	o, err := s.formOffice(v)
	if err != nil {
		return err
	}
	pause := v.r.PostFormValue("action") == "pause"
	if err := s.DB.PauseNotices(v.ctx(), o.ID, pause, v.staff.Username); err != nil {
		return err
	}
	if pause {
		return v.redirect("/notices?office=" + o.Code + "&done=paused")
	}
	return v.redirect("/notices?office=" + o.Code + "&done=resumed")
}

// confirmSending lets an office send again that was stopped for safety.
func (s *Server) confirmSending(v *visit) error {
	o, err := s.formOffice(v)
	if err != nil {
		return err
	}
	if err := s.DB.ConfirmSending(v.ctx(), o.ID, v.staff.Username); err != nil {
		return err
	}
	return v.redirect("/notices?office=" + o.Code + "&done=resumed")
}

// confirmShrink lets the next full export close what it lacks.
func (s *Server) confirmShrink(v *visit) error {
	o, err := s.formOffice(v)
	if err != nil {
		return err
	}
	if err := s.DB.ConfirmShrink(v.ctx(), o.ID, v.staff.Username); err != nil {
		return err
	}
	return v.redirect("/notices?office=" + o.Code + "&done=saved")
}

func (s *Server) formOffice(v *visit) (*Office, error) {
	if err := v.r.ParseForm(); err != nil {
		return nil, badRequest("The form could not be read.")
	}
	o, ok := s.offices[v.r.PostFormValue("office")]
	if !ok {
		return nil, badRequest("There is no office %q.", v.r.PostFormValue("office"))
	}
	return o, nil
}
