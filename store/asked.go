package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// PatronToAsk is one of whom mail came, and whose requests the ILL system is to
// be asked for.
type PatronToAsk struct {
	ID       int64
	Username string
	Before   *time.Time // when it was asked before
}

// ClaimPatronsToAsk returns patrons of whom mail that needs staff was filed
// since then, and for whom the ILL system was not asked after that, and notes
// that it is being asked. Nobody else gets them for the same mail.
func (db *DB) ClaimPatronsToAsk(ctx context.Context, officeID int64, since time.Time, limit int) ([]PatronToAsk, error) {
	rows, err := db.pool.Query(ctx, `
		WITH mailed AS MATERIALIZED (
			SELECT patron_id, max(stored_at) AS at FROM message
			WHERE office_id = $1 AND stored_at >= $2 AND state = 'filed' AND direction = 'in' AND kind = 'patron' AND needs_staff AND patron_id IS NOT NULL
			GROUP BY patron_id
		), due AS (
			SELECT p.id, p.asked_at FROM patron p JOIN mailed ON mailed.patron_id = p.id
			WHERE p.asked_at IS NULL OR p.asked_at < mailed.at ORDER BY p.id LIMIT $3 FOR UPDATE OF p SKIP LOCKED
		)
		UPDATE patron p SET asked_at = now() FROM due WHERE p.id = due.id
		RETURNING p.id, p.username, due.asked_at AS before`, officeID, since, limit)
	if err != nil {
		return nil, fmt.Errorf("looking whose requests to ask for: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PatronToAsk])
	if err != nil {
		return nil, fmt.Errorf("looking whose requests to ask for: %w", err)
	}
	return list, nil
}

// NotAsked takes the note back: the ILL system did not answer.
func (db *DB) NotAsked(ctx context.Context, p PatronToAsk) error {
	if _, err := db.pool.Exec(ctx, `UPDATE patron SET asked_at = $2 WHERE id = $1`, p.ID, p.Before); err != nil {
		return fmt.Errorf("noting that a patron's requests were not asked for: %w", err)
	}
	return nil
}

// UnmatchedMail returns mail of the patron that was stored since then, waits for
// staff and is filed on no request, and that nobody filed by hand.
func (db *DB) UnmatchedMail(ctx context.Context, officeID, patronID int64, since time.Time) ([]Unfiled, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT id, attempts, internal_date, size, truncated, problem, false AS sent FROM message m
		WHERE office_id = $3 AND patron_id = $1 AND stored_at >= $2 AND state = 'filed' AND direction = 'in' AND kind = 'patron' AND needs_staff AND handled_at IS NULL
			AND NOT EXISTS (SELECT FROM message_match mm WHERE mm.message_id = m.id AND (mm.decided OR mm.decided_by <> ''))
		ORDER BY id`, patronID, since, officeID)
	if err != nil {
		return nil, fmt.Errorf("reading mail that is on no request: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Unfiled])
}

// AddMatches files a message on requests that came to be known after it, or
// offers them. It does nothing where it was filed on one meanwhile.
func (db *DB) AddMatches(ctx context.Context, messageID int64, matches []FilingMatch) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var conv *int64
		err := tx.QueryRow(ctx, `SELECT conversation_id FROM message WHERE id = $1`, messageID).Scan(&conv)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && conv == nil {
			return fmt.Errorf("the conversation of message %d: %w", messageID, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("reading message %d: %w", messageID, err)
		}
		officeID, err := lockConversation(ctx, tx, *conv)
		if err != nil {
			return err
		}
		var filed bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM message_match WHERE message_id = $1 AND (decided OR decided_by <> ''))`, messageID).Scan(&filed)
		if err != nil || filed {
			return err
		}
		for _, m := range matches {
			_, err := tx.Exec(ctx, `
				INSERT INTO message_match (message_id, transaction_id, score, decided, evidence)
				SELECT $1, id, $4, $5, $6 FROM transaction WHERE office_id = $2 AND transaction_number = $3
				ON CONFLICT (message_id, transaction_id) DO UPDATE SET score = excluded.score, decided = excluded.decided, evidence = excluded.evidence`,
				messageID, officeID, m.TransactionNumber, min(max(m.Score, 0), 1), m.Decided, orEmpty(m.Evidence))
			if err != nil {
				return fmt.Errorf("writing the matches: %w", err)
			}
			if !m.Decided {
				continue
			}
			if err := matchEvent(ctx, tx, officeID, *conv, m.TransactionNumber, Actor{Name: "intake"}, "filed"); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
}
