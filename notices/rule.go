package notices

import (
	"fmt"
	"slices"
	"strings"

	"illmail/store"
)

// Rule says how one kind of notice is told about the requests that it is for.
// An empty list is no condition; words are compared without regard to case.
type Rule struct {
	Kind            store.NoticeKind
	Name            string   // as warnings and reasons call it; "" = the office's own keys
	States          []string // statuses of the ILL system, or what they mean ([store.State])
	RequestTypes    []string // Loan, Article
	PatronStatuses  []string
	PickupLocations []string

	Days     []int    // rungs: ascending; of those before a date descending
	Every    int      // after the last rung, again every so many days; 0: no more
	OpenDays bool     // Days and Every are open days
	Template string   // in place of the kind's
	Cc       []string // addresses
	Mode     Mode     // "" = the office's
}

// before are the kinds that are told before a date.
func before(kind store.NoticeKind) bool {
	return kind == store.KindDueSoon || kind == store.KindLeaving
}

// statesOf are what a request's status must mean for notices of that kind.
var statesOf = map[store.NoticeKind][]store.State{
	store.KindOverdue:      {store.StateOnLoan, store.StateInHands},
	store.KindDueSoon:      {store.StateOnLoan, store.StateInHands},
	store.KindDelay:        {store.StateSent},
	store.KindCancellation: {store.StateCancelledStaff},
	store.KindPickup:       {store.StateOnShelf},
	store.KindDelivery:     {store.StateDelivered},
	store.KindInTransit:    {store.StateSent, store.StateInTransit},
	store.KindRecall:       {store.StateOnLoan, store.StateInHands},
	store.KindClaim:        {store.StateOnLoan, store.StateInHands, store.StateClaimsReturned},
	store.KindLeaving:      {store.StateOnLoan, store.StateInHands},
}

// StatesOf returns what a request's status must mean for notices of that kind:
// a rule for any other can never fire.
func StatesOf(kind store.NoticeKind) []store.State { return statesOf[kind] }

// general is the rule that the office's own keys make of a kind; ok is false
// where they say nothing of it.
func (r *Rules) general(kind store.NoticeKind) (rule Rule, ok bool) {
	rule = Rule{Kind: kind}
	switch kind {
	case store.KindOverdue:
		rule.Days, rule.Every = r.OverdueDays, r.OverdueEveryDays
	case store.KindDueSoon:
		rule.Days = r.DueSoonDays
	case store.KindDelay:
		rule.Days, rule.OpenDays = r.DelayDays, true
	case store.KindCancellation:
		rule.Days, rule.OpenDays = []int{0}, true
	case store.KindPickup:
		rule.Days, rule.OpenDays = r.PickupDays, true
	case store.KindDelivery:
		rule.Days = r.DeliveryDays
	case store.KindInTransit:
		rule.Days, rule.OpenDays = r.InTransitDays, true
	case store.KindRecall:
		rule.Days, rule.OpenDays, rule.Mode = []int{0}, true, r.Recall
	case store.KindClaim:
		rule.Days, rule.OpenDays = r.ClaimDays, true
	case store.KindLeaving:
		rule.Days = r.LeavingDays
	}
	return rule, len(rule.Days) > 0 && rule.Mode != ModeOff
}

// of are the rules of a kind in the order in which they are asked; the first
// that is for a request is its rule.
func (r *Rules) of(kind store.NoticeKind) []Rule {
	var all []Rule
	for _, rule := range r.Own {
		if rule.Kind == kind {
			all = append(all, rule)
		}
	}
	if rule, ok := r.general(kind); ok {
		all = append(all, rule)
	}
	return all
}

// rule is the rule of that kind for the request; ok is false where none is for
// it, or the one that is is off.
func (r *Rules) rule(kind store.NoticeKind, f *store.NoticeFacts) (_ Rule, ok bool) {
	for i := range r.Own {
		if rule := &r.Own[i]; rule.Kind == kind && rule.isFor(f) {
			return *rule, rule.Mode != ModeOff
		}
	}
	rule, ok := r.general(kind)
	return rule, ok && rule.isFor(f)
}

func (rule *Rule) isFor(f *store.NoticeFacts) bool {
	t := &f.Transaction
	return (len(rule.States) == 0 || among(rule.States, t.Status) || among(rule.States, string(t.State))) &&
		(len(rule.RequestTypes) == 0 || among(rule.RequestTypes, t.RequestType)) &&
		(len(rule.PatronStatuses) == 0 || among(rule.PatronStatuses, f.Patron.PatronStatus)) &&
		(len(rule.PickupLocations) == 0 || among(rule.PickupLocations, t.PickupLocation))
}

func among(list []string, word string) bool {
	word = strings.TrimSpace(word)
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), word) })
}

// conditions are the rule's lists, each with its key in the configuration.
func (rule *Rule) conditions() []struct {
	key   string
	words []string
} {
	return []struct {
		key   string
		words []string
	}{{"states", rule.States}, {"request_types", rule.RequestTypes}, {"patron_statuses", rule.PatronStatuses}, {"pickup_locations", rule.PickupLocations}}
}

// covers reports whether every request that other is for is also one of rule.
func (rule *Rule) covers(other *Rule) bool {
	theirs := other.conditions()
	for i, c := range rule.conditions() {
		if len(c.words) == 0 {
			continue
		}
		if len(theirs[i].words) == 0 || slices.ContainsFunc(theirs[i].words, func(w string) bool { return !among(c.words, w) }) {
			return false
		}
	}
	return true
}

// meets reports whether a request may be one of both rules.
func (rule *Rule) meets(other *Rule) bool {
	theirs := other.conditions()
	for i, c := range rule.conditions() {
		if len(c.words) > 0 && len(theirs[i].words) > 0 && !slices.ContainsFunc(theirs[i].words, func(w string) bool { return among(c.words, w) }) {
			return false
		}
	}
	return true
}

// days is the day count of a rung, from 1.
func (rule *Rule) days(rung int) int {
	if rung <= len(rule.Days) {
		return rule.Days[rung-1]
	}
	return rule.Days[len(rule.Days)-1] + (rung-len(rule.Days))*rule.Every
}

// rungAt is the highest rung that so many days reach; 0 is none.
func (rule *Rule) rungAt(days int) int {
	k := 0
	for k < len(rule.Days) && rule.Days[k] <= days {
		k++
	}
	if k > 0 && k == len(rule.Days) && rule.Every > 0 {
		k += (days - rule.Days[k-1]) / rule.Every
	}
	return k
}

// called is how errors and warnings call the rule.
func (rule *Rule) called() string {
	if rule.Name == "" {
		return fmt.Sprintf("the general rule of %s", rule.Kind)
	}
	return fmt.Sprintf("rule %q", rule.Name)
}
