package notices

import (
	"context"
	"slices"
	"strings"
	"time"

	"illmail/mailbox"
	"illmail/store"
	"illmail/templates"
)

// Office is what planning and sending need to know of one office. It is not
// changed once handed over.
type Office struct {
	ID       int64
	Code     string
	Name     string // of the sender
	Address  string // the From address
	Language string // of letters to patrons of whom no language is known
	Letter   templates.Office
	Rules    *Rules
	Schedule string // cron, in the office's time
	// Templates returns the office's letters as they are now.
	Templates func() *templates.Set

	// Unanswered says when a second address is told of mail that nobody takes;
	// nil: never.
	Unanswered *Unanswered

	// Submitters hand mail to the server, one connection each.
	Submitters []Submitter
	// Sent looks into the Sent folder; nil: it cannot be looked into.
	Sent     SentFolder
	SaveSent SaveSent
	// SentProved: `check --send-test` found what the server filed, under an id
	// that Find looks for. Only then absence from Sent proves anything.
	SentProved bool
	// SentRead reports whether the Sent folder was taken in to its end since
	// this process started. Until then nothing is claimed: after a restored
	// backup, Sent knows what the database forgot. nil: it is not taken in.
	SentRead func() bool
	// Refresher fetches requests anew just before a notice about them goes;
	// nil: nothing can be asked.
	Refresher Refresher
	// RehearsalAddress receives all mail in place of its recipients, who count
	// as not told once the rehearsal is over; "" = off.
	RehearsalAddress string
}

// ClosedOn is the office with the days that its staff closed.
func (o *Office) ClosedOn(days []store.ClosedDay) *Office {
	if len(days) == 0 {
		return o
	}
	dates := make([]store.Date, len(days))
	for i, d := range days {
		dates[i] = d.Day
	}
	office, rules := *o, *o.Rules
	rules.Calendar = rules.Calendar.With(dates)
	office.Rules = &rules
	return &office
}

// untold takes out of the facts what was told in a rehearsal only, unless this
// is one.
func (o *Office) untold(facts []store.NoticeFacts) []store.NoticeFacts {
	if o.RehearsalAddress == "" {
		for i := range facts {
			facts[i].Notices = slices.DeleteFunc(facts[i].Notices, func(n store.NoticeRow) bool { return n.Rehearsed && n.Told() })
		}
	}
	return facts
}

// SaveSent says who files copies in the Sent folder.
type SaveSent string

// The ways copies get into Sent.
const (
	SaveAppend SaveSent = "append" // we do
	SaveServer SaveSent = "server" // the server does
	SaveNever  SaveSent = "never"
)

// Submitter hands one mail to a server; [mailbox.Submitter] and the demo's do.
// It calls commit immediately before MAIL FROM, and hands nothing over where
// that returns an error.
type Submitter interface {
	Submit(ctx context.Context, o mailbox.Outgoing, commit func(context.Context) error) mailbox.Outcome
}

// SentFolder looks into the office's Sent folder, as [mailbox.SentFolder] does.
type SentFolder interface {
	// Find looks for a mail by its Message-ID, then by its X-Illmail-Ref, and
	// returns the Message-ID of what it found.
	Find(ctx context.Context, messageID, ref string) (found bool, foundID string, err error)
	// Append files a copy, unless one with its Message-ID is there already.
	Append(ctx context.Context, raw []byte, date time.Time) error
}

// Refresher brings single requests up to date in the store just before a
// notice about them goes: by the ILL system's interface, or by reading the
// export again. An error means that it could not be asked.
type Refresher interface {
	Refresh(ctx context.Context, officeID int64, transactionNumbers []int64) error
}

// today is the office's day.
func (o *Office) today(now time.Time) store.Date { return store.DateOf(now, o.Rules.Location) }

// domain is the domain of the office's Message-IDs.
func (o *Office) domain() string {
	_, domain, _ := strings.Cut(o.Address, "@")
	return domain
}
