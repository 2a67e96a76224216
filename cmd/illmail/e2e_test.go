package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store/storetest"
)

// product is the built binary with a configuration of its own.
type product struct {
	t      *testing.T
	binary string
	config string
	listen string
	pid    int // of the daemon started last
}

// buildProduct builds illmail and writes a configuration for one office whose
// mail lies on the given servers, with a database of the test's own.
func buildProduct(t *testing.T, box *mailtest.Box, smtp *mailtest.SMTP, extra string) *product {
	t.Helper()
	return buildProductOn(t, storetest.EmptyURL(t), box, smtp, extra)
}

// buildProductOn does so for the database at url.
func buildProductOn(t *testing.T, url string, box *mailtest.Box, smtp *mailtest.SMTP, extra string) *product {
	t.Helper()
	dir := t.TempDir()
	p := &product{t: t, binary: builtProgram(t), config: filepath.Join(dir, "illmail.toml"), listen: freeAddr(t)}
	secret := filepath.Join(dir, "password")
	write(t, secret, box.Password+"\n")
	write(t, p.config, fmt.Sprintf(`
state_dir = %q
[database]
url = %q
[web]
listen = %q
[[office]]
code = "healey"
name = "Healey Library Interlibrary Loan"
address = "ill@healey.example.edu"
domains = ["example.edu"]
[office.imap]
host = %q
port = %d
security = "none"
username = %q
password_file = %q
start = "all"
poll_interval = "1s"
[office.smtp]
host = %q
port = %d
security = "none"
auth = "none"
max_per_minute = 0
[office.notices]
closed_weekdays = []
%s`, dir, url, p.listen, box.Host, box.Port, box.Username, secret, smtp.Host, smtp.Port, extra))
	return p
}

// program builds illmail, once for all tests that run it.
var program = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(programDir, "illmail")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building illmail: %w\n%s", err, out)
	}
	return path, nil
})

