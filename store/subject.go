package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	signInLife       = 10 * time.Minute // to come back from the provider
	signInsPerRemote = 60               // in loginWindow, begun at one address
)

// ErrOtherSubject says that an account is linked with another person of the provider.
var ErrOtherSubject = errors.New("this account is linked with another person there")

// PendingSignIn is a sign-in of staff at an OpenID provider that is under way.
type PendingSignIn struct {
	State    string // comes back in the address
	Browser  string // stays in a cookie
	Nonce    string // comes back in the ID token
	Verifier string // of PKCE (RFC 7636)
	To       string `db:"to_path"` // where to lead afterwards
}

// BeginStaffSignIn keeps what must come back from the provider. ErrTooManyLogins
// where too many began at that address lately.
func (db *DB) BeginStaffSignIn(ctx context.Context, verifier, to, remote string, now time.Time) (PendingSignIn, error) {
	s := PendingSignIn{State: rand.Text() + rand.Text(), Browser: rand.Text() + rand.Text(), Nonce: rand.Text(), Verifier: verifier, To: to}
	// Written down first, and counted with it: a hundred at once count as a hundred.
	if _, err := db.pool.Exec(ctx, `
		WITH gone AS (DELETE FROM staff_sign_in WHERE begun_at < $7::timestamptz - interval '1 day')
		INSERT INTO staff_sign_in (state_hash, browser_hash, nonce, verifier, to_path, remote, begun_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		tokenHash(s.State), tokenHash(s.Browser), s.Nonce, s.Verifier, s.To, remote, now); err != nil {
		return s, fmt.Errorf("beginning a sign-in: %w", err)
	}
	var n int
	if err := db.pool.QueryRow(ctx, `SELECT count(*) FROM staff_sign_in WHERE remote = $1 AND begun_at > $2`, remote, now.Add(-loginWindow)).Scan(&n); err != nil {
		return s, fmt.Errorf("counting sign-ins: %w", err)
	}
	if n > signInsPerRemote {
		return s, ErrTooManyLogins
	}
	return s, nil
}

// TakeStaffSignIn returns a sign-in that was begun in that browser not long ago, once:
// ErrNotFound where there is none, or it was taken before.
func (db *DB) TakeStaffSignIn(ctx context.Context, state, browser string, now time.Time) (PendingSignIn, error) {
	s := PendingSignIn{State: state, Browser: browser}
	var begun time.Time
	// The row stays until it is old, to be counted; what it held is gone with the first use.
	err := db.pool.QueryRow(ctx, `
		WITH s AS (SELECT * FROM staff_sign_in WHERE state_hash = $1 AND browser_hash = $2 AND nonce <> '' FOR UPDATE)
		UPDATE staff_sign_in u SET nonce = '', verifier = '' FROM s WHERE u.state_hash = s.state_hash
		RETURNING s.nonce, s.verifier, s.to_path, s.begun_at`, tokenHash(state), tokenHash(browser)).Scan(&s.Nonce, &s.Verifier, &s.To, &begun)
	if _, err = one(s, err); err != nil {
		return s, fmt.Errorf("reading a sign-in: %w", err)
	}
	if now.Sub(begun) > signInLife {
		return s, fmt.Errorf("a sign-in that was begun too long ago: %w", ErrNotFound)
	}
	return s, nil
}

// Subject is a person as the provider vouches for them.
type Subject struct {
	Issuer   string
	ID       string // the provider's own name for them, never used again for another
	Username string // the account that is theirs where none is linked yet; "" for none
	Email    string // the same by the account's address, once the provider has verified it; "" for none
	FullName string // these two of an account that is made
	Contact  string
	Role     Role // that the provider gives; "": the account's own, and no account is made
}

// SubjectStaff returns the account of a person of the provider. The first time
// it links the one of their name, or makes one where the provider gives a role;
// a role that it gives holds from now on. ErrNotFound where there is no account,
// ErrBadLogin where it is closed, ErrOtherSubject where it is another's.
func (db *DB) SubjectStaff(ctx context.Context, s Subject) (staff Staff, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+staffColumns+` FROM staff WHERE id = (SELECT staff_id FROM staff_subject WHERE issuer = $1 AND subject = $2)`, s.Issuer, s.ID)
		staff, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Staff])
		if errors.Is(err, pgx.ErrNoRows) {
			staff, err = linkSubject(ctx, tx, s)
		}
		if err != nil {
			return err
		}
		if staff.DisabledAt != nil {
			return ErrBadLogin
		}
		if s.Role == "" || s.Role == staff.Role {
			return nil
		}
		// A cookie never outlives a change of role.
		if _, err := tx.Exec(ctx, `
			WITH gone AS (DELETE FROM session WHERE staff_id = $1), d AS (UPDATE desk_user SET proved_at = NULL WHERE staff_id = $1)
			UPDATE staff SET role = $2 WHERE id = $1`, staff.ID, s.Role); err != nil {
			return fmt.Errorf("changing the role of %s: %w", staff.Username, err)
		}
		staff.Role = s.Role
		return nil
	})
	return staff, err
}

// linkSubject finds or makes the account of someone who comes for the first time.
func linkSubject(ctx context.Context, tx pgx.Tx, s Subject) (Staff, error) {
	name := normalUsername(s.Username)
	rows, _ := tx.Query(ctx, `
		SELECT `+staffColumns+` FROM staff
		WHERE ($1 <> '' AND username = $1) OR ($2 <> '' AND lower(email) = lower($2)) ORDER BY id FOR UPDATE`, name, s.Email)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Staff])
	if err != nil {
		return Staff{}, fmt.Errorf("looking for the account of a person: %w", err)
	}
	switch {
	case len(found) > 1: // two accounts with one address: it says nothing
		return Staff{}, fmt.Errorf("several accounts have that address: %w", ErrNotFound)
	case len(found) == 0 && (s.Role == "" || !usernameOK(name)):
		return Staff{}, fmt.Errorf("the account of a person: %w", ErrNotFound)
	case len(found) == 0:
		rows, _ := tx.Query(ctx, `INSERT INTO staff (username, full_name, email, role) VALUES ($1, $2, $3, $4) RETURNING `+staffColumns, name, s.FullName, s.Contact, s.Role)
		staff, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Staff])
		if err != nil {
			return Staff{}, fmt.Errorf("making the account %s: %w", name, err)
		}
		found = []Staff{staff}
	}
	tag, err := tx.Exec(ctx, `INSERT INTO staff_subject (issuer, subject, staff_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, s.Issuer, s.ID, found[0].ID)
	if err != nil {
		return Staff{}, fmt.Errorf("linking the account %s: %w", found[0].Username, err)
	}
	if tag.RowsAffected() == 0 {
		return Staff{}, ErrOtherSubject
	}
	return found[0], nil
}

// LinkedStaff returns which accounts are linked with a person of the provider.
func (db *DB) LinkedStaff(ctx context.Context, issuer string) ([]int64, error) {
	rows, _ := db.pool.Query(ctx, `SELECT staff_id FROM staff_subject WHERE issuer = $1`, issuer)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("listing linked accounts: %w", err)
	}
	return list, nil
}

// UnlinkStaff parts an account from the person of the provider, and ends its
// sessions: whoever comes by its name next is linked.
func (db *DB) UnlinkStaff(ctx context.Context, username string) error {
	return db.changeStaff(ctx, username, `
		WITH gone AS (DELETE FROM staff_subject WHERE staff_id = (SELECT id FROM staff WHERE username = $1))
		SELECT id FROM staff WHERE username = $1`)
}
