package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Undo is something that staff did with a conversation and that can be undone.
type Undo struct {
	ID             int64
	ConversationID int64
	What           string // closed, snoozed, refiled, joined, split
}

// undoFor is how long something can be undone.
const undoFor = 30 * time.Minute

// before is how things stood; what does not apply is empty.
type before struct {
	Item     json.RawMessage `json:"item,omitempty"` // the row of queue_item
	Handled  []int64         `json:"handled,omitempty"`
	PatronID *int64          `json:"patron_id,omitempty"`
	Matches  json.RawMessage `json:"matches,omitempty"` // rows of message_match
	Patrons  json.RawMessage `json:"patrons,omitempty"` // id and patron_id of every message
	// Of a conversation that was joined to another: what is to go back.
	Joined   int64           `json:"joined,omitempty"`
	Other    json.RawMessage `json:"other,omitempty"` // its row of queue_item
	Messages []int64         `json:"messages,omitempty"`
	Mails    []int64         `json:"mails,omitempty"`
	Notes    []int64         `json:"notes,omitempty"`
	Events   []int64         `json:"events,omitempty"`
	Requests []int64         `json:"requests,omitempty"`
	Refs     []string        `json:"refs,omitempty"`
}

// keepUndo records how a conversation stands before it is changed.
func keepUndo(ctx context.Context, tx pgx.Tx, officeID, conv int64, what string, actor Actor, b before) error {
	if actor.StaffID == 0 {
		return nil // no person who could think again
	}
	err := tx.QueryRow(ctx, `
		SELECT coalesce((SELECT to_jsonb(q) FROM queue_item q WHERE q.conversation_id = $1), 'null'),
		       coalesce((SELECT array_agg(id) FROM message WHERE conversation_id = $1 AND direction = 'in' AND handled_at IS NULL), '{}'),
		       (SELECT patron_id FROM conversation WHERE id = $1)`, conv).Scan(&b.Item, &b.Handled, &b.PatronID)
	if err != nil {
		return fmt.Errorf("keeping how conversation %d stands: %w", conv, err)
	}
	data, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("keeping how conversation %d stands: %w", conv, err)
	}
	_, err = tx.Exec(ctx, `
		WITH old AS (DELETE FROM undo WHERE at < now() - interval '1 day')
		INSERT INTO undo (office_id, conversation_id, staff_id, what, before) VALUES ($1, $2, $3, $4, $5)`, officeID, conv, actor.StaffID, what, data)
	if err != nil {
		return fmt.Errorf("keeping how conversation %d stands: %w", conv, err)
	}
	return nil
}

// keepMatches is the part of before that re-filing changes.
func keepMatches(ctx context.Context, tx pgx.Tx, conv int64) (b before, err error) {
	err = tx.QueryRow(ctx, `
		SELECT coalesce((SELECT jsonb_agg(to_jsonb(mm)) FROM message m JOIN message_match mm ON mm.message_id = m.id WHERE m.conversation_id = $1), '[]'),
		       coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'patron_id', patron_id)) FROM message WHERE conversation_id = $1), '[]')`, conv).
		Scan(&b.Matches, &b.Patrons)
	if err != nil {
		return b, fmt.Errorf("reading on what conversation %d is filed: %w", conv, err)
	}
	return b, nil
}

// keepJoined is what goes back where a conversation was joined with another by mistake.
func keepJoined(ctx context.Context, tx pgx.Tx, loser int64) (before, error) {
	b := before{Joined: loser}
	err := tx.QueryRow(ctx, `
		SELECT coalesce((SELECT to_jsonb(q) FROM queue_item q WHERE q.conversation_id = $1), 'null'),
		       ARRAY(SELECT id FROM message WHERE conversation_id = $1), ARRAY(SELECT id FROM outbox WHERE conversation_id = $1),
		       ARRAY(SELECT id FROM note WHERE conversation_id = $1), ARRAY(SELECT id FROM event WHERE subject = 'conversation' AND subject_id = $1),
		       ARRAY(SELECT transaction_id FROM conversation_request WHERE conversation_id = $1), ARRAY(SELECT ref FROM message_ref WHERE conversation_id = $1)`, loser).
		Scan(&b.Other, &b.Messages, &b.Mails, &b.Notes, &b.Events, &b.Requests, &b.Refs)
	if err != nil {
		return b, fmt.Errorf("reading conversation %d: %w", loser, err)
	}
	return b, nil
}

