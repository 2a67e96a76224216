package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// AsksApproval reports whether that person's draft waits for a colleague's approval.
func (db *DB) AsksApproval(ctx context.Context, conv, staffID int64) (bool, error) {
	var asks bool
	err := db.pool.QueryRow(ctx, `SELECT wants_approval FROM draft WHERE conversation_id = $1 AND staff_id = $2`, conv, staffID).Scan(&asks)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("reading a draft: %w", err)
	}
	return asks, nil
}

// SendBack gives a draft back to its writer, with the reason as a note and on
// the list. ErrConflict where it does not ask for approval any more.
func (db *DB) SendBack(ctx context.Context, conv, writer int64, why string, actor Actor) error {
	return db.changeItem(ctx, conv, 0, actor, "draft sent back", func(tx pgx.Tx, q *QueueItem) error {
		var name string
		err := tx.QueryRow(ctx, `
			UPDATE draft d SET wants_approval = false FROM staff s
			WHERE d.conversation_id = $1 AND d.staff_id = $2 AND d.wants_approval AND s.id = d.staff_id RETURNING coalesce(nullif(s.full_name, ''), s.username)`, conv, writer).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("the draft does not ask for approval: %w", ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("sending a draft back: %w", err)
		}
		q.Note = oneLine("draft of " + name + " sent back: " + why)
		if q.AssignedTo == nil {
			q.AssignedTo = &writer
		}
		return writeNote(ctx, tx, conv, actor, fmt.Sprintf("Draft of %s sent back. %s", name, why))
	})
}

// HandOver gives a conversation to someone with the reason, as a note and on
// the list. was is who had it on the page: ErrConflict where that changed.
func (db *DB) HandOver(ctx context.Context, conv, to, was int64, why string, actor Actor) error {
	return db.changeItem(ctx, conv, 0, actor, "handed over", func(tx pgx.Tx, q *QueueItem) error {
		if q.AssignedTo != nil && *q.AssignedTo != was && *q.AssignedTo != to || q.AssignedTo == nil && was != 0 {
			return fmt.Errorf("conversation %d is in other hands now: %w", conv, ErrConflict)
		}
		var name string
		err := tx.QueryRow(ctx, `SELECT coalesce(nullif(full_name, ''), username) FROM staff WHERE id = $1 AND disabled_at IS NULL`, to).Scan(&name)
		if _, err = one(name, err); err != nil {
			return fmt.Errorf("that account: %w", err)
		}
		q.AssignedTo, q.State, q.SnoozedUntil, q.Note = &to, ItemOpen, nil, oneLine("for "+name+": "+why)
		if err := addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: "handed to " + name, Why: why}); err != nil {
			return err
		}
		return writeNote(ctx, tx, conv, actor, fmt.Sprintf("For %s: %s", name, why))
	})
}

func writeNote(ctx context.Context, tx pgx.Tx, conv int64, actor Actor, body string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO note (conversation_id, staff_id, body) VALUES ($1, nullif($2, 0), $3)`, conv, actor.StaffID, cleanText(body)); err != nil {
		return fmt.Errorf("writing a note: %w", err)
	}
	return nil
}
