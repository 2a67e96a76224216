package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illmail/store"
)

const goodConfig = `state_dir = "/var/lib/illmail"

[[office]]
code = "healey"
address = "ill@healey.example.edu"

[office.imap]
host = "imap.example.edu"
username = "ill"
password_file = "/run/imap"
folder = ["INBOX", "Junk"]

[office.smtp]
host = "127.0.0.1"
security = "none"
auth = "none"
`

func TestConfigDefaults(t *testing.T) {
	c, err := parseConfig("c.toml", []byte(goodConfig))
	if err != nil {
		t.Fatal(err)
	}
	o := c.Offices[0]
	if o.IMAP.Port != 993 || o.SMTP.Port != 587 || o.Notices.Mode != "send" || !o.Notices.Digest ||
		time.Duration(o.IMAP.PollInterval) != 2*time.Minute || len(o.IMAP.folders) != 2 || o.location.String() != "America/New_York" {
		t.Errorf("defaults: %+v", o)
	}
}

// TestDocumentedConfiguration: what docs/configuration.md prints can be used as it stands.
func TestDocumentedConfiguration(t *testing.T) {
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "```toml\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/configuration.md prints no configuration")
	}
	if _, err := parseConfig("configuration.md", []byte(example)); err != nil {
		t.Error(err)
	}
}

