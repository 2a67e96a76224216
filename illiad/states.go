package illiad

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"illmail/store"
)

// StateMap says what a status of the ILL system means. Statuses are compared
// without regard to case and surrounding blanks. The nil StateMap has the
// defaults.
type StateMap struct {
	own map[string]store.State // the office's, before the defaults
}

// defaults are ILLiad's borrowing statuses.
var defaults = map[string]store.State{
	"submitted by customer":                   store.StateOpen,
	"awaiting copyright clearance":            store.StateOpen,
	"awaiting request processing":             store.StateOpen,
	"awaiting rapid request sending":          store.StateOpen,
	"request in processing":                   store.StateOpen,
	"request sent":                            store.StateSent,
	"awaiting conditional request processing": store.StateSent,
	"awaiting unfilled processing":            store.StateSent,
	"awaiting post receipt processing":        store.StateInTransit,
	"in electronic delivery processing":       store.StateInTransit,
	"in transit to pickup location":           store.StateInTransit,
	"awaiting customer contact":               store.StateOnShelf,
	"customer notified via e-mail":            store.StateOnShelf,
	"checked out to customer":                 store.StateOnLoan,
	"renewal requested":                       store.StateInHands,
	"awaiting renewal ok processing":          store.StateInHands,
	"awaiting denied renewal processing":      store.StateInHands,
	"awaiting recalled processing":            store.StateInHands,
	"awaiting lost item processing":           store.StateLost,
	"claims returned":                         store.StateClaimsReturned,
	"item checked in":                         store.StateReturned,
	"awaiting return label processing":        store.StateReturned,
	"item returned":                           store.StateFinished,
	"delivered to web":                        store.StateDelivered,
	"request finished":                        store.StateFinished,
	"cancelled by ill staff":                  store.StateCancelledStaff,
	"cancelled by customer":                   store.StateCancelledPatron,
}

// renewedBy begins "Renewed by Customer to 12/3/2026" and "Renewed by ILL Staff to …".
const renewedBy = "renewed by "

var states = []store.State{
	store.StateOpen, store.StateSent, store.StateInTransit, store.StateOnShelf, store.StateOnLoan, store.StateInHands,
	store.StateReturned, store.StateDelivered, store.StateFinished, store.StateCancelledStaff, store.StateCancelledPatron,
	store.StateClaimsReturned, store.StateLost,
}

// NewStateMap adds the office's own statuses to the defaults: from the status
// to a [store.State] ("Awaiting Reply" to "open"). It refuses a state that
// there is not.
func NewStateMap(own map[string]string) (*StateMap, error) {
	m := &StateMap{own: map[string]store.State{}}
	for status, state := range own {
		s := store.State(strings.ToLower(strings.TrimSpace(state)))
		if !IsState(s) {
			return nil, fmt.Errorf("status %q is said to mean %q, which is no state; the states are %s", status, state, stateNames())
		}
		m.own[key(status)] = s
	}
	return m, nil
}

// IsState reports whether s is what a status may be said to mean.
func IsState(s store.State) bool { return slices.Contains(states, s) }

// State returns what the status means; StateUnknown where nothing says so.
func (m *StateMap) State(status string) store.State {
	k := key(status)
	if m != nil {
		if s, ok := m.own[k]; ok {
			return s
		}
	}
	if s, ok := defaults[k]; ok {
		return s
	}
	if strings.HasPrefix(k, renewedBy) {
		return store.StateOnLoan
	}
	return store.StateUnknown
}

// Statuses lists the statuses that have a meaning, without the prefix
// "Renewed by", in lower case and in order.
func (m *StateMap) Statuses() []string {
	var all []string
	for s := range defaults {
		all = append(all, s)
	}
	if m != nil {
		for s := range m.own {
			if _, ok := defaults[s]; !ok {
				all = append(all, s)
			}
		}
	}
	sort.Strings(all)
	return all
}

func key(status string) string { return strings.ToLower(strings.TrimSpace(status)) }

func stateNames() string {
	var names []string
	for _, s := range states {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
