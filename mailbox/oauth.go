package mailbox

import (
	"context"
	"errors"
)

// OAuthConfig is how to get access tokens for XOAUTH2.
type OAuthConfig struct {
	Provider     string // microsoft | google | other
	Flow         string // client_credentials | service_account
	Tenant       string // microsoft: the directory, a GUID or a domain
	ClientID     string
	ClientSecret func(ctx context.Context) (string, error) // client_credentials
	KeyFile      []byte                                    // service_account: the JSON key
	Subject      string                                    // service_account: the mailbox to act for
	TokenURL     string                                    // "" is the provider's own
	Scopes       []string                                  // nil: the provider's for mail
}

// TokenSource gives access tokens; one is kept until shortly before it ends.
func TokenSource(cfg OAuthConfig) (func(ctx context.Context) (string, error), error) {
	return nil, errors.New("not built")
}
