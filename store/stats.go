package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stat is one figure of the annual report.
type Stat struct {
	Group  string  `json:"group"`  // received, asked, answered, sent, returned
	Figure string  `json:"figure"` // patron, renewal, median_hours, overdue …
	Value  float64 `json:"value"`
}

// Stats counts what an office received, answered and sent from the first day
// to the last, both included, in the zone of loc. Persons are never named.
func (db *DB) Stats(ctx context.Context, officeID int64, from, to Date, loc *time.Location) ([]Stat, error) {
	rows, err := db.pool.Query(ctx, `
		WITH got AS (
			SELECT * FROM message WHERE office_id = $1 AND direction = 'in' AND state = 'filed' AND internal_date >= $2 AND internal_date < $3
		), gone AS (
			SELECT * FROM outbox WHERE office_id = $1 AND state = 'sent' AND sent_at >= $2 AND sent_at < $3
		), waited AS (
			SELECT extract(epoch FROM o.sent_at - max(m.internal_date)) / 3600 AS hours
			FROM gone o JOIN message m ON m.conversation_id = o.conversation_id AND m.direction = 'in' AND m.internal_date < o.sent_at
			WHERE o.kind = 'reply' GROUP BY o.id, o.sent_at
		)
		SELECT 'received' AS "group", kind AS figure, count(*)::float8 AS value FROM got GROUP BY kind
		UNION ALL SELECT 'asked', intents -> 0 ->> 'intent', count(*) FROM got WHERE jsonb_array_length(intents) > 0 GROUP BY 2
		UNION ALL SELECT 'answered', 'replies', count(*) FROM gone WHERE kind = 'reply'
		UNION ALL SELECT 'answered', 'median_hours', percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) FROM waited HAVING count(*) > 0
		UNION ALL SELECT 'sent', kind, count(*) FROM gone WHERE kind NOT IN ('reply', 'unanswered') GROUP BY kind
		UNION ALL SELECT 'returned', 'bounced', count(*) FROM gone WHERE bounced_at IS NOT NULL
		ORDER BY 1, 2`, officeID, from.At(0, 0, loc), to.AddDays(1).At(0, 0, loc))
	if err != nil {
		return nil, fmt.Errorf("counting: %w", err)
	}
	stats, err := pgx.CollectRows(rows, pgx.RowToStructByName[Stat])
	if err != nil {
		return nil, fmt.Errorf("counting: %w", err)
	}
	return stats, nil
}
