package notices

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"illmail/store"
	"illmail/templates"
)

// Action is what becomes of a notice that is due.
type Action string

// The actions.
const (
	Send Action = "send"
	Hold Action = "hold" // it waits, and is decided anew at each run
	Skip Action = "skip" // no letter
)

// Day is a day on which notices are decided, with what is true of the whole office.
type Day struct {
	Date   store.Date
	Paused bool   // staff stopped all notices
	Stale  string // why the records are too old; "" when they are not
}

// Decision is what to do about one notice of one transaction, and why.
type Decision struct {
	Kind   store.NoticeKind
	Rung   int
	Cycle  store.Date
	Days   int // days overdue; days left; open days waited; open days since the cancellation
	Action Action
	State  store.NoticeState // what to record: planned, held, skipped, passed or told
	Reason string
	DueOn  store.Date // the open day on which it fell due
	SendOn store.Date // the day on which it goes; zero: unknown
	// ConversationID is the conversation that holds it, or 0.
	ConversationID int64
}

// noticeKinds are the kinds that the planner decides, in the order in which it
// reports them.
var noticeKinds = []store.NoticeKind{store.KindCancellation, store.KindOverdue, store.KindDueSoon, store.KindDelay}

// Decide says what is to be done on day about the notices of one transaction.
// It is pure: the same arguments give the same answer. Nothing is returned for
// notices that are not due, or that were told and recorded as such.
func Decide(day Day, r *Rules, f *store.NoticeFacts) []Decision {
	d := decider{day: day, rules: r, f: f}
	for _, kind := range noticeKinds {
		if l, ok := d.ladder(kind); ok {
			d.decideLadder(l)
		}
	}
	d.closeOthers()
	return d.out
}

type decider struct {
	day   Day
	rules *Rules
	f     *store.NoticeFacts
	out   []Decision
}

// ladder is one kind of notice of one transaction in its present cycle.
type ladder struct {
	kind    store.NoticeKind
	cycle   store.Date
	days    int
	dueOn   []store.Date // per rung, ascending
	reached int          // the highest rung that is due, from 1
}

// ladder returns what is due of that kind, if anything is.
func (d *decider) ladder(kind store.NoticeKind) (ladder, bool) {
	t, cal, today := &d.f.Transaction, &d.rules.Calendar, d.day.Date
	l := ladder{kind: kind}
	if t.ProcessType != "Borrowing" || t.ClosedAt != nil {
		return l, false
	}
	inHands := t.State == store.StateOnLoan || t.State == store.StateInHands
	switch kind {
	case store.KindOverdue:
		if !inHands || t.DueDate.IsZero() || !t.DueDate.Before(today) {
			return l, false
		}
		// A due date on a closed day counts as the next open day.
		due := cal.NextOpen(t.DueDate)
		l.cycle, l.days = t.DueDate, today.Sub(due)
		for _, n := range d.rules.OverdueDays {
			l.dueOn = append(l.dueOn, cal.NextOpen(due.AddDays(n)))
		}
	case store.KindDueSoon:
		if !inHands || t.DueDate.IsZero() || today.After(t.DueDate) {
			return l, false
		}
		l.cycle, l.days = t.DueDate, t.DueDate.Sub(today)
		for _, n := range d.rules.DueSoonDays {
			on := cal.NextOpen(t.DueDate.AddDays(-n))
			if on.After(t.DueDate) { // the window has no open day
				on = cal.LastOpenBefore(t.DueDate.AddDays(-n))
			}
			l.dueOn = append(l.dueOn, on)
		}
	case store.KindDelay:
		if t.State != store.StateSent || t.StatusDate.IsZero() || !t.StatusDate.Before(today) {
			return l, false
		}
		l.cycle, l.days = t.StatusDate, cal.OpenDaysBetween(t.StatusDate, today)
		for _, n := range d.rules.DelayDays {
			if l.days < n {
				break // the rungs ascend
			}
			l.dueOn = append(l.dueOn, cal.AddOpenDays(t.StatusDate, n))
		}
	case store.KindCancellation:
		if t.State != store.StateCancelledStaff || t.StatusDate.IsZero() || t.StatusDate.After(today) {
			return l, false
		}
		l.cycle, l.days = t.StatusDate, cal.OpenDaysBetween(t.StatusDate, today)
		if l.days > d.rules.CancellationMaxAgeDays {
			return l, false // listed for staff as "patron not told"
		}
		l.dueOn = []store.Date{cal.NextOpen(t.StatusDate)}
	}
	for k, on := range l.dueOn {
		if !on.After(today) {
			l.reached = k + 1
		}
	}
	return l, l.reached > 0
}

