package mailbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
)

// flag sets the flag \Flagged.
func (s *session) flag(ctx context.Context, uids []uint32) error {
	return s.store(ctx, uidSet(uids), imap.FlagFlagged)
}

func (s *session) store(ctx context.Context, set imap.UIDSet, f imap.Flag) error {
	err := s.guard(ctx, func() error {
		return s.client.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{f}}, nil).Close()
	})
	if err != nil {
		return fmt.Errorf("setting %s: %w", f, err)
	}
	return nil
}

// move moves messages to another folder. Against a server without MOVE the
// library sends COPY, STORE \Deleted and EXPUNGE without waiting, so that a
// COPY that fails destroys the mail: here each step waits for the one before,
// and without UIDPLUS, where EXPUNGE would take other people's deletions
// along, the copied messages stay where they are.
func (s *session) move(ctx context.Context, uids []uint32, folder string) error {
	set := uidSet(uids)
	caps := s.client.Caps()
	if caps.Has(imap.CapMove) {
		err := s.guard(ctx, func() error {
			_, err := s.client.Move(set, folder).Wait()
			return err
		})
		if err != nil {
			return fmt.Errorf("moving to %s: %w", folder, err)
		}
		return nil
	}
	if !caps.Has(imap.CapUIDPlus) {
		return fmt.Errorf("moving to %s: the server has neither MOVE nor UIDPLUS, so the mail was left in place", folder)
	}
	err := s.guard(ctx, func() error {
		_, err := s.client.Copy(set, folder).Wait()
		return err
	})
	if err != nil {
		return fmt.Errorf("copying to %s: %w", folder, err)
	}
	if err := s.store(ctx, set, imap.FlagDeleted); err != nil {
		return err
	}
	if err := s.guard(ctx, func() error { return s.client.UIDExpunge(set).Close() }); err != nil {
		return fmt.Errorf("removing what was copied to %s: %w", folder, err)
	}
	return nil
}

// append files raw, and makes the folder where it does not exist.
func (s *session) append(ctx context.Context, folder string, raw []byte, date time.Time) error {
	try := func() error {
		return s.guard(ctx, func() error {
			cmd := s.client.Append(folder, int64(len(raw)), &imap.AppendOptions{
				Flags: []imap.Flag{imap.FlagSeen}, Time: date,
			})
			_, werr := cmd.Write(raw)
			cerr := cmd.Close()
			// A refusal before the literal shows as a failed write; Wait has
			// the server's words.
			if _, err := cmd.Wait(); err != nil {
				return err
			}
			return errors.Join(werr, cerr)
		})
	}
	err := try()
	if e := (*imap.Error)(nil); errors.As(err, &e) && e.Code == imap.ResponseCodeTryCreate {
		if err = s.guard(ctx, func() error { return s.client.Create(folder, nil).Wait() }); err == nil {
			err = try()
		}
	}
	if err != nil {
		return fmt.Errorf("filing in %s: %w", folder, err)
	}
	return nil
}

// folder is one line of LIST.
type folder struct {
	name string
	sent bool // has the attribute \Sent
}

// list returns the folders that can hold mail.
func (s *session) list(ctx context.Context) ([]folder, error) {
	var out []folder
	err := s.guard(ctx, func() error {
		// RETURN (SPECIAL-USE) needs LIST-EXTENDED; servers that know RFC 6154
		// give the attributes without being asked.
		data, err := s.client.List("", "*", nil).Collect()
		for _, d := range data {
			if slices.Contains(d.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(d.Attrs, imap.MailboxAttrNonExistent) {
				continue
			}
			out = append(out, folder{name: d.Mailbox, sent: slices.Contains(d.Attrs, imap.MailboxAttrSent)})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the folders: %w", err)
	}
	return out, nil
}

// capabilities are the server's, sorted.
func (s *session) capabilities() []string {
	var out []string
	for c := range maps.Keys(s.client.Caps()) {
		out = append(out, string(c))
	}
	slices.Sort(out)
	return out
}

func uidSet(uids []uint32) imap.UIDSet {
	var set imap.UIDSet
	for _, u := range uids {
		set.AddNum(imap.UID(u))
	}
	return set
}

// isRefusal reports whether the server answered a command with NO or BAD, and
// so is well.
func isRefusal(err error) bool {
	var e *imap.Error
	return errors.As(err, &e) && (e.Type == imap.StatusResponseTypeNo || e.Type == imap.StatusResponseTypeBad)
}
