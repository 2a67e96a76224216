package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// QueueLine is one conversation as "illmail queue --json" prints it.
type QueueLine struct {
	ID           int64     `json:"id"`
	Office       string    `json:"office"` // code
	State        ItemState `json:"state"`
	Kind         string    `json:"kind"`
	Intent       string    `json:"intent"`
	From         string    `json:"from"` // of the newest message that came in
	Subject      string    `json:"subject"`
	Transactions []int64   `json:"transactions"`  // on which it is filed
	WaitingSince time.Time `json:"waiting_since"` // whole seconds, in the zone that was asked for
	AssignedTo   string    `json:"assigned_to"`   // username; "" for nobody
	MessageID    string    `json:"message_id"`    // of the newest message that came in, in angle brackets
	Messages     int       `json:"messages"`      // incoming and outgoing
	AnswerBy     Date      `json:"answer_by"`
	Note         string    `json:"note"`
	Verified     bool      `json:"sender_verified"`
	Queue        string    `json:"queue"` // of the office's own; "" for none
	Label        string    `json:"label"`
}

// QueueQuery says which lines to return.
type QueueQuery struct {
	OfficeID int64          // 0: of all offices
	States   []ItemState    // none: all but done
	After    *QueueLine     // the last line of the page before; nil for the first
	Limit    int            // 0: 200
	Location *time.Location // of WaitingSince; nil is UTC
}

// QueueLines returns the triage list: by the day an answer is wanted, then by
// who has waited longest.
func (db *DB) QueueLines(ctx context.Context, qq QueueQuery) ([]QueueLine, error) {
	if len(qq.States) == 0 {
		qq.States = []ItemState{ItemNew, ItemOpen, ItemWaitingPatron, ItemWaitingPartner, ItemSnoozed}
	}
	if qq.Limit <= 0 {
		qq.Limit = 200
	}
	if qq.Location == nil {
		qq.Location = time.UTC
	}
	args := pgx.NamedArgs{"office": qq.OfficeID, "states": qq.States, "limit": qq.Limit}
	after := ""
	if qq.After != nil {
		after = `AND (coalesce(q.answer_by, 'infinity'::date), date_trunc('second', q.waiting_since), q.conversation_id) > (coalesce(@by::date, 'infinity'::date), @at, @id)`
		args["by"], args["at"], args["id"] = qq.After.AnswerBy, qq.After.WaitingSince, qq.After.ID
	}
	rows, _ := db.pool.Query(ctx, `
		SELECT q.conversation_id AS id, o.code AS office, q.state, q.kind, q.intent, coalesce(m.from_addr, '') AS "from", c.subject,
		       coalesce((SELECT array_agg(DISTINCT t.transaction_number ORDER BY t.transaction_number)
		                 FROM message x JOIN message_match mm ON mm.message_id = x.id AND mm.decided JOIN transaction t ON t.id = mm.transaction_id
		                 WHERE x.conversation_id = q.conversation_id), '{}') AS transactions,
		       date_trunc('second', q.waiting_since) AS waiting_since, coalesce(s.username, '') AS assigned_to,
		       CASE WHEN coalesce(m.message_id, '') = '' THEN '' ELSE '<' || m.message_id || '>' END AS message_id,
		       (SELECT count(*) FROM message x WHERE x.conversation_id = q.conversation_id) AS messages,
		       q.answer_by, q.note, coalesce(m.sender_verified, false) AS verified, coalesce(k.name, '') AS queue, q.label
		FROM queue_item q JOIN conversation c ON c.id = q.conversation_id JOIN office o ON o.id = q.office_id
		LEFT JOIN staff s ON s.id = q.assigned_to
		LEFT JOIN office_queue k ON k.id = q.queue_id
		LEFT JOIN LATERAL (
			SELECT from_addr, message_id, sender_verified FROM message i WHERE i.conversation_id = q.conversation_id AND i.direction = 'in'
			ORDER BY i.internal_date DESC, i.id DESC LIMIT 1) m ON true
		WHERE q.state = ANY (@states) AND (@office = 0 OR q.office_id = @office) `+after+`
		ORDER BY coalesce(q.answer_by, 'infinity'::date), date_trunc('second', q.waiting_since), q.conversation_id LIMIT @limit`, args)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[QueueLine])
	if err != nil {
		return nil, fmt.Errorf("listing the queue: %w", err)
	}
	for i := range list {
		list[i].WaitingSince = list[i].WaitingSince.In(qq.Location)
	}
	return list, nil
}
