package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// sentIdle is how long SentFolder keeps a connection that nobody uses: the
// connections of a mailbox are few.
const sentIdle = time.Minute

// SentFolder looks into an account's folder of sent mail. Its methods may be
// called at the same time; they take turns on one connection.
type SentFolder struct {
	Account Account
	Name    string // "" is the folder with the attribute \Sent

	mu      sync.Mutex
	session *session // nil: none
	folder  string   // its name, once it is open in session
	idle    *time.Timer
}

// Find looks for a mail by its Message-ID (without angle brackets), then by
// its X-Illmail-Ref, where ref is not "". It returns the Message-ID of what it
// found, since some providers give a mail another one.
func (s *SentFolder) Find(ctx context.Context, messageID, ref string) (found bool, foundID string, err error) {
	err = s.do(ctx, func(ss *session) error {
		if err := s.open(ctx, ss); err != nil {
			return err
		}
		found, foundID, err = s.search(ctx, ss, messageID, ref)
		return err
	})
	return found, foundID, err
}

// search looks into the open folder.
func (s *SentFolder) search(ctx context.Context, ss *session, messageID, ref string) (bool, string, error) {
	for _, by := range []struct{ field, value string }{{"Message-ID", messageID}, {"X-Illmail-Ref", ref}} {
		if by.value == "" {
			continue
		}
		uids, err := ss.searchHeader(ctx, by.field, by.value)
		if err != nil {
			return false, "", err
		}
		// SEARCH finds parts of a value, and some servers words of it.
		for chunk := range slices.Chunk(uids, chunkMessages) {
			found, id := false, ""
			err := ss.fetch(ctx, chunk, pieceHeader, func(p part) error {
				if p.literal == nil {
					return nil
				}
				raw, err := io.ReadAll(io.LimitReader(p.literal, streamAbove))
				if err == nil && bareID(field(raw, by.field)) == by.value {
					found, id = true, bareID(field(raw, "Message-ID"))
				}
				return err
			})
			if err != nil {
				return false, "", fmt.Errorf("reading what was found: %w", err)
			}
			if found {
				return true, id, nil
			}
		}
	}
	return false, "", nil
}

// Append files raw as a mail that was sent at date and read, unless a mail
// with its Message-ID is there already. After an error the mail may have been
// filed or not: the next Append finds out.
func (s *SentFolder) Append(ctx context.Context, raw []byte, date time.Time) error {
	id := bareID(field(raw, "Message-ID"))
	if id == "" {
		return errors.New("filing a sent mail: it has no Message-ID, by which it could be found again")
	}
	return s.do(ctx, func(ss *session) error {
		// A folder that cannot be opened may not exist yet; append makes it.
		if err := s.open(ctx, ss); err != nil && (!isRefusal(err) || s.folder == "") {
			return err
		} else if err == nil {
			found, _, err := s.search(ctx, ss, id, "")
			if found || err != nil {
				return err
			}
		}
		return ss.append(ctx, s.folder, raw, date)
	})
}

// Folders lists the names of all folders that can hold mail.
func (s *SentFolder) Folders(ctx context.Context) (names []string, err error) {
	err = s.do(ctx, func(ss *session) error {
		list, err := ss.list(ctx)
		for _, f := range list {
			names = append(names, f.name)
		}
		return err
	})
	return names, err
}

// FindSent returns the name of the folder that holds sent mail.
func (s *SentFolder) FindSent(ctx context.Context) (name string, err error) {
	if s.Name != "" {
		return s.Name, nil
	}
	err = s.do(ctx, func(ss *session) error {
		name, err = findSent(ctx, ss)
		return err
	})
	return name, err
}

// Close leaves the server. The SentFolder can be used again.
func (s *SentFolder) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
	return nil
}

func (s *SentFolder) leave() {
	if s.idle != nil {
		s.idle.Stop()
	}
	if s.session != nil {
		s.session.close()
		s.session = nil
	}
}

// do runs f on a living connection.
func (s *SentFolder) do(ctx context.Context, f func(*session) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil && s.session.noop(ctx) != nil {
		s.leave()
	}
	if s.session == nil {
		ss, err := openSession(ctx, s.Account, 0)
		if err != nil {
			return err
		}
		s.session, s.folder = ss, ""
	}
	err := f(s.session)
	if s.session.dead() {
		s.leave()
		return err
	}
	if s.idle == nil {
		s.idle = time.AfterFunc(sentIdle, func() { s.Close() })
	} else {
		s.idle.Reset(sentIdle)
	}
	return err
}

// open selects the folder. After an error s.folder is its name all the same,
// where that is known.
func (s *SentFolder) open(ctx context.Context, ss *session) (err error) {
	name := s.Name
	if name == "" {
		name = s.folder
	}
	if name == "" {
		if name, err = findSent(ctx, ss); err != nil {
			return err
		}
	}
	s.folder = name
	// Each time, for some servers show a folder as it was when it was opened.
	_, err = ss.selectFolder(ctx, name)
	return err
}

// sentNames are what the folder of sent mail is called where no folder has
// the attribute \Sent, the likeliest first.
var sentNames = []string{"Sent", "Sent Items", "Sent Messages", "Sent Mail", "INBOX.Sent", "INBOX/Sent", "[Gmail]/Sent Mail"}

func findSent(ctx context.Context, s *session) (string, error) {
	list, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	for _, f := range list {
		if f.sent {
			return f.name, nil
		}
	}
	for _, name := range sentNames {
		for _, f := range list {
			if strings.EqualFold(f.name, name) {
				return f.name, nil
			}
		}
	}
	return "", errors.New(`no folder has the attribute \Sent; name it as sent_folder`)
}

// field is the first value of that name in the header of raw, "" where there is none.
func field(raw []byte, name string) string {
	for _, f := range readHeader(raw).fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// bareID is a Message-ID without angle brackets; anything else as it is.
func bareID(value string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), "<"), ">")
}
