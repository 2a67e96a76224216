package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// ClaimMails claims up to n queued mails of the office whose time has come, for
// d by the database's clock; replies come first. Only the holder of the
// sending lease gets any, so that a claim of another holder is void.
func (db *DB) ClaimMails(ctx context.Context, officeID int64, holder string, n int, d time.Duration) ([]OutboxMail, error) {
	rows, _ := db.pool.Query(ctx, `
		WITH next AS (
			SELECT b.id FROM outbox b JOIN office f ON f.id = b.office_id
			WHERE b.office_id = $1 AND b.state = 'queued' AND b.not_before <= now() AND (b.claimed_by <> $2 OR b.claimed_until < now())
			  AND f.sending_stopped = '' AND (b.kind IN ('reply', 'unanswered') OR NOT f.notices_paused)
			  AND EXISTS (SELECT FROM lease l WHERE l.office_id = $1 AND l.name = 'sending' AND l.holder = $2 AND l.until > now())
			ORDER BY (b.kind <> 'reply'), b.not_before, b.id LIMIT $3 FOR UPDATE OF b SKIP LOCKED)
		UPDATE outbox o SET claimed_by = $2, claimed_until = now() + $4::interval, dated_at = date_trunc('second', now())
		FROM next WHERE o.id = next.id RETURNING `+outboxColumns, officeID, holder, n, d)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[OutboxMail])
	if err != nil {
		return nil, fmt.Errorf("claiming mails: %w", err)
	}
	slices.SortFunc(list, func(a, b OutboxMail) int {
		if ra, rb := a.Kind == KindReply, b.Kind == KindReply; ra != rb {
			if ra {
				return -1
			}
			return 1
		}
		if c := a.NotBefore.Compare(b.NotBefore); c != 0 {
			return c
		}
		return int(a.ID - b.ID)
	})
	return list, nil
}

// NextDue is how long after now, by the database's clock, a mail of the office
// will be due that is not yet; 0 where none waits for its time.
func (db *DB) NextDue(ctx context.Context, officeID int64) (time.Duration, error) {
	var seconds *float64
	err := db.pool.QueryRow(ctx, `
		SELECT extract(epoch FROM min(not_before) - now())::float8 FROM outbox WHERE office_id = $1 AND state = 'queued' AND not_before > now()`, officeID).Scan(&seconds)
	if err != nil {
		return 0, fmt.Errorf("looking for the next mail: %w", err)
	}
	if seconds == nil {
		return 0, nil
	}
	return max(time.Duration(*seconds*float64(time.Second)), time.Millisecond), nil
}

