package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Facts reads what the decisions about these transactions rest on, in the
// order of their transaction numbers.
func (n *NoticeTx) Facts(ctx context.Context, ids []int64) ([]NoticeFacts, error) {
	return readFacts(ctx, n.tx, ids)
}

// NoticeFacts reads what the decisions about these transactions rest on, in
// the order of their transaction numbers.
func (db *DB) NoticeFacts(ctx context.Context, ids []int64) ([]NoticeFacts, error) {
	var facts []NoticeFacts
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		facts, err = readFacts(ctx, tx, ids)
		return err
	})
	return facts, err
}

const factTransactionColumns = `id, office_id, transaction_number, patron_id, ill_number, rapid_number, request_type, process_type, status, state,
	title, article_title, author, issn_isbn, doi, due_date, creation_date, status_date, received_date, returned_date, not_wanted_after,
	publication_year, renewals_allowed, lending_library, pickup_location, cancel_reason, system_id, last_overdue_notice_sent, delivery_url, delivery_password, print_only, closed_at, refreshed_at`

// holdIntents are what a patron may ask for that makes a notice wrong until it
// is answered.
const holdIntents = `ARRAY['renewal', 'returned_claim', 'lost_damaged', 'status', 'cancel']`

// lenderIntents are what a lender may say that makes a notice due, or wrong.
const lenderIntents = `ARRAY['recall', 'lender_overdue', 'lender_shipped']`

// saidSQL is the mail filed on the transactions $1, with what it asks for: as
// staff corrected it, else as it was read.
const saidSQL = `
	SELECT mm.transaction_id, m.id AS message_id, coalesce(c.merged_into, c.id) AS conversation_id, m.stored_at, m.internal_date, w.intent
	FROM message_match mm
	JOIN message m ON m.id = mm.message_id AND m.direction = 'in'
	JOIN conversation c ON c.id = m.conversation_id
	LEFT JOIN correction k ON k.message_id = m.id
	CROSS JOIN LATERAL (
		SELECT k.intent WHERE k.intent <> ''
		UNION
		SELECT e ->> 'intent' FROM jsonb_array_elements(m.intents) e WHERE k.intent IS NULL AND (e ->> 'p')::real >= 0.5
	) w
	WHERE mm.decided AND mm.transaction_id = ANY ($1)`

const (
	patronMailSQL = saidSQL + ` AND coalesce(nullif(k.kind, ''), m.kind) = 'patron' AND w.intent = ANY (` + holdIntents + `)`
	lenderMailSQL = saidSQL + ` AND coalesce(nullif(k.kind, ''), m.kind) IN ('partner', 'system') AND w.intent = ANY (` + lenderIntents + `)`
)

