package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// PlannedMail is a mail that a run made, with its text fixed.
type PlannedMail struct {
	OutboxID      int64 // the waiting mail that it takes the place of; 0: a new one
	State         OutboxState
	Kind          NoticeKind
	Rung          int // the highest among its notices
	PatronID      int64
	Recipient     string
	RecipientName string
	Cc            []string
	Subject       string
	BodyText      string
	BodyHTML      string
	MessageID     string // of a new mail; a waiting one keeps its own
	Ref           string
	Template      string
	Reason        string // why it is held
	DecidedFor    Date   // the named day of a run for one; zero: the day on which it goes
	Notices       []DecidedNotice
}

// DecidedNotice is what was decided about one notice.
type DecidedNotice struct {
	TransactionID int64
	Kind          NoticeKind
	Rung          int
	Cycle         Date
	State         NoticeState
	Reason        string
	Days          int
	PlannedOn     Date
	HeldSince     Date // of a held one
}

// SaveMails writes mails with their notices. A waiting mail that is written
// anew keeps its row and Message-ID; a claim on it is void from here on, since
// what the claimer read is no longer what the row says.
func (n *NoticeTx) SaveMails(ctx context.Context, mails []PlannedMail) error {
	if len(mails) == 0 {
		return nil
	}
	c := mailColumns(mails)
	for _, m := range mails {
		n.queued = n.queued || m.State == OutboxQueued
	}
	_, err := n.tx.Exec(ctx, `
		WITH d AS (SELECT * FROM `+mailRows+` WHERE d.id <> 0),
		-- What staff wrote stays as long as it stands in place of the same letter.
		old AS (
			SELECT o.id, o.state, o.edited_from <> '' AND o.edited_from = d.body_text AND o.recipient = d.recipient AS keeps,
			       o.edited_from <> '' AND (o.edited_from <> d.body_text OR o.recipient <> d.recipient) AS outdated
			FROM outbox o JOIN d ON d.id = o.id),
		o AS (
			UPDATE outbox SET state = CASE WHEN old.outdated THEN 'held' ELSE d.state END, rung = d.rung, recipient = d.recipient, recipient_name = d.recipient_name,
				subject = CASE WHEN old.keeps THEN outbox.subject ELSE d.subject END, body_text = CASE WHEN old.keeps THEN outbox.body_text ELSE d.body_text END,
				body_html = CASE WHEN old.keeps THEN '' ELSE d.body_html END, edited_from = CASE WHEN old.keeps THEN outbox.edited_from ELSE '' END,
				cc = string_to_array(d.cc, chr(10)), ref = d.ref, template = d.template, reason = CASE WHEN old.outdated THEN `+outdatedSQL+` ELSE d.reason END, decided_for = d.decided_for,
				claimed_by = '', claimed_until = NULL, not_before = CASE WHEN d.decided_for IS NULL THEN outbox.not_before ELSE now() END
			FROM d JOIN old ON old.id = d.id WHERE outbox.id = d.id AND outbox.state IN ('held', 'queued') RETURNING outbox.id, outbox.state, outbox.reason)
		INSERT INTO event (office_id, actor, subject, subject_id, what, why)
		SELECT $1, 'planner', 'outbox', o.id, o.state, o.reason FROM o JOIN old ON old.id = o.id AND old.state <> o.state`, append([]any{n.officeID}, c...)...)
	if err != nil {
		return fmt.Errorf("writing waiting mails anew: %w", err)
	}
	rows, _ := n.tx.Query(ctx, `
		WITH d AS (SELECT * FROM `+mailRows+` WHERE d.id = 0),
		o AS (
			INSERT INTO outbox (office_id, state, kind, rung, patron_id, recipient, recipient_name, cc, subject, body_text, body_html, message_id, ref, template, reason, decided_for)
			SELECT $1, state, kind, rung, patron_id, recipient, recipient_name, string_to_array(cc, chr(10)), subject, body_text, body_html, message_id, ref, template, reason, decided_for
			FROM d ORDER BY n RETURNING id, message_id, state, reason),
		e AS (
			INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT $1, 'planner', 'outbox', id, state, reason FROM o)
		SELECT message_id, id FROM o`, append([]any{n.officeID}, c...)...)
	made := make(map[string]int64, len(mails))
	var messageID string
	var id int64
	if _, err := pgx.ForEachRow(rows, []any{&messageID, &id}, func() error { made[messageID] = id; return nil }); err != nil {
		return fmt.Errorf("writing planned mails: %w", err)
	}
	var notices []DecidedNotice
	var outboxIDs []int64
	for _, m := range mails {
		id := m.OutboxID
		if id == 0 {
			id = made[m.MessageID]
		}
		for _, d := range m.Notices {
			notices = append(notices, d)
			outboxIDs = append(outboxIDs, id)
		}
	}
	return n.record(ctx, notices, outboxIDs)
}

// outdatedSQL is why a letter waits that staff had edited.
const outdatedSQL = `'edited by hand, but what it tells has changed since: look at it again'`

// mailRows are mails as rows of d, from the arrays of mailColumns.
const mailRows = `unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
	$13::text[], $14::text[], $15::text[], $16::text[], $17::date[]) WITH ORDINALITY AS d (id, state, kind, rung, patron_id, recipient, recipient_name, subject, body_text,
	body_html, message_id, ref, template, reason, cc, decided_for, n)`