func TestConfigErrorsNameKeyAndLine(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{`auth = "none"`, `auht = "none"`, "c.toml:16: unknown key office.smtp.auht"},
		{`security = "none"`, `security = "ssl"`, `c.toml:15: office.smtp.security is "ssl"; write one of tls, starttls, none`},
		{`host = "127.0.0.1"`, `host = "mail.example.edu"`, `c.toml:15: office.smtp.security is "none", which is accepted for a loopback address only`},
		{`host = "imap.example.edu"`, ``, `c.toml:7: office.imap.host is missing`},
		{`code = "healey"`, `code = "healey"` + "\ntimezone = \"Mars\"", `c.toml:5: office.timezone is "Mars"`},
		{`address = "ill@healey.example.edu"`, `address = "ill"`, `c.toml:5: office.address is "ill"`},
		{`username = "ill"`, `username = 3`, `c.toml:9: `},
		{`username = "ill"`, "username = \"ill\"\npoll_interval = \"soon\"", `c.toml:10: `},
		{`username = "ill"`, "username = \"ill\"\nstart = \"yesterday\"", `c.toml:10: office.imap.start is "yesterday"`},
		{`code = "healey"`, "code = \"healey\"\nopen_hours = \"9 to 5\"", `c.toml:5: office.open_hours is "9 to 5"`},
		{`auth = "none"`, "auth = \"none\"\n[office.unanswered]\naddress = \"ILL@healey.example.edu\"", `c.toml:18: office.unanswered.address is the office's own`},
		{`auth = "none"`, "auth = \"none\"\n[office.unanswered]\naddress = \"head@example.edu\"", `c.toml:18: office.unanswered.address needs web.base_url`},
		{`auth = "none"`, "auth = \"none\"\n[office.unanswered]\naddress = \"head@example.edu\"\nafter_hours = 0", `c.toml:19: office.unanswered.after_hours is 0`},
		{`[[office]]`, "[oidc]\nissuer = \"https://login.example.edu\"\n[[office]]", `c.toml:3: oidc.client_id is missing`},
		{`[[office]]`, "[oidc]\nissuer = \"http://login.example.edu\"\n[[office]]", `c.toml:4: oidc.issuer is "http://login.example.edu"; write an address that begins with https://`},
		{`[[office]]`, "[oidc]\nissuer = \"https://login.example.edu\"\nclient_id = \"illmail\"\n[[office]]", `c.toml:4: oidc.issuer needs web.base_url`},
		{`[[office]]`, "[web]\nbase_url = \"https://ill.example.edu\"\n[oidc]\nissuer = \"https://login.example.edu\"\nclient_id = \"illmail\"\nroles_claim = \"groups\"\n[oidc.roles]\nill = \"boss\"\n[[office]]", `c.toml:10: oidc.roles.ill is "boss"; write one of student`},
		{`[[office]]`, `[[ofice]]`, `c.toml:3: unknown key`},
		{`state_dir = "/var/lib/illmail"`, `state_dir = "/var`, `c.toml:1: `},
	} {
		if !strings.Contains(goodConfig, tc.old) {
			t.Fatalf("the test's own text lacks %q", tc.old)
		}
		_, err := parseConfig("c.toml", []byte(strings.Replace(goodConfig, tc.old, tc.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s → %s:\n got %v\nwant %s", tc.old, tc.new, err, tc.want)
		}
	}
}

// What is wrong with the rules of notices is said by key and line, all of it at once.
func TestRuleErrorsNameKeyAndLine(t *testing.T) {
	const head = goodConfig + "\n[office.notices]\n" // its keys stand from line 19 on
	for _, tc := range []struct{ notices, want string }{
		{"overdue_days = [7, 3]\ndelay_days = [0]", "c.toml:19: notices.overdue_days holds 3 after 7"},
		{"overdue_days = [7, 3]\ndelay_days = [0]", "c.toml:20: notices.delay_days holds 0"},
		{"go_live = \"soon\"", "c.toml:19: office.notices.go_live"},
		{"pickup_days = [0, 12]", "c.toml:19: office.notices.pickup_days holds 12, but pickup_keep_days = 10"},
		{"overdue_days = []\noverdue_every_days = 7", "c.toml:20: office.notices.overdue_every_days is 7, but overdue_days is empty"},
		{"rehearsal_address = \"everyone\"", "c.toml:19: office.notices.rehearsal_address"},
		{"recall = \"send\"", "c.toml:19: office.notices.recall is"},
		{"[[office.notices.rule]]\nname = \"a\"\nkind = \"overdu\"", "c.toml:21: office.notices.rule.kind is \"overdu\""},
		{"[[office.notices.rule]]\nname = \"a\"\nkind = \"overdue\"\ndays = [1]\nstates = [\"Request Sent\"]", "c.toml:23: office.notices.rule.states names \"Request Sent\", which means sent"},
		{"[[office.notices.rule]]\nname = \"a\"\nkind = \"overdue\"\ndays = [1]\nstates = [\"Gone Fishing\"]", "c.toml:23: office.notices.rule.states names \"Gone Fishing\", a status without a meaning"},
		{"[[office.notices.rule]]\nname = \"all\"\nkind = \"overdue\"\ndays = [1]\n[[office.notices.rule]]\nname = \"faculty\"\nkind = \"overdue\"\ndays = [9]\npatron_statuses = [\"Faculty\"]",
			"c.toml:24: office.notices.rule.name is \"faculty\", a rule that can never fire: rule \"all\" stands before it"},
	} {
		_, err := parseConfig("c.toml", []byte(head+tc.notices+"\n"))
		if err == nil || !strings.Contains(err.Error(), strings.Replace(tc.want, ": notices.", ": office.notices.", 1)) {
			t.Errorf("%s:\n got %v\nwant %s", tc.notices, err, tc.want)
		}
	}
	c, err := parseConfig("c.toml", []byte(head+"overdue_days = []\n[[office.notices.rule]]\nname = \"faculty\"\nkind = \"overdue\"\ndays = [14]\nevery_days = 30\npatron_statuses = [\"Faculty\"]\n"+
		"[[office.notices.rule]]\nname = \"films\"\nkind = \"overdue\"\ndays = [1]\nrequest_types = [\"Media\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Offices[0].rules()
	if err != nil {
		t.Fatal(err)
	}
	warnings := strings.Join(r.Warnings(), "\n")
	for _, want := range []string{`rule "faculty" and rule "films" overlap`, "requests that no rule of overdue is for get no such letter"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no warning says %q: %s", want, warnings)
		}
	}
}

func TestClosedCalendar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "closed.ics")
	write(t, path, "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261126\r\nDTEND;VALUE=DATE:20261128\r\nSUMMARY:Thanksgiving\r\nEND:VEVENT\r\n"+
		"BEGIN:VEVENT\r\nDTSTART:20261201T120000\r\nSUMMARY:Party\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	c, err := parseConfig("c.toml", []byte(goodConfig+"[office.notices]\nclosed_dates = [\"2026-12-24\"]\nclosed_calendar = \""+path+"\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Offices[0].rules()
	if err != nil {
		t.Fatal(err)
	}
	for day, open := range map[int]bool{25: true, 26: false, 27: false, 30: true} {
		if got := r.Calendar.IsOpen(store.NewDate(2026, time.November, day)); got != open {
			t.Errorf("November %d is open: %v, want %v", day, got, open)
		}
	}
	if r.Calendar.IsOpen(store.NewDate(2026, time.December, 24)) {
		t.Error("closed_dates no longer count beside the calendar")
	}
	if _, left, err := c.Offices[0].closedDates(); err != nil || len(left) != 1 || !strings.Contains(left[0], "Party") {
		t.Errorf("left out: %q, %v; want the event with a time of day", left, err)
	}
	write(t, path, "no calendar")
	if _, err := parseConfig("c.toml", []byte(goodConfig+"[office.notices]\nclosed_calendar = \""+path+"\"\n")); err == nil || !strings.Contains(err.Error(), "closed_calendar") {
		t.Errorf("a file that is no calendar: %v", err)
	}
}

// What touches the database only needs no mail server; the daemon does.
func TestImportNeedsNoMailServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("state_dir = \"/var/lib/illmail\"\n[[office]]\ncode = \"healey\"\naddress = \"ill@example.edu\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readConfig(file, true); err != nil {
		t.Error(err)
	}
	if _, err := loadConfig(file); err == nil || !strings.Contains(err.Error(), "imap.host is missing") {
		t.Errorf("the daemon starts: %v", err)
	}
}
