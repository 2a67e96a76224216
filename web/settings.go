package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"illmail/store"
)

// parts is how everything is: the database and the offices' parts.
func (s *Server) parts(ctx context.Context) []Part {
	var list []Part
	if err := s.DB.Ping(ctx); err != nil {
		list = append(list, Part{Name: "database", Detail: "It does not answer; see that Postgres runs and can be reached."})
	} else {
		list = append(list, Part{Name: "database", OK: true})
		rows, err := s.DB.Health(ctx, 0)
		if err != nil {
			list = append(list, Part{Name: "health", Detail: "How the parts are could not be read."})
		}
		for _, h := range rows {
			list = append(list, Part{Office: s.codeOf(h.OfficeID), Name: h.Part, OK: h.OK, Detail: h.Detail, Since: h.Since})
		}
	}
	if s.Provider != nil {
		part := Part{Name: "oidc", OK: true}
		if err := s.Provider.Problem(); err != nil {
			part.OK, part.Detail = false, "Nobody can sign in with "+s.Provider.Name+": "+err.Error()+". Local accounts work."
		}
		list = append(list, part)
	}
	return list
}

// partWords say what a part of the installation is for.
var partWords = map[string]string{
	"database": "Database", "health": "Checks", "smtp": "Sending mail", "sent": "Sent folder", "sent-proof": "Proof that the server files sent mail",
	"source": "Requests from the ILL system", "illiad": "ILLiad", "illiad clock": "ILLiad’s clock", "illiad statuses": "Statuses in ILLiad", "reading requests": "Reading of requests", "statuses": "Statuses of requests",
	"sign-in": "Sign-in of the mailbox", "client-secret": "Client secret of the mailbox", "notices": "Planning of notices",
}

func partName(part string) string {
	if folder, ok := strings.CutPrefix(part, "imap:"); ok {
		return "Incoming mail (" + folder + ")"
	}
	return wordOr(partWords, part, "")
}

type settingsPage struct {
	Parts    []Part
	Offices  []store.Office
	Unknown  []unknownStatuses
	Settings []SettingsGroup // none for those who may not see them
	Staff    []store.Staff   // for admins only
	Roles    []store.Role
	Provider string         // by which staff sign in besides; "" for none
	Linked   map[int64]bool // the accounts that did
	Clock    clock
}

// unknownStatuses are the statuses of an office's requests that have no meaning
// in the configuration. They are shown with the lines that give them one, and
// never guessed.
type unknownStatuses struct {
	Office string
	List   []store.StatusCount
}

// Lines are what the configuration needs; the meanings are left to people.
func (u unknownStatuses) Lines() string {
	var b strings.Builder
	b.WriteString("[office.states]\n")
	for _, s := range u.List {
		fmt.Fprintf(&b, "%s = \"\"\n", tomlString(s.Status))
	}
	return b.String()
}

// tomlString writes a basic string (TOML 1.0, String).
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7F:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (s *Server) unknownStatuses(ctx context.Context, offices []store.Office) (list []unknownStatuses, err error) {
	for _, o := range offices {
		u := unknownStatuses{Office: o.Code}
		if u.List, err = s.DB.UnknownStatuses(ctx, o.ID); err != nil {
			return nil, err
		}
		if len(u.List) > 0 {
			list = append(list, u)
		}
	}
	return list, nil
}

// settings shows how each part is and what to do, and the accounts.
func (s *Server) settings(v *visit) error {
	p := settingsPage{Parts: s.parts(v.ctx()), Roles: []store.Role{store.RoleStudent, store.RoleStaff, store.RoleSupervisor, store.RoleAdmin}}
	var err error
	if p.Offices, err = s.DB.Offices(v.ctx()); err != nil {
		return err
	}
	if p.Unknown, err = s.unknownStatuses(v.ctx(), p.Offices); err != nil {
		return err
	}
	code := ""
	if len(s.Offices) > 0 {
		code = s.Offices[0].Code
	}
	p.Clock = s.clock(v, code)
	if v.staff.Role.AtLeast(store.RoleSupervisor) {
		p.Settings = s.Config.Settings
	}
	if v.staff.Role.AtLeast(store.RoleAdmin) {
		if p.Staff, err = s.DB.ListStaff(v.ctx()); err != nil {
			return err
		}
		if err := s.readLinked(v, &p); err != nil {
			return err
		}
	}
	return s.render(v, http.StatusOK, "settings", "/settings", p)
}

