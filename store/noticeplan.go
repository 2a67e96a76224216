package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// planLock is the first key of the advisory locks under which one run at a
// time plans for an office; the number means nothing.
const planLock = 4211904

// plannedKinds are the kinds that runs plan; others are made by staff.
var plannedKinds = []NoticeKind{KindOverdue, KindDueSoon, KindDelay, KindCancellation}

// NoticeTx is one look at, or one run over, the notices of an office: all of
// it sees and writes the same state.
type NoticeTx struct {
	tx       pgx.Tx
	officeID int64
	queued   bool
}

// PreviewNotices gives fn a reading of the office's records as of one instant.
func (db *DB) PreviewNotices(ctx context.Context, officeID int64, fn func(*NoticeTx) error) error {
	return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return fn(&NoticeTx{tx: tx, officeID: officeID})
	})
}

// RunNotices gives fn the office's notices to plan, in one transaction: two
// runs take turns, and mails that wait to be sent are locked, so that none of
// them begins to be sent while the run decides anew about it.
func (db *DB) RunNotices(ctx context.Context, officeID int64, fn func(*NoticeTx) error) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, planLock, int32(officeID)); err != nil {
			return fmt.Errorf("waiting for another run: %w", err)
		}
		n := &NoticeTx{tx: tx, officeID: officeID}
		if err := fn(n); err != nil {
			return err
		}
		if n.queued {
			if err := notify(ctx, tx, NotifyOutbox, officeID); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyNotices, officeID)
	})
}

// NoticeOffice is what of an office bears on its notices.
type NoticeOffice struct {
	NoticesPaused bool
	DataDate      Date
	ImportedAt    *time.Time
	Started       bool // a notice of the office was once sent, or released to be
	MissedFires   bool // fires were missed and wait for approval
}

// Office reads what of the office bears on its notices.
func (n *NoticeTx) Office(ctx context.Context) (NoticeOffice, error) {
	rows, _ := n.tx.Query(ctx, `
		SELECT notices_paused, data_date, imported_at,
		       EXISTS (SELECT FROM outbox WHERE office_id = $1 AND kind <> 'reply' AND state IN ('queued', 'sending', 'sent', 'failed', 'uncertain')) AS started,
		       EXISTS (SELECT FROM schedule_fire WHERE office_id = $1 AND state = 'waiting') AS missed_fires
		FROM office WHERE id = $1`, n.officeID)
	o, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[NoticeOffice]))
	if err != nil {
		return o, fmt.Errorf("reading the office: %w", err)
	}
	return o, nil
}

// WaitingMail is a planned mail that has not begun to be sent.
type WaitingMail struct {
	ID       int64
	State    OutboxState // held or queued
	Kind     NoticeKind
	PatronID int64
	Reason   string
}

// LockWaiting returns the planned mails that wait and keeps them from being
// sent or released until the run ends.
func (n *NoticeTx) LockWaiting(ctx context.Context) ([]WaitingMail, error) {
	rows, _ := n.tx.Query(ctx, `
		SELECT id, state, kind, coalesce(patron_id, 0) AS patron_id, reason FROM outbox
		WHERE office_id = $1 AND kind <> 'reply' AND state IN ('held', 'queued') AND kind = ANY ($2) AND staff_id IS NULL
		ORDER BY id FOR UPDATE`, n.officeID, plannedKinds)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WaitingMail])
	if err != nil {
		return nil, fmt.Errorf("locking mails that wait: %w", err)
	}
	return list, nil
}

// DueBand is a range of dates whose transactions have reached that rung: due
// dates for overdue and due soon, status dates for delay and cancellation.
type DueBand struct {
	Kind     NoticeKind
	Rung     int
	From, To Date // both included
}

// bandSQL finds a band's transactions that were not told, by the partial
// indexes on what can still fall due, whatever else the office has. The LIMIT
// makes the look for a told notice one by its key for each transaction: as an
// anti-join, on tables just filled and never analysed, it was planned as a
// product of the two.
func bandSQL(states, date string) string {
	return fmt.Sprintf(`
		SELECT t.id FROM transaction t
		LEFT JOIN LATERAL (
			SELECT true AS told FROM notice n
			WHERE n.office_id = $1 AND n.transaction_id = t.id AND n.kind = $4 AND n.rung >= $5 AND n.cycle = t.%[2]s
			  AND (n.state IN ('passed', 'told') OR n.state = 'planned' AND
			       (SELECT o.state FROM outbox o WHERE o.id = n.outbox_id) IN ('sending', 'sent', 'failed', 'uncertain'))
			LIMIT 1) x ON true
		WHERE t.office_id = $1 AND %[1]s AND t.%[2]s BETWEEN $2 AND $3 AND t.process_type = 'Borrowing' AND t.closed_at IS NULL AND x.told IS NULL`, states, date)
}

