package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"illmail/notices"
	"illmail/store"
	"illmail/templates"
)

// editorPage is one letter in one language: its words, what becomes of them,
// and all versions.
type editorPage struct {
	Office         *Office
	Clock          clock
	Name, Language string
	Path           string             // of this page
	Source         string             // as it is edited
	TN             string             // the request that the preview is about; "" = made-up ones
	Tried          bool               // the source came from the form: it may not be stored
	Preview        templates.Rendered // where there are no problems
	Problems       templates.Problems
	Own            *templates.Template // that comes with the program; nil: there is none
	InForce        *editorVersion      // of the office's; nil: the program's own words go out
	Shown          *editorVersion      // whose words are in the form; nil: those in force
	Against        string              // with what Changes compares
	Changes        []diffLine
	Versions       []editorVersion // newest first
	Languages      []string        // in which there is this letter
	Off            bool            // nobody approved the language
	MayApprove     bool
	Fields         []string
}

// editorVersion is a version with its number among those of its letter.
type editorVersion struct {
	store.TemplateVersion
	Number int
}

// Draft reports whether the version may be approved.
func (v editorVersion) Draft() bool { return v.State == store.TemplateDraft }

// Was is the version in force for the forms, 0 for none.
func (p *editorPage) Was() int64 {
	if p.InForce == nil {
		return 0
	}
	return p.InForce.ID
}

// HTMLPath leads to the HTML part of what is shown.
func (p *editorPage) HTMLPath() string {
	q := url.Values{}
	if p.Shown != nil {
		q.Set("version", strconv.FormatInt(p.Shown.ID, 10))
	}
	if p.TN != "" {
		q.Set("tn", p.TN)
	}
	if len(q) == 0 {
		return p.Path + "/html"
	}
	return p.Path + "/html?" + q.Encode()
}

