package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// FilingUpdate is what the mail of a system says of a request.
type FilingUpdate struct {
	Kind     string // filled, unfilled, conditional, shipped, recalled, file_ready, renewal_ok, renewal_denied
	Lender   string
	Reason   string
	Due      Date
	URL      string
	Password string
	Expires  Date
	Trusted  bool // accepted by itself
}

// Proposal is an update that waits for staff, or what became of it. The
// password stays where it is needed.
type Proposal struct {
	ID                int64
	MessageID         int64
	TransactionID     int64
	TransactionNumber int64
	Kind              string
	Lender            string
	Reason            string
	DueDate           Date
	HasFile           bool // it brought a link
	ExpiresOn         Date
	State             string // open, accepted, dismissed
	DecidedBy         string
	DecidedAt         *time.Time
}

// writeProposal keeps what the mail says of the one request that it is filed
// on; a mail that is filed on several proposes nothing.
func (fl *filer) writeProposal(ctx context.Context) error {
	u := fl.f.Update
	if u == nil && !fl.f.PrintOnly {
		return nil
	}
	rows, err := fl.tx.Query(ctx, `SELECT transaction_id FROM message_match WHERE message_id = $1 AND decided`, fl.f.ID)
	if err != nil {
		return fmt.Errorf("reading on what the message is filed: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("reading on what the message is filed: %w", err)
	}
	if len(ids) != 1 {
		return nil
	}
	if fl.f.PrintOnly {
		if err := setPrintOnly(ctx, fl.tx, fl.officeID, ids[0], true, "intake", "a licence line in the mail"); err != nil {
			return err
		}
	}
	if u == nil {
		return nil
	}
	var id int64
	err = fl.tx.QueryRow(ctx, `
		INSERT INTO proposal (office_id, message_id, transaction_id, kind, lender, reason, due_date, url, password, expires_on)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id`,
		fl.officeID, fl.f.ID, ids[0], u.Kind, cleanText(u.Lender), cleanText(u.Reason), u.Due, cleanText(u.URL), cleanText(u.Password), u.Expires).Scan(&id)
	if err != nil {
		return fmt.Errorf("keeping what the mail says of the request: %w", err)
	}
	if u.Trusted {
		return decideProposal(ctx, fl.tx, id, true, "intake")
	}
	return nil
}

// printOnlyEvent is what the event says; the ILL system hears of it by that, and
// the index event_print_only repeats it.
const printOnlyEvent = "print only: no electronic delivery"

// setPrintOnly says whether a request may be delivered on paper only.
func setPrintOnly(ctx context.Context, tx pgx.Tx, officeID, transactionID int64, only bool, actor, why string) error {
	tag, err := tx.Exec(ctx, `UPDATE transaction SET print_only = $2 WHERE id = $1 AND print_only <> $2`, transactionID, only)
	if err != nil {
		return fmt.Errorf("noting a licence: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	what := printOnlyEvent
	if !only {
		what = "electronic delivery is allowed"
	}
	if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor, Subject: "transaction", SubjectID: transactionID, What: what, Why: why}); err != nil {
		return err
	}
	return notify(ctx, tx, NotifyTransactions, officeID)
}

// AllowElectronic takes back that a request may be delivered on paper only.
func (db *DB) AllowElectronic(ctx context.Context, transactionID int64, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var officeID int64
		err := tx.QueryRow(ctx, `SELECT office_id FROM transaction WHERE id = $1`, transactionID).Scan(&officeID)
		if _, err = one(officeID, err); err != nil {
			return fmt.Errorf("request %d: %w", transactionID, err)
		}
		return setPrintOnly(ctx, tx, officeID, transactionID, false, actor.Name, "")
	})
}

