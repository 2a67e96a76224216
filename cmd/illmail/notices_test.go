package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"illmail/store/storetest"
)

// Rules of the file, from the command line: what is imported is planned,
// queued and handed back by them.
func TestNoticesFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	config, csv := filepath.Join(dir, "illmail.toml"), filepath.Join(dir, "t.csv")
	text := strings.Replace(goodConfig, `state_dir = "/var/lib/illmail"`, fmt.Sprintf("state_dir = %q\n[database]\nurl = %q", dir, storetest.URL(t)), 1)
	write(t, config, text+`
[office.notices]
closed_dates = ["2026-11-26"]
go_live = "2026-11-01"
pickup_days = [0, 5]
rehearsal_address = "rehearsal@example.edu"

[[office.notices.rule]]
name = "faculty"
kind = "overdue"
patron_statuses = ["Faculty"]
days = [10]
every_days = 20
cc = ["dean@example.edu"]
template = "overdue"

[[office.notices.rule]]
name = "films"
kind = "overdue"
request_types = ["Film"]
days = [1]
template = "overdue-films"
`)
	write(t, csv, "transaction_number,username,email,patron_status,status,title,due_date,status_date,last_overdue_notice_sent\n"+
		"412304,jdoe3,jdoe3@example.edu,Graduate,Checked Out to Customer,Salt Roads,2026-11-20,2026-10-01,0\n"+
		"412311,mroe,mroe@example.edu,Faculty,Checked Out to Customer,Maps,2026-11-20,2026-10-01,0\n"+
		"412312,mroe,mroe@example.edu,Faculty,Checked Out to Customer,Routes,2026-11-12,2026-10-01,0\n"+
		"412320,asmith,asmith@example.edu,Graduate,Customer Notified via E-Mail,Keys,,2026-11-23,0\n"+
		"412330,asmith,asmith@example.edu,Graduate,Checked Out to Customer,Doors,2026-11-20,2026-10-01,1\n")
	illmail := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "--config", config), strings.NewReader(""), &out, &errs); code != want {
			t.Fatalf("%v ends with %d:\n%s%s", args, code, &out, &errs)
		}
		return out.String()
	}
	illmail(0, "import", "transactions", csv)
	plan := illmail(0, "notices", "plan", "--json", "--on", "2026-11-23")
	for _, want := range []string{
		`"kind":"overdue","rung":1,"username":"jdoe3","to":"jdoe3@example.edu","transactions":[412304],"decision":"send","reason":"3 days overdue"`,
		`"kind":"overdue","rung":1,"username":"mroe","to":"mroe@example.edu","transactions":[412312],"decision":"send","reason":"11 days overdue"`,
		`"kind":"pickup","rung":1,"username":"asmith","to":"asmith@example.edu","transactions":[412320],"decision":"send"`,
		`"transactions":[412330],"decision":"skip","reason":"already told: the ILL system sent overdue notice 1"`,
	} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %s:\n%s", want, plan)
		}
	}
	if strings.Contains(plan, "412311") {
		t.Errorf("a notice for faculty before its day:\n%s", plan)
	}
	if out := illmail(0, "notices", "run", "--on", "2026-11-23"); !strings.Contains(out, "3 mails queued, 0 wait for approval") {
		t.Errorf("run says %s", out)
	}
	back := illmail(0, "handback")
	if lines := strings.Split(strings.TrimSpace(back), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "office,transaction_number,") ||
		!strings.HasPrefix(lines[1], "healey,412330,asmith,overdue,1,2026-11-20,told,") {
		t.Errorf("handed back before anything went:\n%s", back)
	}
	check := illmail(1, "check")
	for _, want := range []string{`rule "films" names the letter "overdue-films", which there is not`, "rehearsal, all mail goes to rehearsal@example.edu",
		`rule "faculty" and rule "films" overlap`} {
		if !strings.Contains(check, want) {
			t.Errorf("check does not say %q:\n%s", want, check)
		}
	}
}
