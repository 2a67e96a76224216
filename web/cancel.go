package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"illmail/store"
	"illmail/templates"
	"illmail/triage"
)

// cancelPage is the cancellation of one or several requests of a patron: the
// reason, what else they may do, and the letter.
type cancelPage struct {
	Office       *Office
	Origin       int64 // the conversation out of which it is done; 0: none
	Rows         []cancelRow
	Letters      []string
	Letter       string
	Reason       string
	OtherEdition string
	Purchase     bool
	Note         string
	Done         bool
	Ordered      []store.RequestView
	To           string
	Subject      string
	Body         string // "" = not shown yet
	LastMessage  int64
	LastReply    int64
	Problem      string
}

// cancelRow is a request that may be cancelled.
type cancelRow struct {
	store.RequestView
	Chosen     bool
	CallNumber string
	Link       string
	Found      bool                // call number or link were found, and nobody has looked at them yet
	Copyright  *store.CopyrightUse // of its journal; nil where the records do not say
}

// cancelForm shows the form; nothing is cancelled by looking at it.
func (s *Server) cancelForm(v *visit) error {
	c, p, err := s.readCancellation(v, v.r.URL.Query())
	if err != nil {
		return err
	}
	return s.showCancellation(v, http.StatusOK, c, p, "")
}

// cancel shows the letter, sends it, or makes it a task where a lender works on
// one of the requests.
func (s *Server) cancel(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fmt.Errorf("reading the form: %w", err)
	}
	c, p, err := s.readCancellation(v, v.r.PostForm)
	if err != nil {
		return err
	}
	if c.Letter == "" {
		return s.showCancellation(v, http.StatusUnprocessableEntity, c, p, "Pick a reason: it says which letter goes.")
	}
	l, err := s.Desk.CancelLetter(v.ctx(), c, v.now)
	if errors.Is(err, store.ErrConflict) {
		return s.showCancellation(v, http.StatusConflict, c, p, conflictSentence(err))
	}
	if err != nil {
		return err
	}
	p.Ordered, p.To, p.Subject, p.Body = l.Ordered, l.Patron.Email, l.Subject, l.Body
	switch {
	case l.Missing != "":
		return s.showCancellation(v, http.StatusUnprocessableEntity, c, p, "This letter cannot be filled in: "+l.Missing+".")
	case v.r.PostFormValue("action") == "show":
		return s.showCancellation(v, http.StatusOK, c, p, "")
	}
	if text := strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n"); strings.TrimSpace(text) != "" {
		l.Body, l.Subject = text, strings.TrimSpace(v.r.PostFormValue("subject"))
		p.Body, p.Subject = l.Body, l.Subject
	} else {
		return s.showCancellation(v, http.StatusBadRequest, c, p, "Read the letter first: here it is.")
	}
	if c.Letter == templates.General && strings.TrimSpace(c.Reason) == "" {
		return s.showCancellation(v, http.StatusBadRequest, c, p, "The general letter quotes the reason: say it in words.")
	}
	if l.Patron.Email == "" || l.Patron.UndeliverableAt != nil {
		return s.showCancellation(v, http.StatusConflict, c, p, "Mail does not reach this patron: tell them another way, and cancel it in the ILL system.")
	}
	conv, err := s.Desk.CancelPlace(v.ctx(), c, l, p.Origin, actor(v), v.now)
	if err != nil {
		return err
	}
	if len(l.Ordered) > 0 && !c.Done {
		if err := s.Desk.CancelLater(v.ctx(), c, l, conv, actor(v), v.now); err != nil {
			return err
		}
		return v.toConversation(conv, "cancel_task")
	}
	in := triage.ReplyInput{ConversationID: conv, StaffID: v.staff.ID, Staff: v.staff.Username, Subject: l.Subject, Body: l.Body, Template: c.Letter,
		Then: store.ItemDone, Cancels: c.Cancels(l)}
	if conv == p.Origin {
		in.LastSeenMessageID, in.LastSeenReplyID = p.LastMessage, p.LastReply
	}
	mail, err := s.Desk.Reply(v.ctx(), in, v.now)
	if errors.Is(err, store.ErrConflict) {
		return s.showCancellation(v, http.StatusConflict, c, p, "Not sent: "+strings.TrimSuffix(err.Error(), ": "+store.ErrConflict.Error())+".")
	}
	if err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/conversations/%d?undo=%d", conv, mail))
}

