package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// WriteBack is one thing that goes back to the ILL system, once.
type WriteBack struct {
	ID                int64
	OfficeID          int64
	TransactionID     int64
	TransactionNumber int64
	Kind              string  // note, history, route
	Payload           string  // the note, the entry, or the status to route to
	Cause             string  // what it comes from: with kind and transaction it is unique
	FromStates        []State // of a route: from which the request may be moved; empty = any
	State             string  // queued, sending, sent, failed, uncertain, dropped
	Reason            string
	Doubt             bool // an earlier try may have had its effect
	Attempts          int
	CreatedAt         time.Time
}

const writeBackColumns = `w.id, w.office_id, w.transaction_id, t.transaction_number, w.kind, w.payload, w.cause, w.from_states, w.state, w.reason, w.doubt, w.attempts, w.created_at`

// QueueWriteBack queues it; one of the same transaction, kind and cause is queued once.
func (db *DB) QueueWriteBack(ctx context.Context, w WriteBack) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO writeback (office_id, transaction_id, kind, payload, cause, from_states) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT DO NOTHING`, w.OfficeID, w.TransactionID, w.Kind, cleanText(w.Payload), w.Cause, orEmpty(w.FromStates))
		if err != nil {
			return fmt.Errorf("queueing a write-back: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		return notify(ctx, tx, NotifyWriteBacks, w.OfficeID)
	})
}

// QueueHistories queues a history entry for each request of each mail of ours
// that was sent since then, and returns how many are new.
func (db *DB) QueueHistories(ctx context.Context, officeID int64, since time.Time) (int, error) {
	tag, err := db.pool.Exec(ctx, `
		INSERT INTO writeback (office_id, transaction_id, kind, payload, cause)
		SELECT o.office_id, n.transaction_id, 'history',
			'illmail sent ' || CASE o.kind WHEN 'reply' THEN 'a reply' WHEN 'overdue' THEN 'overdue notice ' || n.rung ELSE 'the ' || replace(o.kind, '_', ' ') || ' notice' END
			|| ' to ' || o.recipient || ' on ' || to_char(o.sent_at, 'YYYY-MM-DD HH24:MI') || ' UTC', 'outbox ' || o.id
		FROM outbox o JOIN LATERAL (
			SELECT transaction_id, rung FROM notice WHERE outbox_id = o.id AND state = 'planned'
			UNION
			SELECT f.transaction_id, 0 FROM conversation_filed f WHERE o.kind = 'reply' AND f.conversation_id = o.conversation_id
		) n ON true
		WHERE o.office_id = $1 AND o.state = 'sent' AND o.sent_at >= $2
			AND NOT EXISTS (SELECT FROM writeback w WHERE w.office_id = $1 AND w.transaction_id = n.transaction_id AND w.kind = 'history' AND w.cause = 'outbox ' || o.id)
		ORDER BY o.id, n.transaction_id
		ON CONFLICT DO NOTHING`, officeID, since)
	if err != nil {
		return 0, fmt.Errorf("queueing history entries: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// QueueNotes queues a staff note for each request that a patron's or partner's
// mail was filed on since then: the gist of the mail, without what opens a file
// whose views are counted, and a link to its conversation. It returns how many
// are new.
func (db *DB) QueueNotes(ctx context.Context, officeID int64, since time.Time, pages string) (int, error) {
	tag, err := db.pool.Exec(ctx, `
		INSERT INTO writeback (office_id, transaction_id, kind, payload, cause)
		SELECT m.office_id, mm.transaction_id, 'note',
			'Mail from ' || m.from_addr || ' of ' || to_char(m.internal_date, 'YYYY-MM-DD HH24:MI') || ' UTC: ' || m.subject
			|| E'\n' || left(regexp_replace(regexp_replace(regexp_replace(left(m.new_text, 2000),
				'(https?://)\S*(articleexchange|xchange\.|//ae\.|rapidx\.)\S*', '\1…', 'gi'),
				'(\mpass(word|code)?\M\s*[:=]\s*)\S+', '\1••••', 'gi'), '\s+', ' ', 'g'), 300)
			|| CASE WHEN $3 = '' THEN '' ELSE E'\n' || $3 || '/conversations/' || m.conversation_id END,
			'message ' || m.id
		FROM message m JOIN message_match mm ON mm.message_id = m.id AND mm.decided
		WHERE m.office_id = $1 AND m.stored_at >= $2 AND m.internal_date >= $2 AND m.state = 'filed' AND m.direction = 'in'
			AND m.kind IN ('patron', 'partner') AND m.needs_staff AND m.conversation_id IS NOT NULL
			AND NOT EXISTS (SELECT FROM writeback w WHERE w.office_id = $1 AND w.transaction_id = mm.transaction_id AND w.kind = 'note' AND w.cause = 'message ' || m.id)
		ON CONFLICT DO NOTHING`, officeID, since, pages)
	if err != nil {
		return 0, fmt.Errorf("queueing notes: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Routes are the statuses to which the office wants requests moved in the ILL
// system; "" = they stay where they are.
type Routes struct {
	Cancelled       string // staff cancelled it
	Renewal         string // staff ask the lender for a renewal
	ClaimedReturned string // staff looked for what a patron says was returned, in vain
	Reply           string // a patron answered about a request that is not supplied yet
	// What the mail of a system says, once it is accepted.
	Unfilled, Conditional, Shipped, FileReady, Recalled, RenewalOK, RenewalDenied string
}

// All lists the statuses to which requests are moved.
func (r Routes) All() []string {
	_, proposed := r.proposed()
	return slices.DeleteFunc(append([]string{r.Cancelled, r.Renewal, r.ClaimedReturned, r.Reply}, proposed...), func(s string) bool { return s == "" })
}

// proposed are the kinds of proposal, and the routes that they have.
func (r Routes) proposed() (kinds, statuses []string) {
	return []string{"unfilled", "conditional", "shipped", "file_ready", "recalled", "renewal_ok", "renewal_denied"},
		cleanTexts(r.Unfilled, r.Conditional, r.Shipped, r.FileReady, r.Recalled, r.RenewalOK, r.RenewalDenied)
}

func cleanTexts(statuses ...string) []string {
	for i, s := range statuses {
		statuses[i] = cleanText(s)
	}
	return statuses
}

// QueueActions queues a route for what staff did with requests since then and
// for patrons' answers, where there is one, a note where a licence forbids
// electronic delivery, and with histories an entry for each act. It returns how many are new.
func (db *DB) QueueActions(ctx context.Context, officeID int64, since time.Time, histories bool, r Routes) (int, error) {
	kinds, statuses := r.proposed()
	// A route has effect only from the states in which the act makes sense: who
	// moved the request meanwhile knew more.
	tag, err := db.pool.Exec(ctx, `
		INSERT INTO writeback (office_id, transaction_id, kind, payload, cause, from_states)
		SELECT $1, act.transaction_id, act.kind, act.payload, act.cause, act.from_states FROM (
			SELECT transaction_id, 'route' AS kind, CASE action WHEN 'cancel' THEN $3 ELSE $4 END AS payload, 'action ' || id AS cause,
				CASE action WHEN 'cancel' THEN ARRAY['open'] ELSE ARRAY['on_loan'] END AS from_states, at
			FROM request_action WHERE office_id = $1 AND at <= now()
			UNION ALL
			SELECT transaction_id, 'history', CASE action WHEN 'cancel' THEN 'illmail: cancelled' ELSE 'illmail: renewal asked for' END
				|| ' by ' || staff || CASE reason WHEN '' THEN '' ELSE ': ' || reason END, 'action ' || id, '{}', at
			FROM request_action WHERE office_id = $1 AND at <= now() AND $7
			UNION ALL
			SELECT transaction_id, 'route', $5, 'claim ' || id, ARRAY['on_loan', 'in_hands'], at
			FROM claim_outcome WHERE office_id = $1 AND outcome = 'not_found'
			UNION ALL
			SELECT transaction_id, 'history', 'illmail: patron says it was returned; ' || CASE outcome WHEN 'found' THEN 'found here'
				WHEN 'with_lender' THEN 'back at the lender' ELSE 'not found' END || ', looked for by ' || staff, 'claim ' || id, '{}', at
			FROM claim_outcome WHERE office_id = $1 AND $7
			UNION ALL
			SELECT p.transaction_id, 'route', r.status, 'proposal ' || p.id, CASE WHEN p.kind IN ('recalled', 'renewal_ok', 'renewal_denied')
				THEN ARRAY['on_loan', 'in_hands'] ELSE ARRAY['open', 'sent'] END, p.decided_at
			FROM proposal p JOIN unnest($8::text[], $9::text[]) r (kind, status) USING (kind) WHERE p.office_id = $1 AND p.state = 'accepted'
			UNION ALL
			SELECT transaction_id, 'history', 'illmail: a mail says ' || replace(kind, '_', ' ') || CASE lender WHEN '' THEN '' ELSE ' by ' || lender END
				|| coalesce(', due ' || due_date, '') || CASE reason WHEN '' THEN '' ELSE ' (' || reason || ')' END
				|| CASE decided_by WHEN 'intake' THEN '' ELSE ', accepted by ' || decided_by END, 'proposal ' || id, '{}', decided_at
			FROM proposal WHERE office_id = $1 AND state = 'accepted' AND $7
			UNION ALL
			SELECT subject_id, 'note', 'illmail: ' || what || ' (' || why || ')', 'event ' || id, '{}', at
			FROM event WHERE office_id = $1 AND at >= $2 AND subject = 'transaction' AND what = '`+printOnlyEvent+`'
			UNION ALL
			SELECT mm.transaction_id, 'route', $6, 'message ' || m.id, ARRAY['open', 'sent'], greatest(m.stored_at, m.internal_date)
			FROM message m JOIN message_match mm ON mm.message_id = m.id AND mm.decided JOIN transaction t ON t.id = mm.transaction_id
			WHERE m.office_id = $1 AND m.stored_at >= $2 AND m.internal_date >= $2 AND m.state = 'filed' AND m.direction = 'in' AND m.kind = 'patron'
				AND m.needs_staff AND m.sender_verified AND m.refs <> '{}' AND t.state IN ('open', 'sent')
		) act
		WHERE act.at >= $2 AND act.payload <> ''
			AND NOT EXISTS (SELECT FROM writeback w WHERE w.office_id = $1 AND w.transaction_id = act.transaction_id AND w.kind = act.kind AND w.cause = act.cause)
		ON CONFLICT DO NOTHING`, officeID, since, cleanText(r.Cancelled), cleanText(r.Renewal), cleanText(r.ClaimedReturned), cleanText(r.Reply), histories, kinds, statuses)
	if err != nil {
		return 0, fmt.Errorf("queueing what staff did: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// ClaimWriteBack claims the next one that is due at now, oldest first, for the
// lease, by the database's clock; nil where none is. One whose claim ran out, since its worker died, is in doubt.
func (db *DB) ClaimWriteBack(ctx context.Context, officeID int64, now time.Time, lease time.Duration) (*WriteBack, error) {
	// The old state is read under the row's lock, so that two workers cannot both take it.
	rows, err := db.pool.Query(ctx, `
		WITH next AS (
			SELECT id, state AS old_state FROM writeback
			WHERE office_id = $1 AND ((state = 'queued' AND next_at <= $3) OR (state = 'sending' AND claimed_until < now()))
			ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE writeback w SET state = 'sending', attempts = attempts + 1, claimed_until = now() + $2,
				doubt = doubt OR next.old_state = 'sending'
			FROM next WHERE w.id = next.id
			RETURNING w.*
		)
		SELECT `+writeBackColumns+`
		FROM claimed w JOIN transaction t ON t.id = w.transaction_id`, officeID, lease, now)
	if err != nil {
		return nil, fmt.Errorf("claiming a write-back: %w", err)
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[WriteBack])
	if err != nil || len(claimed) == 0 {
		return nil, err
	}
	return claimed[0], nil
}

// WakeWriteBacks makes what is queued due at once: the ILL system answers again.
func (db *DB) WakeWriteBacks(ctx context.Context, officeID int64) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE writeback SET next_at = now() WHERE office_id = $1 AND state = 'queued' AND next_at > now()`, officeID)
		if err != nil {
			return fmt.Errorf("waking write-backs: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		return notify(ctx, tx, NotifyWriteBacks, officeID)
	})
}

