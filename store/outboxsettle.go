package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ExpireSending turns mails that have been sending for longer than d, by the
// database's clock, into uncertain ones: whoever sent them is gone, and whether
// the server took them nobody knows. One that came back meanwhile was taken. They
// are never queued by this.
func (db *DB) ExpireSending(ctx context.Context, officeID int64, d time.Duration) (int, error) {
	var ids []int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH o AS (
				UPDATE outbox SET state = CASE WHEN bounced_at IS NULL THEN 'uncertain' ELSE 'sent' END,
					sent_copy = CASE WHEN bounced_at IS NULL THEN sent_copy ELSE 'owed' END,
					reason = 'the daemon that sent it ended before it heard the answer'
				WHERE office_id = $1 AND state = 'sending' AND sending_at < now() - $2::interval RETURNING id, office_id, state, reason),
			e AS (
				INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT office_id, 'dispatcher', 'outbox', id, state, reason FROM o)
			SELECT id FROM o WHERE state = 'uncertain'`, officeID, d)
		var err error
		if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil || len(ids) == 0 {
			return err
		}
		return notify(ctx, tx, NotifyOutbox, officeID)
	})
	if err != nil {
		return 0, fmt.Errorf("looking for mails whose sender is gone: %w", err)
	}
	return len(ids), nil
}

// Unsettled returns uncertain mails that were not searched for within pause,
// oldest first.
func (db *DB) Unsettled(ctx context.Context, officeID int64, pause time.Duration) ([]OutboxMail, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT `+outboxColumns+` FROM outbox o
		WHERE o.office_id = $1 AND o.state = 'uncertain' AND (o.searched_at IS NULL OR o.searched_at <= now() - $2::interval)
		ORDER BY o.sending_at, o.id`, officeID, pause)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[OutboxMail])
	if err != nil {
		return nil, fmt.Errorf("listing uncertain mails: %w", err)
	}
	return list, nil
}

