package web

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"illmail/store"
	"illmail/triage"
)

// actor is who acts, for the record.
func actor(v *visit) store.Actor { return store.Actor{StaffID: v.staff.ID, Name: v.staff.Username} }

// formID reads a number from the form; "" is 0.
func formID(v *visit, name string) (int64, error) {
	text := strings.TrimSpace(v.r.PostFormValue(name))
	if text == "" {
		return 0, nil
	}
	return number(text)
}

// number reads one number, numbers several.
func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badRequest("%q is no number.", text)
	}
	return n, nil
}

func numbers(texts []string) ([]int64, error) {
	var list []int64
	for _, text := range texts {
		n, err := number(text)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

func (v *visit) toConversation(id int64, done string) error {
	return v.redirect(fmt.Sprintf("/conversations/%d?done=%s", id, done))
}

// goOn leads to the next conversation of the list that was looked at, where the
// form names one that still waits; else to the list where that was its end, and
// otherwise to where the action leads by itself.
func (s *Server) goOn(v *visit, to, query string) error {
	next := v.r.PostFormValue("next")
	if id, err := strconv.ParseInt(next, 10, 64); err == nil {
		to = "/"
		if item, err := s.DB.Item(v.ctx(), id); err == nil && (item.State == store.ItemNew || item.State == store.ItemOpen) {
			to = fmt.Sprintf("/conversations/%d", id)
		}
	}
	return v.redirect(to + "?" + query)
}

// assign gives a conversation to someone; "to" is the button "Take it",
// "choice" the menu beside it.
func (s *Server) assign(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	name := "choice"
	if v.r.PostFormValue("to") != "" {
		name = "to"
	}
	to, err := formID(v, name)
	if err != nil {
		return err
	}
	was, err := formID(v, "was")
	if err != nil {
		return err
	}
	if asked, err := s.askAway(v, to); asked || err != nil {
		return err
	}
	if err := s.Desk.Assign(v.ctx(), id, to, was, actor(v)); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return conflict("A colleague was quicker: this conversation is in other hands now.")
		}
		return err
	}
	return v.toConversation(id, "assigned")
}

// changeState closes, opens again or snoozes.
func (s *Server) changeState(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	seen, err := formID(v, "last_message")
	if err != nil {
		return err
	}
	switch action := v.r.PostFormValue("action"); action {
	case "close":
		if err := s.Desk.Close(v.ctx(), id, seen, actor(v), ""); err != nil {
			return newerMail(err)
		}
		return s.goOn(v, "/", fmt.Sprintf("done=closed&of=%d", id))
	case "reopen":
		if err := s.Desk.Reopen(v.ctx(), id, actor(v), "", v.now); err != nil {
			return err
		}
		return v.toConversation(id, "reopened")
	case "snooze":
		if v.r.PostFormValue("until") == "answer" {
			if err := s.Desk.Snooze(v.ctx(), id, seen, time.Time{}, actor(v)); err != nil {
				return newerMail(err)
			}
			return s.goOn(v, "/", fmt.Sprintf("done=snoozed&of=%d", id))
		}
		day, err := store.ParseDate(v.r.PostFormValue("until"))
		if err != nil || day.IsZero() {
			return badRequest("Say until which day: %q is none.", v.r.PostFormValue("until"))
		}
		st, err := s.DB.ReadStory(v.ctx(), id)
		if err != nil {
			return err
		}
		until := day.At(7, 0, s.office(st.Conversation.Office).Rules.Location)
		if !until.After(v.now) {
			return badRequest("That day is over already.")
		}
		if err := s.Desk.Snooze(v.ctx(), id, seen, until, actor(v)); err != nil {
			return newerMail(err)
		}
		return s.goOn(v, "/", fmt.Sprintf("done=snoozed&of=%d", id))
	default:
		return badRequest("There is no action %q.", action)
	}
}

// newerMail says what a conflict of a conversation means.
func newerMail(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return conflict("Something new came into this conversation while you looked at it, so nothing was done. Read it first.")
	}
	return err
}

// handOver gives a conversation to a supervisor, with the reason.
func (s *Server) handOver(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	to, err := formID(v, "to")
	if err != nil {
		return err
	}
	was, err := formID(v, "was")
	if err != nil {
		return err
	}
	why := strings.TrimSpace(v.r.PostFormValue("why"))
	if why == "" || len(why) > 2000 {
		return badRequest("Say in a sentence why it is handed over.")
	}
	people, err := s.openAccounts(v.ctx())
	if err != nil {
		return err
	}
	hands, err := s.hands(v)
	if err != nil {
		return err
	}
	standsIn := append(hands.CoveredBy(to), to) // who stands in for a supervisor will do
	if !slices.ContainsFunc(people, func(p store.Staff) bool {
		return slices.Contains(standsIn, p.ID) && p.Role.AtLeast(store.RoleSupervisor)
	}) {
		return badRequest("Choose a supervisor.")
	}
	if asked, err := s.askAway(v, to); asked || err != nil {
		return err
	}
	if err := s.Desk.HandOver(v.ctx(), id, to, was, why, actor(v)); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return conflict("A colleague was quicker: this conversation is in other hands now.")
		}
		return err
	}
	return v.toConversation(id, "handed")
}