func builtProgram(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// freeAddr is a loopback address on which nothing listens.
func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// variant is the same program with another configuration: another address of
// its pages, and each old text, which must be there, replaced by the new one.
//
//lint:ignore U1000 for tests that start several daemons
func (p *product) variant(name string, oldnew ...string) *product {
	p.t.Helper()
	v := *p
	v.config, v.listen = filepath.Join(filepath.Dir(p.config), name+".toml"), freeAddr(p.t)
	raw, err := os.ReadFile(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	text := string(raw)
	for pair := range slices.Chunk(append(oldnew, p.listen, v.listen), 2) {
		if !strings.Contains(text, pair[0]) {
			p.t.Fatalf("%s has no %q", p.config, pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	write(p.t, v.config, text)
	return &v
}

// try runs a subcommand to its end and returns what it printed.
func (p *product) try(stdin string, args ...string) (string, error) {
	cmd := exec.Command(p.binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("illmail %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), err
}

// run does the same where it must succeed.
func (p *product) run(stdin string, args ...string) string {
	p.t.Helper()
	out, err := p.try(stdin, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// lines runs a subcommand with --json and decodes its lines.
func lines[T any](p *product, args ...string) []T {
	p.t.Helper()
	var all []T
	s := bufio.NewScanner(strings.NewReader(p.run("", append(args, "--json", "--config", p.config)...)))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			p.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, s.Text())
		}
		all = append(all, v)
	}
	return all
}

// serve starts the daemon and waits until it answers; the returned function
// asks it to end and checks that it does.
func (p *product) serve() (stop func()) {
	p.t.Helper()
	cmd := exec.Command(p.binary, "serve", "--config", p.config)
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	stopped := false
	p.t.Cleanup(func() {
		if !stopped {
			_ = cmd.Process.Kill()
			<-done
		}
		if p.t.Failed() {
			p.t.Logf("the daemon's log:\n%s", log)
		}
	})
	p.wait("the daemon answers", func() bool {
		resp, err := http.Get("http://" + p.listen + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return func() {
		p.t.Helper()
		stopped = true
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			p.t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				p.t.Errorf("the daemon ended with %v\n%s", err, log)
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-done
			p.t.Errorf("the daemon did not leave after SIGTERM\n%s", log)
		}
	}
}

// wait polls until ok; it is a bound against hanging, not a measure.
func (p *product) wait(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain until %s", what)
		}
	}
}

type queueJSON struct {
	ID           int64   `json:"id"`
	State        string  `json:"state"`
	Kind         string  `json:"kind"`
	Intent       string  `json:"intent"`
	From         string  `json:"from"`
	Subject      string  `json:"subject"`
	Transactions []int64 `json:"transactions"`
	MessageID    string  `json:"message_id"`
}

type outboxJSON struct {
	Kind         string  `json:"kind"`
	Rung         int     `json:"rung"`
	To           string  `json:"to"`
	Transactions []int64 `json:"transactions"`
	State        string  `json:"state"`
	MessageID    string  `json:"message_id"`
	SMTPReply    string  `json:"smtp_reply"`
}

const e2eRenewal = "From: Jo Doe <jdoe3@example.edu>\r\n" +
	"To: ill@healey.example.edu\r\n" +
	"Subject: Renewal, TN 412304\r\n" +
	"Message-ID: <renew-1@example.edu>\r\n" +
	"Date: Mon, 23 Nov 2026 09:14:00 -0500\r\n\r\n" +
	"Could I please keep this book for another two weeks?\r\n\r\nJo\r\n"

// TestEndToEnd runs the product as an office would: requests are imported, a
// mail comes in over a real Dovecot and is answered, a notice goes out, and
// each mail of ours lands in Sent once.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	dovecot := mailtest.StartDovecot(t)
	smtp := mailtest.StartSMTP(t, mailtest.SMTPOptions{})
	p := buildProduct(t, &dovecot.Box, smtp, "")

	yesterday := time.Now().AddDate(0, 0, -2).Format(time.DateOnly)
	today := time.Now().Format(time.DateOnly)
	csv := filepath.Join(filepath.Dir(p.config), "t.csv")
	write(t, csv, "transaction_number,username,first_name,last_name,email,status,title,due_date,status_date,renewals_allowed\n"+
		"412304,jdoe3,Jo,Doe,jdoe3@example.edu,Checked Out to Customer,Salt Roads,"+today+","+yesterday+",Yes\n"+
		"not a number,x,,,,,,,,\n"+
		"412311,mroe,Mary,Roe,mroe@example.edu,Checked Out to Customer,Bog Letters,"+yesterday+","+yesterday+",No\n")
	cmd := exec.Command(p.binary, "import", "--config", p.config, "transactions", csv)
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "3") || !strings.Contains(string(out), "not a number") {
		t.Errorf("the import did not name the bad line 3: %v\n%s", err, out)
	}
	if again := p.run("", "import", "--config", p.config, "transactions", csv); !strings.Contains(again, "2 unchanged") {
		t.Errorf("a second import: %s", again)
	}
	p.run("secret-word\n", "user", "add", "maria", "--role", "admin", "--email", "maria@example.edu", "--password-stdin", "--config", p.config)

	stop := p.serve()
	if err := dovecot.Append("INBOX", []byte(e2eRenewal), time.Now(), `\Seen`); err != nil {
		t.Fatal(err)
	}
	var item queueJSON
	p.wait("the mail is on the list", func() bool {
		q := lines[queueJSON](p, "queue")
		if len(q) == 1 {
			item = q[0]
		}
		return len(q) == 1
	})
	if item.Kind != "patron" || item.Intent != "renewal" || item.From != "jdoe3@example.edu" || item.MessageID != "<renew-1@example.edu>" ||
		len(item.Transactions) != 1 || item.Transactions[0] != 412304 {
		t.Errorf("the list says %+v", item)
	}

	p.answer(item.ID)
	replies, err := smtp.Wait(timeout(t), 1)
	if err != nil {
		t.Fatalf("no reply was sent: %v", err)
	}
	reply := mailbox.Parse(replies[0].Raw)
	if len(reply.InReplyTo) != 1 || reply.InReplyTo[0] != "renew-1@example.edu" || replies[0].To[0] != "jdoe3@example.edu" {
		t.Errorf("the reply does not thread: In-Reply-To %v, to %v", reply.InReplyTo, replies[0].To)
	}

	p.run("", "notices", "run", "--config", p.config, "--on", today)
	mails, err := smtp.Wait(timeout(t), 2)
	if err != nil {
		t.Fatalf("no notice was sent: %v", err)
	}
	notice := mailbox.Parse(mails[1].Raw)
	if mails[1].To[0] != "mroe@example.edu" || notice.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("the notice went to %v, Auto-Submitted %q", mails[1].To, notice.Get("Auto-Submitted"))
	}
	p.run("", "notices", "run", "--config", p.config, "--on", today) // a second run sends nothing more
	p.wait("both mails are in Dovecot's Sent", func() bool {
		n, err := dovecot.Count("Sent")
		return err == nil && n == 2
	})
	p.wait("the outbox knows both as sent", func() bool {
		return len(lines[outboxJSON](p, "outbox", "--state", "sent")) == 2
	})
	for _, o := range lines[outboxJSON](p, "outbox") {
		if o.State == "sent" && (!strings.HasPrefix(o.SMTPReply, "250") || o.MessageID == "") {
			t.Errorf("the outbox says %+v", o)
		}
	}
	if ids := sentIDs(t, &dovecot.Box); !ids[reply.MessageID] || !ids[notice.MessageID] || len(ids) != 2 {
		t.Errorf("Sent holds %v, want %s and %s", ids, reply.MessageID, notice.MessageID)
	}
	if n := len(smtp.Mails()); n != 2 {
		t.Errorf("%d mails were sent, want 2", n)
	}
	stop()
	p.run("", "ledger", "--config", p.config) // exits 1 where it does not add up
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func sentIDs(t *testing.T, b *mailtest.Box) map[string]bool {
	t.Helper()
	stored, err := b.Messages("Sent")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, s := range stored {
		ids[mailbox.Parse(s.Raw).MessageID] = true
	}
	return ids
}

// answer signs in as staff do and sends the prepared reply of a conversation.
func (p *product) answer(id int64) {
	p.t.Helper()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	base := "http://" + p.listen
	page := p.do(client.PostForm(base+"/login", url.Values{"username": {"maria"}, "password": {"secret-word"}}))
	if !strings.Contains(page, "Salt Roads") {
		p.t.Fatalf("after signing in the list does not show the request:\n%s", page)
	}
	page = p.do(client.Get(fmt.Sprintf("%s/conversations/%d", base, id)))
	form, action := replyForm(p.t, page)
	if !strings.Contains(form.Get("body"), "Salt Roads") {
		p.t.Errorf("the prepared reply does not speak of the request: %q", form.Get("body"))
	}
	form.Set("action", "send_wait") // the button that is pressed
	page = p.do(client.PostForm(base+action, form))
	if strings.Contains(page, "class=\"error\"") {
		p.t.Errorf("the reply was refused:\n%s", page)
	}
}

func (p *product) do(resp *http.Response, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s\n%s", resp.Request.URL, resp.Status, b)
	}
	return string(b)
}

var (
	formRE  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*/reply)"[^>]*>(.*?)</form>`)
	inputRE = regexp.MustCompile(`<input[^>]*\bname="([^"]+)"[^>]*>`)
	valueRE = regexp.MustCompile(`\bvalue="([^"]*)"`)
	areaRE  = regexp.MustCompile(`(?s)<textarea[^>]*\bname="([^"]+)"[^>]*>(.*?)</textarea>`)
)

// replyForm reads the reply form of a conversation page as a browser would send it.
func replyForm(t *testing.T, page string) (url.Values, string) {
	t.Helper()
	form, action := readReplyForm(page)
	if form == nil {
		t.Fatalf("the page has no reply form:\n%s", page)
	}
	return form, action
}

// readReplyForm returns nil where there is none.
func readReplyForm(page string) (url.Values, string) {
	m := formRE.FindStringSubmatch(page)
	if m == nil {
		return nil, ""
	}
	form := url.Values{}
	for _, in := range inputRE.FindAllStringSubmatch(m[2], -1) {
		if v := valueRE.FindStringSubmatch(in[0]); v != nil {
			form.Set(in[1], html.UnescapeString(v[1]))
		}
	}
	for _, a := range areaRE.FindAllStringSubmatch(m[2], -1) {
		form.Set(a[1], strings.TrimPrefix(html.UnescapeString(a[2]), "\n"))
	}
	return form, html.UnescapeString(m[1])
}
