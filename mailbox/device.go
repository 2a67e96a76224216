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

// Grant is what a sign-in by device code ended in. It is a secret: who has it
// can read and send the mailbox's mail.
type Grant struct {
	RefreshToken string
	Ends         time.Time // when it runs out, as the provider said; zero: it did not say
}

// Wait returns the grant once the person has signed in.
func (d *DeviceSignIn) Wait(ctx context.Context) (Grant, error) {
	t, err := d.conf.DeviceAccessToken(ctx, d.answer)
	if err != nil {
		return Grant{}, fmt.Errorf("waiting for the sign-in: %w", err)
	}
	if t.RefreshToken == "" {
		return Grant{}, errors.New("the provider gave no refresh token: the application needs the permission offline_access")
	}
	return grantOf(t, Grant{}), nil
}

// grantOf is the grant after an answer of the token endpoint; old is the one
// that was used.
func grantOf(t *oauth2.Token, old Grant) Grant {
	g := Grant{RefreshToken: t.RefreshToken}
	if g.RefreshToken == old.RefreshToken {
		g.Ends = old.Ends
	}
	// Google and Microsoft say so where the life of the refresh token is bounded.
	if s, ok := t.Extra("refresh_token_expires_in").(float64); ok && s > 0 {
		g.Ends = time.Now().Add(time.Duration(s) * time.Second)
	}
	return g
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
	var token *oauth2.Token
	err := cfg.UseGrant(ctx, func(old Grant) (Grant, error) {
		t, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: old.RefreshToken}).Token()
		if err != nil {
			return Grant{}, err
		}
		token = t
		return grantOf(t, old), nil
	})
	if err != nil {
		return nil, err
	}
	return token, nil
}
