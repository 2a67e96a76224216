package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// HeldNotice is a notice that would have gone and is held, with why.
type HeldNotice struct {
	ID                int64
	Office            string // code
	Kind              NoticeKind
	Rung              int
	Cycle             Date
	Days              int
	Reason            string
	HeldSince         Date
	TransactionNumber int64
	Title             string
	DueDate           Date
	Status            string
	Username          string
	PatronName        string
}

// ListHeldNotices lists the notices that are held, the longest held first; 0
// means all offices.
func (db *DB) ListHeldNotices(ctx context.Context, officeID int64, limit int) ([]HeldNotice, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT n.id, f.code AS office, n.kind, n.rung, n.cycle, n.days, n.reason, n.held_since, t.transaction_number,
		       coalesce(nullif(t.article_title, ''), t.title) AS title, t.due_date, t.status, p.username, trim(p.first_name || ' ' || p.last_name) AS patron_name
		FROM notice n JOIN office f ON f.id = n.office_id JOIN transaction t ON t.id = n.transaction_id JOIN patron p ON p.id = t.patron_id
		WHERE n.state = 'held' AND ($1 = 0 OR n.office_id = $1) ORDER BY n.held_since, n.id LIMIT $2`, officeID, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[HeldNotice])
	if err != nil {
		return nil, fmt.Errorf("listing held notices: %w", err)
	}
	return list, nil
}

// UntoldCancellation is a request that the office cancelled and of which its
// patron was never told.
type UntoldCancellation struct {
	TransactionID     int64
	TransactionNumber int64
	Title             string
	CancelReason      string
	StatusDate        Date
	Username          string
	PatronName        string
	Email             string
}

// ListPatronNotTold lists cancellations from one day on up to another whose
// patrons were not told, newest first: they are too old for a letter, and
// staff see to them.
func (db *DB) ListPatronNotTold(ctx context.Context, officeID int64, from, to Date, limit int) ([]UntoldCancellation, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT t.id AS transaction_id, t.transaction_number, coalesce(nullif(t.article_title, ''), t.title) AS title, t.cancel_reason, t.status_date,
		       p.username, trim(p.first_name || ' ' || p.last_name) AS patron_name, p.email
		FROM transaction t JOIN patron p ON p.id = t.patron_id
		WHERE t.office_id = $1 AND t.state IN ('sent', 'in_transit', 'on_shelf', 'delivered', 'cancelled_staff') AND t.state = 'cancelled_staff' AND t.process_type = 'Borrowing'
		  AND t.status_date BETWEEN $2 AND $3
		  AND NOT EXISTS (
			SELECT FROM notice n LEFT JOIN outbox o ON o.id = n.outbox_id WHERE n.transaction_id = t.id AND n.kind = 'cancellation'
			  AND (n.cycle = t.status_date OR n.state = 'told' AND n.outbox_id IS NOT NULL AND n.cycle BETWEEN t.status_date - 60 AND t.status_date)
			  AND (n.state IN ('passed', 'told') OR n.state = 'skipped' AND n.reason LIKE 'no letter %' OR o.state IN ('queued', 'sending', 'sent', 'uncertain')))
		ORDER BY t.status_date DESC, t.transaction_number DESC LIMIT $4`, officeID, from, to, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[UntoldCancellation])
	if err != nil {
		return nil, fmt.Errorf("listing patrons not told: %w", err)
	}
	return list, nil
}

// HandbackRow is what was told about one request, for going back to the ILL
// system's own notices.
type HandbackRow struct {
	TransactionNumber int64
	Username          string
	Kind              NoticeKind // reply: a letter of staff made from a template
	Rung              int
	Cycle             Date   // the due date, or the day from which it counts; zero of a reply
	State             string // sent, uncertain, failed, bounced, told, passed
	SentAt            *time.Time
	Recipient         string
	MessageID         string // without angle brackets
	SMTPReply         string `db:"smtp_reply"`
	Template          string
}

// Handback lists what was told, by request and in the order of time.
func (db *DB) Handback(ctx context.Context, officeID int64) ([]HandbackRow, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT transaction_number, username, kind, rung, cycle, state, sent_at, recipient, message_id, smtp_reply, template FROM (
			SELECT t.transaction_number, p.username, n.kind, n.rung, n.cycle,
			       CASE WHEN n.state <> 'planned' THEN n.state WHEN o.bounced_at IS NOT NULL THEN 'bounced' ELSE o.state END AS state,
			       o.sent_at, coalesce(o.recipient, '') AS recipient, coalesce(o.message_id, '') AS message_id, coalesce(o.smtp_reply, '') AS smtp_reply,
			       coalesce(o.template, '') AS template, coalesce(o.sent_at, n.decided_at) AS at
			FROM notice n JOIN transaction t ON t.id = n.transaction_id JOIN patron p ON p.id = t.patron_id LEFT JOIN outbox o ON o.id = n.outbox_id
			WHERE n.office_id = $1 AND (n.state IN ('passed', 'told') OR n.state = 'planned' AND o.rehearsed_to = '' AND o.state IN ('sent', 'failed', 'uncertain', 'sending'))
			UNION ALL
			SELECT t.transaction_number, p.username, o.kind, 0, NULL, CASE WHEN o.bounced_at IS NOT NULL THEN 'bounced' ELSE o.state END,
			       o.sent_at, o.recipient, o.message_id, o.smtp_reply, o.template, coalesce(o.sent_at, o.created_at)
			FROM outbox o JOIN conversation_filed f ON f.conversation_id = o.conversation_id
			JOIN transaction t ON t.id = f.transaction_id AND t.patron_id = o.patron_id JOIN patron p ON p.id = t.patron_id
			WHERE o.office_id = $1 AND o.kind = 'reply' AND o.template <> '' AND o.rehearsed_to = '' AND o.state IN ('sent', 'failed', 'uncertain', 'sending')
			  AND NOT EXISTS (SELECT FROM notice n WHERE n.outbox_id = o.id AND n.transaction_id = t.id)) told
		ORDER BY transaction_number, at, rung`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[HandbackRow])
	if err != nil {
		return nil, fmt.Errorf("listing what was told: %w", err)
	}
	return list, nil
}

// LeavingLoan is a loan that is due after its patron's account ends.
type LeavingLoan struct {
	TransactionNumber int64
	Title             string
	DueDate           Date
	AccountEnds       Date
	Username          string
	PatronName        string
	Email             string
	AlternateEmail    string
	Undeliverable     bool // mail to Email bounces
}

// ListLeavers lists loans whose patrons' accounts end up to that day, or have
// ended, before the loans are due; the nearest end first.
func (db *DB) ListLeavers(ctx context.Context, officeID int64, to Date, limit int) ([]LeavingLoan, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT t.transaction_number, coalesce(nullif(t.article_title, ''), t.title) AS title, t.due_date, p.account_ends, p.username,
		       trim(p.first_name || ' ' || p.last_name) AS patron_name, p.email, p.alternate_email, p.undeliverable_at IS NOT NULL AS undeliverable
		FROM patron p JOIN transaction t ON t.patron_id = p.id AND t.state IN ('on_loan', 'in_hands') AND t.process_type = 'Borrowing' AND t.closed_at IS NULL
		WHERE p.office_id = $1 AND p.account_ends <= $2 AND t.due_date > p.account_ends
		ORDER BY p.account_ends, p.username, t.due_date, t.transaction_number LIMIT $3`, officeID, to, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[LeavingLoan])
	if err != nil {
		return nil, fmt.Errorf("listing leavers: %w", err)
	}
	return list, nil
}
