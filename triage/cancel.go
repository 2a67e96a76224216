package triage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"illmail/store"
	"illmail/templates"
)

// Cancellation is what staff say about requests that are to be cancelled with
// one letter to their patron.
type Cancellation struct {
	OfficeID int64
	Requests []int64 // ids of the transactions, all of one patron
	Letter   string  // templates.General, or "cancel-…": the reason
	Reason   string  // in words; for templates.General it is quoted
	// What the patron may do instead.
	CallNumbers  map[int64]string // by transaction id: it is on our own shelves
	Links        map[int64]string // by transaction id: where it is read
	OtherEdition string
	Purchase     bool // it can be suggested for purchase
	Note         string
	// Done: those that were ordered are cancelled in the ILL system and at the
	// lender by now.
	Done  bool
	Staff string // who signs it
}

// CancelLetter is a cancellation letter, ready to be read and sent.
type CancelLetter struct {
	Patron   store.Patron
	Requests []store.RequestView
	Ordered  []store.RequestView // of them those that must be cancelled elsewhere first
	Subject  string
	Body     string
	Missing  string // why the letter cannot be written; "" for nothing
}

// CancelLetters are the letters of a set that tell of a cancellation, the
// general one last.
func CancelLetters(set *templates.Set) []string {
	list := slices.DeleteFunc(set.Names(), func(name string) bool { return !strings.HasPrefix(name, "cancel-") })
	return append(list, templates.General)
}

// MayCancel reports whether a request is still to come.
func MayCancel(t store.Transaction) bool {
	return slices.Contains([]store.State{store.StateOpen, store.StateSent, store.StateInTransit, store.StateOnShelf, store.StateCancelledStaff, store.StateUnknown}, t.State)
}

// ordered reports whether a lender works on a request, or we do not know.
func ordered(t store.Transaction) bool {
	return t.State != store.StateOpen && t.State != store.StateCancelledStaff
}

// CancelLetter writes the letter. An error that wraps store.ErrConflict says in
// a sentence why these requests cannot be cancelled so.
func (d *Desk) CancelLetter(ctx context.Context, c Cancellation, now time.Time) (CancelLetter, error) {
	var out CancelLetter
	o, err := d.office(c.OfficeID)
	if err != nil {
		return out, err
	}
	if out.Requests, err = d.DB.ReadRequests(ctx, c.Requests); err != nil {
		return out, err
	}
	if len(out.Requests) == 0 {
		return out, fmt.Errorf("no request is chosen: %w", store.ErrConflict)
	}
	for _, r := range out.Requests {
		switch {
		case r.OfficeID != o.ID:
			return out, fmt.Errorf("request %d: %w", r.TransactionNumber, store.ErrNotFound)
		case r.PatronID != out.Requests[0].PatronID:
			return out, fmt.Errorf("these requests are of several patrons: write to each by themselves: %w", store.ErrConflict)
		case !MayCancel(r.Transaction):
			return out, fmt.Errorf("request %d cannot be cancelled any more, its status is “%s”: %w", r.TransactionNumber, r.Status, store.ErrConflict)
		case ordered(r.Transaction):
			out.Ordered = append(out.Ordered, r)
		}
	}
	if out.Patron, err = d.DB.PatronByID(ctx, out.Requests[0].PatronID); err != nil {
		return out, err
	}
	p := out.Patron
	data := templates.Data{Office: o.Letter, Staff: c.Staff, Today: store.DateOf(now, o.location()).Time(), Note: strings.TrimSpace(c.Note), Extra: map[string]string{},
		Patron: templates.Patron{FirstName: p.FirstName, LastName: p.LastName, Name: p.Name(), Username: p.Username, Email: p.Email, Status: p.PatronStatus}}
	letterSet := o.templates()
	t, ok := letterSet.Lookup(c.Letter, p.Language)
	if !ok || !slices.Contains(CancelLetters(letterSet), c.Letter) {
		return out, fmt.Errorf("there is no cancellation letter %q: %w", c.Letter, store.ErrNotFound)
	}
	var instead []string
	for _, r := range out.Requests {
		it := letterItem(r, data.Today)
		it.Reason, it.CallNumber, it.Link = strings.TrimSpace(c.Reason), strings.TrimSpace(c.CallNumbers[r.ID]), strings.TrimSpace(c.Links[r.ID])
		data.Items = append(data.Items, it)
		if it.CallNumber != "" && !strings.Contains(t.Source, "item.call_number") {
			instead = append(instead, fmt.Sprintf("%s is on our own shelves: call number %s.", r.DisplayTitle(), it.CallNumber))
		}
		if it.Link != "" && !strings.Contains(t.Source, "item.link") {
			instead = append(instead, fmt.Sprintf("%s can be read here: %s", r.DisplayTitle(), it.Link))
		}
	}
	if s := strings.TrimSpace(c.OtherEdition); s != "" {
		instead = append(instead, "Another edition may do: "+s+". Reply and we will ask for it.")
	}
	if c.Purchase {
		instead = append(instead, "You can also suggest that the library buys it: reply and we will pass it on.")
	}
	data.Extra["alternatives"] = strings.Join(instead, "\n")
	r, err := letterSet.Render(c.Letter, p.Language, data)
	if empty := (*templates.EmptyFieldError)(nil); errors.As(err, &empty) {
		out.Missing = lacking(empty.Field, len(data.Items), len(data.Items))
		return out, nil
	}
	if err != nil {
		out.Missing = err.Error()
		return out, nil
	}
	out.Subject, out.Body = r.Subject, r.Text
	return out, nil
}

