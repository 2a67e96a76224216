package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"illmail/store"
)

const outboxPageSize = 50

type outboxPage struct {
	State store.OutboxState
	Tabs  []outboxTab
	Rows  []outboxRow
	Next  string // URL of older ones; "" where there are none
}

type outboxTab struct {
	State store.OutboxState // "" = all
	Title string
	Count int // 0 where it is not told
}

type outboxRow struct {
	store.OutboxRow
	Clock  clock
	MayAct bool
}

// mailPage is one mail exactly as it goes or went, and what is known of it.
type mailPage struct {
	store.MailView
	Clock  clock
	MayAct bool
	Events []store.Event
}

var outboxStates = []store.OutboxState{store.OutboxUncertain, store.OutboxFailed, store.OutboxQueued, store.OutboxHeld, store.OutboxSending,
	store.OutboxSent, store.OutboxCancelled}

// outboxPage lists what waits, went, failed or is uncertain.
func (s *Server) outboxPage(v *visit) error {
	q := v.r.URL.Query()
	p := outboxPage{State: store.OutboxState(q.Get("state"))}
	if p.State != "" && !slices.Contains(outboxStates, p.State) {
		return badRequest("There is no state %q.", p.State)
	}
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64)
	counts, err := s.DB.CountOutbox(v.ctx(), 0)
	if err != nil {
		return err
	}
	p.Tabs = append(p.Tabs, outboxTab{Title: "All"})
	for _, st := range outboxStates {
		t := outboxTab{State: st, Title: stateWords[string(st)], Count: counts[st]}
		if st == store.OutboxSent || st == store.OutboxCancelled {
			t.Count = 0
		}
		p.Tabs = append(p.Tabs, t)
	}
	rows, err := s.DB.ListOutbox(v.ctx(), store.OutboxFilter{State: p.State, Before: before, Limit: outboxPageSize + 1})
	if err != nil {
		return err
	}
	if len(rows) > outboxPageSize {
		rows = rows[:outboxPageSize]
		p.Next = fmt.Sprintf("/outbox?state=%s&before=%d", p.State, rows[len(rows)-1].ID)
	}
	for _, r := range rows {
		p.Rows = append(p.Rows, outboxRow{r, s.clock(v, r.Office), v.staff.Role.AtLeast(store.RoleStaff)})
	}
	return s.render(v, http.StatusOK, "outbox", "/outbox", p)
}

func (s *Server) outboxMail(v *visit) error {
	m, err := s.mailOf(v)
	if err != nil {
		return err
	}
	events, err := s.DB.Events(v.ctx(), "outbox", m.ID)
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "mail", "/outbox", mailPage{m, s.clock(v, m.Office), v.staff.Role.AtLeast(store.RoleStaff), events})
}

// MayEdit reports whether the mail is a notice that waits.
func (p mailPage) MayEdit() bool {
	return noticeWords[p.Kind] != "" && p.Kind != string(store.KindReply) && p.Kind != string(store.KindUnanswered) &&
		(p.State == string(store.OutboxHeld) || p.State == string(store.OutboxQueued))
}

// outboxHTML is the HTML part of a mail of ours, for a sandboxed frame.
func (s *Server) outboxHTML(v *visit) error {
	m, err := s.mailOf(v)
	if err != nil {
		return err
	}
	if m.BodyHTML == "" {
		return fmt.Errorf("the HTML of mail %d: %w", m.ID, store.ErrNotFound)
	}
	return s.frameDocument(v, m.BodyHTML)
}

func (s *Server) mailOf(v *visit) (store.MailView, error) {
	id, err := pathID(v, "id")
	if err != nil {
		return store.MailView{}, err
	}
	return s.DB.ReadMail(v.ctx(), id)
}

// outboxAction settles an uncertain mail by the word of staff, or keeps a
// waiting one from going. Each fits one state only; a mail that has moved on
// meanwhile stays as it is.
func (s *Server) outboxAction(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	who := v.staff.Username
	done := ""
	switch action := v.r.PathValue("action"); action {
	case "confirm":
		done, err = "confirmed", s.DB.ConfirmSent(v.ctx(), id, who)
	case "again":
		done, err = "again", s.DB.SendAgain(v.ctx(), id, who)
	case "cancel":
		done, err = "cancelled", s.DB.CancelMail(v.ctx(), id, who, "by hand")
	case "hold":
		done, err = "held", s.DB.HoldMail(v.ctx(), id, who, "by hand")
	case "release":
		var m store.MailView
		if m, err = s.DB.ReadMail(v.ctx(), id); err == nil {
			done = "released"
			_, err = s.DB.ReleaseMails(v.ctx(), m.OfficeID, []int64{id}, who)
		}
	default:
		return badRequest("There is no action %q.", action)
	}
	if errors.Is(err, store.ErrConflict) {
		return conflict("This mail has moved on meanwhile, so nothing was done. Look at it again.")
	}
	if err != nil {
		return err
	}
	if back := v.r.PostFormValue("back"); back != "" {
		return v.redirect(withDone(localPath(back), done))
	}
	return v.redirect(fmt.Sprintf("/outbox/%d?done=%s", id, done))
}

// undo takes a reply back before it goes.
func (s *Server) undo(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	mail, err := pathID(v, "mail")
	if err != nil {
		return err
	}
	m, err := s.DB.ReadMail(v.ctx(), mail)
	if err != nil {
		return err
	}
	if m.ConversationID == nil || *m.ConversationID != id {
		return fmt.Errorf("mail %d of conversation %d: %w", mail, id, store.ErrNotFound)
	}
	if m.StaffID == nil || *m.StaffID != v.staff.ID && !v.staff.Role.AtLeast(store.RoleStaff) {
		return forbidden("Only who wrote a reply, or staff, can take it back.")
	}
	if err := s.Desk.UndoReply(v.ctx(), mail, actor(v)); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return v.toConversation(id, "toolate")
		}
		return err
	}
	return v.redirect(fmt.Sprintf("/conversations/%d?done=undone#reply", id))
}

// undoView is a reply that can still be taken back.
type undoView struct {
	Mail  store.MailView
	Clock clock
}

// undoable is the reply that the address names, as long as it can be taken back.
func (s *Server) undoable(v *visit) *undoView {
	id, err := strconv.ParseInt(v.r.URL.Query().Get("undo"), 10, 64)
	if err != nil {
		return nil
	}
	m, err := s.DB.ReadMail(v.ctx(), id)
	if err != nil || m.State != string(store.OutboxQueued) || m.StaffID == nil || *m.StaffID != v.staff.ID ||
		m.ConversationID == nil || !m.NotBefore.After(v.now) {
		return nil
	}
	return &undoView{m, s.clock(v, m.Office)}
}

// NumberLine is the requests that a mail tells of.
func (r outboxRow) NumberLine() string {
	words := make([]string, len(r.Transactions))
	for i, n := range r.Transactions {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ", ")
}
