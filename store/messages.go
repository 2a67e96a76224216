package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// chunkSize bounds what of a message is in memory while it is stored or read.
const chunkSize = 256 << 10

// Incoming is one message as it came from the server, for [DB.Receive].
type Incoming struct {
	UIDValidity  uint32
	UID          uint32
	InternalDate time.Time // the zero Time is now
	Size         int64     // RFC822.SIZE; 0 where not known
	Truncated    bool      // Body is the header and the first text only
	Problem      string    // why Body is nil, or what is wrong with it
	Body         io.Reader // raw bytes, read to the end; nil: the server could not give them
}

// Receive commits messages of a folder, raw bytes and locations, in one
// transaction (commit 1: from here they cannot be lost). It returns how many
// wait to be filed. A location that is known stores nothing, the same bytes at
// another location only the location. A message without a Body becomes one that
// is kept aside. An error, which is the database's or a Body's, means that
// nothing was stored.
func (db *DB) Receive(ctx context.Context, f Folder, msgs []Incoming) (int, error) {
	stored := 0
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		buf := make([]byte, chunkSize)
		for i := range msgs {
			isNew, err := receiveOne(ctx, tx, f, &msgs[i], buf)
			if err != nil {
				return fmt.Errorf("storing message %d of folder %q: %w", msgs[i].UID, f.Name, err)
			}
			if isNew {
				stored++
			}
		}
		if stored == 0 {
			return nil
		}
		return notify(ctx, tx, NotifyMail, f.OfficeID)
	})
	if err != nil {
		return 0, err
	}
	return stored, nil
}

func receiveOne(ctx context.Context, tx pgx.Tx, f Folder, in *Incoming, buf []byte) (bool, error) {
	var date *time.Time
	if y := in.InternalDate.Year(); y >= 1970 && y < 10000 {
		date = &in.InternalDate
	}
	known, err := locationKnown(ctx, tx, f, in, date)
	if err != nil {
		return false, err
	}
	if known {
		if in.Body == nil {
			return false, nil
		}
		_, err := io.CopyBuffer(io.Discard, in.Body, buf)
		return false, err
	}
	problem := oneLine(in.Problem)
	if in.Body == nil {
		if problem == "" {
			problem = "the server could not give this message"
		}
		var id int64
		err := tx.QueryRow(ctx, `
			INSERT INTO message (office_id, state, problem, raw_hash, size, internal_date, subject)
			VALUES ($1, 'kept_aside', $2, '', $3, coalesce($4, now()), '(could not be fetched)') RETURNING id`,
			f.OfficeID, problem, in.Size, date).Scan(&id)
		if err != nil {
			return false, err
		}
		return false, setLocation(ctx, tx, f, in, date, "unfetchable", problem, id)
	}
	id, isNew, err := storeRaw(ctx, tx, f, in, date, problem, buf)
	if err != nil {
		return false, err
	}
	return isNew, setLocation(ctx, tx, f, in, date, "stored", "", id)
}

// locationKnown reports whether that location needs nothing more. Size and date
// are compared as well: a server that counts UIDs anew without a new
// UIDVALIDITY (against RFC 3501 section 2.3.1.1) must not cost a message.
func locationKnown(ctx context.Context, tx pgx.Tx, f Folder, in *Incoming, date *time.Time) (bool, error) {
	var outcome string
	var same bool
	err := tx.QueryRow(ctx, `
		SELECT outcome, size = $4 AND ($5::timestamptz IS NULL OR internal_date = $5) FROM location
		WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3`,
		f.ID, in.UIDValidity, in.UID, in.Size, date).Scan(&outcome, &same)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	switch outcome {
	case "stored":
		return same || in.Body == nil, nil
	case "unfetchable":
		return in.Body == nil, nil // given at last: stored now
	case "ignored":
		return true, nil
	}
	return false, nil
}

// setLocation says where a message stands. The stub of a message that could
// not be fetched goes when its bytes come after all.
func setLocation(ctx context.Context, tx pgx.Tx, f Folder, in *Incoming, date *time.Time, outcome, reason string, messageID int64) error {
	_, err := tx.Exec(ctx, `
		WITH old AS (SELECT message_id FROM location WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3 AND outcome = 'unfetchable'),
		put AS (INSERT INTO location (folder_id, uid_validity, uid, outcome, reason, message_id, internal_date, size)
			VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, now()), $8)
			ON CONFLICT (folder_id, uid_validity, uid) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,
				message_id = excluded.message_id, internal_date = excluded.internal_date, size = excluded.size, seen_at = now())
		DELETE FROM message WHERE id IN (SELECT message_id FROM old) AND id <> $6 AND state = 'kept_aside' AND raw_hash = ''`,
		f.ID, in.UIDValidity, in.UID, outcome, reason, messageID, date, in.Size)
	return err
}