// BeginSending commits that the mail is about to be handed to the server. It
// returns ErrConflict where the claim no longer stands: the mail was changed,
// cancelled or undone, sending was stopped, or another holds the lease. Then
// nothing may be handed over.
func (db *DB) BeginSending(ctx context.Context, id int64, holder string) error {
	tag, err := db.pool.Exec(ctx, `
		WITH o AS (
			UPDATE outbox b SET state = 'sending', sending_at = now(), attempts = attempts + 1, reason = ''
			FROM office f
			WHERE b.id = $1 AND f.id = b.office_id AND b.state = 'queued' AND b.claimed_by = $2 AND b.claimed_until > now()
			  AND f.sending_stopped = '' AND (b.kind IN ('reply', 'unanswered') OR NOT f.notices_paused)
			  AND EXISTS (SELECT FROM lease l WHERE l.office_id = b.office_id AND l.name = 'sending' AND l.holder = $2 AND l.until > now())
			RETURNING b.id, b.office_id)
		INSERT INTO event (office_id, actor, subject, subject_id, what) SELECT office_id, 'dispatcher', 'outbox', id, 'sending' FROM o`, id, holder)
	if err != nil {
		return fmt.Errorf("beginning to send mail %d: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("beginning to send mail %d: %w", id, ErrConflict)
	}
	return nil
}

// Rehearse records of a claimed mail to whom it goes in place of all its
// recipients; "" = to them. ErrConflict where the claim no longer stands.
func (db *DB) Rehearse(ctx context.Context, id int64, holder, address string) error {
	tag, err := db.pool.Exec(ctx, `UPDATE outbox SET rehearsed_to = $3 WHERE id = $1 AND state = 'queued' AND claimed_by = $2`, id, holder, address)
	if err != nil {
		return fmt.Errorf("recording a rehearsal of mail %d: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("recording a rehearsal of mail %d: %w", id, ErrConflict)
	}
	return nil
}

// moveOutbox changes the state of one mail by sql, whose first argument is the
// id and which returns office_id, patron_id and recipient, with its event.
// ErrConflict where the WHERE of sql did not hold.
func (db *DB) moveOutbox(ctx context.Context, id int64, actor, what, why, sql string, args []any, more func(tx pgx.Tx, officeID int64, patronID *int64, recipient string) error) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		var patronID *int64
		var recipient string
		err := tx.QueryRow(ctx, sql+` RETURNING office_id, patron_id, recipient`, append([]any{id}, args...)...).Scan(&officeID, &patronID, &recipient)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("changing mail %d to %q: %w", id, what, ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("changing mail %d to %q: %w", id, what, err)
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor, Subject: "outbox", SubjectID: id, What: what, Why: oneLine(why)}); err != nil {
			return err
		}
		if more != nil {
			if err := more(tx, officeID, patronID, recipient); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyOutbox, officeID)
	})
}

// FinishSent records that the server took the mail. copyOwed: a copy is to be
// filed in Sent.
func (db *DB) FinishSent(ctx context.Context, id int64, holder, reply string, copyOwed bool, at time.Time) error {
	owed := "none"
	if copyOwed {
		owed = "owed"
	}
	// Whoever gave it up as uncertain meanwhile knew less than the one who heard the answer.
	return db.moveOutbox(ctx, id, "dispatcher", "sent", reply, `
		UPDATE outbox SET state = 'sent', sent_at = $3, smtp_reply = $4, sent_copy = $5, claimed_by = '', claimed_until = NULL, reason = ''
		WHERE id = $1 AND state IN ('sending', 'uncertain') AND claimed_by = $2`, []any{holder, at, oneLine(reply), owed}, nil)
}

// FinishFailed records that the server refused the mail for good.
// undeliverable: it refused the address.
func (db *DB) FinishFailed(ctx context.Context, id int64, holder, reply string, undeliverable bool, at time.Time) error {
	return db.moveOutbox(ctx, id, "dispatcher", "failed", reply, `
		UPDATE outbox SET state = 'failed', smtp_reply = $3, reason = 'the server refused it: ' || $3, claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state IN ('sending', 'queued') AND claimed_by = $2`, []any{holder, oneLine(reply)},
		func(tx pgx.Tx, officeID int64, patronID *int64, recipient string) error {
			if err := takeBack(ctx, tx, id, "dispatcher", "the reply could not be delivered: "+reply); err != nil {
				return err
			}
			if !undeliverable || patronID == nil {
				return nil
			}
			return markUndeliverable(ctx, tx, officeID, *patronID, recipient, reply, at)
		})
}

// FinishUncertain records that nobody knows whether the server took the mail.
func (db *DB) FinishUncertain(ctx context.Context, id int64, holder, reply string) error {
	return db.moveOutbox(ctx, id, "dispatcher", "uncertain", reply, `
		UPDATE outbox SET state = 'uncertain', smtp_reply = $3, reason = 'the connection broke after the mail was handed over'
		WHERE id = $1 AND state = 'sending' AND claimed_by = $2`, []any{holder, oneLine(reply)}, nil)
}