// Proposals lists what the mail of a conversation says of requests, oldest first.
func (db *DB) Proposals(ctx context.Context, conversationID int64) ([]Proposal, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT p.id, p.message_id, p.transaction_id, t.transaction_number, p.kind, p.lender, p.reason, p.due_date, p.url <> '' AS has_file,
			p.expires_on, p.state, p.decided_by, p.decided_at
		FROM proposal p JOIN message m ON m.id = p.message_id JOIN transaction t ON t.id = p.transaction_id
		WHERE m.conversation_id = $1 ORDER BY p.id`, conversationID)
	if err != nil {
		return nil, fmt.Errorf("reading proposals: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Proposal])
}

// DecideProposal accepts or dismisses a proposal of the conversation.
// ErrConflict where someone did already.
func (db *DB) DecideProposal(ctx context.Context, conversationID, id int64, accept bool, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		officeID, err := lockConversation(ctx, tx, conversationID)
		if err != nil {
			return err
		}
		var there bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM proposal p JOIN message m ON m.id = p.message_id WHERE p.id = $1 AND m.conversation_id = $2)`, id, conversationID).Scan(&there)
		if err != nil {
			return fmt.Errorf("reading a proposal: %w", err)
		}
		if !there {
			return fmt.Errorf("proposal %d: %w", id, ErrNotFound)
		}
		if err := decideProposal(ctx, tx, id, accept, actor.Name); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}

// decideProposal takes over into the request what it says. The ILL system's own
// words, the status, stay: it says itself when they change.
func decideProposal(ctx context.Context, tx pgx.Tx, id int64, accept bool, by string) error {
	state := "dismissed"
	if accept {
		state = "accepted"
	}
	var officeID, transactionID int64
	var kind, reason string
	err := tx.QueryRow(ctx, `
		UPDATE proposal SET state = $2, decided_by = $3, decided_at = now() WHERE id = $1 AND state = 'open'
		RETURNING office_id, transaction_id, kind, reason`, id, state, by).Scan(&officeID, &transactionID, &kind, &reason)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("proposal %d: %w", id, ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deciding on a proposal: %w", err)
	}
	if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: by, Subject: "transaction", SubjectID: transactionID, What: kind + " " + state, Why: reason}); err != nil {
		return err
	}
	if !accept {
		return nil
	}
	// Only forward: a late mail does not take an item out of the patron's hands,
	// nor bring back a due date from before a renewal.
	_, err = tx.Exec(ctx, `
		UPDATE transaction t SET
			state = CASE
				WHEN p.kind IN ('shipped', 'filled') AND t.state IN ('open', 'sent') THEN 'in_transit'
				WHEN p.kind = 'recalled' AND t.state = 'on_loan' THEN 'in_hands'
				WHEN p.kind = 'renewal_ok' AND t.state = 'in_hands' AND p.due_date > t.due_date THEN 'on_loan'
				ELSE t.state END,
			due_date = CASE
				WHEN p.kind = 'shipped' AND t.state IN ('open', 'sent', 'in_transit') OR p.kind = 'recalled' THEN coalesce(p.due_date, t.due_date)
				WHEN p.kind = 'renewal_ok' THEN greatest(p.due_date, t.due_date)
				ELSE t.due_date END,
			lending_library = CASE WHEN p.kind IN ('shipped', 'filled', 'file_ready') AND t.lending_library = '' THEN p.lender ELSE t.lending_library END,
			delivery_url = CASE WHEN p.url <> '' AND t.delivery_url = '' THEN p.url ELSE t.delivery_url END,
			delivery_password = CASE WHEN p.url <> '' AND t.delivery_url = '' THEN p.password ELSE t.delivery_password END,
			refreshed_at = now()
		FROM proposal p WHERE p.id = $1 AND t.id = p.transaction_id`, id)
	if err != nil {
		return fmt.Errorf("taking over what a mail says: %w", err)
	}
	if err := notify(ctx, tx, NotifyTransactions, officeID); err != nil {
		return err
	}
	return notify(ctx, tx, NotifyWriteBacks, officeID)
}