// SettleByCopies settles as sent the uncertain mails whose copy was taken in
// from Sent, and returns how many.
func (db *DB) SettleByCopies(ctx context.Context, officeID int64) (int, error) {
	var n int
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			WITH o AS (
				UPDATE outbox SET state = 'sent', sent_at = sending_at, sent_copy = 'done', reason = 'found in Sent', claimed_by = '', claimed_until = NULL
				WHERE office_id = $1 AND state = 'uncertain' AND EXISTS (SELECT FROM message m WHERE m.outbox_id = outbox.id AND m.direction = 'out')
				RETURNING id, office_id),
			e AS (
				INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT office_id, 'dispatcher', 'outbox', id, 'sent', 'found in Sent' FROM o)
			SELECT count(*) FROM o`, officeID).Scan(&n)
		if err != nil || n == 0 {
			return err
		}
		return notify(ctx, tx, NotifyOutbox, officeID)
	})
	if err != nil {
		return 0, fmt.Errorf("settling mails by their copies: %w", err)
	}
	return n, nil
}

// SettleFound settles an uncertain mail that was found in Sent. foundID is the
// Message-ID under which it was, which becomes an alias where it is another.
func (db *DB) SettleFound(ctx context.Context, id int64, foundID string) error {
	return db.moveOutbox(ctx, id, "dispatcher", "sent", "found in Sent", `
		UPDATE outbox SET state = 'sent', sent_at = sending_at, sent_copy = 'done', reason = 'found in Sent', claimed_by = '', claimed_until = NULL,
			alias_message_id = CASE WHEN $2 NOT IN ('', message_id) THEN $2 ELSE alias_message_id END
		WHERE id = $1 AND state = 'uncertain'`, []any{foundID}, nil)
}

// NoteSearch records that Sent was searched in vain for an uncertain mail, and
// returns how often it was by now. A search within age of the handing over
// does not count: the server may not have filed it yet.
func (db *DB) NoteSearch(ctx context.Context, id int64, age time.Duration) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `
		UPDATE outbox SET searched = searched + CASE WHEN sending_at <= now() - $2::interval THEN 1 ELSE 0 END, searched_at = now()
		WHERE id = $1 AND state = 'uncertain' RETURNING searched`, id, age).Scan(&n)
	if _, err = one(n, err); err != nil {
		return 0, fmt.Errorf("noting a search for mail %d: %w", id, err)
	}
	return n, nil
}

// SettleAbsent queues an uncertain mail again that was searched for in vain at
// least searches times: only where absence from Sent proves that it did not go.
func (db *DB) SettleAbsent(ctx context.Context, id int64, searches int) error {
	return db.moveOutbox(ctx, id, "dispatcher", "queued again", "not in Sent, where the server files what it takes", `
		UPDATE outbox SET state = 'queued', reason = 'not in Sent, where the server files what it takes', searched = 0, searched_at = NULL,
			not_before = now(), claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state = 'uncertain' AND searched >= $2`, []any{searches}, nil)
}

// ConfirmSent is the word of staff that an uncertain mail did go.
func (db *DB) ConfirmSent(ctx context.Context, id int64, staff string) error {
	return db.moveOutbox(ctx, id, staff, "sent", "confirmed by staff", `
		UPDATE outbox SET state = 'sent', sent_at = sending_at, sent_copy = 'owed', reason = 'confirmed by ' || $2, claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state = 'uncertain'`, []any{staff}, nil)
}

// SendAgain is the word of staff that an uncertain mail did not go and shall,
// under the same Message-ID.
func (db *DB) SendAgain(ctx context.Context, id int64, staff string) error {
	return db.moveOutbox(ctx, id, staff, "queued again", "by staff", `
		UPDATE outbox SET state = 'queued', reason = 'sent again by ' || $2, searched = 0, searched_at = NULL, not_before = now(), claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state = 'uncertain'`, []any{staff}, nil)
}

// CancelMail keeps a held, queued or uncertain mail from going. Its notices
// count as passed: they are not planned again in their cycle.
func (db *DB) CancelMail(ctx context.Context, id int64, staff, why string) error {
	return db.moveOutbox(ctx, id, staff, "cancelled", why, `
		UPDATE outbox SET state = 'cancelled', reason = $2, claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state IN ('held', 'queued', 'uncertain')`, []any{oneLine("cancelled by " + staff + ": " + why)},
		func(tx pgx.Tx, _ int64, _ *int64, _ string) error {
			if _, err := tx.Exec(ctx, `UPDATE notice SET state = 'passed', reason = $2, decided_at = now() WHERE outbox_id = $1 AND state = 'planned'`,
				id, oneLine("let pass by "+staff+": "+why)); err != nil {
				return fmt.Errorf("letting the notices of mail %d pass: %w", id, err)
			}
			return takeBack(ctx, tx, id, staff, "the reply did not go")
		})
}

// UndoReply takes back an answer whose time to be undone has not passed.
// ErrConflict where it has, or it began to be sent.
func (db *DB) UndoReply(ctx context.Context, id int64, staff string) error {
	return db.moveOutbox(ctx, id, staff, "cancelled", "undone", `
		UPDATE outbox SET state = 'cancelled', reason = 'undone by ' || $2, claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state = 'queued' AND kind = 'reply' AND attempts = 0`, []any{staff},
		func(tx pgx.Tx, _ int64, _ *int64, _ string) error { return takeBack(ctx, tx, id, staff, "") })
}

// HoldMail takes a queued mail out of the line until staff release it.
func (db *DB) HoldMail(ctx context.Context, id int64, staff, why string) error {
	return db.moveOutbox(ctx, id, staff, "held", why, `
		UPDATE outbox SET state = 'held', reason = $2, claimed_by = '', claimed_until = NULL WHERE id = $1 AND state = 'queued'`,
		[]any{oneLine("held by " + staff + ": " + why)}, nil)
}

// ReleaseMails queues held mails: the approval of a batch. Mails that are not
// held any more are left alone; it returns how many were.
func (db *DB) ReleaseMails(ctx context.Context, officeID int64, ids []int64, staff string) (int, error) {
	var n int
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		// Locked in the order of ids, as a run of the planner does.
		err := tx.QueryRow(ctx, `
			WITH l AS (SELECT id FROM outbox WHERE office_id = $1 AND id = ANY ($2) AND state = 'held' ORDER BY id FOR UPDATE),
			o AS (
				UPDATE outbox SET state = 'queued', reason = '', not_before = now() FROM l WHERE outbox.id = l.id AND outbox.state = 'held' RETURNING outbox.id),
			e AS (
				INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT $1, $3, 'outbox', id, 'queued', 'approved' FROM o)
			SELECT count(*) FROM o`, officeID, ids, staff).Scan(&n)
		if err != nil || n == 0 {
			return err
		}
		return notify(ctx, tx, NotifyOutbox, officeID)
	})
	if err != nil {
		return 0, fmt.Errorf("releasing mails: %w", err)
	}
	return n, nil
}

// RecordClaimOutcome records what staff found where a patron said that an item
// was returned: found, not_found or with_lender. Until then its notices hold.
func (db *DB) RecordClaimOutcome(ctx context.Context, transactionID int64, outcome, staff string) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		err := tx.QueryRow(ctx, `
			INSERT INTO claim_outcome (office_id, transaction_id, outcome, staff) SELECT office_id, id, $2, $3 FROM transaction WHERE id = $1
			RETURNING office_id`, transactionID, outcome, staff).Scan(&officeID)
		if _, err = one(officeID, err); err != nil {
			return fmt.Errorf("recording the outcome of a claim: %w", err)
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: staff, Subject: "transaction", SubjectID: transactionID, What: "claim of return: " + outcome}); err != nil {
			return err
		}
		if err := notify(ctx, tx, NotifyWriteBacks, officeID); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyNotices, officeID)
	})
}
