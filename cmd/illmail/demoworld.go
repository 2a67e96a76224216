package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
)

// demoWorld is what lies around the sample office: its mail server with the
// people who write to it, and the mail system that takes what it sends. Every
// mail is kept as a file under dir, so that a second start finds the same
// mailbox: in/ holds what came, out/ what went.
type demoWorld struct {
	dir   string
	today store.Date
	log   *slog.Logger
	imap  *mailtest.IMAP
	smtp  *mailtest.SMTP

	mu      sync.Mutex
	timers  []*time.Timer
	closed  bool
	stopped chan struct{}
}

const (
	demoUser     = sampleAddress
	demoPassword = "demo"
)

// newDemoWorld starts the servers and fills the mailbox: with the sample mail
// at the first start, with what is kept at a later one.
func newDemoWorld(dir string, now time.Time, today store.Date, log *slog.Logger) (_ *demoWorld, err error) {
	w := &demoWorld{dir: dir, today: today, log: log, stopped: make(chan struct{})}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for _, d := range []string{"in", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("creating the demo's mail folder: %w", err)
		}
	}
	if w.imap, err = mailtest.NewIMAP(mailtest.IMAPOptions{Username: demoUser, Password: demoPassword}); err != nil {
		return nil, fmt.Errorf("starting the demo's IMAP server: %w", err)
	}
	if w.smtp, err = mailtest.NewSMTP(mailtest.SMTPOptions{Deliver: w.take}); err != nil {
		return nil, fmt.Errorf("starting the demo's SMTP server: %w", err)
	}
	kept, err := keptMail(filepath.Join(dir, "in"))
	if err != nil {
		return nil, err
	}
	for _, m := range kept {
		if err := w.imap.Append("INBOX", m.Raw, m.At); err != nil {
			return nil, fmt.Errorf("filling the demo's inbox: %w", err)
		}
	}
	sent, err := keptMail(filepath.Join(dir, "out"))
	if err != nil {
		return nil, err
	}
	for _, m := range sent {
		if err := w.imap.Append("Sent", m.Raw, m.At, `\Seen`); err != nil {
			return nil, fmt.Errorf("filling the demo's Sent folder: %w", err)
		}
	}
	return w, w.deliverSample(now)
}

// deliverSample delivers the sample mail that is not there yet, and sets the
// clock for what comes while one watches.
func (w *demoWorld) deliverSample(now time.Time) error {
	for i, m := range sampleMails {
		name := fmt.Sprintf("sample-%02d", i+1)
		if w.has(name) {
			continue
		}
		id := name + "@mail.northfield.example"
		if m.after > 0 {
			w.later(m.after, func() error {
				at := time.Now()
				return w.deliver(name, m.compose(id, at, w.today), at)
			})
			continue
		}
		at := now.Add(-m.ago).Truncate(time.Second)
		if err := w.deliver(name, m.compose(id, at, w.today), at); err != nil {
			return err
		}
	}
	return nil
}

func (w *demoWorld) path(name string) string { return filepath.Join(w.dir, "in", name+".eml") }

func (w *demoWorld) has(name string) bool {
	_, err := os.Stat(w.path(name))
	return err == nil
}

// deliver keeps a mail as a file and puts it into the inbox.
func (w *demoWorld) deliver(name string, raw []byte, at time.Time) error {
	if err := keepMail(w.path(name), raw, at); err != nil {
		return err
	}
	if err := w.imap.Append("INBOX", raw, at); err != nil {
		return fmt.Errorf("delivering to the demo's inbox: %w", err)
	}
	return nil
}

// later does something after a while, unless the demo has ended by then.
func (w *demoWorld) later(d time.Duration, do func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.timers = append(w.timers, time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.closed {
			return
		}
		if err := do(); err != nil {
			w.log.Error("the demo's mail did not arrive", "error", err)
		}
	}))
}

// take is the outside mail system: it keeps the mail, and sometimes its
// recipient answers.
func (w *demoWorld) take(m mailtest.Mail) error {
	p := mailbox.Parse(m.Raw)
	name := fmt.Sprintf("%d", m.At.UnixNano())
	if err := keepMail(filepath.Join(w.dir, "out", name+".eml"), m.Raw, m.At); err != nil {
		return err
	}
	kind, _, _ := strings.Cut(p.Get("X-Illmail-Ref"), ".")
	for _, to := range m.To {
		user, _, _ := strings.Cut(to, "@")
		w.answer(user, kind, p)
	}
	return nil
}

