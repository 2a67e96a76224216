package notices

import (
	"cmp"
	"fmt"
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
			DueDate: t.DueDate.Time(), StatusDate: t.StatusDate.Time(), RenewalsAllowed: t.RenewalsAllowed,
		}
		switch kind {
		case store.KindOverdue:
			ti.DaysOverdue = it.Days
			ti.Stern = it.Rung > 2 || it.Rung > 1 && it.Rung == len(o.Rules.OverdueDays)
			data.Letter = max(data.Letter, 1+received(it.facts))
		case store.KindDueSoon:
			ti.DaysLeft = it.Days
		case store.KindDelay:
			ti.DaysWaiting = day.Sub(t.StatusDate)
		case store.KindCancellation:
			ti.Reason = strings.TrimSpace(t.CancelReason)
		}
		data.Items = append(data.Items, ti)
	}
	language := cmp.Or(p.Language, o.Language)
	if note := closedNote(o, kind, items); note != "" && englishLetter(o, string(kind), language) {
		data.Extra["closed_note"] = note
	}
	name := templateName(kind, items)
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
	if kind == store.KindDueSoon {
		return -1
	}
	return 1
}

// templateName is the letter's template: for cancellations that of their
// reason, or the general one where they have several.
func templateName(kind store.NoticeKind, items []item) string {
	if kind != store.KindCancellation {
		return string(kind)
	}
	name := ""
	for i, it := range items {
		n, _ := templates.CancellationTemplate(it.facts.Transaction.CancelReason)
		if i > 0 && n != name {
			return templates.General
		}
		name = n
	}
	return name
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
