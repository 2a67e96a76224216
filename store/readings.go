package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// StoredReading is how one message was understood when it was filed, and what
// staff said of it since.
type StoredReading struct {
	ID           int64
	InternalDate time.Time
	Subject      string
	Kind         string // as filed, also where staff corrected it
	Intent       string // the main one; "" for kinds without
	// TransactionNumbers are those on which it was filed by itself or by staff, ascending.
	TransactionNumbers []int64
	// SaidKind and SaidIntent are what staff said that it is; SaidKind is ""
	// where they said nothing.
	SaidKind, SaidIntent string
}

// Readings returns up to limit incoming messages of an office that arrived
// since then and have an id above after, in the order of their ids.
func (db *DB) Readings(ctx context.Context, officeID int64, since time.Time, after int64, limit int) ([]StoredReading, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT m.id, m.internal_date, m.subject, coalesce(c.was_kind, m.kind) AS kind,
			coalesce(c.was_intent, m.intents -> 0 ->> 'intent', '') AS intent,
			coalesce((SELECT array_agg(t.transaction_number ORDER BY t.transaction_number) FROM message_match mm
				JOIN transaction t ON t.id = mm.transaction_id WHERE mm.message_id = m.id AND mm.decided), '{}') AS transaction_numbers,
			coalesce(c.kind, '') AS said_kind, coalesce(c.intent, '') AS said_intent
		FROM message m LEFT JOIN correction c ON c.message_id = m.id
		WHERE m.office_id = $1 AND m.id > $3 AND m.stored_at >= $2 AND m.direction = 'in' AND m.state = 'filed' AND m.purged_at IS NULL
		ORDER BY m.id LIMIT $4`, officeID, since, after, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[StoredReading])
	if err != nil {
		return nil, fmt.Errorf("reading how mail was understood: %w", err)
	}
	return list, nil
}
