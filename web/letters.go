package web

import (
	"errors"
	"fmt"
	"net/http"
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

type letterPage struct {
	Office   *Office
	Letter   *templates.Template
	Source   string // as it is edited
	Preview  templates.Rendered
	Problems templates.Problems
	Edited   bool
}

// templatesPage lists the letters of each office.
func (s *Server) templatesPage(v *visit) error {
	type officeLetters struct {
		Office *Office
		Groups []letterGroup
	}
	var list []officeLetters
	for i := range s.Offices {
		o := &s.Offices[i]
		list = append(list, officeLetters{o, groupLetters(o.Templates().All())})
	}
	return s.render(v, http.StatusOK, "templates", "/templates", list)
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

// letterOf finds the office and the letter that the address names.
func (s *Server) letterOf(v *visit) (*Office, *templates.Template, error) {
	o, ok := s.offices[v.r.PathValue("office")]
	if !ok {
		return nil, nil, fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	for _, t := range o.Templates().All() {
		if t.Name == v.r.PathValue("name") && t.Language == v.r.PathValue("language") {
			return o, t, nil
		}
	}
	return nil, nil, fmt.Errorf("the letter: %w", store.ErrNotFound)
}

// templatePage shows a letter's source beside what becomes of it.
func (s *Server) templatePage(v *visit) error {
	o, t, err := s.letterOf(v)
	if err != nil {
		return err
	}
	p := letterPage{Office: o, Letter: t, Source: t.Source}
	if p.Preview, err = t.Render(s.sample(o)); err != nil {
		return fmt.Errorf("previewing the letter %s: %w", t.Name, err)
	}
	return s.render(v, http.StatusOK, "template", "/templates", p)
}

// tryTemplate renders a changed source, or says by line what is wrong with it.
// Nothing is stored.
func (s *Server) tryTemplate(v *visit) error {
	o, t, err := s.letterOf(v)
	if err != nil {
		return err
	}
	p := letterPage{Office: o, Letter: t, Source: strings.ReplaceAll(v.r.PostFormValue("source"), "\r\n", "\n"), Edited: true}
	tried, err := templates.Parse(t.Name, t.Language, p.Source)
	if err == nil {
		p.Preview, err = tried.Render(s.sample(o))
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusUnprocessableEntity
		if !errors.As(err, &p.Problems) {
			p.Problems = templates.Problems{{Line: 1, Col: 1, Text: err.Error()}}
		}
	}
	return s.render(v, status, "template", "/templates", p)
}

// templateHTML is the HTML part of a letter's preview, for a sandboxed frame.
func (s *Server) templateHTML(v *visit) error {
	o, t, err := s.letterOf(v)
	if err != nil {
		return err
	}
	r, err := t.Render(s.sample(o))
	if err != nil {
		return fmt.Errorf("previewing the letter %s: %w", t.Name, err)
	}
	return s.frameDocument(v, r.HTML)
}

// sample is made-up data in the name of that office.
func (s *Server) sample(o *Office) templates.Data {
	d := templates.Sample()
	d.Office = o.Letter
	if d.Office.Name == "" {
		d.Office.Name, d.Office.Address = o.Name, o.Address
	}
	return d
}
