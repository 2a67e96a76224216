package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// FolderRole says what a watched folder holds.
type FolderRole string

// The roles of folders.
const (
	FolderInbox FolderRole = "inbox"
	FolderSent  FolderRole = "sent" // our own mail, whoever wrote it
	FolderJunk  FolderRole = "junk"
)

// Folder is a watched IMAP folder with its two marks. UIDValidity 0: never
// seen. Everything above HighUID is new; history at and above BackfillUID is
// taken in, 1 = all of it.
type Folder struct {
	ID          int64
	OfficeID    int64
	Name        string
	Role        FolderRole
	UIDValidity uint32     `db:"uid_validity"`
	HighUID     uint32     `db:"high_uid"`
	BackfillUID uint32     `db:"backfill_uid"`
	Since       *time.Time // what came before that day is not taken in; nil: all is
}

const folderColumns = `id, office_id, name, role, uid_validity, high_uid, backfill_uid, since`

// EnsureFolder returns that folder of the office; it is made where it is new,
// and its role is what is given now.
func (db *DB) EnsureFolder(ctx context.Context, officeID int64, name string, role FolderRole) (Folder, error) {
	rows, _ := db.pool.Query(ctx, `
		INSERT INTO folder (office_id, name, role) VALUES ($1, $2, $3)
		ON CONFLICT (office_id, name) DO UPDATE SET role = excluded.role
		RETURNING `+folderColumns, officeID, name, role)
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Folder])
	if err != nil {
		return f, fmt.Errorf("reading folder %q: %w", name, err)
	}
	return f, nil
}

// Folders returns the office's watched folders by name.
func (db *DB) Folders(ctx context.Context, officeID int64) ([]Folder, error) {
	rows, _ := db.pool.Query(ctx, `SELECT `+folderColumns+` FROM folder WHERE office_id = $1 ORDER BY name`, officeID)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Folder])
	if err != nil {
		return nil, fmt.Errorf("listing folders: %w", err)
	}
	return list, nil
}

// SetFolderMarks stores the marks of f; what they cover was received before.
// Another UIDVALIDITY, or the same with a lower HighUID and all history still
// to come, means that the server numbers its mail anew: the locations known so
// far are set aside under a number that no server gives, so that a UID used
// again is no known location. Otherwise the marks only widen: of two daemons
// that read one folder the slower one does not set them back.
func (db *DB) SetFolderMarks(ctx context.Context, f Folder) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var validity, high, backfill int64
		err := tx.QueryRow(ctx, `SELECT uid_validity, high_uid, backfill_uid FROM folder WHERE id = $1 FOR UPDATE`, f.ID).Scan(&validity, &high, &backfill)
		if err != nil {
			return err
		}
		newHigh, newBackfill := int64(f.HighUID), int64(f.BackfillUID)
		anew := validity != int64(f.UIDValidity) || newHigh < high && newBackfill == newHigh+1
		if anew {
			if _, err := tx.Exec(ctx, `
				UPDATE location SET uid_validity = uid_validity + (1::bigint << 32) *
					(1 + (SELECT coalesce(max(uid_validity >> 32), 0) FROM location WHERE folder_id = $1 AND (uid_validity & 4294967295) = $2))
				WHERE folder_id = $1 AND uid_validity = $2`, f.ID, f.UIDValidity); err != nil {
				return err
			}
		} else {
			newHigh, newBackfill = max(newHigh, high), min(newBackfill, backfill)
		}
		_, err = tx.Exec(ctx, `
			UPDATE folder SET uid_validity = $2, high_uid = $3, backfill_uid = $4, since = $5, base_uid = CASE WHEN $6 THEN $3 ELSE base_uid END WHERE id = $1`,
			f.ID, f.UIDValidity, newHigh, newBackfill, f.Since, anew)
		return err
	})
	if err != nil {
		return fmt.Errorf("setting the marks of folder %q: %w", f.Name, err)
	}
	return nil
}

// NoteVanished records UIDs between the marks that the server no longer has,
// so that the ledger accounts for them. What is known of a UID already stands.
func (db *DB) NoteVanished(ctx context.Context, f Folder, uidValidity uint32, uids []uint32) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO location (folder_id, uid_validity, uid, outcome, reason)
		SELECT $1, $2, uid, 'vanished', 'gone from the server before it could be read' FROM unnest($3::bigint[]) AS uid
		ON CONFLICT DO NOTHING`, f.ID, uidValidity, bigints(uids))
	if err != nil {
		return fmt.Errorf("noting vanished messages of folder %q: %w", f.Name, err)
	}
	return nil
}

// FetchAgain hands over the UIDs that RetryKeptAside wants to be fetched once
// more; each is handed over once.
func (db *DB) FetchAgain(ctx context.Context, f Folder, uidValidity uint32) ([]uint32, error) {
	rows, err := db.pool.Query(ctx, `
		UPDATE location SET again = false WHERE folder_id = $1 AND uid_validity = $2 AND again RETURNING uid`, f.ID, uidValidity)
	if err != nil {
		return nil, fmt.Errorf("looking what to fetch again of folder %q: %w", f.Name, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uint32])
}

func bigints(uids []uint32) []int64 {
	out := make([]int64, len(uids))
	for i, u := range uids {
		out[i] = int64(u)
	}
	return out
}
