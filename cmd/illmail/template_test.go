package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"illmail/store/storetest"
)

// An office's letters leave as files, come back as drafts, and go out once a
// supervisor's name stands under them.
func TestTemplateFiles(t *testing.T) {
	dir := t.TempDir()
	config, letters := filepath.Join(dir, "illmail.toml"), filepath.Join(dir, "letters")
	write(t, config, strings.Replace(goodConfig, `state_dir = "/var/lib/illmail"`, fmt.Sprintf("state_dir = %q\n[database]\nurl = %q", dir, storetest.URL(t)), 1))
	illmail := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "--config", config), strings.NewReader("correct horse\n"), &out, &errs); code != want {
			t.Fatalf("%v ends with %d:\n%s%s", args, code, &out, &errs)
		}
		return out.String() + errs.String()
	}
	has := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%q is missing in:\n%s", w, got)
			}
		}
	}
	for _, role := range []string{"student", "supervisor"} {
		illmail(0, "user", "add", role, "--role", role, "--email", role+"@example.edu", "--password-stdin")
	}
	illmail(0, "template", "export", letters)
	overdue, films := filepath.Join(letters, "overdue.md"), filepath.Join(letters, "overdue-films.md")
	if _, err := os.Stat(filepath.Join(letters, "overdue.zh-Hans.md")); err != nil {
		t.Fatal(err)
	}
	has(illmail(0, "template", "import", "--by", "student", overdue), "0 templates wait", "1 were in force already")

	write(t, overdue, "Subject: Our own words\n\nIt is late.\n")
	write(t, films, "Subject: A film is late\n\nDue {{item.due_dat}}.\n")
	has(illmail(1, "template", "import", "--by", "supervisor", "--approve", overdue, films), "overdue-films.md", "line 3, column 5", "did you mean {{item.due_date}}?")
	write(t, films, "Subject: A film is late\n\nDue {{item.due_date}}.\n")
	has(illmail(2, "template", "import", "--by", "student", "--approve", overdue), "needs a supervisor")
	has(illmail(2, "template", "import", "--by", "nobody", overdue), "there is no account")
	has(illmail(0, "template", "import", "--by", "student", overdue, films), "2 templates wait for a supervisor")
	if got := illmail(0, "template", "preview", "overdue"); strings.Contains(got, "Our own words") {
		t.Errorf("a draft is in force:\n%s", got)
	}
	for range 2 { // the second time changes nothing
		illmail(0, "template", "import", "--by", "supervisor", "--approve", overdue, films)
		has(illmail(0, "template", "preview", "overdue"), "Subject: Our own words")
		has(illmail(0, "template", "list"), "overdue-films  ")
	}
	has(illmail(0, "template", "import", "--by", "supervisor", "--approve", overdue, films), "2 were in force already")
}
