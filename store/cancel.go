package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Cancelled is a request of whose cancellation a reply tells.
type Cancelled struct {
	TransactionID int64
	Reason        string
	// Route: staff cancel it here and now; the ILL system hears of it once the
	// reply cannot be taken back any more.
	Route bool
	// Todo is what must be done elsewhere: the conversation stays on the list
	// with it. "" for nothing.
	Todo string
}

// tellCancelled records that the reply is the cancellation letter of these
// requests: the planner sends no second one. Where a letter went or waits
// already, ErrConflict.
func tellCancelled(ctx context.Context, tx pgx.Tx, outboxID int64, conversationID int64, list []Cancelled, today Date, actor Actor) error {
	for _, c := range list {
		var number int64
		var told bool
		err := tx.QueryRow(ctx, `
			SELECT t.transaction_number, EXISTS (
				SELECT FROM notice n JOIN outbox o ON o.id = n.outbox_id
				WHERE n.transaction_id = t.id AND n.kind = 'cancellation' AND n.cycle >= coalesce(t.status_date, $2) AND n.state IN ('planned', 'told')
				  AND o.state IN ('held', 'queued', 'sending', 'sent', 'uncertain'))
			FROM transaction t WHERE t.id = $1 FOR UPDATE`, c.TransactionID, today).Scan(&number, &told)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("a request of the letter: %w", ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if told {
			return fmt.Errorf("a cancellation letter about request %d went already, or waits in the outbox: %w", number, ErrConflict)
		}
		// Where the ILL system says since when it is cancelled, that day is the cycle.
		if _, err := tx.Exec(ctx, `
			INSERT INTO notice (office_id, transaction_id, kind, rung, cycle, state, reason, outbox_id, planned_on)
			SELECT office_id, id, 'cancellation', 1, CASE WHEN state = 'cancelled_staff' AND status_date IS NOT NULL THEN status_date ELSE $2 END, 'told', $3, $4, $2
			FROM transaction WHERE id = $1
			ON CONFLICT (office_id, transaction_id, kind, rung, cycle) DO UPDATE SET state = 'told', reason = excluded.reason, outbox_id = excluded.outbox_id,
				planned_on = excluded.planned_on, held_since = NULL, decided_at = now()`,
			c.TransactionID, today, oneLine(strings.TrimSuffix("in a letter of "+actor.Name+": "+c.Reason, ": ")), outboxID); err != nil {
			return fmt.Errorf("noting the cancellation letter: %w", err)
		}
		if !c.Route {
			continue
		}
		if _, err := recordRequestAction(ctx, tx, RequestAction{TransactionID: c.TransactionID, ConversationID: conversationID, Action: ActionCancel, Reason: c.Reason}, actor); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			UPDATE request_action a SET outbox_id = $2, at = o.not_before FROM outbox o
			WHERE o.id = $2 AND a.transaction_id = $1 AND a.action = 'cancel' AND a.outbox_id IS NULL`, c.TransactionID, outboxID); err != nil {
			return fmt.Errorf("noting the cancellation: %w", err)
		}
	}
	return nil
}

// untellCancelled forgets what a reply told that does not go. What the ILL
// system heard already stands.
func untellCancelled(ctx context.Context, tx pgx.Tx, outboxID int64) error {
	for _, sql := range []string{
		`DELETE FROM notice WHERE outbox_id = $1 AND state = 'told' AND kind = 'cancellation'`,
		`DELETE FROM writeback w USING request_action a
			WHERE a.outbox_id = $1 AND w.transaction_id = a.transaction_id AND w.cause = 'action ' || a.id AND w.state = 'queued'`,
		`DELETE FROM request_action a WHERE a.outbox_id = $1
			AND NOT EXISTS (SELECT FROM writeback w WHERE w.transaction_id = a.transaction_id AND w.cause = 'action ' || a.id)`,
	} {
		if _, err := tx.Exec(ctx, sql, outboxID); err != nil {
			return fmt.Errorf("forgetting what a letter told: %w", err)
		}
	}
	return nil
}

// FlagConversation puts a conversation back on the list as something to do,
// with a note that says what.
func (db *DB) FlagConversation(ctx context.Context, conv int64, note string, actor Actor) error {
	return db.changeItem(ctx, conv, 0, actor, note, func(tx pgx.Tx, q *QueueItem) error {
		q.State, q.SnoozedUntil, q.Note = ItemOpen, nil, oneLine(note)
		return addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: "to do", Why: note})
	})
}
