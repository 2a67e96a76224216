package store

import "time"

// NoticeKind says what a mail of ours is for; its CHECK twins are outbox.kind
// and notice.kind.
type NoticeKind string

// The kinds. A reply is written by staff and is no notice; nor is what tells
// the office itself that nobody answers.
const (
	KindReply        NoticeKind = "reply"
	KindOverdue      NoticeKind = "overdue"
	KindDueSoon      NoticeKind = "due_soon"
	KindDelay        NoticeKind = "delay"
	KindCancellation NoticeKind = "cancellation"
	KindPickup       NoticeKind = "pickup"     // it waits on the hold shelf, and soon no longer
	KindDelivery     NoticeKind = "delivery"   // an electronic copy can be read, and soon no longer
	KindInTransit    NoticeKind = "in_transit" // a lender shipped it and it is not here
	KindRecall       NoticeKind = "recall"     // its lender wants it back
	KindClaim        NoticeKind = "claim"      // said to be returned, and not found
	KindLeaving      NoticeKind = "leaving"    // the patron's account ends before it is due
	KindUnanswered   NoticeKind = "unanswered" // to the office's second address: conversations that nobody took
)

// NoticeState says what became of one notice of one cycle.
type NoticeState string

// The states of a notice.
const (
	NoticePlanned NoticeState = "planned" // in an outbox row
	NoticePassed  NoticeState = "passed"  // a higher rung told it, or staff let it pass
	NoticeTold    NoticeState = "told"    // before illmail came, or by hand
	NoticeHeld    NoticeState = "held"
	NoticeSkipped NoticeState = "skipped"
	NoticeDropped NoticeState = "dropped" // taken out of its mail just before that went
)

// NoticeRow is one notice with what became of its mail.
type NoticeRow struct {
	ID            int64
	TransactionID int64
	Kind          NoticeKind
	Rung          int
	Cycle         Date // the due date, or the status date
	State         NoticeState
	Reason        string
	Days          int // days overdue, left or waited, as told
	OutboxID      *int64
	PlannedOn     Date
	HeldSince     Date // since when it is held without a break; zero when it is not
	DecidedAt     time.Time
	OutboxState   OutboxState // "" where it is in no mail
	SentAt        *time.Time
	BouncedAt     *time.Time
	Rehearsed     bool // its mail went to the rehearsal address in place of the patron
}

// Told reports whether the patron was told, or may have been: such a notice
// never goes again by itself.
func (n NoticeRow) Told() bool {
	switch n.State {
	case NoticePassed, NoticeTold:
		return true
	case NoticePlanned:
		switch n.OutboxState {
		case OutboxSending, OutboxSent, OutboxFailed, OutboxUncertain:
			return true
		}
	}
	return false
}

// Waits reports whether the notice stands for a letter that has not gone and
// is decided anew at each run.
func (n NoticeRow) Waits() bool {
	return n.State == NoticeHeld || n.State == NoticePlanned && (n.OutboxState == OutboxHeld || n.OutboxState == OutboxQueued)
}

// NoticeFacts is all that the decision about one transaction's notices rests on.
type NoticeFacts struct {
	Transaction   Transaction
	Patron        Patron
	Notices       []NoticeRow           // in the order in which they were decided
	Conversations []HoldingConversation // the patron's, filed on the transaction, with an intent that may hold notices
	AnsweredAt    time.Time             // our last answer in one of them; zero: none
	ByHand        []HandLetter
	Lender        []LenderMail // the lender's mail about it, newest first
	ByStaff       []NoticeHold
	NotFound      time.Time // when staff recorded that an item said to be returned was not found; zero: they did not, or found it since
}

// LenderMail is what a mail from a lender, or a system that speaks for it, says
// of one transaction.
type LenderMail struct {
	TransactionID  int64
	ConversationID int64
	Intent         string    // recall, lender_overdue, lender_shipped
	At             time.Time // when it arrived
	By             Date      // the day by which it wants the item; zero: it names none
	Waits          bool      // its conversation waits for staff
}

// HoldingConversation is a conversation of a patron about one transaction that
// asks for something that may make its notices wrong.
type HoldingConversation struct {
	TransactionID  int64
	ConversationID int64
	State          string // of its queue item
	Intent         string
	Since          time.Time // when that message arrived
	// Unsettled: the patron said that the item was returned and staff have not
	// recorded the outcome.
	Unsettled bool
}

// HandLetter is a letter of a notice's kind that staff sent by hand.
type HandLetter struct {
	TransactionID int64
	Template      string // its name begins with the kind: overdue_2
	SentAt        time.Time
}
