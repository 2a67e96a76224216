package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"illmail/illiad"
	"illmail/mailbox"
	"illmail/notices"
	"illmail/store"
	"illmail/web"
)

type demoCmd struct {
	Listen string `help:"Where the staff pages listen; the next free port is taken where it is in use." default:"127.0.0.1:8025"`
	State  string `help:"Where the demo keeps what happened, so that a second start goes on." placeholder:"DIR" type:"path"`
}

func (c demoCmd) Run(e *env) error {
	dir := c.State
	if dir == "" {
		dir = fmt.Sprintf("/var/tmp/illmail-demo-%d", os.Getuid())
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("creating the demo's folder: %w", err)
	}
	l, err := listenNear(c.Listen)
	if err != nil {
		return err
	}
	e.log = slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	fmt.Fprintln(e.stdout, "Starting the sample office: a database, a mail server, and people who write to it …")

	now := time.Now()
	location := localZone()
	today := store.DateOf(now, location)
	world, err := newDemoWorld(filepath.Join(dir, "mail"), now, today, e.log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer world.close()
	inst, err := openInstallation(e, demoConfig(dir, l.Addr().String(), world, today, location))
	if errors.Is(err, store.ErrOtherSchema) {
		err = fmt.Errorf("the demo of another illmail is in %s; remove that folder, or name another with --state: %w", dir, err)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := prepareDemo(e.ctx, inst, today); err != nil {
		return errors.Join(err, l.Close(), inst.close())
	}
	d := newDaemon(inst, e.log, l)
	d.pages = func(cfg *web.Config) {
		cfg.Banner = "This is a demo: the office, its patrons and their mail are invented, and nothing leaves this machine."
		cfg.SignInHint = "Sign in as demo with the password demo, or as kim (a student assistant) with the password demo."
		cfg.Extra = []web.Page{{Path: "/sent-mail", Title: "Mail sent", Body: world.sentPage}}
	}
	fmt.Fprintf(e.stdout, "\n  The staff pages:  http://%s\n  Sign in as:       demo, password demo\n  The mail it sent: http://%s/sent-mail\n\n"+
		"New mail keeps coming for two minutes. Ctrl-C stops everything; a second start goes on.\n(%s holds the state; remove it to begin again.)\n",
		l.Addr(), l.Addr(), dir)
	ready := make(chan error, 1)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	go func() { ready <- runDemoNotices(ctx, inst, today) }()
	err = d.run(ctx)
	cancel()
	return errors.Join(err, <-ready, inst.close())
}

// localZone is this machine's time zone under its name, or UTC: Postgres knows
// no "Local".
func localZone() *time.Location {
	name := os.Getenv("TZ")
	if name == "" {
		if link, err := os.Readlink("/etc/localtime"); err == nil {
			_, name, _ = strings.Cut(link, "zoneinfo/")
		}
	}
	if loc, err := time.LoadLocation(name); err == nil && name != "" {
		return loc
	}
	return time.UTC
}

// listenNear listens on addr, or on one of the next twenty ports.
func listenNear(addr string) (net.Listener, error) {
	l, first := net.Listen("tcp", addr)
	if first == nil {
		return l, nil
	}
	host, port, err := net.SplitHostPort(addr)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil {
		return nil, usageError(fmt.Sprintf("--listen %q is not an address; write it as 127.0.0.1:8025", addr))
	}
	for i := 1; i <= 20; i++ {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n+i))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("listening on %s or the ports after it: %w", addr, first)
}

// demoConfig is the configuration of the sample office. It is open every
// weekday, and today whatever day it is.
func demoConfig(dir, listen string, w *demoWorld, today store.Date, location *time.Location) *Config {
	cfg := &Config{StateDir: dir, file: "the demo"}
	cfg.Web.Listen = listen
	cfg.Retention = RetentionConfig{BodiesDays: 180, PatronDays: 365, CopyrightYears: 3}
	o := OfficeConfig{
		Code: "northfield", Name: "Northfield Interlibrary Loan", Address: sampleAddress, Domains: []string{"northfield.example.edu"},
		Phone: "555-0142", Hours: "Monday to Friday, 8 am to 5 pm", ReturnTo: "the Main Desk or any library drop box",
		URL: "https://library.northfield.example.edu/ill", location: location, Timezone: location.String(),
	}
	o.setDefaults(nil)
	o.IMAP.Host, o.IMAP.Port, o.IMAP.Security, o.IMAP.Username = w.imap.Host, w.imap.Port, "none", w.imap.Username
	o.IMAP.folders, o.IMAP.Start, o.IMAP.PollInterval = []string{"INBOX"}, "all", Duration(2*time.Second)
	o.IMAP.SentFolder = "Sent"
	o.SMTP.Host, o.SMTP.Port, o.SMTP.Security, o.SMTP.Auth, o.SMTP.MaxPerMinute = w.smtp.Host, w.smtp.Port, "none", "none", 0
	o.IMAP.password = w.imap.Password
	var closed []string
	for _, d := range []time.Weekday{time.Saturday, time.Sunday} {
		if d != today.Weekday() {
			closed = append(closed, strings.ToLower(d.String()))
		}
	}
	o.Notices.ClosedWeekdays = closed
	o.Notices.Schedule = "0 13 * * *"
	cfg.Offices = []OfficeConfig{o}
	return cfg
}

// prepareDemo fills the database at the first start: accounts and requests.
func prepareDemo(ctx context.Context, inst *installation, today store.Date) error {
	for _, s := range []store.Staff{
		{Username: "demo", FullName: "Dana Moreno", Email: "dana.moreno@northfield.example.edu", Role: store.RoleAdmin},
		{Username: "sam", FullName: "Sam Whitfield", Email: "sam.whitfield@northfield.example.edu", Role: store.RoleSupervisor},
		{Username: "kim", FullName: "Kim Doyle", Email: "kim.doyle@northfield.example.edu", Role: store.RoleStudent},
	} {
		if _, err := inst.db.AddStaff(ctx, s, "demo"); err != nil && !errors.Is(err, store.ErrExists) {
			return fmt.Errorf("adding the demo's accounts: %w", err)
		}
	}
	o := &inst.cfg.Offices[0]
	office := inst.offices[o.Code]
	if office.ImportedAt != nil {
		return nil // a second start goes on where the first stopped
	}
	for _, language := range []string{"es", "pt", "vi"} {
		if err := inst.db.ApproveLanguage(ctx, office.ID, language, store.Actor{Name: "sam"}); err != nil {
			return err
		}
	}
	if err := inst.letters[o.Code].Reload(ctx); err != nil {
		return err
	}
	if err := addSampleRules(ctx, inst.db, office.ID); err != nil {
		return err
	}
	rules, err := o.rules()
	if err != nil {
		return err
	}
	path := filepath.Join(inst.cfg.StateDir, "transactions.jsonl")
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the sample requests: %w", err)
	}
	if err := errors.Join(writeSampleTransactions(f, today, rules.Calendar.IsOpen), f.Close()); err != nil {
		return err
	}
	states, err := o.states()
	if err != nil {
		return err
	}
	if _, err := inst.db.SaveLenders(ctx, sampleLenders(office.ID)); err != nil {
		return err
	}
	_, err = illiad.ImportFile(ctx, inst.db, office.ID, path, states, illiad.FileOptions{})
	return err
}

