package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// RoutingRule says where mail goes when it is filed. Of an office's rules the
// first that fits decides. A condition without values fits everything, but for
// Kinds: none are all kinds except those of machine mail.
type RoutingRule struct {
	ID       int64
	OfficeID int64
	Position int // from 1; the lowest is tried first
	Name     string
	Enabled  bool

	Intents        []string
	Kinds          []string
	Senders        []string // an address, or a domain with all that is below it; lower case
	PatronStatuses []string // in whatever case
	RequestStates  []string // of a request that the mail is filed on; NoRequest: it is filed on none
	Pickups        []string // pickup locations of such a request, in whatever case

	QueueID    *int64
	AssigneeID *int64
	Label      string

	Version     int    // what was read, to be given back when it is saved
	Queue       string // its name; read only
	Assignee    string // name; read only
	AssigneeOff bool   // that account is disabled, so nothing is given to it; read only
}

// NoRequest is the value of RoutingRule.RequestStates for mail that is filed on no request.
const NoRequest = "none"

// RoutingRules returns the rules of an office in their order, those that are
// switched off too.
func (db *DB) RoutingRules(ctx context.Context, officeID int64) ([]RoutingRule, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT r.id, r.office_id, r.position, r.name, r.enabled, r.intents, r.kinds, r.senders, r.patron_statuses, r.request_states, r.pickups,
		       r.queue_id, r.assignee_id, r.label, r.version, coalesce(k.name, '') AS queue,
		       coalesce(nullif(s.full_name, ''), s.username, '') AS assignee, s.disabled_at IS NOT NULL AS assignee_off
		FROM routing_rule r LEFT JOIN office_queue k ON k.id = r.queue_id LEFT JOIN staff s ON s.id = r.assignee_id
		WHERE r.office_id = $1 ORDER BY r.position, r.id`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[RoutingRule])
	if err != nil {
		return nil, fmt.Errorf("reading the routing rules: %w", err)
	}
	return list, nil
}

// SaveRoutingRule adds a rule, where its ID is 0, or changes one, and puts it at
// its Position; 0 and what is beyond the last are the last. ErrConflict where
// someone changed it since it was read, ErrNotFound where it, its queue or its
// assignee is not there.
func (db *DB) SaveRoutingRule(ctx context.Context, r RoutingRule, actor Actor) (int64, error) {
	err := db.changeRules(ctx, r.OfficeID, actor, func(tx pgx.Tx, order []int64) ([]int64, string, error) {
		if r.QueueID != nil {
			if _, err := holdQueue(ctx, tx, r.OfficeID, *r.QueueID); err != nil {
				return nil, "", err
			}
		}
		if r.AssigneeID != nil {
			var there bool
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM staff WHERE id = $1)`, *r.AssigneeID).Scan(&there); err != nil {
				return nil, "", fmt.Errorf("reading the account: %w", err)
			}
			if !there {
				return nil, "", fmt.Errorf("that account: %w", ErrNotFound)
			}
		}
		values := []any{r.OfficeID, r.Name, r.Enabled, orEmpty(r.Intents), orEmpty(r.Kinds), orEmpty(r.Senders), orEmpty(r.PatronStatuses),
			orEmpty(r.RequestStates), orEmpty(r.Pickups), r.QueueID, r.AssigneeID, r.Label}
		what := "rule " + r.Name + " changed"
		if r.ID == 0 {
			what = "rule " + r.Name + " added"
			err := tx.QueryRow(ctx, `
				INSERT INTO routing_rule (position, office_id, name, enabled, intents, kinds, senders, patron_statuses, request_states, pickups, queue_id, assignee_id, label)
				VALUES (0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`, values...).Scan(&r.ID)
			if err != nil {
				return nil, "", fmt.Errorf("adding the rule %s: %w", r.Name, err)
			}
		} else {
			tag, err := tx.Exec(ctx, `
				UPDATE routing_rule SET name = $2, enabled = $3, intents = $4, kinds = $5, senders = $6, patron_statuses = $7, request_states = $8,
					pickups = $9, queue_id = $10, assignee_id = $11, label = $12, version = version + 1
				WHERE office_id = $1 AND id = $13 AND version = $14`, append(values, r.ID, r.Version)...)
			if err != nil {
				return nil, "", fmt.Errorf("changing the rule %s: %w", r.Name, err)
			}
			if tag.RowsAffected() == 0 && slices.Contains(order, r.ID) {
				return nil, "", fmt.Errorf("the rule %s is another one now: %w", r.Name, ErrConflict)
			}
			if tag.RowsAffected() == 0 {
				return nil, "", fmt.Errorf("the rule %s: %w", r.Name, ErrNotFound)
			}
		}
		order = slices.DeleteFunc(order, func(id int64) bool { return id == r.ID })
		at := len(order)
		if r.Position > 0 {
			at = min(r.Position-1, at)
		}
		return slices.Insert(order, at, r.ID), what, nil
	})
	return r.ID, err
}

