package store

import "time"

// ToldNotice is one notice of a request, or a letter that staff wrote to its
// patron, and what became of it: together they are the proof of what the
// patron was told.
type ToldNotice struct {
	Kind         string
	Rung         int
	Cycle        Date // the due date, or the day from which it counts; zero of a letter of staff
	State        string
	Reason       string
	Days         int
	PlannedOn    Date
	DecidedAt    time.Time
	OutboxID     *int64
	MailState    string
	Recipient    string
	Subject      string
	MessageID    string
	CreatedAt    *time.Time
	SentAt       *time.Time
	SMTPReply    string `db:"smtp_reply"`
	BouncedAt    *time.Time
	BounceStatus string
	RehearsedTo  string         // the address that got it in a rehearsal; "" = the recipient
	Answers      []NoticeAnswer `db:"-"` // oldest first
}

// NoticeAnswer is a message that answers a mail of ours.
type NoticeAnswer struct {
	OutboxID       int64 // of the mail
	ConversationID int64
	Kind           string // patron, auto_reply, …
	From           string
	Subject        string
	At             time.Time // when it arrived
}

// proofMailColumns are what of a mail proves that it went.
const proofMailColumns = `coalesce(b.state, '') AS mail_state, coalesce(b.recipient, '') AS recipient, coalesce(b.subject, '') AS subject,
	coalesce(b.message_id, '') AS message_id, b.created_at, b.sent_at, coalesce(b.smtp_reply, '') AS smtp_reply, b.bounced_at,
	coalesce(b.bounce_status, '') AS bounce_status, coalesce(b.rehearsed_to, '') AS rehearsed_to`

// toldSQL is what the patron of the transaction $1 was told about it. A letter
// of staff that itself counts as a notice stands there once, as that.
const toldSQL = `
	SELECT n.kind, n.rung, n.cycle, n.state, n.reason, n.days, n.planned_on, n.decided_at, n.outbox_id, ` + proofMailColumns + `
	FROM notice n LEFT JOIN outbox b ON b.id = n.outbox_id WHERE n.transaction_id = $1
	UNION ALL
	SELECT b.kind, 0, NULL, b.state, b.reason, 0, b.created_at::date, b.created_at, b.id, ` + proofMailColumns + `
	FROM transaction t JOIN conversation_filed f ON f.transaction_id = t.id
	JOIN outbox b ON b.conversation_id = f.conversation_id AND b.kind = 'reply' AND b.patron_id = t.patron_id
	WHERE t.id = $1 AND NOT EXISTS (SELECT FROM notice n WHERE n.transaction_id = t.id AND n.outbox_id = b.id)
	ORDER BY planned_on, decided_at, kind, rung`

// answersSQL is what came in answer to those mails. What names one of our
// Message-IDs leads by it to its conversation.
const answersSQL = `
	WITH mail AS (
		SELECT b.id, b.office_id, b.message_id, b.alias_message_id FROM notice n JOIN outbox b ON b.id = n.outbox_id WHERE n.transaction_id = $1
		UNION
		SELECT b.id, b.office_id, b.message_id, b.alias_message_id FROM transaction t JOIN conversation_filed f ON f.transaction_id = t.id
		JOIN outbox b ON b.conversation_id = f.conversation_id AND b.kind = 'reply' AND b.patron_id = t.patron_id WHERE t.id = $1)
	SELECT DISTINCT mail.id AS outbox_id, m.conversation_id, m.kind, m.from_addr AS "from", m.subject, m.internal_date AS at
	FROM mail JOIN message_ref r ON r.office_id = mail.office_id AND r.ref IN (mail.message_id, nullif(mail.alias_message_id, ''))
	JOIN message m ON m.conversation_id = r.conversation_id AND m.direction = 'in' AND m.kind <> 'bounce'
		AND m.refs && ARRAY[mail.message_id, nullif(mail.alias_message_id, '')]
	ORDER BY m.internal_date`
