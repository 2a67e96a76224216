package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"illmail/store"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "")
	for _, path := range []string{"/", "/conversations/1", "/offices/healey/transactions/412304", "/notices", "/outbox", "/templates", "/stats", "/settings", "/events"} {
		if a := b.get(path).status(303); !strings.HasPrefix(a.location, "/login") {
			t.Errorf("%s leads to %q", path, a.location)
		}
	}
	b.get("/login").status(200).has(`name="username"`, `name="password"`)
	b.post("/login", "username", "ana", "password", "wrong").status(401).has("The username or the password is wrong.")
	b.post("/login", "username", "nobody", "password", "wrong").status(401).has("The username or the password is wrong.")
	a := b.post("/login", "username", " ANA ", "password", samplePassword, "to", "/outbox").status(303)
	if a.location != "/outbox" {
		t.Errorf("after signing in one stands at %q", a.location)
	}
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	b.get("/").status(200).has("Ana Ruiz")
	b.post("/logout").status(303)
	b.get("/").status(303)
}

func TestLoginLeadsToOurPagesOnly(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", ""} {
		if a := s.signIn(t, "").post("/login", "username", "ana", "password", samplePassword, "to", to).status(303); a.location != "/" {
			t.Errorf("to %q leads to %q", to, a.location)
		}
	}
}

func TestLoginIsLimited(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "")
	for range 5 {
		b.post("/login", "username", "tom", "password", "guess").status(401)
	}
	b.post("/login", "username", "tom", "password", samplePassword).status(429).has("Too many wrong passwords")
	b.post("/login", "username", "ana", "password", samplePassword).status(303)
	s.now = s.now.Add(16 * time.Minute)
	b.post("/login", "username", "tom", "password", samplePassword).status(303)
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	s.now = s.now.Add(store.SessionLife - time.Minute)
	b.get("/").status(200) // use prolongs it
	s.now = s.now.Add(store.SessionLife - time.Minute)
	b.get("/").status(200)
	s.now = s.now.Add(store.SessionLife + time.Minute)
	b.get("/").status(303)

	b = s.signIn(t, "tom")
	if err := s.db.DisableStaff(t.Context(), "tom", s.now); err != nil {
		t.Fatal(err)
	}
	b.get("/").status(303)
	b.post("/login", "username", "tom", "password", samplePassword).status(401)
}

func TestCookieIsSecureUnderHTTPS(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.server.BaseURL = "https://ill.example.edu"
	a := s.signIn(t, "").post("/login", "username", "ana", "password", samplePassword).status(303)
	if c := a.header.Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-illmail=") || !strings.Contains(c, "Secure") {
		t.Errorf("the cookie is %q", c)
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "ana")
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.site.URL+"/notices/pause", strings.NewReader("office=healey&action=pause"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set(header[0], header[1])
		b.do(req).status(403)
	}
	if o, err := s.db.Office(t.Context(), "healey"); err != nil || o.NoticesPaused {
		t.Errorf("another site paused the notices: %v, %v", o.NoticesPaused, err)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "ana")
	for _, path := range []string{"/", "/login", "/nowhere", "/conversations/999999"} {
		h := b.get(path).header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("the policy of %s lacks %q: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("the policy of %s is unsafe: %s", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	b.get("/nowhere").status(404)
	b.get("/conversations/999999").status(404).has("Not found")
	b.get("/conversations/abc").status(404)
	b.get("/static/").status(404)
}
