package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Role is what a staff member may do; each role may do what those before it may.
type Role string

// The roles, lowest first.
const (
	RoleStudent    Role = "student"    // drafts, and sends prepared templates unedited
	RoleStaff      Role = "staff"      // answers, bulk actions, notices of the day
	RoleSupervisor Role = "supervisor" // approves batches and template versions, pauses sending
	RoleAdmin      Role = "admin"      // staff accounts
)

var roleRank = map[Role]int{RoleStudent: 1, RoleStaff: 2, RoleSupervisor: 3, RoleAdmin: 4}

// Valid reports whether r is one of the four roles.
func (r Role) Valid() bool { return roleRank[r] > 0 }

// AtLeast reports whether r may do what least may.
func (r Role) AtLeast(least Role) bool { return r.Valid() && roleRank[r] >= roleRank[least] }

// Staff is an account of someone who works in the office.
type Staff struct {
	ID         int64
	Username   string // lower case
	FullName   string
	Email      string
	Role       Role
	DisabledAt *time.Time // since when the account may not sign in; nil: it may
	CreatedAt  time.Time
}

// Name is how the pages call the person.
func (s Staff) Name() string {
	if s.FullName != "" {
		return s.FullName
	}
	return s.Username
}

const staffColumns = `id, username, full_name, email, role, disabled_at, created_at`

// ErrExists says that a row of that name is there already.
var ErrExists = errors.New("exists already")

// ErrBadAccount says that an account cannot be like this.
var ErrBadAccount = errors.New("this account cannot be made")

// ErrBadLogin says that the name or the password is wrong, or the account disabled.
var ErrBadLogin = errors.New("the username or the password is wrong")

// ErrTooManyLogins says that too many wrong passwords came lately for that
// name; even the right one is refused for some minutes.
var ErrTooManyLogins = errors.New("too many wrong passwords; try again in fifteen minutes")

// AddStaff creates an account; an empty password makes one that cannot sign in
// until [DB.SetPassword]. ErrExists where the username is taken.
func (db *DB) AddStaff(ctx context.Context, s Staff, password string) (Staff, error) {
	s.Username = normalUsername(s.Username)
	switch {
	case !usernameOK(s.Username):
		return Staff{}, fmt.Errorf("%w: %q is no username, use letters, digits, dots and hyphens", ErrBadAccount, s.Username)
	case !s.Role.Valid():
		return Staff{}, fmt.Errorf("%w: %q is no role, use student, staff, supervisor or admin", ErrBadAccount, s.Role)
	}
	hash := ""
	if password != "" {
		h, err := HashPassword(password)
		if err != nil {
			return Staff{}, err
		}
		hash = h
	}
	rows, _ := db.pool.Query(ctx, `
		INSERT INTO staff (username, full_name, email, role, password_hash) VALUES ($1, $2, $3, $4, $5)
		RETURNING `+staffColumns, s.Username, s.FullName, s.Email, s.Role, hash)
	out, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Staff])
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == "23505" {
		return Staff{}, fmt.Errorf("the account %s: %w", s.Username, ErrExists)
	}
	if err != nil {
		return Staff{}, fmt.Errorf("adding the account %s: %w", s.Username, err)
	}
	return out, nil
}

// ListStaff returns all accounts by username, disabled ones too.
func (db *DB) ListStaff(ctx context.Context) ([]Staff, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+staffColumns+` FROM staff ORDER BY username`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Staff])
	if err != nil {
		return nil, fmt.Errorf("listing the staff accounts: %w", err)
	}
	return list, nil
}

// StaffByUsername returns the account of that name, or ErrNotFound.
func (db *DB) StaffByUsername(ctx context.Context, username string) (Staff, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+staffColumns+` FROM staff WHERE username = $1`, normalUsername(username))
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Staff]))
}

// SetPassword replaces the password and ends every session of the account.
func (db *DB) SetPassword(ctx context.Context, username, password string) error {
	hash, err := HashPassword(password)
	if err != nil {
		return err
	}
	return db.changeStaff(ctx, username, `UPDATE staff SET password_hash = $2 WHERE username = $1 RETURNING id`, hash)
}

// SetRole changes what the account may do, and ends its sessions.
func (db *DB) SetRole(ctx context.Context, username string, role Role) error {
	if !role.Valid() {
		return fmt.Errorf("%w: %q is no role, use student, staff, supervisor or admin", ErrBadAccount, role)
	}
	return db.changeStaff(ctx, username, `UPDATE staff SET role = $2 WHERE username = $1 RETURNING id`, role)
}

// DisableStaff shuts the account and ends its sessions; what the person wrote stays.
func (db *DB) DisableStaff(ctx context.Context, username string, now time.Time) error {
	return db.changeStaff(ctx, username,
		`UPDATE staff SET disabled_at = coalesce(disabled_at, $2) WHERE username = $1 RETURNING id`, now)
}

// EnableStaff opens a disabled account again.
func (db *DB) EnableStaff(ctx context.Context, username string) error {
	return db.changeStaff(ctx, username, `UPDATE staff SET disabled_at = NULL WHERE username = $1 RETURNING id`)
}

// changeStaff runs an update that returns the id, and ends the sessions of
// that account in the same transaction: an old cookie never outlives a change
// of password, role or access, nor does a PIN do any more.
func (db *DB) changeStaff(ctx context.Context, username, update string, args ...any) error {
	username = normalUsername(username)
	return db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, update, append([]any{username}, args...)...)
		id, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64]))
		if err != nil {
			return fmt.Errorf("changing the account %s: %w", username, err)
		}
		if _, err := tx.Exec(ctx, `WITH d AS (UPDATE desk_user SET proved_at = NULL WHERE staff_id = $1) DELETE FROM session WHERE staff_id = $1`, id); err != nil {
			return fmt.Errorf("ending the sessions of %s: %w", username, err)
		}
		return nil
	})
}

func usernameOK(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\r\n") }

func normalUsername(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
