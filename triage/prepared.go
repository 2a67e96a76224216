package triage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"illmail/store"
	"illmail/templates"
)

// PreparedReply is an answer that is ready before anyone writes.
type PreparedReply struct {
	Template string // "reply-status"; "" where none fits
	Subject  string // "Re: …", so that it stays in the thread
	Body     string // plain text; "" where the letter lacks something
	Language string
	Why      []string // in words: the intent, and what of the records decided
	Notes    []string // what staff must know before it goes: why there is a Gap, which language it is not in
	Missing  string   // the field without which the letter cannot be written, and why; "" for none
	To       Recipient
	// What the writer saw, for ReplyInput.
	LastSeenMessageID, LastSeenReplyID int64
}

// Prepared makes the answer to what a conversation asks now; staff is the name
// that signs it. letter is a template's name, or "" for the one that fits. Only
// what a request's own patron may know is told, and only to an address that is
// theirs.
func (d *Desk) Prepared(ctx context.Context, conversationID int64, letter, staff string, now time.Time) (PreparedReply, error) {
	var p PreparedReply
	st, err := d.DB.ReadStory(ctx, conversationID)
	if err != nil {
		return p, err
	}
	o, err := d.office(st.Conversation.OfficeID)
	if err != nil {
		return p, err
	}
	to, last, err := d.recipient(ctx, o, st)
	if err != nil {
		return p, err
	}
	p.To, p.LastSeenReplyID, p.Subject = to, LastReplyID(st), subjectLine("", st, last)
	if id := st.Conversation.LastMessageID; id != nil {
		p.LastSeenMessageID = *id
	}
	data := templates.Data{Office: o.Letter, Staff: staff, Today: store.DateOf(now, o.location()).Time()}
	language := ""
	var patron store.Patron
	if to.PatronID != 0 {
		if patron, err = d.DB.PatronByID(ctx, to.PatronID); err != nil {
			return p, err
		}
	}
	// A kind that staff chose is sure; one that was read is a guess.
	partner := st.Conversation.Kind == "partner"
	if last == nil && st.Conversation.ToKind != "" {
		partner = st.Conversation.ToKind != "patron"
	}
	if to.Verified && !partner {
		language = patron.Language
		data.Patron = templates.Patron{FirstName: patron.FirstName, LastName: patron.LastName, Name: patron.Name(),
			Username: patron.Username, Email: patron.Email, Status: patron.PatronStatus}
	}
	requests, err := d.mayTell(ctx, st, to, partner, letter)
	if err != nil {
		return p, err
	}
	filed := requests
	if p.Template = letter; letter == "" {
		p.Template, p.Why = chooseLetter(st.Conversation.Intent, requests)
		requests = fitting(p.Template, requests)
	}
	if letter == "" && !to.Verified && strings.HasPrefix(p.Template, lenderLetter) {
		p.Template, p.Why = "", append(p.Why, "no directory knows the address as a library's: say whose it is, or choose a letter")
	}
	if !to.Verified && len(requests) > 0 {
		p.Why = append(p.Why, "no directory knows the address as a library's: see that it is the lender's before you send")
	}
	if !to.Verified && !partner && len(requests) == 0 {
		p.Why = append(p.Why, "the address is not known to be the patron's: the letter tells nothing about requests")
	}
	if p.Template == "" {
		return p, nil
	}
	if p.Template == "reply-other" && len(requests) == 0 && asksAboutRequest(st.Conversation.Intent) {
		data.Extra = map[string]string{"which_request": "yes"}
	}
	if !partner {
		p.Notes = gaps(p.Template, st.Conversation.Intent, st, last, filed, requests)
	}
	if p.Template == "reply-renewal-asked" {
		asked, why, err := d.renewalFacts(ctx, requests, now)
		if err != nil {
			return p, err
		}
		if asked {
			data.Extra = map[string]string{"renewal_asked": "yes"}
		}
		if why != "" {
			p.Notes = append(p.Notes, why)
		}
	}
	gap := len(p.Notes) > 0
	if gap {
		data.Note = Gap
	}
	for _, r := range requests {
		data.Items = append(data.Items, letterItem(r, data.Today))
		data.Lender.Symbol = cmp.Or(data.Lender.Symbol, r.LendingLibrary)
	}
	letterSet := o.templates()
	out, err := letterSet.Render(p.Template, language, data)
	if empty := (*templates.EmptyFieldError)(nil); errors.As(err, &empty) {
		p.Missing = lacking(empty.Field, len(data.Items), len(filedOn(st)))
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("writing %s: %w", p.Template, err)
	}
	p.Body, p.Language = out.Text, out.Language
	if gap && !strings.Contains(p.Body, Gap) { // the office's own letter has no place for a note
		p.Body = Gap + "\n\n" + p.Body
	}
	if note := otherLanguage(language, out.Language); note != "" {
		p.Notes = append(p.Notes, note)
	}
	return p, nil
}

