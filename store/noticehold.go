package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// NoticeHold keeps notices of one kind about one request from going, until
// staff release them or a later cycle begins.
type NoticeHold struct {
	OfficeID      int64
	TransactionID int64
	Kind          NoticeKind
	Cycle         Date
	Reason        string
	Staff         string // username
	At            time.Time
}

// HoldNotice keeps notices of that kind and cycle from going. A mail that waits
// with nothing else in it is cancelled; out of another the notice is taken by
// the re-check just before it goes, so a claim on it is void from here on.
// ErrConflict where the mail is on its way or gone.
func (db *DB) HoldNotice(ctx context.Context, h NoticeHold) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT o.id, o.state FROM notice n JOIN outbox o ON o.id = n.outbox_id
			WHERE n.transaction_id = $1 AND n.kind = $2 AND n.cycle = $3 AND n.state = 'planned' AND o.state IN ('held', 'queued', 'sending')
			ORDER BY o.id FOR UPDATE OF o`, h.TransactionID, h.Kind, h.Cycle)
		waiting, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			ID    int64
			State OutboxState
		}])
		if err != nil {
			return fmt.Errorf("looking for mails that tell a notice: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO notice_hold (office_id, transaction_id, kind, cycle, reason, staff) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (transaction_id, kind, cycle) DO UPDATE SET reason = excluded.reason, staff = excluded.staff, at = now()`,
			h.OfficeID, h.TransactionID, h.Kind, h.Cycle, oneLine(h.Reason), h.Staff); err != nil {
			return fmt.Errorf("holding a notice: %w", err)
		}
		for _, m := range waiting {
			if m.State == OutboxSending {
				return fmt.Errorf("holding a notice of mail %d, which is on its way: %w", m.ID, ErrConflict)
			}
			if _, err := tx.Exec(ctx, `
				WITH alone AS (SELECT count(*) = 1 AS yes FROM notice WHERE outbox_id = $1 AND state = 'planned'),
				n AS (
					UPDATE notice SET state = 'held', outbox_id = NULL, reason = $2, held_since = coalesce(held_since, planned_on), decided_at = now()
					FROM alone WHERE outbox_id = $1 AND state = 'planned' AND alone.yes)
				UPDATE outbox SET state = CASE WHEN alone.yes THEN 'cancelled' ELSE state END, reason = CASE WHEN alone.yes THEN $2 ELSE reason END,
					claimed_by = '', claimed_until = NULL FROM alone WHERE id = $1`, m.ID, oneLine("held by "+h.Staff+": "+h.Reason)); err != nil {
				return fmt.Errorf("taking a notice out of mail %d: %w", m.ID, err)
			}
		}
		if err := addEvent(ctx, tx, Event{OfficeID: h.OfficeID, Actor: h.Staff, Subject: "transaction", SubjectID: h.TransactionID,
			What: "notice held: " + string(h.Kind), Why: oneLine(h.Reason)}); err != nil {
			return err
		}
		if err := notify(ctx, tx, NotifyOutbox, h.OfficeID); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyNotices, h.OfficeID)
	})
}

