package mailbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

const (
	// submissionTimeout is more than the 10 minutes that a server may take to
	// answer the final dot (RFC 5321 section 4.5.3.2.6).
	submissionTimeout = 12 * time.Minute
	// connectTimeout bounds greeting, STARTTLS and log-in.
	connectTimeout = 2 * time.Minute
	// restlessAfter is for how long a kept connection is trusted without asking.
	restlessAfter = 5 * time.Second
)

// Submitter hands mail to a submission server (RFC 6409) over one kept
// connection. Its methods may be called at the same time; mails take turns.
type Submitter struct {
	Account      Account
	HelloName    string        // what to call ourselves in EHLO; "" is "localhost"
	MaxPerMinute int           // mails begun in any 60 seconds; 0: no limit
	Timeout      time.Duration // for one whole submission, connecting excluded; 0 is 12 minutes

	mu     sync.Mutex
	client *smtp.Client // nil: not connected
	conn   net.Conn     // under client
	used   time.Time    // when client was last known to live
	begun  []time.Time  // when the last MaxPerMinute mails began
}

// Submit sends o, in one envelope, to its To and all of its Cc: a server that
// refuses one of them gets nothing for any. It connects and logs in first,
// then calls commit, and only if that returns nil says MAIL FROM. Where commit
// was not called, or returned an error, the outcome is Unsent. It waits where
// MaxPerMinute asks for it, before commit.
//
// From the moment the server has asked for the data, a connection that dies
// leaves the outcome Uncertain, even where the final dot may not have gone:
// what a proxy on the way made of the rest is unknown.
func (s *Submitter) Submit(ctx context.Context, o Outgoing, commit func(context.Context) error) Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := Compose(o)
	if err != nil {
		return unsent(fmt.Errorf("composing the mail: %w", err))
	}
	rcpts := append([]string{o.To}, o.Cc...)
	for _, addr := range append([]string{o.From}, rcpts...) {
		if addr == "" || strings.ContainsFunc(addr, notInPath) {
			return unsent(fmt.Errorf("%q is no address that can stand in an envelope", addr))
		}
	}
	if err := s.pace(ctx); err != nil {
		return unsent(fmt.Errorf("waiting for the provider's limit: %w", err))
	}
	if err := s.ready(ctx); err != nil {
		return unsent(fmt.Errorf("connecting to %s: %w", s.Account.addr(), err))
	}
	if err := commit(ctx); err != nil {
		return unsent(err)
	}
	s.begun = append(s.begun, time.Now())

	timeout := s.Timeout
	if timeout == 0 {
		timeout = submissionTimeout
	}
	defer s.cutAfter(ctx, timeout)()
	return s.transact(o.From, rcpts, raw)
}

// transact is one mail transaction (RFC 5321 section 3.3).
func (s *Submitter) transact(from string, rcpts []string, raw []byte) Outcome {
	s.client.SkipSMTPUTF8(isASCII([]byte(from + strings.Join(rcpts, ""))))
	if err := s.client.Mail("<" + from + ">"); err != nil {
		return s.failed("MAIL FROM", err, Unsent)
	}
	for _, addr := range rcpts {
		if err := s.client.Rcpt("<" + addr + ">"); err != nil {
			return s.failed("RCPT TO "+addr, err, Unsent)
		}
	}
	w, err := s.client.Data()
	if err != nil {
		return s.failed("DATA", err, Unsent)
	}
	if _, err := w.Write(raw); err != nil {
		return s.failed("sending the mail", err, Uncertain)
	}
	if err := w.Close(); err != nil {
		return s.failed("the end of the mail", err, Uncertain)
	}
	s.used = time.Now()
	reply := "250"
	if dc, ok := w.(*smtp.DataCloser); ok {
		reply += " " + oneLine(dc.ServerResponse())
	}
	return Outcome{Class: Delivered, Reply: reply, Code: 250}
}

// failed turns an error into an outcome; dead is what it is where the server
// has given no answer. The kept connection ends unless the server has answered
// and is ready for another mail.
func (s *Submitter) failed(at string, err error, dead OutcomeClass) Outcome {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		s.drop()
		return Outcome{Class: dead, Reply: oneLine(at + ": " + err.Error())}
	}
	if reply.Code == 421 || s.client.Reset() != nil {
		s.drop()
	} else {
		s.used = time.Now()
	}
	o := Outcome{Code: reply.Code, Reply: strconv.Itoa(reply.Code) + " " + oneLine(reply.Msg)}
	switch {
	case reply.Code/100 == 4:
		o.Class = Deferred
	case reply.Code/100 == 5:
		o.Class = Refused
	default: // an answer that makes no sense here tells nothing
		o.Class = dead
		s.drop()
	}
	if strings.HasPrefix(at, "RCPT") {
		o.Reply += " (" + at + ")"
	}
	return o
}

