package mailbox_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
)

// deviceServer signs in at the second question, and replaces the refresh token
// each time it is used.
func deviceServer(t *testing.T) string {
	asked, used := 0, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/device":
			fmt.Fprint(w, `{"device_code":"D","user_code":"ABCD-EFGH","verification_uri":"https://provider.example/device","expires_in":600,"interval":1}`)
		case r.Form.Get("grant_type") == "refresh_token" && r.Form.Get("refresh_token") == fmt.Sprintf("refresh-%d", used):
			used++
			fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":"refresh-%d","token_type":"Bearer","expires_in":60}`, used, used)
		case r.Form.Get("device_code") == "D":
			if asked++; asked == 1 {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error":"authorization_pending"}`)
				return
			}
			fmt.Fprint(w, `{"access_token":"access-0","refresh_token":"refresh-0","token_type":"Bearer","expires_in":60,"refresh_token_expires_in":320400}`)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired."}`)
		}
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
	})
	return srv.URL
}

func TestDeviceCodeKeepsEachNewRefreshTokenBeforeUse(t *testing.T) {
	base := deviceServer(t)
	kept := ""
	var full error
	cfg := mailbox.OAuthConfig{
		Provider: "microsoft", Flow: "device_code", ClientID: "app", TokenURL: base + "/token", DeviceURL: base + "/device",
		UseGrant: func(_ context.Context, exchange func(mailbox.Grant) (mailbox.Grant, error)) error {
			g, err := exchange(mailbox.Grant{RefreshToken: kept})
			if err != nil || full != nil {
				return cmp.Or(err, full)
			}
			kept = g.RefreshToken
			return nil
		},
	}
	signIn, err := mailbox.SignInByDevice(t.Context(), cfg)
	if err != nil || signIn.Code != "ABCD-EFGH" || signIn.URL != "https://provider.example/device" {
		t.Fatalf("%+v, %v", signIn, err)
	}
	grant, err := signIn.Wait(t.Context())
	if kept = grant.RefreshToken; err != nil || kept != "refresh-0" || time.Until(grant.Ends) < 80*time.Hour || time.Until(grant.Ends) > 90*time.Hour {
		t.Fatalf("grant %+v, %v", grant, err)
	}
	source, err := mailbox.TokenSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		token, err := source(t.Context())
		if want := fmt.Sprintf("access-%d", n); token != want || err != nil {
			t.Fatalf("access token %q, %v, want %q", token, err, want)
		}
		if want := fmt.Sprintf("refresh-%d", n); kept != want {
			t.Errorf("kept %q, want %q", kept, want)
		}
	}
	full = errors.New("disk full")
	if token, err := source(t.Context()); token != "" || err == nil {
		t.Errorf("a token whose successor could not be kept was used: %q, %v", token, err)
	}
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), "AADSTS700082") {
		t.Errorf("with a refresh token that is void: %v", err)
	}
}