// LastUndo returns the last thing that this person did with the conversation,
// where it can be undone still; ErrNotFound where it cannot.
func (db *DB) LastUndo(ctx context.Context, conv, staffID int64) (Undo, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT id, conversation_id, what FROM undo
		WHERE conversation_id = $1 AND staff_id = $2 AND at > now() - $3::interval ORDER BY id DESC LIMIT 1`, conv, staffID, undoFor)
	u, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Undo]))
	if err != nil {
		return u, fmt.Errorf("looking for what can be undone: %w", err)
	}
	return u, nil
}

// UndoLast undoes what someone did, and returns the conversation. ErrConflict
// where it is too late: it was undone, or something else happened since.
func (db *DB) UndoLast(ctx context.Context, id int64, actor Actor) (conv int64, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		var what string
		var officeID int64
		var data []byte
		var since bool
		var at time.Time
		err := tx.QueryRow(ctx, `
			DELETE FROM undo u WHERE u.id = $1 AND u.staff_id = $2 AND u.at > now() - $3::interval
			RETURNING u.conversation_id, u.office_id, u.what, u.before, u.at,
				EXISTS (SELECT FROM undo n WHERE n.conversation_id = u.conversation_id AND n.id > u.id)
				OR EXISTS (SELECT FROM event e WHERE e.subject = 'conversation' AND e.subject_id = u.conversation_id AND e.at > u.at AND e.what LIKE '%→%')`,
			id, actor.StaffID, undoFor).Scan(&conv, &officeID, &what, &data, &at, &since)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && since {
			return fmt.Errorf("it cannot be undone any more: %w", ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("reading what is to be undone: %w", err)
		}
		var b before
		if err := json.Unmarshal(data, &b); err != nil {
			return fmt.Errorf("reading what is to be undone: %w", err)
		}
		if _, err := lockConversation(ctx, tx, conv); err != nil {
			return err
		}
		switch what {
		case "refiled":
			err = undoRefiled(ctx, tx, conv, b)
		case "joined":
			err = undoJoined(ctx, tx, conv, b)
		case "split":
			err = undoSplit(ctx, tx, conv, at, actor)
		}
		if err != nil {
			return err
		}
		if err := undoItem(ctx, tx, conv, b); err != nil {
			return err
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: "undone", Why: what}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
	return conv, err
}

// putBack writes a row of queue_item as it was, but for what came since; a queue
// of the office may have been deleted.
const putBack = `
	INSERT INTO queue_item
	SELECT (jsonb_populate_record(NULL::queue_item, $1::jsonb || jsonb_build_object('queue_id', (SELECT id FROM office_queue WHERE id = ($1::jsonb ->> 'queue_id')::bigint)))).*
	ON CONFLICT (conversation_id) DO UPDATE SET state = excluded.state, kind = excluded.kind, intent = excluded.intent, intent_p = excluded.intent_p,
		intents = excluded.intents, assigned_to = excluded.assigned_to, waiting_since = excluded.waiting_since, answer_by = excluded.answer_by,
		snoozed_until = excluded.snoozed_until, label = excluded.label, queue_id = excluded.queue_id, placed_by = excluded.placed_by, note = excluded.note, updated_at = now()`

func undoItem(ctx context.Context, tx pgx.Tx, conv int64, b before) error {
	if string(b.Item) == "null" {
		return nil
	}
	if _, err := tx.Exec(ctx, putBack, string(b.Item)); err != nil {
		return fmt.Errorf("putting conversation %d back: %w", conv, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE message SET handled_at = NULL WHERE conversation_id = $1 AND id = ANY ($2)`, conv, orEmpty(b.Handled)); err != nil {
		return fmt.Errorf("putting conversation %d back: %w", conv, err)
	}
	return nil
}

