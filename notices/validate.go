package notices

import (
	"errors"
	"fmt"
	"slices"

	"illmail/store"
)

// Problem is one thing that is wrong with a set of rules.
type Problem struct {
	Rule int    // which of [Rules.Own], from 1; 0: the office's own keys
	Key  string // of the configuration file
	Text string // what is wrong with it: "holds 7 twice: …"
}

func (p *Problem) Error() string {
	if p.Rule > 0 {
		return fmt.Sprintf("rule %d: %s %s", p.Rule, p.Key, p.Text)
	}
	return p.Key + " " + p.Text
}

// judge collects what is wrong.
type judge struct {
	rule     int
	problems []error
}

func (j *judge) bad(key, format string, args ...any) {
	j.problems = append(j.problems, &Problem{Rule: j.rule, Key: key, Text: fmt.Sprintf(format, args...)})
}

// ladder judges the rungs of a kind that counts the days since a date; least
// is the first day on which a letter can go.
func (j *judge) ladder(key string, days []int, least int) {
	for i, n := range days {
		if n < least {
			j.bad(key, "holds %d, which is no number of days; the first letter is due after %s at the earliest", n, plural(least, "day"))
		}
		if i > 0 && n == days[i-1] {
			j.bad(key, "holds %d twice; the second letter of that day could never go", n)
		}
		if i > 0 && n < days[i-1] {
			j.bad(key, "holds %d after %d; write the days in ascending order", n, days[i-1])
		}
	}
}

// countdown judges the rungs of a kind that is told before a date, and returns
// them in the only order that they can have.
func (j *judge) countdown(key string, days []int) []int {
	days = slices.Clone(days)
	slices.SortFunc(days, func(a, b int) int { return b - a })
	for i, n := range days {
		if n < 0 {
			j.bad(key, "holds %d days before the date, which is after it", n)
		}
		if i > 0 && n == days[i-1] {
			j.bad(key, "holds %d twice; the second letter of that day could never go", n)
		}
	}
	return days
}

// kept judges letters about what is kept for so many days.
func (j *judge) kept(key string, days []int, keepKey string, keep int) {
	for _, n := range days {
		if keep > 0 && n > keep {
			j.bad(key, "holds %d, but %s = %d: by then it is gone, so that letter can never go", n, keepKey, keep)
		}
	}
}

func (j *judge) every(key string, every int, daysKey string, days []int) {
	switch {
	case every < 0:
		j.bad(key, "is %d; write 0 (no more letters) or more", every)
	case every > 0 && len(days) == 0:
		j.bad(key, "is %d, but %s is empty: there is no letter after which it could go again", every, daysKey)
	}
}

func (j *judge) notNegative(key string, n int, zero string) {
	if n < 0 {
		j.bad(key, "is %d; write 0 (%s) or more", n, zero)
	}
}

func (j *judge) mode(key string, m Mode, allowed ...Mode) {
	if !slices.Contains(allowed, m) {
		j.bad(key, "is %q; write one of %v", m, allowed)
	}
}

// least is the first day on which a letter of that kind can go.
func least(kind store.NoticeKind) int {
	switch kind {
	case store.KindOverdue, store.KindDelay, store.KindInTransit:
		return 1
	}
	return 0
}

// Validate judges the set of rules as a whole and returns all that is wrong
// with it, by the names of the configuration file: most as a [Problem] each.
// It puts days before a date, which have only one sensible order, into it.
func (r *Rules) Validate() error {
	j := &judge{}
	if r.Location == nil {
		j.bad("timezone", "is missing")
	}
	j.mode("mode", r.Mode, ModeSend, ModeApprove, ModeOff)
	j.mode("recall", r.Recall, ModeApprove, ModeOff)
	j.ladder("overdue_days", r.OverdueDays, least(store.KindOverdue))
	j.every("overdue_every_days", r.OverdueEveryDays, "overdue_days", r.OverdueDays)
	j.ladder("delay_days", r.DelayDays, least(store.KindDelay))
	j.ladder("pickup_days", r.PickupDays, least(store.KindPickup))
	j.kept("pickup_days", r.PickupDays, "pickup_keep_days", r.PickupKeepDays)
	j.ladder("delivery_days", r.DeliveryDays, least(store.KindDelivery))
	j.kept("delivery_days", r.DeliveryDays, "delivery_keep_days", r.DeliveryKeepDays)
	j.ladder("in_transit_days", r.InTransitDays, least(store.KindInTransit))
	j.ladder("claim_days", r.ClaimDays, least(store.KindClaim))
	r.DueSoonDays = j.countdown("due_soon_days", r.DueSoonDays)
	r.LeavingDays = j.countdown("leaving_days", r.LeavingDays)
	j.notNegative("pickup_keep_days", r.PickupKeepDays, "not told")
	j.notNegative("delivery_views", r.DeliveryViews, "not told")
	if r.DeliveryKeepDays < 1 {
		j.bad("delivery_keep_days", "is %d; write how many days a copy can be read", r.DeliveryKeepDays)
	}
	if r.CancellationMaxAgeDays < 0 {
		j.bad("cancellation_max_age_days", "is %d; write 0 or more open days", r.CancellationMaxAgeDays)
	}
	j.notNegative("min_gap_days", r.MinGapDays, "none")
	if r.MinGapDays > r.CancellationMaxAgeDays && r.MinGapDays > 0 {
		j.bad("min_gap_days", "is %d, more than cancellation_max_age_days = %d: a cancellation soon after another letter could never be told", r.MinGapDays, r.CancellationMaxAgeDays)
	}
	j.notNegative("max_per_run", r.MaxPerRun, "no limit")
	if r.MaxAge < 0 {
		j.bad("max_age", "is %s; write 0 (any age) or more", r.MaxAge)
	}
	for _, k := range r.OffInILLiad {
		if !slices.Contains([]string{"overdue", "cancellation", "pickup", "delivery"}, k) {
			j.bad("off_in_illiad", "holds %q, which is no kind of mail of ILLiad's; write overdue, cancellation, pickup or delivery", k)
		}
	}
	r.Own = slices.Clone(r.Own)
	for i := range r.Own {
		j.rule = i + 1
		r.validate(j, i)
	}
	return errors.Join(j.problems...)
}

