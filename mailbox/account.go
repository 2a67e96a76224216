package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// dialTimeout bounds reaching a server, TLS included.
const dialTimeout = 30 * time.Second

func (a Account) addr() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// secret asks for the secret, but not for ever: it may come from a server.
func (a Account) secret(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	secret, err := a.Secret(ctx)
	if err != nil {
		return "", fmt.Errorf("getting the secret: %w", err)
	}
	return secret, nil
}

func (a Account) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: a.Host, RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12}
}

// dial connects, with TLS where the account has it from the start. Without any
// TLS only a loopback address will do, however its name is spelt: nothing has
// been said yet when that is found out.
func (a Account) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	switch a.Security {
	case TLS, StartTLS, None:
	default:
		return nil, fmt.Errorf("security %q is not one of tls, starttls, none", a.Security)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.addr())
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); a.Security == None && !(ok && tcp.IP.IsLoopback()) {
		conn.Close()
		return nil, errors.New("security none is for loopback addresses only; use tls or starttls")
	}
	if a.Security != TLS {
		return conn, nil
	}
	tlsConn := tls.Client(conn, a.tlsConfig())
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("agreeing on TLS: %w", err)
	}
	return tlsConn, nil
}