var bandsSQL = map[NoticeKind]string{
	KindOverdue:      bandSQL(`t.state IN ('on_loan', 'in_hands')`, "due_date"),
	KindDueSoon:      bandSQL(`t.state IN ('on_loan', 'in_hands')`, "due_date"),
	KindDelay:        bandSQL(`t.state IN ('sent', 'cancelled_staff') AND t.state = 'sent'`, "status_date"),
	KindCancellation: bandSQL(`t.state IN ('sent', 'cancelled_staff') AND t.state = 'cancelled_staff'`, "status_date"),
}

// Candidates returns the ids of transactions about which something may have to
// be decided: those in the bands that were not told, and those of notices that
// wait.
func (n *NoticeTx) Candidates(ctx context.Context, bands []DueBand) ([]int64, error) {
	b := &pgx.Batch{}
	var ids []int64
	collect := func(rows pgx.Rows) error {
		more, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		ids = append(ids, more...)
		return err
	}
	for _, band := range bands {
		b.Queue(bandsSQL[band.Kind], n.officeID, band.From, band.To, band.Kind, band.Rung).Query(collect)
	}
	b.Queue(`
		SELECT transaction_id FROM notice WHERE office_id = $1 AND state = 'held' AND kind = ANY ($2)
		UNION
		SELECT n.transaction_id FROM outbox o JOIN notice n ON n.outbox_id = o.id
		WHERE o.office_id = $1 AND o.kind <> 'reply' AND o.state IN ('held', 'queued') AND o.kind = ANY ($2) AND n.state = 'planned'`,
		n.officeID, plannedKinds).Query(collect)
	if err := n.tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("looking for what is due: %w", err)
	}
	seen := make(map[int64]bool, len(ids))
	unique := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			unique = append(unique, id)
		}
	}
	return unique, nil
}

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
	publication_year, renewals_allowed, lending_library, pickup_location, cancel_reason, system_id, last_overdue_notice_sent, closed_at, refreshed_at`

// holdIntents are what a patron may ask for that makes a notice wrong until it
// is answered.
const holdIntents = `ARRAY['renewal', 'returned_claim', 'lost_damaged', 'status', 'cancel']`

// patronMailSQL is the patron's mail filed on the transactions $1, with what
// it asks for: as staff corrected it, else as it was read.
const patronMailSQL = `
	SELECT mm.transaction_id, coalesce(c.merged_into, c.id) AS conversation_id, m.stored_at, w.intent
	FROM message_match mm
	JOIN message m ON m.id = mm.message_id AND m.direction = 'in'
	JOIN conversation c ON c.id = m.conversation_id
	LEFT JOIN correction k ON k.message_id = m.id
	CROSS JOIN LATERAL (
		SELECT k.intent WHERE k.intent <> ''
		UNION
		SELECT e ->> 'intent' FROM jsonb_array_elements(m.intents) e WHERE k.intent IS NULL AND (e ->> 'p')::real >= 0.5
	) w
	WHERE mm.decided AND mm.transaction_id = ANY ($1) AND coalesce(nullif(k.kind, ''), m.kind) = 'patron' AND w.intent = ANY (` + holdIntents + `)`

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
	)
	b := &pgx.Batch{}
	queue(b, &transactions, `SELECT `+factTransactionColumns+` FROM transaction WHERE id = ANY ($1) ORDER BY transaction_number`, ids)
	queue(b, &patrons, `
		SELECT id, office_id, username, first_name, last_name, email, language, patron_status, department, site, account_ends,
		       undeliverable_at, undeliverable_why, away_until
		FROM patron WHERE id IN (SELECT patron_id FROM transaction WHERE id = ANY ($1))`, ids)
	queue(b, &notices, `
		SELECT n.id, n.transaction_id, n.kind, n.rung, n.cycle, n.state, n.reason, n.days, n.outbox_id, n.planned_on, n.held_since, n.decided_at,
		       coalesce(o.state, '') AS outbox_state, o.sent_at, o.bounced_at
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
	return facts, nil
}

type answer struct {
	TransactionID int64
	At            time.Time
}
