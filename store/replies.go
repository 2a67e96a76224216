package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Answer is a reply of staff together with what it does to the conversation.
type Answer struct {
	NewReply // SeenMessageID is the item's LastMessageID on the page; 0: whatever there is
	// SeenReplyID is the newest reply of the conversation on the page, 0 for
	// none: a newer one is a colleague's, or a second click.
	SeenReplyID int64
	Then        ItemState   // done, waiting_patron or waiting_partner
	Files       []int64     // of the writer's draft, or that of DraftOf, which go with it
	Cancels     []Cancelled // requests of whose cancellation it tells
	Today       Date        // of the office, for Cancels
	DraftOf     int64       // whose draft is sent, beside the sender's own; 0: nobody's
}

// AnswerConversation queues a reply and moves the conversation, in one
// transaction. Where something came in that its writer did not see, nothing
// happens: ErrConflict, with a sentence that says what.
func (db *DB) AnswerConversation(ctx context.Context, a Answer) (outboxID int64, err error) {
	actor := Actor{StaffID: a.StaffID, Name: a.Staff}
	seen := a.SeenMessageID
	a.SeenMessageID = 0 // judged here, under the lock
	err = db.changeItem(ctx, a.ConversationID, 0, actor, "answered", func(tx pgx.Tx, q *QueueItem) error {
		if err := unseen(ctx, tx, q, seen, a.SeenReplyID); err != nil {
			return err
		}
		if outboxID, err = queueReply(ctx, tx, a.NewReply); err != nil {
			return err
		}
		if err := handleAll(ctx, tx, a.ConversationID); err != nil {
			return err
		}
		writers := []int64{a.StaffID, a.DraftOf}
		if err := moveFiles(ctx, tx, outboxID, a.ConversationID, writers, a.Files); err != nil {
			return err
		}
		if err := tellCancelled(ctx, tx, outboxID, a.ConversationID, a.Cancels, a.Today, actor); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM draft WHERE conversation_id = $1 AND staff_id = ANY ($2)`, a.ConversationID, writers); err != nil {
			return fmt.Errorf("dropping the draft: %w", err)
		}
		q.State, q.SnoozedUntil, q.AnswerBy, q.Note = a.Then, nil, Date{}, ""
		for _, c := range a.Cancels {
			if c.Todo != "" {
				q.State, q.Note = ItemOpen, oneLine(strings.TrimPrefix(q.Note+"; "+c.Todo, "; "))
			}
		}
		if q.AssignedTo == nil && a.StaffID != 0 {
			q.AssignedTo = &a.StaffID // whoever answers has it from now on
		}
		return nil
	})
	return outboxID, err
}

// unseen is an ErrConflict that says what a writer did not see, or nil.
func unseen(ctx context.Context, tx pgx.Tx, q *QueueItem, seen, seenReply int64) error {
	var who string
	err := tx.QueryRow(ctx, `
		SELECT coalesce(nullif(s.full_name, ''), s.username, 'someone') FROM outbox o LEFT JOIN staff s ON s.id = o.staff_id
		WHERE o.conversation_id = $1 AND o.kind = 'reply' AND o.state <> 'cancelled' AND o.id > $2 ORDER BY o.id DESC LIMIT 1`, q.ConversationID, seenReply).Scan(&who)
	switch {
	case err == nil:
		return fmt.Errorf("%s has answered meanwhile: %w", who, ErrConflict)
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("looking for a colleague's answer: %w", err)
	}
	if seen == 0 || q.LastMessageID == nil || *q.LastMessageID == seen {
		return nil
	}
	var out bool
	err = tx.QueryRow(ctx, `SELECT coalesce(nullif(from_name, ''), from_addr), direction = 'out' FROM message WHERE id = $1`, *q.LastMessageID).Scan(&who, &out)
	if err != nil {
		return fmt.Errorf("reading the newest message: %w", err)
	}
	if out {
		return fmt.Errorf("%s has answered outside of illmail meanwhile: %w", who, ErrConflict)
	}
	return fmt.Errorf("a newer message of %s arrived: %w", who, ErrConflict)
}

// takeBack puts a conversation back on the list when its reply does not go, and
// gives its writer the text back as a draft; note says on the list why. Mail
// that is no reply is left alone.
func takeBack(ctx context.Context, tx pgx.Tx, outboxID int64, actor, note string) error {
	var conv int64
	err := tx.QueryRow(ctx, `
		WITH o AS (SELECT id, office_id, conversation_id, staff_id, recipient, cc, subject, body_text, template, created_at FROM outbox WHERE id = $1 AND kind = 'reply' AND conversation_id IS NOT NULL),
		m AS (UPDATE message SET handled_at = NULL FROM o WHERE message.conversation_id = o.conversation_id AND message.handled_at = o.created_at),
		d AS (INSERT INTO draft (conversation_id, staff_id, recipient, cc, subject, body, template)
			SELECT conversation_id, staff_id, recipient, array_to_string(cc, ', '), subject, body_text, template FROM o WHERE staff_id IS NOT NULL
			ON CONFLICT (conversation_id, staff_id) DO NOTHING),
		f AS (INSERT INTO attachment (office_id, conversation_id, staff_id, name, content_type, size, data)
			SELECT o.office_id, o.conversation_id, o.staff_id, a.name, a.content_type, a.size, a.data FROM o JOIN attachment a ON a.outbox_id = o.id
			WHERE o.staff_id IS NOT NULL ORDER BY a.id)
		SELECT conversation_id FROM o`, outboxID).Scan(&conv)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking a reply back: %w", err)
	}
	if err := untellCancelled(ctx, tx, outboxID); err != nil {
		return err
	}
	if _, err := lockConversation(ctx, tx, conv); err != nil {
		return err
	}
	q, err := lockItem(ctx, tx, conv)
	if err != nil || q == nil {
		return err
	}
	p, err := readPending(ctx, tx, conv, nil)
	if err != nil {
		return err
	}
	old := q.State
	q.State, q.Note = ItemOpen, oneLine(note)
	q.apply(p)
	if err := putItem(ctx, tx, q); err != nil {
		return err
	}
	if err := itemEvent(ctx, tx, q, old, Actor{Name: actor}, cmp.Or(note, "the reply was taken back")); err != nil {
		return err
	}
	return notify(ctx, tx, NotifyQueue, q.OfficeID)
}

// ReplyTo returns the Reply-To of a message, where it differs from From.
func (db *DB) ReplyTo(ctx context.Context, messageID int64) (string, error) {
	var addr string
	err := db.pool.QueryRow(ctx, `SELECT reply_to FROM message WHERE id = $1`, messageID).Scan(&addr)
	if _, err = one(addr, err); err != nil {
		return "", fmt.Errorf("reading where message %d wants its answer: %w", messageID, err)
	}
	return addr, nil
}

// Thread returns the References of an answer to a message, oldest first and
// its own id last (RFC 5322 section 3.6.4), bounded.
func (db *DB) Thread(ctx context.Context, messageID int64) ([]string, error) {
	const most = 20
	var own string
	var refs []string // the nearest first
	err := db.pool.QueryRow(ctx, `SELECT message_id, refs FROM message WHERE id = $1`, messageID).Scan(&own, &refs)
	if _, err = one(own, err); err != nil {
		return nil, fmt.Errorf("reading the thread of message %d: %w", messageID, err)
	}
	refs = slices.DeleteFunc(refs, func(r string) bool { return strings.HasPrefix(r, "sha256:") })
	slices.Reverse(refs)
	refs = append(refs[max(0, len(refs)-most):], own)
	return refs, nil
}
