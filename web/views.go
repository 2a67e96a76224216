package web

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"illmail/store"
)

// maxViewName bounds the name of a view: it stands in a narrow column.
const maxViewName = 30

// viewKeys are the keys of the list's address that a view keeps: what is
// shown, and in which order.
var viewKeys = []string{"tab", "q", "kind", "intent", "assigned", "queue", "label", "sort"}

// viewQuery is the part of an address that a view keeps, in one form.
func viewQuery(q url.Values) url.Values {
	kept := url.Values{}
	for _, k := range viewKeys {
		if x := strings.TrimSpace(q.Get(k)); x != "" && len(x) <= 200 && !(k == "tab" && x == string(store.TabNeedsAnswer)) {
			kept.Set(k, x)
		}
	}
	return kept
}

// worthSaving reports whether an address says more than which pile it shows.
func worthSaving(q url.Values) bool {
	n := len(q)
	if q.Has("tab") {
		n--
	}
	if q.Get("tab") == string(store.TabQueue) {
		n--
	}
	return n > 0
}

// viewName reads the name of a view.
func viewName(v *visit) (string, error) {
	name := strings.Join(strings.Fields(v.r.PostFormValue("name")), " ")
	switch {
	case name == "":
		return "", badRequest("Give the view a name.")
	case utf8.RuneCountInString(name) > maxViewName:
		return "", badRequest("Keep the name of the view to %d letters: it stands beside the list.", maxViewName)
	}
	return name, nil
}

// saveView keeps the filter and the order that the list shows, under a name.
func (s *Server) saveView(v *visit) error {
	name, err := viewName(v)
	if err != nil {
		return err
	}
	q, err := url.ParseQuery(v.r.PostFormValue("query"))
	if err != nil {
		return badRequest("This is no filter of the list.")
	}
	if q = viewQuery(q); !worthSaving(q) {
		return badRequest("There is no filter to be saved: choose one above the list first.")
	}
	shared := v.r.PostFormValue("shared") != ""
	if shared && !v.staff.Role.AtLeast(store.RoleSupervisor) {
		return forbidden("A supervisor shares a view with the office; yours can be your own.")
	}
	_, err = s.DB.SaveView(v.ctx(), store.SavedView{StaffID: v.staff.ID, Name: name, Query: q.Encode(), Shared: shared})
	if errors.Is(err, store.ErrTooMany) {
		return badRequest("You keep as many views as one may keep; delete one first.")
	}
	if err != nil {
		return err
	}
	return v.redirect(withDone("/?"+q.Encode(), "view"))
}

// changeView renames a view or deletes it: one's own, or a shared one for
// supervisors.
func (s *Server) changeView(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	change := func(staffID int64) error {
		switch action := v.r.PostFormValue("action"); action {
		case "rename":
			name, err := viewName(v)
			if err != nil {
				return err
			}
			return s.DB.RenameView(v.ctx(), id, staffID, name)
		case "delete":
			return s.DB.DeleteView(v.ctx(), id, staffID)
		default:
			return badRequest("There is no action %q.", action)
		}
	}
	err = change(v.staff.ID)
	if errors.Is(err, store.ErrNotFound) && v.staff.Role.AtLeast(store.RoleSupervisor) {
		err = change(0)
	}
	if errors.Is(err, store.ErrExists) {
		return conflict("There is a view of that name already.")
	}
	if err != nil {
		return fmt.Errorf("changing a view: %w", err)
	}
	return v.redirect(withDone(localPath(v.r.PostFormValue("back")), "view"))
}