func (w *demoWorld) answer(user, kind string, p *mailbox.Message) {
	if kind == "" || kind == "reply" {
		name := "thanks-" + user
		if i := patronIndex(user); i >= 0 && !w.has(name) {
			body := sampleThanks + samplePatrons[i].first
			w.later(15*time.Second, func() error { return w.reply(name, user, p, body, nil) })
		}
		return
	}
	for _, a := range sampleAnswers {
		name := "answer-" + user + "-" + kind
		if a.to != user || a.kind != kind || w.has(name) {
			continue
		}
		w.later(a.wait, func() error {
			switch {
			case a.bounce:
				at := time.Now()
				return w.deliver(name, bounceOf(p, user+"@northfield.example.edu", at), at)
			case a.auto:
				return w.reply(name, user, p, a.body, []string{"Auto-Submitted: auto-replied"})
			}
			return w.reply(name, user, p, a.body, nil)
		})
	}
}

// reply delivers a patron's answer to one of our mails, which it quotes.
func (w *demoWorld) reply(name, user string, to *mailbox.Message, body string, headers []string) error {
	at := time.Now()
	subject := "Re: " + strings.TrimPrefix(to.Subject, "Re: ")
	if headers != nil {
		subject = "Automatic reply: " + to.Subject
	} else {
		var quoted strings.Builder
		fmt.Fprintf(&quoted, "\n\nOn %s, Northfield Interlibrary Loan <%s> wrote:\n\n", at.Format("Mon, Jan 2, 2006 at 3:04 PM"), sampleAddress)
		for _, line := range strings.Split(strings.TrimSpace(to.Text), "\n") {
			quoted.WriteString(strings.TrimRight("> "+line, " ") + "\n")
		}
		body += quoted.String()
	}
	m := sampleMail{from: user, subject: subject, body: body,
		headers: append(headers, "In-Reply-To: <"+to.MessageID+">", "References: <"+to.MessageID+">")}
	return w.deliver(name, m.compose(name+"@mail.northfield.example", at, w.today), at)
}

// bounceOf is the report of a mail system that could not deliver m (RFC 3464).
func bounceOf(m *mailbox.Message, to string, at time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `Return-Path: <>
From: Mail Delivery System <mailer-daemon@mx.northfield.example.edu>
To: %s
Date: %s
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-%d@mx.northfield.example.edu>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="report"

--report
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.northfield.example.edu.

I'm sorry to have to inform you that your message could not be delivered.

<%s>: user unknown

--report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.northfield.example.edu

Final-Recipient: rfc822; %s
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown

--report
Content-Type: text/rfc822-headers

From: %s
To: %s
Subject: %s
Message-ID: <%s>

--report--
`, sampleAddress, at.Format(time.RFC1123Z), at.UnixNano(), to, to, sampleAddress, to, "Your interlibrary loan", m.MessageID)
	return bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n"))
}

func patronIndex(username string) int {
	for i, p := range samplePatrons {
		if p.username == username {
			return i
		}
	}
	return -1
}

// close stops the servers; nothing is delivered any more.
func (w *demoWorld) close() {
	w.mu.Lock()
	w.closed = true
	for _, t := range w.timers {
		t.Stop()
	}
	w.mu.Unlock()
	if w.smtp != nil {
		_ = w.smtp.Close()
	}
	if w.imap != nil {
		_ = w.imap.Close()
	}
}

// keptFile is a mail as it lies in a folder of the demo.
type keptFile struct {
	Name string
	Raw  []byte
	At   time.Time
}

// keepMail writes a mail to a file, whole or not at all; its time is at.
func keepMail(path string, raw []byte, at time.Time) error {
	tmp := path + ".part"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return fmt.Errorf("keeping a mail of the demo: %w", err)
	}
	if err := os.Chtimes(tmp, at, at); err != nil {
		return fmt.Errorf("keeping a mail of the demo: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("keeping a mail of the demo: %w", err)
	}
	return nil
}

// keptMail reads a folder of kept mail, oldest first.
func keptMail(dir string) ([]keptFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the demo's mail: %w", err)
	}
	var kept []keptFile
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".eml" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the demo's mail: %w", err)
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("reading the demo's mail: %w", err)
		}
		kept = append(kept, keptFile{strings.TrimSuffix(entry.Name(), ".eml"), raw, info.ModTime()})
	}
	sort.SliceStable(kept, func(i, j int) bool { return kept[i].At.Before(kept[j].At) })
	return kept, nil
}
