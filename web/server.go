package web

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"illmail/notices"
	"illmail/store"
	"illmail/triage"
)

//go:embed static
var staticFiles embed.FS

// Config is what the pages need of the rest of the program.
type Config struct {
	DB      *store.DB
	Log     *slog.Logger
	Offices []Office
	Desk    *triage.Desk
	Planner *notices.Planner
	// BaseURL is how staff reach the pages; where it begins with https the
	// session cookie is Secure. Empty: plain HTTP on a loopback address.
	BaseURL string
	// Provider is where staff may sign in besides; nil: local accounts only.
	Provider *Provider
	// Metrics serves GET /metrics; nil: not served.
	Metrics http.Handler
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Settings is the effective configuration without secrets, shown to supervisors.
	Settings []SettingsGroup
	Version  string

	Banner     string // a line above every page; "" for none
	SignInHint string // a line on the sign-in page; "" for none
	Extra      []Page // further pages with a link each in the navigation
}

// Office is an office as its notices know it, and where its requests are found.
type Office struct {
	*notices.Office
	// Letters are what Templates returns the set of.
	Letters *notices.Letters
	// RequestURL leads to a request in the ILL system; "{tn}" stands for its
	// number. Empty: no link.
	RequestURL string
	// Alternatives finds what a patron may use in place of a request: the call
	// number of the library's own copy, and a link to an open one; "" for
	// nothing. It never fails and is quick. nil: nothing is looked for.
	Alternatives func(ctx context.Context, t store.Transaction) (callNumber, link string)
	// Push lets another system send the office's requests; nil: it may not.
	Push *Push
}

// Page is a further page for signed-in staff. Body gives what stands under
// its title; where it is nil, Handler serves the whole answer.
type Page struct {
	Path    string // "/sent-mail"; a trailing slash takes everything under it
	Title   string // link in the navigation; "" for none
	Body    func(r *http.Request) (template.HTML, error)
	Handler http.Handler
}

// Part is how one part of the program is, in words.
type Part struct {
	Office string    `json:"office,omitempty"` // code; "" = of the whole installation
	Name   string    `json:"name"`             // "imap:INBOX", "smtp", "database", …
	OK     bool      `json:"ok"`
	Detail string    `json:"detail,omitempty"` // what is wrong and what to do
	Since  time.Time `json:"since,omitzero"`
}

// SettingsGroup is what is set about one thing, in words.
type SettingsGroup struct {
	Office string // name; "" where there is one office only, or for the whole installation
	Title  string
	Rows   []Setting
}

// Setting is one thing that is set.
type Setting struct{ Name, Value string }

// Server answers the requests of the pages.
type Server struct {
	Config
	handler http.Handler
	pages   map[string]*template.Template
	offices map[string]*Office // by code
	live    *hub
	pushes  limits
}

