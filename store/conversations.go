package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// candidate is a conversation that some key of a message leads to.
type candidate struct {
	ID        int64
	PatronID  *int64
	SplitFrom *int64
	Refs      []string // the keys that lead here
}

// chooseConversation returns where the message belongs. Keys that lead to
// several conversations join them, into the one with the lowest id, so that any
// order of arrival gives the same conversations; not those of two patrons, and
// not what staff took apart: between them the nearest key decides.
func (fl *filer) chooseConversation(ctx context.Context) (int64, error) {
	keys := fl.keys()
	var outboxIDs []int64
	if len(fl.f.Reports) == 0 {
		for _, h := range fl.outbox {
			outboxIDs = append(outboxIDs, h.ID)
		}
	}
	found, err := fl.candidates(ctx, keys, outboxIDs)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		if fl.mine != nil {
			return 0, nil // the copy of a notice that nobody answered yet
		}
		return fl.newConversation(ctx)
	}
	near := found[0]
	best := len(keys)
	for _, c := range found {
		for _, r := range c.Refs {
			if i := slices.Index(keys, r); i >= 0 && i < best {
				near, best = c, i
			}
		}
	}
	same := []int64{}
	for _, c := range found {
		if c.ID == near.ID || mayJoin(c, near) {
			same = append(same, c.ID) // ordered by id
		}
	}
	for _, loser := range same[1:] {
		if err := mergeConversations(ctx, fl.tx, same[0], loser, "intake", "a message belongs to both"); err != nil {
			return 0, err
		}
	}
	return same[0], nil
}

// candidates are the conversations to which the keys lead, locked, by id. Staff
// may join, split or close one while its lock is waited for: then they are
// looked up again.
func (fl *filer) candidates(ctx context.Context, keys []string, outboxIDs []int64) ([]candidate, error) {
	var locked []int64
	for {
		rows, _ := fl.tx.Query(ctx, `
			SELECT c.id, c.patron_id, c.split_from, coalesce(array_agg(k.ref) FILTER (WHERE k.ref <> ''), '{}') AS refs
			FROM (
				SELECT conversation_id, ref FROM message_ref WHERE office_id = $1 AND ref = ANY ($2)
				UNION ALL SELECT conversation_id, message_id FROM outbox WHERE id = ANY ($3) AND conversation_id IS NOT NULL
				UNION ALL SELECT r.conversation_id, r.ref FROM message_ref r JOIN queue_item q ON q.conversation_id = r.conversation_id
				          WHERE r.office_id = $1 AND $4 <> '' AND r.ref = $4 AND q.state <> 'done'
			) k JOIN conversation c ON c.id = k.conversation_id
			WHERE c.merged_into IS NULL
			GROUP BY c.id ORDER BY c.id`, fl.officeID, keys, outboxIDs, fl.f.About)
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[candidate])
		if err != nil {
			return nil, fmt.Errorf("looking for the conversation: %w", err)
		}
		ids := make([]int64, len(found))
		for i, c := range found {
			ids[i] = c.ID
		}
		if slices.Equal(ids, locked) {
			return found, nil
		}
		if _, err := fl.tx.Exec(ctx, `SELECT FROM conversation WHERE id = ANY ($1) ORDER BY id FOR UPDATE`, ids); err != nil {
			return nil, fmt.Errorf("locking the conversation: %w", err)
		}
		locked = ids
	}
}

func mayJoin(a, b candidate) bool {
	if a.PatronID != nil && b.PatronID != nil && *a.PatronID != *b.PatronID {
		return false
	}
	return !(a.SplitFrom != nil && *a.SplitFrom == b.ID || b.SplitFrom != nil && *b.SplitFrom == a.ID)
}

func (fl *filer) newConversation(ctx context.Context) (int64, error) {
	var id int64
	err := fl.tx.QueryRow(ctx, `INSERT INTO conversation (office_id, subject, patron_id) VALUES ($1, $2, $3) RETURNING id`,
		fl.officeID, fl.f.Subject, fl.patronID).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("opening a conversation: %w", err)
	}
	return id, nil
}

