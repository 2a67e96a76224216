package web

import (
	"errors"
	"fmt"
	"strconv"

	"illmail/store"
)

// split moves the messages that were ticked into a conversation of their own.
func (s *Server) split(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	var messages []int64
	for _, text := range v.r.PostForm["message"] {
		m, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return badRequest("%q is no message.", text)
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return badRequest("Tick the messages that belong elsewhere first.")
	}
	fresh, err := s.Desk.Split(v.ctx(), id, messages, actor(v))
	if errors.Is(err, store.ErrConflict) {
		return conflict("Some of the messages must go and some must stay. Look at the conversation again.")
	}
	if err != nil {
		return err
	}
	return v.toConversation(fresh, fmt.Sprintf("split&of=%d", id))
}

// join makes one conversation of two.
func (s *Server) join(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	other, err := formID(v, "other")
	if err != nil {
		return err
	}
	stays, err := s.Desk.Merge(v.ctx(), id, other, actor(v))
	if errors.Is(err, store.ErrConflict) {
		return conflict(conflictSentence(err))
	}
	if errors.Is(err, store.ErrNotFound) {
		return badRequest("There is no conversation %d.", other)
	}
	if err != nil {
		return err
	}
	return v.toConversation(stays, fmt.Sprintf("joined&of=%d", stays))
}

// takeBacks are what the address says was just done, as far as it can be undone.
func (s *Server) takeBacks(v *visit) []store.Undo {
	var list []store.Undo
	for _, text := range v.r.URL.Query()["of"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(list) == 50 {
			return list
		}
		if u, err := s.DB.LastUndo(v.ctx(), id, v.staff.ID); err == nil {
			list = append(list, u)
		}
	}
	return list
}

// takeBack undoes what the same person just did.
func (s *Server) takeBack(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	list := v.r.PostForm["undo"]
	if len(list) == 0 || len(list) > 50 {
		return badRequest("Say what is to be undone.")
	}
	late := 0
	var conv int64
	for _, text := range list {
		id, err := number(text)
		if err != nil {
			return err
		}
		if conv, err = s.Desk.TakeBack(v.ctx(), id, actor(v)); errors.Is(err, store.ErrConflict) {
			late++
		} else if err != nil {
			return err
		}
	}
	switch {
	case late > 0:
		return conflict("Something happened since, or it was too long ago: it cannot be undone any more. What could be undone is.")
	case len(list) > 1:
		return v.redirect("/?done=back")
	}
	return v.toConversation(conv, "back")
}
