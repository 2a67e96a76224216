package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SourceFileHash returns the SHA-256 of the file of that name when it was last
// read to its end; nil where it never was.
func (db *DB) SourceFileHash(ctx context.Context, officeID int64, name string) ([]byte, error) {
	var sum []byte
	err := db.pool.QueryRow(ctx, `SELECT sha256 FROM source_file WHERE office_id = $1 AND name = $2`, officeID, name).Scan(&sum)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("looking whether %s was read: %w", name, err)
	}
	return sum, nil
}

// SetSourceFileHash remembers that the file was read.
func (db *DB) SetSourceFileHash(ctx context.Context, officeID int64, name string, sum []byte) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO source_file (office_id, name, sha256) VALUES ($1, $2, $3)
		ON CONFLICT (office_id, name) DO UPDATE SET sha256 = excluded.sha256, read_at = now()`, officeID, name, sum)
	if err != nil {
		return fmt.Errorf("remembering that %s was read: %w", name, err)
	}
	return nil
}