// mergeConversations moves everything of loser to winner; loser stays as a
// row that points there, for links that someone keeps.
func mergeConversations(ctx context.Context, tx pgx.Tx, winner, loser int64, actor, why string) error {
	for _, sql := range []string{
		`UPDATE message SET conversation_id = $1 WHERE conversation_id = $2`,
		`INSERT INTO message_ref (office_id, ref, conversation_id) SELECT office_id, ref, $1 FROM message_ref WHERE conversation_id = $2 ON CONFLICT DO NOTHING`,
		`DELETE FROM message_ref WHERE conversation_id = $2 AND $1 > 0`,
		`INSERT INTO conversation_request SELECT $1, transaction_id FROM conversation_request WHERE conversation_id = $2 ON CONFLICT DO NOTHING`,
		`DELETE FROM conversation_request WHERE conversation_id = $2 AND $1 > 0`,
		`UPDATE outbox SET conversation_id = $1 WHERE conversation_id = $2`,
		`UPDATE note SET conversation_id = $1 WHERE conversation_id = $2`,
		`INSERT INTO unanswered SELECT $1, waiting_since, outbox_id, told_at FROM unanswered WHERE conversation_id = $2 ON CONFLICT DO NOTHING`,
		`INSERT INTO draft (conversation_id, staff_id, recipient, cc, subject, body, template, wants_approval, updated_at)
			SELECT $1, staff_id, recipient, cc, subject, body, template, wants_approval, updated_at FROM draft WHERE conversation_id = $2
			ON CONFLICT (conversation_id, staff_id) DO UPDATE SET body = draft.body || E'\n\n' || excluded.body`,
		`UPDATE attachment SET conversation_id = $1 WHERE conversation_id = $2`,
		`DELETE FROM draft WHERE conversation_id = $2 AND $1 > 0`,
		`UPDATE event SET subject_id = $1 WHERE subject = 'conversation' AND subject_id = $2`,
		`UPDATE conversation SET merged_into = $1 WHERE merged_into = $2`,
		`UPDATE conversation w SET patron_id = coalesce(w.patron_id, l.patron_id) FROM conversation l WHERE w.id = $1 AND l.id = $2`,
	} {
		if _, err := tx.Exec(ctx, sql, winner, loser); err != nil {
			return fmt.Errorf("joining conversations %d and %d: %w", winner, loser, err)
		}
	}
	if err := mergeItems(ctx, tx, winner, loser); err != nil {
		return err
	}
	var officeID int64
	err := tx.QueryRow(ctx, `UPDATE conversation SET merged_into = $1 WHERE id = $2 RETURNING office_id`, winner, loser).Scan(&officeID)
	if err != nil {
		return fmt.Errorf("joining conversations %d and %d: %w", winner, loser, err)
	}
	return addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor, Subject: "conversation", SubjectID: winner,
		What: fmt.Sprintf("joined with conversation %d", loser), Why: why})
}

// mergeItems makes one queue item of two.
func mergeItems(ctx context.Context, tx pgx.Tx, winner, loser int64) error {
	a, err := lockItem(ctx, tx, winner)
	if err != nil {
		return err
	}
	b, err := lockItem(ctx, tx, loser)
	if err != nil || b == nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM queue_item WHERE conversation_id = $1`, loser); err != nil {
		return fmt.Errorf("dropping the item of conversation %d: %w", loser, err)
	}
	if a == nil {
		b.ConversationID = winner
		return putItem(ctx, tx, b)
	}
	a.State = joinStates(a.State, b.State)
	if b.WaitingSince.Before(a.WaitingSince) {
		a.WaitingSince = b.WaitingSince
	}
	if a.AnswerBy.IsZero() || !b.AnswerBy.IsZero() && b.AnswerBy.Before(a.AnswerBy) {
		a.AnswerBy = b.AnswerBy
	}
	if a.AssignedTo == nil {
		a.AssignedTo = b.AssignedTo
	}
	if a.Kind == "" {
		a.Kind, a.Intent, a.IntentP = b.Kind, b.Intent, b.IntentP
	}
	if a.SnoozedUntil == nil || b.SnoozedUntil != nil && b.SnoozedUntil.Before(*a.SnoozedUntil) {
		a.SnoozedUntil = b.SnoozedUntil
	}
	if a.State != ItemSnoozed {
		a.SnoozedUntil = nil
	}
	for _, i := range b.Intents {
		if !slices.Contains(a.Intents, i) {
			a.Intents = append(a.Intents, i)
		}
	}
	if a.Note == "" {
		a.Note = b.Note
	}
	if a.Label == "" {
		a.Label = b.Label
	}
	if a.QueueID == nil {
		a.QueueID = b.QueueID
	}
	if a.PlacedBy == "" {
		a.PlacedBy = b.PlacedBy
	}
	// Whoever has either page open sees a change.
	if b.LastMessageID != nil && (a.LastMessageID == nil || *b.LastMessageID > *a.LastMessageID) {
		a.LastMessageID = b.LastMessageID
	}
	return putItem(ctx, tx, a)
}

// ConversationOf returns where a conversation is now: itself, or the one that
// it was joined with. ErrNotFound where there is none.
func (db *DB) ConversationOf(ctx context.Context, id int64) (int64, error) {
	var now int64
	err := db.pool.QueryRow(ctx, `SELECT coalesce(merged_into, id) FROM conversation WHERE id = $1`, id).Scan(&now)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("conversation %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("reading conversation %d: %w", id, err)
	}
	return now, nil
}

// lockConversation takes the row for the transaction and returns its office.
func lockConversation(ctx context.Context, tx pgx.Tx, id int64) (officeID int64, err error) {
	var merged *int64
	err = tx.QueryRow(ctx, `SELECT office_id, merged_into FROM conversation WHERE id = $1 FOR UPDATE`, id).Scan(&officeID, &merged)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, fmt.Errorf("conversation %d: %w", id, ErrNotFound)
	case err != nil:
		return 0, fmt.Errorf("locking conversation %d: %w", id, err)
	case merged != nil:
		return 0, fmt.Errorf("conversation %d was joined with %d: %w", id, *merged, ErrConflict)
	}
	return officeID, nil
}

// MergeConversations joins two conversations of one office by hand; the one
// with the lower id stays and is returned.
func (db *DB) MergeConversations(ctx context.Context, a, b int64, actor Actor) (int64, error) {
	if a == b {
		return 0, fmt.Errorf("joining conversation %d with itself: %w", a, ErrConflict)
	}
	winner, loser := min(a, b), max(a, b)
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		o1, err := lockConversation(ctx, tx, winner)
		if err != nil {
			return err
		}
		o2, err := lockConversation(ctx, tx, loser)
		if err != nil {
			return err
		}
		if o1 != o2 {
			return fmt.Errorf("joining conversations of two offices: %w", ErrConflict)
		}
		was, err := keepJoined(ctx, tx, loser)
		if err != nil {
			return err
		}
		if err := keepUndo(ctx, tx, o1, winner, "joined", actor, was); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE conversation SET split_from = NULL WHERE id IN ($1, $2) AND split_from IN ($1, $2)`, winner, loser); err != nil {
			return fmt.Errorf("joining conversations: %w", err)
		}
		if err := mergeConversations(ctx, tx, winner, loser, actor.Name, "by hand"); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyQueue, o1)
	})
	return winner, err
}

