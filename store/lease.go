package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SendingLease is the name of the lease whose holder alone submits an office's mail.
const SendingLease = "sending"

// AcquireLease takes, or keeps, the office's lease of that name until d from
// now by the database's clock. It reports false while another holds it. A
// holder name is of one process and never used again by another.
func (db *DB) AcquireLease(ctx context.Context, officeID int64, name, holder string, d time.Duration) (bool, error) {
	// One statement: of two that find the lease expired the row lock lets one in.
	tag, err := db.pool.Exec(ctx, `
		INSERT INTO lease AS l (office_id, name, holder, until) VALUES ($1, $2, $3, now() + $4::interval)
		ON CONFLICT (office_id, name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE l.holder = excluded.holder OR l.until < now()`, officeID, name, holder, d)
	if err != nil {
		return false, fmt.Errorf("taking the lease %q: %w", name, err)
	}
	return tag.RowsAffected() == 1, nil
}

// ReleaseLease gives a lease back at once; where holder no longer holds it
// nothing happens.
func (db *DB) ReleaseLease(ctx context.Context, officeID int64, name, holder string) error {
	if _, err := db.pool.Exec(ctx, `DELETE FROM lease WHERE office_id = $1 AND name = $2 AND holder = $3`, officeID, name, holder); err != nil {
		return fmt.Errorf("giving back the lease %q: %w", name, err)
	}
	return nil
}

// Lease says who holds a lease, and until when by the database's clock.
type Lease struct {
	OfficeID int64
	Name     string
	Holder   string
	Until    time.Time
}

// Leases lists the leases that are held.
func (db *DB) Leases(ctx context.Context) ([]Lease, error) {
	rows, _ := db.pool.Query(ctx, `SELECT office_id, name, holder, until FROM lease WHERE until >= now() ORDER BY office_id, name`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Lease])
	if err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	return list, nil
}