// CancelPlace is the conversation in which a cancellation letter is sent: the
// one at hand, where the patron writes there from an address of theirs; else a
// new one.
func (d *Desk) CancelPlace(ctx context.Context, c Cancellation, l CancelLetter, at int64, actor store.Actor, now time.Time) (int64, error) {
	if at != 0 {
		st, err := d.DB.ReadStory(ctx, at)
		if err != nil {
			return 0, err
		}
		to, err := d.Recipient(ctx, at)
		if err != nil {
			return 0, err
		}
		if st.Conversation.OfficeID == c.OfficeID && st.Conversation.Kind == "patron" && to.Verified && to.PatronID == l.Patron.ID {
			return at, nil
		}
	}
	return d.Start(ctx, Beginning{OfficeID: c.OfficeID, Kind: "patron", Requests: c.Requests, Origin: at, Staff: c.Staff}, "", l.Subject, actor, now)
}

// CancelLater keeps the letter as a draft and puts the conversation on the list
// with what must be done first.
func (d *Desk) CancelLater(ctx context.Context, c Cancellation, l CancelLetter, conversation int64, actor store.Actor, now time.Time) error {
	if err := d.DB.SaveDraft(ctx, store.Draft{ConversationID: conversation, StaffID: actor.StaffID, Subject: l.Subject, Body: l.Body, Template: c.Letter}, now); err != nil {
		return err
	}
	var numbers []string
	for _, r := range l.Ordered {
		numbers = append(numbers, fmt.Sprint(r.TransactionNumber))
	}
	return d.DB.FlagConversation(ctx, conversation, fmt.Sprintf("cancel %s in ILLiad and OCLC first, then send the letter", strings.Join(numbers, ", ")), actor)
}

// Cancels are the requests of whose cancellation that letter tells.
func (c Cancellation) Cancels(l CancelLetter) []store.Cancelled {
	var list []store.Cancelled
	for _, r := range l.Requests {
		list = append(list, store.Cancelled{TransactionID: r.ID, Reason: strings.TrimSpace(c.Reason), Route: r.State == store.StateOpen})
	}
	return list
}

// namesNumber reports whether a text has that number, and not just as a part of
// a longer one.
func namesNumber(text string, n int64) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }), fmt.Sprint(n))
}

// cancelConfirmed tells a patron that what they do not need any more is cancelled.
const cancelConfirmed = "reply-cancel-confirmed"

// tells are the requests of whose cancellation a reply tells that was made of a
// cancellation letter: those of the recipient that it names. Sent by hand, it
// counts as well.
func (d *Desk) tells(ctx context.Context, st *store.Story, to Recipient, in ReplyInput) ([]store.Cancelled, error) {
	confirms := in.Template == cancelConfirmed
	if in.Cancels != nil || !confirms && !strings.HasPrefix(in.Template, "cancel") {
		return in.Cancels, nil
	}
	requests, err := d.mayTell(ctx, st, to, false, in.Template)
	if err != nil {
		return nil, err
	}
	var list []store.Cancelled
	for _, r := range requests {
		if !MayCancel(r.Transaction) || !namesNumber(in.Body, r.TransactionNumber) {
			continue
		}
		c := store.Cancelled{TransactionID: r.ID}
		if confirms {
			c.Reason, c.Route = "the customer asked for it", r.State == store.StateOpen
			if ordered(r.Transaction) {
				c.Todo = fmt.Sprintf("cancel %d in ILLiad and OCLC", r.TransactionNumber)
			}
		}
		list = append(list, c)
	}
	return list, nil
}
