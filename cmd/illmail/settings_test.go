package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is set is told in words, and no password or key with it.
func TestSettingsInWords(t *testing.T) {
	t.Setenv("ILL_PASSWORD", "hunter2")
	file := filepath.Join(t.TempDir(), "illmail.toml")
	raw := `state_dir = "/var/lib/illmail"
[database]
url = "postgres://illmail:hunter2@db.example.edu/illmail"
[[office]]
code = "healey"
address = "ill@example.edu"
[office.imap]
host = "imap.example.edu"
username = "ill@example.edu"
password_env = "ILL_PASSWORD"
after_filing = "move:Filed"
[office.smtp]
host = "smtp.example.edu"
auth = "none"
[office.notices]
min_gap_days = 2
overdue_every_days = 14
[[office.notices.rule]]
name = "faculty"
kind = "overdue"
patron_statuses = ["Faculty"]
days = [7, 21]
`
	if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprint(cfg.settings())
	for _, want := range []string{"a Postgres server of yours", "imap.example.edu, port 993, encrypted", "ill@example.edu, by password", "is moved to Filed",
		"smtp.example.edu, port 587, encrypted (STARTTLS)", "every day at 13:00", "1, 7, 14 and 28 days after the due date, then every 14 days", "2 days about one request",
		"saturday, sunday", "180 days after the conversation was closed", "overdue for Faculty: 7 and 21 days"} {
		if !strings.Contains(said, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	if strings.Contains(said, "hunter2") {
		t.Error("it tells a password")
	}
}
