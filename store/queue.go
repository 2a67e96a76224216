package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ItemState is where a conversation stands for the people who answer it; its
// CHECK twin is queue_item.state.
type ItemState string

// The states of a queue item.
const (
	ItemNew            ItemState = "new"  // nobody looked at it yet
	ItemOpen           ItemState = "open" // waits for our answer
	ItemWaitingPatron  ItemState = "waiting_patron"
	ItemWaitingPartner ItemState = "waiting_partner"
	ItemSnoozed        ItemState = "snoozed"
	ItemDone           ItemState = "done"
)

// Waits reports whether someone waits for our answer.
func (s ItemState) Waits() bool { return s == ItemNew || s == ItemOpen || s == ItemSnoozed }

// Actor is who does something: a member of staff, or a part of the program.
type Actor struct {
	StaffID int64  // 0: not a person
	Name    string // username, or the part: intake
}

// QueueItem is what waits for a person, one a conversation.
type QueueItem struct {
	ConversationID int64
	OfficeID       int64
	State          ItemState
	Kind           string
	Intent         string
	IntentP        float32
	Intents        []string // all that the mail not yet answered may want
	AssignedTo     *int64
	WaitingSince   time.Time
	AnswerBy       Date
	SnoozedUntil   *time.Time
	Label          string
	QueueID        *int64 // of the office's own queues
	PlacedBy       string // who last gave, moved or labelled it by hand: no rule touches it any more
	Note           string
	LastMessageID  *int64 // the last that a writer must have seen
}

const itemColumns = `conversation_id, office_id, state, kind, intent, intent_p, intents, assigned_to, waiting_since, answer_by, snoozed_until, label, queue_id, placed_by, note, last_message_id`

// Item returns the queue item of a conversation, or ErrNotFound.
func (db *DB) Item(ctx context.Context, conversationID int64) (QueueItem, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+itemColumns+` FROM queue_item WHERE conversation_id = $1`, conversationID)
	q, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[QueueItem]))
	if err != nil {
		return q, fmt.Errorf("reading the item of conversation %d: %w", conversationID, err)
	}
	return q, nil
}

// lockItem returns the item, taken for the transaction, or nil.
func lockItem(ctx context.Context, tx pgx.Tx, conversationID int64) (*QueueItem, error) {
	rows, _ := tx.Query(ctx, `SELECT `+itemColumns+` FROM queue_item WHERE conversation_id = $1 FOR UPDATE`, conversationID)
	q, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByName[QueueItem])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("locking the item of conversation %d: %w", conversationID, err)
	}
	return q, nil
}

func putItem(ctx context.Context, tx pgx.Tx, q *QueueItem) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO queue_item (`+itemColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (conversation_id) DO UPDATE SET state = excluded.state, kind = excluded.kind, intent = excluded.intent, intent_p = excluded.intent_p,
			intents = excluded.intents, assigned_to = excluded.assigned_to, waiting_since = excluded.waiting_since, answer_by = excluded.answer_by,
			snoozed_until = excluded.snoozed_until, label = excluded.label, queue_id = excluded.queue_id, placed_by = excluded.placed_by,
			note = excluded.note, last_message_id = excluded.last_message_id, updated_at = now()`,
		q.ConversationID, q.OfficeID, q.State, q.Kind, q.Intent, q.IntentP, orEmpty(q.Intents), q.AssignedTo, q.WaitingSince, q.AnswerBy,
		q.SnoozedUntil, q.Label, q.QueueID, q.PlacedBy, q.Note, q.LastMessageID)
	if err != nil {
		return fmt.Errorf("writing the item of conversation %d: %w", q.ConversationID, err)
	}
	return nil
}

// arrival is what the state of an item needs to know of a message just filed.
type arrival struct {
	waits     bool // it waits for staff
	out       bool // we wrote it, outside of illmail
	answered  bool // the conversation has an answer of ours, and nothing after it waits
	toPartner bool // that answer went to a partner
}

// after is the state once that message is filed. Thanks, auto-replies and our
// own copies change nothing; what waits brings the item back.
func (s ItemState) after(a arrival) ItemState {
	switch {
	case a.waits && (s == "" || s == ItemNew):
		return ItemNew
	case a.waits:
		return ItemOpen
	case a.answered && s != ItemDone:
		if a.toPartner {
			return ItemWaitingPartner
		}
		return ItemWaitingPatron
	case s != "":
		return s
	case a.out:
		return ItemWaitingPatron // we wrote first
	}
	return ItemDone
}

