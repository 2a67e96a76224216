package store

import "time"

// State is what a transaction's status in the ILL system means to us.
type State string

// The states of a transaction; which status means which is the office's
// configuration (illiad.StateMap).
const (
	StateOpen            State = "open"             // in the office's own queues, not yet sent to lenders
	StateSent            State = "sent"             // with lenders, not yet supplied
	StateInTransit       State = "in_transit"       // shipped to us or on the way to the pickup location
	StateOnShelf         State = "on_shelf"         // waits for the patron to collect it
	StateOnLoan          State = "on_loan"          // with the patron: notices go by its due date
	StateInHands         State = "in_hands"         // with the patron, but something is pending (renewal requested, recalled …): notices hold
	StateReturned        State = "returned"         // back from the patron, not yet with the lender
	StateDelivered       State = "delivered"        // an electronic copy was delivered
	StateFinished        State = "finished"         //
	StateCancelledStaff  State = "cancelled_staff"  // cancelled by the office: a letter is due
	StateCancelledPatron State = "cancelled_patron" // cancelled by the patron: no letter
	StateClaimsReturned  State = "claims_returned"  //
	StateLost            State = "lost"             //
	StateUnknown         State = "unknown"          // a status that the configuration does not name: shown, never guessed
)

// Patron is a person who borrows through the office.
type Patron struct {
	ID               int64
	OfficeID         int64
	Username         string
	FirstName        string
	LastName         string
	Email            string // the registered address
	Language         string // BCP 47; "" = the office's
	PatronStatus     string // faculty, graduate, …
	Department       string
	Site             string
	AccountEnds      Date
	AlternateEmail   string     // where they are reached after that; nothing goes there alone
	UndeliverableAt  *time.Time // a permanent bounce came for Email
	UndeliverableWhy string
	AwayUntil        Date
}

// Name is the patron's name as a letter addresses it.
func (p Patron) Name() string {
	switch {
	case p.FirstName == "":
		return p.LastName
	case p.LastName == "":
		return p.FirstName
	}
	return p.FirstName + " " + p.LastName
}

// Transaction is one request of one patron, as the ILL system knows it.
type Transaction struct {
	ID                    int64
	OfficeID              int64
	TransactionNumber     int64 // unique per office
	PatronID              int64
	ILLNumber             string // OCLC request id; not always digits
	RapidNumber           string
	RequestType           string // Loan, Article
	ProcessType           string // Borrowing, Lending, Doc Del
	Status                string // the ILL system's own words
	State                 State
	Title                 string // of the loan, or of the journal
	ArticleTitle          string
	Author                string
	ISSNISBN              string `db:"issn_isbn"`
	DOI                   string
	DueDate               Date
	CreationDate          Date
	StatusDate            Date // when it last moved
	ReceivedDate          Date
	ReturnedDate          Date
	NotWantedAfter        string // free text
	PublicationYear       string
	RenewalsAllowed       bool
	LendingLibrary        string
	PickupLocation        string
	CancelReason          string
	SystemID              string
	LastOverdueNoticeSent int    // rungs told before illmail came
	DeliveryURL           string `db:"delivery_url"` // where an electronic copy is read; "" = by the ILL system's pages
	DeliveryPassword      string // that it asks for; never logged or listed
	PrintOnly             bool   // a licence line forbids electronic delivery
	ClosedAt              *time.Time
	RefreshedAt           time.Time
}

// DisplayTitle is what a person calls the request: the article's title, or the loan's.
func (t Transaction) DisplayTitle() string {
	if t.ArticleTitle != "" {
		return t.ArticleTitle
	}
	return t.Title
}
