package notices

import (
	"time"

	"illmail/store"
)

// longAgo stands for the beginning of time in a band.
var longAgo = store.NewDate(1900, time.January, 1)

// bands are the ranges of dates in which something can be due on that day,
// with the highest rung that can be reached in each.
func (r *Rules) bands(on store.Date) []store.DueBand {
	var bands []store.DueBand
	cal := &r.Calendar
	for i, n := range r.OverdueDays {
		b := store.DueBand{Kind: store.KindOverdue, Rung: i + 1, From: longAgo, To: on.AddDays(-n)}
		if i+1 < len(r.OverdueDays) {
			b.From = on.AddDays(1 - r.OverdueDays[i+1])
		}
		bands = append(bands, b)
	}
	if len(r.DueSoonDays) > 0 {
		// A loan may be due within days on which the office is closed; so far
		// ahead its last letter is due on the last open day before.
		next := cal.NextOpen(on.AddDays(1))
		from := on
		for i := len(r.DueSoonDays) - 1; i >= 0; i-- {
			to := on.AddDays(r.DueSoonDays[i])
			if i == len(r.DueSoonDays)-1 && to.Before(next.AddDays(-1)) {
				to = next.AddDays(-1)
			}
			if !to.Before(from) {
				bands = append(bands, store.DueBand{Kind: store.KindDueSoon, Rung: i + 1, From: from, To: to})
				from = to.AddDays(1)
			}
		}
	}
	for i, n := range r.DelayDays {
		b := store.DueBand{Kind: store.KindDelay, Rung: i + 1, From: longAgo, To: cal.latestWithin(on, n)}
		if i+1 < len(r.DelayDays) {
			b.From = cal.latestWithin(on, r.DelayDays[i+1]).AddDays(1)
		}
		bands = append(bands, b)
	}
	return append(bands, store.DueBand{Kind: store.KindCancellation, Rung: 1, From: cal.earliestWithin(on, r.CancellationMaxAgeDays), To: on})
}
