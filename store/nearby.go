package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// NearbyConversation is one of the same patron, or about the same requests.
type NearbyConversation struct {
	ID        int64
	Subject   string
	State     string
	Kind      string
	Intent    string
	With      string // who wrote last, or to whom we wrote
	UpdatedAt time.Time
}

// Nearby returns other conversations of the patron (0: unknown) or about the
// requests, what is open first, bounded.
func (db *DB) Nearby(ctx context.Context, conv, patronID int64, transactionIDs []int64) ([]NearbyConversation, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT c.id, c.subject, q.state, q.kind, q.intent, q.updated_at,
		       coalesce((SELECT coalesce(nullif(m.from_name, ''), m.from_addr) FROM message m WHERE m.conversation_id = c.id AND m.direction = 'in'
		                 ORDER BY m.internal_date DESC, m.id DESC LIMIT 1), nullif(c.to_addr, ''), '') AS with
		FROM conversation c JOIN queue_item q ON q.conversation_id = c.id
		WHERE c.id <> $1 AND c.merged_into IS NULL AND c.office_id = (SELECT office_id FROM conversation WHERE id = $1)
		  AND c.id IN (SELECT id FROM conversation WHERE patron_id = $2 AND $2 <> 0
		               UNION SELECT conversation_id FROM conversation_filed WHERE transaction_id = ANY ($3))
		ORDER BY (q.state = 'done'), q.updated_at DESC LIMIT 8`, conv, patronID, orEmpty(transactionIDs))
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[NearbyConversation])
	if err != nil {
		return nil, fmt.Errorf("looking for conversations nearby: %w", err)
	}
	return list, nil
}
