package mailbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"
)

// microsoftDeviceScopes let a person hand over their right to read and send;
// for a shared mailbox its address goes into [Account.Username].
var microsoftDeviceScopes = []string{
	"https://outlook.office.com/IMAP.AccessAsUser.All",
	"https://outlook.office.com/SMTP.Send",
	"offline_access",
}

// DeviceSignIn is a sign-in that a person completes in a browser (RFC 8628).
type DeviceSignIn struct {
	URL     string // where to go
	Code    string // what to enter there
	Expires time.Time

	conf   *oauth2.Config
	answer *oauth2.DeviceAuthResponse
}

// SignInByDevice begins a sign-in for flow device_code.
func SignInByDevice(ctx context.Context, cfg OAuthConfig) (*DeviceSignIn, error) {
	conf, err := cfg.device()
	if err != nil {
		return nil, err
	}
	a, err := conf.DeviceAuth(ctx)
	if err != nil {
		return nil, fmt.Errorf("beginning the sign-in: %w", err)
	}
	return &DeviceSignIn{URL: a.VerificationURI, Code: a.UserCode, Expires: a.Expiry, conf: conf, answer: a}, nil
}

// Wait returns the refresh token once the person has signed in. It is a
// secret: who has it can read and send the mailbox's mail.
func (d *DeviceSignIn) Wait(ctx context.Context) (string, error) {
	t, err := d.conf.DeviceAccessToken(ctx, d.answer)
	if err != nil {
		return "", fmt.Errorf("waiting for the sign-in: %w", err)
	}
	if t.RefreshToken == "" {
		return "", errors.New("the provider gave no refresh token: the application needs the permission offline_access")
	}
	return t.RefreshToken, nil
}

func (cfg OAuthConfig) device() (*oauth2.Config, error) {
	conf := &oauth2.Config{
		ClientID: cfg.ClientID, Scopes: cfg.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: cfg.TokenURL, DeviceAuthURL: cfg.DeviceURL, AuthStyle: oauth2.AuthStyleInParams},
	}
	if cfg.ClientID == "" {
		return nil, errors.New("flow device_code needs client_id")
	}
	if cfg.Provider == "microsoft" {
		base := "https://login.microsoftonline.com/" + cfg.Tenant + "/oauth2/v2.0/"
		if conf.Endpoint.TokenURL == "" {
			conf.Endpoint.TokenURL = base + "token"
		}
		if conf.Endpoint.DeviceAuthURL == "" {
			conf.Endpoint.DeviceAuthURL = base + "devicecode"
		}
		if conf.Scopes == nil {
			conf.Scopes = microsoftDeviceScopes
		}
		if cfg.Tenant == "" && (cfg.TokenURL == "" || cfg.DeviceURL == "") {
			return nil, errors.New("provider microsoft needs tenant")
		}
	}
	if conf.Endpoint.TokenURL == "" || conf.Endpoint.DeviceAuthURL == "" {
		return nil, fmt.Errorf("provider %q has no sign-in by device code that is known here", cfg.Provider)
	}
	return conf, nil
}

// refresh asks for an access token. Where the provider replaces the refresh
// token, the old one may be void at once: the new one is kept before anything
// else happens, and a token that could not be kept is not used, so that the
// failure shows now and not when the access token ends.
func (cfg OAuthConfig) refresh(ctx context.Context, conf *oauth2.Config) (*oauth2.Token, error) {
	old, err := cfg.RefreshToken(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the refresh token: %w", err)
	}
	t, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: old}).Token()
	if err != nil {
		return nil, err
	}
	if t.RefreshToken != old {
		if err := cfg.SaveRefreshToken(ctx, t.RefreshToken); err != nil {
			return nil, fmt.Errorf("keeping the new refresh token: %w", err)
		}
	}
	return t, nil
}
