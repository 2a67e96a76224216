package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// How many wrong passwords are borne, and for how long they count.
const (
	loginWindow      = 15 * time.Minute
	loginsPerRemote  = 5  // for one username from one address
	loginsPerAccount = 30 // for one username from anywhere
)

// SessionLife is how long a sign-in lasts without use.
const SessionLife = 12 * time.Hour

// decoyHash is checked where there is no such account, so that an unknown
// name takes as long as a wrong password.
var decoyHash = sync.OnceValue(func() string {
	h, err := HashPassword(rand.Text())
	if err != nil {
		return ""
	}
	return h
})

// Authenticate checks a password. It answers ErrBadLogin for a wrong name or
// password and for a disabled account, ErrTooManyLogins where the limit is reached.
func (db *DB) Authenticate(ctx context.Context, username, password, remote string, now time.Time) (Staff, error) {
	username = normalUsername(username)
	if len(username) > 100 {
		return Staff{}, ErrBadLogin
	}
	// The try is written down as a failure before the password is looked at,
	// and taken back when it is right: a hundred tries at once count as a hundred.
	if _, err := db.pool.Exec(ctx, `INSERT INTO login_failure (username, remote, at) VALUES ($1, $2, $3)`,
		username, remote, now); err != nil {
		return Staff{}, fmt.Errorf("noting a sign-in: %w", err)
	}
	var fromHere, fromAnywhere int
	if err := db.pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE remote = $2), count(*) FROM login_failure WHERE username = $1 AND at > $3`,
		username, remote, now.Add(-loginWindow)).Scan(&fromHere, &fromAnywhere); err != nil {
		return Staff{}, fmt.Errorf("counting sign-ins: %w", err)
	}
	if fromHere > loginsPerRemote || fromAnywhere > loginsPerAccount {
		return Staff{}, ErrTooManyLogins
	}
	hash := decoyHash()
	var found string
	err := db.pool.QueryRow(ctx, `SELECT password_hash FROM staff WHERE username = $1 AND disabled_at IS NULL`, username).Scan(&found)
	switch {
	case err == nil && found != "":
		hash = found
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return Staff{}, fmt.Errorf("reading the account: %w", err)
	}
	if !CheckPassword(hash, password) || found == "" {
		return Staff{}, ErrBadLogin
	}
	if _, err := db.pool.Exec(ctx, `DELETE FROM login_failure WHERE (username = $1 AND remote = $2) OR at < $3`,
		username, remote, now.Add(-24*time.Hour)); err != nil {
		return Staff{}, fmt.Errorf("clearing sign-ins: %w", err)
	}
	return db.StaffByUsername(ctx, username)
}

// StartSession signs an account in and returns the cookie's value; only its
// hash is kept.
func (db *DB) StartSession(ctx context.Context, staffID int64, now time.Time) (string, error) {
	token := rand.Text() + rand.Text()
	if _, err := db.pool.Exec(ctx, `
		WITH gone AS (DELETE FROM session WHERE expires_at < $3)
		INSERT INTO session (token_hash, staff_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)`,
		tokenHash(token), staffID, now, now.Add(SessionLife)); err != nil {
		return "", fmt.Errorf("starting a session: %w", err)
	}
	return token, nil
}

// SessionStaff returns who is signed in by that cookie, or ErrNotFound. Use
// prolongs the session.
func (db *DB) SessionStaff(ctx context.Context, token string, now time.Time) (Staff, error) {
	if len(token) > 200 {
		return Staff{}, ErrNotFound
	}
	hash := tokenHash(token)
	rows, _ := db.pool.Query(ctx, `
		SELECT `+staffColumns+` FROM staff
		WHERE disabled_at IS NULL AND id = (SELECT staff_id FROM session WHERE token_hash = $1 AND expires_at > $2)`, hash, now)
	s, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Staff]))
	if err != nil {
		return Staff{}, err
	}
	// Not at each request: a write every minute is enough to keep it alive.
	if _, err := db.pool.Exec(ctx, `
		UPDATE session SET seen_at = $2, expires_at = $3 WHERE token_hash = $1 AND seen_at < $4`,
		hash, now, now.Add(SessionLife), now.Add(-time.Minute)); err != nil {
		return Staff{}, fmt.Errorf("prolonging a session: %w", err)
	}
	return s, nil
}

// EndSession signs out; a session that is gone already is no error.
func (db *DB) EndSession(ctx context.Context, token string) error {
	if _, err := db.pool.Exec(ctx, `DELETE FROM session WHERE token_hash = $1`, tokenHash(token)); err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

func tokenHash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
