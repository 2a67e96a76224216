package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"illmail/mailbox/mailtest"
)

// TestMemoryStaysBounded lets the daemon take in mail that is as large as mail
// gets, from a real Dovecot, and reads from the kernel how much memory it ever
// held: a few large mails' worth, not all of them.
func TestMemoryStaysBounded(t *testing.T) {
	t.Parallel()
	dovecot := mailtest.StartDovecot(t)
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{})
	p := buildProduct(t, &dovecot.Box, smtp, "")

	scan := make([]byte, 20<<20) // with base64 just under size_limit
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range scan {
		scan[i] = byte(dice.Uint32())
	}
	attached := base64.StdEncoding.EncodeToString(scan)
	const each = 3
	for i := range each {
		head := func(kind string) string {
			return fmt.Sprintf("From: Jo Doe <jdoe3@example.edu>\r\nTo: ill@healey.example.edu\r\nSubject: %s %d\r\n"+
				"Message-ID: <%s-%d@example.edu>\r\nDate: Mon, 23 Nov 2026 09:14:00 -0500\r\n", kind, i, kind, i)
		}
		for _, raw := range []string{
			head("scan") + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nPage 12 is missing.\r\n--b\r\n" +
				"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=scan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
				attached + "\r\n--b--\r\n",
			head("text") + "\r\nPage 12 is missing.\r\n" + strings.Repeat("A line of a very large message, fifty bytes long.\r\n", 50<<20/51),
			head("fields") + strings.Repeat("X-Field: x\r\n", 100_000) + "\r\nPage 12 is missing.\r\n",
		} {
			if err := dovecot.Append("INBOX", []byte(raw), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}

	stop := p.serve()
	p.wait("all mail is on the list", func() bool { return len(lines[queueJSON](p, "queue")) == 3*each })
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		t.Fatal(err)
	}
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if peak == nil {
		t.Fatalf("no VmHWM in\n%s", status)
	}
	mb, err := strconv.Atoi(string(peak[1]))
	if err != nil {
		t.Fatal(err)
	}
	mb >>= 10
	t.Logf("%d MB of mail, %d MB of memory at most", each*(27+50+1), mb)
	if mb > 300 {
		t.Errorf("the daemon held %d MB at once", mb)
	}
	stop()
}
