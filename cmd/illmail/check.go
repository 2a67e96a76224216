package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"illmail/mailbox"
	"illmail/notices"
	"illmail/store"
)

type checkCmd struct {
	configFlag
	SendTest string `help:"Send one test mail to this address, and look for its copy in Sent." placeholder:"ADDRESS"`
}

// checker prints a line each for what was tried.
type checker struct {
	e   *env
	bad int
}

func (c *checker) finding(f mailbox.Finding) {
	mark := "ok  "
	if !f.OK {
		mark = "FAIL"
		c.bad++
	}
	fmt.Fprintf(c.e.stdout, "%s  %s\n", mark, f.What)
	if f.Do != "" {
		fmt.Fprintf(c.e.stdout, "      → %s\n", f.Do)
	}
}

func (c *checker) ok(format string, args ...any) {
	c.finding(mailbox.Finding{OK: true, What: fmt.Sprintf(format, args...)})
}

func (c *checker) fail(do, format string, args ...any) {
	c.finding(mailbox.Finding{What: fmt.Sprintf(format, args...), Do: do})
}

func (c checkCmd) Run(e *env) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	ck := &checker{e: e}
	ck.ok("configuration: %s", cfg.file)
	inst, err := openInstallation(e, cfg)
	if err != nil {
		ck.fail("start the database, or correct database.url or state_dir", "database: %v", err)
		return exitStatus(1)
	}
	ck.ok("database: schema %d", store.SchemaVersion())
	ck.provider(cfg)
	for i := range cfg.Offices {
		if err := ck.office(inst, &cfg.Offices[i], c.SendTest); err != nil {
			return errors.Join(err, inst.close())
		}
	}
	if err := inst.close(); err != nil {
		return err
	}
	if ck.bad > 0 {
		return exitStatus(1)
	}
	return nil
}

func (c *checker) office(inst *installation, o *OfficeConfig, sendTest string) error {
	ctx, cancel := context.WithTimeout(c.e.ctx, 3*time.Minute)
	defer cancel()
	fmt.Fprintf(c.e.stdout, "\n%s (%s)\n", o.Name, o.Code)
	n, err := inst.noticesOffice(ctx, o)
	if err != nil {
		return err
	}
	if part, ok, detail, err := o.loginEnds(ctx, time.Now()); err != nil {
		return err
	} else if part != "" {
		c.finding(mailbox.Finding{OK: ok, What: part + ": " + detail})
	}
	c.token(ctx, o)
	if imap, err := o.imapAccount(); err != nil {
		c.fail("correct [office.imap] or [office.oauth]", "IMAP: %v", err)
	} else {
		for _, folder := range o.IMAP.folders {
			for _, f := range mailbox.CheckIMAP(ctx, imap, folder, o.IMAP.SentFolder) {
				c.finding(f)
			}
		}
	}
	if smtp, err := o.smtpAccount(); err != nil {
		c.fail("correct [office.smtp] or [office.oauth]", "SMTP: %v", err)
	} else {
		for _, f := range mailbox.CheckSMTP(ctx, smtp) {
			c.finding(f)
		}
	}
	c.source(ctx, inst, o)
	if err := c.statuses(ctx, inst, o, c.illSystem(ctx, inst, o)); err != nil {
		return err
	}
	office := inst.offices[o.Code]
	switch {
	case office.ImportedAt == nil:
		c.fail("run `illmail import`, or set path or query_file in [office.source]", "transactions: none were imported yet")
	default:
		c.ok("transactions: imported %s, newest date inside %s", office.ImportedAt.In(o.location).Format("2006-01-02 15:04"), office.DataDate)
	}
	if err := c.colleagues(ctx, inst, o); err != nil {
		return err
	}
	if office.SendingStopped != "" {
		c.fail("confirm it on the settings page", "sending is stopped: %s", office.SendingStopped)
	}
	languages, err := inst.db.TemplateLanguages(ctx, office.ID)
	if err != nil {
		return err
	}
	c.ok("templates: %d, in English%s", len(n.Templates().Names()), approvedLanguages(languages))
	for _, err := range inst.letters[o.Code].Refused() {
		c.fail("correct it on the page Templates; until then the program's own letter goes out", "templates: %v", err)
	}
	if _, left, err := o.closedDates(); err == nil {
		for _, w := range left {
			c.finding(mailbox.Finding{OK: true, What: "closed_calendar: left out " + w})
		}
	}
	for _, w := range n.Rules.Warnings() {
		c.finding(mailbox.Finding{OK: true, What: "notices: " + w})
	}
	for _, r := range n.Rules.Own {
		if _, ok := n.Templates().Lookup(r.Template, "en"); r.Template != "" && !ok {
			c.fail("see `illmail template list`", "notices: rule %q names the letter %q, which there is not: its notices are held", r.Name, r.Template)
		}
	}
	if to := n.RehearsalAddress; to != "" {
		c.ok("notices: rehearsal, all mail goes to %s", to)
	}
	if u := n.Unanswered; u != nil {
		c.ok("unanswered mail: %s is told after %d office hours (open %s)", u.Address, o.Unanswered.AfterHours, o.OpenHours)
	}
	if n.Rules.Mode == notices.ModeOff {
		c.ok("notices: off")
	} else if s, err := notices.ParseSchedule(o.Notices.Schedule, o.location); err != nil {
		c.fail("correct notices.schedule", "notices: %v", err)
	} else {
		next, _ := s.Next(time.Now())
		c.ok("notices: next run %s, mode %s", next.In(o.location).Format("Mon 2006-01-02 15:04 MST"), n.Rules.Mode)
	}
	if sendTest != "" {
		return c.sendTest(ctx, inst, o, n, sendTest)
	}
	return nil
}

