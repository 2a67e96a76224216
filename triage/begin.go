package triage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"illmail/store"
)

// Beginning is a mail that staff are to write first: about requests, or with a
// message that is forwarded.
type Beginning struct {
	OfficeID int64
	Kind     string  // to whom: patron, partner, vendor or colleague
	Requests []int64 // ids of the transactions
	Origin   int64   // the conversation out of which it is written; 0: none
	Forward  int64   // the message that is forwarded; 0: none
	Staff    string  // who signs it
}

// Begun is how such a mail begins: to whom it probably goes, and its text.
type Begun struct {
	PatronID  int64 // to whom, where Kind is patron
	To        string
	Known     []string // addresses that may be meant
	Subject   string
	Body      string
	Forwarded *store.StoryMessage // nil where nothing is
}

// Outside reports whether a mail to that kind of reader must not tell of
// patrons.
func Outside(kind string) bool { return kind == "partner" || kind == "vendor" }

// Begin prepares a mail that staff write first. What goes to a lender or a
// vendor tells of the item, never of its reader, and of a patron's mail nothing.
func (d *Desk) Begin(ctx context.Context, b Beginning, now time.Time) (Begun, error) {
	var out Begun
	o, err := d.office(b.OfficeID)
	if err != nil {
		return out, err
	}
	requests, err := d.DB.ReadRequests(ctx, b.Requests)
	if err != nil {
		return out, err
	}
	greeting := "Hello,"
	switch b.Kind {
	case "patron":
		for _, r := range requests {
			if r.PatronID != requests[0].PatronID {
				return out, fmt.Errorf("these requests are of several patrons: write to each by themselves: %w", store.ErrConflict)
			}
		}
		if len(requests) > 0 {
			p, err := d.DB.PatronByID(ctx, requests[0].PatronID)
			if err != nil {
				return out, err
			}
			out.PatronID, out.To = p.ID, p.Email
			if p.FirstName != "" {
				greeting = "Hello " + p.FirstName + ","
			}
		}
	case "partner":
		if out.To, out.Known, err = d.lenderAddress(ctx, o, requests); err != nil {
			return out, err
		}
	case "colleague":
		people, err := d.DB.ListStaff(ctx)
		if err != nil {
			return out, err
		}
		for _, s := range people {
			if s.Email != "" && s.DisabledAt == nil {
				out.Known = append(out.Known, s.Email)
			}
		}
	}
	var text strings.Builder
	text.WriteString(greeting + "\n\n")
	for _, r := range requests {
		text.WriteString("- " + itemLine(b.Kind, r) + "\n")
	}
	if len(requests) > 0 {
		text.WriteString("\n")
		out.Subject = subjectOf(b.Kind, requests)
	}
	text.WriteString("\n\nBest wishes,\n" + b.Staff + "\n" + o.Name + "\n")
	if b.Forward != 0 {
		m, err := d.DB.StoryMessageByID(ctx, b.Forward)
		if err != nil {
			return out, err
		}
		if m.OfficeID != b.OfficeID || m.ConversationID == nil || *m.ConversationID != b.Origin {
			return out, fmt.Errorf("message %d of conversation %d: %w", b.Forward, b.Origin, store.ErrNotFound)
		}
		out.Forwarded = &m
		if !Outside(b.Kind) || m.Kind != "patron" {
			out.Subject = "Fwd: " + m.Subject
			text.WriteString(forwarded(b.Kind, m, o.location()))
		}
	}
	out.Body = text.String()
	return out, nil
}

// lenderAddress is where the lender of the requests reads its mail, as far as
// the directory knows.
func (d *Desk) lenderAddress(ctx context.Context, o *Office, requests []store.RequestView) (to string, known []string, err error) {
	lenders, err := d.DB.Lenders(ctx, o.ID)
	if err != nil {
		return "", nil, err
	}
	for _, l := range lenders {
		known = append(known, l.Addresses...)
		for _, r := range requests {
			if to == "" && r.LendingLibrary != "" && strings.EqualFold(r.LendingLibrary, l.Symbol) && len(l.Addresses) > 0 {
				to = l.Addresses[0]
			}
		}
	}
	slices.Sort(known)
	return to, slices.Compact(known), nil
}

func subjectOf(kind string, requests []store.RequestView) string {
	r := requests[0]
	s := "About " + r.DisplayTitle()
	switch {
	case Outside(kind) && r.ILLNumber != "":
		s += " (ILL number " + r.ILLNumber + ")"
	case !Outside(kind):
		s += fmt.Sprintf(" (TN %d)", r.TransactionNumber)
	}
	if len(requests) > 1 {
		s += fmt.Sprintf(" and %d more", len(requests)-1)
	}
	return cut(oneLine(s), 250)
}

// itemLine is a request as its reader finds it.
func itemLine(kind string, r store.RequestView) string {
	s := r.DisplayTitle()
	if r.Author != "" {
		s += ", by " + r.Author
	}
	if Outside(kind) {
		if r.ILLNumber != "" {
			s += " (ILL number " + r.ILLNumber + ")"
		}
		return s
	}
	return s + fmt.Sprintf(" (TN %d)", r.TransactionNumber)
}

// forwarded is a message as it stands under a mail that forwards it; for
// readers outside without who wrote it to whom.
func forwarded(kind string, m store.StoryMessage, zone *time.Location) string {
	text := strings.TrimSpace(m.BodyText)
	if Outside(kind) {
		text = strings.TrimSpace(m.NewText) // the history below it may hold a patron's words
	}
	head := "\n---------- Forwarded message ----------\n"
	if !Outside(kind) {
		head += fmt.Sprintf("From: %s <%s>\nTo: %s\n", m.FromName, m.FromAddr, strings.Join(m.ToAddrs, ", "))
	}
	return head + "Date: " + m.InternalDate.In(zone).Format("Monday, January 2, 2006, 15:04") + "\nSubject: " + m.Subject + "\n\n" + text + "\n"
}

// Start opens the conversation of a mail that staff write first; the mail is a
// draft until it is sent.
func (d *Desk) Start(ctx context.Context, b Beginning, to, subject string, actor store.Actor, now time.Time) (int64, error) {
	begun, err := d.Begin(ctx, b, now)
	if err != nil {
		return 0, err
	}
	return d.DB.BeginConversation(ctx, store.NewConversation{OfficeID: b.OfficeID, ToKind: b.Kind, ToAddr: to, Subject: subject, PatronID: begun.PatronID,
		Requests: b.Requests, Origin: b.Origin, Forwarded: b.Forward != 0}, actor)
}
