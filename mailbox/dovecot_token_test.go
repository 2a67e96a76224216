package mailbox_test

import (
	"context"
	"strings"
	"testing"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

// TestDovecotTakesTokens logs in to a real Dovecot by each mechanism, with an
// access token that Dovecot asks the provider about.
func TestDovecotTakesTokens(t *testing.T) {
	for _, mechanism := range []string{"xoauth2", "oauthbearer"} {
		t.Run(mechanism, func(t *testing.T) {
			provider := mailtest.StartOAuth(t, "ill@healey.example.edu")
			d := mailtest.StartDovecotWithTokens(t, provider.URL+"/introspect", mechanism)
			source, err := mailbox.TokenSource(mailbox.OAuthConfig{Provider: "other", Flow: "client_credentials", ClientID: "app", TokenURL: provider.URL + "/token",
				ClientSecret: func(context.Context) (string, error) { return "s3cret", nil }})
			if err != nil {
				t.Fatal(err)
			}
			account := d.Account()
			account.Auth, account.Secret = mailbox.AuthXOAUTH2, source
			for _, f := range mailbox.CheckIMAP(t.Context(), account, "INBOX", "Sent") {
				if !f.OK {
					t.Errorf("with a good token: %+v", f)
				}
			}
			other := account
			other.Username = "president@healey.example.edu"
			if f := mailbox.CheckIMAP(t.Context(), other, "INBOX", "Sent"); f[0].OK {
				t.Errorf("a token for one mailbox opened another: %+v", f)
			}
			provider.Revoke()
			if f := mailbox.CheckIMAP(t.Context(), account, "INBOX", "Sent"); f[0].OK || !strings.Contains(f[0].Do, "refuses the access token") {
				t.Errorf("with a token that is void: %+v", f)
			}
		})
	}
}
