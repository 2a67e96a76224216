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
	// ByStaff: staff hold it until they release it.
	ByStaff bool
	// Confirm: staff must have confirmed first what the letter takes for true.
	Confirm string

	rule  Rule
	ends  store.Date // the last day on the hold shelf, or of a copy
	asked store.Date // the day by which the lender wants it back
}

// noticeKinds are the kinds that the planner decides, in the order in which it
// reports them.
var noticeKinds = []store.NoticeKind{store.KindCancellation, store.KindOverdue, store.KindDueSoon, store.KindDelay,
	store.KindPickup, store.KindDelivery, store.KindInTransit, store.KindRecall, store.KindClaim, store.KindLeaving}

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

// decideLadder decides the highest rung that is due; those below it that were
// not told are recorded as passed once it goes.
func (d *decider) decideLadder(l ladder) {
	if d.toldUpTo(l) >= l.reached {
		return
	}
	dec := Decision{Kind: l.kind, Rung: l.reached, Cycle: l.cycle, Days: l.days, DueOn: d.dueOn(&l, l.reached),
		rule: l.rule, ends: l.ends, asked: l.asked}
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
	for k := 1; k < l.reached && l.kind != store.KindRecall; k++ {
		if n := d.row(l.kind, k, l.cycle); n == nil || !n.Told() {
			d.out = append(d.out, Decision{Kind: l.kind, Rung: k, Cycle: l.cycle, Days: l.days, Action: Skip, State: store.NoticePassed,
				Reason: fmt.Sprintf("passed: rung %d tells it", l.reached), DueOn: d.dueOn(&l, k)})
		}
	}
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
	cancellation, recall := dec.Kind == store.KindCancellation, dec.Kind == store.KindRecall
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
	if recall {
		if last := d.lastTold(dec.Kind); !last.IsZero() && today.Sub(last) < recallAgain {
			skip(fmt.Sprintf("the patron was told on %s that the lender wants it back", last))
			return
		}
		dec.Confirm = "confirm that the patron still has it"
	}
	for _, h := range d.f.ByStaff {
		if h.Kind == dec.Kind && !h.Cycle.Before(dec.Cycle) { // an earlier cycle inherits
			dec.ByStaff = true
			hold(never, "held by %s: %s", h.Staff, h.Reason)
			return
		}
	}
	if t.State == store.StateInHands && !recall && dec.Kind != store.KindClaim {
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
	if dec.Kind == store.KindDelay {
		if on := d.shipped(); !on.IsZero() {
			hold(never, "a lender shipped it on %s: “still looking” would be wrong", on)
			return
		}
	}
	if dec.Kind == store.KindDelivery {
		if d.f.Transaction.PrintOnly {
			hold(never, "a licence line allows it on paper only")
			return
		}
		if c, ok := d.lenderAsks(); ok {
			dec.ConversationID = c
			hold(never, "the lender's mail about it waits for an answer")
			return
		}
	}
	if !cancellation && !recall {
		if d.day.Stale != "" {
			hold(never, "%s", d.day.Stale)
			return
		}
		if c, ok := d.holding(); ok && held(dec.Kind) {
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
	if held(dec.Kind) && !d.f.AnsweredAt.IsZero() {
		answered := store.DateOf(d.f.AnsweredAt, d.rules.Location)
		later(cal.AddOpenDays(answered, 2), "we answered the patron on %s", answered)
	}
	if last := d.lastLetter(); !last.IsZero() && d.rules.MinGapDays > 0 && !recall {
		later(last.AddDays(d.rules.MinGapDays), "the last letter about this request went on %s, and %d days must lie between", last, d.rules.MinGapDays)
	}
	if gentle(dec) && !p.AwayUntil.IsZero() {
		later(p.AwayUntil.AddDays(1), "the patron is away until %s", p.AwayUntil)
	}
	if !cal.IsOpen(today) {
		later(today, "%s is a closed day", today)
	}
	if on != today {
		switch last := dec.ends; {
		case dec.Kind == store.KindDueSoon && on.After(t.DueDate), dec.Kind == store.KindLeaving && on.After(d.f.Patron.AccountEnds),
			!last.IsZero() && on.After(last):
			on = never // by then it says nothing any more
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

// held reports whether an open conversation with the patron holds notices of
// that kind.
func held(kind store.NoticeKind) bool {
	switch kind {
	case store.KindCancellation, store.KindPickup, store.KindDelivery, store.KindRecall:
		return false
	}
	return true
}

// lenderAsks returns a conversation with the lender that waits for staff: it
// may say that the copy is not to be delivered, or not as it is.
func (d *decider) lenderAsks() (conversation int64, ok bool) {
	for _, m := range d.f.Lender {
		if m.Waits {
			return m.ConversationID, true
		}
	}
	return 0, false
}

// gentle notices may wait until the patron is back; the sterner may not, nor
// may those of something that waits for the patron a few days only.
func gentle(dec *Decision) bool {
	switch dec.Kind {
	case store.KindDueSoon, store.KindDelay, store.KindInTransit, store.KindClaim:
		return true
	case store.KindOverdue:
		return dec.Rung == 1
	}
	return false
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
		dec := Decision{Kind: n.Kind, Rung: n.Rung, Cycle: n.Cycle, Days: n.Days, Action: Skip,
			State: store.NoticeSkipped, Reason: d.whyNot(n), DueOn: n.PlannedOn}
		if today, cal := d.day.Date, &d.rules.Calendar; dec.Reason == notDue && !cal.IsOpen(today) {
			// Staff closed the day on which it had fallen due.
			dec.Action, dec.State, dec.SendOn, dec.Reason = Hold, store.NoticeHeld, cal.NextOpen(today), fmt.Sprintf("%s is a closed day", today)
		}
		d.out = append(d.out, dec)
	}
}
