package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"illmail/notices"
	"illmail/store"
	"illmail/templates"
)

//go:embed pages
var pageFiles embed.FS

// frame is what the layout needs beside the page's own data.
type frame struct {
	Title   string
	Nav     string // path of the link that is current
	Staff   store.Staff
	Counts  store.TabCounts
	Banner  string
	Extra   []Page
	Flash   string
	Undo    *undoView
	Back    []store.Undo // what was just done and can be undone
	Office  string       // of the installation, for the sign-in page
	Dated   []dated      // how new each office's records are
	Silent  []silent     // whose ILLiad cannot be asked
	Version string
	Data    any
	Tabs    []tab
	Tab     string // the pile that is current
	Own     ownPiles
	Queue   int64  // of the office's own, where Tab is one of those; 0 for none
	View    int64  // the saved view that is shown; 0 for none
	Query   string // what was searched for
	Live    int64  // see hub.version
	Self    string // where one stands, for who comes next at this desk
	// Drafting: the page has a form with the id “draft”, which keeps what is written.
	Drafting bool
}

// IsTab reports whether that pile is the one that is shown.
func (f frame) IsTab(name string) bool { return f.Tab == name }

// parsePages reads base.html and parts.html together with each page.
func parsePages() (map[string]*template.Template, error) {
	style, err := assetHash("style.css")
	if err != nil {
		return nil, err
	}
	script, err := assetHash("app.js")
	if err != nil {
		return nil, err
	}
	funcs := template.FuncMap{
		"style":  func() string { return "/static/style.css?v=" + style },
		"script": func() string { return "/static/app.js?v=" + script },
	}
	for name, f := range wordFuncs {
		funcs[name] = f
	}
	base, err := template.New("base").Funcs(funcs).ParseFS(pageFiles, "pages/base.html", "pages/parts.html")
	if err != nil {
		return nil, fmt.Errorf("reading the layout: %w", err)
	}
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("listing the pages: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "pages/"), ".html")
		if name == "base" || name == "parts" {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(pageFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
}

func assetHash(name string) (string, error) {
	b, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6]), nil
}

// render writes a page. It is made in memory first: an error in a template
// gives an error page, never half a page.
func (s *Server) render(v *visit, status int, name, nav string, data any) error {
	t, ok := s.pages[name]
	if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	f := frame{Nav: nav, Staff: v.staff, Banner: s.Banner, Extra: s.Extra, Data: data, Version: s.Version, Live: v.live,
		Flash: flashes[v.r.URL.Query().Get("done")], Office: s.installationName()}
	if v.staff.ID != 0 {
		counts, err := s.counts(v)
		if err != nil && status < 500 {
			return err
		}
		f.Counts, f.Tabs = counts, tabs(counts)
		if f.Dated, err = s.dated(v); err != nil && status < 500 {
			return err
		}
		if f.Silent, err = s.silent(v); err != nil && status < 500 {
			return err
		}
		if f.Own, err = s.ownPiles(v); err != nil && status < 500 {
			return err
		}
		f.Undo = s.undoable(v)
		f.Back = s.takeBacks(v)
	}
	f.Self = "/"
	if v.r.Method == http.MethodGet && status == http.StatusOK {
		u, q := *v.r.URL, v.r.URL.Query()
		for _, said := range []string{"done", "of", "undo"} { // to the one who did it
			q.Del(said)
		}
		u.RawQuery = q.Encode()
		f.Self = u.RequestURI()
	}
	switch p := data.(type) {
	case *listPage:
		f.Tab, f.Query = p.Tab.Name, p.Query
		if p.Tab.Name == string(store.TabQueue) {
			f.Queue = p.QueueID
		}
		if p.View != nil {
			f.Tab, f.View = "", p.View.ID
		}
	case *conversationPage:
		f.Self, f.Drafting = fmt.Sprintf("/conversations/%d", p.C.ID), p.Reply != nil
	case writePage:
		f.Drafting = true
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "base", f); err != nil {
		if status >= 500 {
			http.Error(v.w, "Something went wrong here.", status)
			return nil
		}
		return fmt.Errorf("rendering the page %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return writeBody(v, status, b.Bytes())
}

// dated is the newest date inside an office's records; what is decided by them
// may be older than the day.
type dated struct {
	Office string // "" where there is one office only
	On     string // "" where none was read yet
}

func (s *Server) dated(v *visit) ([]dated, error) {
	rows, err := s.DB.Offices(v.ctx())
	if err != nil {
		return nil, err
	}
	var list []dated
	for _, r := range rows {
		if _, ok := s.offices[r.Code]; !ok {
			continue
		}
		d := dated{Office: r.Code}
		if len(s.Offices) == 1 {
			d.Office = ""
		}
		if !r.DataDate.IsZero() {
			d.On = s.clock(v, r.Code).Date(r.DataDate)
		}
		list = append(list, d)
	}
	return list, nil
}

// counts are what the piles hold, counted once a request.
func (s *Server) counts(v *visit) (store.TabCounts, error) {
	if v.counted == nil {
		hands, err := s.hands(v)
		if err != nil {
			return store.TabCounts{}, err
		}
		c, err := s.DB.CountTabs(v.ctx(), 0, v.staff.ID, hands)
		if err != nil {
			return c, err
		}
		v.counted = &c
	}
	return *v.counted, nil
}

// ownPiles are what an office and a person added to the piles beside the list.
type ownPiles struct {
	Queues []store.OfficeQueue
	Views  []view
}

// view is a saved view as the page shows it.
type view struct{ store.SavedView }

// Link is the query of the list's address. It was written by url.Values.Encode.
func (w view) Link() template.URL { return template.URL(w.Query) }

// ownPiles are read once a request.
func (s *Server) ownPiles(v *visit) (ownPiles, error) {
	if v.own == nil {
		queues, err := s.DB.OfficeQueues(v.ctx(), 0)
		if err != nil {
			return ownPiles{}, err
		}
		views, err := s.DB.SavedViews(v.ctx(), v.staff.ID)
		if err != nil {
			return ownPiles{}, err
		}
		v.own = &ownPiles{Queues: queues}
		for _, one := range views {
			v.own.Views = append(v.own.Views, view{one})
		}
	}
	return *v.own, nil
}

// writeBody sends a page, compressed where the browser takes it. Pages hold no
// secret beside what the reader wrote, so compression gives nothing away.
func writeBody(v *visit, status int, body []byte) error {
	h := v.w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) < 1400 || !strings.Contains(v.r.Header.Get("Accept-Encoding"), "gzip") {
		v.w.WriteHeader(status)
		_, _ = v.w.Write(body) // the browser left: nothing to do about it
		return nil
	}
	h.Set("Content-Encoding", "gzip")
	v.w.WriteHeader(status)
	z, err := gzip.NewWriterLevel(v.w, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("compressing a page: %w", err)
	}
	_, _ = z.Write(body)
	_ = z.Close()
	return nil
}

func (s *Server) installationName() string {
	if len(s.Offices) == 1 {
		return s.Offices[0].Name
	}
	return "Interlibrary Loan"
}

// office returns the office of that code. One that is in the records only, and
// not in the configuration any more, is shown in UTC.
func (s *Server) office(code string) *Office {
	if o, ok := s.offices[code]; ok {
		return o
	}
	rules := notices.DefaultRules(time.UTC)
	return &Office{Office: &notices.Office{Code: code, Name: code, Rules: &rules, Templates: templates.Default}}
}

// flashes are the lines that follow an action, by the value of ?done=.
var flashes = map[string]string{
	"closed":      "Closed.",
	"reopened":    "Opened again.",
	"assigned":    "Assigned.",
	"snoozed":     "Snoozed. It comes back by itself.",
	"noted":       "Note added.",
	"draft":       "Draft saved.",
	"sentback":    "Sent back, with a note.",
	"claim":       "Recorded. Its notices go by it from now on.",
	"accept":      "Accepted. The request says so now.",
	"dismiss":     "Dismissed.",
	"renewal":     "Asked for. The ILL system hears of it, and notices wait for the answer.",
	"resolved":    "Done.",
	"approval":    "Sent to a colleague for approval.",
	"refiled":     "Filed on the other request.",
	"corrected":   "Corrected. The classifier learns from it.",
	"undone":      "Taken back: the reply was not sent. Its text is in your draft.",
	"toolate":     "Too late to take back: it has gone.",
	"retried":     "It is tried again, within minutes; what cannot be had or read stays here.",
	"bulk":        "Done.",
	"joined":      "Joined.",
	"handed":      "Handed over, with the reason as a note.",
	"split":       "Split off: this is the new conversation.",
	"back":        "Undone.",
	"approved":    "Approved: these notices go out now.",
	"held":        "Held back.",
	"released":    "Released.",
	"unheld":      "Released. It is decided anew at the next run.",
	"returns":     "Planned. The day’s overdue notices go out now.",
	"noreturns":   "Planned. No overdue notice goes out: what waits or is held says why.",
	"closedday":   "Closed. No notice goes that day.",
	"openday":     "Open again. Notices go that day.",
	"edited":      "Kept in your words. It goes once someone releases it.",
	"paused":      "Notices are paused. Nothing is sent until someone resumes them.",
	"resumed":     "Notices go out again.",
	"confirmed":   "Marked as sent.",
	"again":       "Queued to be sent again.",
	"cancel_task": "Kept as a task: cancel it in ILLiad and OCLC, then send the letter.",
	"cancelled":   "Cancelled: it will not be sent.",
	"saved":       "Saved.",
	"placed":      "Moved.",
	"view":        "The views beside the list are as you wanted.",
	"rules":       "Saved. The rules hold for the mail that comes from now on.",
	"queue":       "The queues are as you wanted.",
	"proposed":    "Kept as a draft. It goes out once a supervisor has approved it.",
	"inforce":     "Approved: letters go out in these words from now on.",
	"language":    "Approved: letters go out in this language, too.",
	"nolanguage":  "Stopped: letters go out in English in its place.",
	"password":    "Password changed. Sign in with the new one.",
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(true)
	return enc.Encode(v)
}
