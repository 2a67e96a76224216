package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"illmail/illiad/illiadtest"
	"illmail/mailbox/mailtest"
	"illmail/store/storetest"
)

const answerAboutSent = "From: Jo Doe <jdoe3@example.edu>\r\n" +
	"To: ill@healey.example.edu\r\n" +
	"Subject: Re: TN 412304\r\n" +
	"Message-ID: <answer-1@example.edu>\r\n" +
	"In-Reply-To: <delay-1@healey.example.edu>\r\n" +
	"Date: Mon, 23 Nov 2026 09:14:00 -0500\r\n\r\n" +
	"Yes, the second edition is fine with me, too.\r\n\r\nJo\r\n"

// TestAnswerIsWrittenBackOnce: a patron answers, and the daemon is killed each
// time that ILLiad has taken the note, and then the route, and nobody has heard
// so yet. Started again, it writes neither a second time.
func TestAnswerIsWrittenBackOnce(t *testing.T) {
	t.Parallel()
	const key = "0a1b2c3d-0000-4000-8000-aabbccddeeff"
	ill := illiadtest.New(key)
	defer ill.Close()
	ill.NotesReadable = true
	ill.PutUser(illiadtest.Object{"UserName": "jdoe3", "FirstName": "Jo", "LastName": "Doe", "EMailAddress": "jdoe3@example.edu"})
	ill.PutTransaction(illiadtest.Object{"TransactionNumber": 412304, "Username": "jdoe3", "TransactionStatus": "Request Sent", "ProcessType": "Borrowing",
		"RequestType": "Loan", "LoanTitle": "Salt Roads", "TransactionDate": time.Now().Format("2006-01-02T15:04:05")})
	dovecot := mailtest.StartDovecot(t)
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{})
	keyFile := filepath.Join(t.TempDir(), "key")
	write(t, keyFile, key+"\n")
	url := storetest.EmptyURL(t)
	p := buildProductOn(t, url, &dovecot.Box, smtp, fmt.Sprintf(`
[office.states]
"Awaiting Reply" = "open"
[office.illiad]
base_url = %q
api_key_file = %q
write_back = true
[office.illiad.routes]
reply = "Awaiting Reply"
`, ill.Base(), keyFile))
	csv := filepath.Join(filepath.Dir(p.config), "t.csv")
	write(t, csv, "TransactionNumber,Username,EMailAddress,TransactionStatus,LoanTitle,ProcessType\n412304,jdoe3,jdoe3@example.edu,Request Sent,Salt Roads,Borrowing\n")
	p.run("", "import", "--config", p.config, "transactions", csv)
	if err := dovecot.Append("INBOX", []byte(answerAboutSent), time.Now()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	// Each kind of call is cut off once, after ILLiad did what was asked.
	var mu sync.Mutex
	var daemon *exec.Cmd
	cut := map[string]bool{}
	died := make(chan string, 2)
	ill.Misbehave(func(r *http.Request) illiadtest.Fault {
		mu.Lock()
		defer mu.Unlock()
		what := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if r.Method == http.MethodGet || what == "histories" || cut[what] {
			return illiadtest.None
		}
		cut[what] = true
		_ = daemon.Process.Kill()
		died <- what
		return illiadtest.HangUpAfter
	})
	for range 2 {
		log := &bytes.Buffer{}
		cmd := exec.Command(p.binary, "serve", "--config", p.config)
		cmd.Stdout, cmd.Stderr = log, log
		mu.Lock()
		daemon = cmd
		err := cmd.Start()
		mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-died:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("nothing was written\n%s", log)
		}
		_ = cmd.Wait() // it was killed
		// Its claims and leases would run out by themselves, in a minute.
		if _, err := db.Exec(`UPDATE writeback SET claimed_until = now() - interval '1 second' WHERE state = 'sending'; DELETE FROM lease`); err != nil {
			t.Fatal(err)
		}
	}
	stop := p.serve()
	p.wait("all is written", func() bool {
		var left int
		if err := db.QueryRow(`SELECT count(*) FROM writeback WHERE state <> 'sent'`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	stop()
	if n := ill.Notes(412304); len(n) != 1 || !strings.Contains(n[0], "the second edition is fine") {
		t.Errorf("the notes are %q", n)
	}
	routes := 0
	for _, c := range ill.Calls() {
		if c == "PUT /transaction/412304/route" {
			routes++
		}
	}
	if routes != 1 || ill.Status(412304) != "Awaiting Reply" {
		t.Errorf("%d routes, the status is %q", routes, ill.Status(412304))
	}
}
