package notices

import (
	"fmt"
	"slices"
	"strings"

	"illmail/store"
)

// dueReason says why a notice goes.
func (d *decider) dueReason(dec *Decision) string {
	unit := "day"
	if dec.rule.OpenDays {
		unit = "open day"
	}
	days := plural(dec.Days, unit)
	switch dec.Kind {
	case store.KindOverdue:
		return days + " overdue"
	case store.KindDueSoon:
		if dec.Days == 0 {
			return "due today"
		}
		return "due in " + days
	case store.KindDelay:
		return days + " without movement"
	case store.KindPickup:
		return days + " on the hold shelf" + until(dec.ends)
	case store.KindDelivery:
		return days + " since it was delivered" + until(dec.ends)
	case store.KindInTransit:
		return days + " since it was shipped, and not here"
	case store.KindRecall:
		what := "the lender recalled it"
		if dec.Rung > 1 {
			what = "the lender wrote that it is overdue"
		}
		return fmt.Sprintf("%s on %s: %s", what, dec.Cycle, dec.Confirm)
	case store.KindClaim:
		return fmt.Sprintf("said to be returned, and not found on %s", dec.Cycle)
	case store.KindLeaving:
		return fmt.Sprintf("the patron's account ends on %s, and it is due on %s", dec.Cycle, d.f.Transaction.DueDate)
	}
	return fmt.Sprintf("cancelled on %s: %s", dec.Cycle, strings.TrimSpace(d.f.Transaction.CancelReason))
}

func until(last store.Date) string {
	if last.IsZero() {
		return ""
	}
	return ", until " + last.String()
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// notDue is why a notice does not go for which nothing else speaks.
const notDue = "not due any more"

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
	case store.KindDelay, store.KindPickup, store.KindDelivery, store.KindInTransit:
		if cycle = t.StatusDate; !slices.Contains(statesOf[n.Kind], t.State) || n.Kind == store.KindDelay && cycle != n.Cycle {
			return fmt.Sprintf("it moved: the status is “%s”", t.Status)
		}
	case store.KindRecall, store.KindClaim, store.KindLeaving:
		cycle = n.Cycle
		if !slices.Contains(statesOf[n.Kind], t.State) {
			return fmt.Sprintf("no longer with the patron: the status is “%s”", t.Status)
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
	return notDue
}
