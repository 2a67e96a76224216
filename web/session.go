package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"illmail/store"
)

// cookieName names the session cookie; with https it carries the prefix that
// makes browsers refuse it from anywhere but this host (RFC 6265bis).
func (s *Server) cookieName() string {
	if s.https() {
		return "__Host-illmail"
	}
	return "illmail"
}

func (s *Server) https() bool { return strings.HasPrefix(strings.ToLower(s.BaseURL), "https://") }

// signedIn finds out who is there; nobody is no error.
func (s *Server) signedIn(v *visit) error {
	c, err := v.r.Cookie(s.cookieName())
	if err != nil || c.Value == "" {
		return nil
	}
	staff, err := s.DB.SessionStaff(v.ctx(), c.Value, v.now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	v.staff = staff
	return nil
}

// toLogin sends to the sign-in page, which leads back afterwards.
func (s *Server) toLogin(v *visit) {
	to := "/login"
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" && v.r.URL.Path != "/events" {
		to += "?to=" + url.QueryEscape(v.r.URL.RequestURI())
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}

func (s *Server) loginPage(v *visit) error {
	if v.staff.ID != 0 {
		return v.redirect(localPath(v.r.FormValue("to")))
	}
	return s.showLogin(v, http.StatusOK, loginData{To: v.r.FormValue("to"), Username: v.r.FormValue("user")})
}

// loginData is what the sign-in page shows.
type loginData struct {
	To       string // where to lead afterwards
	Username string
	Hint     string
	Problem  string
	Provider *providerLink // nil: local accounts only
	Desk     []deskUser
	PIN      bool // of who is chosen, will do
}

// deskUser is someone who signed in lately in this browser.
type deskUser struct {
	store.DeskUser
	Href   string // to the page on which only the password is missing
	Chosen bool
}

func (s *Server) showLogin(v *visit, status int, d loginData) error {
	d.Hint, d.Provider = s.SignInHint, s.providerLink(d.To, d.Username)
	users, err := s.DB.DeskUsers(v.ctx(), s.desk(v), v.now)
	if err != nil {
		return err
	}
	for _, u := range users {
		href := "/login?" + url.Values{"user": {u.Username}, "to": {localPath(d.To)}}.Encode()
		if !u.HasPassword && d.Provider != nil {
			href = s.providerLink(d.To, u.Username).Href
		}
		d.PIN = d.PIN || u.PIN && u.Username == d.Username
		d.Desk = append(d.Desk, deskUser{u, href, u.Username == d.Username})
	}
	return s.render(v, status, "login", "", d)
}

func (s *Server) login(v *visit) error {
	username, to := v.r.PostFormValue("username"), v.r.PostFormValue("to")
	staff, err := s.DB.AuthenticatePIN(v.ctx(), s.desk(v), username, v.r.PostFormValue("password"), v.now)
	if err == nil {
		return s.enter(v, staff, to, false)
	}
	if !errors.Is(err, store.ErrBadLogin) {
		return err
	}
	staff, err = s.DB.Authenticate(v.ctx(), username, v.r.PostFormValue("password"), remoteHost(v.r), v.now)
	if errors.Is(err, store.ErrBadLogin) || errors.Is(err, store.ErrTooManyLogins) {
		status := http.StatusUnauthorized
		if errors.Is(err, store.ErrTooManyLogins) {
			status = http.StatusTooManyRequests
		}
		problem := err.Error()
		return s.showLogin(v, status, loginData{To: to, Username: username, Problem: strings.ToUpper(problem[:1]) + problem[1:] + "."})
	}
	if err != nil {
		return err
	}
	return s.enter(v, staff, to, true)
}

// enter signs someone in who has proved who they are; proved: by more than a PIN.
func (s *Server) enter(v *visit, staff store.Staff, to string, proved bool) error {
	if err := s.endSession(v); err != nil { // a shared desk: the one before is signed out
		return err
	}
	token, err := s.DB.StartSession(v.ctx(), staff.ID, v.now)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, s.cookie(token, 0))
	desk, err := s.DB.RememberAtDesk(v.ctx(), s.desk(v), staff.ID, proved, v.now)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, s.deskCookie(desk))
	return v.redirect(localPath(to))
}

// deskCookie lets the sign-in page offer who signed in lately in this browser.
func (s *Server) deskCookie(value string) *http.Cookie {
	c := s.cookie(value, int(store.DeskLife.Seconds()))
	c.Name += "-desk"
	return c
}

func (s *Server) desk(v *visit) string {
	c, err := v.r.Cookie(s.deskCookie("").Name)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Server) logout(v *visit) error { return s.leave(v, "") }

// switchUser signs out and leads back to the same page once a colleague has
// signed in. What was being written is a draft by then: see toDraft.
func (s *Server) switchUser(v *visit) error { return s.leave(v, v.r.PostFormValue("to")) }

// leave signs out, and leads to a page of ours after the next sign-in.
func (s *Server) leave(v *visit, to string) error {
	if err := s.endSession(v); err != nil {
		return err
	}
	http.SetCookie(v.w, s.cookie("", -1))
	v.w.Header().Set("Clear-Site-Data", `"cache"`)
	if to = localPath(to); to == "/" {
		return v.redirect("/login")
	}
	return v.redirect("/login?to=" + url.QueryEscape(to))
}

func (s *Server) endSession(v *visit) error {
	c, err := v.r.Cookie(s.cookieName())
	if err != nil {
		return nil
	}
	return s.DB.EndSession(v.ctx(), c.Value)
}

func (s *Server) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.https(), SameSite: http.SameSiteLaxMode}
}

// localPath lets a redirect lead to our own pages only.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return to
}

// remoteHost is the address that a sign-in comes from. Behind a proxy on this
// machine it is the last one that the proxy wrote into X-Forwarded-For.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		if f := r.Header.Values("X-Forwarded-For"); len(f) > 0 {
			list := strings.Split(f[len(f)-1], ",")
			return strings.TrimSpace(list[len(list)-1])
		}
	}
	return host
}
