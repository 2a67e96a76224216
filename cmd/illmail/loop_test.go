package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
	"illmail/store/storetest"
)

// away is what a machine answers to m: by RFC 3834, as Outlook does, or without
// any mark of a machine.
func away(patron string, m mailtest.Mail) string {
	was := mailbox.Parse(m.Raw)
	subject, mark, text := "Automatic reply: "+was.Subject, "", "I am out of the office and read no mail."
	switch {
	case strings.HasPrefix(patron, "polite"):
		mark = "Auto-Submitted: auto-replied\r\n"
	case strings.HasPrefix(patron, "outlook"):
		mark = "X-Auto-Response-Suppress: All\r\n"
	default:
		subject, text = "Re: "+was.Subject, "Thanks for your mail. I am travelling.\r\n\r\n> "+strings.ReplaceAll(was.Text, "\n", "\r\n> ")
	}
	return fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <away.%s>\r\nIn-Reply-To: <%s>\r\nReferences: <%s>\r\nDate: %s\r\n%s\r\n%s\r\n",
		patron, m.From, subject, was.MessageID, was.MessageID, was.MessageID, time.Now().Format(time.RFC1123Z), mark, text)
}

// TestNoLoops lets the product converse with machines that answer everything,
// and with a copy of itself: one mail each way, then silence.
func TestNoLoops(t *testing.T) {
	t.Parallel()
	const here, there = "ill@healey.example.edu", "ill@twin.example.edu"
	boxes := map[string]*mailtest.Box{}
	for _, office := range []string{here, there} {
		boxes[office] = &mailtest.StartIMAP(t, mailtest.IMAPOptions{Username: office}).Box
	}
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{Deliver: func(m mailtest.Mail) error {
		for _, to := range m.To {
			raw, box := m.Raw, boxes[to]
			if box == nil { // a patron's
				raw, box = []byte(away(to, m)), boxes[m.From]
			}
			if err := box.Append("INBOX", raw, time.Now()); err != nil {
				return err
			}
		}
		return nil
	}})
	url, twinURL := storetest.EmptyURL(t), storetest.EmptyURL(t)
	p := buildProductOn(t, url, boxes[here], smtp, "")
	twin := p.variant("twin", url, twinURL, here, there, fmt.Sprintf("port = %d\n", boxes[here].Port), fmt.Sprintf("port = %d\n", boxes[there].Port))

	today, yesterday := time.Now().Format(time.DateOnly), time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	for _, office := range []struct {
		*product
		patrons []string
	}{
		{p, []string{"polite@example.edu", "outlook@example.edu", "rude@example.edu", there}},
		{twin, []string{here}},
	} {
		var csv strings.Builder
		csv.WriteString("transaction_number,username,email,status,title,due_date,status_date\n")
		for i, patron := range office.patrons {
			fmt.Fprintf(&csv, "%d,%s,%s,Checked Out to Customer,Salt Roads %d,%s,%s\n", 412304+i, strings.ReplaceAll(patron, "@", "-"), patron, i, yesterday, yesterday)
		}
		file := filepath.Join(filepath.Dir(office.config), "loop.csv")
		write(t, file, csv.String())
		office.run("", "import", "--config", office.config, "transactions", file)
		stop := office.serve()
		defer stop()
		office.run("", "notices", "run", "--config", office.config, "--on", today)
	}
	quiet := func(office *product, answers int) {
		office.wait("all answers are filed and all mail has gone", func() bool {
			filed := 0
			for _, r := range lines[store.LedgerRow](office, "ledger") {
				if r.Mailbox == "INBOX" {
					filed += r.Filed
				}
			}
			return filed == answers && len(lines[outboxJSON](office, "outbox", "--state", "queued"))+len(lines[outboxJSON](office, "outbox", "--state", "sending")) == 0
		})
	}
	for range 2 { // and running again changes nothing
		quiet(p, 4)
		quiet(twin, 1)
		if n := len(smtp.Mails()); n != 5 {
			t.Fatalf("%d mails were sent, want the 5 notices", n)
		}
		p.run("", "notices", "run", "--config", p.config, "--on", today)
		twin.run("", "notices", "run", "--config", twin.config, "--on", today)
	}
	quiet(p, 4)
	quiet(twin, 1)
	if n := len(smtp.Mails()); n != 5 {
		t.Errorf("%d mails were sent, want the 5 notices", n)
	}
	for _, q := range lines[queueJSON](p, "queue") {
		if strings.HasPrefix(q.From, "polite") || strings.HasPrefix(q.From, "outlook") {
			t.Errorf("an automatic reply waits for a person: %+v", q)
		}
	}
	for _, m := range smtp.Mails() {
		if got := mailbox.Parse(m.Raw); got.Get("Auto-Submitted") != "auto-generated" || got.Get("X-Auto-Response-Suppress") == "" || got.MessageID == "" {
			t.Errorf("a notice does not say that a machine wrote it: Auto-Submitted %q, X-Auto-Response-Suppress %q, Message-ID %q",
				got.Get("Auto-Submitted"), got.Get("X-Auto-Response-Suppress"), got.MessageID)
		}
	}
}