// joinStates is the state of two conversations joined: that which asks more of us.
func joinStates(a, b ItemState) ItemState {
	order := []ItemState{ItemOpen, ItemNew, ItemSnoozed, ItemWaitingPatron, ItemWaitingPartner, ItemDone}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

// pending is what of a conversation still waits for an answer.
type pending struct {
	Unhandled int
	Since     *time.Time // of the first that waits
	Intents   []string
	Kind      string // of the newest that waits, else of the newest that came
	Intent    string
	IntentP   float32
	Answered  bool // there is an answer of ours written elsewhere
	ToPartner bool
}

// readPending marks as handled what an answer written outside of illmail
// answers, and returns what is left. Such an answer counts for the messages
// that it names in its references and those before them, where To or Cc holds
// someone of the conversation; a forward to a colleague does not. (A date alone
// proves nothing: what came in while someone wrote was not seen.) Answers
// through illmail handled what their writer saw when they were queued.
func readPending(ctx context.Context, tx pgx.Tx, conv int64, own []string) (pending, error) {
	var p pending
	rows, _ := tx.Query(ctx, `
		SELECT lower(a.addr) AS addr, bool_and(a.partner) AS partner FROM (
			SELECT unnest(ARRAY[from_addr, reply_to]) AS addr, kind IN ('partner', 'vendor', 'system') AS partner FROM message
			WHERE conversation_id = $1 AND direction = 'in' AND kind NOT IN ('bulk', 'bounce', 'auto_reply')
			UNION ALL SELECT p.email, false FROM conversation c JOIN patron p ON p.id = c.patron_id WHERE c.id = $1
			UNION ALL SELECT a.address, false FROM conversation c JOIN patron_address a ON a.patron_id = c.patron_id WHERE c.id = $1) a
		WHERE a.addr <> '' AND NOT lower(a.addr) = ANY ($2) GROUP BY 1`, conv, lower(own))
	type person struct {
		Addr    string
		Partner bool
	}
	people, err := pgx.CollectRows(rows, pgx.RowToStructByName[person])
	if err != nil {
		return p, fmt.Errorf("reading the people of conversation %d: %w", conv, err)
	}
	all, patrons := []string{}, []string{}
	for _, x := range people {
		all = append(all, x.Addr)
		if !x.Partner {
			patrons = append(patrons, x.Addr)
		}
	}
	if _, err := tx.Exec(ctx, `
		UPDATE message i SET handled_at = now()
		FROM message o JOIN message r ON r.conversation_id = o.conversation_id AND r.direction = 'in' AND r.message_id <> '' AND r.message_id = ANY (o.refs)
		WHERE o.conversation_id = $1 AND o.direction = 'out' AND o.outbox_id IS NULL AND (o.to_addrs || o.cc_addrs) && $2::text[]
		  AND i.conversation_id = $1 AND i.direction = 'in' AND i.needs_staff AND i.handled_at IS NULL AND i.internal_date <= r.internal_date`, conv, all); err != nil {
		return p, fmt.Errorf("noting what is answered in conversation %d: %w", conv, err)
	}
	err = tx.QueryRow(ctx, `
		SELECT count(*), min(internal_date),
		       coalesce((SELECT array_agg(DISTINCT i.v ->> 'intent') FROM message m, jsonb_array_elements(m.intents) WITH ORDINALITY AS i (v, n)
		                 WHERE m.conversation_id = $1 AND m.direction = 'in' AND m.needs_staff AND m.handled_at IS NULL
		                   AND (i.n = 1 OR (i.v ->> 'p')::float8 >= 0.3)), '{}')
		FROM message WHERE conversation_id = $1 AND direction = 'in' AND needs_staff AND handled_at IS NULL`, conv).Scan(&p.Unhandled, &p.Since, &p.Intents)
	if err != nil {
		return p, fmt.Errorf("reading what waits in conversation %d: %w", conv, err)
	}
	err = tx.QueryRow(ctx, `
		SELECT kind, coalesce(intents -> 0 ->> 'intent', ''), coalesce((intents -> 0 ->> 'p')::real, 0) FROM message
		WHERE conversation_id = $1 AND direction = 'in'
		ORDER BY (needs_staff AND handled_at IS NULL) DESC, needs_staff DESC, internal_date DESC, id DESC LIMIT 1`, conv).Scan(&p.Kind, &p.Intent, &p.IntentP)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("reading what conversation %d is about: %w", conv, err)
	}
	err = tx.QueryRow(ctx, `
		SELECT NOT (to_addrs || cc_addrs) && $3::text[] FROM message
		WHERE conversation_id = $1 AND direction = 'out' AND outbox_id IS NULL AND (to_addrs || cc_addrs) && $2::text[]
		ORDER BY internal_date DESC, id DESC LIMIT 1`, conv, all, patrons).Scan(&p.ToPartner)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("reading the answers of conversation %d: %w", conv, err)
	}
	p.Answered = err == nil
	return p, nil
}

