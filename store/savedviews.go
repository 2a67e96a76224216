package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SavedView is a filter and an order of the list that someone gave a name.
type SavedView struct {
	ID      int64
	StaffID int64  // who keeps it
	Staff   string // their name
	Name    string
	Query   string // of the list's address: "intent=renewal&tab=mine"
	Shared  bool   // everybody has it
}

// maxViews bounds what one person keeps.
const maxViews = 40

// ErrTooMany says that a person keeps as many views as may be kept.
var ErrTooMany = errors.New("there are too many already")

// SavedViews returns a person's own views and those that are shared, by name.
func (db *DB) SavedViews(ctx context.Context, staffID int64) ([]SavedView, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT v.id, v.staff_id, coalesce(nullif(s.full_name, ''), s.username) AS staff, v.name, v.query, v.shared
		FROM saved_view v JOIN staff s ON s.id = v.staff_id WHERE v.staff_id = $1 OR v.shared ORDER BY lower(v.name), v.id`, staffID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[SavedView])
	if err != nil {
		return nil, fmt.Errorf("listing the saved views: %w", err)
	}
	return list, nil
}

// SaveView keeps a view and returns its id. One of the same person and name, in
// whatever case, is replaced.
func (db *DB) SaveView(ctx context.Context, v SavedView) (int64, error) {
	var id int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO saved_view (staff_id, name, query, shared)
			SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM saved_view WHERE staff_id = $1 AND lower(name) <> lower($2)) < $5
			ON CONFLICT (staff_id, lower(name)) DO UPDATE SET name = excluded.name, query = excluded.query, shared = excluded.shared
			RETURNING id`, v.StaffID, v.Name, v.Query, v.Shared, maxViews).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("saving the view %s: %w", v.Name, ErrTooMany)
		}
		if err != nil {
			return fmt.Errorf("saving the view %s: %w", v.Name, err)
		}
		return notify(ctx, tx, NotifyQueue, 0)
	})
	return id, err
}

// RenameView gives a view another name; ErrExists where its keeper has one of
// that name. Where staffID is not 0 it must be that person's: else ErrNotFound.
func (db *DB) RenameView(ctx context.Context, id, staffID int64, name string) error {
	return db.changeView(ctx, `UPDATE saved_view SET name = $3 WHERE id = $1 AND ($2 = 0 AND shared OR staff_id = $2)`, id, staffID, name)
}

// DeleteView throws a view away, of that person where staffID is not 0.
func (db *DB) DeleteView(ctx context.Context, id, staffID int64) error {
	return db.changeView(ctx, `DELETE FROM saved_view WHERE id = $1 AND ($2 = 0 AND shared OR staff_id = $2)`, id, staffID)
}

func (db *DB) changeView(ctx context.Context, sql string, args ...any) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, args...)
		if err != nil {
			return fmt.Errorf("changing a saved view: %w", taken(err))
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("the saved view: %w", ErrNotFound)
		}
		return notify(ctx, tx, NotifyQueue, 0)
	})
}