// New returns the pages, ready to be served. Run must run beside it for live changes.
func New(cfg Config) (*Server, error) {
	if cfg.DB == nil || cfg.Log == nil || cfg.Desk == nil || cfg.Planner == nil {
		return nil, errors.New("the pages need a database, a logger, a desk and a planner")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{Config: cfg, offices: make(map[string]*Office), live: newHub()}
	for i := range s.Offices {
		o := &s.Offices[i]
		if o.Office == nil || o.Rules == nil || o.Rules.Location == nil || o.Templates == nil || o.Letters == nil {
			return nil, fmt.Errorf("office %d of the pages lacks its rules or its letters", i+1)
		}
		s.offices[o.Code] = o
	}
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(rt.pattern, s.serve(rt))
	}
	mux.HandleFunc("POST /api/v1/transactions", s.push)
	static, err := fs.Sub(staticFiles, "static")
	if err != nil {
		return nil, fmt.Errorf("opening the static files: %w", err)
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", staticHandler(static)))
	if cfg.Metrics != nil {
		mux.Handle("GET /metrics", cfg.Metrics)
	}
	s.handler = s.logged(secured(http.NewCrossOriginProtection().Handler(mux)))
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// route is one line of the table: who may call what. The least role "" is
// anybody, signed in or not.
type route struct {
	pattern string
	least   store.Role
	do      func(*visit) error
}

func (s *Server) routes() []route {
	const (
		anybody    = store.Role("")
		student    = store.RoleStudent
		staff      = store.RoleStaff
		supervisor = store.RoleSupervisor
		admin      = store.RoleAdmin
	)
	list := []route{
		{"GET /login", anybody, s.loginPage},
		{"POST /login", anybody, s.login},
		{"GET /login/oidc", anybody, s.beginSignIn},
		{"GET " + CallbackPath, anybody, s.endSignIn},
		{"POST /logout", anybody, s.logout},
		{"POST /switch", anybody, s.switchUser},
		{"GET /healthz", anybody, s.healthz},

		{"GET /{$}", student, s.list},
		{"POST /bulk", staff, s.bulk},
		{"POST /views", student, s.saveView},
		{"POST /views/{id}", student, s.changeView},
		{"GET /events", student, s.events},
		{"GET /conversations/{id}", student, s.conversation},
		{"POST /conversations/{id}/reply", student, s.reply},
		{"POST /conversations/{id}/draft", student, s.saveDraft},
		{"GET /cancel", staff, s.cancelForm},
		{"POST /cancel", staff, s.cancel},
		{"GET /write", student, s.writePage},
		{"POST /write", student, s.write},
		{"POST /conversations/{id}/sendback", staff, s.sendBack},
		{"POST /conversations/{id}/claim", staff, s.claim},
		{"POST /conversations/{id}/renewal", staff, s.askRenewal},
		{"POST /conversations/{id}/proposal", staff, s.decideProposal},
		{"POST /conversations/{id}/electronic", staff, s.allowElectronic},
		{"POST /conversations/{id}/note", student, s.note},
		{"POST /conversations/{id}/assign", student, s.assign},
		{"POST /conversations/{id}/handover", student, s.handOver},
		{"POST /conversations/{id}/place", student, s.place},
		{"POST /conversations/{id}/state", student, s.changeState},
		{"POST /conversations/{id}/match", student, s.changeMatch},
		{"POST /conversations/{id}/split", student, s.split},
		{"POST /conversations/{id}/join", student, s.join},
		{"POST /undo", student, s.takeBack},
		{"POST /conversations/{id}/intent", student, s.correctIntent},
		{"POST /conversations/{id}/undo/{mail}", student, s.undo},
		{"GET /files/{id}", student, s.file},
		{"GET /messages/{id}", student, s.message},
		{"POST /messages/{id}/retry", staff, s.retryMessage},
		{"GET /messages/{id}/html", student, s.messageHTML},
		{"GET /messages/{id}/raw", staff, s.messageRaw},
		{"GET /messages/{id}/parts/{path}", student, s.attachment},
		{"GET /offices/{code}/transactions/{tn}", student, s.request},
		{"POST /offices/{code}/transactions/{tn}/reachable", staff, s.reachable},

		{"GET /notices", student, s.noticesPage},
		{"GET /notices/rules", student, s.noticeRules},
		{"POST /notices/release", staff, s.noticesRelease},
		{"POST /notices/pause", staff, s.noticesPause},
		{"POST /notices/hold", staff, s.noticeHold},
		{"POST /notices/unhold", staff, s.noticeUnhold},
		{"POST /notices/returns", staff, s.noticesReturns},
		{"POST /notices/closed", staff, s.noticesClosed},
		{"POST /notices/sending", supervisor, s.confirmSending},
		{"POST /notices/shrink", supervisor, s.confirmShrink},
		{"GET /outbox", student, s.outboxPage},
		{"GET /outbox/{id}", student, s.outboxMail},
		{"GET /outbox/{id}/html", student, s.outboxHTML},
		{"POST /outbox/{id}/edit", staff, s.editNotice},
		{"POST /outbox/{id}/{action}", staff, s.outboxAction},

		{"GET /writebacks", student, s.writeBacksPage},
		{"POST /writebacks/{id}/{action}", staff, s.resolveWriteBack},

		{"GET /templates", student, s.templatesPage},
		{"GET /templates/{office}/{name}/{language}", student, s.templatePage},
		{"POST /templates/{office}/languages", supervisor, s.changeLanguage},
		{"GET /templates/{office}/new", student, s.newTemplate},
		{"POST /templates/{office}/{name}/{language}", student, s.tryTemplate},
		{"POST /templates/{office}/{name}/{language}/propose", student, s.proposeTemplate},
		{"POST /templates/{office}/{name}/{language}/publish", supervisor, s.publishTemplate},
		{"POST /templates/{office}/{name}/{language}/approve", supervisor, s.approveTemplate},
		{"POST /templates/{office}/{name}/{language}/restore", supervisor, s.restoreTemplate},
		{"GET /templates/{office}/{name}/{language}/html", student, s.templateHTML},
		{"POST /templates/{office}/{name}/{language}/html", student, s.templateHTML},
		{"GET /routing", supervisor, s.routing},
		{"GET /routing/{office}", supervisor, s.routing},
		{"GET /routing/{office}/{id}", supervisor, s.editRule},
		{"POST /routing/{office}/{id}", supervisor, s.tryRule},
		{"POST /routing/{office}/{id}/save", supervisor, s.saveRule},
		{"POST /routing/{office}/{id}/change", supervisor, s.changeRule},
		{"POST /routing/{office}/queues", supervisor, s.addQueue},
		{"POST /routing/{office}/queues/{id}/change", supervisor, s.changeQueue},
		{"GET /stats", student, s.stats},
		{"GET /away", student, s.away},
		{"POST /away", student, s.enterAway},
		{"POST /away/{id}/end", student, s.endAway},
		{"GET /settings", student, s.settings},
		{"POST /settings/password", student, s.changePassword},
		{"POST /settings/pin", student, s.changePIN},
		{"POST /settings/staff", admin, s.addStaff},
		{"POST /settings/staff/{username}", admin, s.changeStaff},
	}
	for _, p := range s.Extra {
		list = append(list, route{p.Path, student, s.extra(p)})
	}
	return list
}

// visit is one request of one signed-in person.
type visit struct {
	w     http.ResponseWriter
	r     *http.Request
	staff store.Staff // the zero Staff where nobody is signed in
	now   time.Time
	live  int64 // the version of what the page shows, taken before anything was read

	counted *store.TabCounts // see Server.counts
	hands   *store.Hands     // see Server.hands
	own     *ownPiles        // see Server.ownPiles
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// redirect answers 303: the page is fetched by GET, so that reloading it repeats nothing.
func (v *visit) redirect(to string) error {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// refusal is an answer that is no fault of ours, in words for the one who asks.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func conflict(text string) error { return &refusal{http.StatusConflict, text} }

func forbidden(text string) error { return &refusal{http.StatusForbidden, text} }

// serve checks who is there, runs the handler and turns its error into a page.
func (s *Server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r, now: s.Now(), live: s.live.now()}
		if err := s.signedIn(v); err != nil {
			s.fail(v, err)
			return
		}
		if rt.least != "" && v.staff.ID == 0 {
			s.toLogin(v)
			return
		}
		if rt.least != "" && !v.staff.Role.AtLeast(rt.least) {
			s.fail(v, forbidden(fmt.Sprintf("This needs the role %s; you are signed in as %s.", rt.least, v.staff.Role)))
			return
		}
		if r.Method == http.MethodPost {
			most := int64(maxForm)
			if takesFiles[rt.pattern] {
				most = maxUpload
			}
			r.Body = http.MaxBytesReader(w, r.Body, most)
		}
		if err := rt.do(v); err != nil {
			s.fail(v, err)
		}
	})
}

// maxForm bounds what one POST may carry, the text of a reply or a template.
const maxForm = 1 << 20

// takesFiles are the forms that may carry files.
var takesFiles = map[string]bool{"POST /conversations/{id}/reply": true, "POST /write": true}

// fail answers with the page of an error. Only what is our own fault is logged.
func (s *Server) fail(v *visit, err error) {
	status, text := http.StatusInternalServerError, "Something went wrong here. It was written to the log; try again in a moment."
	var ref *refusal
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &ref):
		status, text = ref.status, ref.text
	case errors.Is(err, store.ErrNotFound):
		status, text = http.StatusNotFound, "There is nothing under this address. It may have been merged, or never have existed."
	case errors.Is(err, store.ErrConflict):
		status, text = http.StatusConflict, "This changed while you were looking at it, so nothing was done. Look at it again first."
	case errors.As(err, &tooBig):
		status, text = http.StatusRequestEntityTooLarge, "That is too big."
	case v.r.Context().Err() != nil:
		return // the browser left
	default:
		s.Log.Error("answering a request", "path", v.r.Pattern, "error", err)
	}
	s.render(v, status, "error", "", map[string]any{"Status": status, "Text": text, "Back": v.r.Header.Get("Referer")})
}

