package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// TemplateVersion is an office's own words for a letter. Versions are never
// changed or removed: what went out can always be read again. The version in
// force is the one that was approved last.
type TemplateVersion struct {
	ID         int64
	OfficeID   int64
	Name       string // "overdue"
	Language   string // BCP 47: "en", "zh-Hans"
	Source     string
	Author     string // staff username
	CreatedAt  time.Time
	State      TemplateState
	ApprovedBy string     // staff username; "" = nobody yet
	ApprovedAt *time.Time // nil: not yet
}

// TemplateState says whether a version may go out.
type TemplateState string

// The states of a version.
const (
	TemplateDraft    TemplateState = "draft"    // proposed, and never sent
	TemplateApproved TemplateState = "approved" // in force, or was once
)

const templateColumns = `id, office_id, name, language, source, author, created_at, state, approved_by, approved_at`

// TemplatesInForce returns the office's approved letters by name and language.
func (db *DB) TemplatesInForce(ctx context.Context, officeID int64) ([]TemplateVersion, error) {
	return db.templateVersions(ctx, `
		SELECT DISTINCT ON (name, language) `+templateColumns+` FROM template_version
		WHERE office_id = $1 AND state = 'approved' ORDER BY name, language, approved_at DESC, id DESC`, officeID)
}

// TemplateDrafts returns the newest draft of each letter that is newer than
// its version in force: what waits for approval.
func (db *DB) TemplateDrafts(ctx context.Context, officeID int64) ([]TemplateVersion, error) {
	return db.templateVersions(ctx, `
		SELECT DISTINCT ON (name, language) `+templateColumns+` FROM template_version v
		WHERE office_id = $1 AND state = 'draft' AND NOT EXISTS (
			SELECT FROM template_version a WHERE a.office_id = v.office_id AND a.name = v.name AND a.language = v.language
				AND a.state = 'approved' AND a.approved_at > v.created_at)
		ORDER BY name, language, id DESC`, officeID)
}

// TemplateVersions returns all versions of a letter, the newest first.
func (db *DB) TemplateVersions(ctx context.Context, officeID int64, name, language string) ([]TemplateVersion, error) {
	return db.templateVersions(ctx, `
		SELECT `+templateColumns+` FROM template_version
		WHERE office_id = $1 AND name = $2 AND language = $3 ORDER BY id DESC`, officeID, name, language)
}

func (db *DB) templateVersions(ctx context.Context, sql string, args ...any) ([]TemplateVersion, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[TemplateVersion])
}

// ProposeTemplate keeps new words for a letter as a draft and returns its id.
// Words that are the letter's newest version already are not kept twice.
func (db *DB) ProposeTemplate(ctx context.Context, v TemplateVersion, actor Actor) (id int64, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		id, err = proposeTemplate(ctx, tx, v, actor)
		return err
	})
	return id, err
}

func proposeTemplate(ctx context.Context, tx pgx.Tx, v TemplateVersion, actor Actor) (id int64, err error) {
	if err := lockTemplate(ctx, tx, v); err != nil {
		return 0, err
	}
	source := strings.ReplaceAll(strings.ToValidUTF8(v.Source, "\uFFFD"), "\x00", "")
	err = tx.QueryRow(ctx, `
		SELECT id FROM (SELECT id, source FROM template_version
			WHERE office_id = $1 AND name = $2 AND language = $3 ORDER BY id DESC LIMIT 1) newest
		WHERE source = $4`, v.OfficeID, v.Name, v.Language, source).Scan(&id)
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return id, err
	}
	if err := tx.QueryRow(ctx, `
		INSERT INTO template_version (office_id, name, language, source, author) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
		v.OfficeID, v.Name, v.Language, source, actor.Name).Scan(&id); err != nil {
		return 0, fmt.Errorf("keeping the template: %w", err)
	}
	return id, addEvent(ctx, tx, Event{OfficeID: v.OfficeID, Actor: actor.Name, Subject: "template", SubjectID: id, What: "proposed"})
}

// ApproveTemplate puts a draft in force. was is the version that was in force
// when the approver looked, 0 for none: ErrConflict where another is by now,
// and where the draft is approved already.
func (db *DB) ApproveTemplate(ctx context.Context, officeID, id, was int64, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error { return approveTemplate(ctx, tx, officeID, id, was, actor) })
}

func approveTemplate(ctx context.Context, tx pgx.Tx, officeID, id, was int64, actor Actor) error {
	rows, _ := tx.Query(ctx, `SELECT `+templateColumns+` FROM template_version WHERE office_id = $1 AND id = $2`, officeID, id)
	v, err := one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[TemplateVersion]))
	if err != nil {
		return fmt.Errorf("version %d: %w", id, err)
	}
	if err := lockTemplate(ctx, tx, v); err != nil {
		return err
	}
	inForce, err := inForceID(ctx, tx, v)
	if err != nil {
		return err
	}
	if inForce != was {
		return fmt.Errorf("version %d is in force, not %d: %w", inForce, was, ErrConflict)
	}
	// By the clock, not the transaction's begin: of two approvals the later one counts.
	tag, err := tx.Exec(ctx, `
		UPDATE template_version SET state = 'approved', approved_by = $2, approved_at = clock_timestamp()
		WHERE id = $1 AND state = 'draft'`, id, actor.Name)
	if err != nil {
		return fmt.Errorf("approving the template: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("version %d is approved already: %w", id, ErrConflict)
	}
	if err := addEvent(ctx, tx, Event{OfficeID: officeID, Actor: actor.Name, Subject: "template", SubjectID: id, What: "draft → approved"}); err != nil {
		return err
	}
	return notify(ctx, tx, NotifyTemplates, officeID)
}

// PublishTemplate proposes and approves in one: for those who may approve. Its
// errors are those of [DB.ApproveTemplate]. Words that are in force already
// stay so. A restored version comes back in this way, as a new one.
func (db *DB) PublishTemplate(ctx context.Context, v TemplateVersion, was int64, actor Actor) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		id, err := proposeTemplate(ctx, tx, v, actor)
		if err != nil || id == was {
			return err
		}
		return approveTemplate(ctx, tx, v.OfficeID, id, was, actor)
	})
}

// lockTemplate lets one change at a time be made to a letter.
func lockTemplate(ctx context.Context, tx pgx.Tx, v TemplateVersion) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`,
		fmt.Sprintf("template %d %s %s", v.OfficeID, v.Name, v.Language)); err != nil {
		return fmt.Errorf("locking the template: %w", err)
	}
	return nil
}

func inForceID(ctx context.Context, tx pgx.Tx, v TemplateVersion) (id int64, err error) {
	err = tx.QueryRow(ctx, `
		SELECT id FROM template_version WHERE office_id = $1 AND name = $2 AND language = $3 AND state = 'approved'
		ORDER BY approved_at DESC, id DESC LIMIT 1`, v.OfficeID, v.Name, v.Language).Scan(&id)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("looking up the version in force: %w", err)
	}
	return id, nil
}
