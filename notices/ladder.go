package notices

import (
	"fmt"
	"slices"
	"strings"

	"illmail/store"
	"illmail/templates"
)

// ladder is one kind of notice of one transaction in its present cycle.
type ladder struct {
	kind    store.NoticeKind
	rule    Rule
	cycle   store.Date
	days    int
	from    store.Date // from which the days count, or up to which they do
	reached int        // the highest rung that is due, from 1
	ends    store.Date // the last day on the hold shelf, or of a copy; zero: not told
	asked   store.Date // the day by which the lender wants it back; zero: it names none
	status  bool       // in transit by its status alone, which may mean that it is here already
}

const (
	recallDays   = 14  // open days after which a lender's mail proposes no letter any more
	recallAgain  = 14  // days before another mail of the lender proposes another letter
	shippedDays  = 120 // days after which a lender's word that it shipped is old
	followUpDays = 120 // the same of a search in vain
)

// ladder returns what is due of that kind, if anything is.
func (d *decider) ladder(kind store.NoticeKind) (l ladder, ok bool) {
	t := &d.f.Transaction
	if t.ProcessType != "Borrowing" || t.ClosedAt != nil || !slices.Contains(statesOf[kind], t.State) {
		return l, false
	}
	l.kind = kind
	if !d.begin(&l) {
		return l, false
	}
	if l.rule, ok = d.rules.rule(kind, d.f); !ok || l.status && l.rule.Name == "" {
		return l, false
	}
	cal, today := &d.rules.Calendar, d.day.Date
	switch {
	case before(kind):
		l.days = l.from.Sub(today)
		for l.reached < len(l.rule.Days) && !d.dueOn(&l, l.reached+1).After(today) {
			l.reached++
		}
	case kind == store.KindRecall:
		l.days = cal.OpenDaysBetween(l.from, today)
	default:
		if l.days = today.Sub(l.from); l.rule.OpenDays {
			l.days = cal.OpenDaysBetween(l.from, today)
		}
		for l.reached = l.rule.rungAt(l.days); l.reached > 0 && d.dueOn(&l, l.reached).After(today); {
			l.reached--
		}
		for kind == store.KindDelivery && l.reached < len(l.rule.Days) && !d.dueOn(&l, l.reached+1).After(today) {
			l.reached++
		}
	}
	return l, l.reached > 0
}

// begin finds the day from which the ladder's days count, and its cycle.
func (d *decider) begin(l *ladder) bool {
	t, cal, today := &d.f.Transaction, &d.rules.Calendar, d.day.Date
	since := func(on store.Date) bool {
		l.from, l.cycle = on, on
		return !on.IsZero() && !on.After(today)
	}
	switch l.kind {
	case store.KindOverdue:
		// A due date on a closed day counts as the next open day.
		l.cycle, l.from = t.DueDate, cal.NextOpen(t.DueDate)
		return !t.DueDate.IsZero() && t.DueDate.Before(today)
	case store.KindDueSoon:
		l.cycle, l.from = t.DueDate, t.DueDate
		return !t.DueDate.IsZero() && !today.After(t.DueDate)
	case store.KindLeaving:
		ends := d.f.Patron.AccountEnds
		l.cycle, l.from = ends, ends
		return !ends.IsZero() && !today.After(ends) && t.DueDate.After(ends)
	case store.KindDelay:
		return since(t.StatusDate) && t.StatusDate.Before(today)
	case store.KindCancellation:
		// What is older is listed for staff as "patron not told".
		return since(t.StatusDate) && cal.OpenDaysBetween(t.StatusDate, today) <= d.rules.CancellationMaxAgeDays
	case store.KindPickup:
		if !since(d.shelved()) {
			return false
		}
		if keep := d.rules.PickupKeepDays; keep > 0 {
			l.ends = cal.AddOpenDays(l.from, keep)
		}
		return l.ends.IsZero() || !today.After(l.ends)
	case store.KindDelivery:
		if !since(t.StatusDate) {
			return false
		}
		l.ends = l.from.AddDays(d.rules.DeliveryKeepDays)
		return !today.After(l.ends)
	case store.KindInTransit:
		shipped := d.shipped()
		if l.status = shipped.IsZero() && t.State == store.StateInTransit; l.status {
			return since(t.StatusDate)
		}
		return since(shipped) && today.Sub(shipped) <= shippedDays
	case store.KindRecall:
		m, ok := d.recalled()
		if !ok || !since(store.DateOf(m.At, d.rules.Location)) || cal.OpenDaysBetween(l.from, today) > recallDays {
			return false
		}
		if m.By.After(today) {
			l.asked = m.By
		}
		l.reached = 1
		if m.Intent == "lender_overdue" {
			l.reached = 2
		}
		return true
	case store.KindClaim:
		return !d.f.NotFound.IsZero() && since(store.DateOf(d.f.NotFound, d.rules.Location)) && today.Sub(l.from) <= followUpDays
	}
	return false
}

// shelved is the day on which the item came onto the hold shelf. Its status
// may move while it stands there; that is no second arrival.
func (d *decider) shelved() store.Date {
	on := d.f.Transaction.StatusDate
	for _, n := range d.f.Notices {
		if n.Kind == store.KindPickup && n.Told() && n.Cycle.Before(on) {
			on = n.Cycle
		}
	}
	return on
}

// shipped is the day on which a lender wrote that it shipped what has not come
// since; zero where none did.
func (d *decider) shipped() store.Date {
	for _, m := range d.f.Lender {
		on := store.DateOf(m.At, d.rules.Location)
		if m.Intent == "lender_shipped" && slices.Contains(statesOf[store.KindInTransit], d.f.Transaction.State) && !on.Before(d.f.Transaction.StatusDate) && !on.After(d.day.Date) {
			return on
		}
	}
	return store.Date{}
}