// place puts a conversation into one of the office's own queues and under a
// label, or takes it out.
func (s *Server) place(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	queue, err := formID(v, "queue")
	if err != nil {
		return err
	}
	label := strings.Join(strings.Fields(v.r.PostFormValue("label")), " ")
	if utf8.RuneCountInString(label) > triage.MaxLabel {
		return badRequest("Keep the label to %d letters: the list shows it.", triage.MaxLabel)
	}
	if err := s.Desk.Move(v.ctx(), id, queue, actor(v)); err != nil {
		return err
	}
	if err := s.Desk.Label(v.ctx(), id, label, actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, "placed")
}

func (s *Server) note(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	body := strings.TrimSpace(v.r.PostFormValue("body"))
	if body == "" {
		return badRequest("The note is empty.")
	}
	if len(body) > 20000 {
		return badRequest("The note is too long; keep it under 20,000 characters.")
	}
	if err := s.Desk.Note(v.ctx(), id, body, actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, "noted")
}

// changeMatch files a conversation on a request, or takes it off one.
func (s *Server) changeMatch(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	message, err := formID(v, "message")
	if err != nil {
		return err
	}
	tn, err := formID(v, "tn")
	if err != nil {
		return err
	}
	c := store.MatchChange{MessageID: message}
	switch action := v.r.PostFormValue("action"); action {
	case "file", "move":
		c.Add = []int64{tn}
		if action == "move" { // it is about this one, and not about what it was filed on
			st, err := s.DB.ReadStory(v.ctx(), id)
			if err != nil {
				return err
			}
			for _, m := range st.Matches {
				if m.Decided && m.MessageID != 0 && m.TransactionNumber != tn {
					c.Remove = append(c.Remove, m.TransactionNumber)
				}
			}
		}
		if v.staff.Role.AtLeast(store.RoleStaff) {
			c.LearnAddress, c.LearnPartner = v.r.PostFormValue("learn") == "patron", v.r.PostFormValue("learn") == "partner"
		}
	case "remove":
		c.Remove = []int64{tn}
	default:
		return badRequest("There is no action %q.", action)
	}
	if err := s.Desk.ChangeMatch(v.ctx(), id, c, actor(v)); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return badRequest("There is no request %d in this office.", tn)
		}
		return err
	}
	return v.toConversation(id, fmt.Sprintf("refiled&of=%d", id))
}

// correctIntent records what a message really asks.
func (s *Server) correctIntent(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	message, err := formID(v, "message")
	if err != nil {
		return err
	}
	intent := v.r.PostFormValue("intent")
	kind := kindOfIntent(intent)
	if kind == "" {
		return badRequest("There is no intent %q.", intent)
	}
	if err := s.Desk.CorrectIntent(v.ctx(), message, kind, intent, actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, "corrected")
}

// claim records what was found where a patron said that an item was returned.
func (s *Server) claim(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	transaction, err := formID(v, "transaction")
	if err != nil {
		return err
	}
	outcome := v.r.PostFormValue("outcome")
	if outcome != "found" && outcome != "with_lender" && outcome != "not_found" {
		return badRequest("There is no outcome %q.", outcome)
	}
	if err := s.Desk.ConfirmOutcome(v.ctx(), transaction, outcome, actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, "claim")
}

// sentence makes an error that is meant for people one: with a capital and a full stop.
func sentence(err error) string {
	r, n := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(r)) + err.Error()[n:] + "."
}

// ticked is one row of the list that was ticked, as it was when the list was
// made: "conversation-last message-assignee".
type ticked struct{ id, last, assigned int64 }

func readTicked(text string) (t ticked, err error) {
	if _, err := fmt.Sscanf(text, "%d-%d-%d", &t.id, &t.last, &t.assigned); err != nil {
		return t, badRequest("%q is no conversation.", text)
	}
	return t, nil
}

// bulk closes, assigns or moves every conversation that was ticked. One that changed
// meanwhile is left alone and counted.
func (s *Server) bulk(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	back := localPath(v.r.PostFormValue("back"))
	rows := v.r.PostForm["row"]
	if len(rows) == 0 {
		return badRequest("Tick at least one conversation first.")
	}
	if len(rows) > 200 {
		return badRequest("At most 200 conversations at once.")
	}
	to, err := formID(v, "to")
	if err != nil {
		return err
	}
	queue, err := formID(v, "queue")
	if err != nil {
		return err
	}
	if v.r.PostFormValue("action") == "assign" {
		if asked, err := s.askAway(v, to); asked || err != nil {
			return err
		}
	}
	failed := 0
	var done []int64 // what was closed, and can be undone
	for _, text := range rows {
		t, err := readTicked(text)
		if err != nil {
			return err
		}
		switch action := v.r.PostFormValue("action"); action {
		case "close":
			err = s.Desk.Close(v.ctx(), t.id, t.last, actor(v), "from the list")
		case "assign":
			err = s.Desk.Assign(v.ctx(), t.id, to, t.assigned, actor(v))
		case "move":
			err = s.Desk.Move(v.ctx(), t.id, queue, actor(v))
		default:
			return badRequest("There is no action %q.", action)
		}
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			failed++
		} else if err != nil {
			return err
		} else if v.r.PostFormValue("action") == "close" {
			done = append(done, t.id)
		}
	}
	if failed > 0 {
		return conflict(fmt.Sprintf("%s changed while you were looking at the list and were left alone; the others are done.",
			plural(failed, "conversation", "conversations")))
	}
	back = withDone(back, "bulk")
	if len(done) <= 50 {
		for _, id := range done {
			back += fmt.Sprintf("&of=%d", id)
		}
	}
	return v.redirect(back)
}
