package mailbox

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/google"
)

// OAuthConfig is how to get access tokens for XOAUTH2.
type OAuthConfig struct {
	Provider     string // microsoft | google | other
	Flow         string // client_credentials | service_account | device_code
	Tenant       string // microsoft: the directory, a GUID or a domain
	ClientID     string
	ClientSecret func(ctx context.Context) (string, error) // client_credentials; asked for each token
	Key          []byte                                    // service_account: Google's JSON key
	Subject      string                                    // service_account: the mailbox to act for
	TokenURL     string                                    // "" is the provider's own
	DeviceURL    string                                    // device_code: "" is the provider's own
	Scopes       []string                                  // nil: the provider's for mail
	// UseGrant calls exchange with the grant that is kept, and keeps what it
	// returns before it returns: device_code. Meanwhile nobody else may use it: a
	// provider that replaces a refresh token each time takes its second use for
	// a theft.
	UseGrant func(ctx context.Context, exchange func(Grant) (Grant, error)) error
}

const (
	microsoftScope = "https://outlook.office365.com/.default"
	googleScope    = "https://mail.google.com/"
	// tokenMargin is how long before its end a token is no longer used.
	tokenMargin = 5 * time.Minute
)

// TokenSource gives access tokens, for use as [Account.Secret]; one is kept
// until shortly before it ends. The error names what the configuration lacks.
func TokenSource(cfg OAuthConfig) (func(ctx context.Context) (string, error), error) {
	var fetch func(ctx context.Context) (*oauth2.Token, error)
	switch cfg.Flow {
	case "client_credentials":
		if cfg.ClientID == "" || cfg.ClientSecret == nil {
			return nil, fmt.Errorf("flow client_credentials needs client_id and client_secret_file")
		}
		conf := clientcredentials.Config{ClientID: cfg.ClientID, TokenURL: cfg.TokenURL, Scopes: cfg.Scopes}
		if cfg.Provider == "microsoft" {
			if conf.TokenURL == "" && cfg.Tenant == "" {
				return nil, fmt.Errorf("provider microsoft needs tenant")
			}
			if conf.TokenURL == "" {
				conf.TokenURL = "https://login.microsoftonline.com/" + cfg.Tenant + "/oauth2/v2.0/token"
			}
			if conf.Scopes == nil {
				conf.Scopes = []string{microsoftScope}
			}
			conf.AuthStyle = oauth2.AuthStyleInParams
		}
		if conf.TokenURL == "" {
			return nil, fmt.Errorf("provider %q needs a token address", cfg.Provider)
		}
		fetch = func(ctx context.Context) (*oauth2.Token, error) {
			conf := conf
			secret, err := cfg.ClientSecret(ctx)
			if err != nil {
				return nil, fmt.Errorf("reading the client secret: %w", err)
			}
			conf.ClientSecret = secret
			return conf.Token(ctx)
		}
	case "service_account":
		scopes := cfg.Scopes
		if scopes == nil {
			scopes = []string{googleScope}
		}
		conf, err := google.JWTConfigFromJSON(cfg.Key, scopes...)
		if err != nil {
			return nil, fmt.Errorf("reading the service account's key: %w", err)
		}
		if cfg.Subject == "" {
			return nil, fmt.Errorf("flow service_account needs the address of the mailbox to act for")
		}
		conf.Subject = cfg.Subject
		if cfg.TokenURL != "" {
			conf.TokenURL = cfg.TokenURL
		}
		fetch = func(ctx context.Context) (*oauth2.Token, error) { return conf.TokenSource(ctx).Token() }
	case "device_code":
		conf, err := cfg.device()
		if err != nil {
			return nil, err
		}
		if cfg.UseGrant == nil {
			return nil, fmt.Errorf("flow device_code needs a place to keep its refresh token")
		}
		fetch = func(ctx context.Context) (*oauth2.Token, error) { return cfg.refresh(ctx, conf) }
	default:
		return nil, fmt.Errorf("flow %q is not one of client_credentials, device_code, service_account", cfg.Flow)
	}
	return keepToken(fetch), nil
}

// keepToken asks anew only when the token it has is about to end.
func keepToken(fetch func(context.Context) (*oauth2.Token, error)) func(context.Context) (string, error) {
	var mu sync.Mutex
	var token *oauth2.Token
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if token != nil && (token.Expiry.IsZero() || time.Until(token.Expiry) > tokenMargin) {
			return token.AccessToken, nil
		}
		t, err := fetch(ctx)
		if err != nil {
			return "", fmt.Errorf("getting an access token: %w", err)
		}
		token = t
		return t.AccessToken, nil
	}
}
