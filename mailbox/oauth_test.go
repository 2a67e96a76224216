package mailbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"illmail/mailbox"
)

// tokenServer is a token endpoint; each token is valid for so many seconds.
func tokenServer(t *testing.T, seconds int, forms *[]map[string][]string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		*forms = append(*forms, r.Form)
		w.Header().Set("Content-Type", "application/json")
		if r.Form.Get("client_secret") == "old" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, len(*forms), seconds)
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
	})
	return srv.URL
}

func TestClientCredentials(t *testing.T) {
	var forms []map[string][]string
	secret := "s3cret"
	source, err := mailbox.TokenSource(mailbox.OAuthConfig{
		Provider: "microsoft", Flow: "client_credentials", Tenant: "example.edu", ClientID: "app",
		ClientSecret: func(context.Context) (string, error) { return secret, nil },
		TokenURL:     tokenServer(t, 3600, &forms),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if token, err := source(t.Context()); token != "token-1" || err != nil {
			t.Fatalf("token %q, %v", token, err)
		}
	}
	if f := forms[0]; f["grant_type"][0] != "client_credentials" || f["client_id"][0] != "app" ||
		f["client_secret"][0] != "s3cret" || f["scope"][0] != "https://outlook.office365.com/.default" {
		t.Errorf("asked with %v", f)
	}
}

func TestATokenIsNotUsedToItsLastMinutes(t *testing.T) {
	var forms []map[string][]string
	secret := "s3cret"
	source, err := mailbox.TokenSource(mailbox.OAuthConfig{
		Provider: "microsoft", Flow: "client_credentials", ClientID: "app", TokenURL: tokenServer(t, 200, &forms),
		ClientSecret: func(context.Context) (string, error) { return secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		if token, err := source(t.Context()); token == "" || err != nil {
			t.Fatalf("token %q, %v", token, err)
		}
	}
	if len(forms) < 2 {
		t.Errorf("asked %d times for tokens that end in 200 s", len(forms))
	}
	secret = "old"
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), "AADSTS7000222") {
		t.Errorf("with an expired secret: %v", err)
	}
}

func TestServiceAccountActsForTheMailbox(t *testing.T) {
	var forms []map[string][]string
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "illmail@project.example", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   tokenServer(t, 3600, &forms),
	})
	if err != nil {
		t.Fatal(err)
	}
	source, err := mailbox.TokenSource(mailbox.OAuthConfig{
		Provider: "google", Flow: "service_account", Key: file, Subject: "ill@healey.example.edu",
	})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := source(t.Context()); token != "token-1" || err != nil {
		t.Fatalf("token %q, %v", token, err)
	}
	if forms[0]["grant_type"][0] != "urn:ietf:params:oauth:grant-type:jwt-bearer" || forms[0]["assertion"][0] == "" {
		t.Errorf("asked with %v", forms[0])
	}
}

func TestOAuthConfigurationSaysWhatItLacks(t *testing.T) {
	for _, tc := range []struct {
		cfg  mailbox.OAuthConfig
		want string
	}{
		{mailbox.OAuthConfig{Provider: "microsoft", Flow: "client_credentials"}, "client_id"},
		{mailbox.OAuthConfig{Provider: "microsoft", Flow: "client_credentials", ClientID: "x",
			ClientSecret: func(context.Context) (string, error) { return "", nil }}, "tenant"},
		{mailbox.OAuthConfig{Flow: "service_account", Key: []byte("no JSON")}, "service account's key"},
		{mailbox.OAuthConfig{Flow: "guess"}, "guess"},
	} {
		if _, err := mailbox.TokenSource(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want a word about %s", tc.cfg, err, tc.want)
		}
	}
}