// approvedLanguages says who answers for the letters in other languages.
func approvedLanguages(list []store.TemplateLanguage) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, ", %s (approved by %s)", l.Language, l.ApprovedBy)
	}
	return b.String()
}

// strangersAnswered is how many mails that answer what this mailbox does not
// hold are more than people who start from a colleague's or their own mail.
const strangersAnswered = 3

// colleagues says whether Sent keeps what colleagues write in Outlook or
// webmail. A shared Microsoft 365 mailbox does not by itself: the copy goes to
// the writer's own Sent, and what they answered stays on the list.
func (c *checker) colleagues(ctx context.Context, inst *installation, o *OfficeConfig) error {
	unknown, kept, err := inst.db.AnswersElsewhere(ctx, inst.offices[o.Code].ID, time.Now().AddDate(0, 0, -30))
	if err != nil {
		return err
	}
	switch {
	case kept > 0:
		c.ok("colleagues' answers: Sent holds %d of the last 30 days that were written outside this program", kept)
	case unknown >= strangersAnswered:
		c.fail(fmt.Sprintf("on a shared Microsoft 365 mailbox run Set-Mailbox %s -MessageCopyForSentAsEnabled $true -MessageCopyForSendOnBehalfEnabled $true; elsewhere let their mail programs save what they send for %s in its Sent folder", o.Address, o.Address),
			"colleagues' answers: %d mails of the last 30 days answer what neither we nor this mailbox's Sent folder have sent", unknown)
	case o.OAuth.Provider == "microsoft" && o.usesTokens():
		c.finding(mailbox.Finding{OK: true, What: "colleagues' answers: none in Sent yet",
			Do: fmt.Sprintf("if %s is a shared mailbox, run Set-Mailbox %s -MessageCopyForSentAsEnabled $true -MessageCopyForSendOnBehalfEnabled $true, or answers that colleagues write in Outlook are not seen", o.Address, o.Address)})
	}
	return nil
}

// token says which permissions an access token has, where it can be looked into.
func (c *checker) token(ctx context.Context, o *OfficeConfig) {
	if !o.usesTokens() || o.OAuth.Provider != "microsoft" {
		return
	}
	source, err := o.secretOf(string(mailbox.AuthXOAUTH2), "", "")
	if err != nil {
		return // said where the log-in is tried
	}
	token, err := source(ctx)
	if err != nil {
		return // the same
	}
	xoauth2 := string(mailbox.AuthXOAUTH2)
	for _, f := range mailbox.CheckToken(token, o.OAuth.Flow, o.IMAP.Auth == xoauth2, o.SMTP.Auth == xoauth2) {
		c.finding(f)
	}
}

// sendTest submits one mail and looks for its copy: with save_sent = "server"
// that proves that Sent can settle what is uncertain.
func (c *checker) sendTest(ctx context.Context, inst *installation, o *OfficeConfig, n *notices.Office, to string) error {
	closeAll, err := inst.connect(o, n)
	if err != nil {
		return err
	}
	defer closeAll()
	_, domain, _ := strings.Cut(o.Address, "@")
	out := mailbox.Outgoing{FromName: o.Name, From: o.Address, To: to, Subject: "illmail test", Date: time.Now(), AutoGenerated: true,
		MessageID: mailbox.NewMessageID(domain), Text: "This mail shows that the interlibrary loan office can send.\n"}
	outcome := n.Submitters[0].Submit(ctx, out, func(context.Context) error { return nil })
	if outcome.Class != mailbox.Delivered {
		c.fail("see what the server says", "test mail: %s: %s", outcome.Class, outcome.Reply)
		return nil
	}
	c.ok("test mail: %s", outcome.Reply)
	if o.SMTP.SaveSent != string(notices.SaveServer) {
		return nil
	}
	found := false
	for range 12 {
		if found, _, err = n.Sent.Find(ctx, out.MessageID, ""); err != nil || found {
			break
		}
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
	}
	switch {
	case err != nil:
		c.fail("see what the server says", "Sent folder: %v", err)
	case !found:
		c.fail("set save_sent = \"append\", or for a shared Microsoft 365 mailbox run Set-Mailbox -MessageCopyForSentAsEnabled $true",
			"Sent folder: the server filed no copy of the test mail that can be found by its Message-ID")
	default:
		c.ok("Sent folder: the server files copies itself; absence from it settles what is uncertain")
	}
	detail := "proved by a test mail"
	if !found {
		detail = "a test mail was not found"
	}
	return inst.db.SetHealth(ctx, n.ID, sentProofPart, found, detail)
}
