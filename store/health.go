package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Health is how one part of an office is.
type Health struct {
	OfficeID  int64
	Part      string // imap:INBOX, smtp, sent, source, illiad, notices
	OK        bool
	Detail    string    // one sentence, with what to do
	Since     time.Time // when OK last changed
	CheckedAt time.Time
}

// HealthILLiad is the part that says whether the office's ILLiad can be asked.
const HealthILLiad = "illiad"

// SetHealth records how a part is; the time since counts from the last change.
func (db *DB) SetHealth(ctx context.Context, officeID int64, part string, ok bool, detail string) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var changed bool
		err := tx.QueryRow(ctx, `
			WITH old AS (SELECT ok, detail FROM health WHERE office_id = $1 AND part = $2)
			INSERT INTO health (office_id, part, ok, detail) VALUES ($1, $2, $3, $4)
			ON CONFLICT (office_id, part) DO UPDATE SET ok = excluded.ok, detail = excluded.detail, checked_at = now(),
				since = CASE WHEN health.ok = excluded.ok THEN health.since ELSE now() END
			RETURNING NOT EXISTS (SELECT FROM old WHERE ok = $3 AND detail = $4)`,
			officeID, part, ok, cleanText(detail)).Scan(&changed)
		if err != nil {
			return fmt.Errorf("recording the health of %s: %w", part, err)
		}
		if !changed {
			return nil
		}
		return notify(ctx, tx, NotifyOffice, officeID)
	})
}

// ForgetHealth removes parts that the office no longer has.
func (db *DB) ForgetHealth(ctx context.Context, officeID int64, parts ...string) error {
	if _, err := db.pool.Exec(ctx, `DELETE FROM health WHERE office_id = $1 AND part = ANY ($2)`, officeID, parts); err != nil {
		return fmt.Errorf("forgetting the health of what there is no more: %w", err)
	}
	return nil
}

// Health lists how the parts of an office are; 0 means all offices.
func (db *DB) Health(ctx context.Context, officeID int64) ([]Health, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT office_id, part, ok, detail, since, checked_at
		FROM health WHERE $1 = 0 OR office_id = $1 ORDER BY office_id, part`, officeID)
	if err != nil {
		return nil, fmt.Errorf("reading health: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Health])
}