// pace waits until another mail may begin.
func (s *Submitter) pace(ctx context.Context) error {
	if s.MaxPerMinute <= 0 {
		return nil
	}
	if over := len(s.begun) - s.MaxPerMinute; over > 0 {
		s.begun = s.begun[over:]
	}
	if len(s.begun) < s.MaxPerMinute {
		return nil
	}
	select {
	case <-time.After(time.Until(s.begun[0].Add(time.Minute))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ready makes sure of a connection that is logged in.
func (s *Submitter) ready(ctx context.Context) error {
	if s.client != nil && time.Since(s.used) > restlessAfter {
		stop := s.cutAfter(ctx, connectTimeout)
		err := s.client.Noop()
		stop()
		if err != nil {
			s.drop()
		}
	}
	if s.client != nil {
		return nil
	}
	if err := s.connect(ctx); err != nil {
		s.drop()
		return err
	}
	s.used = time.Now()
	return nil
}

func (s *Submitter) connect(ctx context.Context) error {
	a := s.Account
	conn, err := a.dial(ctx)
	if err != nil {
		return err
	}
	s.conn = conn
	defer s.cutAfter(ctx, connectTimeout)()
	if s.client, err = smtp.NewClient(conn, a.Host); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	name := s.HelloName
	if name == "" {
		name = "localhost"
	}
	if err := s.client.Hello(name); err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	if a.Security == StartTLS {
		if ok, _ := s.client.Extension("STARTTLS"); !ok {
			return errors.New("the server does not offer STARTTLS; try security tls, on port 465")
		}
		if err := s.client.StartTLS(a.tlsConfig()); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if a.Auth == AuthNone {
		return nil
	}
	secret, err := a.secret(ctx)
	if err != nil {
		return err
	}
	auth, err := s.auth(secret)
	if err != nil {
		return err
	}
	if err := s.client.Auth(auth); err != nil {
		return fmt.Errorf("logging in as %s: %w", a.Username, err)
	}
	return nil
}

func (s *Submitter) auth(secret string) (smtp.Auth, error) {
	a := s.Account
	_, list := s.client.Extension("AUTH")
	offers := map[string]bool{}
	for m := range strings.FieldsSeq(strings.ToUpper(list)) {
		offers[m] = true
	}
	plaintext := a.Security == None // dial has made sure of loopback
	switch {
	case a.Auth == AuthPassword && offers["PLAIN"]:
		return smtp.PlainAuth("", a.Username, secret, a.Host, plaintext), nil
	case a.Auth == AuthPassword && offers["LOGIN"]:
		return smtp.LoginAuth(a.Username, secret, a.Host, plaintext), nil
	case a.Auth == AuthXOAUTH2 && offers["XOAUTH2"]:
		return smtp.XOAuth2Auth(a.Username, secret), nil
	}
	return nil, fmt.Errorf("the server does not take auth %s; it offers %q", a.Auth, list)
}

// cutAfter ends the connection when ctx ends, or after d: the library knows no
// context, and its own Close waits for the command that runs. The function it
// returns calls that off.
func (s *Submitter) cutAfter(ctx context.Context, d time.Duration) (stop func()) {
	conn := s.conn
	conn.SetDeadline(time.Now().Add(d))
	cancel := context.AfterFunc(ctx, func() { conn.Close() })
	return func() {
		cancel()
		conn.SetDeadline(time.Time{})
	}
}

func (s *Submitter) drop() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.client, s.conn = nil, nil
}

// Close says goodbye to the server. The Submitter can be used again.
func (s *Submitter) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.conn.SetDeadline(time.Now().Add(restlessAfter))
		s.client.Quit() // its answer changes nothing
	}
	s.drop()
	return nil
}

func unsent(err error) Outcome {
	o := Outcome{Class: Unsent, Reply: oneLine(err.Error())}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		o.Code = reply.Code
	}
	return o
}

// notInPath are the characters that would end or split an address in MAIL FROM
// or RCPT TO.
func notInPath(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' }
