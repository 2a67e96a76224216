package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Unanswered is a conversation that waits for an answer in nobody's hands.
type Unanswered struct {
	ConversationID int64
	WaitingSince   time.Time
}

// UnansweredMail is what is told to an office's second address.
type UnansweredMail struct {
	OfficeID  int64
	Before    time.Time // what waits since then or longer is told
	LastTold  time.Time // nothing is told where a mail was made after that
	Nobodys   []int64   // whose conversations are in nobody's hands, see [Hands.Nobodys]
	Most      int       // conversations in one mail
	Recipient string
	MessageID string // of mailbox.NewMessageID
	Ref       string
}

// nobodysSQL is the condition of a queue item that waits for an answer in
// nobody's hands.
const nobodysSQL = `q.state IN ('new', 'open') AND q.kind NOT IN ` + machineKinds + ` AND (q.assigned_to IS NULL OR q.assigned_to = ANY (@nobodys))`

// QueueUnanswered queues one mail that names the conversations which wait too
// long, and returns its id: 0 where none does, or the last mail is too near.
// Each is told once in all the time that somebody waits there. write gives the
// mail's text.
func (db *DB) QueueUnanswered(ctx context.Context, m UnansweredMail, now time.Time, write func([]Unanswered) (subject, text string)) (id int64, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		// The office's row is held: of two daemons the second sees what the first has told.
		var told bool
		err := tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM unanswered u JOIN outbox b ON b.id = u.outbox_id WHERE b.office_id = o.id AND u.told_at > $2)
			FROM (SELECT id FROM office WHERE id = $1 FOR NO KEY UPDATE) o`, m.OfficeID, m.LastTold).Scan(&told)
		if err != nil {
			return fmt.Errorf("reading what the second address was told: %w", err)
		}
		if told {
			return nil
		}
		rows, _ := tx.Query(ctx, `
			SELECT q.conversation_id, q.waiting_since FROM queue_item q
			WHERE q.office_id = @office AND q.waiting_since <= @before AND `+nobodysSQL+`
			  AND NOT EXISTS (SELECT FROM unanswered u WHERE u.conversation_id = q.conversation_id AND u.waiting_since = q.waiting_since)
			ORDER BY q.waiting_since, q.conversation_id LIMIT @most`,
			pgx.NamedArgs{"office": m.OfficeID, "before": m.Before, "nobodys": orEmpty(m.Nobodys), "most": m.Most})
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Unanswered])
		if err != nil {
			return fmt.Errorf("looking for conversations that nobody took: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		subject, text := write(list)
		if err := tx.QueryRow(ctx, `
			INSERT INTO outbox (office_id, state, kind, recipient, subject, body_text, message_id, ref) VALUES ($1, 'queued', 'unanswered', $2, $3, $4, $5, $6)
			RETURNING id`, m.OfficeID, m.Recipient, subject, text, m.MessageID, m.Ref).Scan(&id); err != nil {
			return fmt.Errorf("queueing a mail to the second address: %w", err)
		}
		b := &pgx.Batch{}
		for _, u := range list {
			b.Queue(`INSERT INTO unanswered (conversation_id, waiting_since, outbox_id, told_at) VALUES ($1, $2, $3, $4)`, u.ConversationID, u.WaitingSince, id, now)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("noting what the second address is told: %w", err)
		}
		if err := addEvent(ctx, tx, Event{OfficeID: m.OfficeID, Actor: "planner", Subject: "outbox", SubjectID: id, What: "queued"}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyOutbox, m.OfficeID)
	})
	return id, err
}

// StillUnanswered returns what a mail to the second address tells, and which of
// that still waits in nobody's hands.
func (db *DB) StillUnanswered(ctx context.Context, outboxID int64, nobodys []int64) (told int, still []Unanswered, err error) {
	if err := db.pool.QueryRow(ctx, `SELECT count(*) FROM unanswered WHERE outbox_id = $1`, outboxID).Scan(&told); err != nil {
		return 0, nil, fmt.Errorf("reading what mail %d tells: %w", outboxID, err)
	}
	rows, _ := db.pool.Query(ctx, `
		SELECT q.conversation_id, q.waiting_since FROM unanswered u
		JOIN queue_item q ON q.conversation_id = u.conversation_id AND q.waiting_since = u.waiting_since
		WHERE u.outbox_id = @outbox AND `+nobodysSQL+` ORDER BY q.waiting_since, q.conversation_id`,
		pgx.NamedArgs{"outbox": outboxID, "nobodys": orEmpty(nobodys)})
	still, err = pgx.CollectRows(rows, pgx.RowToStructByName[Unanswered])
	if err != nil {
		return 0, nil, fmt.Errorf("looking what still waits of mail %d: %w", outboxID, err)
	}
	return told, still, nil
}

// RewriteUnanswered fixes the text of a claimed mail to the second address anew,
// with only those conversations that are left; the others were not told. Where
// none is left the mail is cancelled. ErrConflict where the claim no longer
// stands.
func (db *DB) RewriteUnanswered(ctx context.Context, m OutboxMail, left []Unanswered) error {
	state, what, why := OutboxQueued, "written anew", "some were taken or answered meanwhile"
	if len(left) == 0 {
		state, what, why = OutboxCancelled, "cancelled", "all were taken or answered meanwhile"
	}
	keep := make([]int64, len(left))
	for i, u := range left {
		keep[i] = u.ConversationID
	}
	return db.moveOutbox(ctx, m.ID, "dispatcher", what, why, `
		UPDATE outbox SET state = $3, subject = $4, body_text = $5, recipient = $6, reason = $7 WHERE id = $1 AND state = 'queued' AND claimed_by = $2`,
		[]any{m.ClaimedBy, state, m.Subject, m.BodyText, m.Recipient, why},
		func(tx pgx.Tx, _ int64, _ *int64, _ string) error {
			if _, err := tx.Exec(ctx, `DELETE FROM unanswered WHERE outbox_id = $1 AND conversation_id <> ALL ($2)`, m.ID, keep); err != nil {
				return fmt.Errorf("taking conversations out of mail %d: %w", m.ID, err)
			}
			return nil
		})
}
