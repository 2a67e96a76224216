package store

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// NewConversation is one that begins with a mail of ours.
type NewConversation struct {
	OfficeID  int64
	ToKind    string // patron, partner, vendor or colleague
	ToAddr    string // may be filled in later
	Subject   string
	PatronID  int64   // to whom, where it is a patron; else 0
	Requests  []int64 // ids of the transactions that it is about
	Origin    int64   // the conversation out of which it is written; 0: none
	Forwarded bool    // with a message of it
}

// BeginConversation opens a conversation in which staff write first. It is on
// the list as its writer's, until the mail is sent.
func (db *DB) BeginConversation(ctx context.Context, n NewConversation, actor Actor) (int64, error) {
	var id int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO conversation (office_id, subject, patron_id, to_kind, to_addr) VALUES ($1, $2, nullif($3, 0), $4, $5) RETURNING id`,
			n.OfficeID, oneLine(n.Subject), n.PatronID, n.ToKind, oneLine(n.ToAddr)).Scan(&id)
		if err != nil {
			return fmt.Errorf("opening a conversation: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO conversation_request (conversation_id, transaction_id) SELECT $1, id FROM transaction WHERE id = ANY ($2) AND office_id = $3`,
			id, orEmpty(n.Requests), n.OfficeID); err != nil {
			return fmt.Errorf("noting what a conversation is about: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO queue_item (conversation_id, office_id, state, kind, assigned_to, waiting_since, note) VALUES ($1, $2, 'open', $3, nullif($4, 0), now(), 'not sent yet')`,
			id, n.OfficeID, n.ToKind, actor.StaffID); err != nil {
			return fmt.Errorf("putting a conversation on the list: %w", err)
		}
		events := []Event{{SubjectID: id, What: "begun"}}
		if n.Origin != 0 {
			what := "wrote"
			if n.Forwarded {
				what = "forwarded"
			}
			to := cmp.Or(n.ToAddr, n.ToKind)
			events = append(events, Event{SubjectID: n.Origin, What: fmt.Sprintf("%s to %s in conversation %d", what, to, id)})
			events[0].Why = fmt.Sprintf("from conversation %d", n.Origin)
		}
		for _, e := range events {
			e.OfficeID, e.Actor, e.Subject = n.OfficeID, actor.Name, "conversation"
			if err := addEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyQueue, n.OfficeID)
	})
	return id, err
}

// PatronWords are what patrons wrote about these requests, newest first and
// bounded: words that must not go to others.
func (db *DB) PatronWords(ctx context.Context, transactionIDs []int64) ([]string, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT new_text FROM message WHERE id IN (SELECT message_id FROM message_match WHERE transaction_id = ANY ($1) AND decided)
		  AND direction = 'in' AND kind = 'patron' AND new_text <> '' ORDER BY id DESC LIMIT 30`, transactionIDs)
	words, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("reading what patrons wrote: %w", err)
	}
	return words, nil
}
