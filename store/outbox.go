package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// OutboxState is where a mail of ours stands; its CHECK twin is outbox.state.
type OutboxState string

// The states of an outbox row; package notices draws how they follow each other.
const (
	OutboxHeld      OutboxState = "held"
	OutboxQueued    OutboxState = "queued"
	OutboxSending   OutboxState = "sending"
	OutboxSent      OutboxState = "sent"
	OutboxFailed    OutboxState = "failed"
	OutboxUncertain OutboxState = "uncertain"
	OutboxCancelled OutboxState = "cancelled"
)

// RefSecret is the name of the secret that signs X-Illmail-Ref (see [DB.Secret]).
const RefSecret = "ref"

// OutboxMail is a mail of ours as it is sent and judged.
type OutboxMail struct {
	ID             int64
	OfficeID       int64
	State          OutboxState
	Kind           NoticeKind
	Rung           int
	ConversationID *int64
	PatronID       *int64
	StaffID        *int64
	Recipient      string
	RecipientName  string
	Cc             []string
	Subject        string
	BodyText       string
	BodyHTML       string `db:"body_html"`
	MessageID      string // without angle brackets
	Ref            string // X-Illmail-Ref
	InReplyTo      string
	Refs           []string
	Template       string
	EditedFrom     string // the text in whose place staff wrote BodyText; "" = nobody did
	Reason         string
	DecidedFor     Date
	CreatedAt      time.Time
	NotBefore      time.Time
	Attempts       int
	ClaimedBy      string
	DatedAt        *time.Time // the Date field
	SendingAt      *time.Time
	SentAt         *time.Time
	SMTPReply      string `db:"smtp_reply"`
	Searched       int
	SearchedAt     *time.Time
	SentCopy       string
	BouncedAt      *time.Time
	BounceStatus   string
	AliasMessageID string
	RehearsedTo    string // the address that gets it in place of all recipients; "" = they do
}

const outboxColumns = `o.id, o.office_id, o.state, o.kind, o.rung, o.conversation_id, o.patron_id, o.staff_id, o.recipient, o.recipient_name, o.cc,
	o.subject, o.body_text, o.body_html, o.message_id, o.ref, o.in_reply_to, o.refs, o.template, o.edited_from, o.reason, o.decided_for, o.created_at, o.not_before,
	o.attempts, o.claimed_by, o.dated_at, o.sending_at, o.sent_at, o.smtp_reply, o.searched, o.searched_at, o.sent_copy, o.bounced_at, o.bounce_status,
	o.alias_message_id, o.rehearsed_to`

// OutboxMail returns one mail, or ErrNotFound.
func (db *DB) OutboxMail(ctx context.Context, id int64) (OutboxMail, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+outboxColumns+` FROM outbox o WHERE o.id = $1`, id)
	m, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[OutboxMail]))
	if err != nil {
		return m, fmt.Errorf("reading mail %d: %w", id, err)
	}
	return m, nil
}

