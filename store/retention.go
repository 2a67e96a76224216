package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Retention says how long what is kept.
type Retention struct {
	BodiesDays int // days after a conversation was closed: text, HTML, attachments, raw bytes
	PatronDays int // days after the patron's last request was finished or cancelled: everything that names the patron
}

// Purged counts what the retention rules removed.
type Purged struct {
	Messages int // text and raw bytes of messages that came in or were sent elsewhere
	Mails    int // text of mail that we sent
	Patrons  int // patrons whose name, addresses and words are gone
}

// errDryRun rolls a purge back.
var errDryRun = errors.New("dry run")

// Purge applies the retention rules as of now. A dry run only counts. What
// proves that a notice was sent (day, rung, Message-ID, answer of the server)
// stays, without the text and, once the patron is purged, without the address.
func (db *DB) Purge(ctx context.Context, r Retention, now time.Time, dry bool) (Purged, error) {
	var p Purged
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var err error
		if p.Messages, p.Mails, err = purgeBodies(ctx, tx, now.AddDate(0, 0, -r.BodiesDays), now); err != nil {
			return fmt.Errorf("removing old text: %w", err)
		}
		if p.Patrons, err = purgePatrons(ctx, tx, now.AddDate(0, 0, -r.PatronDays)); err != nil {
			return fmt.Errorf("removing former patrons: %w", err)
		}
		if dry {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		err = nil
	}
	return p, err
}

// purgeBodies removes the text of conversations that were closed before that
// instant, and of notices without a conversation that were sent before it.
func purgeBodies(ctx context.Context, tx pgx.Tx, before, now time.Time) (messages, mails int, err error) {
	if _, err := tx.Exec(ctx, `
		DELETE FROM message_chunk USING message m, queue_item q
		WHERE message_chunk.message_id = m.id AND m.purged_at IS NULL
		  AND q.conversation_id = m.conversation_id AND q.state = 'done' AND q.updated_at < $1`, before); err != nil {
		return 0, 0, err
	}
	tag, err := tx.Exec(ctx, `
		UPDATE message m SET body_text = '', new_text = '', attachments = '[]', identifiers = '[]', purged_at = $2
		FROM queue_item q
		WHERE m.purged_at IS NULL AND q.conversation_id = m.conversation_id AND q.state = 'done' AND q.updated_at < $1`, before, now)
	if err != nil {
		return 0, 0, err
	}
	messages = int(tag.RowsAffected())
	err = tx.QueryRow(ctx, `
		WITH purged AS (
		UPDATE outbox o SET body_text = '', body_html = ''
		WHERE o.state IN ('sent', 'failed', 'cancelled') AND o.created_at < $1 AND o.body_text <> ''
		  AND NOT EXISTS (SELECT FROM queue_item q WHERE q.conversation_id = o.conversation_id
		                  AND (q.state <> 'done' OR q.updated_at >= $1))
		RETURNING o.id),
		files AS (DELETE FROM attachment USING purged WHERE attachment.outbox_id = purged.id)
		SELECT count(*) FROM purged`, before).Scan(&mails)
	return messages, mails, err
}

// purgePatrons takes the names out of everything about patrons whose requests
// were all settled before that instant and who have no open conversation.
func purgePatrons(ctx context.Context, tx pgx.Tx, before time.Time) (int, error) {
	rows, err := tx.Query(ctx, `
		SELECT p.id FROM patron p
		WHERE p.username <> 'purged-' || p.id
		  AND EXISTS (SELECT FROM transaction t WHERE t.patron_id = p.id)
		  AND NOT EXISTS (SELECT FROM transaction t WHERE t.patron_id = p.id
		        AND (t.state NOT IN ('finished', 'delivered', 'cancelled_staff', 'cancelled_patron')
		             OR coalesce(t.status_date, t.refreshed_at::date) >= $1::date))
		  AND NOT EXISTS (SELECT FROM conversation c JOIN queue_item q ON q.conversation_id = c.id
		        WHERE c.patron_id = p.id AND q.state <> 'done')
		FOR UPDATE`, before)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, sql := range []string{
		`DELETE FROM notice_hold h USING transaction t WHERE t.id = h.transaction_id AND t.patron_id = ANY($1)`,
		`DELETE FROM patron_address WHERE patron_id = ANY($1)`,
		`DELETE FROM note n USING conversation c WHERE n.conversation_id = c.id AND c.patron_id = ANY($1)`,
		`DELETE FROM draft d USING conversation c WHERE d.conversation_id = c.id AND c.patron_id = ANY($1)`,
		`DELETE FROM message_chunk USING message m LEFT JOIN conversation c ON c.id = m.conversation_id
		 WHERE message_chunk.message_id = m.id AND (m.patron_id = ANY($1) OR c.patron_id = ANY($1))`,
		`UPDATE message m SET from_name = '', from_addr = '', to_addrs = '{}', cc_addrs = '{}', subject = '', body_text = '', new_text = '',
		        attachments = '[]', identifiers = '[]', reasons = '[]', intents = '[]', purged_at = coalesce(purged_at, now())
		 WHERE m.patron_id = ANY($1) OR m.conversation_id IN (SELECT id FROM conversation WHERE patron_id = ANY($1))`,
		`UPDATE conversation SET subject = '' WHERE patron_id = ANY($1)`,
		`DELETE FROM attachment a USING outbox o WHERE o.id = a.outbox_id AND o.patron_id = ANY($1) AND o.state IN ('sent', 'failed', 'cancelled')`,
		`UPDATE outbox SET recipient = 'purged', recipient_name = '', cc = '{}', subject = '', body_text = '', edited_from = '', body_html = ''
		 WHERE patron_id = ANY($1) AND state IN ('sent', 'failed', 'cancelled')`,
		`UPDATE patron SET username = 'purged-' || id, first_name = '', last_name = '', email = '', department = '', site = '',
		        undeliverable_at = NULL, undeliverable_why = '', away_until = NULL, account_ends = NULL, alternate_email = ''
		 WHERE id = ANY($1)`,
	} {
		if _, err := tx.Exec(ctx, sql, ids); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}
