package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// File is a file that goes, or went, with a mail of ours.
type File struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"` // bytes
}

// FileData is a file with its bytes.
type FileData struct {
	File
	Data []byte
}

// ErrTooMuch says that a draft cannot take another file: too many, or too big together.
var ErrTooMuch = errors.New("too much for one mail")

const (
	// MaxFiles is how many files a mail of ours may carry.
	MaxFiles = 20
	// MaxFileBytes is how big they may be together. Coded for mail they grow by
	// 37 %, and the large providers refuse more than 25 MB.
	MaxFileBytes = 18 << 20
)

// filesOf is a column of the files of outbox row or draft by where.
func filesOf(where string) string {
	return `coalesce((SELECT jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'content_type', f.content_type, 'size', f.size) ORDER BY f.id)
		FROM attachment f WHERE ` + where + `), '[]') AS files`
}

// AttachFile keeps a file with the draft of that conversation and person, which
// must be there, and returns its id. ErrTooMuch where the mail would grow too big.
func (db *DB) AttachFile(ctx context.Context, conversationID, staffID int64, f FileData) (int64, error) {
	var id int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		// Two uploads at once must not pass the limit together.
		var officeID int64
		err := tx.QueryRow(ctx, `
			SELECT c.office_id FROM draft d JOIN conversation c ON c.id = d.conversation_id
			WHERE d.conversation_id = $1 AND d.staff_id = $2 FOR UPDATE OF d`, conversationID, staffID).Scan(&officeID)
		if _, err = one(officeID, err); err != nil {
			return fmt.Errorf("reading the draft: %w", err)
		}
		var n, size int64
		if err := tx.QueryRow(ctx, `SELECT count(*), coalesce(sum(size), 0) FROM attachment WHERE conversation_id = $1 AND staff_id = $2`,
			conversationID, staffID).Scan(&n, &size); err != nil {
			return fmt.Errorf("adding up the files of a draft: %w", err)
		}
		if n >= MaxFiles || size+int64(len(f.Data)) > MaxFileBytes {
			return fmt.Errorf("attaching a file: %w", ErrTooMuch)
		}
		if err := tx.QueryRow(ctx, `
			INSERT INTO attachment (office_id, conversation_id, staff_id, name, content_type, size, data) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
			officeID, conversationID, staffID, oneLine(f.Name), oneLine(f.ContentType), len(f.Data), f.Data).Scan(&id); err != nil {
			return fmt.Errorf("keeping a file: %w", err)
		}
		return nil
	})
	return id, err
}

// DropFile takes a file off a draft; none is no error.
func (db *DB) DropFile(ctx context.Context, conversationID, staffID, fileID int64) error {
	if _, err := db.pool.Exec(ctx, `DELETE FROM attachment WHERE id = $1 AND conversation_id = $2 AND staff_id = $3`, fileID, conversationID, staffID); err != nil {
		return fmt.Errorf("taking a file off: %w", err)
	}
	return nil
}

// ReadFile returns a file with its bytes, or ErrNotFound.
func (db *DB) ReadFile(ctx context.Context, id int64) (FileData, error) {
	rows, _ := db.pool.Query(ctx, `SELECT id, name, content_type, size, data FROM attachment WHERE id = $1`, id)
	f, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[FileData]))
	if err != nil {
		return f, fmt.Errorf("reading file %d: %w", id, err)
	}
	return f, nil
}

// OutboxFiles returns the files that go with a mail, in the order in which they
// were attached. They never change once the mail is queued.
func (db *DB) OutboxFiles(ctx context.Context, outboxID int64) ([]FileData, error) {
	rows, _ := db.pool.Query(ctx, `SELECT id, name, content_type, size, data FROM attachment WHERE outbox_id = $1 ORDER BY id`, outboxID)
	files, err := pgx.CollectRows(rows, pgx.RowToStructByName[FileData])
	if err != nil {
		return nil, fmt.Errorf("reading the files of mail %d: %w", outboxID, err)
	}
	return files, nil
}

// moveFiles gives files of drafts to the mail that goes with them. One that was
// taken off meanwhile is ErrConflict: what the writer saw is what goes.
func moveFiles(ctx context.Context, tx pgx.Tx, outboxID, conversationID int64, owners, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	tag, err := tx.Exec(ctx, `
		UPDATE attachment SET outbox_id = $1, conversation_id = NULL, staff_id = NULL
		WHERE conversation_id = $2 AND staff_id = ANY ($3) AND id = ANY ($4)`, outboxID, conversationID, owners, ids)
	if err != nil {
		return fmt.Errorf("attaching the files: %w", err)
	}
	if tag.RowsAffected() != int64(len(ids)) {
		return fmt.Errorf("a file was taken off meanwhile: %w", ErrConflict)
	}
	return nil
}
