package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"illmail/mailbox"
	"illmail/store"
	"illmail/web"
)

// OIDCConfig is [oidc]: the OpenID provider by which staff sign in besides.
type OIDCConfig struct {
	Issuer           string                `toml:"issuer"` // "" = local accounts only
	Name             string                `toml:"name"`
	ClientID         string                `toml:"client_id"`
	ClientSecretFile string                `toml:"client_secret_file"`
	ClientSecretEnv  string                `toml:"client_secret_env"`
	Scopes           []string              `toml:"scopes"`
	UsernameClaim    string                `toml:"username_claim"`
	UsernameDomain   string                `toml:"username_domain"`
	RolesClaim       string                `toml:"roles_claim"`
	Roles            map[string]store.Role `toml:"roles"`
	Prompt           string                `toml:"prompt"`
}

func (c *Config) checkOIDC() error {
	o := c.OIDC
	at := func(key, format string, args ...any) error { return c.errorAt("oidc."+key, format, args...) }
	if o.Issuer == "" {
		if o.ClientID != "" {
			return at("issuer", "is missing: write the provider's address, \"https://login.example.edu\"")
		}
		return nil
	}
	u, err := url.Parse(o.Issuer)
	base, errBase := url.Parse(c.Web.BaseURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return at("issuer", "is %q; write an address that begins with https:// (http:// on a loopback address only)", o.Issuer)
	case o.ClientID == "":
		return at("client_id", "is missing: the name under which illmail is registered with the provider")
	case o.ClientSecretFile != "" && o.ClientSecretEnv != "":
		return at("client_secret_env", "stands beside client_secret_file; give one of them")
	case o.Name == "":
		return at("name", "is empty; the button says \"Sign in with\" it")
	case o.UsernameClaim == "":
		return at("username_claim", "is empty; name the claim that says which account someone has")
	case strings.ContainsAny(o.UsernameDomain, "@ "):
		return at("username_domain", "is %q; write it as \"example.edu\"", o.UsernameDomain)
	case errBase != nil || base.Host == "" || base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())):
		return at("issuer", "needs web.base_url, an address that begins with https:// (http:// on a loopback address only): the provider leads back there")
	case (o.RolesClaim == "") != (len(o.Roles) == 0):
		return at("roles_claim", "and [oidc.roles] belong together: the claim, and which of its values give which role")
	case !slices.Contains([]string{"", "login", "select_account"}, o.Prompt):
		return at("prompt", "is %q; write \"login\" or \"select_account\", or nothing", o.Prompt)
	}
	for value, role := range o.Roles {
		if !role.Valid() {
			return at("roles."+value, "is %q; write one of student, staff, supervisor, admin", role)
		}
	}
	return nil
}

// provider is the OpenID provider of the installation; nil where there is none.
func (c *Config) provider() (*web.Provider, error) {
	o := c.OIDC
	if o.Issuer == "" {
		return nil, nil
	}
	secret := ""
	switch {
	case o.ClientSecretFile != "":
		b, err := os.ReadFile(o.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("reading oidc.client_secret_file: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	case o.ClientSecretEnv != "":
		if secret = os.Getenv(o.ClientSecretEnv); secret == "" {
			return nil, fmt.Errorf("the environment has no %s, which oidc.client_secret_env names", o.ClientSecretEnv)
		}
	}
	return &web.Provider{Name: o.Name, Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: secret, Scopes: o.Scopes, Prompt: o.Prompt,
		RedirectURL: strings.TrimRight(c.Web.BaseURL, "/") + web.CallbackPath, UsernameClaim: o.UsernameClaim,
		UsernameDomain: strings.ToLower(o.UsernameDomain), RolesClaim: o.RolesClaim, Roles: o.Roles}, nil
}

// provider asks the OpenID provider to describe itself.
func (c *checker) provider(cfg *Config) {
	p, err := cfg.provider()
	if err != nil {
		c.fail("correct [oidc]", "sign-in: %v", err)
		return
	}
	if p == nil {
		return
	}
	advice, err := p.Discover(c.e.ctx)
	if err != nil {
		c.fail("see that the provider runs and oidc.issuer is right; local accounts work meanwhile", "sign-in with %s: %v", p.Name, err)
		return
	}
	c.ok("sign-in with %s: %s describes itself; it must know the redirect address %s", p.Name, p.Issuer, p.RedirectURL)
	for _, a := range advice {
		c.finding(mailbox.Finding{OK: true, What: fmt.Sprintf("sign-in with %s: %s", p.Name, a), Do: "if nobody can sign in by it, ask whoever runs the provider"})
	}
	if p.ClientSecret == "" {
		c.ok("sign-in with %s: there is no client secret, so %s must be registered as a public client", p.Name, p.ClientID)
	}
}
