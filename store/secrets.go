package store

import (
	"context"
	"crypto/rand"
	"fmt"
)

// Secret returns the 32 random bytes of that name, made when first asked for.
// Every process of an installation gets the same.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) // never fails
	var value []byte
	// DO UPDATE, so that of two processes that ask at once both read the winner's.
	err := db.pool.QueryRow(ctx, `
		INSERT INTO secret (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET name = excluded.name
		RETURNING value`, name, fresh).Scan(&value)
	if err != nil {
		return nil, fmt.Errorf("reading the secret %s: %w", name, err)
	}
	return value, nil
}
