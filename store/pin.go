package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	pinLife  = 12 * time.Hour // after the person last proved at that desk who they are
	pinTries = 3              // then the password is asked for
)

// ErrBadPIN says that something is no PIN.
var ErrBadPIN = errors.New("a PIN has four to six digits")

// IsPIN reports whether a text may be a PIN: it is shorter than a password.
func IsPIN(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(s) >= 4 && len(s) <= 6
}

// SetPIN keeps the PIN with which someone comes back to a shared desk; "" takes
// it off.
func (db *DB) SetPIN(ctx context.Context, staffID int64, pin string) error {
	hash := ""
	if pin != "" {
		if !IsPIN(pin) {
			return ErrBadPIN
		}
		var err error
		if hash, err = HashPassword(pin); err != nil {
			return err
		}
	}
	if _, err := db.pool.Exec(ctx, `UPDATE staff SET pin_hash = $2 WHERE id = $1`, staffID, hash); err != nil {
		return fmt.Errorf("setting a PIN: %w", err)
	}
	return nil
}

// AuthenticatePIN lets someone back in at a desk where they proved with their
// password, or to the provider, not long ago who they are. Anywhere else, and
// after a few wrong ones, a PIN is ErrBadLogin.
func (db *DB) AuthenticatePIN(ctx context.Context, desk, username, pin string, now time.Time) (Staff, error) {
	if desk == "" || len(desk) > 200 || !IsPIN(pin) {
		return Staff{}, ErrBadLogin
	}
	var id int64
	var hash string
	// The try is counted before the PIN is looked at: a hundred at once count as a hundred.
	err := db.pool.QueryRow(ctx, `
		UPDATE desk_user d SET pin_tries = pin_tries + 1 FROM staff s
		WHERE d.desk_hash = $1 AND d.staff_id = s.id AND s.username = $2 AND s.disabled_at IS NULL AND s.pin_hash <> ''
		  AND d.proved_at > $3 AND d.pin_tries < $4
		RETURNING s.id, s.pin_hash`, tokenHash(desk), normalUsername(username), now.Add(-pinLife), pinTries).Scan(&id, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return Staff{}, ErrBadLogin
	}
	if err != nil {
		return Staff{}, fmt.Errorf("reading the PIN: %w", err)
	}
	if !CheckPassword(hash, pin) {
		return Staff{}, ErrBadLogin
	}
	if _, err := db.pool.Exec(ctx, `UPDATE desk_user SET pin_tries = 0 WHERE desk_hash = $1 AND staff_id = $2`, tokenHash(desk), id); err != nil {
		return Staff{}, fmt.Errorf("clearing tries of the PIN: %w", err)
	}
	return db.StaffByUsername(ctx, username)
}
