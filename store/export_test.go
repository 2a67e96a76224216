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

// KillConnections ends all other connections to the database.
func KillConnections(t *testing.T, db *DB) {
	t.Helper()
	_, err := db.pool.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}

// RowVersions names the stored version of each patron and transaction.
func RowVersions(t *testing.T, db *DB) []string {
	t.Helper()
	rows, err := db.pool.Query(t.Context(), `
		SELECT 'patron ' || id || ' ' || xmin || ' ' || xmax FROM patron
		UNION SELECT 'transaction ' || id || ' ' || xmin || ' ' || xmax FROM transaction ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return versions
}

// Exec runs a statement, for rows that no method makes on purpose.
func Exec(t *testing.T, db *DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}
