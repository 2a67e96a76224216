package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Correction is what staff said a message is, and what it had been taken for:
// the classifier learns from it.
type Correction struct {
	MessageID int64
	OfficeID  int64
	Kind      string
	Intent    string // "" for kinds without
	WasKind   string
	WasIntent string
	StaffID   *int64
	At        time.Time
}

// CorrectReading records what staff say a message is; confirming what it was
// taken for is a correction, too. The item of its conversation follows.
func (db *DB) CorrectReading(ctx context.Context, messageID int64, kind, intent string, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		var conv *int64
		var wasKind, wasIntent string
		err := tx.QueryRow(ctx, `
			SELECT office_id, conversation_id, kind, coalesce(intents -> 0 ->> 'intent', '') FROM message
			WHERE id = $1 AND direction = 'in' AND state = 'filed' FOR UPDATE`, messageID).Scan(&officeID, &conv, &wasKind, &wasIntent)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("message %d: %w", messageID, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("reading message %d: %w", messageID, err)
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO correction (message_id, office_id, kind, intent, was_kind, was_intent, staff_id) VALUES ($1, $2, $3, $4, $5, $6, nullif($7, 0))
			ON CONFLICT (message_id) DO UPDATE SET kind = excluded.kind, intent = excluded.intent, staff_id = excluded.staff_id, at = now()`,
			messageID, officeID, kind, intent, wasKind, wasIntent, actor.StaffID); err != nil {
			return fmt.Errorf("recording a correction: %w", err)
		}
		intents := []IntentView{}
		if intent != "" {
			intents = append(intents, IntentView{Intent: intent, P: 1, Reasons: []string{"said by " + actor.Name}})
		}
		if _, err := tx.Exec(ctx, `UPDATE message SET kind = $2, intents = $3 WHERE id = $1`, messageID, kind, intents); err != nil {
			return fmt.Errorf("correcting message %d: %w", messageID, err)
		}
		if conv == nil {
			return nil
		}
		q, err := lockItem(ctx, tx, *conv)
		if err != nil || q == nil {
			return err
		}
		p, err := readPending(ctx, tx, *conv, nil)
		if err != nil {
			return err
		}
		q.Kind, q.Intent, q.IntentP = p.Kind, p.Intent, p.IntentP
		if p.Unhandled > 0 {
			q.Intents = p.Intents
		}
		if err := putItem(ctx, tx, q); err != nil {
			return err
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "conversation", SubjectID: *conv,
			What: "read as " + kind + " " + intent, Why: "was " + wasKind + " " + wasIntent}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}

// Corrections returns what staff of an office corrected or confirmed, oldest
// first; 0 means all offices.
func (db *DB) Corrections(ctx context.Context, officeID int64) ([]Correction, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT message_id, office_id, kind, intent, was_kind, was_intent, staff_id, at FROM correction
		WHERE $1 = 0 OR office_id = $1 ORDER BY at, message_id`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Correction])
	if err != nil {
		return nil, fmt.Errorf("reading corrections: %w", err)
	}
	return list, nil
}
