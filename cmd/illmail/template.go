package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"illmail/store"
	"illmail/templates"
)

type templateCmd struct {
	List    templateListCmd    `cmd:"" help:"The templates there are, and their languages."`
	Check   templateCheckCmd   `cmd:"" help:"Check a template file."`
	Preview templatePreviewCmd `cmd:"" help:"Show a template filled with sample data, or with a request."`
	Convert templateConvertCmd `cmd:"" help:"Turn an ILLiad template into ours."`
}

type templateListCmd struct{}

func (templateListCmd) Run(e *env) error {
	languages := map[string][]string{}
	for _, t := range templates.Default().All() {
		languages[t.Name] = append(languages[t.Name], t.Language)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, name := range templates.Default().Names() {
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
	configFlag
	Name        string `arg:"" help:"The template's name."`
	Transaction int64  `help:"Fill it with this request (needs --config)." placeholder:"TN"`
	Office      string `help:"The office, where the configuration has several." placeholder:"CODE"`
	Language    string `help:"The language." default:"en"`
	HTML        bool   `name:"html" help:"The HTML part instead of the text."`
}

func (c templatePreviewCmd) Run(e *env) error {
	set, data := templates.Default(), templates.Sample()
	set = set.Enable(c.Language)
	if c.Transaction != 0 {
		err := c.with(e, func(inst *installation) error {
			offices, err := inst.pick(c.Office)
			if err != nil {
				return err
			}
			o := offices[0]
			data, err = previewData(e.ctx, inst, o, c.Transaction)
			return err
		})
		if err != nil {
			return err
		}
	}
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
	today := store.DateOf(time.Now(), o.location)
	item := templates.Item{
		TransactionNumber: t.TransactionNumber, ILLNumber: t.ILLNumber, Title: t.Title, ArticleTitle: t.ArticleTitle, Author: t.Author,
		RequestType: t.RequestType, Lender: t.LendingLibrary, Status: t.Status, Reason: t.CancelReason, PickupLocation: t.PickupLocation,
		DueDate: t.DueDate.Time(), StatusDate: t.StatusDate.Time(), RenewalsAllowed: t.RenewalsAllowed,
	}
	if !t.DueDate.IsZero() {
		item.DaysOverdue, item.DaysLeft = max(0, today.Sub(t.DueDate)), max(0, t.DueDate.Sub(today))
	}
	if !t.StatusDate.IsZero() {
		item.DaysWaiting = max(0, today.Sub(t.StatusDate))
	}
	return templates.Data{
		Office: o.letter(), Today: today.Time(), Letter: 1, Items: []templates.Item{item},
		Patron: templates.Patron{FirstName: p.FirstName, LastName: p.LastName, Username: p.Username, Email: p.Email, Status: p.PatronStatus},
	}, nil
}
