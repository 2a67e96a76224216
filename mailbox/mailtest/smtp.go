package mailtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"illmail/mailbox"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is one mail as the SMTP server took it.
type Mail struct {
	From string
	To   []string // envelope recipients
	Raw  []byte
	At   time.Time
}

// Stage is a moment of an SMTP transaction at which a script may interfere.
type Stage string

// The stages of a mail transaction (RFC 5321 section 3.3).
const (
	AtMail Stage = "MAIL" // MAIL FROM was said
	AtRcpt Stage = "RCPT" // a RCPT TO was said; it is the last of Mail.To
	AtData Stage = "DATA" // 354 was answered, nothing is read yet
	AtDot  Stage = "DOT"  // the final dot has come, nothing is answered yet
)

// Verdict is what a script wants to happen. The zero value lets things go on.
type Verdict struct {
	Code   int    // 4xx or 5xx: refuse with it; 0: go on
	Text   string // of the refusal, such as "5.1.1 User unknown"
	HangUp bool   // close the connection instead of answering
	Keep   bool   // with HangUp at the dot: the mail was taken nonetheless
	Delay  time.Duration
}

// SMTPOptions are what an SMTP server may differ in.
type SMTPOptions struct {
	Addr               string // "" is a free port of 127.0.0.1
	Username, Password string // "" asks for no log-in
	Token              string // for XOAUTH2; "" does not offer it
	Security           mailbox.Security
	// Script is asked at each stage of each mail; nil takes everything.
	Script func(at Stage, m Mail) Verdict
	// Deliver is given each accepted mail before its 250, to file it in
	// someone's INBOX or in Sent; its error is answered as 451.
	Deliver func(Mail) error
}

// SMTP is a submission server that keeps what it takes.
type SMTP struct {
	Host               string
	Port               int
	Username, Password string
	Security           mailbox.Security
	RootCAs            *x509.CertPool

	server  *smtp.Server
	ln      net.Listener
	token   string
	deliver func(Mail) error
	served  chan error
	closing chan struct{}

	closeOnce sync.Once

	mu          sync.Mutex
	script      func(Stage, Mail) Verdict
	mails       []Mail
	connections int
	open        int
	changed     chan struct{} // closed and replaced at each mail
}

// NewSMTP starts an SMTP server.
func NewSMTP(opt SMTPOptions) (*SMTP, error) {
	if opt.Addr == "" {
		opt.Addr = "127.0.0.1:0"
	}
	if opt.Security == "" {
		opt.Security = mailbox.None
	}
	s := &SMTP{
		Username: opt.Username, Password: opt.Password, Security: opt.Security,
		token: opt.Token, deliver: opt.Deliver, script: opt.Script,
		served: make(chan error, 1), closing: make(chan struct{}), changed: make(chan struct{}),
	}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		s.connections++
		s.open++
		s.mu.Unlock()
		return &smtpSession{server: s, conn: c, loggedIn: s.Username == "" && s.token == ""}, nil
	}))
	s.server.Domain = "localhost"
	s.server.AllowInsecureAuth = opt.Security != mailbox.StartTLS
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	s.server.MaxMessageBytes = 64 << 20
	ln, err := net.Listen("tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("starting the SMTP server: %w", err)
	}
	addr := ln.Addr().(*net.TCPAddr)
	s.Host, s.Port = addr.IP.String(), addr.Port
	if opt.Security != mailbox.None {
		cert, pool, err := selfSigned()
		if err != nil {
			ln.Close()
			return nil, err
		}
		s.RootCAs = pool
		conf := &tls.Config{Certificates: []tls.Certificate{cert}}
		if opt.Security == mailbox.TLS {
			ln = tls.NewListener(ln, conf)
		} else {
			s.server.TLSConfig = conf
		}
	}
	s.ln = ln
	go func() { s.served <- s.server.Serve(ln) }()
	return s, nil
}

