package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"illmail/store"
)

// Provider is where staff sign in with their own account of the university
// (OpenID Connect Core 1.0, authorization code flow with PKCE, RFC 7636).
type Provider struct {
	Name         string // on the button: "Sign in with NAME"
	Issuer       string // as the provider writes it itself
	ClientID     string
	ClientSecret string
	RedirectURL  string   // of [CallbackPath], as registered with the provider
	Scopes       []string // besides openid
	Prompt       string   // login or select_account: on shared desks; "" leaves it to the provider
	// UsernameClaim names the account that is linked at a person's first sign-in;
	// "email" looks for the account of that address, if the provider verified it.
	UsernameClaim  string
	UsernameDomain string // "ana@" + it is the account ana; "" = the claim is the name
	// Roles are given by the values of RolesClaim: who has none may not come in,
	// and who has no account gets one. Empty: only who has an account comes in.
	RolesClaim string
	Roles      map[string]store.Role

	mu      sync.Mutex
	asking  sync.Mutex // held while it is asked for its description
	found   *oidc.Provider
	problem error     // why the provider could not be asked the last time; nil: it could
	asked   time.Time // when that was
}

// CallbackPath is where the provider leads back to.
const CallbackPath = "/login/oidc/callback"

const (
	providerPatience = 10 * time.Second // for one answer of the provider
	describedFor     = 10 * time.Minute // until it is asked for its description again
	unreachableFor   = time.Minute      // until it is tried again
)

// providerClient asks the provider, and never waits for long.
var providerClient = &http.Client{Timeout: providerPatience}

// Discover asks the provider to describe itself (OpenID Connect Discovery 1.0),
// in words for people where it does not. Advice is what works and is hardly
// meant.
func (p *Provider) Discover(ctx context.Context) (advice []string, err error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	found, advice, err := p.describe(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.problem = time.Now(), err
	if err == nil {
		p.found = found
	}
	return advice, err
}

func (p *Provider) describe(ctx context.Context) (*oidc.Provider, []string, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, providerClient), providerPatience)
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.Issuer)
	var mismatch *oidc.IssuerMismatchError
	switch {
	case errors.As(err, &mismatch):
		return nil, nil, fmt.Errorf("it calls itself %q; write oidc.issuer just so", mismatch.Discovered)
	case err != nil && strings.HasPrefix(err.Error(), "404"):
		return nil, nil, fmt.Errorf("there is no description under %s/.well-known/openid-configuration; see whether oidc.issuer is right", strings.TrimSuffix(p.Issuer, "/"))
	case err != nil:
		return nil, nil, fmt.Errorf("its description cannot be read: %s", firstLine(err))
	}
	var has struct {
		JWKS   string   `json:"jwks_uri"`
		PKCE   []string `json:"code_challenge_methods_supported"`
		Claims []string `json:"claims_supported"`
	}
	if err := found.Claims(&has); err != nil {
		return nil, nil, fmt.Errorf("its description cannot be read: %w", err)
	}
	if e := found.Endpoint(); e.AuthURL == "" || e.TokenURL == "" || has.JWKS == "" {
		return nil, nil, errors.New("its description lacks authorization_endpoint, token_endpoint or jwks_uri; it is none of an OpenID provider")
	}
	var advice []string
	if len(has.PKCE) > 0 && !slices.Contains(has.PKCE, "S256") {
		advice = append(advice, "it does not offer PKCE with S256")
	}
	if len(has.Claims) > 0 && !slices.Contains(has.Claims, p.UsernameClaim) {
		advice = append(advice, fmt.Sprintf("it does not say that it gives the claim %q of oidc.username_claim", p.UsernameClaim))
	}
	return found, advice, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if r := []rune(line); len(r) > 200 {
		line = string(r[:200]) + "…"
	}
	return line
}

// Problem says why nobody can sign in by the provider just now; nil where they can.
func (p *Provider) Problem() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problem
}

