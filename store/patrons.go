package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const patronColumns = `id, office_id, username, first_name, last_name, email, language, patron_status, department, site,
	account_ends, alternate_email, undeliverable_at, undeliverable_why, away_until`

// PatronByID returns a patron, or ErrNotFound.
func (db *DB) PatronByID(ctx context.Context, id int64) (Patron, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+patronColumns+` FROM patron WHERE id = $1`, id)
	if err != nil {
		return Patron{}, fmt.Errorf("reading the patron: %w", err)
	}
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Patron]))
}

// PatronByUsername returns the office's patron of that name, or ErrNotFound.
func (db *DB) PatronByUsername(ctx context.Context, officeID int64, username string) (Patron, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+patronColumns+` FROM patron WHERE office_id = $1 AND username = $2`, officeID, username)
	if err != nil {
		return Patron{}, fmt.Errorf("reading the patron: %w", err)
	}
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Patron]))
}

// PatronsByAddress returns the office's patrons of whom one of the addresses is
// the registered or a learned one, those with a registered one first.
func (db *DB) PatronsByAddress(ctx context.Context, officeID int64, addresses ...string) ([]Patron, error) {
	for i, a := range addresses {
		addresses[i] = strings.ToLower(a)
	}
	rows, err := db.pool.Query(ctx, `
		SELECT `+patronColumns+` FROM patron
		WHERE office_id = $1 AND (lower(email) = ANY($2) OR id IN (
			SELECT patron_id FROM patron_address WHERE office_id = $1 AND address = ANY($2)))
		ORDER BY lower(email) = ANY($2) DESC, id`, officeID, addresses)
	if err != nil {
		return nil, fmt.Errorf("reading patrons by address: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Patron])
}

// PatronAddresses lists the patron's learned addresses, oldest first.
func (db *DB) PatronAddresses(ctx context.Context, patronID int64) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT address FROM patron_address WHERE patron_id = $1 ORDER BY learned_at, address`, patronID)
	if err != nil {
		return nil, fmt.Errorf("reading the patron's addresses: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// LearnAddress remembers that the patron also writes from address; by is who
// confirmed it. The registered address is nothing to learn.
func (db *DB) LearnAddress(ctx context.Context, patronID int64, address, by string) error {
	address = strings.ToLower(cleanText(address))
	return db.changePatron(ctx, patronID, by, "learned another address", "", `
		INSERT INTO patron_address (patron_id, office_id, address, learned_by)
		SELECT id, office_id, $2, $3 FROM patron WHERE id = $1 AND lower(email) <> $2 AND $2 <> ''
		ON CONFLICT DO NOTHING`, address, by)
}

// MarkUndeliverable records that mail to address came back for good. It does
// nothing where the patron's registered address is another by now.
func (db *DB) MarkUndeliverable(ctx context.Context, patronID int64, address, why, actor string) error {
	return db.changePatron(ctx, patronID, actor, "address undeliverable", why, `
		UPDATE patron SET undeliverable_at = now(), undeliverable_why = $3
		WHERE id = $1 AND lower(email) = lower($2) AND undeliverable_at IS NULL`, address, cleanText(why))
}

// ClearUndeliverable lets mail go to the patron's registered address again.
func (db *DB) ClearUndeliverable(ctx context.Context, patronID int64, actor string) error {
	return db.changePatron(ctx, patronID, actor, "address usable again", "", `
		UPDATE patron SET undeliverable_at = NULL, undeliverable_why = ''
		WHERE id = $1 AND undeliverable_at IS NOT NULL`)
}

// changePatron runs a change of one patron; where it changes nothing nothing happened.
func (db *DB) changePatron(ctx context.Context, patronID int64, actor, what, why, sql string, args ...any) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, append([]any{patronID}, args...)...)
		if err != nil {
			return fmt.Errorf("changing the patron: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		var officeID int64
		if err := tx.QueryRow(ctx, `SELECT office_id FROM patron WHERE id = $1`, patronID).Scan(&officeID); err != nil {
			return fmt.Errorf("changing the patron: %w", err)
		}
		return addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor, Subject: "patron", SubjectID: patronID, What: what, Why: why})
	})
}