// ReleaseNotice ends a hold of staff: the notice is decided anew at the next
// run. ErrNotFound where there is none.
func (db *DB) ReleaseNotice(ctx context.Context, h NoticeHold) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM notice_hold WHERE transaction_id = $1 AND kind = $2 AND cycle >= $3`, h.TransactionID, h.Kind, h.Cycle)
		if err != nil {
			return fmt.Errorf("releasing a notice: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("releasing a notice: %w", ErrNotFound)
		}
		if err := addEvent(ctx, tx, Event{OfficeID: h.OfficeID, Actor: h.Staff, Subject: "transaction", SubjectID: h.TransactionID,
			What: "notice released: " + string(h.Kind)}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyNotices, h.OfficeID)
	})
}

// ClosedDay is a day that staff closed.
type ClosedDay struct {
	Day    Date
	Reason string
	Staff  string
}

// ClosedDays returns the days that staff closed, in order.
func (db *DB) ClosedDays(ctx context.Context, officeID int64) ([]ClosedDay, error) {
	return closedDays(ctx, db.pool, officeID)
}

func closedDays(ctx context.Context, q querier, officeID int64) ([]ClosedDay, error) {
	rows, _ := q.Query(ctx, `SELECT day, reason, staff FROM closed_day WHERE office_id = $1 ORDER BY day`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[ClosedDay])
	if err != nil {
		return nil, fmt.Errorf("reading the days that are closed: %w", err)
	}
	return list, nil
}

// CloseDay closes a day: nothing more goes on it.
func (db *DB) CloseDay(ctx context.Context, officeID int64, d ClosedDay) error {
	return db.changeOffice(ctx, officeID, d.Staff, "closed on "+d.Day.String(), oneLine(d.Reason), `
		INSERT INTO closed_day (office_id, day, reason, staff) VALUES ($1, $2, $3, $4)
		ON CONFLICT (office_id, day) DO UPDATE SET reason = excluded.reason, staff = excluded.staff, at = now()`, d.Day, oneLine(d.Reason), d.Staff)
}

// OpenDay opens a day that staff had closed. What waits for a later day only
// because of that may go.
func (db *DB) OpenDay(ctx context.Context, officeID int64, day Date, staff string) error {
	return db.changeOffice(ctx, officeID, staff, "open on "+day.String(), "", `
		WITH waits AS (
			UPDATE outbox SET not_before = now() WHERE office_id = $1 AND state = 'queued' AND kind <> 'reply' AND reason LIKE $2::date || ' is a closed day%')
		DELETE FROM closed_day WHERE office_id = $1 AND day = $2`, day)
}

// LapseUnapproved cancels the mails that were planned before that day and that
// nobody approved, once for the fire f: their notices are planned anew. Those
// that wait for another than these reasons go on waiting.
func (db *DB) LapseUnapproved(ctx context.Context, f Fire, today Date, reasons []string) (n int, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		first, err := recordFire(ctx, tx, f)
		if err != nil || !first {
			return err
		}
		if err := tx.QueryRow(ctx, `
			WITH l AS (
				SELECT id FROM outbox o WHERE office_id = $1 AND state = 'held' AND kind = ANY ($3) AND kind <> 'recall' AND reason = ANY ($4)
				  AND EXISTS (SELECT FROM notice n WHERE n.outbox_id = o.id AND n.state = 'planned' AND n.planned_on < $2) ORDER BY id FOR UPDATE),
			n AS (
				UPDATE notice SET state = 'held', outbox_id = NULL, reason = 'nobody approved it that day: planned anew', held_since = coalesce(held_since, planned_on), decided_at = now()
				FROM l WHERE outbox_id = l.id AND notice.state = 'planned'),
			o AS (
				UPDATE outbox SET state = 'cancelled', reason = 'nobody approved it that day: planned anew' FROM l WHERE outbox.id = l.id RETURNING outbox.id, reason),
			e AS (
				INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT $1, 'planner', 'outbox', id, 'cancelled', reason FROM o)
			SELECT count(*) FROM o`, f.OfficeID, today, plannedKinds, reasons).Scan(&n); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyOutbox, f.OfficeID)
	})
	if err != nil {
		return 0, fmt.Errorf("letting a batch lapse: %w", err)
	}
	return n, nil
}

// Edit is what staff wrote in place of a notice's text.
type Edit struct {
	ID      int64 // of the mail
	Subject string
	Text    string
	Reason  string
	Staff   string // username
}

// EditNotice writes a waiting notice's text by hand; it goes as plain text, once
// someone releases it. Where what it tells has changed by then, the letter is
// written anew and waits once more. ErrConflict where it waits no more.
func (db *DB) EditNotice(ctx context.Context, e Edit) error {
	return db.moveOutbox(ctx, e.ID, e.Staff, "edited", e.Reason, `
		UPDATE outbox SET state = 'held', edited_from = CASE edited_from WHEN '' THEN body_text ELSE edited_from END,
			subject = $2, body_text = $3, body_html = '', reason = $4, claimed_by = '', claimed_until = NULL
		WHERE id = $1 AND state IN ('held', 'queued') AND kind = ANY ($5)`,
		[]any{oneLine(e.Subject), cleanText(e.Text), oneLine("edited by " + e.Staff + ": " + e.Reason), plannedKinds}, nil)
}
