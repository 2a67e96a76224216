package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const transactionColumns = `id, office_id, transaction_number, patron_id, ill_number, rapid_number, request_type, process_type,
	status, state, title, article_title, author, issn_isbn, doi, due_date, creation_date, status_date, received_date,
	returned_date, not_wanted_after, publication_year, renewals_allowed, lending_library, pickup_location, cancel_reason,
	system_id, last_overdue_notice_sent, delivery_url, delivery_password, print_only, closed_at, refreshed_at`

// settled are the states after which nothing of a request is awaited; the index
// transaction_open repeats them.
const settled = `('finished', 'cancelled_staff', 'cancelled_patron', 'delivered', 'returned')`

// TransactionByNumber returns the office's transaction of that number, or ErrNotFound.
func (db *DB) TransactionByNumber(ctx context.Context, officeID, number int64) (Transaction, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+transactionColumns+` FROM transaction WHERE office_id = $1 AND transaction_number = $2`, officeID, number)
	if err != nil {
		return Transaction{}, fmt.Errorf("reading transaction %d: %w", number, err)
	}
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Transaction]))
}

// TransactionsByNumber returns the office's transactions of those numbers that
// there are, by number.
func (db *DB) TransactionsByNumber(ctx context.Context, officeID int64, numbers []int64) ([]Transaction, error) {
	return db.transactions(ctx, `
		SELECT `+transactionColumns+` FROM transaction
		WHERE office_id = $1 AND transaction_number = ANY($2) ORDER BY transaction_number`, officeID, numbers)
}

// TransactionsByID returns the transactions of those ids that there are, by number.
func (db *DB) TransactionsByID(ctx context.Context, ids []int64) ([]Transaction, error) {
	return db.transactions(ctx, `
		SELECT `+transactionColumns+` FROM transaction WHERE id = ANY($1) ORDER BY transaction_number`, ids)
}

// TransactionsOfPatron returns the patron's transactions, newest first: at most
// limit, and of what is open at most another limit that is older than those.
func (db *DB) TransactionsOfPatron(ctx context.Context, patronID int64, limit int) ([]Transaction, error) {
	return db.transactions(ctx, `
		(SELECT `+transactionColumns+` FROM transaction WHERE patron_id = $1
		 ORDER BY transaction_number DESC LIMIT $2)
		UNION
		(SELECT `+transactionColumns+` FROM transaction WHERE patron_id = $1 AND closed_at IS NULL AND state NOT IN `+settled+`
		 ORDER BY transaction_number DESC LIMIT $2)
		ORDER BY transaction_number DESC`, patronID, limit)
}

// StatusCount is a status of the ILL system and how many requests have it.
type StatusCount struct {
	Status string
	Count  int
}

// UnknownStatuses lists the statuses of the office's requests that have no
// meaning in the configuration, the most frequent first.
func (db *DB) UnknownStatuses(ctx context.Context, officeID int64) ([]StatusCount, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT status, count(*) AS count FROM transaction WHERE office_id = $1 AND state = 'unknown' AND closed_at IS NULL
		GROUP BY status ORDER BY count(*) DESC, status`, officeID)
	if err != nil {
		return nil, fmt.Errorf("reading statuses without a meaning: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[StatusCount])
}

// StatusesSeen returns those of the statuses, which are compared without regard
// to case, that some request of the office has.
func (db *DB) StatusesSeen(ctx context.Context, officeID int64, statuses []string) ([]string, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT s FROM unnest($2::text[]) s
		WHERE EXISTS (SELECT FROM transaction WHERE office_id = $1 AND lower(status) = lower(btrim(s)))`, officeID, statuses)
	if err != nil {
		return nil, fmt.Errorf("looking for statuses: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (db *DB) transactions(ctx context.Context, sql string, args ...any) ([]Transaction, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading transactions: %w", err)
	}
	ts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Transaction])
	if err != nil {
		return nil, fmt.Errorf("reading transactions: %w", err)
	}
	return ts, nil
}
