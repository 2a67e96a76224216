package mailbox_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

func TestCheckSaysWhatToDo(t *testing.T) {
	good := dovecotBox(t).Account()
	wrong := mailtest.StartIMAP(t, mailtest.IMAPOptions{}).Account()
	wrong.Username = "someone@else.example"
	closed := good
	closed.Port = 1
	f := newFake()
	f.other = func(l *mailtest.Line) {
		if l.Command == "SELECT" {
			l.End("NO User is authenticated but not connected.")
		}
	}
	unconnected := mailtest.StartScripted(t, f.script).Account()
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{Username: "ill", Password: "secret"}).Account()
	smtpWrong := smtp
	smtpWrong.Username = "other"

	for _, tc := range []struct {
		name     string
		findings []mailbox.Finding
		ok       []bool
		last     string // words of the last finding
	}{
		{"all well", mailbox.CheckIMAP(t.Context(), good, "INBOX", ""), []bool{true, true, true}, "folder Sent"},
		{"no such folder", mailbox.CheckIMAP(t.Context(), good, "INBOX", "Gesendet"), []bool{true, true, false}, "INBOX"},
		{"wrong log-in", mailbox.CheckIMAP(t.Context(), wrong, "INBOX", ""), []bool{false}, "username"},
		{"nothing there", mailbox.CheckIMAP(t.Context(), closed, "INBOX", ""), []bool{false}, "nothing listens"},
		{"not connected", mailbox.CheckIMAP(t.Context(), unconnected, "INBOX", "Sent"), []bool{true, false, false}, "Add-MailboxPermission"},
		{"smtp", mailbox.CheckSMTP(t.Context(), smtp), []bool{true}, "logged in"},
		{"smtp log-in", mailbox.CheckSMTP(t.Context(), smtpWrong), []bool{false}, "username"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if len(tc.findings) != len(tc.ok) {
				t.Fatalf("findings %+v", tc.findings)
			}
			for i, f := range tc.findings {
				if f.OK != tc.ok[i] || f.OK != (f.Do == "") {
					t.Errorf("finding %+v", f)
				}
			}
			last := tc.findings[len(tc.findings)-1]
			if !strings.Contains(last.What+" "+last.Do, tc.last) {
				t.Errorf("finding %+v does not say %q", last, tc.last)
			}
		})
	}
}

func TestCheckTokenNamesTheMissingPermission(t *testing.T) {
	token := func(claims string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
	}
	for _, tc := range []struct{ token, flow, lacks string }{
		{token(`{"roles":["IMAP.AccessAsApp","SMTP.SendAsApp"]}`), "client_credentials", ""},
		{token(`{"roles":["IMAP.AccessAsApp"]}`), "client_credentials", "SMTP.SendAsApp"},
		{token(`{"roles":["Mail.Read"]}`), "client_credentials", "IMAP.AccessAsApp"},
		{token(`{"scp":"IMAP.AccessAsUser.All offline_access"}`), "device_code", "SMTP.Send"},
		{token(`{"scp":"SMTP.Send IMAP.AccessAsUser.All"}`), "device_code", ""},
	} {
		fs := mailbox.CheckToken(tc.token, tc.flow, true, true)
		if len(fs) == 0 || fs[0].OK != (tc.lacks == "") || !strings.Contains(fs[0].Do, tc.lacks) {
			t.Errorf("%s, %s: %+v, want a word about %q", tc.token, tc.flow, fs, tc.lacks)
		}
	}
	for _, opaque := range []string{"EwBgA8l6BAAU", "a.b.c", token(`{"sub":"x"}`), token(`no JSON`)} {
		if fs := mailbox.CheckToken(opaque, "client_credentials", true, true); fs != nil {
			t.Errorf("%s: %+v", opaque, fs)
		}
	}
}