// mailColumns turns mails into one array a column: a run of thousands is a few
// statements, not thousands.
func mailColumns(mails []PlannedMail) []any {
	n := len(mails)
	ids, patrons, rungs, decidedFor := make([]int64, n), make([]int64, n), make([]int32, n), make([]Date, n)
	text := make([][]string, 12)
	for i := range text {
		text[i] = make([]string, n)
	}
	for i, m := range mails {
		ids[i], patrons[i], rungs[i], decidedFor[i] = m.OutboxID, m.PatronID, int32(m.Rung), m.DecidedFor
		for c, v := range []string{string(m.State), string(m.Kind), m.Recipient, m.RecipientName, m.Subject, m.BodyText, m.BodyHTML, m.MessageID, m.Ref, m.Template, m.Reason, strings.Join(m.Cc, "\n")} {
			text[c][i] = v
		}
	}
	cols := []any{ids, text[0], text[1], rungs, patrons}
	for _, c := range text[2:] {
		cols = append(cols, c)
	}
	return append(cols, decidedFor)
}

// Record writes decisions that make no mail.
func (n *NoticeTx) Record(ctx context.Context, notices []DecidedNotice) error {
	return n.record(ctx, notices, make([]int64, len(notices)))
}

// record writes notices, each once per cycle: one that was told stays as it
// is, and a run that would tell it again fails as a whole.
func (n *NoticeTx) record(ctx context.Context, notices []DecidedNotice, outboxIDs []int64) error {
	if len(notices) == 0 {
		return nil
	}
	var (
		ids                 = make([]int64, len(notices))
		kinds, states, whys = make([]string, len(notices)), make([]string, len(notices)), make([]string, len(notices))
		rungs, days         = make([]int32, len(notices)), make([]int32, len(notices))
		cycles, on, since   = make([]Date, len(notices)), make([]Date, len(notices)), make([]Date, len(notices))
	)
	for i, d := range notices {
		ids[i], kinds[i], states[i], whys[i] = d.TransactionID, string(d.Kind), string(d.State), d.Reason
		rungs[i], days[i], cycles[i], on[i], since[i] = int32(d.Rung), int32(d.Days), d.Cycle, d.PlannedOn, d.HeldSince
	}
	tag, err := n.tx.Exec(ctx, `
		INSERT INTO notice AS n (office_id, transaction_id, kind, rung, cycle, state, reason, days, outbox_id, planned_on, held_since)
		SELECT $1, d.id, d.kind, d.rung, d.cycle, d.state, d.why, d.days, nullif(d.outbox_id, 0), d.planned_on, d.held_since
		FROM unnest($2::bigint[], $3::text[], $4::int[], $5::date[], $6::text[], $7::text[], $8::int[], $9::bigint[], $10::date[], $11::date[])
			AS d (id, kind, rung, cycle, state, why, days, outbox_id, planned_on, held_since)
		ON CONFLICT (office_id, transaction_id, kind, rung, cycle) DO UPDATE SET
			state = excluded.state, reason = excluded.reason, days = excluded.days, outbox_id = excluded.outbox_id, planned_on = excluded.planned_on,
			decided_at = now(), held_since = excluded.held_since
		WHERE n.state NOT IN ('passed', 'told') AND NOT (n.state = 'planned' AND EXISTS (
			SELECT FROM outbox o WHERE o.id = n.outbox_id AND o.rehearsed_to = '' AND o.state IN ('sending', 'sent', 'failed', 'uncertain')))`,
		n.officeID, ids, kinds, rungs, cycles, states, whys, days, outboxIDs, on, since)
	if err != nil {
		return fmt.Errorf("recording notices: %w", err)
	}
	if tag.RowsAffected() != int64(len(notices)) {
		return fmt.Errorf("recording notices, of which %d were told meanwhile: %w", int64(len(notices))-tag.RowsAffected(), ErrConflict)
	}
	return nil
}

// CancelMails cancels waiting mails whose notices were decided otherwise.
func (n *NoticeTx) CancelMails(ctx context.Context, ids []int64, why string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := n.tx.Exec(ctx, `
		WITH o AS (
			UPDATE outbox SET state = 'cancelled', reason = $2, claimed_by = '', claimed_until = NULL
			WHERE id = ANY ($1) AND state IN ('held', 'queued') RETURNING id, office_id)
		INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT office_id, 'planner', 'outbox', id, 'cancelled', $2 FROM o`, ids, why)
	if err != nil {
		return fmt.Errorf("cancelling mails: %w", err)
	}
	return nil
}

// RaiseHeld puts conversations that have held notices for too long at the top
// of the list, for the supervisor.
func (n *NoticeTx) RaiseHeld(ctx context.Context, conversationIDs []int64, today Date, note string) error {
	if len(conversationIDs) == 0 {
		return nil
	}
	_, err := n.tx.Exec(ctx, `
		WITH q AS (
			UPDATE queue_item SET answer_by = $2, note = $3, state = CASE state WHEN 'snoozed' THEN 'open' ELSE state END, snoozed_until = NULL, updated_at = now()
			WHERE conversation_id = ANY ($1) AND state IN ('new', 'open', 'snoozed') AND (answer_by IS NULL OR answer_by > $2)
			RETURNING office_id, conversation_id)
		INSERT INTO event (office_id, actor, subject, subject_id, what, why) SELECT office_id, 'planner', 'conversation', conversation_id, 'raised', $3 FROM q`,
		conversationIDs, today, note)
	if err != nil {
		return fmt.Errorf("raising conversations: %w", err)
	}
	return notify(ctx, n.tx, NotifyQueue, n.officeID)
}
