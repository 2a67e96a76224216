package main

import (
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