// readEditor reads the letter that the address names, as it stands. A letter
// that nobody wrote yet begins with the English words, or with a greeting.
func (s *Server) readEditor(v *visit) (*editorPage, error) {
	o, ok := s.offices[v.r.PathValue("office")]
	if !ok {
		return nil, fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	p := &editorPage{Office: o, Clock: s.clock(v, o.Code), Name: v.r.PathValue("name"), Language: v.r.PathValue("language"),
		MayApprove: v.staff.Role.AtLeast(store.RoleSupervisor), Fields: templates.FieldNames()}
	if !templates.ValidName(p.Name, p.Language) {
		return nil, fmt.Errorf("the letter: %w", store.ErrNotFound)
	}
	p.Path = "/templates/" + o.Code + "/" + p.Name + "/" + p.Language
	versions, err := s.DB.TemplateVersions(v.ctx(), o.ID, p.Name, p.Language)
	if err != nil {
		return nil, err
	}
	for i, one := range versions {
		p.Versions = append(p.Versions, editorVersion{one, len(versions) - i})
	}
	for i := range p.Versions {
		if at := p.Versions[i].ApprovedAt; at != nil && (p.InForce == nil || at.After(*p.InForce.ApprovedAt)) {
			p.InForce = &p.Versions[i]
		}
	}
	set := o.Templates()
	p.Own, _ = templates.Default().Get(p.Name, p.Language)
	p.Off = !set.Enabled(p.Language)
	english, _ := set.Get(p.Name, "en")
	for _, t := range set.All() {
		if t.Name == p.Name {
			p.Languages = append(p.Languages, t.Language)
		}
	}
	switch {
	case p.InForce != nil:
		p.Source = p.InForce.Source
	case p.Own != nil:
		p.Source = p.Own.Source
	case english != nil:
		p.Source = english.Source
	default:
		p.Source = "Subject: …\n\nHello {{patron.first_name or \"there\"}},\n\n…\n"
	}
	return p, nil
}

// shownVersion puts the version that the query or form names into the page.
func (p *editorPage) shownVersion(v *visit) error {
	text := v.r.FormValue("version")
	if text == "" {
		return nil
	}
	at := slices.IndexFunc(p.Versions, func(one editorVersion) bool { return strconv.FormatInt(one.ID, 10) == text })
	if at < 0 {
		return fmt.Errorf("version %q: %w", text, store.ErrNotFound)
	}
	p.Shown = &p.Versions[at]
	p.Source = p.Shown.Source
	return nil
}

// compare fills in what differs: from what is in force, or, of the version in
// force, from the one before it.
func (p *editorPage) compare() {
	before := ""
	switch {
	case p.InForce != nil && (p.Shown == nil || p.Shown.ID != p.InForce.ID):
		before, p.Against = p.InForce.Source, fmt.Sprintf("version %d, which is in force", p.InForce.Number)
	case p.Shown != nil && p.Shown.Number > 1 && p.InForce != nil:
		earlier := p.Versions[len(p.Versions)-p.Shown.Number+1]
		before, p.Against = earlier.Source, fmt.Sprintf("version %d", earlier.Number)
	case p.Own != nil:
		before, p.Against = p.Own.Source, "the words that come with the program"
	default:
		return
	}
	p.Changes = diffLines(before, p.Source)
}

// try writes the letter for the preview, or says where it cannot be.
func (s *Server) try(v *visit, p *editorPage) error {
	t, err := templates.Check(p.Name, p.Language, p.Source)
	if errors.As(err, &p.Problems) {
		return nil
	}
	if err != nil {
		return err
	}
	data := templates.SampleFor(p.Name)
	data.Office = p.Office.Letter
	if data.Office.Name == "" {
		data.Office.Name, data.Office.Address = p.Office.Name, p.Office.Address
	}
	if p.TN = strings.TrimSpace(v.r.FormValue("tn")); p.TN != "" {
		tn, err := strconv.ParseInt(p.TN, 10, 64)
		if err != nil {
			return badRequest("%q is no transaction number.", p.TN)
		}
		tr, err := s.DB.TransactionByNumber(v.ctx(), p.Office.ID, tn)
		if errors.Is(err, store.ErrNotFound) {
			return badRequest("There is no request %d.", tn)
		}
		if err != nil {
			return err
		}
		patron, err := s.DB.PatronByID(v.ctx(), tr.PatronID)
		if err != nil {
			return err
		}
		if data.Patron.Username == "" { // a letter to a lender
			patron = store.Patron{}
		}
		data = notices.PreviewData(data.Office, &tr, &patron, store.DateOf(v.now, p.Office.Rules.Location))
	}
	if p.Preview, err = t.Render(data); err != nil {
		p.Problems = t.Locate(err)
	}
	return nil
}

func (s *Server) showEditor(v *visit, status int, p *editorPage) error {
	p.compare()
	if len(p.Problems) > 0 && p.Tried {
		status = http.StatusUnprocessableEntity
	}
	return s.render(v, status, "template", "/templates", p)
}

// templatePage shows a letter's source beside what becomes of it.
func (s *Server) templatePage(v *visit) error {
	p, err := s.readEditor(v)
	if err == nil {
		err = p.shownVersion(v)
	}
	if err == nil {
		err = s.try(v, p)
	}
	if err != nil {
		return err
	}
	return s.showEditor(v, http.StatusOK, p)
}

// posted reads the page with the words of the form in it.
func (s *Server) posted(v *visit) (*editorPage, error) {
	p, err := s.readEditor(v)
	if err != nil {
		return nil, err
	}
	p.Source, p.Tried = strings.ReplaceAll(v.r.PostFormValue("source"), "\r\n", "\n"), true
	return p, s.try(v, p)
}

// tryTemplate shows what becomes of the words in the form. Nothing is stored.
func (s *Server) tryTemplate(v *visit) error {
	p, err := s.posted(v)
	if err != nil {
		return err
	}
	return s.showEditor(v, http.StatusOK, p)
}

// proposeTemplate keeps the words as a draft, or says what is wrong with them.
func (s *Server) proposeTemplate(v *visit) error {
	return s.keep(v, func(p *editorPage, words store.TemplateVersion) error {
		id, err := s.DB.ProposeTemplate(v.ctx(), words, actor(v))
		if err != nil {
			return err
		}
		return v.redirect(fmt.Sprintf("%s?version=%d&done=proposed", p.Path, id))
	})
}

// publishTemplate keeps the words and puts them in force.
func (s *Server) publishTemplate(v *visit) error {
	return s.keep(v, func(p *editorPage, words store.TemplateVersion) error { return s.publish(v, p, words) })
}

func (s *Server) keep(v *visit, do func(*editorPage, store.TemplateVersion) error) error {
	p, err := s.posted(v)
	if err != nil {
		return err
	}
	// A request that lacks what the letter needs is no fault of the letter.
	if _, err := templates.Check(p.Name, p.Language, p.Source); err != nil {
		return s.showEditor(v, http.StatusUnprocessableEntity, p)
	}
	return do(p, store.TemplateVersion{OfficeID: p.Office.ID, Name: p.Name, Language: p.Language, Source: p.Source})
}

func (s *Server) publish(v *visit, p *editorPage, words store.TemplateVersion) error {
	was, err := formID(v, "was")
	if err != nil {
		return err
	}
	if err := s.DB.PublishTemplate(v.ctx(), words, was, actor(v)); err != nil {
		return err
	}
	return s.inForce(v, p)
}

// inForce reads the letters anew, so that the very next one goes by them.
func (s *Server) inForce(v *visit, p *editorPage) error {
	if err := p.Office.Letters.Reload(v.ctx()); err != nil {
		return err
	}
	return v.redirect(p.Path + "?done=inforce")
}

// approveTemplate puts a draft in force.
func (s *Server) approveTemplate(v *visit) error {
	p, err := s.readEditor(v)
	if err == nil {
		err = p.shownVersion(v)
	}
	if err != nil {
		return err
	}
	if p.Shown == nil {
		return badRequest("Say which version is meant.")
	}
	was, err := formID(v, "was")
	if err != nil {
		return err
	}
	p.Tried = true
	if _, err := templates.Check(p.Name, p.Language, p.Source); errors.As(err, &p.Problems) {
		return s.showEditor(v, http.StatusUnprocessableEntity, p)
	}
	if err := s.DB.ApproveTemplate(v.ctx(), p.Office.ID, p.Shown.ID, was, actor(v)); err != nil {
		return err
	}
	return s.inForce(v, p)
}

// restoreTemplate puts an older version in force again, as a new one; without
// a version, the words that come with the program.
func (s *Server) restoreTemplate(v *visit) error {
	p, err := s.readEditor(v)
	if err == nil {
		err = p.shownVersion(v)
	}
	if err != nil {
		return err
	}
	p.Tried = true
	if p.Shown == nil {
		if p.Own == nil {
			return badRequest("No letter of that name comes with the program.")
		}
		p.Source = p.Own.Source
	}
	if _, err := templates.Check(p.Name, p.Language, p.Source); errors.As(err, &p.Problems) {
		return s.showEditor(v, http.StatusUnprocessableEntity, p)
	}
	return s.publish(v, p, store.TemplateVersion{OfficeID: p.Office.ID, Name: p.Name, Language: p.Language, Source: p.Source})
}

// templateHTML is the HTML part of a version, or of the words in the form, for
// a sandboxed frame.
func (s *Server) templateHTML(v *visit) error {
	var p *editorPage
	var err error
	if v.r.Method == http.MethodPost {
		p, err = s.posted(v)
	} else if p, err = s.readEditor(v); err == nil {
		if err = p.shownVersion(v); err == nil {
			err = s.try(v, p)
		}
	}
	if err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		return s.frameDocument(v, `<!doctype html><html lang="en"><meta charset="utf-8"><title>No preview</title><p>This cannot be sent yet.</p>`)
	}
	return s.frameDocument(v, p.Preview.HTML)
}

// newTemplate leads to the page of a letter that nobody wrote yet.
func (s *Server) newTemplate(v *visit) error {
	name, language := strings.TrimSpace(v.r.FormValue("name")), strings.TrimSpace(v.r.FormValue("language"))
	if !templates.ValidName(name, language) {
		return badRequest("Write the name in small letters with hyphens (overdue-films), and the language as en, es or zh-Hans.")
	}
	return v.redirect("/templates/" + url.PathEscape(v.r.PathValue("office")) + "/" + name + "/" + language)
}
