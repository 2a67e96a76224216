package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Event is one change of state: who or what, when, why.
type Event struct {
	ID        int64
	OfficeID  int64
	At        time.Time // the database's clock
	Actor     string    // staff username, or the part: intake, planner, dispatcher, import
	Subject   string    // conversation, message, outbox, transaction, patron, office, template, staff
	SubjectID int64
	What      string // "open → done", "matched", …
	Why       string
}

// addEvent records an event inside the transaction that makes the change.
func addEvent(ctx context.Context, tx pgx.Tx, e Event) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO event (office_id, actor, subject, subject_id, what, why)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		e.OfficeID, e.Actor, e.Subject, e.SubjectID, e.What, cleanText(e.Why))
	if err != nil {
		return fmt.Errorf("recording what happened: %w", err)
	}
	return nil
}

// Events lists what happened to a row, oldest first.
func (db *DB) Events(ctx context.Context, subject string, id int64) ([]Event, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT id, office_id, at, actor, subject, subject_id, what, why
		FROM event WHERE subject = $1 AND subject_id = $2 ORDER BY id`, subject, id)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Event])
}