// secured sets the headers that every answer carries; a handler may replace
// the policy by a narrower one of its own.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store") // pages hold patrons' mail: shared desks must not keep them
		next.ServeHTTP(w, r)
	})
}

// logged writes one line a request: never a body, a query or an address.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		level := slog.LevelDebug
		if r.Method != http.MethodGet || rec.status >= 400 {
			level = slog.LevelInfo
		}
		s.Log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", cmp.Or(rec.status, 200),
			"took", time.Since(start).Round(time.Microsecond))
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find Flush.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// staticHandler serves our own files; their names carry no version, so that
// browsers ask again each time.
func staticHandler(files fs.FS) http.Handler {
	next := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") || r.URL.Path == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

// extra serves a page that the program added.
func (s *Server) extra(p Page) func(*visit) error {
	return func(v *visit) error {
		if p.Body == nil {
			p.Handler.ServeHTTP(v.w, v.r)
			return nil
		}
		body, err := p.Body(v.r)
		if err != nil {
			return err
		}
		return s.render(v, http.StatusOK, "extra", p.Path, map[string]any{"Title": p.Title, "Body": body})
	}
}

// healthz answers 200 when the database does, 503 otherwise, with the parts as
// JSON: anybody may read it.
func (s *Server) healthz(v *visit) error {
	parts := s.parts(v.ctx())
	for i := range parts {
		// What servers and files say may name a patron; our own words do not.
		if own := []string{"database", "sign-in", "client-secret"}; !slices.Contains(own, parts[i].Name) {
			parts[i].Detail = ""
		}
	}
	status := http.StatusOK
	for _, p := range parts {
		if p.Name == "database" && !p.OK {
			status = http.StatusServiceUnavailable
		}
	}
	var b bytes.Buffer
	if err := writeJSON(&b, map[string]any{"ok": status == http.StatusOK, "parts": parts}); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(status)
	_, err := v.w.Write(b.Bytes())
	return err
}
