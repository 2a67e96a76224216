package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx" of database/sql, for an ILL system's own Postgres
)

// ErrNotFound says that no row answers to what was asked.
var ErrNotFound = errors.New("not found")

// ErrConflict says that the row changed since it was read, so that the action
// no longer fits; nothing was changed.
var ErrConflict = errors.New("changed meanwhile")

// DB is the one door to Postgres. It is safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	titles titleWords
}

// Open connects to the database at url (a postgres:// URL or a key=value
// string). It does not migrate: see [DB.Migrate].
func Open(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	if cfg.MaxConns < 16 {
		cfg.MaxConns = 16
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "illmail"
	cfg.ConnConfig.RuntimeParams["jit"] = "off" // small tables never analysed turn 90 ms into 840 ms with it
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return &DB{pool: pool}, nil
}

// Close waits for queries under way and closes all connections.
func (db *DB) Close() { db.pool.Close() }

// Ping asks the database for an answer.
func (db *DB) Ping(ctx context.Context) error { return db.pool.Ping(ctx) }

// inTx runs fn in one transaction: committed when fn returns nil.
func (db *DB) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db.pool, fn)
}

// one turns "no rows" into ErrNotFound.
func one[T any](v T, err error) (T, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return v, ErrNotFound
	}
	return v, err
}
