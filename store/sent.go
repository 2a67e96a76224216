package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SentMail is a mail of ours that a message may answer or report on.
type SentMail struct {
	ID                 int64 // of the outbox row
	ConversationID     *int64
	Kind               string
	Recipient          string
	Cc                 []string
	Subject            string
	MessageID          string
	AliasMessageID     string // the id that the provider put in its place; "" for none
	Ref                string
	PatronUsername     string
	TransactionNumbers []int64 // told about, or on which a reply's conversation is filed
}

// SentKeys say which mails of ours are looked for; each list may be empty.
type SentKeys struct {
	MessageIDs []string
	Refs       []string // X-Illmail-Ref
	// To and Subject find the newest mail with that subject to one of these
	// addresses (lower case) in the seven days before Before: for bounces that
	// name nothing else.
	To      []string
	Subject string
	Before  time.Time
}

// SentMails returns the mails of ours that answer to the keys, newest first.
func (db *DB) SentMails(ctx context.Context, officeID int64, k SentKeys) ([]SentMail, error) {
	if len(k.MessageIDs) == 0 && len(k.Refs) == 0 && (len(k.To) == 0 || k.Subject == "") {
		return nil, nil
	}
	rows, _ := db.pool.Query(ctx, `
		SELECT o.id, o.conversation_id, o.kind, o.recipient, o.cc, o.subject, o.message_id, o.alias_message_id, o.ref, coalesce(p.username, '') AS patron_username,
		       coalesce((SELECT array_agg(DISTINCT t.transaction_number ORDER BY t.transaction_number) FROM transaction t WHERE t.id IN (
		           SELECT n.transaction_id FROM notice n WHERE n.outbox_id = o.id
		           UNION SELECT f.transaction_id FROM conversation_filed f WHERE o.kind = 'reply' AND f.conversation_id = o.conversation_id)), '{}') AS transaction_numbers
		FROM outbox o LEFT JOIN patron p ON p.id = o.patron_id
		WHERE o.id IN (
			SELECT id FROM outbox WHERE office_id = $1 AND message_id = ANY ($2)
			UNION SELECT id FROM outbox WHERE office_id = $1 AND alias_message_id <> '' AND alias_message_id = ANY ($2)
			UNION SELECT id FROM outbox WHERE office_id = $1 AND ref <> '' AND ref = ANY ($3)
			UNION (SELECT id FROM outbox WHERE office_id = $1 AND lower(recipient) = ANY ($4) AND subject = $5 AND $5 <> ''
			         AND coalesce(sent_at, sending_at) BETWEEN $6::timestamptz - interval '7 days' AND $6
			       ORDER BY coalesce(sent_at, sending_at) DESC LIMIT 1))
		ORDER BY o.id DESC LIMIT 50`, officeID, orEmpty(k.MessageIDs), orEmpty(k.Refs), orEmpty(k.To), k.Subject, k.Before)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[SentMail])
	if err != nil {
		return nil, fmt.Errorf("looking for mail of ours: %w", err)
	}
	return list, nil
}

// AnswersElsewhere looks whether what colleagues answer in Outlook or webmail
// reaches the office's Sent: unknown is how many mails that came in since then
// answer one that is neither ours nor anything that was read here, and kept how
// many mails are here that a person of the office wrote outside this program.
func (db *DB) AnswersElsewhere(ctx context.Context, officeID int64, since time.Time) (unknown, kept int, err error) {
	err = db.pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE direction = 'in' AND kind IN ('patron', 'partner') AND refs[1] <> ''
				AND NOT EXISTS (SELECT FROM message o WHERE o.office_id = m.office_id AND o.message_id = m.refs[1])
				AND NOT EXISTS (SELECT FROM outbox b WHERE b.office_id = m.office_id AND (b.message_id = m.refs[1] OR b.alias_message_id = m.refs[1]))),
			count(*) FILTER (WHERE direction = 'out' AND outbox_id IS NULL)
		FROM message m WHERE office_id = $1 AND state = 'filed' AND internal_date >= $2`, officeID, since).Scan(&unknown, &kept)
	if err != nil {
		return 0, 0, fmt.Errorf("looking for answers that were written elsewhere: %w", err)
	}
	return unknown, kept, nil
}
