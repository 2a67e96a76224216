package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SignIn is the sign-in with which an office's mailbox is entered.
type SignIn struct {
	OfficeID int64
	Token    []byte     // the refresh token, encrypted: the key is not in the database
	EndsAt   *time.Time // when it runs out, as the provider said; nil: it did not say
	UsedAt   time.Time  // when it last brought an access token
}

const readSignIn = `SELECT office_id, token, ends_at, used_at FROM sign_in WHERE office_id = $1`

// ReadSignIn returns the office's sign-in, or ErrNotFound where nobody has signed in.
func (db *DB) ReadSignIn(ctx context.Context, officeID int64) (SignIn, error) {
	rows, err := db.pool.Query(ctx, readSignIn, officeID)
	if err != nil {
		return SignIn{}, fmt.Errorf("reading the sign-in: %w", err)
	}
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[SignIn]))
}

// SaveSignIn keeps a new sign-in in place of the office's old one.
func (db *DB) SaveSignIn(ctx context.Context, s SignIn) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO sign_in (office_id, token, ends_at, used_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (office_id) DO UPDATE SET token = excluded.token, ends_at = excluded.ends_at, used_at = excluded.used_at`,
		s.OfficeID, s.Token, s.EndsAt, s.UsedAt)
	if err != nil {
		return fmt.Errorf("keeping the sign-in: %w", err)
	}
	return nil
}

// UseSignIn calls exchange with the office's sign-in and keeps what it returns
// before it returns. The row stays locked meanwhile: of two daemons one waits,
// and then uses the token that the other got. ErrNotFound where nobody has
// signed in.
func (db *DB) UseSignIn(ctx context.Context, officeID int64, exchange func(SignIn) (SignIn, error)) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, readSignIn+` FOR UPDATE`, officeID)
		if err != nil {
			return fmt.Errorf("locking the sign-in: %w", err)
		}
		s, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[SignIn]))
		if err != nil {
			return err
		}
		if s, err = exchange(s); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE sign_in SET token = $2, ends_at = $3, used_at = $4 WHERE office_id = $1`, officeID, s.Token, s.EndsAt, s.UsedAt)
		if err != nil {
			return fmt.Errorf("keeping the sign-in: %w", err)
		}
		return nil
	})
}
