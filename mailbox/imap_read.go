package mailbox

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// selected is what SELECT said of a folder.
type selected struct {
	uidValidity uint32
	uidNext     uint32 // 0 where the server did not say
	messages    uint32
}

func (s *session) selectFolder(ctx context.Context, folder string) (sel selected, err error) {
	err = s.guard(ctx, func() error {
		d, err := s.client.Select(folder, nil).Wait()
		if err != nil {
			return err
		}
		sel = selected{uidValidity: d.UIDValidity, uidNext: uint32(d.UIDNext), messages: d.NumMessages}
		return nil
	})
	if err != nil {
		return sel, fmt.Errorf("opening folder %s: %w", folder, err)
	}
	if sel.uidValidity == 0 {
		sel.uidValidity = 1 // 0 means "never seen" in Marks
	}
	if sel.uidNext == 0 { // RFC 3501 section 7.1 lets old servers leave it out
		uids, err := s.search(ctx, 1, 0, time.Time{})
		if err != nil {
			return sel, err
		}
		sel.uidNext = 1
		if len(uids) > 0 {
			sel.uidNext = uids[len(uids)-1] + 1
		}
	}
	return sel, nil
}

// search returns the UIDs from first to last in rising order; last 0 is "*".
// Where since is set, only of mail received on its day or later.
func (s *session) search(ctx context.Context, first, last uint32, since time.Time) ([]uint32, error) {
	var set imap.UIDSet
	set.AddRange(imap.UID(first), imap.UID(last))
	uids, err := s.searchBy(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{set}, Since: since})
	// With "n:*" a server names its last message even where that is below n
	// (RFC 3501 section 6.4.8).
	uids = slices.DeleteFunc(uids, func(u uint32) bool { return u < first || last != 0 && u > last })
	return uids, err
}

// searchHeader returns the UIDs of messages whose header field contains value.
func (s *session) searchHeader(ctx context.Context, field, value string) ([]uint32, error) {
	return s.searchBy(ctx, &imap.SearchCriteria{
		Header: []imap.SearchCriteriaHeaderField{{Key: field, Value: value}},
	})
}

func (s *session) searchBy(ctx context.Context, criteria *imap.SearchCriteria) ([]uint32, error) {
	var uids []uint32
	err := s.guard(ctx, func() error {
		d, err := s.client.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return err
		}
		for _, u := range d.AllUIDs() {
			uids = append(uids, uint32(u))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// piece is one part of a message that fetch asks for.
type piece int

const (
	pieceMeta   piece = iota // INTERNALDATE and RFC822.SIZE, no literal
	pieceWhole               // BODY.PEEK[]
	pieceHeader              // BODY.PEEK[HEADER], and no INTERNALDATE, which may be what kills
	pieceHead                // BODY.PEEK[HEADER] and the first 64 KB of BODY.PEEK[TEXT]
)

// firstText is how much of the text of a message above the size limit is taken.
const firstText = 64 << 10

// part is what one FETCH answer has said of a message so far.
type part struct {
	uid     uint32
	date    time.Time
	size    int64
	header  bool      // the literal is BODY[HEADER]
	literal io.Reader // nil: the message's answer is complete; read it before returning
	length  int64     // of the last literal
}

// fetch asks for piece of each UID, and calls each for every literal of every
// message, and once more for the message, without a literal, when its answer
// is read. An error of each ends the work, after the rest of the answer was read.
func (s *session) fetch(ctx context.Context, uids []uint32, p piece, each func(part) error) error {
	return s.fetchSet(ctx, uidSet(uids), p, each)
}

// fetchBySequence does the same for one message with a server whose UID comes
// too late in the answer for the library. The message is read to its end
// before its UID is known, and compared with the one that is wanted.
func (s *session) fetchBySequence(ctx context.Context, uid uint32, limit int64, p piece) (got part, body []byte, err error) {
	var nums []uint32
	err = s.guard(ctx, func() error {
		d, err := s.client.Search(&imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(imap.UID(uid))}}, nil).Wait()
		if err == nil {
			nums = d.AllSeqNums()
		}
		return err
	})
	if err != nil || len(nums) == 0 {
		return got, nil, err
	}
	var last part
	err = s.fetchSet(ctx, imap.SeqSetNum(nums[0]), p, func(pt part) error {
		last = pt
		if pt.literal == nil {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(pt.literal, limit))
		body = append(body, b...)
		return err
	})
	if err != nil || last.uid != uid {
		return got, nil, err
	}
	return last, body, nil
}

func (s *session) fetchSet(ctx context.Context, set imap.NumSet, p piece, each func(part) error) error {
	opt := &imap.FetchOptions{UID: true, InternalDate: p != pieceHeader, RFC822Size: p != pieceHeader}
	switch p {
	case pieceWhole:
		opt.BodySection = []*imap.FetchItemBodySection{{Peek: true}}
	case pieceHeader:
		opt.BodySection = []*imap.FetchItemBodySection{{Peek: true, Specifier: imap.PartSpecifierHeader}}
	case pieceHead:
		opt.BodySection = []*imap.FetchItemBodySection{
			{Peek: true, Specifier: imap.PartSpecifierHeader},
			{Peek: true, Specifier: imap.PartSpecifierText, Partial: &imap.SectionPartial{Size: firstText}},
		}
	}
	return s.guard(ctx, func() error {
		cmd := s.client.Fetch(set, opt)
		var failed error
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			s.alive()
			broken, err := s.fetchOne(msg, each, failed != nil)
			if broken {
				return err
			}
			if failed == nil {
				failed = err
			}
		}
		err := cmd.Close()
		if failed != nil {
			return failed
		}
		return err
	})
}

// fetchOne reads one answer. After broken neither it nor its command may be
// touched again: the library takes a literal that failed for read, and its
// decoder goes on, while Next and Close would read the rest of the literal;
// both from the same buffer, at once.
func (s *session) fetchOne(msg *imapclient.FetchMessageData, each func(part) error, skip bool) (broken bool, failed error) {
	var pt part
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			pt.uid = uint32(item.UID)
		case imapclient.FetchItemDataInternalDate:
			pt.date = item.Time
		case imapclient.FetchItemDataRFC822Size:
			pt.size = item.Size
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil || skip || failed != nil {
				continue
			}
			pt.header = item.Section.Specifier == imap.PartSpecifierHeader
			pt.length = item.Literal.Size()
			body := &literal{session: s, r: item.Literal, left: pt.length}
			pt.literal = body
			failed = each(pt)
			if body.err != nil {
				s.cut(body.err)
				return true, body.err
			}
			s.alive() // what it left unread, the library reads now
		}
	}
	if skip || failed != nil {
		return false, failed
	}
	pt.literal = nil
	return false, each(pt)
}

// literal reads a literal to its announced end. The library takes a connection
// that ends in the middle for the end of the message.
type literal struct {
	session *session
	r       io.Reader
	left    int64
	err     error // the server's, never io.EOF
}

// Read keeps the watchdog at bay only while it waits for the server: what the
// reader does with the bytes may take its time.
func (l *literal) Read(b []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	l.session.alive()
	n, err := l.r.Read(b)
	l.session.watchdog.Stop()
	l.left -= int64(n)
	if err == io.EOF && l.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		l.session.alive() // the rest of the answer is owed
		if err != io.EOF {
			l.err = err
		}
	}
	return n, err
}