// OutboxNotices returns the notices that a mail tells, sternest first.
func (db *DB) OutboxNotices(ctx context.Context, outboxID int64) ([]NoticeRow, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT n.id, n.transaction_id, n.kind, n.rung, n.cycle, n.state, n.reason, n.days, n.outbox_id, n.planned_on, n.held_since, n.decided_at,
		       o.state AS outbox_state, o.sent_at, o.bounced_at, o.rehearsed_to <> '' AS rehearsed
		FROM notice n JOIN outbox o ON o.id = n.outbox_id WHERE n.outbox_id = $1 ORDER BY n.rung DESC, n.days DESC, n.transaction_id`, outboxID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[NoticeRow])
	if err != nil {
		return nil, fmt.Errorf("reading the notices of mail %d: %w", outboxID, err)
	}
	return list, nil
}

// NewReply is an answer of staff that is to go out.
type NewReply struct {
	OfficeID       int64
	ConversationID int64
	PatronID       int64 // 0: to a partner
	StaffID        int64
	Staff          string // username, for the event
	Recipient      string
	RecipientName  string
	Cc             []string
	Subject        string
	BodyText       string
	BodyHTML       string
	MessageID      string // of mailbox.NewMessageID
	Ref            string
	InReplyTo      string
	Refs           []string
	Template       string
	NotBefore      time.Time // until then it can be undone; zero: it goes at once
	// SeenMessageID is the newest message of the conversation that its writer
	// saw, for [DB.AnswerConversation]; 0: whatever there is.
	SeenMessageID int64
}

// queueReply queues an answer; see [DB.AnswerConversation].
func queueReply(ctx context.Context, tx pgx.Tx, r NewReply) (id int64, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO outbox (office_id, state, kind, conversation_id, patron_id, staff_id, recipient, recipient_name, cc, subject, body_text, body_html,
			message_id, ref, in_reply_to, refs, template, not_before)
		VALUES ($1, 'queued', 'reply', nullif($2, 0), nullif($3, 0), nullif($4, 0), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, greatest($16, now()))
		RETURNING id`,
		r.OfficeID, r.ConversationID, r.PatronID, r.StaffID, r.Recipient, r.RecipientName, orEmpty(r.Cc), r.Subject, r.BodyText, r.BodyHTML,
		r.MessageID, r.Ref, r.InReplyTo, orEmpty(r.Refs), r.Template, r.NotBefore).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("queueing a reply: %w", err)
	}
	if err := addEvent(ctx, tx, Event{OfficeID: r.OfficeID, Actor: r.Staff, Subject: "outbox", SubjectID: id, What: "queued"}); err != nil {
		return 0, err
	}
	return id, notify(ctx, tx, NotifyOutbox, r.OfficeID)
}

// OutboxFilter says which mails to list.
type OutboxFilter struct {
	OfficeID int64       // 0: of all offices
	State    OutboxState // "": in any state
	Kind     NoticeKind  // "": of any kind
	Before   int64       // only ids below it; 0: from the newest
	Limit    int         // 0: all
}

// OutboxRow is a mail as `illmail outbox --json` tells it.
type OutboxRow struct {
	ID           int64       `json:"id"`
	Office       string      `json:"office"`
	Kind         NoticeKind  `json:"kind"`
	Rung         int         `json:"rung"`
	To           string      `json:"to" db:"recipient"`
	Transactions []int64     `json:"transactions"`
	State        OutboxState `json:"state"`
	MessageID    string      `json:"message_id"` // with angle brackets
	Attempts     int         `json:"attempts"`
	SentAt       *time.Time  `json:"sent_at"`
	SMTPReply    string      `json:"smtp_reply" db:"smtp_reply"`
	Reason       string      `json:"reason"`

	Subject      string     `json:"-"`
	PatronName   string     `json:"-"`
	Staff        string     `json:"-"` // who wrote it; "" = the planner
	CreatedAt    time.Time  `json:"-"`
	NotBefore    time.Time  `json:"-"`
	SendingAt    *time.Time `json:"-"`
	BouncedAt    *time.Time `json:"-"`
	BounceStatus string     `json:"-"`
	Searched     int        `json:"-"`
}

