package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"illmail/notices"
	"illmail/store"
	"illmail/templates"
)

type templateCmd struct {
	List    templateListCmd    `cmd:"" help:"The templates there are, and their languages."`
	Check   templateCheckCmd   `cmd:"" help:"Check a template file."`
	Preview templatePreviewCmd `cmd:"" help:"Show a template filled with sample data, or with a request."`
	Convert templateConvertCmd `cmd:"" help:"Turn an ILLiad template into ours."`
	Export  templateExportCmd  `cmd:"" help:"Write an office's templates to files."`
	Import  templateImportCmd  `cmd:"" help:"Read an office's templates from files, as drafts or approved."`
}

type templateListCmd struct{ officeLettersFlag }

func (c templateListCmd) Run(e *env) error {
	set := templates.Default()
	if c.Config != "" {
		err := c.with(e, func(inst *installation) error {
			_, letters, err := c.letters(inst)
			if err == nil {
				set = letters.Set()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	languages := map[string][]string{}
	for _, t := range set.All() {
		languages[t.Name] = append(languages[t.Name], t.Language)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, name := range set.Names() {
		fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(languages[name], " "))
	}
	return w.Flush()
}

type templateCheckCmd struct {
	File string `arg:"" help:"NAME.md, or NAME.LANGUAGE.md." type:"existingfile"`
}

func (c templateCheckCmd) Run(e *env) error {
	source, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	name, language, ok := templates.SplitFileName(filepath.Base(c.File))
	if !ok {
		return usageError(fmt.Sprintf("%s is not named like a template; call it overdue.md, or overdue.es.md", c.File))
	}
	if _, err := templates.Parse(name, language, string(source)); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	_, err = fmt.Fprintf(e.stdout, "%s is a good template.\n", c.File)
	return err
}

type templatePreviewCmd struct {
	officeLettersFlag
	Name        string `arg:"" help:"The template's name."`
	Transaction int64  `help:"Fill it with this request (needs --config)." placeholder:"TN"`
	Language    string `help:"The language." default:"en"`
	HTML        bool   `name:"html" help:"The HTML part instead of the text."`
}

func (c templatePreviewCmd) Run(e *env) error {
	set, data := templates.Default(), templates.Sample()
	if c.Config != "" || c.Transaction != 0 {
		err := c.with(e, func(inst *installation) error {
			o, letters, err := c.letters(inst)
			if err != nil {
				return err
			}
			set, data.Office = letters.Set(), o.letter()
			if c.Transaction != 0 {
				data, err = previewData(e.ctx, inst, o, c.Transaction)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	set = set.Enable(c.Language)
	r, err := set.Render(c.Name, c.Language, data)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", c.Name, err)
	}
	if c.HTML {
		_, err = fmt.Fprintln(e.stdout, r.HTML)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "Subject: %s\n\n%s\n", r.Subject, strings.TrimRight(r.Text, "\n"))
	return err
}

type templateConvertCmd struct {
	File string `arg:"" help:"An ILLiad template, text or HTML." type:"existingfile"`
}

func (c templateConvertCmd) Run(e *env) error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	source, problems := templates.Convert(string(b))
	for _, p := range problems {
		fmt.Fprintf(e.stderr, "%s:%d:%d: %s\n", c.File, p.Line, p.Col, p.Text)
	}
	if _, err := fmt.Fprintln(e.stdout, strings.TrimRight(source, "\n")); err != nil {
		return err
	}
	if len(problems) > 0 {
		return exitStatus(1)
	}
	return nil
}

// previewData fills a letter from a request as a notice about it would.
func previewData(ctx context.Context, inst *installation, o *OfficeConfig, tn int64) (templates.Data, error) {
	t, err := inst.db.TransactionByNumber(ctx, inst.offices[o.Code].ID, tn)
	if err != nil {
		return templates.Data{}, fmt.Errorf("looking up TN %d of office %s: %w", tn, o.Code, err)
	}
	p, err := inst.db.PatronByID(ctx, t.PatronID)
	if err != nil {
		return templates.Data{}, fmt.Errorf("looking up the patron of TN %d: %w", tn, err)
	}
	return notices.PreviewData(o.letter(), &t, &p, store.DateOf(time.Now(), o.location)), nil
}
