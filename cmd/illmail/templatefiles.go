package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"illmail/notices"
	"illmail/store"
	"illmail/templates"
)

// officeLettersFlag names the office whose templates are meant.
type officeLettersFlag struct {
	configFlag
	Office string `help:"The office, where the configuration has several." placeholder:"CODE"`
}

// letters are those of the office that was named, or of the only one.
func (f officeLettersFlag) letters(inst *installation) (*OfficeConfig, *notices.Letters, error) {
	offices, err := inst.pick(f.Office)
	if err != nil {
		return nil, nil, err
	}
	if len(offices) > 1 {
		return nil, nil, usageError("there are several offices; say which by --office")
	}
	return offices[0], inst.letters[offices[0].Code], nil
}

type templateExportCmd struct {
	officeLettersFlag
	Dir string `arg:"" help:"The folder; it is made where there is none." type:"path"`
}

func (c templateExportCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		_, letters, err := c.letters(inst)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(c.Dir, 0o755); err != nil {
			return fmt.Errorf("making the folder: %w", err)
		}
		all := letters.Set().All()
		for _, t := range all {
			if err := os.WriteFile(filepath.Join(c.Dir, templates.FileName(t.Name, t.Language)), []byte(t.Source), 0o644); err != nil {
				return fmt.Errorf("writing the template %s: %w", t.Name, err)
			}
		}
		_, err = fmt.Fprintf(e.stdout, "%d templates are in %s.\n", len(all), c.Dir)
		return err
	})
}

type templateImportCmd struct {
	officeLettersFlag
	By      string   `required:"" help:"The staff account in whose name they come." placeholder:"USERNAME"`
	Approve bool     `help:"Approve them, too: the account is a supervisor's."`
	Files   []string `arg:"" help:"NAME.md, or NAME.LANGUAGE.md." type:"existingfile"`
}

// Run takes all files or none: a broken one is told with its line. Words that
// are in force already make no new version.
func (c templateImportCmd) Run(e *env) error {
	parsed := make([]*templates.Template, len(c.Files))
	var broken error
	for i, file := range c.Files {
		source, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the template: %w", err)
		}
		name, language, ok := templates.SplitFileName(filepath.Base(file))
		if !ok {
			return usageError(fmt.Sprintf("%s is not named like a template; call it overdue.md, or overdue.es.md", file))
		}
		if parsed[i], err = templates.Check(name, language, string(source)); err != nil {
			broken = errors.Join(broken, fmt.Errorf("%s: %w", file, err))
		}
	}
	if broken != nil {
		return broken
	}
	return c.with(e, func(inst *installation) error {
		o, letters, err := c.letters(inst)
		if err != nil {
			return err
		}
		who, err := inst.db.StaffByUsername(e.ctx, c.By)
		if errors.Is(err, store.ErrNotFound) {
			return usageError(fmt.Sprintf("there is no account %q; see `illmail user list`", c.By))
		}
		if err != nil {
			return err
		}
		if c.Approve && !who.Role.AtLeast(store.RoleSupervisor) {
			return usageError(fmt.Sprintf("%s has the role %s; approving needs a supervisor", who.Username, who.Role))
		}
		officeID, actor := inst.offices[o.Code].ID, store.Actor{StaffID: who.ID, Name: who.Username}
		inForce := map[[2]string]int64{}
		own, err := inst.db.TemplatesInForce(e.ctx, officeID)
		if err != nil {
			return err
		}
		for _, v := range own {
			inForce[[2]string{v.Name, v.Language}] = v.ID
		}
		taken := 0
		for _, t := range parsed {
			if now, ok := letters.Set().Get(t.Name, t.Language); ok && now.Source == t.Source {
				continue
			}
			taken++
			v := store.TemplateVersion{OfficeID: officeID, Name: t.Name, Language: t.Language, Source: t.Source}
			if c.Approve {
				err = inst.db.PublishTemplate(e.ctx, v, inForce[[2]string{t.Name, t.Language}], actor)
			} else {
				_, err = inst.db.ProposeTemplate(e.ctx, v, actor)
			}
			if err != nil {
				return fmt.Errorf("taking in the template %s: %w", templates.FileName(t.Name, t.Language), err)
			}
		}
		what := "wait for a supervisor on the page Templates"
		if c.Approve {
			what = "are in force"
		}
		_, err = fmt.Fprintf(e.stdout, "%d templates %s; %d were in force already.\n", taken, what, len(parsed)-taken)
		return err
	})
}
