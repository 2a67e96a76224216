package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// FireState is what became of one fire of a schedule.
type FireState string

// The states of a fire.
const (
	FireDone    FireState = "done"
	FireWaiting FireState = "waiting" // missed: what it would have sent waits for approval
	FireLapsed  FireState = "lapsed"  // missed, and nothing of it is owed
)

// Fire is one fire of a schedule, known by its nominal time: the local time
// "2026-11-23T13:00" where it fires at most once a day, else the instant.
type Fire struct {
	OfficeID int64
	Schedule string // the name of the job
	Nominal  string
	State    FireState
	FiredAt  time.Time
}

// RecordFire records a fire and reports whether it was the first to: of any
// number of daemons one gets true.
func (db *DB) RecordFire(ctx context.Context, f Fire) (bool, error) {
	return recordFire(ctx, db.pool, f)
}

// RecordFire is [DB.RecordFire] committed together with the run.
func (n *NoticeTx) RecordFire(ctx context.Context, f Fire) (bool, error) {
	return recordFire(ctx, n.tx, f)
}

func recordFire(ctx context.Context, q querier, f Fire) (bool, error) {
	rows, _ := q.Query(ctx, `
		INSERT INTO schedule_fire (office_id, schedule, nominal, state, fired_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING RETURNING true`, f.OfficeID, f.Schedule, f.Nominal, f.State, f.FiredAt)
	first, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("recording a fire of %s: %w", f.Schedule, err)
	}
	return first, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// LastFire returns the fire with the latest nominal time up to that one, or
// ErrNotFound.
func (db *DB) LastFire(ctx context.Context, officeID int64, schedule, upTo string) (Fire, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT office_id, schedule, nominal, state, fired_at FROM schedule_fire
		WHERE office_id = $1 AND schedule = $2 AND nominal <= $3 ORDER BY nominal DESC LIMIT 1`, officeID, schedule, upTo)
	f, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Fire]))
	if err != nil {
		return f, fmt.Errorf("reading the last fire of %s: %w", schedule, err)
	}
	return f, nil
}

// MissedFires lists the fires that were missed and wait for approval.
func (db *DB) MissedFires(ctx context.Context, officeID int64) ([]Fire, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT office_id, schedule, nominal, state, fired_at FROM schedule_fire
		WHERE ($1 = 0 OR office_id = $1) AND state = 'waiting' ORDER BY nominal`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Fire])
	if err != nil {
		return nil, fmt.Errorf("listing missed fires: %w", err)
	}
	return list, nil
}

// SettleMissedFires ends the waiting of missed fires: what they would have
// sent was planned and waits in the outbox from now on.
func (n *NoticeTx) SettleMissedFires(ctx context.Context) error {
	if _, err := n.tx.Exec(ctx, `UPDATE schedule_fire SET state = 'lapsed' WHERE office_id = $1 AND state = 'waiting'`, n.officeID); err != nil {
		return fmt.Errorf("settling missed fires: %w", err)
	}
	return nil
}
