package triage_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
	"illmail/store/storetest"
	"illmail/templates"
	"illmail/triage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	officeAddr = "ill@healey.example.edu"
	jane       = "jdoe3@example.edu"
)

// start is when the tests' mail begins; IMAP keeps whole seconds.
var start = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// bench is an office with a real IMAP server, its intake and its desk.
type bench struct {
	t      testing.TB
	db     *store.DB
	office store.Office
	imap   *mailtest.IMAP
	in     *triage.Intake
	desk   *triage.Desk
	anna   store.Actor
	n      int
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, db: storetest.New(t), imap: mailtest.StartIMAP(t, mailtest.IMAPOptions{})}
	var err error
	if b.office, err = b.db.EnsureOffice(t.Context(), store.Office{Code: "healey", Name: "Healey Library ILL", Address: officeAddr}); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	office := triage.Office{Office: b.office, Domains: []string{"example.edu"}, AuthservIDs: []string{"mx.example.edu"}, Location: zone,
		Letter: templates.Office{Name: "Healey Library ILL", Address: officeAddr, ReturnTo: "the service desk"}}
	b.in = &triage.Intake{DB: b.db, Office: office, RetryAfter: time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	b.desk = &triage.Desk{DB: b.db, Offices: []triage.Office{office}, Undo: time.Millisecond}
	staff, err := b.db.AddStaff(t.Context(), store.Staff{Username: "anna", FullName: "Anna Berg", Role: store.RoleStaff}, "")
	if err != nil {
		t.Fatal(err)
	}
	b.anna = store.Actor{StaffID: staff.ID, Name: staff.Username}
	b.requests()
	return b
}

// requests imports two patrons with three requests.
func (b *bench) requests() {
	b.t.Helper()
	loan := func(tn int64, username, title string, change func(*store.Transaction)) store.ImportRow {
		tx := store.Transaction{TransactionNumber: tn, RequestType: "Loan", ProcessType: "Borrowing", Status: "Checked Out to Customer",
			State: store.StateOnLoan, Title: title, Author: "Smith", DueDate: store.NewDate(2026, 11, 20), CreationDate: store.NewDate(2026, 10, 1),
			StatusDate: store.NewDate(2026, 10, 20), RenewalsAllowed: true, LendingLibrary: "XFF"}
		if change != nil {
			change(&tx)
		}
		first, last := "Jane", "Doe"
		if username == "asmith" {
			first, last = "Adam", "Smith"
		}
		return store.ImportRow{Line: int(tn), Transaction: tx, Patron: store.Patron{Username: username, FirstName: first, LastName: last, Email: username + "@example.edu"}}
	}
	rows := []store.ImportRow{
		loan(412304, "jdoe3", "The Ecology of Tidal Marshes", nil),
		loan(412522, "jdoe3", "Gothic Stained Glass", func(tx *store.Transaction) {
			tx.State, tx.Status, tx.DueDate = store.StateSent, "Request Sent", store.Date{}
		}),
		loan(412777, "asmith", "Secrets of the Deep", func(tx *store.Transaction) { tx.RenewalsAllowed = false }),
	}
	_, err := b.db.Import(b.t.Context(), b.office.ID, func(yield func(store.ImportRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}, store.ImportOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
}

// at is the time of the n-th mail.
func (b *bench) at() time.Time {
	b.n++
	return start.Add(time.Duration(b.n) * time.Minute)
}

// deliver puts raw mails into a folder on the server.
func (b *bench) deliver(folder string, raws ...string) {
	b.t.Helper()
	for _, raw := range raws {
		if err := b.imap.Append(folder, []byte(strings.ReplaceAll(raw, "\n", "\r\n")), b.at()); err != nil {
			b.t.Fatal(err)
		}
	}
}

// take reads both folders to their end and files what is there.
func (b *bench) take() int {
	b.t.Helper()
	b.store(b.in)
	return b.file()
}

// store is the first half of take.
func (b *bench) store(in *triage.Intake) {
	b.t.Helper()
	for folder, sink := range map[string]mailbox.Sink{"INBOX": in, "Sent": in.Sink(store.FolderSent)} {
		w := &mailbox.Watcher{Account: b.imap.Account(), Folder: folder, Sink: sink, Start: "all"}
		if err := w.CatchUp(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) file() int {
	b.t.Helper()
	n, err := b.in.FileStored(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

var allStates = []store.ItemState{store.ItemNew, store.ItemOpen, store.ItemWaitingPatron, store.ItemWaitingPartner, store.ItemSnoozed, store.ItemDone}

// lines is the whole list by the Message-ID of the newest incoming mail.
func (b *bench) lines() map[string]store.QueueLine {
	b.t.Helper()
	list, err := b.db.QueueLines(b.t.Context(), store.QueueQuery{States: allStates, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	m := map[string]store.QueueLine{}
	for _, l := range list {
		m[l.MessageID] = l
	}
	return m
}

func (b *bench) line(id string) store.QueueLine {
	b.t.Helper()
	l, ok := b.lines()["<"+id+">"]
	if !ok {
		b.t.Fatalf("no conversation ends with %s: %+v", id, b.lines())
	}
	return l
}

// mail is a plain mail with further header lines.
func mail(id, from, subject, body string, header ...string) string {
	h := fmt.Sprintf("From: %s\nTo: %s\nSubject: %s\nDate: Mon, 23 Nov 2026 09:00:00 -0500\n", from, officeAddr, subject)
	if id != "" {
		h += "Message-ID: <" + id + ">\n"
	}
	for _, l := range header {
		h += l + "\n"
	}
	return h + "Content-Type: text/plain; charset=utf-8\n\n" + body + "\n"
}

// sent walks a queued reply through the outbox and returns its Message-ID.
func (b *bench) sent(outboxID int64) string {
	b.t.Helper()
	ctx := b.t.Context()
	if ok, err := b.db.AcquireLease(ctx, b.office.ID, "sending", "test", time.Minute); err != nil || !ok {
		b.t.Fatal(ok, err)
	}
	for range 100 { // the undo time of a millisecond passes by the database's clock
		claimed, err := b.db.ClaimMails(ctx, b.office.ID, "test", 10, time.Minute)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, m := range claimed {
			if err := b.db.BeginSending(ctx, m.ID, "test"); err != nil {
				b.t.Fatal(err)
			}
			if err := b.db.FinishSent(ctx, m.ID, "test", "250 ok", false, time.Now()); err != nil {
				b.t.Fatal(err)
			}
			if m.ID == outboxID {
				return m.MessageID
			}
		}
		time.Sleep(time.Millisecond)
	}
	b.t.Fatal("the reply was not claimed")
	return ""
}

func (b *bench) reply(l store.QueueLine, body string) int64 {
	b.t.Helper()
	p, err := b.desk.Prepared(b.t.Context(), l.ID, "", "Anna", start)
	if err != nil {
		b.t.Fatal(err)
	}
	id, err := b.desk.Reply(b.t.Context(), triage.ReplyInput{ConversationID: l.ID, StaffID: b.anna.StaffID, Staff: b.anna.Name, Body: body,
		LastSeenMessageID: p.LastSeenMessageID, LastSeenReplyID: p.LastSeenReplyID}, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}
