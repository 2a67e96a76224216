package web

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"illmail/store"
)

// idp is an OpenID provider on a loopback address, at which one person is
// signed in. A test may make it lie.
type idp struct {
	t    *testing.T
	site *httptest.Server
	key  *rsa.PrivateKey // of its tokens

	mu     sync.Mutex
	down   bool
	claims map[string]any    // of the ID token; nil leaves a claim out, what stands here goes before what is true
	signer *rsa.PrivateKey   // nil: key
	bare   bool              // its answer holds no ID token
	codes  map[string]string // code → the query with which it was asked for
}

const (
	idpClient = "illmail"
	idpSecret = "a secret of two"
)

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, key: key, claims: map[string]any{}, codes: map[string]string{}}
	described := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "one", Algorithm: "RS256"}}}
	mux := http.NewServeMux()
	mux.Handle("/", described)
	mux.HandleFunc("GET /auth", p.auth)
	mux.HandleFunc("POST /token", p.token)
	p.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			http.Error(w, "out for lunch", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.site.Close)
	described.SetIssuer(p.site.URL)
	return p
}

// auth signs the person in and leads back at once.
func (p *idp) auth(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != idpClient || q.Get("response_type") != "code" || !strings.Contains(q.Get("scope"), "openid") ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("nonce") == "" {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = r.URL.RawQuery
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, known := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	q, _ := url.ParseQuery(asked)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	id, secret, basic := r.BasicAuth()
	if secret, _ = url.QueryUnescape(secret); !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	w.Header().Set("Content-Type", "application/json")
	if !known || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") || q.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
		id != idpClient || secret != idpSecret {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "invalid_grant"}`)
		return
	}
	claims := map[string]any{"iss": p.site.URL, "aud": idpClient, "sub": "1234", "nonce": q.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"preferred_username": "tom", "name": "Tom W. Weber"}
	maps.Copy(claims, p.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	raw, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	signer := p.key
	if p.signer != nil {
		signer = p.signer
	}
	answer := map[string]any{"access_token": "none", "token_type": "Bearer"}
	if !p.bare {
		answer["id_token"] = oidctest.SignIDToken(signer, "one", "RS256", string(raw))
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		p.t.Error(err)
	}
}

// says makes the provider's next tokens hold these claims.
func (p *idp) says(pairs ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		p.claims[pairs[i].(string)] = pairs[i+1]
	}
}

func (p *idp) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// newSampleWith is a sample whose staff may sign in by a provider.
func newSampleWith(t *testing.T, change func(*Provider)) (*sample, *idp) {
	t.Helper()
	s, p := newSample(t), newIDP(t)
	s.server.Provider = &Provider{Name: "Example University", Issuer: p.site.URL, ClientID: idpClient, ClientSecret: idpSecret,
		RedirectURL: s.site.URL + CallbackPath, Scopes: []string{"profile"}, UsernameClaim: "preferred_username"}
	if change != nil {
		change(s.server.Provider)
	}
	return s, p
}

// elsewhere follows a sign-in through the provider and back, and returns what
// the last page says.
func (b *browser) elsewhere(path string) *answer {
	b.t.Helper()
	there := b.get(path).status(303)
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", there.location, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	back := b.do(req).status(302)
	return b.get(strings.TrimPrefix(back.location, b.site))
}

func TestSignInByProvider(t *testing.T) {
	t.Parallel()
	s, p := newSampleWith(t, nil)
	b := s.signIn(t, "")
	b.get("/login?to=%2Foutbox").status(200).has("Sign in with Example University", `href="/login/oidc?to=%2Foutbox"`, `name="password"`)
	a := b.elsewhere("/login/oidc?to=%2Foutbox").status(303)
	if a.location != "/outbox" {
		t.Errorf("it leads to %q", a.location)
	}
	b.get("/").status(200).has("Tom Weber").hasNot("Tom W. Weber")
	if c := a.header.Values("Set-Cookie"); !strings.Contains(strings.Join(c, "\n"), "illmail=") || !strings.Contains(strings.Join(c, "\n"), "illmail-signin=; Path=/; Max-Age=0") {
		t.Errorf("the cookies are %q", c)
	}

	// From now on the provider's own name for him counts, whatever he is called.
	p.says("preferred_username", "thomas")
	s.signIn(t, "").elsewhere("/login/oidc").status(303)
	// Another who is called as he was is not let in, nor is anybody without an account.
	p.says("sub", "5678")
	b = s.signIn(t, "")
	b.elsewhere("/login/oidc").status(403).has("The account tom is linked with another person of Example University")
	p.says("sub", "5678", "preferred_username", "eve")
	b.elsewhere("/login/oidc").status(403).has("knows you as eve, but no account here is yours", `name="password"`)
	b.get("/").status(303)
	if list, err := s.db.ListStaff(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("there are %d accounts, %v", len(list), err)
	}
	// An admin unlinks him; then the next of that name is he.
	ana := s.signIn(t, "ana")
	ana.get("/settings").status(200).has(`value="unlink"`, "oidc")
	ana.post("/settings/staff/tom", "action", "unlink").status(303)
	p.says("sub", "5678")
	b.elsewhere("/login/oidc").status(303)
	b.get("/").status(200).has("Tom Weber")

	// Whose account is closed stays out, and is out.
	if err := s.db.DisableStaff(t.Context(), "tom", s.now); err != nil {
		t.Fatal(err)
	}
	b.get("/").status(303)
	b.elsewhere("/login/oidc").status(403).has("Your account here is closed")
	// Local accounts go on working.
	s.signIn(t, "lin").get("/").status(200).has("Lin Chen")
}

// TestProviderMustProveWho: whatever is wrong with its answer, nobody is in.
func TestProviderMustProveWho(t *testing.T) {
	t.Parallel()
	s, p := newSampleWith(t, nil)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]func(){
		"another nonce":     func() { p.claims["nonce"] = "of another sign-in" },
		"no nonce":          func() { p.claims["nonce"] = nil },
		"another audience":  func() { p.claims["aud"] = "another program" },
		"for another":       func() { p.claims["aud"], p.claims["azp"] = []string{idpClient, "another program"}, "another program" },
		"another issuer":    func() { p.claims["iss"] = "https://evil.example" },
		"expired":           func() { p.claims["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no expiry":         func() { p.claims["exp"] = nil },
		"no subject":        func() { p.claims["sub"] = nil },
		"another signature": func() { p.signer = other },
		"no ID token":       func() { p.bare = true },
	} {
		p.set(func() { p.claims, p.signer, p.bare = map[string]any{}, nil, false; lie() })
		b := s.signIn(t, "")
		if a := b.elsewhere("/login/oidc"); a.code < 400 || !strings.Contains(a.body, `name="password"`) {
			t.Errorf("%s: it answers %d and leads to %q", name, a.code, a.location)
		}
		b.get("/").status(303)
	}
	p.set(func() { p.claims, p.signer, p.bare = map[string]any{}, nil, false })
	s.signIn(t, "").elsewhere("/login/oidc").status(303)
}

// TestSignInIsUsedOnce: only the browser that began it ends it, once and soon.
func TestSignInIsUsedOnce(t *testing.T) {
	t.Parallel()
	s, _ := newSampleWith(t, nil)
	victim, thief := s.signIn(t, ""), s.signIn(t, "")
	begin := func(b *browser) string { // the address at which the provider leads back
		there := b.get("/login/oidc").status(303).location
		req, err := http.NewRequestWithContext(t.Context(), "GET", there, nil)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(b.do(req).status(302).location, s.site.URL)
	}
	const gone = "This sign-in has run out, was used before or was begun elsewhere."
	back := begin(victim)
	thief.get(back).status(401).has(gone) // without the cookie it is nobody's, and stays the victim's
	thief.get("/login/oidc").status(303)
	thief.get(back).status(401).has(gone)
	victim.get(back).status(303)
	victim.get(back).status(401).has(gone)

	back = begin(victim)
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("state", "made-up")
	victim.get(CallbackPath + "?" + q.Encode()).status(401).has(gone)
	victim.get(CallbackPath).status(401).has(gone)

	// The provider's refusal, and an answer that another provider gives.
	for query, want := range map[string]string{"error=access_denied&error_description=said+by+a+stranger": "did not sign you in (access_denied)", "error=%3Cscript%3E": "did not sign you in (without a reason)",
		"iss=https%3A%2F%2Fevil.example&code=x": "comes from another provider", "code=made-up": "did not confirm who you are"} {
		back := begin(victim)
		state := stateOf(t, back)
		victim.get(CallbackPath+"?"+query+"&state="+state).has(want).hasNot("<script>", "stranger")
		victim.get(back).status(401).has(gone)
	}
	back = begin(victim)
	s.now = s.now.Add(11 * time.Minute)
	victim.get(back).status(401).has(gone)

	// It leads to pages of ours only.
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)"} {
		if a := s.signIn(t, "").elsewhere("/login/oidc?to=" + url.QueryEscape(to)).status(303); a.location != "/" {
			t.Errorf("to %q leads to %q", to, a.location)
		}
	}
	// And it is not begun without end.
	for range 70 {
		if thief.get("/login/oidc").code == 429 {
			return
		}
	}
	t.Error("any number of sign-ins can be begun")
}

func stateOf(t *testing.T, back string) string {
	t.Helper()
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

// TestProviderIsDown: the page says so, and the local form works.
func TestProviderIsDown(t *testing.T) {
	t.Parallel()
	s, p := newSampleWith(t, nil)
	p.set(func() { p.down = true })
	b := s.signIn(t, "")
	b.get("/login/oidc").status(503).has("Example University cannot be reached just now.", `name="password"`)
	b.get("/login").status(200).has("could not be reached a moment ago")
	s.signIn(t, "ana").get("/settings").status(200).has("Nobody can sign in with Example University")
	p.set(func() { p.down = false })
	if _, err := s.server.Provider.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.get("/login").status(200).hasNot("could not be reached")
	b.elsewhere("/login/oidc").status(303)
}

func TestProviderSaysWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	for issuer, want := range map[string]string{
		p.site.URL + "/":      "it calls itself",
		p.site.URL + "/realm": "there is no description under",
		"http://127.0.0.1:1":  "its description cannot be read",
	} {
		if _, err := (&Provider{Issuer: issuer}).Discover(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of %s is said %v, want %s", issuer, err, want)
		}
	}
	if _, err := (&Provider{Issuer: p.site.URL}).Discover(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProviderGivesRoles: who has a group comes in, and with its role.
func TestProviderGivesRoles(t *testing.T) {
	t.Parallel()
	s, p := newSampleWith(t, func(p *Provider) {
		p.RolesClaim, p.Roles = "realm_access.roles", map[string]store.Role{"ill-desk": store.RoleStudent, "ill-head": store.RoleSupervisor}
		p.UsernameClaim, p.UsernameDomain = "upn", "example.edu"
	})
	b := s.signIn(t, "")
	groups := func(names ...string) map[string]any { return map[string]any{"roles": names} }
	p.says("upn", "kim@example.edu", "name", "Kim Park", "email", "kim@example.edu", "realm_access", groups("reader"))
	b.elsewhere("/login/oidc").status(403).has("none of the groups")
	p.says("upn", "kim@evil.example", "realm_access", groups("ill-desk"))
	b.elsewhere("/login/oidc").status(403).has("no account here is yours")
	p.says("upn", "Kim@Example.edu", "name", "Kim Park", "email", "kim@example.edu", "realm_access", groups("reader", "ill-desk"))
	b.elsewhere("/login/oidc").status(303)
	b.get("/").status(200).has("Kim Park", "<small>student</small>")
	p.says("upn", "kim@example.edu", "realm_access", groups("ill-desk", "ill-head"))
	s.signIn(t, "").elsewhere("/login/oidc").status(303)
	b.get("/").status(303) // the role changed: what was signed in before is out
	b.elsewhere("/login/oidc").status(303)
	b.get("/").status(200).has("<small>supervisor</small>")
	staff, err := s.db.StaffByUsername(t.Context(), "kim")
	if err != nil || staff.Email != "" {
		t.Errorf("an address that nobody verified is kept: %+v, %v", staff, err)
	}
}

// TestProviderByAddress: an address counts only where the provider verified it.
func TestProviderByAddress(t *testing.T) {
	t.Parallel()
	s, p := newSampleWith(t, func(p *Provider) { p.UsernameClaim = "email" })
	b := s.signIn(t, "")
	p.says("email", "ana@example.edu")
	b.elsewhere("/login/oidc").status(403)
	p.says("email", "ana@example.edu", "email_verified", false)
	b.elsewhere("/login/oidc").status(403)
	p.says("email", "Ana@example.edu", "email_verified", true)
	b.elsewhere("/login/oidc").status(303)
	b.get("/").status(200).has("Ana Ruiz")
}

// TestProviderAsksAfreshOnASharedDesk: nobody goes on as the one before them.
func TestProviderAsksAfreshOnASharedDesk(t *testing.T) {
	t.Parallel()
	s, _ := newSampleWith(t, nil)
	b := s.signIn(t, "")
	asks := func(path, name string) string {
		t.Helper()
		u, err := url.Parse(b.get(path).status(303).location)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get(name)
	}
	if got := asks("/login/oidc", "prompt"); got != "" {
		t.Errorf("the first one is asked %q", got)
	}
	b.elsewhere("/login/oidc").status(303)
	if got := asks("/login/oidc", "prompt"); got != "" {
		t.Errorf("the only one is asked %q", got)
	}
	b.post("/switch").status(303)
	b.get("/login").status(200).has(`href="/login?to=%2F&amp;user=tom"`) // he has a password, too
	b.post("/login", "username", "ana", "password", samplePassword).status(303)
	b.post("/switch").status(303)
	if got := asks("/login/oidc", "prompt"); got != "login" {
		t.Errorf("one of several is asked %q", got)
	}
	if got := asks("/login/oidc?user=tom", "login_hint"); got != "tom" {
		t.Errorf("who is expected is %q", got)
	}
	// Who has no password is sent to the provider at once.
	kim, err := s.db.AddStaff(t.Context(), store.Staff{Username: "kim", FullName: "Kim Park", Role: store.RoleStaff}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.RememberAtDesk(t.Context(), deskOf(b), kim.ID, true, s.now); err != nil {
		t.Fatal(err)
	}
	b.get("/login").status(200).has(`href="/login/oidc?user=kim"`)
}

// deskOf is by what the browser is known.
func deskOf(b *browser) string {
	u, _ := url.Parse(b.site)
	for _, c := range b.client.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "-desk") {
			return c.Value
		}
	}
	return ""
}

func TestSignInByProviderInTheBrowser(t *testing.T) {
	t.Parallel()
	s, _ := newSampleWith(t, nil)
	c := openChrome(t)
	c.do(chromedp.Navigate(s.site.URL + conv(s.talks["renewal"])))
	c.until(settled + `location.pathname === "/login"`)
	c.do(chromedp.Click(chromedp.CSS(".elsewhere a")))
	c.until(settled + fmt.Sprintf(`location.pathname === %q && document.body.textContent.includes("Tom Weber")`, conv(s.talks["renewal"])))
}
