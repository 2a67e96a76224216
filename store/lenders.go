package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Lender is a library that lends to the office.
type Lender struct {
	ID        int64
	OfficeID  int64
	Symbol    string // as in Transaction.LendingLibrary
	Name      string
	Addresses []string // lower case
	Domains   []string // lower case
}

// SaveLender adds a lender, or adds addresses and domains to the one of the
// same symbol and name.
func (db *DB) SaveLender(ctx context.Context, l Lender) error {
	_, err := db.SaveLenders(ctx, []Lender{l})
	return err
}

// SaveLenders saves all of them or none, and returns how many that changed.
func (db *DB) SaveLenders(ctx context.Context, lenders []Lender) (changed int, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		changed = 0
		for _, l := range lenders {
			tag, err := tx.Exec(ctx, `
				INSERT INTO lender (office_id, symbol, name, addresses, domains) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (office_id, symbol, name) DO UPDATE SET
					addresses = ARRAY(SELECT DISTINCT unnest(lender.addresses || excluded.addresses) ORDER BY 1),
					domains = ARRAY(SELECT DISTINCT unnest(lender.domains || excluded.domains) ORDER BY 1)
				WHERE NOT (lender.addresses @> excluded.addresses AND lender.domains @> excluded.domains)`,
				l.OfficeID, cleanText(l.Symbol), cleanText(l.Name), lowerAll(l.Addresses), lowerAll(l.Domains))
			if err != nil {
				return fmt.Errorf("saving the lender %s %s: %w", l.Symbol, l.Name, err)
			}
			changed += int(tag.RowsAffected())
		}
		return nil
	})
	return changed, err
}

// Lenders lists the office's lenders by symbol and name.
func (db *DB) Lenders(ctx context.Context, officeID int64) ([]Lender, error) {
	return db.lenders(ctx, `
		SELECT id, office_id, symbol, name, addresses, domains FROM lender
		WHERE office_id = $1 ORDER BY symbol, name`, officeID)
}

// LendersByAddress returns the lenders that write from one of the addresses or
// whose domain one of them has.
func (db *DB) LendersByAddress(ctx context.Context, officeID int64, addresses ...string) ([]Lender, error) {
	addresses = lowerAll(addresses)
	var domains []string
	for _, a := range addresses {
		_, domain, _ := strings.Cut(a, "@")
		for domain != "" { // a subdomain belongs to its domain
			domains = append(domains, domain)
			_, domain, _ = strings.Cut(domain, ".")
		}
	}
	return db.lenders(ctx, `
		SELECT id, office_id, symbol, name, addresses, domains FROM lender
		WHERE office_id = $1 AND (addresses && $2 OR domains && $3) ORDER BY id`, officeID, addresses, domains)
}

func (db *DB) lenders(ctx context.Context, sql string, args ...any) ([]Lender, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading lenders: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Lender])
}

func lowerAll(in []string) []string {
	out := []string{} // never NULL
	for _, s := range in {
		if s = strings.ToLower(cleanText(s)); s != "" {
			out = append(out, s)
		}
	}
	return out
}
