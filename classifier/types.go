package classifier

import (
	"time"

	"illmail/mailbox"
)

// Kind says who speaks.
type Kind string

// The kinds of mail.
const (
	KindPatron    Kind = "patron"     // a person about their own or a colleague's borrowing
	KindPartner   Kind = "partner"    // staff of another library, by hand
	KindSystem    Kind = "system"     // automatic mail of an ILL system
	KindVendor    Kind = "vendor"     // a support desk of a software vendor
	KindAutoReply Kind = "auto_reply" // vacation, out of office, "we got your mail" (RFC 3834)
	KindBounce    Kind = "bounce"     // delivery status notification, challenge, mailbox full (RFC 3464)
	KindBulk      Kind = "bulk"       // newsletter, list mail, marketing, phishing
)

// Intent says what the sender wants now.
type Intent string

// The intents, by the kind of mail that has them.
const (
	// of patrons
	Renewal       Intent = "renewal"
	Status        Intent = "status"
	Cancel        Intent = "cancel"
	ReturnedClaim Intent = "returned_claim"
	LostDamaged   Intent = "lost_damaged"
	Pickup        Intent = "pickup"
	ReturnHow     Intent = "return_how"
	FileProblem   Intent = "file_problem"
	WrongItem     Intent = "wrong_item"
	NewRequest    Intent = "new_request"
	AmendRequest  Intent = "amend_request"
	Account       Intent = "account"
	Fees          Intent = "fees"
	Policy        Intent = "policy"
	Thanks        Intent = "thanks"
	Other         Intent = "other"
	// of partners
	Recall            Intent = "recall"
	LenderConditional Intent = "lender_conditional"
	LenderUnfilled    Intent = "lender_unfilled"
	LenderShipped     Intent = "lender_shipped"
	LenderOverdue     Intent = "lender_overdue"
	LenderQuery       Intent = "lender_query"
	LendingRequest    Intent = "lending_request"
	// of systems
	Delivery     Intent = "delivery"
	SystemUpdate Intent = "system_update"
	// of vendors
	VendorSupport Intent = "vendor_support"
)

// Office is what the classifier must know of the office itself.
type Office struct {
	Addresses   []string // the office's own addresses, first the main one
	Domains     []string // the patrons' own domains; a subdomain belongs to it
	AuthservIDs []string // whose Authentication-Results to trust (RFC 8601); "" is a topmost field without an id
	Partners    []string // addresses and domains of ILL systems and libraries that are known; a subdomain belongs to its domain
}

// Identifier is a number or name in the mail that may lead to a transaction.
type Identifier struct {
	Type    string `json:"type"`  // tn, ill_number, rapid_number, cross_ref, doi, isbn, issn, barcode, pmid, oclc, article_exchange, password, date, amount, number
	Value   string `json:"value"` // normalised; passwords are masked
	Label   string `json:"-"`     // the words that named it: "TN:"; "" where it stood bare
	InNew   bool   `json:"-"`     // in what the sender wrote this time or in the subject, not in the quoted history
	InTitle bool   `json:"-"`     // in the subject
}

// Transaction is what matching needs to know of a request. Dates are midnight
// UTC of the office's day; the zero Time is "none".
type Transaction struct {
	TransactionNumber int64
	ILLNumber         string
	RapidNumber       string
	RequestType       string // Loan, Article
	ProcessType       string // Borrowing where empty
	Status            string
	State             string // store.State: open, sent, in_transit, on_shelf, on_loan, in_hands, returned, delivered, finished, cancelled_staff, …; "" where not known: then it is read from Status
	Username          string
	FirstName         string
	LastName          string
	Email             string   // the registered address
	OtherEmails       []string // learned from confirmations
	Title             string
	ArticleTitle      string
	Author            string
	ISSNISBN          string
	DOI               string
	DueDate           time.Time
	CreationDate      time.Time
	StatusDate        time.Time
	RenewalsAllowed   bool
	LendingLibrary    string
	PickupLocation    string
	CancelReason      string
}

// Sent is a mail of ours that a message may answer or return.
type Sent struct {
	MessageID          string // without angle brackets
	TransactionNumbers []int64
	Kind               string // notice kind: overdue, due_soon, pickup, delivery, cancellation, reply …
	To                 string
	Subject            string
}

// Lender is a library that lends to us.
type Lender struct {
	Symbol    string
	Name      string
	Addresses []string
	Domains   []string
}

// Keys says what must be looked up before a reading can be decided: all the
// keys by which a message may lead to transactions. Every list is
// de-duplicated and bounded.
type Keys struct {
	MessageIDs []string // of In-Reply-To and References, and the original's of a bounce
	TNs        []int64  // numbers that may be transaction numbers, labelled or not
	ILLNumbers []string
	Rapid      []string // digits only
	DOIs       []string // lower case
	ISSNISBNs  []string // digits and X only
	Addresses  []string // lower case: sender, reply-to, cc, addresses in forwarded text, a bounce's recipients
	Usernames  []string // local parts at the office's domains
	LastNames  []string // lower case: from the display name and the typed signature
	TitleWords []string // lower case: words of the new text and the subject that may be of a title, rarest kind first
}

// Facts is what the records answer to Keys.
type Facts struct {
	Transactions []Transaction // candidates; for a known patron all that are open and the recent ones
	Sent         []Sent
	Lenders      []Lender
}

// IntentScore is one wish with its calibrated probability and the reasons in words.
type IntentScore struct {
	Intent  Intent   `json:"intent"`
	P       float64  `json:"p"`
	Reasons []string `json:"reasons"`
}

// Match is one transaction that the message may concern.
type Match struct {
	TransactionNumber int64    `json:"transaction_number"`
	Score             float64  `json:"score"`    // 0 to 1
	Decided           bool     `json:"decided"`  // filed there by itself; false: only offered
	Evidence          []string `json:"evidence"` // in words
}

// Reading is what can be said of a message alone, without any record.
type Reading struct {
	Message     *mailbox.Message
	Office      Office
	NewText     string // what the sender wrote this time
	Quoted      string // the rest of the text: history, signature, disclaimers
	Identifiers []Identifier
	Keys        Keys
	KindHint    Kind     // what headers and words say without the records
	KindWhy     []string // in words

	words *worded  // the new text and the subject, weighed once
	head  *headers // what the header says, read once
}

// Result is how a message is understood.
type Result struct {
	Kind           Kind
	KindWhy        []string
	Intents        []IntentScore // highest first; empty for auto_reply, bounce, bulk
	Matches        []Match       // best first
	Username       string        // the patron whose borrowing it is; "" where unknown
	SenderVerified bool          // From is exactly the registered address of Username, and authentication does not speak against it
	NeedsStaff     bool
	NewText        string
	Identifiers    []Identifier
	AwayUntil      time.Time // of an auto-reply; zero where it names none
	AnswerBy       time.Time // a date the mail names by which an answer is wanted; zero where none
}
