package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// OfficeQueue is a queue that an office named itself. What waits in one waits
// in [TabNeedsAnswer], too.
type OfficeQueue struct {
	ID       int64
	OfficeID int64
	Office   string // code
	Name     string
	Waiting  int // conversations in it that are new or open
	Rules    int // routing rules that put mail into it
}

// OfficeQueues returns the queues of an office, 0: of all, by name.
func (db *DB) OfficeQueues(ctx context.Context, officeID int64) ([]OfficeQueue, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT k.id, k.office_id, o.code AS office, k.name,
		       (SELECT count(*) FROM queue_item q WHERE q.queue_id = k.id AND q.state <> 'done' AND q.state IN ('new', 'open')) AS waiting,
		       (SELECT count(*) FROM routing_rule r WHERE r.office_id = k.office_id AND r.queue_id = k.id) AS rules
		FROM office_queue k JOIN office o ON o.id = k.office_id
		WHERE $1 = 0 OR k.office_id = $1 ORDER BY lower(k.name), k.id`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[OfficeQueue])
	if err != nil {
		return nil, fmt.Errorf("listing the office's queues: %w", err)
	}
	return list, nil
}

// AddOfficeQueue makes a queue and returns its id; ErrExists where the office
// has one of that name, in whatever case.
func (db *DB) AddOfficeQueue(ctx context.Context, officeID int64, name string, actor Actor) (int64, error) {
	var id int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO office_queue (office_id, name) VALUES ($1, $2) RETURNING id`, officeID, name).Scan(&id)
		if err != nil {
			return fmt.Errorf("adding the queue %s: %w", name, taken(err))
		}
		return routingChanged(ctx, tx, officeID, actor, "queue "+name+" added")
	})
	return id, err
}

// RenameOfficeQueue gives a queue another name; ErrExists where that is taken.
func (db *DB) RenameOfficeQueue(ctx context.Context, officeID, id int64, name string, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		var old string
		err := tx.QueryRow(ctx, `SELECT name FROM office_queue WHERE office_id = $1 AND id = $2 FOR UPDATE`, officeID, id).Scan(&old)
		if _, err := one(old, err); err != nil {
			return fmt.Errorf("reading the queue: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE office_queue SET name = $2 WHERE id = $1`, id, name); err != nil {
			return fmt.Errorf("renaming the queue %s: %w", old, taken(err))
		}
		return routingChanged(ctx, tx, officeID, actor, "queue "+old+" renamed to "+name)
	})
}

// DeleteOfficeQueue takes a queue away; what is in it is in none afterwards.
// ErrConflict where a rule puts mail into it.
func (db *DB) DeleteOfficeQueue(ctx context.Context, officeID, id int64, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		// Filing holds conversations and asks for the queue; here it is the other way
		// round, so the two take turns.
		if err := lockFiling(ctx, tx, officeID); err != nil {
			return err
		}
		var name string
		var used bool
		err := tx.QueryRow(ctx, `
			SELECT name, EXISTS (SELECT FROM routing_rule r WHERE r.office_id = k.office_id AND r.queue_id = k.id)
			FROM office_queue k WHERE office_id = $1 AND id = $2 FOR UPDATE`, officeID, id).Scan(&name, &used)
		if _, err := one(name, err); err != nil {
			return fmt.Errorf("reading the queue: %w", err)
		}
		if used {
			return fmt.Errorf("a rule puts mail into the queue %s: %w", name, ErrConflict)
		}
		_, err = tx.Exec(ctx, `
			WITH emptied AS (UPDATE queue_item SET queue_id = NULL WHERE queue_id = $1 RETURNING conversation_id, office_id, state)
			INSERT INTO event (office_id, actor, subject, subject_id, what, why)
			SELECT office_id, $2, 'conversation', conversation_id, 'taken out of ' || $3, 'the queue was deleted' FROM emptied WHERE state <> 'done'`, id, actor.Name, name)
		if err != nil {
			return fmt.Errorf("emptying the queue %s: %w", name, err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM office_queue WHERE id = $1`, id); err != nil {
			return fmt.Errorf("deleting the queue %s: %w", name, err)
		}
		return routingChanged(ctx, tx, officeID, actor, "queue "+name+" deleted")
	})
}

// MoveToQueue puts a conversation into one of its office's own queues by hand, 0
// is none. ErrNotFound where the office has no such queue.
func (db *DB) MoveToQueue(ctx context.Context, conv, queueID int64, actor Actor) error {
	return db.changeItem(ctx, conv, 0, actor, "", func(tx pgx.Tx, q *QueueItem) error {
		was := int64(0)
		if q.QueueID != nil {
			was = *q.QueueID
		}
		if was == queueID {
			return nil
		}
		what := "taken out of its queue"
		if q.QueueID = nil; queueID != 0 {
			name, err := holdQueue(ctx, tx, q.OfficeID, queueID)
			if err != nil {
				return err
			}
			q.QueueID, what = &queueID, "put into "+name
		}
		q.PlacedBy = actor.Name
		return addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: actor.Name, Subject: "conversation", SubjectID: conv, What: what})
	})
}

// holdQueue returns the name of a queue and keeps it from being deleted until
// the transaction ends.
func holdQueue(ctx context.Context, tx pgx.Tx, officeID, id int64) (string, error) {
	var name string
	err := tx.QueryRow(ctx, `SELECT name FROM office_queue WHERE office_id = $1 AND id = $2 FOR KEY SHARE`, officeID, id).Scan(&name)
	if _, err := one(name, err); err != nil {
		return "", fmt.Errorf("reading the queue: %w", err)
	}
	return name, nil
}

// routingChanged records what someone changed in queues or rules, and tells
// the pages.
func routingChanged(ctx context.Context, tx pgx.Tx, officeID int64, actor Actor, what string) error {
	if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "office", SubjectID: officeID, What: what}); err != nil {
		return err
	}
	return notify(ctx, tx, NotifyQueue, officeID)
}

// taken turns the breach of a unique index into ErrExists.
func taken(err error) error {
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == "23505" {
		return ErrExists
	}
	return err
}