// Requeue puts a mail that certainly did not go back into the line, after a
// delay by the database's clock. attempted: it counts as an attempt even where
// it did not come as far as sending.
func (db *DB) Requeue(ctx context.Context, id int64, holder, why string, delay time.Duration, attempted bool) error {
	return db.moveOutbox(ctx, id, "dispatcher", "queued again", why, `
		UPDATE outbox SET attempts = attempts + CASE WHEN state = 'queued' AND $5 THEN 1 ELSE 0 END, state = 'queued', reason = $3,
			not_before = now() + $4::interval, claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state IN ('sending', 'queued') AND claimed_by = $2`, []any{holder, oneLine(why), delay, attempted}, nil)
}

// Unclaim gives claims back untouched, where a daemon leaves.
func (db *DB) Unclaim(ctx context.Context, officeID int64, holder string) error {
	if _, err := db.pool.Exec(ctx, `
		UPDATE outbox SET claimed_by = '', claimed_until = NULL WHERE office_id = $1 AND state = 'queued' AND claimed_by = $2`, officeID, holder); err != nil {
		return fmt.Errorf("giving claims back: %w", err)
	}
	return nil
}

// DroppedNotice is a notice that is taken out of its mail just before that goes.
type DroppedNotice struct {
	ID     int64
	Reason string
}

// RewriteClaimed fixes a claimed mail's text anew after a re-check, takes
// dropped notices out of it and notes the days that the others tell. Where no
// notice is left, the mail is cancelled with the first reason; where m is held,
// it waits for staff by m's reason. ErrConflict where the claim no longer stands.
func (db *DB) RewriteClaimed(ctx context.Context, m OutboxMail, drops []DroppedNotice, kept []NoticeRow) error {
	what, why := "written anew", ""
	if len(drops) > 0 {
		why = drops[0].Reason
	}
	state := OutboxQueued
	switch {
	case len(kept) == 0:
		what, state = "cancelled", OutboxCancelled
	case m.State == OutboxHeld:
		what, state, why = "held", OutboxHeld, m.Reason
	}
	return db.moveOutbox(ctx, m.ID, "dispatcher", what, why, `
		UPDATE outbox SET state = $3, rung = $4, subject = $5, body_text = $6, body_html = $7, ref = $8, template = $9, reason = $10, recipient = $11, recipient_name = $12, edited_from = $13
		WHERE id = $1 AND state = 'queued' AND claimed_by = $2`,
		[]any{m.ClaimedBy, state, m.Rung, m.Subject, m.BodyText, m.BodyHTML, m.Ref, m.Template, oneLine(why), m.Recipient, m.RecipientName, m.EditedFrom},
		func(tx pgx.Tx, officeID int64, _ *int64, _ string) error {
			b := &pgx.Batch{}
			for _, d := range drops {
				b.Queue(`UPDATE notice SET state = 'dropped', reason = $2, decided_at = now() WHERE id = $1 AND state = 'planned' AND outbox_id = $3`, d.ID, d.Reason, m.ID)
			}
			for _, k := range kept {
				b.Queue(`UPDATE notice SET days = $2, reason = $3 WHERE id = $1 AND state = 'planned' AND outbox_id = $4`, k.ID, k.Days, k.Reason, m.ID)
			}
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return fmt.Errorf("taking notices out of mail %d: %w", m.ID, err)
			}
			return nil
		})
}

// OwedCopies returns sent mails of which a copy is still to be filed in Sent,
// oldest first.
func (db *DB) OwedCopies(ctx context.Context, officeID int64, limit int) ([]OutboxMail, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT `+outboxColumns+` FROM outbox o WHERE o.office_id = $1 AND o.sent_copy = 'owed' AND o.state = 'sent' ORDER BY o.id LIMIT $2`, officeID, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[OutboxMail])
	if err != nil {
		return nil, fmt.Errorf("listing copies owed: %w", err)
	}
	return list, nil
}

// MarkCopied records that a copy of the mail is in Sent.
func (db *DB) MarkCopied(ctx context.Context, id int64) error {
	if _, err := db.pool.Exec(ctx, `UPDATE outbox SET sent_copy = 'done' WHERE id = $1 AND sent_copy = 'owed'`, id); err != nil {
		return fmt.Errorf("noting the copy of mail %d: %w", id, err)
	}
	return nil
}