// watch keeps the description fresh, so that the sign-in page can say whether
// the provider answers, until ctx ends.
func (p *Provider) watch(ctx context.Context) {
	for {
		wait := describedFor
		if _, err := p.Discover(ctx); err != nil {
			wait = unreachableFor
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// ready is the provider as it described itself; it is asked where it did not yet.
func (p *Provider) ready(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	found, problem, asked := p.found, p.problem, p.asked
	p.mu.Unlock()
	switch {
	case found != nil && problem == nil:
		return found, nil
	case problem != nil && time.Since(asked) < 5*time.Second: // nobody waits for it again and again
		return nil, problem
	}
	if _, err := p.Discover(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found, nil
}

func (p *Provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
}

// authURL is where the browser goes to sign in. hint is the username of who is
// expected; "" for nobody. afresh asks the provider not to take for granted that
// it is still the one who signed in there last.
func (p *Provider) authURL(found *oidc.Provider, s store.PendingSignIn, hint string, afresh bool) string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier)}
	prompt := p.Prompt
	if prompt == "" && afresh {
		prompt = "login"
	}
	if prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	if hint != "" {
		if p.UsernameDomain != "" {
			hint += "@" + p.UsernameDomain
		}
		options = append(options, oauth2.SetAuthURLParam("login_hint", hint))
	}
	return p.oauth(found).AuthCodeURL(s.State, options...)
}

// errNotVouched says that what the provider's answer holds proves nobody.
var errNotVouched = errors.New("the provider's answer does not prove who signed in")

// subject redeems a code and returns whom the ID token vouches for: its
// signature, issuer, audience, expiry and nonce are checked (OpenID Connect
// Core 1.0 section 3.1.3.7).
func (p *Provider) subject(ctx context.Context, found *oidc.Provider, code string, s store.PendingSignIn, now time.Time) (store.Subject, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, providerClient), providerPatience)
	defer cancel()
	token, err := p.oauth(found).Exchange(ctx, code, oauth2.VerifierOption(s.Verifier))
	if err != nil {
		return store.Subject{}, fmt.Errorf("redeeming the code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return store.Subject{}, fmt.Errorf("there is no ID token: %w", errNotVouched)
	}
	id, err := found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: func() time.Time { return now }}).Verify(ctx, raw)
	if err != nil {
		return store.Subject{}, fmt.Errorf("%w: %w", errNotVouched, err)
	}
	if id.Subject == "" {
		return store.Subject{}, fmt.Errorf("the ID token names nobody: %w", errNotVouched)
	}
	if s.Nonce == "" || id.Nonce != s.Nonce {
		return store.Subject{}, fmt.Errorf("the ID token is of another sign-in: %w", errNotVouched)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return store.Subject{}, fmt.Errorf("%w: %w", errNotVouched, err)
	}
	if azp, _ := claims["azp"].(string); len(id.Audience) > 1 && azp != p.ClientID {
		return store.Subject{}, fmt.Errorf("the ID token was issued to %q: %w", azp, errNotVouched)
	}
	return p.whom(id, claims), nil
}

// whom reads the claims of an ID token that was verified.
func (p *Provider) whom(id *oidc.IDToken, claims map[string]any) store.Subject {
	text := func(name string) string { s, _ := claims[name].(string); return strings.TrimSpace(s) }
	verified := claims["email_verified"] == true || claims["email_verified"] == "true"
	s := store.Subject{Issuer: id.Issuer, ID: id.Subject, FullName: text("name")}
	username := text(p.UsernameClaim)
	switch domain := "@" + p.UsernameDomain; {
	case p.UsernameClaim == "email" && !verified:
		username = "" // anybody may have written it there
	case p.UsernameDomain == "":
	case len(username) > len(domain) && strings.EqualFold(username[len(username)-len(domain):], domain):
		username = username[:len(username)-len(domain)]
	default:
		username = "" // of another house
	}
	if s.Username = username; p.UsernameClaim == "email" && p.UsernameDomain == "" {
		s.Email = username
	} else if verified && len(p.Roles) > 0 {
		s.Contact = text("email")
	}
	for _, value := range values(claims, p.RolesClaim) {
		if role := p.Roles[value]; role.AtLeast(s.Role) || role.Valid() && s.Role == "" {
			s.Role = role
		}
	}
	return s
}

// values are the texts of a claim: one, a list of them, or, where its name has
// dots and there is no such claim, those of a claim within a claim.
func values(claims map[string]any, name string) []string {
	v, ok := claims[name]
	if outer, inner, dotted := strings.Cut(name, "."); !ok && dotted {
		within, _ := claims[outer].(map[string]any)
		return values(within, inner)
	}
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}
