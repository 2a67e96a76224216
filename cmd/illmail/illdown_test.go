package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/illiad/illiadtest"
	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store/storetest"
)

// TestILLiadAway: while ILLiad is away overdues wait, however new the export
// is, a reply goes, what is to be written there queues, and every page says so.
// Once it is back each request is read anew: what came back meanwhile is not
// told of, the rest is, and everything is written there once.
func TestILLiadAway(t *testing.T) {
	t.Parallel()
	const key = "0a1b2c3d-0000-4000-8000-aabbccddeeff"
	ill := illiadtest.New(key)
	defer func() { ill.Close() }()
	due, today := time.Now().AddDate(0, 0, -2).Format(time.DateOnly), time.Now().Format(time.DateOnly)
	rows := "TransactionNumber,Username,EMailAddress,TransactionStatus,LoanTitle,DueDate,TransactionDate,ProcessType\n"
	for tn, patron := range map[int]string{412304: "jdoe3", 412311: "mroe", 412320: "asmith"} {
		ill.PutUser(illiadtest.Object{"UserName": patron, "FirstName": "Jo", "LastName": "Doe", "EMailAddress": patron + "@example.edu"})
		ill.PutTransaction(illiadtest.Object{"TransactionNumber": tn, "Username": patron, "TransactionStatus": "Checked Out to Customer", "ProcessType": "Borrowing",
			"RequestType": "Loan", "LoanTitle": "Salt Roads", "DueDate": due + "T00:00:00", "TransactionDate": today + "T03:04:05.6"})
		rows += fmt.Sprintf("%d,%s,%s@example.edu,Checked Out to Customer,Salt Roads,%s,%s,Borrowing\n", tn, patron, patron, due, today)
	}
	base := ill.Base()
	ill.GoAway()
	dovecot := mailtest.StartDovecot(t)
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{})
	dir := t.TempDir()
	keyFile, csv := filepath.Join(dir, "key"), filepath.Join(dir, "t.csv")
	write(t, keyFile, key+"\n")
	write(t, csv, rows)
	dbURL := storetest.EmptyURL(t)
	p := buildProductOn(t, dbURL, &dovecot.Box, smtp, fmt.Sprintf(`
[office.source]
path = %q
[office.illiad]
base_url = %q
api_key_file = %q
write_back = true
off_in_illiad = ["overdue"]
`, csv, base, keyFile))
	p.run("", "import", "--config", p.config, "transactions", csv)
	p.run("secret-word\n", "user", "add", "maria", "--role", "admin", "--email", "maria@example.edu", "--password-stdin", "--config", p.config)
	db, err := sql.Open("pgx", dbURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func(query string) (n int) {
		t.Helper()
		if err := db.QueryRow("SELECT count(*) FROM " + query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	stop := p.serve()
	if err := dovecot.Append("INBOX", []byte(e2eRenewal), time.Now()); err != nil {
		t.Fatal(err)
	}
	var conversation int64
	p.wait("the mail is on the list", func() bool {
		q := lines[queueJSON](p, "queue")
		if len(q) == 1 {
			conversation = q[0].ID
		}
		return len(q) == 1
	})
	p.run("", "notices", "run", "--config", p.config, "--on", today)
	p.answer(conversation)
	if replies, err := smtp.Wait(timeout(t), 1); err != nil || len(mailbox.Parse(replies[0].Raw).InReplyTo) != 1 {
		t.Fatalf("the reply did not go: %v", err)
	}
	const waits = `outbox WHERE kind = 'overdue' AND state = 'queued' AND reason LIKE 'the ILL system could not be asked%'`
	p.wait("the overdue notices wait", func() bool { return count(waits) == 2 })
	p.wait("the note and the entry are queued", func() bool {
		return count(`writeback WHERE state = 'queued' AND attempts > 0`) > 0 && count(`writeback WHERE state IN ('queued', 'sending')`) == 2
	})
	jar, _ := cookiejar.New(nil)
	staff := &http.Client{Jar: jar}
	pages := "http://" + p.listen
	p.do(staff.PostForm(pages+"/login", url.Values{"username": {"maria"}, "password": {"secret-word"}}))
	const banner = "could not be asked since"
	for _, path := range []string{"/", "/notices", "/outbox", "/writebacks", "/templates", "/stats", "/settings", fmt.Sprintf("/conversations/%d", conversation), "/offices/healey/transactions/412320"} {
		if page := p.do(staff.Get(pages + path)); !strings.Contains(page, banner) || !strings.Contains(page, "replies go") || !strings.Contains(page, "2 notes and statuses wait") {
			t.Errorf("%s does not say that ILLiad is away", path)
		}
	}
	if n := len(smtp.Mails()); n != 1 {
		t.Errorf("%d mails went", n)
	}

	ill.PutTransaction(illiadtest.Object{"TransactionNumber": 412311, "Username": "mroe", "TransactionStatus": "Request Finished", "ProcessType": "Borrowing"})
	if err := ill.ComeBack(); err != nil {
		t.Fatal(err)
	}
	p.wait("all that waited is settled", func() bool {
		// In ten minutes they would be tried by themselves.
		if _, err := db.Exec(`UPDATE outbox SET not_before = now() WHERE state = 'queued'`); err != nil {
			t.Fatal(err)
		}
		return count(`outbox WHERE state IN ('queued', 'sending')`) == 0 && count(`writeback WHERE state <> 'sent'`) == 0 && len(ill.Histories(412320)) > 0
	})
	calls := ill.Calls()
	for _, call := range []string{"GET /transaction/412311", "GET /transaction/412320"} {
		if !slices.Contains(calls, call) {
			t.Errorf("it was told without %s: %q", call, calls)
		}
	}
	if page := p.do(staff.Get(pages + "/")); strings.Contains(page, banner) {
		t.Error("the page still says that ILLiad is away")
	}
	stop()
	mails := smtp.Mails()
	if len(mails) != 2 || mails[1].To[0] != "asmith@example.edu" {
		t.Errorf("%d mails went: %+v", len(mails), mails)
	}
	if len(ill.Notes(412304)) != 1 || len(ill.Histories(412304)) != 1 || len(ill.Histories(412320)) != 1 || len(ill.Histories(412311)) != 0 {
		t.Errorf("notes %q, entries %q, %q and %q", ill.Notes(412304), ill.Histories(412304), ill.Histories(412320), ill.Histories(412311))
	}
}
