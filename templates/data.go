package templates

import "time"

// Data is what one letter tells: who writes, to whom, about which requests.
// Days are given as midnight UTC; the zero time is "no date".
type Data struct {
	Office Office
	Patron Patron
	Items  []Item            // the requests told about, in the order in which they are listed (stern ones first)
	Letter int               // 1 = the first reminder that this patron really receives; 0 = not a reminder
	Today  time.Time         // the office's day
	Staff  string            // who signs a reply; may be empty
	Lender Lender            // of a letter to a lender
	Note   string            // free words of staff; its line breaks are kept
	Extra  map[string]string // further words by name: {{extra.closed_note}}, {{extra.alternatives}}
}

// Office is who writes.
type Office struct {
	Name      string // "Healey Library Interlibrary Loan"
	Address   string // its e-mail address
	Phone     string
	Hours     string // "Monday to Friday, 9 am to 5 pm"
	URL       string // where patrons sign in to see and renew their requests
	ReturnTo  string // where items come back to, in words: "the service desk on the first floor"
	Signature string // the lines under every letter, in place of the office's name, phone, hours and URL
}

// Patron is to whom a letter goes, and about whom. Letters to lenders leave it empty.
type Patron struct {
	FirstName, LastName string
	Name                string // as a letter addresses the whole name; made of the first and last name when empty
	Username            string
	Email               string
	Status              string    // faculty, graduate, …
	AccountEnds         time.Time // where a request told about is due after it
}

// Lender is the library that lent the item.
type Lender struct {
	Symbol string // "XFF"
	Name   string
}

// Item is one request as a letter tells it.
type Item struct {
	TransactionNumber int64
	ILLNumber         string // the lender's way to find it
	Title             string // of the loan, or of the journal
	ArticleTitle      string
	Author            string
	RequestType       string // Loan, Article
	Lender            string // symbol or name
	Status            string // the ILL system's own words
	Reason            string // why it was cancelled
	PickupLocation    string
	CallNumber        string
	Link              string // where an electronic copy is read, or where the item is found here
	Password          string // that Link asks for
	DueDate           time.Time
	NewDueDate        time.Time // after a renewal, or that a recall asks for
	StatusDate        time.Time // when the request last moved
	ExpiresOn         time.Time // the last day on the hold shelf, or of Link
	DaysOverdue       int
	DaysLeft          int // until the due date or ExpiresOn
	DaysWaiting       int // since the request last moved
	Views             int // how often Link can be opened; 0: not told
	Stern             bool
	RenewalsAllowed   bool
}

// Rendered is one letter, ready to be sent.
type Rendered struct {
	Subject  string // one line, at most 100 characters
	Text     string // wrapped at 76 columns
	HTML     string // a whole document
	Language string // of the template that was used, which may not be the one asked for
}
