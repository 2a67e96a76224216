package notices

import (
	"cmp"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"illmail/mailbox"
	"illmail/store"
	"illmail/templates"
)

// item is one notice in a mail.
type item struct {
	facts *store.NoticeFacts
	Decision
}

// letter is the text of a mail, ready to be stored.
type letter struct {
	templates.Rendered
	template string
	ref      string
}

// writeLetter renders one kind of notice to one patron. It puts items in the
// order in which they are told: the stern ones first.
func writeLetter(o *Office, key []byte, day store.Date, kind store.NoticeKind, items []item) (letter, error) {
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(b.Rung-a.Rung, orderOfDays(kind)*(b.Days-a.Days), cmp.Compare(a.facts.Transaction.TransactionNumber, b.facts.Transaction.TransactionNumber))
	})
	p := &items[0].facts.Patron
	data := templates.Data{
		Office: o.Letter,
		Patron: templates.Patron{FirstName: p.FirstName, LastName: p.LastName, Username: p.Username, Email: p.Email, Status: p.PatronStatus},
		Today:  day.Time(),
		Extra:  map[string]string{},
	}
	tns := make([]int64, len(items))
	for i, it := range items {
		t := &it.facts.Transaction
		tns[i] = t.TransactionNumber
		ti := templates.Item{
			TransactionNumber: t.TransactionNumber, ILLNumber: t.ILLNumber, Title: t.Title, ArticleTitle: t.ArticleTitle, Author: t.Author,
			RequestType: t.RequestType, Lender: t.LendingLibrary, Status: t.Status, PickupLocation: t.PickupLocation,
			DueDate: t.DueDate.Time(), StatusDate: t.StatusDate.Time(), RenewalsAllowed: t.RenewalsAllowed, ExpiresOn: it.ends.Time(),
		}
		if ends := p.AccountEnds; kind != store.KindCancellation && !ends.Before(day) && t.DueDate.After(ends) {
			data.Patron.AccountEnds = ends.Time()
		}
		switch kind {
		case store.KindOverdue:
			ti.DaysOverdue = it.Days
			ti.Stern = it.Rung > 2 || it.Rung > 1 && it.Rung == len(it.rule.Days)
			data.Letter = max(data.Letter, 1+received(it.facts))
		case store.KindDueSoon:
			ti.DaysLeft = it.Days
		case store.KindDelay:
			ti.DaysWaiting = day.Sub(t.StatusDate)
		case store.KindCancellation:
			ti.Reason = strings.TrimSpace(t.CancelReason)
		case store.KindPickup:
			ti.DaysLeft, ti.Stern = max(0, it.ends.Sub(day)), it.Rung > 1
		case store.KindDelivery:
			ti.Link, ti.Password = webLink(t.DeliveryURL), t.DeliveryPassword
			ti.DaysLeft, ti.Stern = it.ends.Sub(day), it.Rung > 1
			if ti.Link != "" { // it is the sender's page that counts
				ti.Views = o.Rules.DeliveryViews
			}
		case store.KindInTransit:
			ti.StatusDate, ti.DaysWaiting = it.Cycle.Time(), day.Sub(it.Cycle)
		case store.KindRecall:
			ti.NewDueDate, ti.Stern = it.asked.Time(), it.Rung > 1
		}
		data.Items = append(data.Items, ti)
	}
	language := cmp.Or(p.Language, o.Language)
	if note := closedNote(o, kind, items); note != "" && englishLetter(o, string(kind), language) {
		data.Extra["closed_note"] = note
	}
	if kind == store.KindLeaving {
		data.Extra["term_note"] = leavingText(o, templateName(items), language)
	}
	name := templateName(items)
	r, err := o.Templates().Render(name, language, data)
	if err != nil {
		return letter{}, fmt.Errorf("writing the letter %q: %w", name, err)
	}
	slices.Sort(tns)
	return letter{
		Rendered: r, template: name,
		ref: mailbox.SignRef(key, string(kind), items[0].Rung, items[0].Cycle.String(), tns),
	}, nil
}

