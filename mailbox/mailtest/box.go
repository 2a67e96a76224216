package mailtest

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"illmail/mailbox"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Box is the user's mail on a running IMAP server, seen through IMAP. Each
// method logs in anew.
type Box struct {
	Host               string
	Port               int
	Username, Password string
	Security           mailbox.Security
	RootCAs            *x509.CertPool // nil without TLS
}

// Addr is the server's host:port.
func (b *Box) Addr() string { return net.JoinHostPort(b.Host, strconv.Itoa(b.Port)) }

// Account is how the product logs in to this server, by password.
func (b *Box) Account() mailbox.Account {
	password := b.Password
	return mailbox.Account{
		Host: b.Host, Port: b.Port, Security: b.Security, RootCAs: b.RootCAs,
		Username: b.Username, Auth: mailbox.AuthPassword,
		Secret: func(context.Context) (string, error) { return password, nil },
	}
}

// Append puts raw into folder as received then, with the flags given, such as
// `\Seen`. A folder that does not exist is made.
func (b *Box) Append(folder string, raw []byte, received time.Time, flags ...string) error {
	return b.AppendAll(folder, []string{string(raw)}, received, flags...)
}

// AppendAll does the same for several messages, over one connection.
func (b *Box) AppendAll(folder string, raws []string, received time.Time, flags ...string) error {
	return b.do(func(c *imapclient.Client) error {
		for _, raw := range raws {
			err := appendTo(c, folder, raw, received, flags)
			if e, ok := err.(*imap.Error); ok && e.Type == imap.StatusResponseTypeNo {
				if c.Create(folder, nil).Wait() == nil {
					err = appendTo(c, folder, raw, received, flags)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func appendTo(c *imapclient.Client, folder, raw string, received time.Time, flags []string) error {
	opt := &imap.AppendOptions{Time: received}
	for _, f := range flags {
		opt.Flags = append(opt.Flags, imap.Flag(f))
	}
	cmd := c.Append(folder, int64(len(raw)), opt)
	if _, err := io.WriteString(cmd, raw); err != nil {
		return err
	}
	if err := cmd.Close(); err != nil {
		return err
	}
	_, err := cmd.Wait()
	return err
}

// Stored is a message as it lies in a folder.
type Stored struct {
	UID   uint32
	Flags []string
	Raw   []byte
}

// Messages returns what is in folder, oldest UID first, without marking it read.
func (b *Box) Messages(folder string) ([]Stored, error) {
	var out []Stored
	err := b.do(func(c *imapclient.Client) error {
		sel, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil || sel.NumMessages == 0 {
			return err
		}
		var all imap.SeqSet
		all.AddRange(1, 0)
		got, err := c.Fetch(all, &imap.FetchOptions{
			UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
		}).Collect()
		for _, m := range got {
			s := Stored{UID: uint32(m.UID)}
			for _, f := range m.Flags {
				s.Flags = append(s.Flags, string(f))
			}
			if len(m.BodySection) > 0 {
				s.Raw = m.BodySection[0].Bytes
			}
			out = append(out, s)
		}
		return err
	})
	return out, err
}

// Count is the number of messages in folder.
func (b *Box) Count(folder string) (int, error) {
	n := 0
	err := b.do(func(c *imapclient.Client) error {
		sel, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err == nil {
			n = int(sel.NumMessages)
		}
		return err
	})
	return n, err
}

// Delete removes messages from folder for good.
func (b *Box) Delete(folder string, uids ...uint32) error {
	return b.do(func(c *imapclient.Client) error {
		if _, err := c.Select(folder, nil).Wait(); err != nil {
			return err
		}
		var set imap.UIDSet
		for _, u := range uids {
			set.AddNum(imap.UID(u))
		}
		if err := c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
			return err
		}
		return c.Expunge().Close()
	})
}

func (b *Box) do(f func(*imapclient.Client) error) error {
	c, err := b.dial()
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", b.Addr(), err)
	}
	defer c.Close()
	if err := c.Login(b.Username, b.Password).Wait(); err != nil {
		return fmt.Errorf("logging in to %s: %w", b.Addr(), err)
	}
	return f(c)
}

func (b *Box) dial() (*imapclient.Client, error) {
	opt := &imapclient.Options{TLSConfig: clientTLS(b.Host, b.RootCAs)}
	switch b.Security {
	case mailbox.TLS:
		return imapclient.DialTLS(b.Addr(), opt)
	case mailbox.StartTLS:
		return imapclient.DialStartTLS(b.Addr(), opt)
	}
	return imapclient.DialInsecure(b.Addr(), opt)
}
