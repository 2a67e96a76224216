package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/illiad/illiadtest"
	"illmail/mailbox/mailtest"
)

// TestILLiad: of two overdue loans ILLiad says that one came back meanwhile, so
// that only the other's patron is told; the notice becomes a history entry and
// a patron's mail a note, once, also after a restart.
func TestILLiad(t *testing.T) {
	t.Parallel()
	const key = "0a1b2c3d-0000-4000-8000-aabbccddeeff"
	ill := illiadtest.New(key)
	defer ill.Close()
	for tn, patron := range map[int]string{412304: "jdoe3", 412311: "mroe", 412320: "asmith"} {
		ill.PutUser(illiadtest.Object{"UserName": patron, "FirstName": "Jo", "LastName": "Doe", "EMailAddress": patron + "@example.edu"})
		ill.PutTransaction(illiadtest.Object{"TransactionNumber": tn, "Username": patron, "TransactionStatus": "Checked Out to Customer", "ProcessType": "Borrowing",
			"RequestType": "Loan", "LoanTitle": "Salt Roads", "DueDate": time.Now().AddDate(0, 0, -2).Format("2006-01-02T15:04:05"), "TransactionDate": "2026-01-02T03:04:05.6"})
	}
	dovecot := mailtest.StartDovecot(t)
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{})
	keyFile := filepath.Join(t.TempDir(), "key")
	write(t, keyFile, key+"\n")
	p := buildProduct(t, &dovecot.Box, smtp, fmt.Sprintf(`
[office.illiad]
base_url = %q
api_key_file = %q
write_back = true
off_in_illiad = ["overdue"]
`, ill.Base(), keyFile))

	csv := filepath.Join(filepath.Dir(p.config), "t.csv")
	due := time.Now().AddDate(0, 0, -2).Format(time.DateOnly)
	write(t, csv, "TransactionNumber,Username,EMailAddress,TransactionStatus,LoanTitle,DueDate,ProcessType\n"+
		"412304,jdoe3,jdoe3@example.edu,Checked Out to Customer,Salt Roads,"+due+",Borrowing\n"+
		"412311,mroe,mroe@example.edu,Checked Out to Customer,Salt Roads,"+due+",Borrowing\n"+
		"412320,asmith,asmith@example.edu,Checked Out to Customer,Salt Roads,"+due+",Borrowing\n")
	p.run("", "import", "--config", p.config, "transactions", csv)
	if out, _ := p.try("", "check", "--config", p.config); !strings.Contains(out, "ILLiad: Web Platform 9.2.0.0") || !strings.Contains(out, "Extremely Overdue and Blocked") {
		t.Errorf("check says\n%s", out)
	}

	ill.PutTransaction(illiadtest.Object{"TransactionNumber": 412311, "Username": "mroe", "TransactionStatus": "Request Finished", "ProcessType": "Borrowing"})
	stop := p.serve()
	if err := dovecot.Append("INBOX", []byte(e2eRenewal), time.Now()); err != nil {
		t.Fatal(err)
	}
	p.wait("the mail is a note in ILLiad", func() bool { return len(ill.Notes(412304)) == 1 })
	if n := ill.Notes(412304)[0]; !strings.Contains(n, "another two weeks") || !strings.Contains(n, "jdoe3@example.edu") {
		t.Errorf("the note is %q", n)
	}
	// A request that no export holds yet is fetched when its patron writes.
	ill.PutTransaction(illiadtest.Object{"TransactionNumber": 412399, "Username": "jdoe3", "TransactionStatus": "Request Sent", "ProcessType": "Borrowing",
		"RequestType": "Loan", "LoanTitle": "Tin Roads", "TransactionDate": time.Now().Format("2006-01-02T15:04:05")})
	fresh := strings.NewReplacer("412304", "412399", "renew-1@", "status-1@", "Renewal", "Where is it", "Could I please keep this book for another two weeks?", "Where is my request?").Replace(e2eRenewal)
	if err := dovecot.Append("INBOX", []byte(fresh), time.Now()); err != nil {
		t.Fatal(err)
	}
	p.wait("the mail is filed on the request that ILLiad told of", func() bool {
		return slices.ContainsFunc(lines[queueJSON](p, "queue"), func(q queueJSON) bool { return slices.Contains(q.Transactions, 412399) })
	})
	p.run("", "notices", "run", "--config", p.config, "--on", time.Now().Format(time.DateOnly))
	p.wait("the notice is a history entry in ILLiad", func() bool { return len(ill.Histories(412320)) == 1 })
	p.wait("the other notice is settled", func() bool {
		return !slices.ContainsFunc(lines[outboxJSON](p, "outbox"), func(o outboxJSON) bool { return o.State == "queued" || o.State == "sending" })
	})
	stop()
	stop = p.serve() // it looks again for what to write
	stop()

	mails := smtp.Mails()
	if len(mails) != 1 || mails[0].To[0] != "asmith@example.edu" {
		t.Errorf("%d mails were sent: %+v", len(mails), mails)
	}
	told := p.run("", "outbox", "--json", "--config", p.config, "--state", "cancelled")
	if !strings.Contains(told, "412311") || !strings.Contains(told, `"reason":"`) || strings.Contains(told, `"reason":""`) {
		t.Errorf("the cancelled notice: %s", told)
	}
	if len(ill.Notes(412304)) != 1 || len(ill.Histories(412320)) != 1 || len(ill.Histories(412311)) != 0 {
		t.Errorf("notes %q, entries %q and %q", ill.Notes(412304), ill.Histories(412320), ill.Histories(412311))
	}
}
