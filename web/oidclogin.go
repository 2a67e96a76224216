package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"golang.org/x/oauth2"

	"illmail/store"
)

// providerLink is the provider as the sign-in page shows it.
type providerLink struct {
	Name string
	Href string
	Down bool // it could not be asked the last time
}

func (s *Server) providerLink(to, hint string) *providerLink {
	if s.Provider == nil {
		return nil
	}
	q := url.Values{}
	if to = localPath(to); to != "/" {
		q.Set("to", to)
	}
	if hint != "" {
		q.Set("user", hint)
	}
	href := "/login/oidc"
	if len(q) > 0 {
		href += "?" + q.Encode()
	}
	return &providerLink{Name: s.Provider.Name, Href: href, Down: s.Provider.Problem() != nil}
}

// signInCookie ties a sign-in that is under way to the browser that began it.
func (s *Server) signInCookie(value string, maxAge int) *http.Cookie {
	c := s.cookie(value, maxAge)
	c.Name += "-signin"
	return c
}

// beginSignIn leads to the provider. It is a link and no form: a policy for
// forms would have to name the provider's pages.
func (s *Server) beginSignIn(v *visit) error {
	if s.Provider == nil {
		return store.ErrNotFound
	}
	to := localPath(v.r.FormValue("to"))
	found, err := s.Provider.ready(v.ctx())
	if err != nil {
		return s.signInProblem(v, http.StatusServiceUnavailable, to, fmt.Sprintf("%s cannot be reached just now. Sign in with your password of this program, or try again in a minute.", s.Provider.Name))
	}
	here, err := s.DB.DeskUsers(v.ctx(), s.desk(v), v.now)
	if err != nil {
		return err
	}
	begun, err := s.DB.BeginStaffSignIn(v.ctx(), oauth2.GenerateVerifier(), to, remoteHost(v.r), v.now)
	if errors.Is(err, store.ErrTooManyLogins) {
		return s.signInProblem(v, http.StatusTooManyRequests, to, "Too many sign-ins were begun here; try again in fifteen minutes.")
	}
	if err != nil {
		return err
	}
	http.SetCookie(v.w, s.signInCookie(begun.Browser, 600))
	hint := v.r.FormValue("user")
	return v.redirect(s.Provider.authURL(found, begun, hint, hint != "" || len(here) > 1))
}

// oauthError is how RFC 6749 section 4.1.2.1 names errors.
var oauthError = regexp.MustCompile(`^[a-z_]{1,40}$`)

// endSignIn is where the provider leads back to, once for each sign-in.
func (s *Server) endSignIn(v *visit) error {
	if s.Provider == nil {
		return store.ErrNotFound
	}
	q, name := v.r.URL.Query(), s.Provider.Name
	browser, err := v.r.Cookie(s.signInCookie("", 0).Name)
	if err != nil {
		browser = &http.Cookie{}
	}
	http.SetCookie(v.w, s.signInCookie("", -1))
	begun, err := s.DB.TakeStaffSignIn(v.ctx(), q.Get("state"), browser.Value, v.now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.signInProblem(v, http.StatusUnauthorized, "", "This sign-in has run out, was used before or was begun elsewhere. Please begin again.")
	case err != nil:
		return err
	}
	if why := q.Get("error"); why != "" {
		if !oauthError.MatchString(why) {
			why = "without a reason"
		}
		return s.signInProblem(v, http.StatusUnauthorized, begun.To, fmt.Sprintf("%s did not sign you in (%s).", name, why))
	}
	if iss := q.Get("iss"); iss != "" && iss != s.Provider.Issuer { // RFC 9207 section 2.4
		return s.signInProblem(v, http.StatusUnauthorized, begun.To, "The answer comes from another provider. Please begin again.")
	}
	found, err := s.Provider.ready(v.ctx())
	if err != nil {
		return s.signInProblem(v, http.StatusServiceUnavailable, begun.To, name+" cannot be reached just now. Sign in with your password of this program, or try again in a minute.")
	}
	who, err := s.Provider.subject(v.ctx(), found, q.Get("code"), begun, v.now)
	if err != nil {
		s.Log.Warn("signing in by the provider", "error", withoutAnswer(err))
		return s.signInProblem(v, http.StatusBadGateway, begun.To, name+" did not confirm who you are. Please begin again; if it happens again, ask whoever looks after this program.")
	}
	if len(s.Provider.Roles) > 0 && who.Role == "" {
		return s.signInProblem(v, http.StatusForbidden, begun.To, name+" knows you, but you are in none of the groups that work here.")
	}
	staff, err := s.DB.SubjectStaff(v.ctx(), who)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.signInProblem(v, http.StatusForbidden, begun.To, fmt.Sprintf("%s knows you as %s, but no account here is yours. Ask an admin to add one of that name.", name, cmp.Or(who.Username, "somebody without a username")))
	case errors.Is(err, store.ErrBadLogin):
		return s.signInProblem(v, http.StatusForbidden, begun.To, "Your account here is closed. Ask an admin to open it again.")
	case errors.Is(err, store.ErrOtherSubject):
		return s.signInProblem(v, http.StatusForbidden, begun.To, fmt.Sprintf("The account %s is linked with another person of %s. If it is yours, ask an admin to unlink it.", who.Username, name))
	case err != nil:
		return err
	}
	return s.enter(v, staff, begun.To, true)
}

// withoutAnswer is an error without what the provider answered, which may hold
// more than a log should.
func withoutAnswer(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Sprintf("redeeming the code: %s", cmp.Or(refused.ErrorCode, refused.Response.Status))
	}
	return firstLine(err)
}

// signInProblem shows the sign-in page, on which the local form goes on working.
func (s *Server) signInProblem(v *visit, status int, to, problem string) error {
	return s.showLogin(v, status, loginData{To: to, Problem: problem})
}
