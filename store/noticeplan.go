package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// planLock is the first key of the advisory locks under which one run at a
// time plans for an office; the number means nothing.
const planLock = 4211904

// plannedKinds are the kinds that runs plan; others are made by staff.
var plannedKinds = []NoticeKind{KindOverdue, KindDueSoon, KindDelay, KindCancellation, KindPickup, KindDelivery, KindInTransit, KindRecall, KindClaim, KindLeaving}

// NoticeTx is one look at, or one run over, the notices of an office: all of
// it sees and writes the same state.
type NoticeTx struct {
	tx       pgx.Tx
	officeID int64
	queued   bool
}

// PreviewNotices gives fn a reading of the office's records as of one instant.
func (db *DB) PreviewNotices(ctx context.Context, officeID int64, fn func(*NoticeTx) error) error {
	return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return fn(&NoticeTx{tx: tx, officeID: officeID})
	})
}

// RunNotices gives fn the office's notices to plan, in one transaction: two
// runs take turns, and mails that wait to be sent are locked, so that none of
// them begins to be sent while the run decides anew about it.
func (db *DB) RunNotices(ctx context.Context, officeID int64, fn func(*NoticeTx) error) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, planLock, int32(officeID)); err != nil {
			return fmt.Errorf("waiting for another run: %w", err)
		}
		n := &NoticeTx{tx: tx, officeID: officeID}
		if err := fn(n); err != nil {
			return err
		}
		if n.queued {
			if err := notify(ctx, tx, NotifyOutbox, officeID); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyNotices, officeID)
	})
}

// NoticeOffice is what of an office bears on its notices.
type NoticeOffice struct {
	NoticesPaused bool
	DataDate      Date
	ImportedAt    *time.Time
	Started       bool        // a notice of the office was once sent, or released to be
	MissedFires   bool        // fires were missed and wait for approval
	ClosedDays    []ClosedDay `db:"-"`
}

// Office reads what of the office bears on its notices.
func (n *NoticeTx) Office(ctx context.Context) (NoticeOffice, error) {
	rows, _ := n.tx.Query(ctx, `
		SELECT notices_paused, data_date, imported_at,
		       EXISTS (SELECT FROM outbox WHERE office_id = $1 AND kind NOT IN ('reply', 'unanswered') AND rehearsed_to = '' AND state IN ('queued', 'sending', 'sent', 'failed', 'uncertain')) AS started,
		       EXISTS (SELECT FROM schedule_fire WHERE office_id = $1 AND state = 'waiting') AS missed_fires
		FROM office WHERE id = $1`, n.officeID)
	o, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[NoticeOffice]))
	if err != nil {
		return o, fmt.Errorf("reading the office: %w", err)
	}
	o.ClosedDays, err = closedDays(ctx, n.tx, n.officeID)
	return o, err
}

// WaitingMail is a planned mail that has not begun to be sent.
type WaitingMail struct {
	ID       int64
	State    OutboxState // held or queued
	Kind     NoticeKind
	PatronID int64
	Reason   string
}

// LockWaiting returns the planned mails that wait and keeps them from being
// sent or released until the run ends.
func (n *NoticeTx) LockWaiting(ctx context.Context) ([]WaitingMail, error) {
	rows, _ := n.tx.Query(ctx, `
		SELECT id, state, kind, coalesce(patron_id, 0) AS patron_id, reason FROM outbox
		WHERE office_id = $1 AND kind <> 'reply' AND state IN ('held', 'queued') AND kind = ANY ($2) AND staff_id IS NULL
		ORDER BY id FOR UPDATE`, n.officeID, plannedKinds)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WaitingMail])
	if err != nil {
		return nil, fmt.Errorf("locking mails that wait: %w", err)
	}
	return list, nil
}
