package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// TemplateLanguage is a language besides English in which an office writes,
// and who of the office answers for its letters.
type TemplateLanguage struct {
	Language   string // BCP 47, as the letters' own
	ApprovedBy string // staff username
	ApprovedAt time.Time
}

// TemplateLanguages returns the languages that the office approved.
func (db *DB) TemplateLanguages(ctx context.Context, officeID int64) ([]TemplateLanguage, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT language, approved_by, approved_at FROM template_language WHERE office_id = $1 ORDER BY language`, officeID)
	if err != nil {
		return nil, fmt.Errorf("reading the languages of letters: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[TemplateLanguage])
}

// ApproveLanguage lets letters go out in a language. One that is approved
// already keeps the name of who did it first.
func (db *DB) ApproveLanguage(ctx context.Context, officeID int64, language string, actor Actor) error {
	return db.changeLanguage(ctx, officeID, language, "letters in "+language+" approved", actor, `
		INSERT INTO template_language (office_id, language, approved_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, actor.Name)
}

// StopLanguage makes letters go out in English again in place of a language.
func (db *DB) StopLanguage(ctx context.Context, officeID int64, language string, actor Actor) error {
	return db.changeLanguage(ctx, officeID, language, "letters in "+language+" stopped", actor, `
		DELETE FROM template_language WHERE office_id = $1 AND language = $2`)
}

func (db *DB) changeLanguage(ctx context.Context, officeID int64, language, what string, actor Actor, sql string, args ...any) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, append([]any{officeID, language}, args...)...)
		if err != nil {
			return fmt.Errorf("changing the languages of letters: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "office", SubjectID: officeID, What: what}); err != nil {
			return err
		}
		return notify(ctx, tx, NotifyTemplates, officeID)
	})
}