// addSampleRules gives the sample office a queue of its own and two rules.
func addSampleRules(ctx context.Context, db *store.DB, officeID int64) error {
	actor := store.Actor{Name: "sam"}
	sam, err := db.StaffByUsername(ctx, "sam")
	if err != nil {
		return err
	}
	faculty, err := db.AddOfficeQueue(ctx, officeID, "Faculty", actor)
	if err != nil {
		return err
	}
	for _, r := range []store.RoutingRule{
		{Name: "Lost, damaged, charged", Intents: []string{"lost_damaged", "fees"}, AssigneeID: &sam.ID, Label: "charges"},
		{Name: "Faculty", Kinds: []string{"patron"}, PatronStatuses: []string{"Faculty"}, QueueID: &faculty},
	} {
		r.OfficeID, r.Enabled = officeID, true
		if _, err := db.SaveRoutingRule(ctx, r, actor); err != nil {
			return err
		}
	}
	return nil
}

// runDemoNotices sends today's notices once the sample mail is filed, since
// open conversations bear on them.
func runDemoNotices(ctx context.Context, inst *installation, today store.Date) error {
	o := &inst.cfg.Offices[0]
	n, err := inst.noticesOffice(ctx, o)
	if err != nil {
		return err
	}
	waiting := 0
	for _, m := range sampleMails {
		if m.after == 0 {
			waiting++
		}
	}
	for tries := 0; tries < 60; tries++ {
		rows, err := inst.db.Ledger(ctx, n.ID, today.AddDays(-7), today, o.location)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		filed := 0
		for _, r := range rows {
			filed += r.Filed
		}
		if filed >= waiting {
			break
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
	_, err = (&notices.Planner{DB: inst.db}).Run(ctx, n, today, time.Now(), notices.Options{Named: true})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

var sentTemplate = template.Must(template.New("sent").Parse(`
<p>What the sample office's mail server was given, newest first. In a real office this is in the Sent folder.</p>
{{range .}}<details class="sent-mail">
<summary><strong>{{.Subject}}</strong> to {{.To}}, {{.At}}</summary>
<pre>{{.Head}}

{{.Text}}</pre>
</details>
{{else}}<p>Nothing yet. Today's notices go in a moment; reload the page.</p>{{end}}`))

// sentPage shows the mail that went out.
func (w *demoWorld) sentPage(*http.Request) (template.HTML, error) {
	kept, err := keptMail(filepath.Join(w.dir, "out"))
	if err != nil {
		return "", err
	}
	type row struct{ Subject, To, At, Head, Text string }
	var rows []row
	for i := len(kept) - 1; i >= 0; i-- {
		m := mailbox.Parse(kept[i].Raw)
		var to []string
		for _, a := range m.To {
			to = append(to, a.Addr)
		}
		var head strings.Builder
		for _, f := range m.Fields {
			switch f.Name {
			case "From", "To", "Cc", "Date", "Subject", "Message-ID", "In-Reply-To", "Auto-Submitted":
				fmt.Fprintf(&head, "%s: %s\n", f.Name, f.Value)
			}
		}
		rows = append(rows, row{m.Subject, strings.Join(to, ", "), kept[i].At.Format("Mon 15:04:05"), head.String(), m.Text})
	}
	var b strings.Builder
	if err := sentTemplate.Execute(&b, rows); err != nil {
		return "", fmt.Errorf("writing the page of sent mail: %w", err)
	}
	return template.HTML(b.String()), nil
}
