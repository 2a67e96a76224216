package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ClaimOutcome is what staff found where a patron said that an item was returned.
type ClaimOutcome struct {
	TransactionID int64
	Outcome       string // found, with_lender, not_found
	Staff         string // username
	At            time.Time
}

// ClaimOutcomes returns the newest outcome of each of the transactions, unless
// a mail said since then that the item was returned: that one is to be looked for anew.
func (db *DB) ClaimOutcomes(ctx context.Context, transactionIDs []int64) ([]ClaimOutcome, error) {
	rows, _ := db.pool.Query(ctx, `
		WITH mail AS (`+patronMailSQL+`)
		SELECT DISTINCT ON (x.transaction_id) x.transaction_id, x.outcome, x.staff, x.at FROM claim_outcome x
		WHERE x.transaction_id = ANY ($1)
		  AND NOT EXISTS (SELECT FROM mail WHERE mail.transaction_id = x.transaction_id AND mail.intent = 'returned_claim' AND mail.stored_at > x.at)
		ORDER BY x.transaction_id, x.id DESC`, transactionIDs)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[ClaimOutcome])
	if err != nil {
		return nil, fmt.Errorf("reading what was found: %w", err)
	}
	return list, nil
}

// MailClaim is a conversation that waits for staff and says that an item was
// returned of which a mail of the outbox tells.
type MailClaim struct {
	OutboxID          int64
	ConversationID    int64
	TransactionNumber int64
}

// MailClaims returns the claims of return that contradict these mails of the
// outbox: those of conversations that are not done, of items of which nobody has
// recorded what was found.
func (db *DB) MailClaims(ctx context.Context, outboxIDs []int64) ([]MailClaim, error) {
	rows, _ := db.pool.Query(ctx, `SELECT DISTINCT transaction_id FROM notice WHERE outbox_id = ANY ($1)`, outboxIDs)
	transactions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("reading of what mails tell: %w", err)
	}
	rows, _ = db.pool.Query(ctx, `
		WITH mail AS (`+patronMailSQL+`)
		SELECT DISTINCT n.outbox_id, mail.conversation_id, t.transaction_number
		FROM notice n JOIN transaction t ON t.id = n.transaction_id
		JOIN mail ON mail.transaction_id = n.transaction_id AND mail.intent = 'returned_claim'
		JOIN queue_item q ON q.conversation_id = mail.conversation_id AND q.state <> 'done'
		WHERE n.outbox_id = ANY ($2)
		  AND NOT EXISTS (SELECT FROM claim_outcome x WHERE x.transaction_id = mail.transaction_id AND x.at >= mail.stored_at)
		ORDER BY n.outbox_id, mail.conversation_id, t.transaction_number`, transactions, outboxIDs)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[MailClaim])
	if err != nil {
		return nil, fmt.Errorf("looking for claims of return: %w", err)
	}
	return list, nil
}
