package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DueBand is a range of days in which something has reached that rung: due
// dates (overdue, due soon), ends of accounts (leaving), days on which a mail
// came or staff looked in vain (recall, claim, in transit by mail), and status
// dates for all else.
type DueBand struct {
	Kind     NoticeKind
	Rung     int
	From, To Date // both included
	Every    int  // so many days before To a further rung was reached, and so on; 0: none is
	ByMail   bool // in transit: by what lenders wrote
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
			WHERE n.office_id = $1 AND n.transaction_id = t.id AND n.kind = $4 AND n.cycle = t.%[2]s
			  AND n.rung >= $5 + CASE WHEN $6 > 0 THEN ($3 - t.%[2]s) / $6 ELSE 0 END
			  AND (n.state IN ('passed', 'told') OR n.state = 'planned' AND
			       (SELECT o.rehearsed_to = '' AND o.state IN ('sending', 'sent', 'failed', 'uncertain') FROM outbox o WHERE o.id = n.outbox_id))
			LIMIT 1) x ON true
		WHERE t.office_id = $1 AND %[1]s AND t.%[2]s BETWEEN $2 AND $3 AND t.process_type = 'Borrowing' AND t.closed_at IS NULL AND x.told IS NULL`, states, date)
}

// movedSQL finds by the index transaction_moved, whose condition it repeats.
func movedSQL(state State) string {
	return bandSQL(fmt.Sprintf(`t.state IN ('sent', 'in_transit', 'on_shelf', 'delivered', 'cancelled_staff') AND t.state = '%s'`, state), "status_date")
}

// Mail is found by the instant at which it was stored, which is never before
// it came; a day earlier, whatever the zone.
const storedSQL = `m.stored_at >= $2::date - 1 AND m.internal_date < $3::date + 2`

// saysSQL: the message says so, as it was read or as staff corrected it.
const saysSQL = `(EXISTS (SELECT FROM correction k WHERE k.message_id = m.id AND k.intent = ANY (%[1]s))
	OR EXISTS (SELECT FROM jsonb_array_elements(m.intents) e WHERE e ->> 'intent' = ANY (%[1]s)))`

func lenderSQL(states, intents string) string {
	return `SELECT mm.transaction_id FROM message m JOIN message_match mm ON mm.message_id = m.id AND mm.decided
		JOIN transaction t ON t.id = mm.transaction_id AND t.state IN (` + states + `) AND t.process_type = 'Borrowing' AND t.closed_at IS NULL
		WHERE m.office_id = $1 AND m.direction = 'in' AND ` + storedSQL + ` AND ` + fmt.Sprintf(saysSQL, intents)
}

var (
	bandsSQL = map[NoticeKind]string{
		KindOverdue:      bandSQL(`t.state IN ('on_loan', 'in_hands')`, "due_date"),
		KindDueSoon:      bandSQL(`t.state IN ('on_loan', 'in_hands')`, "due_date"),
		KindDelay:        movedSQL(StateSent),
		KindCancellation: movedSQL(StateCancelledStaff),
		KindPickup:       movedSQL(StateOnShelf),
		KindDelivery:     movedSQL(StateDelivered),
		KindInTransit:    movedSQL(StateInTransit),
	}
	// eventsSQL find what falls due by something that happened; few a week.
	eventsSQL = map[NoticeKind]string{
		KindInTransit: lenderSQL(`'sent', 'in_transit'`, `ARRAY['lender_shipped']`),
		KindRecall:    lenderSQL(`'on_loan', 'in_hands'`, `ARRAY['recall', 'lender_overdue']`),
		KindClaim: `SELECT c.transaction_id FROM claim_outcome c JOIN transaction t ON t.id = c.transaction_id AND t.state IN ('on_loan', 'in_hands', 'claims_returned')
			AND t.process_type = 'Borrowing' AND t.closed_at IS NULL
			WHERE c.office_id = $1 AND c.outcome = 'not_found' AND c.at BETWEEN $2::date - 1 AND $3::date + 2`,
		KindLeaving: `SELECT t.id FROM patron p JOIN transaction t ON t.patron_id = p.id AND t.state IN ('on_loan', 'in_hands') AND t.process_type = 'Borrowing' AND t.closed_at IS NULL
			WHERE p.office_id = $1 AND p.account_ends BETWEEN $2 AND $3 AND t.due_date > p.account_ends`,
	}
)

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
		if sql, ok := eventsSQL[band.Kind]; ok && (band.ByMail || bandsSQL[band.Kind] == "") {
			b.Queue(sql, n.officeID, band.From, band.To).Query(collect)
			continue
		}
		b.Queue(bandsSQL[band.Kind], n.officeID, band.From, band.To, band.Kind, band.Rung, band.Every).Query(collect)
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
