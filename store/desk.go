package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// DeskLife is how long a browser remembers who signed in there.
	DeskLife  = 30 * 24 * time.Hour
	deskUsers = 5 // that are offered
)

// DeskUser is someone who signed in lately in one browser.
type DeskUser struct {
	Username    string
	Name        string
	HasPassword bool // else the OpenID provider signs them in
	PIN         bool // their PIN will do, see [DB.AuthenticatePIN]
}

// RememberAtDesk notes who signed in by that browser, which the cookie's value
// names; where it names none, or is "", a fresh value is returned. proved: by
// more than a PIN, which does for a while from now on.
func (db *DB) RememberAtDesk(ctx context.Context, desk string, staffID int64, proved bool, now time.Time) (string, error) {
	known := false
	if desk != "" && len(desk) <= 200 {
		if err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM desk_user WHERE desk_hash = $1)`, tokenHash(desk)).Scan(&known); err != nil {
			return "", fmt.Errorf("reading who was at this desk: %w", err)
		}
	}
	if !known { // nobody makes browsers share a desk by giving them a cookie
		desk = rand.Text() + rand.Text()
	}
	if _, err := db.pool.Exec(ctx, `
		WITH gone AS (DELETE FROM desk_user WHERE used_at < $4)
		INSERT INTO desk_user (desk_hash, staff_id, used_at, proved_at) VALUES ($1, $2, $3, CASE WHEN $5 THEN $3::timestamptz END)
		ON CONFLICT (desk_hash, staff_id) DO UPDATE SET used_at = excluded.used_at, proved_at = coalesce(excluded.proved_at, desk_user.proved_at),
			pin_tries = CASE WHEN $5 THEN 0 ELSE desk_user.pin_tries END`, tokenHash(desk), staffID, now, now.Add(-DeskLife), proved); err != nil {
		return "", fmt.Errorf("noting who is at this desk: %w", err)
	}
	return desk, nil
}

// DeskUsers returns who signed in lately by that browser, the last one first.
func (db *DB) DeskUsers(ctx context.Context, desk string, now time.Time) ([]DeskUser, error) {
	if desk == "" || len(desk) > 200 {
		return nil, nil
	}
	rows, _ := db.pool.Query(ctx, `
		SELECT s.username, coalesce(nullif(s.full_name, ''), s.username) AS name, s.password_hash <> '' AS has_password,
		       s.pin_hash <> '' AND coalesce(d.proved_at > $4 AND d.pin_tries < $5, false) AS pin
		FROM desk_user d JOIN staff s ON s.id = d.staff_id
		WHERE d.desk_hash = $1 AND d.used_at > $2 AND s.disabled_at IS NULL ORDER BY d.used_at DESC, s.id LIMIT $3`, tokenHash(desk), now.Add(-DeskLife), deskUsers, now.Add(-pinLife), pinTries)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DeskUser])
	if err != nil {
		return nil, fmt.Errorf("reading who was at this desk: %w", err)
	}
	return list, nil
}
