package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Absence is a time in which someone of the staff is away. Their conversations
// stay theirs; the cover sees to them meanwhile.
type Absence struct {
	ID        int64
	StaffID   int64
	Staff     string // name
	CoverID   int64
	Cover     string // name
	From      Date   `db:"from_day"`
	Until     Date   `db:"until_day"` // the last day away
	EnteredBy string // username
}

// On reports whether the person is away on that day.
func (a Absence) On(d Date) bool { return !d.Before(a.From) && !d.After(a.Until) }

const absences = `
	SELECT a.id, a.staff_id, coalesce(nullif(s.full_name, ''), s.username) AS staff, a.cover_id, coalesce(nullif(c.full_name, ''), c.username) AS cover,
	       a.from_day, a.until_day, a.entered_by
	FROM absence a JOIN staff s ON s.id = a.staff_id JOIN staff c ON c.id = a.cover_id `

// Absences lists who is away on that day or will be later, by the first day.
func (db *DB) Absences(ctx context.Context, on Date) ([]Absence, error) {
	rows, _ := db.pool.Query(ctx, absences+`WHERE a.until_day >= $1 ORDER BY a.from_day, staff, a.id`, on)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Absence])
	if err != nil {
		return nil, fmt.Errorf("listing who is away: %w", err)
	}
	return list, nil
}

// AddAbsence enters that someone will be away. ErrConflict where they are away
// in that time already, or their cover is; ErrNotFound where one of the two has
// no account that is open.
func (db *DB) AddAbsence(ctx context.Context, a Absence) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		// Both rows are held: of two absences that are entered at once the second sees the first.
		rows, _ := tx.Query(ctx, `SELECT id FROM staff WHERE id IN ($1, $2) AND disabled_at IS NULL ORDER BY id FOR UPDATE`, a.StaffID, a.CoverID)
		there, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("reading the accounts: %w", err)
		}
		if len(there) != 2 {
			return fmt.Errorf("the account of who is away or of the cover: %w", ErrNotFound)
		}
		rows, _ = tx.Query(ctx, absences+`WHERE a.staff_id IN ($1, $2) AND a.from_day <= $4 AND a.until_day >= $3 ORDER BY a.from_day LIMIT 1`, a.StaffID, a.CoverID, a.From, a.Until)
		clash, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Absence])
		switch {
		case err == nil:
			return fmt.Errorf("%s is away from %s until %s: %w", clash.Staff, clash.From, clash.Until, ErrConflict)
		case !errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("looking who is away: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			WITH past AS (DELETE FROM absence WHERE until_day < $3::date - 365)
			INSERT INTO absence (staff_id, cover_id, from_day, until_day, entered_by) VALUES ($1, $2, $3, $4, $5)`,
			a.StaffID, a.CoverID, a.From, a.Until, a.EnteredBy); err != nil {
			return fmt.Errorf("entering who is away: %w", err)
		}
		return notify(ctx, tx, NotifyQueue, 0)
	})
}

// EndAbsence takes an absence out: the person is back, or does not go.
func (db *DB) EndAbsence(ctx context.Context, id int64) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM absence WHERE id = $1`, id)
		if err != nil {
			return fmt.Errorf("ending an absence: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("ending an absence: %w", ErrNotFound)
		}
		return notify(ctx, tx, NotifyQueue, 0)
	})
}

// Hands says in whose hands work is on one day. In the zero Hands nobody is
// away and everybody has an account that is open.
type Hands struct {
	away     []Absence
	disabled []int64
}

// Hands returns in whose hands work is on that day.
func (db *DB) Hands(ctx context.Context, on Date) (h Hands, err error) {
	rows, _ := db.pool.Query(ctx, absences+`WHERE a.from_day <= $1 AND a.until_day >= $1 ORDER BY a.id`, on)
	if h.away, err = pgx.CollectRows(rows, pgx.RowToStructByName[Absence]); err != nil {
		return h, fmt.Errorf("reading who is away: %w", err)
	}
	rows, _ = db.pool.Query(ctx, `SELECT id FROM staff WHERE disabled_at IS NOT NULL`)
	if h.disabled, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return h, fmt.Errorf("reading whose account is closed: %w", err)
	}
	return h, nil
}

// Away returns the absence of someone who is away, or nil.
func (h Hands) Away(staff int64) *Absence {
	for i := range h.away {
		if h.away[i].StaffID == staff {
			return &h.away[i]
		}
	}
	return nil
}

// StandIn is who sees to the work of someone: they themselves, their cover, or
// the cover of a cover who is away, too. 0: nobody does.
func (h Hands) StandIn(staff int64) int64 {
	for range len(h.away) + 1 { // covers may go round in a circle
		if slices.Contains(h.disabled, staff) {
			return 0
		}
		a := h.Away(staff)
		if a == nil {
			return staff
		}
		staff = a.CoverID
	}
	return 0
}

// CoveredBy are those who are away and whose work someone sees to.
func (h Hands) CoveredBy(staff int64) []int64 {
	var list []int64
	for _, a := range h.away {
		if a.StaffID != staff && h.StandIn(a.StaffID) == staff {
			list = append(list, a.StaffID)
		}
	}
	return list
}

// Nobodys are those whose work nobody sees to: their accounts are closed, or
// they are away and so is who would stand in.
func (h Hands) Nobodys() []int64 {
	list := slices.Clone(h.disabled)
	for _, a := range h.away {
		if h.StandIn(a.StaffID) == 0 && !slices.Contains(list, a.StaffID) {
			list = append(list, a.StaffID)
		}
	}
	return list
}