// lenderLetter is how the names of the letters to lenders begin.
const lenderLetter = "lender-"

// mayTell are the requests of the conversation that the recipient may read of:
// those on which it is filed and that are the patron's own, where the letter
// goes to an address of that patron; for a lender those it is filed on. What
// only looks like a lender's mail is told of them where staff chose a letter
// for lenders, none of which names a patron.
func (d *Desk) mayTell(ctx context.Context, st *store.Story, to Recipient, partner bool, letter string) ([]store.RequestView, error) {
	library := partner || st.Conversation.Kind == "vendor"
	if to.Addr == "" || !to.Verified && !(library && strings.HasPrefix(letter, lenderLetter)) {
		return nil, nil
	}
	patrons, err := d.DB.PatronsByAddress(ctx, st.Conversation.OfficeID, to.Addr)
	if err != nil {
		return nil, err
	}
	if !to.Verified && len(patrons) > 0 {
		return nil, nil // another patron's mail that was taken for a lender's
	}
	var ids []int64
	for _, m := range st.Matches {
		if m.Decided && !slices.Contains(ids, m.TransactionID) {
			ids = append(ids, m.TransactionID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	requests, err := d.DB.ReadRequests(ctx, ids)
	if err != nil {
		return nil, err
	}
	// A patron's address reads of that patron only, whatever kind the mail was
	// taken for: the kind is a guess, the address was registered or confirmed.
	return slices.DeleteFunc(requests, func(r store.RequestView) bool {
		return (!library || to.PatronID != 0 && len(patrons) > 0) && r.PatronID != to.PatronID
	}), nil
}

// lacking says in words what a letter lacks that cannot be written, for who
// chose it: the field, with how many requests it may tell of and on how many
// the conversation is filed.
func lacking(field string, told, filed int) string {
	name, ofItem := strings.CutPrefix(field, "item.")
	switch {
	case ofItem && filed == 0:
		return "it tells of a request, and this conversation is filed on none: file it first"
	case ofItem && told == 0:
		return "it tells of a request, and the one who reads it may not know of those on which this conversation is filed"
	}
	name = strings.NewReplacer(".", "’s ", "_", " ").Replace(strings.TrimPrefix(name, "extra."))
	if ofItem {
		return fmt.Sprintf("it tells the %s, which the records of the request do not have", name)
	}
	return fmt.Sprintf("it tells the %s, which is not known", name)
}

// asksAboutRequest reports intents that cannot be answered without a request.
func asksAboutRequest(intent string) bool {
	return slices.Contains([]string{"status", "renewal", "cancel", "returned_claim", "amend_request", "file_problem", "wrong_item", "pickup"}, intent)
}

// plainLetters are the letters of intents whose answer does not depend on the
// state of a request.
var plainLetters = map[string]string{
	"status": "reply-status", "returned_claim": "reply-claim-returned", "lost_damaged": "reply-lost-damaged", "pickup": "reply-pickup",
	"return_how": "reply-return-how", "file_problem": "reply-file-problem", "wrong_item": "reply-wrong-item", "new_request": "reply-new-request",
	"amend_request": "reply-amend", "account": "reply-account", "fees": "reply-fees", "policy": "reply-policy", "thanks": "reply-thanks", "other": "reply-other",
	"recall": "lender-recall-acknowledged",
}

// chooseLetter picks the letter by the intent and the state of the requests.
func chooseLetter(intent string, requests []store.RequestView) (name string, why []string) {
	if intent == "" {
		return "", nil
	}
	why = []string{"asks: " + intent}
	if len(requests) == 0 && asksAboutRequest(intent) {
		return "reply-other", append(why, "no request that may be told of is known")
	}
	has := func(states ...store.State) bool {
		return slices.ContainsFunc(requests, func(r store.RequestView) bool { return slices.Contains(states, r.State) })
	}
	switch intent {
	case "renewal":
		if slices.ContainsFunc(requests, renewable) {
			return "reply-renewal-asked", append(why, "the lender allows renewals")
		}
		if has(store.StateOnLoan, store.StateInHands) {
			return "reply-renewal-not-possible", append(why, "the lender allows no renewal")
		}
		return "reply-status", append(why, "the request is not on loan")
	case "pickup":
		if !has(store.StateOnShelf) {
			return "reply-status", append(why, "it is not on the shelf")
		}
	case "cancel":
		switch {
		case slices.ContainsFunc(requests, cancellable):
			return cancelConfirmed, append(why, "it can still be cancelled")
		case has(store.StateOnLoan, store.StateInHands):
			return "reply-return-how", append(why, "it is on loan: it can only be brought back")
		}
		return "reply-status", append(why, "it is closed already")
	case "lender_overdue", "lender_query":
		if has(store.StateReturned, store.StateFinished) {
			return "lender-returned", append(why, "our records say that it went back")
		}
		if intent == "lender_overdue" && has(store.StateOnLoan, store.StateInHands) {
			return "lender-renewal-asked", append(why, "the patron has it")
		}
		return "", append(why, "what to answer depends on what is found")
	case "lender_conditional":
		return "", append(why, "accept or decline: both letters are there")
	}
	return plainLetters[intent], why
}

// fitting leaves out the requests for which a letter would be wrong.
func fitting(letter string, requests []store.RequestView) []store.RequestView {
	keep := func(fn func(store.RequestView) bool) []store.RequestView {
		return slices.DeleteFunc(slices.Clone(requests), func(r store.RequestView) bool { return !fn(r) })
	}
	switch letter {
	case "reply-renewal-asked":
		return keep(renewable)
	case cancelConfirmed:
		return keep(cancellable)
	case "reply-pickup":
		return keep(func(r store.RequestView) bool { return r.State == store.StateOnShelf })
	}
	return requests
}

func renewable(r store.RequestView) bool {
	return r.RenewalsAllowed && (r.State == store.StateOnLoan || r.State == store.StateInHands)
}

func cancellable(r store.RequestView) bool {
	return slices.Contains([]store.State{store.StateOpen, store.StateSent, store.StateInTransit, store.StateOnShelf}, r.State)
}

func letterItem(r store.RequestView, today time.Time) templates.Item {
	it := templates.Item{
		TransactionNumber: r.TransactionNumber, ILLNumber: r.ILLNumber, Title: r.Title, ArticleTitle: r.ArticleTitle, Author: r.Author,
		RequestType: r.RequestType, Lender: r.LendingLibrary, Status: r.Status, Reason: r.CancelReason, PickupLocation: r.PickupLocation,
		DueDate: r.DueDate.Time(), StatusDate: r.StatusDate.Time(), RenewalsAllowed: r.RenewalsAllowed,
	}
	if !r.DueDate.IsZero() {
		if days := int(today.Sub(it.DueDate).Hours() / 24); days > 0 {
			it.DaysOverdue = days
		} else {
			it.DaysLeft = -days
		}
	}
	return it
}
