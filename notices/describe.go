package notices

import (
	"cmp"
	"fmt"
	"strings"

	"illmail/store"
)

// RuleWords is a rule as people read it.
type RuleWords struct {
	Kind   store.NoticeKind
	Name   string // "" = the office's own keys
	Who    string // which requests
	When   string
	Letter string // its template, and who gets a copy
	Mode   Mode
	Held   string // why it is held whatever it says; "" where it is not
}

// Describe says the office's rules in words, in the order in which they are
// asked.
func (r *Rules) Describe() []RuleWords {
	var all []RuleWords
	for _, kind := range noticeKinds {
		rules := r.of(kind)
		if len(rules) == 0 {
			all = append(all, RuleWords{Kind: kind, Who: "all", When: "never", Mode: ModeOff})
		}
		for i := range rules {
			rule := &rules[i]
			w := RuleWords{Kind: kind, Name: rule.Name, Who: rule.who(), When: "never", Mode: cmp.Or(rule.Mode, r.Mode)}
			if i == 0 && rule.Name == "" {
				w.Who = "all"
			}
			if w.Mode != ModeOff {
				w.When, w.Letter, w.Held = r.when(rule), rule.letterWords(), r.sentElsewhere(kind)
			}
			if kind == store.KindRecall && w.Mode == ModeSend {
				w.Mode = ModeApprove
			}
			all = append(all, w)
		}
	}
	return all
}

// singular are the keys of conditions in words.
var singular = map[string]string{"states": "status", "request_types": "request type", "patron_statuses": "patron status", "pickup_locations": "pickup location"}

// who says which requests a rule is for.
func (rule *Rule) who() string {
	var parts []string
	for _, c := range rule.conditions() {
		if len(c.words) > 0 {
			parts = append(parts, singular[c.key]+" "+strings.Join(c.words, " or "))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case rule.Name == "":
		return "all that no rule above is for"
	}
	return "all"
}

func (r *Rules) when(rule *Rule) string {
	unit := "day"
	if rule.OpenDays {
		unit = "open day"
	}
	days := func(rungs []int) string {
		last := len(rungs) - 1
		var words []string
		for _, n := range rungs[:last] {
			words = append(words, fmt.Sprint(n))
		}
		return strings.Join(append(words, plural(rungs[last], unit)), ", ")
	}
	said := ""
	switch rule.Kind {
	case store.KindOverdue:
		said = days(rule.Days) + " overdue"
	case store.KindDueSoon:
		said = days(rule.Days) + " before the due date"
	case store.KindDelay:
		said = days(rule.Days) + " without movement"
	case store.KindCancellation:
		return fmt.Sprintf("when it is cancelled, up to %s later", plural(r.CancellationMaxAgeDays, "open day"))
	case store.KindPickup:
		said = days(rule.Days) + " on the hold shelf"
		if r.PickupKeepDays > 0 {
			said += fmt.Sprintf(", where it is kept for %s", plural(r.PickupKeepDays, "open day"))
		}
	case store.KindDelivery:
		said = days(rule.Days) + fmt.Sprintf(" after it was delivered, of %s", plural(r.DeliveryKeepDays, "day"))
	case store.KindInTransit:
		said = days(rule.Days) + " after a lender shipped what is not here"
	case store.KindRecall:
		return "when its lender recalls it or calls it overdue, once staff confirm that the patron has it"
	case store.KindClaim:
		said = days(rule.Days) + " after staff did not find what was said to be returned"
	case store.KindLeaving:
		said = days(rule.Days) + " before the patron’s account ends, where it is due later"
	}
	if rule.Every > 0 {
		said += fmt.Sprintf(", then every %s", plural(rule.Every, unit))
	}
	return said
}

func (rule *Rule) letterWords() string {
	letter := rule.Template
	if letter == "" {
		it := item{Decision: Decision{Kind: rule.Kind}}
		if rule.Kind == store.KindCancellation {
			letter = "that of its reason"
		} else {
			letter = it.template()
		}
	}
	if len(rule.Cc) > 0 {
		letter += ", in copy to " + strings.Join(rule.Cc, ", ")
	}
	return letter
}
