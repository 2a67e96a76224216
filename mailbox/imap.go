package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// commandTimeout is how long a server may say nothing while it owes an answer.
const commandTimeout = 90 * time.Second

// errSilent is why a connection was cut by the watchdog.
var errSilent = errors.New("the server did not answer in time")

// session is one connection to an IMAP server. Only one command runs at a
// time: the library must not be given another inside a FETCH or an IDLE.
//
// The files imap*.go are the only ones that know the library. What they never
// do, since each of these has lost mail or killed connections: fetch ENVELOPE, BODYSTRUCTURE
// or FLAGS (one answer that cannot be parsed ends the connection), ENABLE
// anything, use the library's MOVE without the server's, trust a literal that
// ends early.
type session struct {
	client  *imapclient.Client
	conn    io.Closer
	timeout time.Duration
	exists  chan struct{} // holds a token when the server has announced mail

	watchdog *time.Timer // of the command that runs

	mu    sync.Mutex
	cause error // why we cut the connection

	// uidLate: the server sends UID after the literal, where the library
	// overlooks it; messages are then fetched by sequence number.
	uidLate bool
}

// openSession connects and logs in.
func openSession(ctx context.Context, a Account, timeout time.Duration) (*session, error) {
	s := &session{timeout: timeout, exists: make(chan struct{}, 1)}
	if s.timeout == 0 {
		s.timeout = commandTimeout
	}
	if err := s.connect(ctx, a); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", a.addr(), err)
	}
	if err := s.logIn(ctx, a); err != nil {
		s.close()
		return nil, fmt.Errorf("logging in to %s as %s: %w", a.addr(), a.Username, err)
	}
	return s, nil
}

func (s *session) connect(ctx context.Context, a Account) error {
	conn, err := a.dial(ctx)
	if err != nil {
		return err
	}
	s.conn = conn
	opt := &imapclient.Options{
		TLSConfig: a.tlsConfig(),
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					select {
					case s.exists <- struct{}{}:
					default:
					}
				}
			},
		},
	}
	err = s.guard(ctx, func() error {
		if a.Security == StartTLS {
			s.client, err = imapclient.NewStartTLS(conn, opt)
			return err
		}
		s.client = imapclient.New(conn, opt)
		return s.client.WaitGreeting()
	})
	if err != nil {
		conn.Close()
	}
	return err
}

func (s *session) logIn(ctx context.Context, a Account) error {
	secret := ""
	if a.Auth != AuthNone {
		var err error
		if secret, err = a.secret(ctx); err != nil {
			return err
		}
	}
	return s.guard(ctx, func() error {
		if s.client.State() == imap.ConnStateAuthenticated { // PREAUTH
			return nil
		}
		caps := s.client.Caps()
		switch a.Auth {
		case AuthPassword:
			if caps.Has(imap.AuthCap(sasl.Plain)) {
				return s.client.Authenticate(sasl.NewPlainClient("", a.Username, secret))
			}
			if caps.Has(imap.CapLoginDisabled) {
				return errors.New("the server takes no passwords on this connection; try security tls or starttls, or auth xoauth2")
			}
			return s.client.Login(a.Username, secret).Wait()
		case AuthXOAUTH2:
			if !caps.Has(imap.AuthCap("XOAUTH2")) && caps.Has(imap.AuthCap(sasl.OAuthBearer)) {
				return s.client.Authenticate(sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{
					Username: a.Username, Token: secret, Host: a.Host, Port: a.Port,
				}))
			}
			x := &xoauth2Client{username: a.Username, token: secret}
			err := s.client.Authenticate(x)
			if err != nil && x.problem != "" {
				return fmt.Errorf("%w (%s)", err, x.problem)
			}
			return err
		}
		return fmt.Errorf("auth %q does not work with IMAP; use password or xoauth2", a.Auth)
	})
}

// guard runs one command under a watchdog: the library knows no context and
// waits for a silent server for ever, so the connection is cut when ctx ends
// or when nothing came for s.timeout.
func (s *session) guard(ctx context.Context, command func() error) error {
	s.watchdog = time.AfterFunc(s.timeout, func() { s.cut(errSilent) })
	stop := context.AfterFunc(ctx, func() { s.cut(context.Cause(ctx)) })
	err := command()
	s.watchdog.Stop()
	stop()
	if err != nil && !isRefusal(err) && !isSinkError(err) {
		// The library completes a command before it says that the connection
		// has ended: whoever asks dead in between must not blame the message.
		s.cut(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return s.cause
	}
	return err
}

func (s *session) cut(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	s.conn.Close()
}

// alive gives the running command another s.timeout.
func (s *session) alive() { s.watchdog.Reset(s.timeout) }

// dead reports whether the connection is of no more use.
func (s *session) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause != nil
}

// close says goodbye without waiting for an answer.
func (s *session) close() {
	if !s.dead() {
		s.client.Logout()
	}
	s.conn.Close()
	<-s.client.Closed()
}

// noop lets the server tell what has changed.
func (s *session) noop(ctx context.Context) error {
	if err := s.guard(ctx, func() error { return s.client.Noop().Wait() }); err != nil {
		return fmt.Errorf("asking the server for news: %w", err)
	}
	return nil
}

// wait returns when the server has announced mail, after d, or when the
// connection or ctx has ended. It uses IDLE (RFC 2177) where the server can.
func (s *session) wait(ctx context.Context, d time.Duration) error {
	var idle *imapclient.IdleCommand
	if s.client.Caps().Has(imap.CapIdle) {
		err := s.guard(ctx, func() (err error) {
			idle, err = s.client.Idle()
			return err
		})
		if err != nil {
			return fmt.Errorf("starting IDLE: %w", err)
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.exists:
	case <-timer.C:
	case <-s.client.Closed():
	case <-ctx.Done():
	}
	if idle == nil {
		return context.Cause(ctx)
	}
	err := s.guard(ctx, func() error {
		if err := idle.Close(); err != nil {
			return err
		}
		return idle.Wait()
	})
	if err != nil {
		return fmt.Errorf("ending IDLE: %w", err)
	}
	return nil
}

// xoauth2Client is the client's side of XOAUTH2, which Google and Microsoft
// share and go-sasl does not have.
type xoauth2Client struct {
	username, token string
	problem         string // what the server said of a token that it refused
}

// Start is the initial response (sasl.Client).
func (x *xoauth2Client) Start() (mech string, ir []byte, err error) {
	return "XOAUTH2", []byte("user=" + x.username + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next acknowledges the description of an error, so that the refusal follows
// (sasl.Client).
func (x *xoauth2Client) Next(challenge []byte) ([]byte, error) {
	x.problem = strings.TrimSpace(string(challenge))
	return []byte{}, nil
}
