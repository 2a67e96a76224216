package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ConversationView is a conversation with its queue item, as its page shows it.
type ConversationView struct {
	ID            int64
	OfficeID      int64
	Office        string // code
	Subject       string
	PatronID      *int64
	ToKind        string // whom staff wrote to first: patron, partner, vendor, colleague; "" = someone wrote to us
	ToAddr        string
	MergedInto    *int64
	State         string // of the queue item; "" where it has none
	Kind          string
	Intent        string
	IntentP       float32
	Label         string
	QueueID       *int64 // of the office's own queues
	Queue         string // its name
	Note          string
	AssignedTo    *int64
	Assignee      string
	WaitingSince  *time.Time
	AnswerBy      Date
	SnoozedUntil  *time.Time
	LastMessageID *int64 // a reply to an older one than this is a conflict
	UpdatedAt     *time.Time
}

// Free reports whether staff may write to any address: they began the
// conversation, and not with a patron, whose addresses are registered.
func (c ConversationView) Free() bool { return c.ToKind != "" && c.ToKind != "patron" }

// IntentView is one wish read in a message, with its probability and reasons.
type IntentView struct {
	Intent  string   `json:"intent"`
	P       float64  `json:"p"`
	Reasons []string `json:"reasons"`
}

// AttachmentView is a file that came with a message.
type AttachmentView struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"` // decoded bytes
	Path        string `json:"path"` // of the part inside the message
}

// StoryMessage is a message that came in, or one of ours that was read in Sent.
type StoryMessage struct {
	ID             int64
	OfficeID       int64
	ConversationID *int64
	State          string // stored, filed, kept_aside
	Problem        string
	Direction      string // in, out
	OutboxID       *int64 // our own copy of that outbox row
	MessageID      string
	InternalDate   time.Time
	SentAt         *time.Time // the Date field
	Size           int64
	Truncated      bool
	FromName       string
	FromAddr       string
	ToAddrs        []string
	CcAddrs        []string
	Subject        string
	BodyText       string
	NewText        string
	Kind           string
	Intents        []IntentView
	Reasons        []string // why this kind
	NeedsStaff     bool
	SenderVerified bool
	Rule           string // the routing rule that fitted it when it was filed, and what that did
	Attachments    []AttachmentView
}

// StoryMatch is a request that a message concerns, or may concern.
type StoryMatch struct {
	MessageID         int64 // 0: staff wrote about it
	Office            string
	TransactionID     int64
	TransactionNumber int64
	Title             string
	State             State
	Status            string
	DueDate           Date
	PatronName        string
	Score             float32
	Decided           bool // filed there; false: only offered
	Evidence          []string
	DecidedBy         string // "" = by itself
}

// StoryMail is a mail of ours: a reply of this conversation, or a notice about
// one of its requests.
type StoryMail struct {
	ID             int64
	ConversationID *int64
	State          string
	Kind           string
	Rung           int
	Recipient      string
	Cc             []string
	Subject        string
	BodyText       string
	Template       string
	Staff          string // who wrote it; "" = the planner
	StaffID        *int64
	Reason         string
	MessageID      string
	CreatedAt      time.Time
	NotBefore      time.Time
	SentAt         *time.Time
	SMTPReply      string `db:"smtp_reply"`
	BouncedAt      *time.Time
	BounceStatus   string
	Numbers        []int64 // transaction numbers that it tells of
	Files          []File
}

// StoryNote is an internal note.
type StoryNote struct {
	ID        int64
	Staff     string
	Body      string
	CreatedAt time.Time
}

// StoryEvent is a change of state: who or what, when, why.
type StoryEvent struct {
	ID      int64
	At      time.Time
	Actor   string
	Subject string
	What    string
	Why     string
}

// Draft is a reply that someone is writing.
type Draft struct {
	ConversationID int64
	StaffID        int64
	Staff          string
	Recipient      string // "" = to whom a reply goes
	Cc             string // as typed
	Subject        string
	Body           string
	Template       string
	WantsApproval  bool
	Files          []File // read only; see [DB.AttachFile]
	UpdatedAt      time.Time
}

// Story is everything that belongs to one conversation, each list oldest first.
type Story struct {
	Conversation ConversationView
	Messages     []StoryMessage
	Matches      []StoryMatch // best first
	Mails        []StoryMail
	Notes        []StoryNote
	Events       []StoryEvent
	Drafts       []Draft
}

const storyMessageColumns = `id, office_id, conversation_id, state, problem, direction, outbox_id, message_id, internal_date, sent_at, size, truncated,
	from_name, from_addr, to_addrs, cc_addrs, subject, body_text, new_text, kind, intents, reasons, needs_staff, sender_verified, rule, attachments`

