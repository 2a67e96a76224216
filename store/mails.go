package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// MailView is a mail of ours as its page shows it.
type MailView struct {
	StoryMail
	OfficeID      int64
	Office        string // code
	RecipientName string
	BodyHTML      string `db:"body_html"`
	Attempts      int
	Searched      int // times Sent was searched in vain
}

// ReadMail returns one mail of the outbox with its office and writer, or ErrNotFound.
func (db *DB) ReadMail(ctx context.Context, id int64) (MailView, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT `+storyMailColumns+`, b.office_id, o.code AS office, b.recipient_name, b.body_html, b.attempts, b.searched
		FROM outbox b JOIN office o ON o.id = b.office_id LEFT JOIN staff s ON s.id = b.staff_id WHERE b.id = $1`, id)
	m, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[MailView]))
	if err != nil {
		return m, fmt.Errorf("reading mail %d: %w", id, err)
	}
	return m, nil
}
