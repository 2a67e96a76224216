package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Presence is someone who has a conversation open.
type Presence struct {
	ConversationID int64
	StaffID        int64
	Name           string
	Writing        bool // an answer, a moment ago
}

const (
	presentFor = `interval '70 seconds'` // after the last sign of life
	writingFor = `interval '90 seconds'` // after the draft was last saved
)

// Look notes that someone has a conversation open. It is announced when they
// come, and not each time that they give a sign of life.
func (db *DB) Look(ctx context.Context, conv, staffID int64) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var here bool
		var officeID int64
		err := tx.QueryRow(ctx, `
			WITH here AS (SELECT FROM presence WHERE conversation_id = $1 AND staff_id = $2 AND seen_at > now() - `+presentFor+`),
			gone AS (DELETE FROM presence WHERE seen_at < now() - interval '1 hour' AND (conversation_id, staff_id) <> ($1, $2))
			INSERT INTO presence (conversation_id, staff_id, seen_at) SELECT id, $2, now() FROM conversation WHERE id = $1
			ON CONFLICT (conversation_id, staff_id) DO UPDATE SET seen_at = now()
			RETURNING EXISTS (SELECT FROM here), (SELECT office_id FROM conversation WHERE id = $1)`, conv, staffID).Scan(&here, &officeID)
		if _, err = one(here, err); err != nil {
			return fmt.Errorf("noting who looks at conversation %d: %w", conv, err)
		}
		if here {
			return nil
		}
		return notify(ctx, tx, NotifyPresence, officeID)
	})
}

// LookAway notes that someone has left a conversation.
func (db *DB) LookAway(ctx context.Context, conv, staffID int64) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM presence WHERE conversation_id = $1 AND staff_id = $2`, conv, staffID)
		if err != nil {
			return fmt.Errorf("noting who left conversation %d: %w", conv, err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		return notify(ctx, tx, NotifyPresence, 0)
	})
}

// Present returns who else has these conversations open.
func (db *DB) Present(ctx context.Context, convs []int64, except int64) ([]Presence, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT p.conversation_id, p.staff_id, coalesce(nullif(s.full_name, ''), s.username) AS name,
		       EXISTS (SELECT FROM draft d WHERE d.conversation_id = p.conversation_id AND d.staff_id = p.staff_id AND d.updated_at > now() - `+writingFor+`) AS writing
		FROM presence p JOIN staff s ON s.id = p.staff_id
		WHERE p.conversation_id = ANY ($1) AND p.staff_id <> $2 AND p.seen_at > now() - `+presentFor+`
		ORDER BY p.conversation_id, name`, orEmpty(convs), except)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Presence])
	if err != nil {
		return nil, fmt.Errorf("reading who looks at what: %w", err)
	}
	return list, nil
}
