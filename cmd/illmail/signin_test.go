package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"illmail/mailbox/mailtest"
	"illmail/store/storetest"
)

// TestSignInByDevice signs in as an office would, against a provider that
// replaces the refresh token at each use and calls a second use a theft: mail
// comes in through a Dovecot that asks the provider, daemons and commands share
// the one token, it is never in the database as it is, and its end is told of
// before it comes.
func TestSignInByDevice(t *testing.T) {
	t.Parallel()
	provider := mailtest.StartOAuth(t, "ill@healey.example.edu")
	dovecot := mailtest.StartDovecotWithTokens(t, provider.URL+"/introspect", "xoauth2")
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{})
	url := storetest.EmptyURL(t)
	plain := buildProductOn(t, url, &dovecot.Box, smtp, fmt.Sprintf(`
[office.oauth]
provider = "other"
flow = "device_code"
client_id = "app"
token_url = %q
device_url = %q
`, provider.URL+"/token", provider.URL+"/device"))
	p := plain.variant("tokens", `start = "all"`, "start = \"all\"\nauth = \"xoauth2\"")

	csv := filepath.Join(filepath.Dir(p.config), "t.csv")
	write(t, csv, "transaction_number,username,email,status,title\n412304,jdoe3,jdoe3@example.edu,Checked Out to Customer,Salt Roads\n")
	p.run("", "import", "--config", p.config, "transactions", csv)
	if out, err := p.try("", "check", "--config", p.config); err == nil || !strings.Contains(out, "run illmail signin") {
		t.Errorf("before anyone signed in check says %v\n%s", err, out)
	}
	if out := p.run("", "signin", "--config", p.config); !strings.Contains(out, "ABCD-EFGH") || !strings.Contains(out, provider.URL+"/sign-in") {
		t.Errorf("signin says\n%s", out)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	kept := func() []byte {
		t.Helper()
		var row []byte
		if err := conn.QueryRow(t.Context(), `SELECT to_jsonb(s)::text FROM sign_in s`).Scan(&row); err != nil {
			t.Fatal(err)
		}
		var token []byte
		if err := conn.QueryRow(t.Context(), `SELECT token FROM sign_in`).Scan(&token); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(row)+string(token), "refresh-token") {
			t.Errorf("the refresh token can be read in the database: %s", row)
		}
		return token
	}
	first := kept()
	if info, err := os.Stat(filepath.Join(filepath.Dir(p.config), "signin.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, %v", info, err)
	}
	if out := p.run("", "check", "--config", p.config); !strings.Contains(out, "ok    sign-in: good until") || !strings.Contains(out, "IMAP: logged in") {
		t.Errorf("check says\n%s", out)
	}
	if slices.Equal(kept(), first) {
		t.Error("the replaced refresh token was not kept")
	}

	// Two daemons, each with access tokens of its own, from the one refresh token.
	stop, other := p.serve(), p.variant("other")
	stopOther := other.serve()
	if err := dovecot.Append("INBOX", []byte(e2eRenewal), time.Now()); err != nil {
		t.Fatal(err)
	}
	p.wait("the mail is on the list", func() bool { return len(lines[queueJSON](p, "queue")) == 1 })
	p.wait("both daemons have used the token", func() bool {
		_, used := provider.RefreshToken()
		return used >= 3
	})
	if token, _ := provider.RefreshToken(); token == "" {
		t.Error("a refresh token was used twice")
	}
	stopOther()
	stop()

	// The provider bounds its life: three days before the end everyone is told.
	provider.SetLifetime(3 * 24 * 3600)
	p.run("", "signin", "--config", p.config)
	if out, err := p.try("", "check", "--config", p.config); err == nil || !strings.Contains(out, "still works, but runs out on") || !strings.Contains(out, "IMAP: logged in") {
		t.Errorf("check says %v\n%s", err, out)
	}
	stop = p.serve()
	p.wait("/healthz tells that the sign-in ends", func() bool { return strings.Contains(p.healthz(), "still works, but runs out on") })
	stop()

	provider.Revoke()
	if out, err := p.try("", "check", "--config", p.config); err == nil || !strings.Contains(out, "AADSTS700082: The refresh token has expired") || !strings.Contains(out, "sign in again by device code") {
		t.Errorf("with a void token check says %v\n%s", err, out)
	}
	// Who has the database but not the key has nothing, and is told so.
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.config), "signin.key"), make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := p.try("", "check", "--config", p.config); err == nil || !strings.Contains(out, "kept under another key") {
		t.Errorf("with another key check says %v\n%s", err, out)
	}
}

func (p *product) healthz() string {
	p.t.Helper()
	resp, err := http.Get("http://" + p.listen + "/healthz")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !json.Valid(b) {
		p.t.Fatalf("/healthz: %s, %v", b, err)
	}
	return string(b)
}

func TestWhoseAuthenticationResultsCount(t *testing.T) {
	for _, tc := range []struct {
		imap string
		want []string
	}{
		{`username = "ill@x.example"` + "\npassword_file = \"p\"", nil},
		{`username = "ill@x.example"` + "\npassword_file = \"p\"\nauthserv_id = \"mx.x.example\"", []string{"mx.x.example"}},
		{`auth = "xoauth2"`, []string{""}},
		{`auth = "xoauth2"` + "\nauthserv_id = \"mx.x.example\"", []string{"mx.x.example"}},
		{`auth = "xoauth2"` + "\n[office.oauth]\nprovider = \"google\"", nil},
	} {
		cfg, err := parseConfig("c.toml", []byte("state_dir = \"/tmp\"\n[[office]]\ncode = \"x\"\naddress = \"ill@x.example\"\n[office.smtp]\nhost = \"h\"\nauth = \"none\"\n[office.imap]\nhost = \"h\"\n"+tc.imap+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Offices[0].authservIDs(); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.imap, got, tc.want)
		}
	}
}

func TestDyingSecretIsAnnounced(t *testing.T) {
	cfg, err := parseConfig("c.toml", []byte("state_dir = \"/tmp\"\n[[office]]\ncode = \"x\"\naddress = \"ill@x.example\"\n[office.smtp]\nhost = \"h\"\nauth = \"none\"\n[office.imap]\nhost = \"h\"\nauth = \"xoauth2\"\n[office.oauth]\nclient_secret_expires = \"2027-03-01\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	o := &cfg.Offices[0]
	for _, tc := range []struct {
		day  string
		ok   bool
		want string
	}{{"2027-01-01", true, "good until"}, {"2027-02-20", false, "runs out on Monday, March 1, 2027"}, {"2027-03-01", false, "ran out"}} {
		now, err := time.ParseInLocation(time.DateOnly, tc.day, o.location)
		if err != nil {
			t.Fatal(err)
		}
		part, ok, detail, err := o.loginEnds(t.Context(), now)
		if err != nil || part != "client-secret" || ok != tc.ok || !strings.Contains(detail, tc.want) {
			t.Errorf("on %s: %s %v %q, %v", tc.day, part, ok, detail, err)
		}
	}
}