// orderOfDays is 1 where more days are more urgent, -1 where fewer are.
func orderOfDays(kind store.NoticeKind) int {
	if before(kind) {
		return -1
	}
	return 1
}

// templateName is the letter's template: that of its rule, or its kind's. For
// cancellations it is that of their reason, or the general one where they have
// several; what has come and what is soon gone again share the letter of what
// has come, which names each last day.
func templateName(items []item) string {
	name := ""
	for i, it := range items {
		n := it.template()
		if i > 0 && n != name {
			return string(it.Kind)
		}
		name = n
	}
	return name
}

// template is the letter that tells the notice.
func (it *item) template() string {
	if it.rule.Template != "" {
		return it.rule.Template
	}
	switch it.Kind {
	case store.KindCancellation:
		name, _ := templates.CancellationTemplate(it.facts.Transaction.CancelReason)
		return name
	case store.KindPickup, store.KindDelivery:
		if it.Rung > 1 {
			return string(it.Kind) + "-expiring"
		}
	case store.KindInTransit:
		return "delay-in-transit"
	case store.KindClaim:
		return "claim-follow-up"
	case store.KindLeaving:
		return "account-ending"
	}
	return string(it.Kind)
}

// webLink is the address where a copy is read, if it is one that a letter may
// send a patron to.
func webLink(address string) string {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return address
}

// received counts the overdue letters about the transaction that the patron
// really got in the present cycle, whatever their rungs were; those of a later
// due date belong to it, since an earlier one inherits them.
func received(f *store.NoticeFacts) int {
	n, other := 0, false
	for _, r := range f.Notices {
		if r.Kind != store.KindOverdue {
			continue
		}
		if r.Cycle.Before(f.Transaction.DueDate) {
			other = other || r.Told()
			continue
		}
		if r.State == store.NoticePlanned && r.OutboxState == store.OutboxSent && r.BouncedAt == nil {
			n++
		}
	}
	if !other {
		n += f.Transaction.LastOverdueNoticeSent
	}
	return n
}

// closedNote tells a patron who would find the doors closed on the due date.
func closedNote(o *Office, kind store.NoticeKind, items []item) string {
	due := items[0].facts.Transaction.DueDate
	if kind != store.KindDueSoon || o.Rules.Calendar.IsOpen(due) {
		return ""
	}
	next := o.Rules.Calendar.NextOpen(due)
	return fmt.Sprintf("We are closed on %s. Back by %s is in time.", due.Time().Format("Monday, January 2"), next.Time().Format("Monday, January 2"))
}

// leavingText is what the office adds to a letter about the end of an account,
// in the language of that letter.
func leavingText(o *Office, name, language string) string {
	t, ok := o.Templates().Lookup(name, language)
	if !ok {
		return ""
	}
	base, _, _ := strings.Cut(t.Language, "-")
	return cmp.Or(o.Rules.LeavingText[t.Language], o.Rules.LeavingText[base])
}

// copies are who gets a copy of a mail: the people of its rule, and where the
// office wants it so the other address of a patron who leaves.
func copies(o *Office, kind store.NoticeKind, items []item) []string {
	cc := slices.Clone(items[0].rule.Cc)
	p := &items[0].facts.Patron
	if a, err := mail.ParseAddress(p.AlternateEmail); kind == store.KindLeaving && o.Rules.LeavingCc && err == nil && !strings.EqualFold(a.Address, p.Email) {
		cc = append(cc, a.Address)
	}
	return cc
}

// englishLetter reports whether the letter will be in English, the language of
// the notes that are made here.
func englishLetter(o *Office, name, language string) bool {
	t, ok := o.Templates().Lookup(name, language)
	return ok && (t.Language == "en" || strings.HasPrefix(t.Language, "en-"))
}

// groupReason says in one sentence what a mail tells.
func groupReason(items []item) string {
	if len(items) == 1 {
		return items[0].Reason
	}
	seen := map[string]bool{}
	var parts []string
	for _, it := range items {
		if !seen[it.Reason] {
			seen[it.Reason] = true
			parts = append(parts, it.Reason)
		}
	}
	return fmt.Sprintf("%d requests: %s", len(items), strings.Join(parts, "; "))
}
