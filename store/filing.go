package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Filing is all that commit 2 writes of one message: how it was read and
// understood, and what leads it to its conversation.
type Filing struct {
	ID          int64 // of the message row
	Out         bool  // our own mail, whoever in the office wrote it
	MessageID   string
	ContentHash []byte
	SentAt      time.Time // the Date field; zero where it has none
	FromName    string
	FromAddr    string
	ReplyTo     string   // only where it differs from FromAddr
	To, Cc      []string // lower case
	Subject     string
	BodyText    string
	NewText     string
	Problem     string // what could not be read
	Attachments []AttachmentView

	Kind           string
	Intents        []IntentView // highest first
	Identifiers    json.RawMessage
	Reasons        []string // why this kind
	NeedsStaff     bool
	SenderVerified bool
	Username       string // the patron whose borrowing it is; "" where unknown
	Matches        []FilingMatch
	AnswerBy       Date
	AwayUntil      Date   // of an auto-reply
	Note           string // why the conversation stands in the list
	RuleID         int64  // the routing rule that fits, if the message needs staff; 0 for none

	Update    *FilingUpdate // what a system's mail says of the one request that it is filed on; nil for nothing
	PrintOnly bool          // it forbids to deliver electronically what it is filed on

	Refs    []string // ids that it answers, the nearest first: In-Reply-To, then References from the newest back
	OwnRef  string   // X-Illmail-Ref of our own mail
	Reports []string // of a bounce: the keys of what it reports on; it joins other reports only
	About   string   // joins a live conversation of the same key; "" for none
}

// FilingMatch is one transaction that a message may concern.
type FilingMatch struct {
	TransactionNumber int64
	Score             float64
	Decided           bool
	Evidence          []string
}

// Filed is what became of a Filing.
type Filed struct {
	Err            error // why this one was not filed; the others are
	ConversationID int64 // 0 for our own notices' copies
	DuplicateOf    int64 // the message that it is another copy of
	OutboxID       int64 // the mail of ours that it is a copy of
	UnknownRef     bool  // our own mail, by its X-Illmail-Ref, that the records do not know, or took for unsent
}

// FileMessages writes commit 2 of several messages in one transaction; what
// goes wrong with one is in its Filed and touches no other. Filing of an
// office is one at a time, so that two messages that belong together cannot
// both open a conversation. addresses are the office's own. A mail of UnknownRef
// stops the office's sending.
func (db *DB) FileMessages(ctx context.Context, officeID int64, addresses []string, fs []Filing) ([]Filed, error) {
	out := make([]Filed, len(fs))
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if err := lockFiling(ctx, tx, officeID); err != nil {
			return err
		}
		for i := range fs {
			err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
				fl := filer{tx: tx, officeID: officeID, own: addresses, f: &fs[i]}
				var err error
				out[i], err = fl.file(ctx)
				return err
			})
			if err != nil {
				if ctx.Err() != nil {
					return err
				}
				out[i] = Filed{Err: err}
			}
		}
		if slices.ContainsFunc(out, func(f Filed) bool { return f.UnknownRef }) {
			// Together with the filing: a crash in between would let sending go on.
			if err := stopSending(ctx, tx, officeID, olderThanSent, "intake"); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
	if err != nil {
		return nil, fmt.Errorf("filing messages: %w", err)
	}
	return out, nil
}

