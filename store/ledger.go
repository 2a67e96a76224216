package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LedgerRow accounts for the messages of one mailbox that arrived on one day:
// Held = Filed + Waiting + Listed + KeptAside + Ignored + Missing.
type LedgerRow struct {
	Day       Date   `json:"day"` // in the zone that was asked for
	Office    string `json:"office"`
	Mailbox   string `json:"mailbox"`
	Held      int    `json:"held"`       // what the server held, by its UIDs
	Filed     int    `json:"filed"`      // in a conversation, or joined to a mail of ours
	Waiting   int    `json:"waiting"`    // stored, to be filed in a moment
	Listed    int    `json:"listed"`     // gone from the server before it could be read, known by its UID
	KeptAside int    `json:"kept_aside"` // could not be fetched or filed; staff see it
	Ignored   int    `json:"ignored"`    // left out, with a reason in the row
	Missing   int    `json:"missing"`    // UIDs between the marks of which nothing is known: must be 0
	Stuck     int    `json:"stuck"`      // of Waiting, for more than ten minutes: must be 0
	Balanced  bool   `json:"balanced"`
}

// Ledger returns a row for each day and mailbox in which something arrived,
// from the one day to the other, both included; officeID 0 means all offices.
// A UID of which nothing is known counts on the day of the next known one.
func (db *DB) Ledger(ctx context.Context, officeID int64, from, to Date, loc *time.Location) ([]LedgerRow, error) {
	rows, _ := db.pool.Query(ctx, `
		WITH l AS (
			SELECT l.folder_id, l.message_id, l.outcome, (coalesce(l.internal_date, l.seen_at) AT TIME ZONE $4)::date AS day,
			       -- UIDs of which nothing is known, below this one and, for the last, up to the high mark. What was missing
			       -- when the folder was first seen does not count, nor a leap, by which servers number anew.
			       CASE WHEN l.uid_validity = f.uid_validity AND l.uid > f.base_uid THEN l.uid - greatest(lag(l.uid) OVER uids, f.base_uid) - 1 ELSE 0 END AS gap,
			       CASE WHEN l.uid_validity = f.uid_validity AND lead(l.uid) OVER uids IS NULL THEN f.high_uid - greatest(l.uid, f.base_uid) ELSE 0 END AS tail
			FROM location l JOIN folder f ON f.id = l.folder_id
			WHERE $1 = 0 OR f.office_id = $1
			WINDOW uids AS (PARTITION BY l.folder_id, l.uid_validity ORDER BY l.uid)),
		k AS (SELECT *, greatest(CASE WHEN gap <= 10000 THEN gap ELSE 0 END, 0) + greatest(tail, 0) AS missing FROM l)
		SELECT l.day, o.code AS office, f.name AS mailbox,
		       count(*) + sum(l.missing)::int AS held,
		       count(*) FILTER (WHERE l.outcome = 'stored' AND m.state = 'filed') AS filed,
		       count(*) FILTER (WHERE l.outcome = 'stored' AND m.state = 'stored') AS waiting,
		       count(*) FILTER (WHERE l.outcome = 'vanished') AS listed,
		       count(*) FILTER (WHERE l.outcome = 'unfetchable' OR m.state = 'kept_aside') AS kept_aside,
		       count(*) FILTER (WHERE l.outcome = 'ignored') AS ignored,
		       sum(l.missing)::int AS missing,
		       count(*) FILTER (WHERE m.state = 'stored' AND m.stored_at < now() - interval '10 minutes') AS stuck,
		       false AS balanced
		FROM k AS l JOIN folder f ON f.id = l.folder_id JOIN office o ON o.id = f.office_id LEFT JOIN message m ON m.id = l.message_id
		WHERE l.day BETWEEN $2 AND $3
		GROUP BY l.day, o.code, f.name ORDER BY l.day, o.code, f.name`, officeID, from, to, loc.String())
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[LedgerRow])
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	for i := range list {
		r := &list[i]
		r.Balanced = r.Missing == 0 && r.Stuck == 0 && r.Held == r.Filed+r.Waiting+r.Listed+r.KeptAside+r.Ignored
	}
	return list, nil
}
