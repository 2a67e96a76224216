package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"illmail/store"
	"illmail/templates"
)

// letterGroup is the letters of one kind in the list.
type letterGroup struct {
	Title   string
	Letters []letter
}

// letter is one letter with the languages in which it is there beside English.
type letter struct {
	Name      string
	Languages []string
}

// officeLetters is one office's part of the list.
type officeLetters struct {
	Office     *Office
	Groups     []letterGroup
	Drafts     []store.TemplateVersion // what waits for approval
	Languages  []letterLanguage
	Clock      clock
	MayApprove bool
}

// letterLanguage is a language besides English in which there are letters.
type letterLanguage struct {
	Tag      string
	Letters  int
	Approved *store.TemplateLanguage // nil: its letters do not go out
}

// templatesPage lists the letters of each office, what waits for approval and
// the languages.
func (s *Server) templatesPage(v *visit) error {
	var list []officeLetters
	for i := range s.Offices {
		o := &s.Offices[i]
		all := o.Templates().All()
		l := officeLetters{Office: o, Groups: groupLetters(all), Clock: s.clock(v, o.Code), MayApprove: v.staff.Role.AtLeast(store.RoleSupervisor)}
		var err error
		if l.Drafts, err = s.DB.TemplateDrafts(v.ctx(), o.ID); err != nil {
			return err
		}
		approved, err := s.DB.TemplateLanguages(v.ctx(), o.ID)
		if err != nil {
			return err
		}
		letters := map[string]int{}
		for _, t := range all {
			letters[t.Language]++
		}
		delete(letters, "en")
		for _, tag := range slices.Sorted(maps.Keys(letters)) {
			n := letterLanguage{Tag: tag, Letters: letters[tag]}
			if at := slices.IndexFunc(approved, func(a store.TemplateLanguage) bool { return a.Language == tag }); at >= 0 {
				n.Approved = &approved[at]
			}
			l.Languages = append(l.Languages, n)
		}
		list = append(list, l)
	}
	return s.render(v, http.StatusOK, "templates", "/templates", list)
}

// changeLanguage approves or stops a language of an office's letters.
func (s *Server) changeLanguage(v *visit) error {
	o, ok := s.offices[v.r.PathValue("office")]
	if !ok {
		return fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	tag, done := v.r.PostFormValue("language"), "language"
	if !slices.ContainsFunc(o.Templates().All(), func(t *templates.Template) bool { return t.Language == tag && tag != "en" }) {
		return badRequest("There are no letters in the language %q.", tag)
	}
	var err error
	switch action := v.r.PostFormValue("action"); action {
	case "approve":
		err = s.DB.ApproveLanguage(v.ctx(), o.ID, tag, actor(v))
	case "stop":
		done = "nolanguage"
		err = s.DB.StopLanguage(v.ctx(), o.ID, tag, actor(v))
	default:
		return badRequest("There is no action %q.", action)
	}
	if err != nil {
		return err
	}
	if err := o.Letters.Reload(v.ctx()); err != nil {
		return err
	}
	return v.redirect("/templates?done=" + done)
}

// groupLetters sorts letters by what they are for: by the beginning of their name.
func groupLetters(all []*templates.Template) []letterGroup {
	groups := []letterGroup{{Title: "Notices"}, {Title: "Cancellations"}, {Title: "Answers to patrons"}, {Title: "Letters to lenders"}}
	for _, t := range all {
		at := 0
		switch {
		case strings.HasPrefix(t.Name, "cancel"):
			at = 1
		case strings.HasPrefix(t.Name, "reply-"), strings.HasPrefix(t.Name, "renewal-"), strings.HasPrefix(t.Name, "claim-"):
			at = 2
		case strings.HasPrefix(t.Name, "lender-"):
			at = 3
		}
		g := &groups[at]
		if n := len(g.Letters); n == 0 || g.Letters[n-1].Name != t.Name {
			g.Letters = append(g.Letters, letter{Name: t.Name})
		}
		if t.Language != "en" {
			last := &g.Letters[len(g.Letters)-1]
			last.Languages = append(last.Languages, t.Language)
		}
	}
	return groups
}