var storyMailColumns = `b.id, b.conversation_id, b.state, b.kind, b.rung, b.recipient, b.cc, b.subject, b.body_text, b.template,
	coalesce(nullif(s.full_name, ''), s.username, '') AS staff, b.staff_id, b.reason, b.message_id, b.created_at, b.not_before, b.sent_at,
	b.smtp_reply, b.bounced_at, b.bounce_status,
	coalesce((SELECT array_agg(DISTINCT t.transaction_number ORDER BY t.transaction_number)
	          FROM notice n JOIN transaction t ON t.id = n.transaction_id WHERE n.outbox_id = b.id), '{}') AS numbers, ` + filesOf(`f.outbox_id = b.id`)

// ReadStory returns a conversation with all that belongs to it, or ErrNotFound.
func (db *DB) ReadStory(ctx context.Context, conversationID int64) (*Story, error) {
	st := &Story{}
	b := &pgx.Batch{}
	queue(b, &st.Messages, `SELECT `+storyMessageColumns+` FROM message WHERE conversation_id = $1 ORDER BY internal_date, id`, conversationID)
	queue(b, &st.Matches, `
		SELECT mm.message_id, o.code AS office, t.id AS transaction_id, t.transaction_number, coalesce(nullif(t.article_title, ''), t.title) AS title, t.state, t.status,
		       t.due_date, trim(p.first_name || ' ' || p.last_name) AS patron_name, mm.score, mm.decided, mm.evidence, mm.decided_by
		FROM message m JOIN message_match mm ON mm.message_id = m.id JOIN transaction t ON t.id = mm.transaction_id
		JOIN office o ON o.id = t.office_id JOIN patron p ON p.id = t.patron_id
		WHERE m.conversation_id = $1
		UNION ALL
		SELECT 0, o.code, t.id, t.transaction_number, coalesce(nullif(t.article_title, ''), t.title), t.state, t.status,
		       t.due_date, trim(p.first_name || ' ' || p.last_name), 1, true, ARRAY['we wrote about it'], ''
		FROM conversation_request r JOIN transaction t ON t.id = r.transaction_id JOIN office o ON o.id = t.office_id JOIN patron p ON p.id = t.patron_id
		WHERE r.conversation_id = $1
		ORDER BY decided DESC, score DESC, transaction_number`, conversationID)
	// Replies of the conversation, and the notices about the requests on which it is filed.
	queue(b, &st.Mails, `
		SELECT `+storyMailColumns+` FROM outbox b LEFT JOIN staff s ON s.id = b.staff_id
		WHERE b.id IN (
			SELECT id FROM outbox WHERE conversation_id = $1
			UNION
			SELECT n.outbox_id FROM conversation_filed f JOIN notice n ON n.transaction_id = f.transaction_id
			WHERE f.conversation_id = $1 AND n.outbox_id IS NOT NULL)
		ORDER BY coalesce(b.sent_at, b.created_at), b.id`, conversationID)
	queue(b, &st.Notes, `
		SELECT n.id, coalesce(nullif(s.full_name, ''), s.username, '') AS staff, n.body, n.created_at
		FROM note n LEFT JOIN staff s ON s.id = n.staff_id WHERE n.conversation_id = $1 ORDER BY n.id`, conversationID)
	queue(b, &st.Events, `
		SELECT e.id, e.at, e.actor, e.subject, e.what, e.why FROM event e
		WHERE e.subject = 'conversation' AND e.subject_id = $1
		   OR e.subject = 'transaction' AND e.subject_id IN (
			SELECT transaction_id FROM conversation_filed WHERE conversation_id = $1)
		ORDER BY e.id`, conversationID)
	queue(b, &st.Drafts, `
		SELECT d.conversation_id, d.staff_id, coalesce(nullif(s.full_name, ''), s.username) AS staff, d.recipient, d.cc,
		       d.subject, d.body, d.template, d.wants_approval, d.updated_at, `+filesOf(`f.conversation_id = d.conversation_id AND f.staff_id = d.staff_id`)+`
		FROM draft d JOIN staff s ON s.id = d.staff_id WHERE d.conversation_id = $1 ORDER BY d.updated_at`, conversationID)
	var c []ConversationView
	queue(b, &c, `
		SELECT c.id, c.office_id, o.code AS office, c.subject, c.patron_id, c.to_kind, c.to_addr, c.merged_into, coalesce(q.state, '') AS state, coalesce(q.kind, '') AS kind,
		       coalesce(q.intent, '') AS intent, coalesce(q.intent_p, 0) AS intent_p, coalesce(q.label, '') AS label, q.queue_id, coalesce(k.name, '') AS queue, coalesce(q.note, '') AS note,
		       q.assigned_to, coalesce(nullif(s.full_name, ''), s.username, '') AS assignee, q.waiting_since, q.answer_by, q.snoozed_until,
		       q.last_message_id, q.updated_at
		FROM conversation c JOIN office o ON o.id = c.office_id LEFT JOIN queue_item q ON q.conversation_id = c.id LEFT JOIN staff s ON s.id = q.assigned_to
		LEFT JOIN office_queue k ON k.id = q.queue_id
		WHERE c.id = $1`, conversationID)
	if err := db.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("reading conversation %d: %w", conversationID, err)
	}
	if len(c) == 0 {
		return nil, fmt.Errorf("conversation %d: %w", conversationID, ErrNotFound)
	}
	st.Conversation = c[0]
	return st, nil
}

