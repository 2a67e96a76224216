package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// MatchChange is what staff say about the requests of a conversation.
type MatchChange struct {
	MessageID int64   // the message on which Add is filed; 0 is the newest that came in
	Add       []int64 // transaction numbers
	Remove    []int64 // transaction numbers, from every message of the conversation
	// LearnAddress: the sender of that message is the patron of the one added
	// request, or writes for them, and is known by that address from now on.
	LearnAddress bool
	// LearnPartner: it is the request's lender, or an ILL system.
	LearnPartner bool
}

// ChangeMatch files a conversation on other requests. ErrNotFound where a
// number is no transaction of the office.
func (db *DB) ChangeMatch(ctx context.Context, conv int64, c MatchChange, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		officeID, err := lockConversation(ctx, tx, conv)
		if err != nil {
			return err
		}
		var messageID int64
		var from, kind string
		err = tx.QueryRow(ctx, `
			SELECT id, lower(from_addr), kind FROM message WHERE conversation_id = $1 AND ($2 = 0 OR id = $2)
			ORDER BY (direction = 'in') DESC, internal_date DESC, id DESC LIMIT 1`, conv, c.MessageID).Scan(&messageID, &from, &kind)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("message %d of conversation %d: %w", c.MessageID, conv, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("reading conversation %d: %w", conv, err)
		}
		was, err := keepMatches(ctx, tx, conv)
		if err != nil {
			return err
		}
		if err := keepUndo(ctx, tx, officeID, conv, "refiled", actor, was); err != nil {
			return err
		}
		for _, tn := range c.Remove {
			tag, err := tx.Exec(ctx, `
				UPDATE message_match mm SET decided = false, decided_by = $4 FROM message m, transaction t
				WHERE m.id = mm.message_id AND m.conversation_id = $1 AND t.id = mm.transaction_id AND t.office_id = $2 AND t.transaction_number = $3 AND mm.decided`,
				conv, officeID, tn, actor.Name)
			if err != nil {
				return fmt.Errorf("taking request %d off: %w", tn, err)
			}
			if tag.RowsAffected() > 0 {
				if err := matchEvent(ctx, tx, officeID, conv, tn, actor, "taken off"); err != nil {
					return err
				}
			}
		}
		var patrons []int64
		var lender string
		for _, tn := range c.Add {
			var id, patronID int64
			err := tx.QueryRow(ctx, `SELECT id, patron_id, lending_library FROM transaction WHERE office_id = $1 AND transaction_number = $2`, officeID, tn).Scan(&id, &patronID, &lender)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("request %d: %w", tn, ErrNotFound)
			}
			if err != nil {
				return fmt.Errorf("reading request %d: %w", tn, err)
			}
			if _, err := tx.Exec(ctx, `
				INSERT INTO message_match (message_id, transaction_id, score, decided, evidence, decided_by) VALUES ($1, $2, 1, true, $3, $4)
				ON CONFLICT (message_id, transaction_id) DO UPDATE SET decided = true, decided_by = excluded.decided_by`,
				messageID, id, []string{"filed here by " + actor.Name}, actor.Name); err != nil {
				return fmt.Errorf("filing on request %d: %w", tn, err)
			}
			patrons = append(patrons, patronID)
			if err := matchEvent(ctx, tx, officeID, conv, tn, actor, "filed"); err != nil {
				return err
			}
		}
		if len(patrons) > 0 {
			if err := setPatron(ctx, tx, officeID, conv, messageID, patrons); err != nil {
				return err
			}
		}
		if c.LearnAddress && len(patrons) > 0 {
			if err := learnAddress(ctx, tx, officeID, patrons[0], from, actor); err != nil {
				return err
			}
		}
		if c.LearnPartner && len(patrons) > 0 {
			if kind == "system" || kind == "vendor" {
				lender = "" // it writes of many lenders' requests
			}
			if err := learnPartner(ctx, tx, officeID, conv, lender, from, actor); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}

func matchEvent(ctx context.Context, tx pgx.Tx, officeID, conv, tn int64, actor Actor, what string) error {
	return addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: what, Why: fmt.Sprintf("request %d", tn)})
}

// setPatron makes the requests' patron the one of the conversation, where they
// are all one patron's.
func setPatron(ctx context.Context, tx pgx.Tx, officeID, conv, messageID int64, patrons []int64) error {
	for _, p := range patrons {
		if p != patrons[0] {
			return nil
		}
	}
	_, err := tx.Exec(ctx, `
		WITH c AS (UPDATE conversation SET patron_id = $2 WHERE id = $1)
		UPDATE message SET patron_id = $2 WHERE id = $3 AND direction = 'in'`, conv, patrons[0], messageID)
	if err != nil {
		return fmt.Errorf("noting the patron: %w", err)
	}
	return nil
}

// learnAddress adds an address of a patron, unless it is registered for
// anybody or is the office's own.
func learnAddress(ctx context.Context, tx pgx.Tx, officeID, patronID int64, addr string, actor Actor) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO patron_address (patron_id, office_id, address, learned_by)
		SELECT $1, $2, $3, $4 WHERE $3 LIKE '%_@_%'
		  AND NOT EXISTS (SELECT FROM patron WHERE office_id = $2 AND lower(email) = $3)
		  AND NOT EXISTS (SELECT FROM office WHERE lower(address) = $3)
		ON CONFLICT DO NOTHING`, patronID, officeID, strings.ToLower(addr), actor.Name)
	if err != nil {
		return fmt.Errorf("learning an address: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "patron", SubjectID: patronID, What: "address learned", Why: addr})
}

// learnPartner adds an address to the directory: to the lender of that symbol,
// or to the systems where symbol is empty. It never takes a patron's or the
// office's own.
func learnPartner(ctx context.Context, tx pgx.Tx, officeID, conv int64, symbol, addr string, actor Actor) error {
	_, err := tx.Exec(ctx, `
		WITH free AS (
			SELECT $3::text AS address WHERE $3 LIKE '%_@_%'
			  AND NOT EXISTS (SELECT FROM patron WHERE office_id = $1 AND lower(email) = $3)
			  AND NOT EXISTS (SELECT FROM patron_address WHERE office_id = $1 AND address = $3)
			  AND NOT EXISTS (SELECT FROM office WHERE lower(address) = $3)
		), listed AS (
			UPDATE lender SET addresses = ARRAY(SELECT DISTINCT unnest(addresses || free.address) ORDER BY 1)
			FROM free WHERE office_id = $1 AND symbol = $2 RETURNING id
		)
		INSERT INTO lender (office_id, symbol, addresses) SELECT $1, $2, ARRAY[address] FROM free WHERE NOT EXISTS (SELECT FROM listed)
		ON CONFLICT DO NOTHING`, officeID, symbol, strings.ToLower(addr))
	if err != nil {
		return fmt.Errorf("learning the address of a library: %w", err)
	}
	return addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: "address of a library learned", Why: strings.TrimSpace(symbol + " " + addr)})
}