func conflictSentence(err error) string {
	text := strings.TrimSuffix(err.Error(), ": "+store.ErrConflict.Error())
	return sentence(errors.New(text))
}

// readCancellation reads the form, or the address of a page that is opened first.
func (s *Server) readCancellation(v *visit, q url.Values) (triage.Cancellation, *cancelPage, error) {
	c := triage.Cancellation{Letter: q.Get("letter"), Reason: q.Get("reason"), OtherEdition: q.Get("other_edition"), Purchase: q.Get("purchase") != "",
		Note: strings.ReplaceAll(q.Get("note"), "\r\n", "\n"), Done: q.Get("done") != "", Staff: v.staff.Name(), CallNumbers: map[int64]string{}, Links: map[int64]string{}}
	p := &cancelPage{}
	o, ok := s.offices[q.Get("office")]
	if !ok {
		return c, p, fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	p.Office, c.OfficeID = o, o.ID
	for name, to := range map[string]*int64{"from": &p.Origin, "last_message": &p.LastMessage, "last_reply": &p.LastReply} {
		if text := q.Get(name); text != "" {
			var err error
			if *to, err = number(text); err != nil {
				return c, p, err
			}
		}
	}
	tns, err := numbers(q["tn"])
	if err != nil {
		return c, p, err
	}
	ts, err := s.DB.TransactionsByNumber(v.ctx(), o.ID, tns)
	if err != nil {
		return c, p, err
	}
	if len(ts) == 0 && q.Get("patron_of") == "" {
		return c, p, badRequest("Say which request is to be cancelled.")
	}
	for _, t := range ts {
		c.Requests = append(c.Requests, t.ID)
		n := strconv.FormatInt(t.TransactionNumber, 10)
		c.CallNumbers[t.ID], c.Links[t.ID] = strings.TrimSpace(q.Get("call_"+n)), strings.TrimSpace(q.Get("link_"+n))
		if l := c.Links[t.ID]; l != "" {
			if u, err := url.Parse(l); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				return c, p, badRequest("%q is no link: it begins with https://", l)
			}
		}
	}
	return c, p, s.fillCancellation(v, q, c, p, ts)
}

// offerCancel reports whether there is something left to cancel.
func offerCancel(t store.Transaction) bool {
	return triage.MayCancel(t) && t.State != store.StateCancelledStaff
}

// fillCancellation lists what else of the patron may be cancelled with it.
func (s *Server) fillCancellation(v *visit, q url.Values, c triage.Cancellation, p *cancelPage, chosen []store.Transaction) error {
	var patron int64
	if len(chosen) > 0 {
		patron = chosen[0].PatronID
	} else if tn, err := strconv.ParseInt(q.Get("patron_of"), 10, 64); err == nil {
		t, err := s.DB.TransactionByNumber(v.ctx(), c.OfficeID, tn)
		if err != nil {
			return err
		}
		patron = t.PatronID
	}
	all, err := s.DB.TransactionsOfPatron(v.ctx(), patron, 100)
	if err != nil {
		return err
	}
	ids := slices.Clone(c.Requests)
	for _, t := range all {
		if offerCancel(t) && !slices.Contains(ids, t.ID) {
			ids = append(ids, t.ID)
		}
	}
	rows, err := s.DB.ReadRequests(v.ctx(), ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		p.Rows = append(p.Rows, cancelRow{RequestView: r, Chosen: slices.Contains(c.Requests, r.ID), CallNumber: c.CallNumbers[r.ID], Link: c.Links[r.ID]})
	}
	if err := s.helpCancellation(v, q, p); err != nil {
		return err
	}
	p.Letters = triage.CancelLetters(p.Office.Templates())
	if p.Origin != 0 && !q.Has("last_message") {
		st, err := s.DB.ReadStory(v.ctx(), p.Origin)
		if err != nil {
			return err
		}
		p.LastReply = triage.LastReplyID(st)
		if id := st.Conversation.LastMessageID; id != nil {
			p.LastMessage = *id
		}
	}
	return nil
}

func (s *Server) showCancellation(v *visit, status int, c triage.Cancellation, p *cancelPage, problem string) error {
	p.Letter, p.Reason, p.OtherEdition, p.Purchase, p.Note, p.Done, p.Problem = c.Letter, c.Reason, c.OtherEdition, c.Purchase, c.Note, c.Done, problem
	return s.render(v, status, "cancel", "/", p)
}