// validate judges one rule, and whether one before it leaves it nothing.
func (r *Rules) validate(j *judge, i int) {
	rule := &r.Own[i]
	if rule.Name == "" {
		j.bad("name", "is missing: a few words by which the rule is called")
	}
	if !slices.Contains(noticeKinds, rule.Kind) {
		j.bad("kind", "is %q; write one of %v", rule.Kind, noticeKinds)
		return
	}
	j.mode("mode", rule.Mode, "", ModeSend, ModeApprove, ModeOff)
	switch kind := rule.Kind; {
	case kind == store.KindCancellation || kind == store.KindRecall:
		if len(rule.Days) > 0 || rule.Every != 0 || rule.OpenDays {
			j.bad("days", "says when, but a notice of kind %s goes when it happens", kind)
		}
		rule.Days, rule.OpenDays = []int{0}, true
		if kind == store.KindRecall && rule.Mode == ModeSend {
			j.bad("mode", `is "send", but a letter about a recall goes only once staff have confirmed that the patron still has the item`)
		}
	case before(kind):
		rule.Days = j.countdown("days", rule.Days)
		if rule.Every != 0 {
			j.bad("every_days", "is %d, but nothing goes on after the date", rule.Every)
		}
		if rule.OpenDays {
			j.bad("open_days", "is set, but a notice of kind %s counts calendar days", kind)
		}
	default:
		j.ladder("days", rule.Days, least(kind))
		j.every("every_days", rule.Every, "days", rule.Days)
		switch kind {
		case store.KindPickup:
			j.kept("days", rule.Days, "pickup_keep_days", r.PickupKeepDays)
		case store.KindDelivery:
			j.kept("days", rule.Days, "delivery_keep_days", r.DeliveryKeepDays)
		}
	}
	if len(rule.Days) == 0 && rule.Mode != ModeOff {
		j.bad("days", `is empty, so the rule can never fire; write days, or mode = "off"`)
	}
	for k := range i {
		earlier := &r.Own[k]
		if rule.Name != "" && earlier.Name == rule.Name {
			j.bad("name", "is %q a second time", rule.Name)
		}
		if earlier.Kind == rule.Kind && earlier.covers(rule) {
			j.bad("name", "is %q, a rule that can never fire: %s stands before it and is for all its requests", rule.Name, earlier.called())
		}
	}
}

// Warnings names what is allowed but hardly meant: letters that always wait,
// overlaps, gaps, and keys that nothing goes by.
func (r *Rules) Warnings() []string {
	var w []string
	say := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	if r.Mode == ModeOff {
		return nil
	}
	for _, kind := range noticeKinds {
		rules := r.of(kind)
		everyone := ""
		for i := range rules {
			rule := &rules[i]
			r.warnOfGap(say, rule)
			for k := range i {
				if earlier := &rules[k]; rule.Name != "" && earlier.meets(rule) && !rule.covers(earlier) {
					say("%s and %s overlap: a request of both goes by the first", earlier.called(), rule.called())
				}
			}
			switch {
			case everyone != "" && rule.Name == "":
				say("%s is for all requests, so nothing goes by the general rule of %s", everyone, kind)
			case everyone == "" && rule.covers(&Rule{}):
				everyone = rule.called()
			}
		}
		if _, ok := r.general(kind); !ok && everyone == "" && len(rules) > 0 {
			say("requests that no rule of %s is for get no such letter: that is a gap, unless it is meant", kind)
		}
		if len(rules) == 0 {
			if kind == store.KindOverdue {
				say("overdue_days is empty: no overdue letter will ever go")
			}
			continue
		}
		if why := r.sentElsewhere(kind); why != "" && !slices.Contains(w, why) {
			w = append(w, why)
		}
	}
	return w
}

// warnOfGap names rungs that min_gap_days always makes wait.
func (r *Rules) warnOfGap(say func(string, ...any), rule *Rule) {
	if before(rule.Kind) {
		return
	}
	key := "days of " + rule.called()
	if rule.Name == "" {
		key = string(rule.Kind) + "_days"
	}
	for i := 1; i < len(rule.Days); i++ {
		if gap := rule.Days[i] - rule.Days[i-1]; gap < r.MinGapDays {
			say("%s %d and %d are %d days apart and min_gap_days is %d: the later letter will always wait", key, rule.Days[i-1], rule.Days[i], gap, r.MinGapDays)
		}
	}
	if rule.Every > 0 && rule.Every < r.MinGapDays {
		say("%s go on every %d days and min_gap_days is %d: the later letters will always wait", key, rule.Every, r.MinGapDays)
	}
}