// recalled is the last mail in which the lender wants the item back.
func (d *decider) recalled() (store.LenderMail, bool) {
	for _, m := range d.f.Lender {
		if (m.Intent == "recall" || m.Intent == "lender_overdue") && !store.DateOf(m.At, d.rules.Location).After(d.day.Date) {
			return m, true
		}
	}
	return store.LenderMail{}, false
}

// dueOn is the open day on which a rung falls due.
func (d *decider) dueOn(l *ladder, rung int) store.Date {
	cal := &d.rules.Calendar
	switch {
	case l.kind == store.KindRecall:
		return cal.NextOpen(l.from)
	case before(l.kind):
		n := l.rule.days(rung)
		on := cal.NextOpen(l.from.AddDays(-n))
		if on.After(l.from) { // the window has no open day
			on = cal.LastOpenBefore(l.from.AddDays(-n))
		}
		return on
	case l.rule.OpenDays && l.rule.days(rung) > 0:
		return cal.AddOpenDays(l.from, l.rule.days(rung))
	}
	on := cal.NextOpen(l.from.AddDays(l.rule.days(rung)))
	if l.kind == store.KindDelivery && l.rule.days(rung) > 0 && on.After(l.ends) { // closed until the copy is gone
		on = cal.LastOpenBefore(l.from.AddDays(l.rule.days(rung)))
	}
	return on
}

// toldUpTo is the highest rung that counts as told in l's cycle. A later due
// date starts a new cycle; an earlier one inherits what was told. So the rows
// are walked in the order in which they were decided: whatever was told under
// a cycle counts until a later cycle follows.
func (d *decider) toldUpTo(l ladder) int {
	told, current := 0, store.Date{}
	inCycle := 0
	for _, n := range d.f.Notices {
		if n.Kind != l.kind || !n.Told() {
			continue
		}
		if n.Cycle.After(current) && !current.IsZero() {
			told = 0
		}
		current = n.Cycle
		told = max(told, n.Rung)
		if n.Cycle == l.cycle {
			inCycle = max(inCycle, n.Rung)
			// A ladder that was changed meanwhile: the days told count as well.
			if n.State == store.NoticePlanned && !before(l.kind) && l.kind != store.KindRecall {
				inCycle = max(inCycle, l.rule.rungAt(n.Days))
			}
		}
	}
	if l.cycle.After(current) && !current.IsZero() {
		told = 0
	}
	return max(told, inCycle)
}

// toldElsewhere says by what the rung counts as told although no notice of
// ours was: before illmail came, or by hand.
func (d *decider) toldElsewhere(l ladder) string {
	t, due := &d.f.Transaction, d.dueOn(&l, l.reached)
	if live := d.rules.GoLive; !live.IsZero() {
		since := due
		if l.kind == store.KindCancellation {
			since = t.StatusDate
		}
		if since.Before(live) {
			return fmt.Sprintf("it was due before %s, when illmail went live", live)
		}
	}
	// The ILL system's count stands for the cycle in which it was first seen.
	if l.kind == store.KindOverdue && t.LastOverdueNoticeSent >= l.reached && !d.knownInOtherCycle(l) {
		return fmt.Sprintf("the ILL system sent overdue notice %d", t.LastOverdueNoticeSent)
	}
	// Staff cancelled it here and told the patron; the ILL system followed.
	for _, n := range d.f.Notices {
		if l.kind == store.KindCancellation && n.Kind == l.kind && n.State == store.NoticeTold && n.OutboxID != nil &&
			!n.Cycle.After(l.cycle) && l.cycle.Sub(n.Cycle) <= 60 {
			return fmt.Sprintf("by hand on %s", n.PlannedOn)
		}
	}
	for _, h := range d.f.ByHand {
		on := store.DateOf(h.SentAt, d.rules.Location)
		if kindOf(h.Template) == l.kind && !on.Before(due) {
			return fmt.Sprintf("by hand on %s", on)
		}
	}
	return ""
}

// kindOf is the kind of notice that a letter of that template tells.
func kindOf(template string) store.NoticeKind {
	for _, k := range []struct {
		prefix string
		kind   store.NoticeKind
	}{
		{"delay-in-transit", store.KindInTransit}, {"delay", store.KindDelay}, {"overdue", store.KindOverdue}, {"due_soon", store.KindDueSoon},
		{templates.General, store.KindCancellation}, {"cancel-", store.KindCancellation}, {"pickup", store.KindPickup}, {"delivery", store.KindDelivery},
		{"recall", store.KindRecall}, {"claim-follow-up", store.KindClaim}, {"account-ending", store.KindLeaving},
	} {
		if strings.HasPrefix(template, k.prefix) {
			return k.kind
		}
	}
	return ""
}

func (d *decider) knownInOtherCycle(l ladder) bool {
	return slices.ContainsFunc(d.f.Notices, func(n store.NoticeRow) bool {
		return n.Kind == l.kind && n.Cycle != l.cycle && n.Told()
	})
}

// lastTold is the day on which a notice of that kind last went; zero: none did.
func (d *decider) lastTold(kind store.NoticeKind) (last store.Date) {
	for _, n := range d.f.Notices {
		if n.Kind == kind && n.Told() && n.SentAt != nil {
			if on := store.DateOf(*n.SentAt, d.rules.Location); on.After(last) {
				last = on
			}
		}
	}
	return last
}