// decideLadder decides the highest rung that is due; those below it that were
// not told are recorded as passed once it goes.
func (d *decider) decideLadder(l ladder) {
	if d.toldUpTo(l) >= l.reached {
		return
	}
	dec := Decision{Kind: l.kind, Rung: l.reached, Cycle: l.cycle, Days: l.days, DueOn: l.dueOn[l.reached-1]}
	if why := d.toldElsewhere(l); why != "" {
		dec.Action, dec.State, dec.Reason = Skip, store.NoticeTold, "already told: "+why
		d.out = append(d.out, dec)
		return
	}
	d.judge(&dec)
	d.out = append(d.out, dec)
	if dec.Action != Send {
		return
	}
	for k := 1; k < l.reached; k++ {
		if n := d.row(l.kind, k, l.cycle); n == nil || !n.Told() {
			d.out = append(d.out, Decision{Kind: l.kind, Rung: k, Cycle: l.cycle, Days: l.days, Action: Skip, State: store.NoticePassed,
				Reason: fmt.Sprintf("passed: rung %d tells it", l.reached), DueOn: l.dueOn[k-1]})
		}
	}
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
			if n.State == store.NoticePlanned && (l.kind == store.KindOverdue || l.kind == store.KindDelay) {
				inCycle = max(inCycle, d.rungOf(l.kind, n.Days))
			}
		}
	}
	if l.cycle.After(current) && !current.IsZero() {
		told = 0
	}
	return max(told, inCycle)
}

// rungOf is the highest rung that so many days reach.
func (d *decider) rungOf(kind store.NoticeKind, days int) int {
	rungs := d.rules.OverdueDays
	if kind == store.KindDelay {
		rungs = d.rules.DelayDays
	}
	k := 0
	for k < len(rungs) && rungs[k] <= days {
		k++
	}
	return k
}

// toldElsewhere says by what the rung counts as told although no notice of
// ours was: before illmail came, or by hand.
func (d *decider) toldElsewhere(l ladder) string {
	t, due := &d.f.Transaction, l.dueOn[l.reached-1]
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
		if strings.HasPrefix(h.Template, string(l.kind)) && !on.Before(due) {
			return fmt.Sprintf("by hand on %s", on)
		}
	}
	return ""
}

func (d *decider) knownInOtherCycle(l ladder) bool {
	return slices.ContainsFunc(d.f.Notices, func(n store.NoticeRow) bool {
		return n.Kind == l.kind && n.Cycle != l.cycle && n.Told()
	})
}

// row returns the notice's row, or nil.
func (d *decider) row(kind store.NoticeKind, rung int, cycle store.Date) *store.NoticeRow {
	for i, n := range d.f.Notices {
		if n.Kind == kind && n.Rung == rung && n.Cycle == cycle {
			return &d.f.Notices[i]
		}
	}
	return nil
}

