package store

import (
	"context"
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5"
)

// MigrateFrom migrates with the steps of another folder.
func MigrateFrom(ctx context.Context, db *DB, fsys fs.FS, dir string) error {
	ms, err := readMigrations(fsys, dir)
	if err != nil {
		return err
	}
	return db.migrate(ctx, ms)
}

// AppliedMigrations lists the steps that the database has.
func AppliedMigrations(t *testing.T, db *DB) []string {
	t.Helper()
	rows, err := db.pool.Query(t.Context(), `SELECT name FROM schema_migration ORDER BY version`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}