// lockFiling lets one transaction at a time file mail of an office.
func lockFiling(ctx context.Context, tx pgx.Tx, officeID int64) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('illmail filing', $1))`, officeID); err != nil {
		return fmt.Errorf("waiting for other filing: %w", err)
	}
	return nil
}

const olderThanSent = "Sent holds mail of this office's illmail that the database does not know, or takes for unsent: it may be an older copy. Check what went before sending goes on."

// SentUnfiled is how many messages of the folder of sent mail wait to be filed,
// whoever has them in hand.
func (db *DB) SentUnfiled(ctx context.Context, officeID int64) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `
		SELECT count(*) FROM message m WHERE m.office_id = $1 AND m.state = 'stored'
		  AND EXISTS (SELECT FROM location l JOIN folder f ON f.id = l.folder_id WHERE l.message_id = m.id AND f.role = 'sent')`, officeID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what waits of Sent: %w", err)
	}
	return n, nil
}

// filer files one message inside the transaction of FileMessages.
type filer struct {
	tx       pgx.Tx
	officeID int64
	own      []string
	f        *Filing

	patronID *int64
	outbox   []outboxHit
	mine     *outboxHit // the row of which this is our own copy
}

type outboxHit struct {
	ID             int64
	ConversationID *int64
	MessageID      string
	AliasMessageID string
	PatronID       *int64
	Ref            string
}

func (fl *filer) file(ctx context.Context) (Filed, error) {
	var state string
	err := fl.tx.QueryRow(ctx, `SELECT state FROM message WHERE id = $1 FOR UPDATE`, fl.f.ID).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && state != "stored" {
		return Filed{}, nil // another daemon was quicker
	}
	if err != nil {
		return Filed{}, fmt.Errorf("locking the message: %w", err)
	}
	if dup, err := fl.joinDuplicate(ctx); err != nil || dup != 0 {
		return Filed{DuplicateOf: dup}, err
	}
	if err := fl.findPatron(ctx); err != nil {
		return Filed{}, err
	}
	if err := fl.findOutbox(ctx); err != nil {
		return Filed{}, err
	}
	res := Filed{UnknownRef: fl.f.Out && fl.f.OwnRef != "" && fl.mine == nil}
	if fl.mine != nil {
		res.OutboxID = fl.mine.ID
		if res.UnknownRef, err = fl.settleUnsent(ctx); err != nil {
			return Filed{}, err
		}
	}
	conv, err := fl.chooseConversation(ctx)
	if err != nil {
		return Filed{}, err
	}
	res.ConversationID = conv
	if err := fl.writeMessage(ctx, conv, res.OutboxID); err != nil {
		return Filed{}, err
	}
	if err := fl.writeMatches(ctx); err != nil {
		return Filed{}, err
	}
	if err := fl.writeProposal(ctx); err != nil {
		return Filed{}, err
	}
	if !fl.f.AwayUntil.IsZero() && fl.patronID != nil {
		if _, err := fl.tx.Exec(ctx, `UPDATE patron SET away_until = $2 WHERE id = $1`, *fl.patronID, fl.f.AwayUntil); err != nil {
			return Filed{}, fmt.Errorf("noting the day of return: %w", err)
		}
	}
	if conv == 0 {
		return res, nil
	}
	if err := fl.writeRefs(ctx, conv); err != nil {
		return Filed{}, err
	}
	return res, settleFiled(ctx, fl.tx, conv, fl.own, fl.f)
}

// joinDuplicate looks for the same message: the same Message-ID and content,
// or without Message-ID the same bytes. The locations go to the first one and
// this row goes.
func (fl *filer) joinDuplicate(ctx context.Context) (int64, error) {
	var dup, conv *int64
	var direction string
	err := fl.tx.QueryRow(ctx, `
		SELECT id, direction, conversation_id FROM message
		WHERE office_id = $1 AND id <> $2 AND state = 'filed'
		  AND CASE WHEN $3 <> '' THEN message_id = $3 AND content_hash = $4
		           ELSE message_id = '' AND raw_hash = (SELECT raw_hash FROM message WHERE id = $2) END
		ORDER BY id LIMIT 1`, fl.officeID, fl.f.ID, fl.f.MessageID, fl.f.ContentHash).Scan(&dup, &direction, &conv)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the same message: %w", err)
	}
	if _, err := fl.tx.Exec(ctx, `UPDATE location SET message_id = $2 WHERE message_id = $1`, fl.f.ID, *dup); err != nil {
		return 0, fmt.Errorf("moving the location: %w", err)
	}
	if _, err := fl.tx.Exec(ctx, `DELETE FROM message WHERE id = $1`, fl.f.ID); err != nil {
		return 0, fmt.Errorf("dropping the copy: %w", err)
	}
	if fl.f.Out && direction == "in" && conv != nil {
		// A blind copy came into the inbox before Sent proved that it is ours.
		if _, err := fl.tx.Exec(ctx, `UPDATE message SET direction = 'out', kind = '', intents = '[]', needs_staff = false WHERE id = $1`, *dup); err != nil {
			return 0, fmt.Errorf("turning a copy of our own mail: %w", err)
		}
		fl.f.ID = *dup
		return *dup, settleFiled(ctx, fl.tx, *conv, fl.own, fl.f)
	}
	return *dup, nil
}

// findPatron finds the patron by username, or our own mail's by its recipients.
func (fl *filer) findPatron(ctx context.Context) error {
	sql, arg := `SELECT id FROM patron WHERE office_id = $1 AND lower(username) = lower($2)`, any(fl.f.Username)
	switch {
	case fl.f.Username != "":
	case fl.f.Out:
		sql, arg = `
			SELECT id FROM patron WHERE office_id = $1 AND lower(email) = ANY ($2)
			UNION ALL SELECT patron_id FROM patron_address WHERE office_id = $1 AND address = ANY ($2)
			LIMIT 1`, any(fl.f.To)
	default:
		return nil
	}
	err := fl.tx.QueryRow(ctx, sql, fl.officeID, arg).Scan(&fl.patronID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("finding the patron: %w", err)
	}
	return nil
}

// findOutbox finds the mails of ours that this one answers or is a copy of.
func (fl *filer) findOutbox(ctx context.Context) error {
	ids := fl.f.Refs
	if fl.f.Out {
		ids = append([]string{fl.f.MessageID}, ids...)
	}
	rows, _ := fl.tx.Query(ctx, `
		SELECT id, conversation_id, message_id, alias_message_id, patron_id, ref FROM outbox
		WHERE office_id = $1 AND message_id = ANY ($2)
		UNION SELECT id, conversation_id, message_id, alias_message_id, patron_id, ref FROM outbox
		WHERE office_id = $1 AND alias_message_id <> '' AND alias_message_id = ANY ($2)
		UNION SELECT id, conversation_id, message_id, alias_message_id, patron_id, ref FROM outbox
		WHERE office_id = $1 AND ref <> '' AND ref = $3`, fl.officeID, ids, fl.f.OwnRef)
	hits, err := pgx.CollectRows(rows, pgx.RowToStructByName[outboxHit])
	if err != nil {
		return fmt.Errorf("looking for our own mail: %w", err)
	}
	fl.outbox = hits
	if !fl.f.Out {
		return nil
	}
	for i, h := range hits {
		if h.MessageID == fl.f.MessageID || h.AliasMessageID != "" && h.AliasMessageID == fl.f.MessageID || h.Ref != "" && h.Ref == fl.f.OwnRef {
			fl.mine = &hits[i]
			break
		}
	}
	if fl.mine != nil && fl.mine.MessageID != fl.f.MessageID && fl.f.MessageID != "" && fl.mine.AliasMessageID == "" {
		// The provider put an id of its own in place of ours: answers will carry it.
		fl.mine.AliasMessageID = fl.f.MessageID
		if _, err := fl.tx.Exec(ctx, `UPDATE outbox SET alias_message_id = $2 WHERE id = $1`, fl.mine.ID, fl.f.MessageID); err != nil {
			return fmt.Errorf("noting the id that the provider gave: %w", err)
		}
	}
	return nil
}

// settleUnsent notes that a mail that waits to be sent was sent: its copy is
// here. That happens where the records are older than the mail (a restored
// backup), or a server filed it long after it was searched for.
func (fl *filer) settleUnsent(ctx context.Context) (bool, error) {
	tag, err := fl.tx.Exec(ctx, `
		WITH o AS (
			UPDATE outbox SET state = 'sent', sent_at = coalesce(sending_at, m.internal_date), sent_copy = 'done', reason = 'found in Sent',
				claimed_by = '', claimed_until = NULL
			FROM message m WHERE outbox.id = $1 AND m.id = $2 AND outbox.state IN ('held', 'queued') RETURNING outbox.id, outbox.office_id)
		INSERT INTO event (office_id, actor, subject, subject_id, what, why)
		SELECT office_id, 'intake', 'outbox', id, 'sent', 'found in Sent, though it waited to be sent' FROM o`, fl.mine.ID, fl.f.ID)
	if err != nil {
		return false, fmt.Errorf("settling mail %d by its copy: %w", fl.mine.ID, err)
	}
	return tag.RowsAffected() > 0, nil
}

// keys are the ids by which the message hangs together with others, the
// nearest first.
func (fl *filer) keys() []string {
	var keys []string
	add := func(ks ...string) {
		for _, k := range ks {
			if k != "" && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	add(fl.f.MessageID)
	if len(fl.f.Reports) > 0 {
		add(fl.f.Reports...)
		return keys
	}
	add(fl.f.Refs...)
	for _, h := range fl.outbox {
		add(h.MessageID, h.AliasMessageID)
	}
	return keys
}

func (fl *filer) writeMessage(ctx context.Context, conv, outboxID int64) error {
	f := fl.f
	direction := "in"
	if f.Out {
		direction = "out"
	}
	var sentAt *time.Time
	if y := f.SentAt.Year(); y > 1970 && y < 10000 {
		sentAt = &f.SentAt
	}
	identifiers := f.Identifiers
	if len(identifiers) == 0 {
		identifiers = json.RawMessage("[]")
	}
	_, err := fl.tx.Exec(ctx, `
		UPDATE message SET state = 'filed', problem = $2, direction = $3, conversation_id = nullif($4, 0), outbox_id = nullif($5, 0),
			message_id = $6, refs = $25, content_hash = $7, sent_at = $8, from_name = $9, from_addr = $10, reply_to = $11, to_addrs = $12, cc_addrs = $13,
			subject = $14, body_text = $15, new_text = $16, kind = $17, intents = $18, identifiers = $19, reasons = $20, needs_staff = $21,
			sender_verified = $22, patron_id = $23, attachments = $24
		WHERE id = $1`,
		f.ID, f.Problem, direction, conv, outboxID, f.MessageID, f.ContentHash, sentAt, f.FromName, f.FromAddr, f.ReplyTo,
		orEmpty(f.To), orEmpty(f.Cc), f.Subject, f.BodyText, f.NewText, f.Kind, orEmpty(f.Intents), identifiers, orEmpty(f.Reasons),
		f.NeedsStaff && !f.Out, f.SenderVerified, fl.patronID, orEmpty(f.Attachments), orEmpty(f.Refs))
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	return nil
}

func (fl *filer) writeMatches(ctx context.Context) error {
	for _, m := range fl.f.Matches {
		_, err := fl.tx.Exec(ctx, `
			INSERT INTO message_match (message_id, transaction_id, score, decided, evidence)
			SELECT $1, id, $4, $5, $6 FROM transaction WHERE office_id = $2 AND transaction_number = $3
			ON CONFLICT DO NOTHING`,
			fl.f.ID, fl.officeID, m.TransactionNumber, min(max(m.Score, 0), 1), m.Decided, orEmpty(m.Evidence))
		if err != nil {
			return fmt.Errorf("writing the matches: %w", err)
		}
	}
	return nil
}

func (fl *filer) writeRefs(ctx context.Context, conv int64) error {
	keys := fl.keys()
	if fl.f.About != "" {
		keys = append(keys, fl.f.About)
	}
	_, err := fl.tx.Exec(ctx, `
		INSERT INTO message_ref (office_id, ref, conversation_id) SELECT $1, ref, $3 FROM unnest($2::text[]) AS ref
		ON CONFLICT DO NOTHING`, fl.officeID, keys, conv)
	if err != nil {
		return fmt.Errorf("indexing the references: %w", err)
	}
	if fl.patronID != nil {
		_, err = fl.tx.Exec(ctx, `UPDATE conversation SET patron_id = $2 WHERE id = $1 AND patron_id IS NULL`, conv, *fl.patronID)
		if err != nil {
			return fmt.Errorf("noting the patron: %w", err)
		}
	}
	if len(fl.f.Reports) > 0 || len(fl.outbox) == 0 {
		return nil
	}
	// A notice that is answered belongs to the conversation from now on.
	ids := make([]int64, len(fl.outbox))
	for i, h := range fl.outbox {
		ids[i] = h.ID
	}
	_, err = fl.tx.Exec(ctx, `
		WITH o AS (UPDATE outbox SET conversation_id = $2 WHERE id = ANY ($1) AND conversation_id IS NULL RETURNING id)
		UPDATE message SET conversation_id = $2 FROM o WHERE message.outbox_id = o.id AND message.conversation_id IS NULL`, ids, conv)
	if err != nil {
		return fmt.Errorf("joining the notice that is answered: %w", err)
	}
	return nil
}

// orEmpty keeps nil slices out of NOT NULL columns.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// AboutKey is the key of fresh mail of one patron on the same requests.
func AboutKey(username string, tns []int64) string {
	tns = slices.Clone(tns)
	slices.Sort(tns)
	return "about:" + strings.ToLower(username) + ":" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(tns)), ","), "[]")
}
