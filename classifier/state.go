package classifier

import "strings"

// states of a transaction, as the store names them.
const (
	stateOpen            = "open"
	stateSent            = "sent"
	stateInTransit       = "in_transit"
	stateOnShelf         = "on_shelf"
	stateOnLoan          = "on_loan"
	stateInHands         = "in_hands"
	stateReturned        = "returned"
	stateDelivered       = "delivered"
	stateFinished        = "finished"
	stateCancelledStaff  = "cancelled_staff"
	stateCancelledPatron = "cancelled_patron"
	stateClaimsReturned  = "claims_returned"
	stateLost            = "lost"
	stateUnknown         = "unknown"
)

// stateOf is the state of a transaction, read from its status where it is not known.
func stateOf(t *Transaction) string {
	if t.State != "" {
		return t.State
	}
	s := strings.ToLower(t.Status)
	switch {
	case s == "":
		return stateUnknown
	case strings.HasPrefix(s, "cancelled by customer"):
		return stateCancelledPatron
	case strings.HasPrefix(s, "cancel"):
		return stateCancelledStaff
	case strings.HasPrefix(s, "checked out") || strings.HasPrefix(s, "renewed by"):
		return stateOnLoan
	case strings.Contains(s, "claim"):
		return stateClaimsReturned
	case strings.Contains(s, "renewal") || strings.Contains(s, "recall"):
		return stateInHands
	case strings.Contains(s, "customer notified") || strings.Contains(s, "awaiting customer contact"):
		return stateOnShelf
	case strings.Contains(s, "transit"), strings.Contains(s, "post receipt"):
		return stateInTransit
	case strings.Contains(s, "delivered"):
		return stateDelivered
	case strings.Contains(s, "finished"):
		return stateFinished
	case strings.Contains(s, "return"):
		return stateReturned
	case strings.Contains(s, "lost"):
		return stateLost
	case strings.Contains(s, "request sent"), strings.Contains(s, "unfilled"), strings.Contains(s, "conditional"):
		return stateSent
	case strings.Contains(s, "awaiting"), strings.Contains(s, "submitted"), strings.Contains(s, "processing"):
		return stateOpen
	}
	return stateUnknown
}

// fits says how well a state suits a wish: 1 it is what one asks about in that
// state, 0.5 it may be, 0 hardly.
func fits(intent Intent, t *Transaction) float64 {
	state := stateOf(t)
	article := t.RequestType == "Article"
	switch intent {
	case Renewal, ReturnHow, ReturnedClaim, LostDamaged:
		switch state {
		case stateOnLoan, stateInHands:
			return 1
		case stateOnShelf, stateInTransit, stateClaimsReturned, stateLost:
			return 0.5
		case stateFinished, stateReturned:
			if !article {
				return 0.3
			}
		}
		return 0
	case Status:
		switch state {
		case stateOpen, stateSent, stateInTransit:
			return 1
		case stateOnShelf:
			return 0.5
		case stateCancelledStaff, stateDelivered:
			return 0.3
		}
		return 0
	case Cancel:
		switch state {
		case stateOpen, stateSent, stateInTransit, stateOnShelf:
			return 1
		case stateDelivered, stateOnLoan, stateCancelledStaff:
			return 0.3
		}
		return 0
	case Pickup:
		switch state {
		case stateOnShelf:
			return 1
		case stateInTransit:
			return 0.7
		case stateSent, stateOpen, stateOnLoan:
			return 0.4
		}
		return 0
	case FileProblem:
		if state == stateDelivered {
			return 1
		}
		if article && state == stateFinished {
			return 0.5
		}
		return 0
	case WrongItem:
		switch state {
		case stateDelivered, stateOnShelf, stateOnLoan:
			return 1
		case stateFinished:
			return 0.5
		}
		return 0
	case AmendRequest:
		switch state {
		case stateCancelledStaff, stateOpen, stateSent:
			return 1
		case stateInTransit:
			return 0.4
		}
		return 0
	case Thanks:
		switch state {
		case stateDelivered, stateOnShelf, stateOnLoan:
			return 0.6
		}
		return 0.2
	case Fees, Account:
		return 0.4
	case Recall, LenderOverdue, LenderQuery:
		switch state {
		case stateOnLoan, stateInHands, stateOnShelf, stateInTransit:
			return 1
		case stateFinished, stateReturned, stateDelivered:
			return 0.6
		}
		return 0.2
	case LenderUnfilled, LenderConditional:
		switch state {
		case stateSent, stateOpen:
			return 1
		}
		return 0.3
	case LenderShipped:
		switch state {
		case stateSent, stateInTransit, stateOpen:
			return 1
		}
		return 0.4
	}
	return 0.3
}
