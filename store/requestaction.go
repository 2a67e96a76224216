package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The actions of staff on a request of which the ILL system hears.
const (
	ActionRenewal = "renewal" // the lender is asked to renew
	ActionCancel  = "cancel"
)

// RequestAction is what staff did with a request.
type RequestAction struct {
	TransactionID  int64
	ConversationID int64 // 0 = outside of any
	Action         string
	Reason         string
}

// RecordRequestAction records it, once for a due date (renewal) or a status
// date (cancel), and reports whether it is new. Where the office writes back,
// the ILL system hears of it. ErrNotFound where there is no such request.
func (db *DB) RecordRequestAction(ctx context.Context, a RequestAction, actor Actor) (first bool, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		first, err = recordRequestAction(ctx, tx, a, actor)
		return err
	})
	return first, err
}

func recordRequestAction(ctx context.Context, tx pgx.Tx, a RequestAction, actor Actor) (first bool, err error) {
	var officeID int64
	err = tx.QueryRow(ctx, `SELECT office_id FROM transaction WHERE id = $1`, a.TransactionID).Scan(&officeID)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("request %d: %w", a.TransactionID, ErrNotFound)
	}
	if err != nil {
		return false, fmt.Errorf("reading the request: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO request_action (office_id, transaction_id, conversation_id, action, cycle, reason, staff)
		SELECT office_id, id, nullif($2, 0), $3, coalesce(CASE $3 WHEN 'renewal' THEN due_date ELSE status_date END, 'epoch'), $4, $5
		FROM transaction WHERE id = $1
		ON CONFLICT DO NOTHING`, a.TransactionID, a.ConversationID, a.Action, cleanText(a.Reason), actor.Name)
	if err != nil {
		return false, fmt.Errorf("recording what was done with the request: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	what := map[string]string{ActionRenewal: "renewal asked for", ActionCancel: "cancelled"}[a.Action]
	if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "transaction", SubjectID: a.TransactionID, What: what, Why: a.Reason}); err != nil {
		return false, err
	}
	return true, notify(ctx, tx, NotifyWriteBacks, officeID)
}

// RenewalsAsked counts for how many of the request's due dates staff asked for
// a renewal, and says whether they did for the present one.
func (db *DB) RenewalsAsked(ctx context.Context, transactionID int64) (times int, now bool, err error) {
	err = db.pool.QueryRow(ctx, `
		SELECT count(*), coalesce(bool_or(a.cycle = coalesce(t.due_date, 'epoch')), false)
		FROM request_action a JOIN transaction t ON t.id = a.transaction_id
		WHERE a.transaction_id = $1 AND a.action = 'renewal'`, transactionID).Scan(&times, &now)
	if err != nil {
		return 0, false, fmt.Errorf("counting renewals: %w", err)
	}
	return times, now, nil
}