func undoRefiled(ctx context.Context, tx pgx.Tx, conv int64, b before) error {
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`DELETE FROM message_match mm USING message m, jsonb_to_recordset($2::jsonb) AS p (id bigint)
			WHERE m.id = mm.message_id AND m.conversation_id = $1 AND p.id = m.id`, []any{conv, string(b.Patrons)}},
		{`INSERT INTO message_match SELECT r.* FROM jsonb_populate_recordset(NULL::message_match, $1::jsonb) r JOIN message m ON m.id = r.message_id AND m.conversation_id = $2`,
			[]any{string(b.Matches), conv}},
		{`UPDATE conversation SET patron_id = $2 WHERE id = $1`, []any{conv, b.PatronID}},
		{`UPDATE message m SET patron_id = p.patron_id FROM jsonb_to_recordset($2::jsonb) AS p (id bigint, patron_id bigint)
			WHERE m.conversation_id = $1 AND m.id = p.id`, []any{conv, string(b.Patrons)}},
	} {
		if _, err := tx.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("filing conversation %d as it was: %w", conv, err)
		}
	}
	return nil
}

// undoSplit joins what was taken apart in the transaction of that instant.
func undoSplit(ctx context.Context, tx pgx.Tx, conv int64, at time.Time, actor Actor) error {
	var fresh int64
	err := tx.QueryRow(ctx, `
		UPDATE conversation SET split_from = NULL WHERE split_from = $1 AND created_at = $2 AND merged_into IS NULL RETURNING id`, conv, at).Scan(&fresh)
	if _, err = one(fresh, err); err != nil {
		return fmt.Errorf("looking for what was split off: %w", err)
	}
	return mergeConversations(ctx, tx, conv, fresh, actor.Name, "the split was undone")
}

// undoJoined takes a conversation out again. Drafts stay where they are; the
// references never join the two again.
func undoJoined(ctx context.Context, tx pgx.Tx, conv int64, b before) error {
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE conversation SET merged_into = NULL, split_from = $2 WHERE id = $1 AND merged_into = $2`, []any{b.Joined, conv}},
		{`UPDATE message SET conversation_id = $1 WHERE conversation_id = $2 AND id = ANY ($3)`, []any{b.Joined, conv, orEmpty(b.Messages)}},
		{`UPDATE outbox SET conversation_id = $1 WHERE conversation_id = $2 AND id = ANY ($3)`, []any{b.Joined, conv, orEmpty(b.Mails)}},
		{`UPDATE note SET conversation_id = $1 WHERE conversation_id = $2 AND id = ANY ($3)`, []any{b.Joined, conv, orEmpty(b.Notes)}},
		{`UPDATE event SET subject_id = $1 WHERE subject = 'conversation' AND subject_id = $2 AND id = ANY ($3)`, []any{b.Joined, conv, orEmpty(b.Events)}},
		{`INSERT INTO conversation_request SELECT $1, unnest($2::bigint[])`, []any{b.Joined, orEmpty(b.Requests)}},
		{`DELETE FROM conversation_request WHERE conversation_id = $1 AND transaction_id = ANY ($2)`, []any{conv, orEmpty(b.Requests)}},
		{`UPDATE message_ref SET conversation_id = $1 WHERE conversation_id = $2 AND ref = ANY ($3)`, []any{b.Joined, conv, orEmpty(b.Refs)}},
		{`UPDATE conversation SET patron_id = $2 WHERE id = $1`, []any{conv, b.PatronID}},
	} {
		if _, err := tx.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("taking conversation %d out again: %w", b.Joined, err)
		}
	}
	if string(b.Other) == "null" {
		return nil
	}
	if _, err := tx.Exec(ctx, putBack, string(b.Other)); err != nil {
		return fmt.Errorf("putting conversation %d back: %w", b.Joined, err)
	}
	_, err := tx.Exec(ctx, `
		UPDATE queue_item SET last_message_id = (SELECT max(id) FROM message m WHERE m.conversation_id = queue_item.conversation_id) WHERE conversation_id IN ($1, $2)`, conv, b.Joined)
	if err != nil {
		return fmt.Errorf("noting the last messages: %w", err)
	}
	return nil
}
