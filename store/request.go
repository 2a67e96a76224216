package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RequestView is a request with its office and patron, as its page shows it.
type RequestView struct {
	Transaction
	Office string // code
}

// RequestPage is all that the records hold about one request.
type RequestPage struct {
	Request       RequestView
	Patron        Patron
	Addresses     []string // other addresses of the patron, learned
	Others        []TransactionRef
	Conversations []RequestConversation
	Notices       []ToldNotice // oldest first
	Events        []StoryEvent
}

// RequestConversation is a conversation filed on a request.
type RequestConversation struct {
	ID        int64
	Subject   string
	State     string
	Intent    string
	Kind      string
	UpdatedAt time.Time
}

const requestColumns = `t.id, t.office_id, t.transaction_number, t.patron_id, t.ill_number, t.rapid_number, t.request_type, t.process_type, t.status, t.state,
	t.title, t.article_title, t.author, t.issn_isbn, t.doi, t.due_date, t.creation_date, t.status_date, t.received_date, t.returned_date,
	t.not_wanted_after, t.publication_year, t.renewals_allowed, t.lending_library, t.pickup_location, t.cancel_reason, t.system_id,
	t.last_overdue_notice_sent, t.delivery_url, t.delivery_password, t.print_only, t.closed_at, t.refreshed_at, o.code AS office`

// ReadRequest returns a request with its patron, mail and notices, or ErrNotFound.
func (db *DB) ReadRequest(ctx context.Context, office string, number int64) (*RequestPage, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+requestColumns+` FROM transaction t JOIN office o ON o.id = t.office_id
		WHERE o.code = $1 AND t.transaction_number = $2`, office, number)
	req, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[RequestView]))
	if err != nil {
		return nil, fmt.Errorf("reading request %d of %s: %w", number, office, err)
	}
	page := &RequestPage{Request: req}
	b := &pgx.Batch{}
	queue(b, &page.Conversations, `
		SELECT c.id, c.subject, coalesce(q.state, '') AS state, coalesce(q.intent, '') AS intent, coalesce(q.kind, '') AS kind, coalesce(q.updated_at, c.created_at) AS updated_at
		FROM conversation c LEFT JOIN queue_item q ON q.conversation_id = c.id
		WHERE c.id IN (SELECT conversation_id FROM conversation_filed WHERE transaction_id = $1)
		ORDER BY updated_at DESC`, req.ID)
	var answers []NoticeAnswer
	queue(b, &page.Notices, toldSQL, req.ID)
	queue(b, &answers, answersSQL, req.ID)
	queue(b, &page.Events, `SELECT id, at, actor, subject, what, why FROM event WHERE subject = 'transaction' AND subject_id = $1 ORDER BY id`, req.ID)
	if err := db.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("reading request %d of %s: %w", number, office, err)
	}
	for i := range page.Notices {
		for _, a := range answers {
			if n := &page.Notices[i]; n.OutboxID != nil && *n.OutboxID == a.OutboxID {
				n.Answers = append(n.Answers, a)
			}
		}
	}
	patron, err := db.ReadPatronPage(ctx, req.PatronID)
	if err != nil {
		return nil, err
	}
	page.Patron, page.Addresses = patron.Patron, patron.Addresses
	for _, r := range patron.Requests {
		if r.ID != req.ID {
			page.Others = append(page.Others, r)
		}
	}
	return page, nil
}

// ReadRequests returns those requests in the order of their numbers.
func (db *DB) ReadRequests(ctx context.Context, ids []int64) ([]RequestView, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+requestColumns+` FROM transaction t JOIN office o ON o.id = t.office_id
		WHERE t.id = ANY ($1) ORDER BY t.transaction_number`, ids)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[RequestView])
	if err != nil {
		return nil, fmt.Errorf("reading requests: %w", err)
	}
	return list, nil
}

// PatronPage is a patron with the requests that still matter.
type PatronPage struct {
	Patron    Patron
	Addresses []string // other addresses, learned
	Requests  []TransactionRef
}

// ReadPatronPage returns a patron with up to 50 requests, live ones first, or ErrNotFound.
func (db *DB) ReadPatronPage(ctx context.Context, patronID int64) (*PatronPage, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT id, office_id, username, first_name, last_name, email, language, patron_status, department, site, account_ends, alternate_email,
		       undeliverable_at, undeliverable_why, away_until FROM patron WHERE id = $1`, patronID)
	p, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Patron]))
	if err != nil {
		return nil, fmt.Errorf("reading patron %d: %w", patronID, err)
	}
	page := &PatronPage{Patron: p}
	rows, _ = db.pool.Query(ctx, `SELECT address FROM patron_address WHERE patron_id = $1 ORDER BY address`, patronID)
	if page.Addresses, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("reading the addresses of patron %d: %w", patronID, err)
	}
	rows, _ = db.pool.Query(ctx, transactionRef+`
		WHERE t.patron_id = $1
		ORDER BY (t.state IN ('finished', 'returned', 'delivered', 'cancelled_staff', 'cancelled_patron')), t.due_date, t.transaction_number DESC LIMIT 50`, patronID)
	if page.Requests, err = pgx.CollectRows(rows, pgx.RowToStructByName[TransactionRef]); err != nil {
		return nil, fmt.Errorf("reading the requests of patron %d: %w", patronID, err)
	}
	return page, nil
}
