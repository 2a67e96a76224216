package notices

import (
	"time"

	"illmail/store"
)

// longAgo stands for the beginning of time in a band.
var longAgo = store.NewDate(1900, time.January, 1)

// bands are the ranges of days in which something can be due on that day, with
// the highest rung that can be reached in each. They may be too wide, never
// too narrow: what is found by them is decided one by one.
func (r *Rules) bands(on store.Date) []store.DueBand {
	var bands []store.DueBand
	cal := &r.Calendar
	for _, kind := range noticeKinds {
		for _, rule := range r.of(kind) {
			switch {
			case rule.Mode == ModeOff:
			case kind == store.KindCancellation:
				bands = append(bands, store.DueBand{Kind: kind, Rung: 1, From: cal.earliestWithin(on, r.CancellationMaxAgeDays), To: on})
			case kind == store.KindRecall:
				bands = append(bands, store.DueBand{Kind: kind, Rung: 1, From: cal.earliestWithin(on, recallDays), To: on})
			case kind == store.KindClaim:
				bands = append(bands, store.DueBand{Kind: kind, Rung: 1, From: on.AddDays(-followUpDays), To: on})
			case before(kind):
				bands = append(bands, rule.bandsBefore(cal, on)...)
			default:
				if kind == store.KindInTransit {
					bands = append(bands, store.DueBand{Kind: kind, Rung: 1, From: on.AddDays(-shippedDays), To: on, ByMail: true})
				}
				earliest, ends := longAgo, longAgo
				switch {
				case kind == store.KindDelivery:
					// What is gone before the office opens again is told of today.
					earliest, ends = on.AddDays(-r.DeliveryKeepDays), cal.NextOpen(on.AddDays(1)).AddDays(-r.DeliveryKeepDays-1)
				case kind == store.KindInTransit && rule.Name == "":
					continue // by mail only
				}
				bands = append(bands, rule.bandsSince(cal, on, earliest, ends)...)
			}
		}
	}
	return bands
}

// bandsSince are the bands of a rule that counts the days since a date. Up to
// ends, a date has reached all its rungs, however few its days are.
func (rule *Rule) bandsSince(cal *Calendar, on, earliest, ends store.Date) (bands []store.DueBand) {
	latest := func(n int) store.Date {
		date := on.AddDays(-n)
		if rule.OpenDays {
			date = cal.latestWithin(on, n)
		}
		if date.Before(ends) {
			date = ends
		}
		return date
	}
	for i, n := range rule.Days {
		b := store.DueBand{Kind: rule.Kind, Rung: i + 1, From: earliest, To: latest(n)}
		if i+1 < len(rule.Days) {
			if next := latest(rule.Days[i+1]).AddDays(1); next.After(earliest) {
				b.From = next
			}
		} else {
			b.Every = rule.Every // open days are fewer than days: too many rungs are taken for reached
		}
		bands = append(bands, b)
	}
	return bands
}

// bandsBefore are the bands of a rule that counts the days before a date.
func (rule *Rule) bandsBefore(cal *Calendar, on store.Date) (bands []store.DueBand) {
	// The date may lie within days on which the office is closed; so far ahead
	// its last letter is due on the last open day before.
	next := cal.NextOpen(on.AddDays(1))
	from := on
	for i := len(rule.Days) - 1; i >= 0; i-- {
		to := on.AddDays(rule.Days[i])
		if i == len(rule.Days)-1 && to.Before(next.AddDays(-1)) {
			to = next.AddDays(-1)
		}
		if !to.Before(from) {
			bands = append(bands, store.DueBand{Kind: rule.Kind, Rung: i + 1, From: from, To: to})
			from = to.AddDays(1)
		}
	}
	return bands
}

// Untold are the days from and to of the cancellations that are too old for a
// letter on that day, and not older than so many days, nor than going live.
func (r *Rules) Untold(on store.Date, days int) (from, to store.Date) {
	from, to = on.AddDays(-days), r.Calendar.earliestWithin(on, r.CancellationMaxAgeDays).AddDays(-1)
	if r.GoLive.After(from) {
		from = r.GoLive
	}
	return from, to
}
