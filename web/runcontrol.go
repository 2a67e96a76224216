package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"illmail/notices"
	"illmail/store"
)

// noticeHold keeps single notices from going, with the reason of whoever does.
func (s *Server) noticeHold(v *visit) error {
	o, holds, err := s.formNotices(v)
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(v.r.PostFormValue("reason"))
	if reason == "" {
		return badRequest("Say why it is not to go: colleagues will ask.")
	}
	if len(holds) == 0 {
		return badRequest("Tick at least one request first.")
	}
	for _, h := range holds {
		h.Reason = reason
		switch err := s.DB.HoldNotice(v.ctx(), h); {
		case errors.Is(err, store.ErrConflict):
			return conflict("It is on its way already, so it cannot be held back.")
		case err != nil:
			return err
		}
	}
	return v.redirect(noticesAddress(v, o, "held"))
}

// noticeUnhold ends such a hold.
func (s *Server) noticeUnhold(v *visit) error {
	o, holds, err := s.formNotices(v)
	if err != nil {
		return err
	}
	for _, h := range holds {
		switch err := s.DB.ReleaseNotice(v.ctx(), h); {
		case errors.Is(err, store.ErrNotFound):
			return conflict("It is not held any more.")
		case err != nil:
			return err
		}
	}
	return v.redirect(noticesAddress(v, o, "unheld"))
}

// formNotices reads which notices a form is about: "kind number cycle" each.
func (s *Server) formNotices(v *visit) (*Office, []store.NoticeHold, error) {
	o, err := s.formOffice(v)
	if err != nil {
		return nil, nil, err
	}
	var holds []store.NoticeHold
	for _, item := range v.r.PostForm["item"] {
		f := strings.Fields(item)
		if len(f) != 3 {
			return nil, nil, badRequest("The form could not be read.")
		}
		tn, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return nil, nil, badRequest("The form could not be read.")
		}
		cycle, err := store.ParseDate(f[2])
		if err != nil || noticeWords[f[0]] == "" {
			return nil, nil, badRequest("The form could not be read.")
		}
		t, err := s.DB.TransactionByNumber(v.ctx(), o.ID, tn)
		if err != nil {
			return nil, nil, err
		}
		holds = append(holds, store.NoticeHold{OfficeID: o.ID, TransactionID: t.ID, Kind: store.NoticeKind(f[0]), Cycle: cycle, Staff: v.staff.Username})
	}
	return o, holds, nil
}

// noticesAddress is the page of notices from which a form came.
func noticesAddress(v *visit, o *Office, done string) string {
	on := ""
	if d, err := store.ParseDate(v.r.PostFormValue("on")); err == nil && !d.IsZero() {
		on = "&on=" + d.String()
	}
	return fmt.Sprintf("/notices?office=%s%s&done=%s", o.Code, on, done)
}

// noticesReturns lets the day's overdue notices go: the returns are in.
func (s *Server) noticesReturns(v *visit) error {
	o, err := s.formOffice(v)
	if err != nil {
		return err
	}
	n, err := s.Planner.ReturnsProcessed(v.ctx(), o.Office, v.now, v.staff.Username)
	if err != nil {
		return err
	}
	if n == 0 {
		return v.redirect("/notices?office=" + o.Code + "&done=noreturns")
	}
	return v.redirect("/notices?office=" + o.Code + "&done=returns")
}

// noticesClosed closes a day, or opens one that staff had closed.
func (s *Server) noticesClosed(v *visit) error {
	o, err := s.formOffice(v)
	if err != nil {
		return err
	}
	day, err := store.ParseDate(v.r.PostFormValue("on"))
	if err != nil || day.IsZero() {
		return badRequest("Name the day.")
	}
	if day.Before(store.DateOf(v.now, o.Rules.Location)) {
		return badRequest("%s is over.", day)
	}
	if v.r.PostFormValue("action") == "open" {
		if err := s.DB.OpenDay(v.ctx(), o.ID, day, v.staff.Username); err != nil {
			return err
		}
		return v.redirect(noticesAddress(v, o, "openday"))
	}
	if err := s.DB.CloseDay(v.ctx(), o.ID, store.ClosedDay{Day: day, Reason: strings.TrimSpace(v.r.PostFormValue("reason")), Staff: v.staff.Username}); err != nil {
		return err
	}
	return v.redirect(noticesAddress(v, o, "closedday"))
}

// editNotice puts staff's own words in place of a waiting notice's.
func (s *Server) editNotice(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	e := store.Edit{ID: id, Subject: strings.TrimSpace(v.r.PostFormValue("subject")), Text: strings.TrimSpace(strings.ReplaceAll(v.r.PostFormValue("text"), "\r\n", "\n")),
		Reason: strings.TrimSpace(v.r.PostFormValue("reason")), Staff: v.staff.Username}
	switch {
	case e.Subject == "" || len([]rune(e.Subject)) > 100:
		return badRequest("A subject has 1 to 100 characters.")
	case e.Text == "":
		return badRequest("The letter is empty.")
	case e.Reason == "":
		return badRequest("Say why this one needs other words: colleagues will ask.")
	}
	switch err := s.DB.EditNotice(v.ctx(), e); {
	case errors.Is(err, store.ErrConflict):
		return &refusal{http.StatusConflict, "This mail does not wait any more, so it stays as it is."}
	case err != nil:
		return err
	}
	return v.redirect(fmt.Sprintf("/outbox/%d?done=edited", id))
}

// rulesPage says an office's rules of notices in words.
type rulesPage struct {
	Office   *Office
	Rules    []notices.RuleWords
	Warnings []string
	Closed   []store.ClosedDay
	Clock    clock
}

func (s *Server) noticeRules(v *visit) error {
	o, ok := s.offices[v.r.FormValue("office")]
	if !ok {
		return badRequest("There is no office %q.", v.r.FormValue("office"))
	}
	closed, err := s.DB.ClosedDays(v.ctx(), o.ID)
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "rules", "/notices", rulesPage{o, o.Rules.Describe(), o.Rules.Warnings(), closed, clock{v.now, o}})
}
