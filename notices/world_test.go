package notices

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/store"
	"illmail/templates"
)

// tb is what testing.T, testing.B and rapid.T have in common here.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// world is an office in a database, whose days pass as a test says.
type world struct {
	tb
	ctx     context.Context
	db      *store.DB
	office  *Office
	planner *Planner
	folder  store.Folder
	uid     uint32
	refs    []string            // of the mail that is filed next
	update  *store.FilingUpdate // that it says
}

func newWorld(t tb, ctx context.Context, db *store.DB, code string, rules *Rules) *world {
	t.Helper()
	row, err := db.EnsureOffice(ctx, store.Office{Code: code, Name: "Interlibrary Loan", Address: "ill@" + code + ".example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	set := templates.Default()
	w := &world{tb: t, ctx: ctx, db: db, planner: &Planner{DB: db}}
	w.office = &Office{ID: row.ID, Code: code, Name: row.Name, Address: row.Address, Rules: rules, Schedule: "0 13 * * *",
		Templates: func() *templates.Set { return set }, SaveSent: SaveNever}
	if w.folder, err = db.EnsureFolder(ctx, row.ID, "INBOX", store.FolderInbox); err != nil {
		t.Fatal(err)
	}
	return w
}

// request is a transaction of a patron, by their username.
func request(tn int64, username string, state store.State, date string) store.ImportRow {
	r := store.ImportRow{
		Patron: store.Patron{Username: username, FirstName: strings.ToUpper(username[:1]) + username[1:], LastName: "Doe", Email: username + "@example.edu"},
		Transaction: store.Transaction{TransactionNumber: tn, State: state, Status: string(state), RequestType: "Loan", ProcessType: "Borrowing",
			Title: fmt.Sprintf("Book %d", tn), StatusDate: day("2026-10-01")},
	}
	switch state {
	case store.StateOnLoan, store.StateInHands:
		r.Transaction.DueDate = day(date)
	default:
		r.Transaction.StatusDate = day(date)
	}
	if state == store.StateCancelledStaff {
		r.Transaction.CancelReason = "No lenders found"
	}
	return r
}

func (w *world) load(rows ...store.ImportRow) {
	w.Helper()
	var all iter.Seq2[store.ImportRow, error] = func(yield func(store.ImportRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
	if _, err := w.db.Import(w.ctx, w.office.ID, all, store.ImportOptions{}); err != nil {
		w.Fatal(err)
	}
}

// at is one o'clock in the afternoon of that day.
func (w *world) at(d string) time.Time { return day(d).At(13, 0, w.office.Rules.Location) }

func (w *world) run(on string, opts Options) Result {
	w.Helper()
	res, err := w.planner.Run(w.ctx, w.office, day(on), w.at(on), opts)
	if err != nil {
		w.Fatal(err)
	}
	return res
}

func (w *world) plan(on string, opts Options) []PlanLine {
	w.Helper()
	lines, err := w.planner.Plan(w.ctx, w.office, day(on), w.at(on), opts)
	if err != nil {
		w.Fatal(err)
	}
	return lines
}

// started makes an office one whose first notices were approved long ago.
func (w *world) started() *world {
	w.Helper()
	w.load(request(1, "first", store.StateCancelledStaff, "2020-01-06"))
	w.run("2020-01-06", Options{Named: true})
	w.deliver("2020-01-06")
	return w
}

// deliver sends what is queued, as if the server took all of it on that day.
func (w *world) deliver(on string) []store.OutboxMail {
	w.Helper()
	if ok, err := w.db.AcquireLease(w.ctx, w.office.ID, store.SendingLease, "test", time.Hour); err != nil || !ok {
		w.Fatalf("no sending lease: %v", err)
	}
	var sent []store.OutboxMail
	for {
		mails, err := w.db.ClaimMails(w.ctx, w.office.ID, "test", 100, time.Hour)
		if err != nil {
			w.Fatal(err)
		}
		if len(mails) == 0 {
			return sent
		}
		for _, m := range mails {
			if err := w.db.BeginSending(w.ctx, m.ID, "test"); err != nil {
				w.Fatal(err)
			}
			if err := w.db.FinishSent(w.ctx, m.ID, "test", "250 ok", false, w.at(on)); err != nil {
				w.Fatal(err)
			}
		}
		sent = append(sent, mails...)
	}
}

// write files a mail of the patron about a transaction and returns its conversation.
func (w *world) write(tn int64, username, intent string, at time.Time) int64 {
	w.Helper()
	return w.file(tn, "patron", username+"@example.edu", username, intent, at, store.Date{})
}

// file files a mail about a transaction and returns its conversation.
func (w *world) file(tn int64, kind, from, username, intent string, at time.Time, by store.Date) int64 {
	w.Helper()
	return w.fileAll([]filed{{tn, kind, from, username, intent, at, by}})[0]
}

// filed is a mail about a transaction.
type filed struct {
	tn                           int64
	kind, from, username, intent string
	at                           time.Time
	by                           store.Date // its answer-by
}

// fileAll files mails and returns their conversations.
func (w *world) fileAll(mails []filed) []int64 {
	w.Helper()
	incoming, filings := make([]store.Incoming, len(mails)), make([]store.Filing, len(mails))
	for i, m := range mails {
		w.uid++
		id := fmt.Sprintf("%d.%s@example.edu", w.uid, w.office.Code)
		raw := fmt.Sprintf("Message-ID: <%s>\r\nFrom: %s\r\nSubject: about %d\r\n\r\n%s\r\n", id, m.from, m.tn, m.intent)
		incoming[i] = store.Incoming{UIDValidity: 1, UID: w.uid, InternalDate: m.at, Size: int64(len(raw)), Body: strings.NewReader(raw)}
		filings[i] = store.Filing{
			MessageID: id, ContentHash: []byte(id), SentAt: m.at, FromAddr: m.from, Subject: fmt.Sprintf("about %d", m.tn),
			Kind: m.kind, Intents: []store.IntentView{{Intent: m.intent, P: 0.9}}, NeedsStaff: true, SenderVerified: m.username != "", Username: m.username,
			AnswerBy: m.by, Refs: w.refs, Update: w.update,
			Matches: []store.FilingMatch{{TransactionNumber: m.tn, Score: 1, Decided: true}},
		}
	}
	if _, err := w.db.Receive(w.ctx, w.folder, incoming); err != nil {
		w.Fatal(err)
	}
	waiting, err := w.db.ClaimUnfiled(w.ctx, w.office.ID, time.Minute, len(mails))
	if err != nil || len(waiting) != len(mails) {
		w.Fatalf("%d messages wait to be filed: %v", len(waiting), err)
	}
	for i := range filings { // claimed in the order in which they came
		filings[i].ID = waiting[i].ID
	}
	done, err := w.db.FileMessages(w.ctx, w.office.ID, []string{w.office.Address}, filings)
	if err != nil {
		w.Fatal(err)
	}
	conversations := make([]int64, len(done))
	for i, d := range done {
		if d.Err != nil {
			w.Fatal(d.Err)
		}
		conversations[i] = d.ConversationID
	}
	return conversations
}

// answer answers a conversation; the reply waits in the outbox.
func (w *world) answer(conversation int64, username, template string) int64 {
	w.Helper()
	id, err := w.db.AnswerConversation(w.ctx, store.Answer{NewReply: store.NewReply{
		OfficeID: w.office.ID, ConversationID: conversation, Staff: "jane", Recipient: username + "@example.edu", Subject: "Re: it",
		BodyText: "Yes.", MessageID: mailbox.NewMessageID("example.edu"), Template: template,
	}, Then: store.ItemWaitingPatron, SeenReplyID: 1 << 60})
	if err != nil {
		w.Fatal(err)
	}
	return id
}

func (w *world) outbox(state store.OutboxState) []store.OutboxRow {
	w.Helper()
	rows, err := w.db.ListOutbox(w.ctx, store.OutboxFilter{OfficeID: w.office.ID, State: state})
	if err != nil {
		w.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

// lineup writes lines as "overdue 1 send 412304+412522; …", sorted.
func lineup(lines []PlanLine) string {
	var parts []string
	for _, l := range lines {
		var tns []string
		for _, tn := range l.Transactions {
			tns = append(tns, fmt.Sprint(tn))
		}
		parts = append(parts, fmt.Sprintf("%s %d %s %s", l.Kind, l.Rung, l.Decision, strings.Join(tns, "+")))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// mails writes rows as "overdue 2 queued 412304+412522; …", sorted.
func mails(rows []store.OutboxRow) string {
	var parts []string
	for _, r := range rows {
		var tns []string
		for _, tn := range r.Transactions {
			tns = append(tns, fmt.Sprint(tn))
		}
		parts = append(parts, fmt.Sprintf("%s %d %s %s", r.Kind, r.Rung, r.State, strings.Join(tns, "+")))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