// StartSMTP starts an SMTP server that ends with the test.
func StartSMTP(t TB, opt SMTPOptions) *SMTP {
	t.Helper()
	s, err := NewSMTP(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Addr is the server's host:port.
func (s *SMTP) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Account is how the product reaches this server.
func (s *SMTP) Account() mailbox.Account {
	a := mailbox.Account{
		Host: s.Host, Port: s.Port, Security: s.Security, RootCAs: s.RootCAs,
		Username: s.Username, Auth: mailbox.AuthPassword,
	}
	if s.Username == "" {
		a.Auth = mailbox.AuthNone
	}
	password := s.Password
	a.Secret = func(context.Context) (string, error) { return password, nil }
	return a
}

// SetScript replaces the script.
func (s *SMTP) SetScript(script func(Stage, Mail) Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// Mails returns what was taken so far, in order.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Connections is how often someone has connected and greeted.
func (s *SMTP) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Open is how many connections are open now: of a client that is gone, 0 says
// that all it had handed over is settled.
func (s *SMTP) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Wait returns when n mails were taken, or ctx's error.
func (s *SMTP) Wait(ctx context.Context, n int) ([]Mail, error) {
	for {
		s.mu.Lock()
		mails, changed := slices.Clone(s.mails), s.changed
		s.mu.Unlock()
		if len(mails) >= n {
			return mails, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return mails, fmt.Errorf("waiting for %d mails, %d came: %w", n, len(mails), ctx.Err())
		}
	}
}

// Close stops the server and cuts its connections.
func (s *SMTP) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		// Serve may not have begun, and then the server does not know its listener.
		err = errors.Join(s.server.Close(), ignoreClosed(s.ln.Close()))
		<-s.served
	})
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *SMTP) ask(at Stage, m Mail) Verdict {
	s.mu.Lock()
	script := s.script
	s.mu.Unlock()
	if script == nil {
		return Verdict{}
	}
	v := script(at, m)
	if v.Delay > 0 {
		select {
		case <-time.After(v.Delay):
		case <-s.closing:
		}
	}
	return v
}

func (s *SMTP) keep(m Mail) error {
	if s.deliver != nil {
		if err := s.deliver(m); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

type smtpSession struct {
	server   *SMTP
	conn     *smtp.Conn
	loggedIn bool
	mail     Mail
}

var errHungUp = errors.New("connection closed by script")

// interfere does what the script wants, and returns what to answer.
func (ss *smtpSession) interfere(at Stage) (Verdict, error) {
	v := ss.server.ask(at, ss.mail)
	if v.HangUp {
		return v, errHungUp
	}
	if v.Code != 0 {
		return v, &smtp.SMTPError{Code: v.Code, EnhancedCode: smtp.NoEnhancedCode, Message: v.Text}
	}
	return v, nil
}

func (ss *smtpSession) hangUpOr(err error) error {
	if err == errHungUp {
		ss.conn.Conn().Close()
	}
	return err
}

func (ss *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if !ss.loggedIn {
		return smtp.ErrAuthRequired
	}
	ss.mail = Mail{From: from}
	_, err := ss.interfere(AtMail)
	return ss.hangUpOr(err)
}

func (ss *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	ss.mail.To = append(ss.mail.To, to)
	_, err := ss.interfere(AtRcpt)
	if err != nil {
		ss.mail.To = ss.mail.To[:len(ss.mail.To)-1]
	}
	return ss.hangUpOr(err)
}

func (ss *smtpSession) Data(r io.Reader) error {
	if _, err := ss.interfere(AtData); err != nil {
		return ss.hangUpOr(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	ss.mail.Raw, ss.mail.At = raw, time.Now()
	v, err := ss.interfere(AtDot)
	if err == nil || v.Keep {
		if kerr := ss.server.keep(ss.mail); kerr != nil {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: kerr.Error()}
		}
	}
	return ss.hangUpOr(err)
}

func (ss *smtpSession) Reset() { ss.mail = Mail{} }

// Logout is called when the connection has ended.
func (ss *smtpSession) Logout() error {
	ss.server.mu.Lock()
	defer ss.server.mu.Unlock()
	ss.server.open--
	return nil
}

// AuthMechanisms makes smtpSession an smtp.AuthSession.
func (ss *smtpSession) AuthMechanisms() []string {
	var m []string
	if ss.server.Username != "" && ss.server.Password != "" {
		m = append(m, sasl.Plain)
	}
	if ss.server.token != "" {
		m = append(m, "XOAUTH2")
	}
	return m
}

// Auth makes smtpSession an smtp.AuthSession.
func (ss *smtpSession) Auth(mech string) (sasl.Server, error) {
	ok := func(username, secret, want string) bool {
		ss.loggedIn = username == ss.server.Username && secret == want && want != ""
		return ss.loggedIn
	}
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error {
			if !ok(username, password, ss.server.Password) {
				return smtp.ErrAuthFailed
			}
			return nil
		}), nil
	case "XOAUTH2":
		return &xoauth2Server{check: func(username, token string) bool {
			return ok(username, token, ss.server.token)
		}}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}
