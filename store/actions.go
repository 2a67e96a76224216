package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// changeItem runs fn on the item of a conversation in one transaction and
// records the change of state. Where seen is not 0 and another message than
// that is the last, nothing happens: ErrConflict.
func (db *DB) changeItem(ctx context.Context, conv, seen int64, actor Actor, why string, fn func(tx pgx.Tx, q *QueueItem) error) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		officeID, err := lockConversation(ctx, tx, conv)
		if err != nil {
			return err
		}
		q, err := lockItem(ctx, tx, conv)
		if err != nil {
			return err
		}
		if q == nil {
			return fmt.Errorf("the item of conversation %d: %w", conv, ErrNotFound)
		}
		if seen != 0 && q.LastMessageID != nil && *q.LastMessageID != seen {
			return fmt.Errorf("conversation %d has a newer message: %w", conv, ErrConflict)
		}
		old := q.State
		if err := fn(tx, q); err != nil {
			return err
		}
		if err := putItem(ctx, tx, q); err != nil {
			return err
		}
		if err := itemEvent(ctx, tx, q, old, actor, why); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}

// Assign gives a conversation to staff; 0 is nobody. was is who had it when the
// page was made: where that changed meanwhile, ErrConflict.
func (db *DB) Assign(ctx context.Context, conv, to, was int64, actor Actor) error {
	return db.changeItem(ctx, conv, 0, actor, "", func(tx pgx.Tx, q *QueueItem) error {
		has := int64(0)
		if q.AssignedTo != nil {
			has = *q.AssignedTo
		}
		if has != was && has != to {
			return fmt.Errorf("conversation %d is in other hands now: %w", conv, ErrConflict)
		}
		if has == to {
			return nil
		}
		q.AssignedTo, q.PlacedBy = nil, actor.Name
		what := "unassigned"
		if to != 0 {
			q.AssignedTo = &to
			var name string
			if err := tx.QueryRow(ctx, `SELECT username FROM staff WHERE id = $1 AND disabled_at IS NULL`, to).Scan(&name); err != nil {
				if errors.Is(err, pgx.ErrNoRows) {
					return fmt.Errorf("that account: %w", ErrNotFound)
				}
				return fmt.Errorf("reading the account: %w", err)
			}
			what = "assigned to " + name
			if q.State == ItemNew {
				q.State = ItemOpen
			}
		}
		return addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: what})
	})
}

// handleAll notes that nobody waits for an answer to what came so far.
func handleAll(ctx context.Context, tx pgx.Tx, conv int64) error {
	_, err := tx.Exec(ctx, `UPDATE message SET handled_at = now() WHERE conversation_id = $1 AND direction = 'in' AND handled_at IS NULL`, conv)
	if err != nil {
		return fmt.Errorf("noting what is handled in conversation %d: %w", conv, err)
	}
	return nil
}

// CloseConversation takes it off the list. seen is the item's LastMessageID on
// the page, 0 for whatever it is; a newer message is ErrConflict.
func (db *DB) CloseConversation(ctx context.Context, conv, seen int64, actor Actor, why string) error {
	return db.changeItem(ctx, conv, seen, actor, why, func(tx pgx.Tx, q *QueueItem) error {
		if err := keepUndo(ctx, tx, q.OfficeID, conv, "closed", actor, before{}); err != nil {
			return err
		}
		q.State, q.SnoozedUntil, q.AnswerBy, q.Note = ItemDone, nil, Date{}, ""
		return handleAll(ctx, tx, conv)
	})
}

// ReopenConversation puts it back on the list.
func (db *DB) ReopenConversation(ctx context.Context, conv int64, actor Actor, why string, now time.Time) error {
	return db.changeItem(ctx, conv, 0, actor, why, func(tx pgx.Tx, q *QueueItem) error {
		if q.State == ItemNew || q.State == ItemOpen {
			return nil
		}
		if q.State != ItemSnoozed {
			q.WaitingSince = now
		}
		q.State, q.SnoozedUntil = ItemOpen, nil
		return nil
	})
}

// SnoozeConversation takes it off the list until then, the zero time is until an
// answer comes; mail brings it back earlier.
func (db *DB) SnoozeConversation(ctx context.Context, conv, seen int64, until time.Time, actor Actor) error {
	why := "until an answer comes"
	if !until.IsZero() {
		why = "until " + until.UTC().Format(time.RFC3339)
	}
	return db.changeItem(ctx, conv, seen, actor, why, func(tx pgx.Tx, q *QueueItem) error {
		if q.State == ItemDone {
			return fmt.Errorf("conversation %d is done: %w", conv, ErrConflict)
		}
		if err := keepUndo(ctx, tx, q.OfficeID, conv, "snoozed", actor, before{}); err != nil {
			return err
		}
		if q.State, q.SnoozedUntil = ItemSnoozed, nil; !until.IsZero() {
			q.SnoozedUntil = &until
		}
		return nil
	})
}

// WakeSnoozed opens what was snoozed until now and returns how many.
func (db *DB) WakeSnoozed(ctx context.Context, officeID int64, now time.Time) (int, error) {
	n := 0
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH due AS (SELECT conversation_id FROM queue_item WHERE office_id = $1 AND state = 'snoozed' AND snoozed_until <= $2 FOR UPDATE SKIP LOCKED)
			UPDATE queue_item q SET state = 'open', snoozed_until = NULL, updated_at = now() FROM due
			WHERE q.conversation_id = due.conversation_id RETURNING q.conversation_id`, officeID, now)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("waking what was snoozed: %w", err)
		}
		for _, id := range ids {
			q := &QueueItem{ConversationID: id, OfficeID: officeID, State: ItemOpen}
			if err := itemEvent(ctx, tx, q, ItemSnoozed, Actor{Name: "intake"}, "its time came"); err != nil {
				return err
			}
		}
		if n = len(ids); n == 0 {
			return nil
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
	return n, err
}

// LabelConversation sets the office's own label; "" takes it off.
func (db *DB) LabelConversation(ctx context.Context, conv int64, label string, actor Actor) error {
	return db.changeItem(ctx, conv, 0, actor, "", func(tx pgx.Tx, q *QueueItem) error {
		if q.Label == label {
			return nil
		}
		q.Label, q.PlacedBy = label, actor.Name
		return addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: "labelled", Why: label})
	})
}

// AddNote writes an internal note on a conversation.
func (db *DB) AddNote(ctx context.Context, conv int64, body string, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		officeID, err := lockConversation(ctx, tx, conv)
		if err != nil {
			return err
		}
		if err := writeNote(ctx, tx, conv, actor, body); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}
