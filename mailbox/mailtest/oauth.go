package mailtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// OAuth is a provider of tokens: its token endpoint, its sign-in by device code
// (RFC 8628) and, for Dovecot, its introspection (RFC 7662). A refresh token is
// good once: each use replaces it, and a second use voids them all.
type OAuth struct {
	URL      string // of the server: /token, /device and /introspect stand below it
	Username string // whose mailbox its tokens open

	server *httptest.Server

	mu          sync.Mutex
	polls       int
	used        int
	refresh     string
	access      map[string]bool
	lifetime    int // seconds of a refresh token, 0: it says nothing
	permissions []string
}

// StartOAuth starts a provider that ends with the test.
func StartOAuth(t TB, username string) *OAuth {
	o := &OAuth{Username: username, access: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /device", o.device)
	mux.HandleFunc("POST /token", o.token)
	mux.HandleFunc("POST /introspect", o.introspect)
	o.server = httptest.NewServer(mux)
	o.URL = o.server.URL
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		o.server.Close()
	})
	return o
}

// SetLifetime makes the provider say that refresh tokens from now on end after
// so many seconds.
func (o *OAuth) SetLifetime(seconds int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lifetime = seconds
}

// SetPermissions makes access tokens from now on carry these roles, as
// Microsoft's do.
func (o *OAuth) SetPermissions(roles ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.permissions = roles
}

// Revoke voids what was given out.
func (o *OAuth) Revoke() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refresh = ""
	clear(o.access)
}

// RefreshToken is the one refresh token that is good now, and how often one was
// replaced.
func (o *OAuth) RefreshToken() (token string, used int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.refresh, o.used
}

func (o *OAuth) device(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.polls = 0
	answer(w, http.StatusOK, map[string]any{"device_code": "D", "user_code": "ABCD-EFGH", "verification_uri": o.URL + "/sign-in", "expires_in": 600, "interval": 1})
}

func (o *OAuth) token(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case r.FormValue("grant_type") == "client_credentials":
	case r.FormValue("device_code") == "D":
		if o.polls++; o.polls == 1 { // the person is still typing
			answer(w, http.StatusBadRequest, map[string]any{"error": "authorization_pending"})
			return
		}
		o.refresh = "refresh-token-0"
	case r.FormValue("grant_type") == "refresh_token" && o.refresh != "" && r.FormValue("refresh_token") == o.refresh:
		o.used++
		o.refresh = fmt.Sprintf("refresh-token-%d", o.used)
	default:
		o.refresh = ""
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant",
			"error_description": "AADSTS700082: The refresh token has expired due to inactivity."})
		return
	}
	token := fmt.Sprintf("access-token-%d", len(o.access))
	if o.permissions != nil {
		claims, _ := json.Marshal(map[string]any{"roles": o.permissions, "jti": token}) // plain strings
		token = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + ".x"
	}
	o.access[token] = true
	out := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600}
	if o.refresh != "" {
		out["refresh_token"] = o.refresh
	}
	if o.lifetime > 0 {
		out["refresh_token_expires_in"] = o.lifetime
	}
	answer(w, http.StatusOK, out)
}

func (o *OAuth) introspect(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.access[r.FormValue("token")] {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	answer(w, http.StatusOK, map[string]any{"active": true, "username": o.Username})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