func readFacts(ctx context.Context, tx pgx.Tx, ids []int64) ([]NoticeFacts, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var (
		transactions []Transaction
		patrons      []Patron
		notices      []NoticeRow
		holds        []HoldingConversation
		answers      []answer
		byHand       []HandLetter
		lender       []LenderMail
		notFound     []answer
		byStaff      []NoticeHold
	)
	b := &pgx.Batch{}
	queue(b, &transactions, `SELECT `+factTransactionColumns+` FROM transaction WHERE id = ANY ($1) ORDER BY transaction_number`, ids)
	// One look by its key for each, as in bandSQL: as a semi-join, all patrons were read.
	queue(b, &patrons, `
		SELECT p.* FROM (SELECT DISTINCT patron_id FROM transaction WHERE id = ANY ($1)) t
		CROSS JOIN LATERAL (
			SELECT id, office_id, username, first_name, last_name, email, language, patron_status, department, site, account_ends, alternate_email,
			       undeliverable_at, undeliverable_why, away_until
			FROM patron WHERE id = t.patron_id LIMIT 1) p`, ids)
	queue(b, &notices, `
		SELECT n.id, n.transaction_id, n.kind, n.rung, n.cycle, n.state, n.reason, n.days, n.outbox_id, n.planned_on, n.held_since, n.decided_at,
		       coalesce(o.state, '') AS outbox_state, o.sent_at, o.bounced_at, coalesce(o.rehearsed_to, '') <> '' AS rehearsed
		FROM notice n LEFT JOIN outbox o ON o.id = n.outbox_id WHERE n.transaction_id = ANY ($1) ORDER BY n.decided_at, n.rung`, ids)
	// A conversation holds while it waits for us: by what its unanswered mail
	// may want, and by what the mail about this very transaction wants. A claim
	// of return holds until staff have recorded what was found.
	queue(b, &holds, `
		WITH mail AS (`+patronMailSQL+`)
		SELECT mail.transaction_id, mail.conversation_id, coalesce(q.state, '') AS state, mail.intent, max(mail.stored_at) AS since,
		       bool_or(mail.intent = 'returned_claim' AND NOT EXISTS (
		           SELECT FROM claim_outcome x WHERE x.transaction_id = mail.transaction_id AND x.at >= mail.stored_at)) AS unsettled
		FROM mail LEFT JOIN queue_item q ON q.conversation_id = mail.conversation_id
		GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT DISTINCT ON (mm.transaction_id, q.conversation_id) mm.transaction_id, q.conversation_id, q.state,
		       coalesce(nullif(q.intent, ''), q.intents[1]), q.waiting_since, false
		FROM message_match mm JOIN message m ON m.id = mm.message_id AND m.direction = 'in' AND m.kind = 'patron'
		JOIN queue_item q ON q.conversation_id = m.conversation_id
		WHERE mm.decided AND mm.transaction_id = ANY ($1) AND q.state IN ('new', 'open', 'snoozed')
		  AND q.intents || q.intent && `+holdIntents, ids)
	queue(b, &answers, `
		WITH mail AS (SELECT DISTINCT transaction_id, conversation_id FROM (`+patronMailSQL+`) x)
		SELECT mail.transaction_id, max(a.at) AS at FROM mail
		CROSS JOIN LATERAL (
			SELECT coalesce(o.sent_at, now()) AS at FROM outbox o -- what is on its way answers now
			WHERE o.conversation_id = mail.conversation_id AND o.kind = 'reply' AND o.state IN ('queued', 'sending', 'sent', 'uncertain')
			UNION ALL
			SELECT m.internal_date FROM message m LEFT JOIN outbox o ON o.id = m.outbox_id
			WHERE m.conversation_id = mail.conversation_id AND m.direction = 'out' AND coalesce(o.kind, 'reply') = 'reply'
		) a GROUP BY mail.transaction_id`, ids)
	queue(b, &byHand, `
		SELECT DISTINCT mm.transaction_id, o.template, o.sent_at
		FROM message_match mm JOIN message m ON m.id = mm.message_id
		JOIN outbox o ON o.conversation_id = m.conversation_id AND o.kind = 'reply' AND o.template <> '' AND o.sent_at IS NOT NULL
		WHERE mm.decided AND mm.transaction_id = ANY ($1)`, ids)
	queue(b, &lender, `
		WITH mail AS (`+lenderMailSQL+`)
		SELECT mail.transaction_id, mail.conversation_id, mail.intent, mail.internal_date AS at, coalesce(p.due_date, q.answer_by) AS by,
		       coalesce(q.state IN ('new', 'open', 'snoozed'), false) AS waits
		FROM mail LEFT JOIN queue_item q ON q.conversation_id = mail.conversation_id
		LEFT JOIN proposal p ON p.message_id = mail.message_id AND p.transaction_id = mail.transaction_id
			AND p.kind = CASE mail.intent WHEN 'recall' THEN 'recalled' WHEN 'lender_shipped' THEN 'shipped' END
		WHERE p.state IS DISTINCT FROM 'dismissed' -- staff said that it is not so
		ORDER BY mail.internal_date DESC`, ids)
	queue(b, &byStaff, `SELECT office_id, transaction_id, kind, cycle, reason, staff, at FROM notice_hold WHERE transaction_id = ANY ($1)`, ids)
	queue(b, &notFound, `
		SELECT transaction_id, at FROM (
			SELECT DISTINCT ON (transaction_id) transaction_id, outcome, at FROM claim_outcome WHERE transaction_id = ANY ($1) ORDER BY transaction_id, id DESC) last
		WHERE outcome = 'not_found'`, ids)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("reading what notices rest on: %w", err)
	}
	facts := make([]NoticeFacts, len(transactions))
	at := make(map[int64]*NoticeFacts, len(transactions))
	byID := make(map[int64]Patron, len(patrons))
	for _, p := range patrons {
		byID[p.ID] = p
	}
	for i, t := range transactions {
		facts[i].Transaction, facts[i].Patron = t, byID[t.PatronID]
		at[t.ID] = &facts[i]
	}
	for _, r := range notices {
		at[r.TransactionID].Notices = append(at[r.TransactionID].Notices, r)
	}
	for _, h := range holds {
		at[h.TransactionID].Conversations = append(at[h.TransactionID].Conversations, h)
	}
	for _, a := range answers {
		at[a.TransactionID].AnsweredAt = a.At
	}
	for _, h := range byHand {
		at[h.TransactionID].ByHand = append(at[h.TransactionID].ByHand, h)
	}
	for _, l := range lender {
		at[l.TransactionID].Lender = append(at[l.TransactionID].Lender, l)
	}
	for _, h := range byStaff {
		at[h.TransactionID].ByStaff = append(at[h.TransactionID].ByStaff, h)
	}
	for _, o := range notFound {
		at[o.TransactionID].NotFound = o.At
	}
	return facts, nil
}

type answer struct {
	TransactionID int64
	At            time.Time
}
