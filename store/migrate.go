package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is the key of the advisory lock under which one process at a
// time migrates; the number means nothing.
const migrationLock = 4211902

// ErrOtherSchema is returned where a database was migrated by another illmail
// than this: a newer one, or one whose steps differ.
var ErrOtherSchema = errors.New("the database is another illmail's")

type migration struct {
	version  int
	name     string // "0001_init"
	sql      string
	checksum string // hex sha256 of sql
}

// readMigrations returns dir's files 0001_name.sql, 0002_name.sql, … in order.
func readMigrations(fsys fs.FS, dir string) ([]migration, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("listing the migrations: %w", err)
	}
	var ms []migration
	for _, e := range entries { // sorted by name
		name := strings.TrimSuffix(e.Name(), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(ms)+1 {
			return nil, fmt.Errorf("migration %q is out of order; number %04d is next", e.Name(), len(ms)+1)
		}
		b, err := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading migration %s: %w", name, err)
		}
		sum := sha256.Sum256(b)
		ms = append(ms, migration{version, name, string(b), hex.EncodeToString(sum[:])})
	}
	return ms, nil
}

// embeddedMigrations are those of this program; that they read well is tested.
func embeddedMigrations() []migration {
	ms, err := readMigrations(migrationFiles, "migrations")
	if err != nil {
		panic(err)
	}
	return ms
}

// SchemaVersion is the schema version that this program writes.
func SchemaVersion() int { return len(embeddedMigrations()) }

// SchemaChecksum names the exact text of all migrations, in hexadecimal.
func SchemaChecksum() string {
	h := sha256.New()
	for _, m := range embeddedMigrations() {
		h.Write([]byte(m.checksum))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Migrate brings the schema up to date: forward only, each step in its own
// transaction, one process at a time. It refuses a schema that is newer than
// this program, and one whose applied steps differ from those embedded here.
func (db *DB) Migrate(ctx context.Context) error {
	return db.migrate(ctx, embeddedMigrations())
}

func (db *DB) migrate(ctx context.Context, ms []migration) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to migrate: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return fmt.Errorf("waiting for another migration: %w", err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)

	_, err = conn.Exec(ctx, `
		CREATE TABLE IF NOT EXISTS schema_migration (
			version    int PRIMARY KEY,
			name       text NOT NULL,
			checksum   text NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT now()
		)`)
	if err != nil {
		return fmt.Errorf("creating schema_migration: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT version, name, checksum FROM schema_migration ORDER BY version`)
	if err != nil {
		return fmt.Errorf("reading schema_migration: %w", err)
	}
	applied, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m migration, err error) {
		err = row.Scan(&m.version, &m.name, &m.checksum)
		return m, err
	})
	if err != nil {
		return fmt.Errorf("reading schema_migration: %w", err)
	}
	if n := len(applied); n > 0 && applied[n-1].version > len(ms) {
		return fmt.Errorf("%w: it has schema version %d and this illmail knows only %d; run the newer illmail that migrated it", ErrOtherSchema, applied[n-1].version, len(ms))
	}
	for i, m := range applied {
		switch {
		case m.version != i+1:
			return fmt.Errorf("the database lacks schema version %d although %d was applied; restore it from a backup", i+1, m.version)
		case m.checksum != ms[i].checksum:
			return fmt.Errorf("%w: schema step %s was changed after it was applied to this database; run an illmail that has the original, or start with an empty database", ErrOtherSchema, m.name)
		}
	}
	for _, m := range ms[len(applied):] {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, m.sql); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)`,
				m.version, m.name, m.checksum)
			return err
		})
		if err != nil {
			return fmt.Errorf("applying schema step %s: %w", m.name, err)
		}
	}
	return nil
}