// readLinked reads which accounts are linked with a person of the provider.
func (s *Server) readLinked(v *visit, p *settingsPage) error {
	if s.Provider == nil {
		return nil
	}
	ids, err := s.DB.LinkedStaff(v.ctx(), s.Provider.Issuer)
	p.Provider, p.Linked = s.Provider.Name, map[int64]bool{}
	for _, id := range ids {
		p.Linked[id] = true
	}
	return err
}

// changePassword lets everyone change their own; every session of theirs ends.
func (s *Server) changePassword(v *visit) error {
	fresh := v.r.PostFormValue("new")
	if len([]rune(fresh)) < 8 {
		return badRequest("A password has at least eight characters.")
	}
	_, err := s.DB.Authenticate(v.ctx(), v.staff.Username, v.r.PostFormValue("old"), remoteHost(v.r), v.now)
	switch {
	case errors.Is(err, store.ErrBadLogin):
		return badRequest("The old password is wrong.")
	case errors.Is(err, store.ErrTooManyLogins):
		return &refusal{http.StatusTooManyRequests, "Too many wrong passwords; try again in fifteen minutes."}
	case err != nil:
		return err
	}
	if err := s.DB.SetPassword(v.ctx(), v.staff.Username, fresh); err != nil {
		return err
	}
	return v.redirect("/login?done=password")
}

// changePIN sets the PIN with which one comes back to a shared desk, or takes it off.
func (s *Server) changePIN(v *visit) error {
	_, err := s.DB.Authenticate(v.ctx(), v.staff.Username, v.r.PostFormValue("password"), remoteHost(v.r), v.now)
	switch {
	case errors.Is(err, store.ErrBadLogin):
		return badRequest("The password is wrong.")
	case errors.Is(err, store.ErrTooManyLogins):
		return &refusal{http.StatusTooManyRequests, "Too many wrong passwords; try again in fifteen minutes."}
	case err != nil:
		return err
	}
	err = s.DB.SetPIN(v.ctx(), v.staff.ID, strings.TrimSpace(v.r.PostFormValue("pin")))
	if errors.Is(err, store.ErrBadPIN) {
		return badRequest("A PIN has four to six digits.")
	}
	if err != nil {
		return err
	}
	return v.redirect("/settings?done=saved")
}

func (s *Server) addStaff(v *visit) error {
	password := v.r.PostFormValue("password")
	if n := len([]rune(password)); n < 8 && (n > 0 || s.Provider == nil) { // by the provider one comes in without
		return badRequest("A password has at least eight characters.")
	}
	_, err := s.DB.AddStaff(v.ctx(), store.Staff{Username: v.r.PostFormValue("username"), FullName: strings.TrimSpace(v.r.PostFormValue("full_name")),
		Email: strings.TrimSpace(v.r.PostFormValue("email")), Role: store.Role(v.r.PostFormValue("role"))}, password)
	switch {
	case errors.Is(err, store.ErrExists):
		return conflict("There is an account of that name already.")
	case errors.Is(err, store.ErrBadAccount):
		return badRequest("%s.", err)
	case err != nil:
		return err
	}
	return v.redirect("/settings?done=saved#staff")
}

// changeStaff disables or opens an account, changes its role or its password.
func (s *Server) changeStaff(v *visit) error {
	username := v.r.PathValue("username")
	if username == v.staff.Username {
		return badRequest("You cannot change your own account here: another admin must, so that nobody locks themselves out.")
	}
	var err error
	switch action := v.r.PostFormValue("action"); action {
	case "disable":
		err = s.DB.DisableStaff(v.ctx(), username, v.now)
	case "unlink":
		err = s.DB.UnlinkStaff(v.ctx(), username)
	case "enable":
		err = s.DB.EnableStaff(v.ctx(), username)
	case "role":
		if role := store.Role(v.r.PostFormValue("role")); role.Valid() {
			err = s.DB.SetRole(v.ctx(), username, role)
		} else {
			err = badRequest("There is no role %q.", role)
		}
	case "password":
		if fresh := v.r.PostFormValue("new"); len([]rune(fresh)) < 8 {
			err = badRequest("A password has at least eight characters.")
		} else {
			err = s.DB.SetPassword(v.ctx(), username, fresh)
		}
	default:
		err = badRequest("There is no action %q.", action)
	}
	if err != nil {
		return err
	}
	return v.redirect("/settings?done=saved#staff")
}