// WaitingWriteBacks counts what is queued for the office's ILL system.
func (db *DB) WaitingWriteBacks(ctx context.Context, officeID int64) (n int, err error) {
	err = db.pool.QueryRow(ctx, `SELECT count(*) FROM writeback WHERE office_id = $1 AND state IN ('queued', 'sending')`, officeID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting write-backs: %w", err)
	}
	return n, nil
}

// SettleWriteBack ends a claim: sent, failed, uncertain, or queued again for
// that time; w's doubt is kept. What staff must look at becomes an event of the transaction.
func (db *DB) SettleWriteBack(ctx context.Context, w *WriteBack, state, reason string, again time.Time) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE writeback SET state = $2, reason = $3, next_at = $4, doubt = $5, claimed_until = NULL,
				done_at = CASE WHEN $2 = 'sent' THEN now() END
			WHERE id = $1 AND state = 'sending'`, w.ID, state, cleanText(reason), again, w.Doubt)
		if err != nil {
			return fmt.Errorf("settling a write-back: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrConflict
		}
		if state == "queued" {
			return nil
		}
		return addEvent(ctx, tx, Event{OfficeID: w.OfficeID, Actor: "writeback", Subject: "transaction", SubjectID: w.TransactionID,
			What: w.Kind + " " + state, Why: reason})
	})
}

// StuckWriteBack is one that waits for staff, with the office's code and the request's title.
type StuckWriteBack struct {
	WriteBack
	Office string
	Title  string
}

// StuckWriteBacks lists those of all offices that failed or are uncertain, newest first.
func (db *DB) StuckWriteBacks(ctx context.Context, limit int) ([]StuckWriteBack, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT `+writeBackColumns+`, o.code AS office, coalesce(nullif(t.article_title, ''), t.title) AS title
		FROM writeback w JOIN transaction t ON t.id = w.transaction_id JOIN office o ON o.id = w.office_id
		WHERE w.state IN ('failed', 'uncertain') ORDER BY w.id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("reading write-backs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[StuckWriteBack])
}

// ResolveWriteBack does what staff decide on one that failed or is uncertain:
// queued (write it, it is not there), sent (it is there) or dropped (let it
// be). ErrConflict where it is in another state by now.
func (db *DB) ResolveWriteBack(ctx context.Context, id int64, state string, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var w WriteBack
		err := tx.QueryRow(ctx, `
			UPDATE writeback SET state = $2, doubt = false, attempts = 0, next_at = now(), done_at = CASE WHEN $2 = 'sent' THEN now() END
			WHERE id = $1 AND state IN ('failed', 'uncertain') RETURNING office_id, transaction_id, kind, reason`, id, state).
			Scan(&w.OfficeID, &w.TransactionID, &w.Kind, &w.Reason)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("write-back %d: %w", id, ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("settling write-back %d: %w", id, err)
		}
		if err := addEvent(ctx, tx, Event{OfficeID: w.OfficeID, Actor: actor.Name, Subject: "transaction", SubjectID: w.TransactionID,
			What: w.Kind + " " + state, Why: "it was: " + w.Reason}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyWriteBacks, w.OfficeID)
	})
}

// WriteBacks lists the office's write-backs in the state, newest first.
func (db *DB) WriteBacks(ctx context.Context, officeID int64, state string, limit int) ([]WriteBack, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT `+writeBackColumns+` FROM writeback w JOIN transaction t ON t.id = w.transaction_id
		WHERE w.office_id = $1 AND w.state = $2 ORDER BY w.id DESC LIMIT $3`, officeID, state, limit)
	if err != nil {
		return nil, fmt.Errorf("reading write-backs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[WriteBack])
}