// storeRaw streams the bytes into chunk rows. Where the same bytes are there
// already it returns that message. Two transactions that store the same bytes
// at once both keep theirs; filing joins them.
func storeRaw(ctx context.Context, tx pgx.Tx, f Folder, in *Incoming, date *time.Time, problem string, buf []byte) (id int64, isNew bool, err error) {
	hash := sha256.New()
	var size int64
	for n := 0; ; n++ {
		got, readErr := io.ReadFull(in.Body, buf)
		last := errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF)
		if readErr != nil && !last {
			return 0, false, fmt.Errorf("reading the bytes: %w", readErr)
		}
		hash.Write(buf[:got])
		size += int64(got)
		if n == 0 && got == 0 {
			// Some servers give nothing of what they cannot read. Such messages
			// are not the same: date and size tell them apart.
			fmt.Fprintf(hash, "empty %d %d", in.InternalDate.Unix(), in.Size)
			problem = oneLine(problem + " the server gave an empty message")
		}
		if n == 0 {
			if last { // the usual small message: known before anything is written
				if id, err = sameBytes(ctx, tx, f.OfficeID, hash.Sum(nil), 0); err != nil || id != 0 {
					return id, false, err
				}
			}
			err = tx.QueryRow(ctx, `
				INSERT INTO message (office_id, problem, raw_hash, size, truncated, internal_date)
				VALUES ($1, $2, '', $3, $4, coalesce($5, now())) RETURNING id`,
				f.OfficeID, problem, in.Size, in.Truncated, date).Scan(&id)
			if err != nil {
				return 0, false, err
			}
		}
		if got > 0 || n == 0 {
			if _, err := tx.Exec(ctx, `INSERT INTO message_chunk (message_id, n, data) VALUES ($1, $2, $3)`, id, n, buf[:got]); err != nil {
				return 0, false, err
			}
		}
		if last {
			break
		}
	}
	sum := hash.Sum(nil)
	if size > chunkSize {
		other, err := sameBytes(ctx, tx, f.OfficeID, sum, id)
		if err != nil {
			return 0, false, err
		}
		if other != 0 {
			_, err := tx.Exec(ctx, `DELETE FROM message WHERE id = $1`, id)
			return other, false, err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE message SET raw_hash = $2, size = greatest(size, $3) WHERE id = $1`, id, sum, size)
	return id, true, err
}

func sameBytes(ctx context.Context, tx pgx.Tx, officeID int64, sum []byte, not int64) (int64, error) {
	var id int64
	err := tx.QueryRow(ctx, `SELECT id FROM message WHERE office_id = $1 AND raw_hash = $2 AND id <> $3 ORDER BY id LIMIT 1`,
		officeID, sum, not).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// WriteRaw writes the raw bytes of a message to w, a chunk at a time, and
// returns how many. ErrNotFound where none are kept (never fetched, or purged).
func (db *DB) WriteRaw(ctx context.Context, messageID int64, w io.Writer) (int64, error) {
	var written int64
	for n := 0; ; n++ {
		var data []byte
		err := db.pool.QueryRow(ctx, `SELECT data FROM message_chunk WHERE message_id = $1 AND n = $2`, messageID, n).Scan(&data)
		if errors.Is(err, pgx.ErrNoRows) {
			if n == 0 {
				return 0, fmt.Errorf("the bytes of message %d: %w", messageID, ErrNotFound)
			}
			return written, nil
		}
		if err != nil {
			return written, fmt.Errorf("reading the bytes of message %d: %w", messageID, err)
		}
		k, err := w.Write(data)
		written += int64(k)
		if err != nil {
			return written, err
		}
	}
}

// errEnough ends WriteRaw when a limit is reached.
var errEnough = errors.New("enough")

// limitWriter keeps the first limit bytes.
type limitWriter struct {
	kept  []byte
	limit int
}

func (w *limitWriter) Write(p []byte) (int, error) {
	if room := w.limit - len(w.kept); len(p) > room {
		w.kept = append(w.kept, p[:room]...)
		return room, errEnough
	}
	w.kept = append(w.kept, p...)
	return len(p), nil
}

// ReadRaw returns at most limit raw bytes of a message, and whether there are
// more. ErrNotFound as [DB.WriteRaw].
func (db *DB) ReadRaw(ctx context.Context, messageID int64, limit int) (raw []byte, more bool, err error) {
	w := &limitWriter{limit: limit}
	_, err = db.WriteRaw(ctx, messageID, w)
	if errors.Is(err, errEnough) {
		return w.kept, true, nil
	}
	return w.kept, false, err
}

// Unfiled is a message that has only commit 1.
type Unfiled struct {
	ID           int64
	Attempts     int // this one included
	InternalDate time.Time
	Size         int64
	Truncated    bool
	Problem      string
	Sent         bool // it stands in the folder of sent mail
}

// ClaimUnfiled returns messages that wait to be filed, oldest first, and counts
// an attempt for each before it is made: a message that brings the process
// down is known by its count. Nobody else gets them for that lease. Messages
// that were tried before come one at a time, so that a bad one takes no others
// with it.
func (db *DB) ClaimUnfiled(ctx context.Context, officeID int64, lease time.Duration, limit int) ([]Unfiled, error) {
	list, err := db.claimUnfiled(ctx, officeID, lease, `attempts = 0`, limit)
	if err == nil && len(list) == 0 {
		list, err = db.claimUnfiled(ctx, officeID, lease, `attempts > 0`, 1)
	}
	if err != nil {
		return nil, fmt.Errorf("claiming messages to file: %w", err)
	}
	return list, nil
}

func (db *DB) claimUnfiled(ctx context.Context, officeID int64, lease time.Duration, which string, limit int) ([]Unfiled, error) {
	rows, _ := db.pool.Query(ctx, `
		WITH todo AS (
			SELECT id FROM message
			WHERE state = 'stored' AND office_id = $1 AND `+which+` AND (tried_at IS NULL OR tried_at <= now() - $2::interval)
			ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED),
		claimed AS (
			UPDATE message m SET attempts = attempts + 1, tried_at = now() FROM todo WHERE m.id = todo.id
			RETURNING m.id, m.attempts, m.internal_date, m.size, m.truncated, m.problem)
		SELECT c.*, EXISTS (SELECT FROM location l JOIN folder f ON f.id = l.folder_id WHERE l.message_id = c.id AND f.role = 'sent') AS sent
		FROM claimed c ORDER BY c.id`, officeID, lease, limit)
	return pgx.CollectRows(rows, pgx.RowToStructByName[Unfiled])
}

// FilingFailed notes why a message could not be filed and keeps it aside when
// aside is true; otherwise it is tried again after its lease.
func (db *DB) FilingFailed(ctx context.Context, messageID int64, problem string, aside bool) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		err := tx.QueryRow(ctx, `
			UPDATE message SET problem = $2, state = CASE WHEN $3 THEN 'kept_aside' ELSE state END
			WHERE id = $1 AND state = 'stored' RETURNING office_id`, messageID, oneLine(problem), aside).Scan(&officeID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // filed by another meanwhile
		}
		if err != nil {
			return fmt.Errorf("noting that message %d could not be filed: %w", messageID, err)
		}
		if !aside {
			return nil
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: "intake", Subject: "message", SubjectID: messageID,
			What: "kept aside", Why: oneLine(problem)}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}

// RetryKeptAside files a message again that was kept aside. Of one that the
// server could not give it is asked for again, at the folder's next visit.
func (db *DB) RetryKeptAside(ctx context.Context, messageID int64, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		what := "tried again"
		err := tx.QueryRow(ctx, `
			UPDATE message SET state = 'stored', attempts = 0, tried_at = NULL, problem = ''
			WHERE id = $1 AND state = 'kept_aside' AND EXISTS (SELECT FROM message_chunk WHERE message_id = $1) RETURNING office_id`, messageID).Scan(&officeID)
		if errors.Is(err, pgx.ErrNoRows) {
			what = "asked for again"
			err = tx.QueryRow(ctx, `
				UPDATE location l SET again = true FROM message m
				WHERE m.id = $1 AND l.message_id = m.id AND l.outcome = 'unfetchable' RETURNING m.office_id`, messageID).Scan(&officeID)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("trying message %d again: %w", messageID, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("trying message %d again: %w", messageID, err)
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "message", SubjectID: messageID, What: what}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyMail, officeID)
	})
}

// oneLine makes a problem fit for a row: valid UTF-8 without NUL, one line, bounded.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")), " ")
	return cut(s, 500)
}

// cut shortens a valid string to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
