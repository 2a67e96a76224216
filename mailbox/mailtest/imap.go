package mailtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"illmail/mailbox"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
)

// IMAPOptions are what an IMAP server in memory may differ in.
type IMAPOptions struct {
	Addr               string           // "" is a free port of 127.0.0.1
	Username, Password string           // "" are "ill@healey.example.edu" and "secret"
	Token              string           // the access token that XOAUTH2 and OAUTHBEARER take; "" offers neither
	Security           mailbox.Security // "" is none
	UIDValidity        uint32           // 0 is the present Unix time, another for each start
	Folders            []string         // nil is INBOX, Sent and Junk
}

// IMAP is an IMAP server in memory with one user.
type IMAP struct {
	Box
	server      *imapserver.Server
	ln          net.Listener
	user        *imapmemserver.User
	token       string
	uidValidity atomic.Uint32
	logins      atomic.Int64
	served      chan error
	closeOnce   sync.Once
}

// NewIMAP starts an IMAP server in memory.
func NewIMAP(opt IMAPOptions) (*IMAP, error) {
	if opt.Addr == "" {
		opt.Addr = "127.0.0.1:0"
	}
	if opt.Username == "" {
		opt.Username = "ill@healey.example.edu"
	}
	if opt.Password == "" {
		opt.Password = "secret"
	}
	if opt.Security == "" {
		opt.Security = mailbox.None
	}
	if opt.UIDValidity == 0 {
		opt.UIDValidity = uint32(time.Now().Unix())
	}
	if opt.Folders == nil {
		opt.Folders = []string{"INBOX", "Sent", "Junk"}
	}
	s := &IMAP{token: opt.Token, served: make(chan error, 1)}
	s.Box = Box{Username: opt.Username, Password: opt.Password, Security: opt.Security}
	s.uidValidity.Store(opt.UIDValidity)
	s.user = imapmemserver.NewUser(opt.Username, opt.Password)
	for _, f := range opt.Folders {
		if err := s.user.Create(f, nil); err != nil {
			return nil, fmt.Errorf("creating folder %s: %w", f, err)
		}
	}
	var serverTLS *tls.Config
	if opt.Security != mailbox.None {
		cert, pool, err := selfSigned()
		if err != nil {
			return nil, err
		}
		s.RootCAs = pool
		serverTLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	ln, err := net.Listen("tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("starting the IMAP server: %w", err)
	}
	addr := ln.Addr().(*net.TCPAddr)
	s.Host, s.Port = addr.IP.String(), addr.Port
	if opt.Security == mailbox.TLS {
		ln = tls.NewListener(ln, serverTLS)
		serverTLS = nil // no STARTTLS inside TLS
	}
	s.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{UserSession: imapmemserver.NewUserSession(s.user), server: s}, nil, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}, imap.CapNamespace: {},
		},
		Logger:       log.New(io.Discard, "", 0),
		TLSConfig:    serverTLS,
		InsecureAuth: opt.Security != mailbox.StartTLS,
	})
	s.ln = ln
	go func() { s.served <- s.server.Serve(ln) }()
	return s, nil
}

// StartIMAP starts an IMAP server in memory that ends with the test.
func StartIMAP(t TB, opt IMAPOptions) *IMAP {
	t.Helper()
	s, err := NewIMAP(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// SetUIDValidity gives every folder another UIDVALIDITY at its next SELECT.
func (s *IMAP) SetUIDValidity(v uint32) { s.uidValidity.Store(v) }

// Logins is how often someone has logged in.
func (s *IMAP) Logins() int { return int(s.logins.Load()) }

// Close stops the server; its mail is gone.
func (s *IMAP) Close() error {
	var err error
	s.closeOnce.Do(func() {
		// Serve may not have begun, and then the server does not know its listener.
		err = errors.Join(s.server.Close(), ignoreClosed(s.ln.Close()))
		<-s.served
	})
	return err
}

// session is a user's session with the server's own UIDVALIDITY: the library's
// counts from 1 at each start, so that other mail would come under known numbers.
type session struct {
	*imapmemserver.UserSession
	server *IMAP
}

func (s *session) Login(username, password string) error {
	if err := s.UserSession.Login(username, password); err != nil {
		return err
	}
	s.server.logins.Add(1)
	return nil
}

func (s *session) Select(folder string, opt *imap.SelectOptions) (*imap.SelectData, error) {
	d, err := s.UserSession.Select(folder, opt)
	if d != nil {
		d.UIDValidity = s.server.uidValidity.Load()
	}
	return d, err
}

func (s *session) Status(folder string, opt *imap.StatusOptions) (*imap.StatusData, error) {
	d, err := s.UserSession.Status(folder, opt)
	if d != nil && d.UIDValidity != 0 {
		d.UIDValidity = s.server.uidValidity.Load()
	}
	return d, err
}

func (s *session) Append(folder string, r imap.LiteralReader, opt *imap.AppendOptions) (*imap.AppendData, error) {
	d, err := s.UserSession.Append(folder, r, opt)
	if d != nil {
		d.UIDValidity = s.server.uidValidity.Load()
	}
	return d, err
}

func (s *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	d, err := s.UserSession.Copy(set, dest)
	if d != nil {
		d.UIDValidity = s.server.uidValidity.Load()
	}
	return d, err
}

// Idle looks for news now and then: the library's overlooks what comes just
// before it listens.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-stop:
			return nil
		}
	}
}

// AuthenticateMechanisms makes session an imapserver.SessionSASL.
func (s *session) AuthenticateMechanisms() []string {
	if s.server.token == "" {
		return []string{sasl.Plain}
	}
	return []string{sasl.Plain, "XOAUTH2", sasl.OAuthBearer}
}

// Authenticate makes session an imapserver.SessionSASL.
func (s *session) Authenticate(mech string) (sasl.Server, error) {
	switch {
	case mech == sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error {
			return s.Login(username, password)
		}), nil
	case mech == "XOAUTH2" && s.server.token != "":
		return &xoauth2Server{check: s.bearer}, nil
	case mech == sasl.OAuthBearer && s.server.token != "":
		return sasl.NewOAuthBearerServer(func(opts sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if !s.bearer(opts.Username, opts.Token) {
				return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer"}
			}
			return nil
		}), nil
	}
	return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Text: "SASL mechanism not supported"}
}

func (s *session) bearer(username, token string) bool {
	if username != s.server.Username || token != s.server.token {
		return false
	}
	s.server.logins.Add(1)
	return true
}