// judge decides whether a notice that is due and not told goes today.
func (d *decider) judge(dec *Decision) {
	hold := func(on store.Date, format string, args ...any) {
		dec.Action, dec.State, dec.SendOn, dec.Reason = Hold, store.NoticeHeld, on, fmt.Sprintf(format, args...)
	}
	skip := func(why string) {
		dec.Action, dec.State, dec.Reason = Skip, store.NoticeSkipped, why
	}
	t, p, today, cal := &d.f.Transaction, &d.f.Patron, d.day.Date, &d.rules.Calendar
	cancellation := dec.Kind == store.KindCancellation
	never := store.Date{}

	if d.rules.Mode == ModeOff {
		skip(`notices are off (mode = "off")`)
		return
	}
	if cancellation {
		reason := strings.TrimSpace(t.CancelReason)
		if reason != "" {
			if _, letter := templates.CancellationTemplate(reason); !letter {
				skip(fmt.Sprintf("no letter for the reason “%s”", reason))
				return
			}
		}
		if d.knownInOtherCycle(ladder{kind: dec.Kind, cycle: dec.Cycle}) {
			hold(never, "a cancellation letter went for this request before; tell the patron by hand if it is to be told again")
			return
		}
		if reason == "" {
			hold(never, "the reason for cancellation is blank")
			return
		}
	}
	if t.State == store.StateInHands {
		hold(never, "the status is “%s”", t.Status)
		return
	}
	if why := d.rules.sentElsewhere(dec.Kind); why != "" {
		hold(never, "%s", why)
		return
	}
	if d.day.Paused {
		hold(never, "notices are paused")
		return
	}
	if p.Email == "" {
		hold(never, "the patron has no e-mail address")
		return
	}
	if p.UndeliverableAt != nil {
		hold(never, "mail to the patron's address bounces: reach this patron another way")
		return
	}
	if !cancellation {
		if d.day.Stale != "" {
			hold(never, "%s", d.day.Stale)
			return
		}
		if c, ok := d.holding(); ok {
			dec.ConversationID = c.ConversationID
			if c.Unsettled {
				hold(never, "the patron says it was returned; record what was found")
			} else {
				hold(never, "a conversation with the patron is open (%s)", strings.ReplaceAll(c.Intent, "_", " "))
			}
			return
		}
	}
	// From here on the day is known on which it goes.
	on, why := today, ""
	later := func(day store.Date, format string, args ...any) {
		if day = cal.NextOpen(day); day.After(on) {
			on, why = day, fmt.Sprintf(format, args...)
		}
	}
	if !cancellation && !d.f.AnsweredAt.IsZero() {
		answered := store.DateOf(d.f.AnsweredAt, d.rules.Location)
		later(cal.AddOpenDays(answered, 2), "we answered the patron on %s", answered)
	}
	if last := d.lastLetter(); !last.IsZero() && d.rules.MinGapDays > 0 {
		later(last.AddDays(d.rules.MinGapDays), "the last letter about this request went on %s, and %d days must lie between", last, d.rules.MinGapDays)
	}
	if gentle(dec) && !p.AwayUntil.IsZero() {
		later(p.AwayUntil.AddDays(1), "the patron is away until %s", p.AwayUntil)
	}
	if !cal.IsOpen(today) {
		later(today, "%s is a closed day", today)
	}
	if on != today {
		if dec.Kind == store.KindDueSoon && on.After(t.DueDate) {
			on = never // by then it is no longer soon
		}
		hold(on, "%s", why)
		return
	}
	dec.Action, dec.State, dec.SendOn = Send, store.NoticePlanned, today
	dec.Reason = d.dueReason(dec)
}

// holding returns a conversation that holds the transaction's notices.
func (d *decider) holding() (store.HoldingConversation, bool) {
	for _, c := range d.f.Conversations {
		if c.Unsettled {
			return c, true
		}
	}
	for _, c := range d.f.Conversations {
		switch c.State {
		case "new", "open", "snoozed":
			return c, true
		}
	}
	return store.HoldingConversation{}, false
}