// MoveRoutingRule has a rule tried earlier, where by is negative, or later.
func (db *DB) MoveRoutingRule(ctx context.Context, officeID, id int64, by int, actor Actor) error {
	return db.changeRule(ctx, officeID, id, actor, func(tx pgx.Tx, name string, order []int64) ([]int64, string, error) {
		at := slices.Index(order, id)
		to := min(max(at+by, 0), len(order)-1)
		order = slices.Insert(slices.Delete(order, at, at+1), to, id)
		return order, fmt.Sprintf("rule %s moved to place %d", name, to+1), nil
	})
}

// SwitchRoutingRule lets a rule be tried or not.
func (db *DB) SwitchRoutingRule(ctx context.Context, officeID, id int64, on bool, actor Actor) error {
	return db.changeRule(ctx, officeID, id, actor, func(tx pgx.Tx, name string, order []int64) ([]int64, string, error) {
		if _, err := tx.Exec(ctx, `UPDATE routing_rule SET enabled = $2, version = version + 1 WHERE id = $1`, id, on); err != nil {
			return nil, "", fmt.Errorf("switching the rule %s: %w", name, err)
		}
		if on {
			return order, "rule " + name + " switched on", nil
		}
		return order, "rule " + name + " switched off", nil
	})
}

// DeleteRoutingRule takes a rule away; what it placed stays where it is.
func (db *DB) DeleteRoutingRule(ctx context.Context, officeID, id int64, actor Actor) error {
	return db.changeRule(ctx, officeID, id, actor, func(tx pgx.Tx, name string, order []int64) ([]int64, string, error) {
		if _, err := tx.Exec(ctx, `DELETE FROM routing_rule WHERE id = $1`, id); err != nil {
			return nil, "", fmt.Errorf("deleting the rule %s: %w", name, err)
		}
		return slices.DeleteFunc(order, func(o int64) bool { return o == id }), "rule " + name + " deleted", nil
	})
}

// changeRule is changeRules for one rule that is there.
func (db *DB) changeRule(ctx context.Context, officeID, id int64, actor Actor, fn func(tx pgx.Tx, name string, order []int64) ([]int64, string, error)) error {
	return db.changeRules(ctx, officeID, actor, func(tx pgx.Tx, order []int64) ([]int64, string, error) {
		var name string
		err := tx.QueryRow(ctx, `SELECT name FROM routing_rule WHERE office_id = $1 AND id = $2`, officeID, id).Scan(&name)
		if _, err := one(name, err); err != nil {
			return nil, "", fmt.Errorf("reading the rule: %w", err)
		}
		return fn(tx, name, order)
	})
}

// changeRules runs fn, which gets the ids of an office's rules in their order
// and returns them as they shall be, with what it did in words. Whoever changes
// an office's rules does so alone: two who move rules at once would mix them up.
func (db *DB) changeRules(ctx context.Context, officeID int64, actor Actor, fn func(tx pgx.Tx, order []int64) ([]int64, string, error)) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM office WHERE id = $1 FOR NO KEY UPDATE`, officeID); err != nil {
			return fmt.Errorf("locking the office: %w", err)
		}
		rows, _ := tx.Query(ctx, `SELECT id FROM routing_rule WHERE office_id = $1 ORDER BY position, id`, officeID)
		order, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("reading the order of the rules: %w", err)
		}
		order, what, err := fn(tx, order)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE routing_rule r SET position = o.n FROM unnest($1::bigint[]) WITH ORDINALITY AS o (id, n) WHERE r.id = o.id AND r.position <> o.n`, order)
		if err != nil {
			return fmt.Errorf("ordering the rules: %w", err)
		}
		return routingChanged(ctx, tx, officeID, actor, what)
	})
}