// queue adds a query to a batch whose rows land in dst.
func queue[T any](b *pgx.Batch, dst *[]T, sql string, args ...any) {
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
		*dst = list
		return err
	})
}

// StoryMessageByID returns one message, or ErrNotFound.
func (db *DB) StoryMessageByID(ctx context.Context, id int64) (StoryMessage, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+storyMessageColumns+` FROM message WHERE id = $1`, id)
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[StoryMessage]))
}

// ListKeptAside returns messages that could not be filed, newest first.
func (db *DB) ListKeptAside(ctx context.Context, officeID int64, limit int) ([]StoryMessage, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+storyMessageColumns+` FROM message
		WHERE state = 'kept_aside' AND ($1 = 0 OR office_id = $1) ORDER BY id DESC LIMIT $2`, officeID, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[StoryMessage])
	if err != nil {
		return nil, fmt.Errorf("listing what was kept aside: %w", err)
	}
	return list, nil
}

// UndeliverablePatron is a patron whose address does not take mail.
type UndeliverablePatron struct {
	ID               int64
	Office           string
	Username         string
	Name             string
	Email            string
	PatronStatus     string
	UndeliverableAt  time.Time
	UndeliverableWhy string
	InHands          int // books that the patron has
}

// ListUndeliverable returns patrons whom mail does not reach, newest first.
func (db *DB) ListUndeliverable(ctx context.Context, officeID int64, limit int) ([]UndeliverablePatron, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT p.id, o.code AS office, p.username, trim(p.first_name || ' ' || p.last_name) AS name, p.email, p.patron_status,
		       p.undeliverable_at, p.undeliverable_why,
		       (SELECT count(*) FROM transaction t WHERE t.patron_id = p.id AND t.state IN ('on_loan', 'in_hands')) AS in_hands
		FROM patron p JOIN office o ON o.id = p.office_id
		WHERE p.undeliverable_at IS NOT NULL AND ($1 = 0 OR p.office_id = $1) ORDER BY p.undeliverable_at DESC LIMIT $2`, officeID, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[UndeliverablePatron])
	if err != nil {
		return nil, fmt.Errorf("listing patrons whom mail does not reach: %w", err)
	}
	return list, nil
}

// SaveDraft keeps what someone is writing, one a person and conversation. That
// they began is announced.
func (db *DB) SaveDraft(ctx context.Context, d Draft, now time.Time) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var writing bool
		err := tx.QueryRow(ctx, `
			WITH old AS (SELECT FROM draft WHERE conversation_id = $1 AND staff_id = $2 AND updated_at > now() - `+writingFor+`)
			INSERT INTO draft (conversation_id, staff_id, recipient, cc, subject, body, template, wants_approval, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (conversation_id, staff_id) DO UPDATE SET recipient = excluded.recipient, cc = excluded.cc, subject = excluded.subject, body = excluded.body,
				template = excluded.template, wants_approval = excluded.wants_approval, updated_at = excluded.updated_at
			RETURNING EXISTS (SELECT FROM old)`,
			d.ConversationID, d.StaffID, d.Recipient, d.Cc, d.Subject, d.Body, d.Template, d.WantsApproval, now).Scan(&writing)
		if err != nil {
			return fmt.Errorf("saving a draft: %w", err)
		}
		if writing {
			return nil
		}
		return notify(ctx, tx, NotifyPresence, 0)
	})
}

// DropDraft throws a draft away; none is no error.
func (db *DB) DropDraft(ctx context.Context, conversationID, staffID int64) error {
	if _, err := db.pool.Exec(ctx, `DELETE FROM draft WHERE conversation_id = $1 AND staff_id = $2`, conversationID, staffID); err != nil {
		return fmt.Errorf("dropping a draft: %w", err)
	}
	return nil
}