// lastLetter is the day of the last letter about the transaction, of any kind.
func (d *decider) lastLetter() store.Date {
	var last time.Time
	for _, n := range d.f.Notices {
		if n.SentAt != nil && n.SentAt.After(last) {
			last = *n.SentAt
		}
	}
	return store.DateOf(last, d.rules.Location)
}

// gentle notices may wait until the patron is back; the sterner may not.
func gentle(dec *Decision) bool {
	switch dec.Kind {
	case store.KindDueSoon, store.KindDelay:
		return true
	case store.KindOverdue:
		return dec.Rung == 1
	}
	return false
}

func (d *decider) dueReason(dec *Decision) string {
	switch dec.Kind {
	case store.KindOverdue:
		return plural(dec.Days, "day") + " overdue"
	case store.KindDueSoon:
		if dec.Days == 0 {
			return "due today"
		}
		return "due in " + plural(dec.Days, "day")
	case store.KindDelay:
		return plural(dec.Days, "open day") + " without movement"
	}
	return fmt.Sprintf("cancelled on %s: %s", dec.Cycle, strings.TrimSpace(d.f.Transaction.CancelReason))
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// closeOthers ends what waits and is no longer due: returned, renewed, moved.
func (d *decider) closeOthers() {
	for _, n := range d.f.Notices {
		if !n.Waits() || !slices.Contains(noticeKinds, n.Kind) {
			continue
		}
		same := func(dec Decision) bool { return dec.Kind == n.Kind && dec.Rung == n.Rung && dec.Cycle == n.Cycle }
		if slices.ContainsFunc(d.out, same) {
			continue
		}
		d.out = append(d.out, Decision{Kind: n.Kind, Rung: n.Rung, Cycle: n.Cycle, Days: n.Days, Action: Skip,
			State: store.NoticeSkipped, Reason: d.whyNot(n), DueOn: n.PlannedOn})
	}
}

// whyNot says why a notice that waited is not due any more.
func (d *decider) whyNot(n store.NoticeRow) string {
	t := &d.f.Transaction
	for _, dec := range d.out {
		if dec.Kind == n.Kind && dec.Cycle == n.Cycle && dec.Rung > n.Rung {
			return fmt.Sprintf("rung %d is due in its place", dec.Rung)
		}
	}
	if t.ClosedAt != nil {
		return "the request is no longer in the ILL system's export"
	}
	cycle := t.DueDate
	switch n.Kind {
	case store.KindOverdue, store.KindDueSoon:
		switch t.State {
		case store.StateOnLoan, store.StateInHands:
		case store.StateReturned, store.StateFinished:
			return "returned"
		case store.StateClaimsReturned:
			return "the patron claims to have returned it"
		default:
			return fmt.Sprintf("no longer on loan: the status is “%s”", t.Status)
		}
	case store.KindDelay:
		if cycle = t.StatusDate; t.State != store.StateSent || cycle != n.Cycle {
			return fmt.Sprintf("it moved: the status is “%s”", t.Status)
		}
	case store.KindCancellation:
		if cycle = t.StatusDate; t.State != store.StateCancelledStaff {
			return fmt.Sprintf("no longer cancelled: the status is “%s”", t.Status)
		}
	}
	switch {
	case cycle.IsZero():
		return "it has no due date any more"
	case cycle.After(n.Cycle) && n.Kind != store.KindCancellation:
		return fmt.Sprintf("renewed: due on %s", cycle)
	case cycle != n.Cycle:
		return fmt.Sprintf("its date is now %s", cycle)
	case n.Kind == store.KindCancellation && d.rules.Calendar.OpenDaysBetween(cycle, d.day.Date) > d.rules.CancellationMaxAgeDays:
		return fmt.Sprintf("patron not told: cancelled more than %s ago", plural(d.rules.CancellationMaxAgeDays, "open day"))
	case n.Kind == store.KindDueSoon && d.day.Date.After(cycle):
		return "the due date has passed"
	}
	return "not due any more"
}