// ListOutbox lists mails, newest first.
func (db *DB) ListOutbox(ctx context.Context, f OutboxFilter) ([]OutboxRow, error) {
	var sql strings.Builder
	args := pgx.NamedArgs{"office": f.OfficeID, "state": f.State, "kind": f.Kind, "before": f.Before, "limit": f.Limit}
	sql.WriteString(`
		SELECT b.id, f.code AS office, b.kind, b.rung, b.recipient, b.state, '<' || b.message_id || '>' AS message_id, b.attempts, b.sent_at, b.smtp_reply, b.reason,
		       b.subject, coalesce(trim(p.first_name || ' ' || p.last_name), '') AS patron_name, coalesce(nullif(s.full_name, ''), s.username, '') AS staff,
		       b.created_at, b.not_before, b.sending_at, b.bounced_at, b.bounce_status, b.searched,
		       coalesce(CASE WHEN b.kind = 'reply' THEN
		           (SELECT array_agg(DISTINCT t.transaction_number) FROM conversation_filed d JOIN transaction t ON t.id = d.transaction_id
		            WHERE d.conversation_id = b.conversation_id)
		       ELSE (SELECT array_agg(DISTINCT t.transaction_number) FROM notice n JOIN transaction t ON t.id = n.transaction_id WHERE n.outbox_id = b.id)
		       END, '{}') AS transactions
		FROM outbox b JOIN office f ON f.id = b.office_id LEFT JOIN patron p ON p.id = b.patron_id LEFT JOIN staff s ON s.id = b.staff_id
		WHERE (@office = 0 OR b.office_id = @office)`)
	if f.State != "" {
		sql.WriteString(` AND b.state = @state`)
	}
	if f.Kind != "" {
		sql.WriteString(` AND b.kind = @kind`)
	}
	if f.Before != 0 {
		sql.WriteString(` AND b.id < @before`)
	}
	sql.WriteString(` ORDER BY b.id DESC`)
	if f.Limit > 0 {
		sql.WriteString(` LIMIT @limit`)
	}
	rows, _ := db.pool.Query(ctx, sql.String(), args)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[OutboxRow])
	if err != nil {
		return nil, fmt.Errorf("listing the outbox: %w", err)
	}
	return list, nil
}

// CountOutbox counts an office's mails by state; 0 means all offices.
func (db *DB) CountOutbox(ctx context.Context, officeID int64) (map[OutboxState]int, error) {
	rows, _ := db.pool.Query(ctx, `SELECT state, count(*) AS n FROM outbox WHERE $1 = 0 OR office_id = $1 GROUP BY state`, officeID)
	counts := map[OutboxState]int{}
	var state OutboxState
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { counts[state] = n; return nil }); err != nil {
		return nil, fmt.Errorf("counting the outbox: %w", err)
	}
	return counts, nil
}

// MarkBounced notes that a mail came back with that enhanced status code (RFC
// 3463). Where that is for good, its address is undeliverable from now on, and
// everything planned for the patron is held. A mail that came back was
// accepted, so one of unknown outcome counts as sent.
func (db *DB) MarkBounced(ctx context.Context, outboxID int64, status string, permanent bool, at time.Time) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		var patronID *int64
		var recipient string
		err := tx.QueryRow(ctx, `
			UPDATE outbox SET bounced_at = coalesce(bounced_at, $3), bounce_status = $2,
				sent_at = coalesce(sent_at, sending_at), state = CASE WHEN state = 'uncertain' THEN 'sent' ELSE state END,
				sent_copy = CASE WHEN state = 'uncertain' THEN 'owed' ELSE sent_copy END
			WHERE id = $1 AND state IN ('sending', 'sent', 'uncertain', 'failed', 'cancelled')
			RETURNING office_id, CASE rehearsed_to WHEN '' THEN patron_id END, recipient`, // a rehearsal says nothing of the patron's address
			outboxID, status, at).Scan(&officeID, &patronID, &recipient)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("noting that mail %d came back: %w", outboxID, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("noting that mail %d came back: %w", outboxID, err)
		}
		what := "came back, to be tried again"
		if permanent {
			what = "came back for good"
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: "intake", Subject: "outbox", SubjectID: outboxID, What: what, Why: status}); err != nil {
			return err
		}
		if permanent && patronID != nil {
			if err := markUndeliverable(ctx, tx, officeID, *patronID, recipient, status, at); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyOutbox, officeID)
	})
}

// markUndeliverable notes that mail to that address does not reach the patron,
// unless another address is registered by now.
func markUndeliverable(ctx context.Context, tx pgx.Tx, officeID, patronID int64, address, why string, at time.Time) error {
	tag, err := tx.Exec(ctx, `
		UPDATE patron SET undeliverable_at = $3, undeliverable_why = $4
		WHERE id = $1 AND lower(email) = lower($2) AND undeliverable_at IS NULL`, patronID, address, at, oneLine(why))
	if err != nil {
		return fmt.Errorf("noting that an address does not take mail: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return addEvent(ctx, tx, Event{OfficeID: officeID, Actor: "intake", Subject: "patron", SubjectID: patronID, What: "undeliverable", Why: why})
}