// settleFiled brings the queue item in line with a message just filed.
func settleFiled(ctx context.Context, tx pgx.Tx, conv int64, own []string, f *Filing) error {
	p, err := readPending(ctx, tx, conv, own)
	if err != nil {
		return err
	}
	var waits, ownCopy, handled, first bool
	var at time.Time
	var officeID int64
	err = tx.QueryRow(ctx, `
		SELECT direction = 'in' AND needs_staff AND handled_at IS NULL, direction = 'in' AND handled_at IS NOT NULL, outbox_id IS NOT NULL, internal_date, office_id,
		       NOT EXISTS (SELECT FROM message o WHERE o.conversation_id = $2 AND o.direction = 'in' AND o.id <> $1)
		FROM message WHERE id = $1`, f.ID, conv).Scan(&waits, &handled, &ownCopy, &at, &officeID, &first)
	if err != nil {
		return fmt.Errorf("reading the message just filed: %w", err)
	}
	q, err := lockItem(ctx, tx, conv)
	if err != nil {
		return err
	}
	old := ItemState("")
	if q == nil {
		q = &QueueItem{ConversationID: conv, OfficeID: officeID, WaitingSince: at}
	} else {
		old = q.State
	}
	if f.Out && ownCopy && old != "" {
		return nil // the item moved when the reply was queued
	}
	from := old
	if first && old != ItemDone {
		from = "" // mail of ours was there before the mail it answers
	}
	q.State = from.after(arrival{
		waits: waits, out: f.Out, toPartner: p.ToPartner,
		answered: p.Answered && p.Unhandled == 0 && (f.Out || handled),
	})
	q.apply(p)
	if waits && !f.AnswerBy.IsZero() && (q.AnswerBy.IsZero() || f.AnswerBy.Before(q.AnswerBy)) {
		q.AnswerBy = f.AnswerBy
	}
	if f.Note != "" {
		q.Note = f.Note
	}
	if waits && f.RuleID != 0 {
		if err := placeByRule(ctx, tx, q, f); err != nil {
			return err
		}
	}
	if !ownCopy && f.Kind != "auto_reply" || q.LastMessageID == nil {
		q.LastMessageID = &f.ID
	}
	if err := putItem(ctx, tx, q); err != nil {
		return err
	}
	return itemEvent(ctx, tx, q, old, Actor{Name: "intake"}, f.why())
}

// apply takes over what waits.
func (q *QueueItem) apply(p pending) {
	if p.Unhandled > 0 {
		q.WaitingSince, q.Intents = *p.Since, p.Intents
	}
	if p.Unhandled > 0 || q.Kind == "" {
		q.Kind, q.Intent, q.IntentP = p.Kind, p.Intent, p.IntentP
	}
	if !q.State.Waits() {
		q.AnswerBy = Date{}
	}
	if q.State != ItemSnoozed {
		q.SnoozedUntil = nil
	}
}

// why says in the event row what moved the item.
func (f *Filing) why() string {
	switch {
	case f.Out:
		return "mail of ours read in Sent"
	case len(f.Intents) > 0:
		return f.Kind + " mail: " + f.Intents[0].Intent
	}
	return strings.ReplaceAll(f.Kind, "_", "-") + " mail"
}

// rebuildItem makes the item of a conversation whose messages changed hands.
func rebuildItem(ctx context.Context, tx pgx.Tx, officeID, conv int64) error {
	p, err := readPending(ctx, tx, conv, nil)
	if err != nil {
		return err
	}
	q, err := lockItem(ctx, tx, conv)
	if err != nil {
		return err
	}
	if q == nil {
		q = &QueueItem{ConversationID: conv, OfficeID: officeID, State: ItemDone}
	}
	if p.Unhandled > 0 && !q.State.Waits() {
		q.State = ItemOpen
	}
	if p.Unhandled == 0 && q.State.Waits() {
		q.State = ItemDone
	}
	q.Kind = ""
	q.apply(p)
	err = tx.QueryRow(ctx, `SELECT max(id), coalesce($2, max(internal_date)) FROM message WHERE conversation_id = $1`, conv, p.Since).Scan(&q.LastMessageID, &q.WaitingSince)
	if err != nil {
		return fmt.Errorf("reading conversation %d: %w", conv, err)
	}
	return putItem(ctx, tx, q)
}

// itemEvent records a change of state, if there was one.
func itemEvent(ctx context.Context, tx pgx.Tx, q *QueueItem, old ItemState, actor Actor, why string) error {
	if old == q.State {
		return nil
	}
	what := string(q.State)
	if old != "" {
		what = string(old) + " → " + what
	}
	return addEvent(ctx, tx, Event{OfficeID: q.OfficeID, Actor: actor.Name, Subject: "conversation", SubjectID: q.ConversationID, What: what, Why: why})
}

func lower(s []string) []string {
	out := make([]string, len(s))
	for i, x := range s {
		out[i] = strings.ToLower(x)
	}
	return out
}