// SplitConversation moves messages of a conversation into a new one, which is
// returned. References never join the two again. The messages must be of the
// conversation, and one at least must stay: else ErrConflict.
func (db *DB) SplitConversation(ctx context.Context, id int64, messageIDs []int64, actor Actor) (int64, error) {
	var fresh int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		officeID, err := lockConversation(ctx, tx, id)
		if err != nil {
			return err
		}
		var moving, all int
		err = tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE id = ANY ($2)), count(*) FROM message WHERE conversation_id = $1`, id, messageIDs).Scan(&moving, &all)
		if err != nil {
			return fmt.Errorf("splitting conversation %d: %w", id, err)
		}
		if moving == 0 || moving != len(messageIDs) || moving == all {
			return fmt.Errorf("splitting conversation %d: some of its messages must go and some stay: %w", id, ErrConflict)
		}
		if err := keepUndo(ctx, tx, officeID, id, "split", actor, before{}); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			INSERT INTO conversation (office_id, subject, patron_id, split_from)
			SELECT office_id, subject, patron_id, $2 FROM message WHERE id = ANY ($1) ORDER BY internal_date, id LIMIT 1 RETURNING id`, messageIDs, id).Scan(&fresh)
		if err != nil {
			return fmt.Errorf("splitting conversation %d: %w", id, err)
		}
		for _, sql := range []string{
			`UPDATE message SET conversation_id = $2 WHERE id = ANY ($3) AND conversation_id = $1`,
			`UPDATE message_ref r SET conversation_id = $2 FROM message m
				WHERE m.id = ANY ($3) AND m.message_id <> '' AND r.office_id = m.office_id AND r.ref = m.message_id AND r.conversation_id = $1`,
			`DELETE FROM message_ref WHERE conversation_id = $1 AND ref LIKE 'about:%' AND $2 > 0 AND $3::bigint[] IS NOT NULL`,
		} {
			if _, err := tx.Exec(ctx, sql, id, fresh, messageIDs); err != nil {
				return fmt.Errorf("splitting conversation %d: %w", id, err)
			}
		}
		for _, c := range []int64{id, fresh} {
			if err := rebuildItem(ctx, tx, officeID, c); err != nil {
				return err
			}
		}
		for _, e := range []Event{
			{SubjectID: id, What: fmt.Sprintf("%d messages went into conversation %d", moving, fresh)},
			{SubjectID: fresh, What: fmt.Sprintf("split from conversation %d", id)},
		} {
			e.OfficeID, e.Actor, e.Subject = officeID, actor.Name, "conversation"
			if err := addEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyQueue, officeID)
	})
	return fresh, err
}
