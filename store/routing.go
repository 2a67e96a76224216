package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// placeByRule lets the routing rule that triage found for a message place its
// conversation: as the rule stands now, and only where no colleague has it.
func placeByRule(ctx context.Context, tx pgx.Tx, q *QueueItem, f *Filing) error {
	var name, label, assignee string
	var queueID, assigneeID *int64
	err := tx.QueryRow(ctx, `
		SELECT r.name, r.label, r.queue_id, s.id, coalesce(s.username, '') FROM routing_rule r
		LEFT JOIN staff s ON s.id = r.assignee_id AND s.disabled_at IS NULL
		WHERE r.office_id = $1 AND r.id = $2 AND r.enabled`, q.OfficeID, f.RuleID).Scan(&name, &label, &queueID, &assigneeID, &assignee)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // deleted or switched off since
	}
	if err != nil {
		return fmt.Errorf("reading the routing rule: %w", err)
	}
	did := "left where it is: a colleague has it"
	if q.AssignedTo == nil && q.PlacedBy == "" {
		var done []string
		if queueID != nil && (q.QueueID == nil || *q.QueueID != *queueID) {
			queue, err := holdQueue(ctx, tx, q.OfficeID, *queueID)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err == nil { // else it was deleted since
				q.QueueID = queueID
				done = append(done, "put into "+queue)
			}
		}
		if assigneeID != nil {
			q.AssignedTo = assigneeID
			done = append(done, "assigned to "+assignee)
		}
		if label != "" && q.Label != label {
			q.Label = label
			done = append(done, "labelled "+label)
		}
		did = strings.Join(done, ", ")
		if did == "" {
			did = "nothing to change"
		} else if err := addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: "intake", Subject: "conversation", SubjectID: q.ConversationID, What: did, Why: "rule " + name}); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE message SET rule = $2 WHERE id = $1`, f.ID, name+": "+did); err != nil {
		return fmt.Errorf("noting the routing rule: %w", err)
	}
	return nil
}

// RoutedMail is a message as routing rules judge it. What they do not look at
// is only filled in by [DB.RoutedMail].
type RoutedMail struct {
	Kind         string
	Intent       string // the main one; "" for none
	Sender       string // address, lower case
	PatronStatus string
	States       []string // of the requests that it is filed on
	Pickups      []string // their pickup locations
	NeedsStaff   bool

	MessageID      int64
	ConversationID int64
	At             time.Time // when it came
	From           string    // the patron's name, or the sender's
	Subject        string
	State          ItemState // of the conversation now
	Queue          string    // where it is now; "" in none of the office's own
	Assignee       string
	Label          string
}

// RoutedMail returns the newest mail that came in since then, newest first,
// at most limit messages, with the requests on which it is filed as they are now.
func (db *DB) RoutedMail(ctx context.Context, officeID int64, since time.Time, limit int) ([]RoutedMail, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT m.kind, coalesce(m.intents -> 0 ->> 'intent', '') AS intent, lower(m.from_addr) AS sender, coalesce(p.patron_status, '') AS patron_status,
		       coalesce(r.states, '{}') AS states, coalesce(r.pickups, '{}') AS pickups, m.needs_staff,
		       m.id AS message_id, m.conversation_id, m.internal_date AS at,
		       coalesce(nullif(trim(p.first_name || ' ' || p.last_name), ''), nullif(m.from_name, ''), m.from_addr) AS "from", m.subject,
		       q.state, coalesce(k.name, '') AS queue, coalesce(nullif(s.full_name, ''), s.username, '') AS assignee, q.label
		FROM (SELECT * FROM message WHERE office_id = $1 AND stored_at >= $2 AND internal_date >= $2 AND direction = 'in' AND state = 'filed'
		      ORDER BY internal_date DESC, id DESC LIMIT $3) m
		JOIN queue_item q ON q.conversation_id = m.conversation_id
		LEFT JOIN patron p ON p.id = m.patron_id
		LEFT JOIN office_queue k ON k.id = q.queue_id
		LEFT JOIN staff s ON s.id = q.assigned_to
		LEFT JOIN LATERAL (
			SELECT array_agg(DISTINCT t.state) AS states, array_agg(DISTINCT t.pickup_location) FILTER (WHERE t.pickup_location <> '') AS pickups
			FROM message_match mm JOIN transaction t ON t.id = mm.transaction_id WHERE mm.message_id = m.id AND mm.decided) r ON true
		ORDER BY m.internal_date DESC, m.id DESC`, officeID, since, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[RoutedMail])
	if err != nil {
		return nil, fmt.Errorf("reading the mail of late: %w", err)
	}
	return list, nil
}

// PatronStatuses returns the statuses that patrons of an office have, by name.
func (db *DB) PatronStatuses(ctx context.Context, officeID int64) ([]string, error) {
	rows, _ := db.pool.Query(ctx, `SELECT DISTINCT patron_status FROM patron WHERE office_id = $1 AND patron_status <> '' ORDER BY 1 LIMIT 40`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("listing the statuses of patrons: %w", err)
	}
	return list, nil
}

// PickupLocations returns where the newest requests of an office are collected, by name.
func (db *DB) PickupLocations(ctx context.Context, officeID int64) ([]string, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT DISTINCT pickup_location FROM (SELECT pickup_location FROM transaction WHERE office_id = $1 ORDER BY id DESC LIMIT 2000) t
		WHERE pickup_location <> '' ORDER BY 1 LIMIT 40`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("listing the pickup locations: %w", err)
	}
	return list, nil
}
