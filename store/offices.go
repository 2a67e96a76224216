package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Office is one interlibrary-loan office of the installation.
type Office struct {
	ID             int64
	Code           string // as in the configuration
	Name           string
	Address        string // its own From address
	CreatedAt      time.Time
	SendingStopped string // why nothing is submitted until someone confirms; "" = sending
	NoticesPaused  bool
	DataDate       Date       // the newest date inside the last import
	ImportedAt     *time.Time // when that was
	// ShrunkRows is how many open rows the last full export had, when those were
	// so few that nothing was closed until someone confirms; 0 = nothing waits.
	ShrunkRows      int
	ShrinkConfirmed bool
}

const officeColumns = `id, code, name, address, created_at, sending_stopped, notices_paused, data_date, imported_at, shrunk_rows, shrink_confirmed`

// EnsureOffice returns the office of that code, made where it is new; its name
// and address follow o.
func (db *DB) EnsureOffice(ctx context.Context, o Office) (Office, error) {
	rows, err := db.pool.Query(ctx, `
		INSERT INTO office (code, name, address) VALUES ($1, $2, $3)
		ON CONFLICT (code) DO UPDATE SET name = excluded.name, address = excluded.address
		RETURNING `+officeColumns, o.Code, o.Name, o.Address)
	if err != nil {
		return Office{}, fmt.Errorf("recording the office %s: %w", o.Code, err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Office])
}

// Offices lists all offices by code.
func (db *DB) Offices(ctx context.Context) ([]Office, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+officeColumns+` FROM office ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("reading offices: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Office])
}

// Office returns the office of that code, or ErrNotFound.
func (db *DB) Office(ctx context.Context, code string) (Office, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+officeColumns+` FROM office WHERE code = $1`, code)
	if err != nil {
		return Office{}, fmt.Errorf("reading the office %s: %w", code, err)
	}
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Office]))
}

// OfficeByID returns the office of that id, or ErrNotFound.
func (db *DB) OfficeByID(ctx context.Context, id int64) (Office, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+officeColumns+` FROM office WHERE id = $1`, id)
	if err != nil {
		return Office{}, fmt.Errorf("reading the office: %w", err)
	}
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Office]))
}

// StopSending lets nothing of the office be submitted until someone confirms.
// Stopping again keeps the first reason.
func (db *DB) StopSending(ctx context.Context, officeID int64, why, actor string) error {
	return db.inTx(ctx, func(tx pgx.Tx) error { return stopSending(ctx, tx, officeID, why, actor) })
}

func stopSending(ctx context.Context, tx pgx.Tx, officeID int64, why, actor string) error {
	return changeOffice(ctx, tx, officeID, actor, "sending stopped", why,
		`UPDATE office SET sending_stopped = $2 WHERE id = $1 AND sending_stopped = ''`, why)
}

// ConfirmSending lets the office send again.
func (db *DB) ConfirmSending(ctx context.Context, officeID int64, actor string) error {
	return db.changeOffice(ctx, officeID, actor, "sending confirmed", "",
		`UPDATE office SET sending_stopped = '' WHERE id = $1 AND sending_stopped <> ''`)
}

// PauseNotices holds or releases the office's notices; replies go on.
func (db *DB) PauseNotices(ctx context.Context, officeID int64, paused bool, actor string) error {
	what := "notices resumed"
	if paused {
		what = "notices paused"
	}
	return db.changeOffice(ctx, officeID, actor, what, "",
		`UPDATE office SET notices_paused = $2 WHERE id = $1 AND notices_paused <> $2`, paused)
}

// ConfirmShrink lets the next full export close what it lacks, however much that is.
func (db *DB) ConfirmShrink(ctx context.Context, officeID int64, actor string) error {
	return db.changeOffice(ctx, officeID, actor, "smaller export confirmed", "",
		`UPDATE office SET shrink_confirmed = true WHERE id = $1 AND shrunk_rows > 0`)
}

// changeOffice runs an update of one office; where it changes nothing nothing happened.
func (db *DB) changeOffice(ctx context.Context, officeID int64, actor, what, why, sql string, args ...any) error {
	return db.inTx(ctx, func(tx pgx.Tx) error { return changeOffice(ctx, tx, officeID, actor, what, why, sql, args...) })
}

func changeOffice(ctx context.Context, tx pgx.Tx, officeID int64, actor, what, why, sql string, args ...any) error {
	tag, err := tx.Exec(ctx, sql, append([]any{officeID}, args...)...)
	if err != nil {
		return fmt.Errorf("changing the office: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor, Subject: "office", SubjectID: officeID, What: what, Why: why}); err != nil {
		return err
	}
	return notify(ctx, tx, NotifyOffice, officeID)
}
