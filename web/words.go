package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"illmail/store"
	"illmail/templates"
)

// intentWords say what a mail asks, as staff would.
var intentWords = map[string]string{
	"renewal": "Asks to renew", "status": "Asks where it is", "cancel": "Asks to cancel", "returned_claim": "Says it was returned",
	"lost_damaged": "Lost or damaged", "pickup": "About pickup", "return_how": "How to return it", "file_problem": "File does not work",
	"wrong_item": "Wrong item", "new_request": "Asks for an item", "amend_request": "Changes a request", "account": "About the account",
	"fees": "About a charge", "policy": "About our policies", "thanks": "Thanks", "other": "Something else",
	"recall": "Lender recalls it", "lender_conditional": "Lender sets a condition", "lender_unfilled": "Lender cannot supply", "lender_shipped": "Lender has shipped",
	"lender_overdue": "Lender says overdue", "lender_query": "Lender asks", "lending_request": "Asks us to lend",
	"delivery": "A file is ready", "system_update": "System update", "vendor_support": "Vendor support",
}

// kindOfIntent is the kind of mail that has an intent; "" where there is no such intent.
func kindOfIntent(intent string) string {
	switch intent {
	case "recall", "lender_conditional", "lender_unfilled", "lender_shipped", "lender_overdue", "lender_query", "lending_request":
		return "partner"
	case "delivery", "system_update":
		return "system"
	case "vendor_support":
		return "vendor"
	}
	if _, ok := intentWords[intent]; ok {
		return "patron"
	}
	return ""
}

var kindWords = map[string]string{
	"colleague": "Colleague", "patron": "Patron", "partner": "Library", "system": "ILL system", "vendor": "Vendor", "auto_reply": "Auto-reply", "bounce": "Bounce", "bulk": "Bulk mail",
}

var stateWords = map[string]string{
	"new": "New", "open": "Open", "waiting_patron": "Waiting for patron", "waiting_partner": "Waiting for library", "snoozed": "Snoozed", "done": "Done",
	"held": "Held", "queued": "Queued", "sending": "Sending", "sent": "Sent", "failed": "Failed", "uncertain": "Uncertain", "cancelled": "Cancelled",
	"planned": "Planned", "passed": "Passed over", "told": "Told before", "skipped": "Skipped", "dropped": "Dropped at the last check",
}

var requestStateWords = map[store.State]string{
	store.StateOpen: "Being worked on", store.StateSent: "With lenders", store.StateInTransit: "In transit", store.StateOnShelf: "On hold shelf",
	store.StateOnLoan: "On loan", store.StateInHands: "With patron", store.StateReturned: "Returned", store.StateDelivered: "Delivered",
	store.StateFinished: "Finished", store.StateCancelledStaff: "Cancelled", store.StateCancelledPatron: "Cancelled by patron",
	store.StateClaimsReturned: "Claims returned", store.StateLost: "Lost", store.StateUnknown: "Unknown",
}

var noticeWords = map[string]string{
	"reply": "Reply", "overdue": "Overdue notice", "due_soon": "Due-soon notice", "delay": "Delay notice", "cancellation": "Cancellation notice",
	"pickup": "Pickup notice", "recall": "Recall letter", "delivery": "Delivery notice", "in_transit": "Late in transit", "claim": "Return not found", "leaving": "Account ends soon", "unanswered": "Nobody answers",
}

var proposalWords = map[string]string{"filled": "Filled", "unfilled": "Not filled", "conditional": "Conditional", "shipped": "Shipped", "recalled": "Recalled",
	"file_ready": "The file is ready", "renewal_ok": "Renewal approved", "renewal_denied": "Renewal denied"}

var foundWords = map[string]string{"found": "Found here", "with_lender": "Back at the lender", "not_found": "Not found"}

var writeBackWords = map[string]string{"note": "Note", "history": "History entry", "route": "Move to"}

var wordFuncs = template.FuncMap{
	"proposal":     func(s string) string { return wordOr(proposalWords, s, "") },
	"found":        func(s string) string { return wordOr(foundWords, s, "") },
	"writeBack":    func(s string) string { return wordOr(writeBackWords, s, "") },
	"part":         partName,
	"intent":       func(s string) string { return wordOr(intentWords, s, "Not read yet") },
	"kind":         func(s string) string { return wordOr(kindWords, s, "Not read yet") },
	"state":        func(s string) string { return wordOr(stateWords, s, "") },
	"requestState": func(s store.State) string { return wordOr(requestStateWords, s, "") },
	"notice":       func(s string) string { return wordOr(noticeWords, s, "") },
	"percent":      func(p float32) string { return fmt.Sprintf("%.0f %%", p*100) },
	"percent64":    func(p float64) string { return fmt.Sprintf("%.0f %%", p*100) },
	"bytes":        byteWords,
	"plural":       plural,
	"join":         strings.Join,
	"deref":        func(t *time.Time) time.Time { return *t },
	"id":           func(id *int64) int64 { return *id },
	"minus1":       func(n int) int { return n - 1 },
	"pair":         func(a, b any) pair { return pair{a, b} },
	"templateName": templateName,
	"cancelName":   cancelName,
	"rows":         rows,
	"initials":     initials,
}

// rows is how many lines a text wants to be read without scrolling.
func rows(text string) int {
	n := 1
	for line := range strings.SplitSeq(text, "\n") {
		n += 1 + utf8.RuneCountInString(line)/95
	}
	return min(max(n, 7), 22)
}

// letterNames are the letters that come with the program, as staff call them.
var letterNames = map[string]string{
	"account-ending": "Account ends: return your items", "claim-follow-up": "Return not found: please look again", "delay": "Delay", "delay-in-transit": "Delay in transit",
	"delivery": "Article delivered", "delivery-expiring": "Article link expires soon", "due_soon": "Due soon", "overdue": "Overdue", "pickup": "Ready for pickup",
	"pickup-expiring": "Pickup: last days", "recall": "Recalled by the lender", "renewal-granted": "Renewal granted", "renewal-refused": "Renewal denied",
	"cancellation": "Cancelled: any other reason", "cancel-citation-incomplete": "Citation incomplete", "cancel-condition-refused": "Lender’s conditions not accepted",
	"cancel-copyright-fee": "Copyright fee", "cancel-embargoed": "Under embargo", "cancel-held-here": "We own it", "cancel-in-use": "All copies in use",
	"cancel-library-use-only": "Library use only", "cancel-no-lender": "No lender found", "cancel-not-eligible": "Patron not eligible", "cancel-not-published": "Not published yet",
	"cancel-not-verified": "Citation not verified", "cancel-online-here": "Online in our collections", "cancel-open-access": "Open access", "cancel-over-cost": "Over the cost limit",
	"cancel-textbook": "Textbook", "cancel-thesis-media": "Thesis or media not lent", "cancel-to-document-delivery": "Moved to document delivery", "cancel-too-late": "Past the need-by date",
	"reply-account": "Account question", "reply-amend": "Request changed", "reply-cancel-confirmed": "Cancelled as you asked", "reply-claim-returned": "Claims returned: we are looking",
	"reply-fees": "Fees and charges", "reply-file-problem": "File problem: we ask again", "reply-lost-damaged": "Lost or damaged item", "reply-new-request": "How to place a request",
	"reply-other": "General answer", "reply-pickup": "Pickup question", "reply-policy": "Policy question", "reply-renewal-asked": "Renewal: we have asked the lender",
	"reply-renewal-not-possible": "Renewal not possible", "reply-return-how": "How to return items", "reply-status": "Status of a request", "reply-thanks": "You’re welcome", "reply-wrong-item": "Wrong item: we ask again",
	"lender-condition-accept": "Accept the conditions", "lender-condition-decline": "Decline the conditions", "lender-damaged": "Damaged item", "lender-invoice-disputed": "Dispute an invoice",
	"lender-not-received": "Item not received", "lender-recall-acknowledged": "Recall: we will return it", "lender-renewal-asked": "Ask for a renewal", "lender-rescan": "Ask for a new scan", "lender-returned": "Item returned",
}

// cancelName is the reason that a cancellation letter tells, in words.
func cancelName(letter string) string {
	if letter == templates.General {
		return "Another reason"
	}
	if name, ok := letterNames[letter]; ok {
		return name
	}
	return templateName(strings.TrimPrefix(letter, "cancel-"))
}

// pair hands two values to a template that takes one.
type pair struct{ A, B any }

// templateName is a letter's name in words; one of the office's own is called
// as its file: "reply-summer-hours" is "Summer hours".
func templateName(name string) string {
	if known, ok := letterNames[name]; ok {
		return known
	}
	name = strings.TrimPrefix(name, "reply-")
	words := strings.NewReplacer("_", " ", "-", " ").Replace(name)
	r, n := utf8.DecodeRuneInString(words)
	return string(unicode.ToUpper(r)) + words[n:]
}

func wordOr[K ~string](words map[K]string, key K, empty string) string {
	if key == "" {
		return empty
	}
	if w, ok := words[key]; ok {
		return w
	}
	return strings.ReplaceAll(string(key), "_", " ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func byteWords(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// initials are the letters that stand for a person in a narrow column.
func initials(name string) string {
	var b strings.Builder
	for i, w := range strings.Fields(name) {
		if i < 2 {
			r, _ := utf8.DecodeRuneInString(w)
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}

// clock tells times in one office's zone, as seen from now.
type clock struct {
	now    time.Time
	office *Office
}

// Now is when the page was made.
func (c clock) Now() time.Time { return c.now }

// Zone is the zone in which the office's times are told.
func (c clock) Zone() string { return c.office.Rules.Location.String() }

// OfficeName is whose page it is.
func (c clock) OfficeName() string { return c.office.Name }

// Day is a date in words near to now: "today", "tomorrow", "Nov 28".
func (c clock) Day(d store.Date) string {
	if d.IsZero() {
		return ""
	}
	switch n := d.Sub(store.DateOf(c.now, c.office.Rules.Location)); n {
	case 0:
		return "today"
	case 1:
		return "tomorrow"
	case -1:
		return "yesterday"
	}
	return c.Date(d)
}

// Date is a date in short, with the year where it is another one.
func (c clock) Date(d store.Date) string {
	if d.IsZero() {
		return ""
	}
	if d.Time().Year() == c.now.In(c.office.Rules.Location).Year() {
		return d.Time().Format("Jan 2")
	}
	return d.Time().Format("Jan 2, 2006")
}

// Overdue is the days since a due date, 0 where it is not past.
func (c clock) Overdue(d store.Date) int {
	if d.IsZero() {
		return 0
	}
	return max(0, store.DateOf(c.now, c.office.Rules.Location).Sub(d))
}

// Time is an instant in short: the time of day for today, else the day too.
func (c clock) Time(t time.Time) string {
	local := t.In(c.office.Rules.Location)
	d := store.DateOf(t, c.office.Rules.Location)
	switch n := d.Sub(store.DateOf(c.now, c.office.Rules.Location)); {
	case n == 0:
		return local.Format("15:04")
	case n == -1:
		return "yesterday " + local.Format("15:04")
	case local.Year() == c.now.In(c.office.Rules.Location).Year():
		return local.Format("Jan 2, 15:04")
	}
	return local.Format("Jan 2, 2006")
}

// Full is an instant with everything, for a title or a proof.
func (c clock) Full(t time.Time) string {
	return t.In(c.office.Rules.Location).Format("Monday, January 2, 2006 at 15:04:05 MST")
}

// Machine is an instant for a datetime attribute.
func (c clock) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Waiting is how long someone has waited by the office's own hours, since
// nobody can be answered while it is closed: minutes and hours, and days as
// long as it is open.
func (c clock) Waiting(since time.Time) string {
	switch d, day := c.office.Rules.OfficeTime(since, c.now), c.office.Rules.Hours.Length(); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return plural(int(d/day), "day", "days")
	}
}

// Long reports whether someone has waited more than two open days.
func (c clock) Long(since time.Time) bool {
	return c.office.Rules.OfficeTime(since, c.now) > 2*c.office.Rules.Hours.Length()
}

func (s *Server) clock(v *visit, office string) clock { return clock{v.now, s.office(office)} }
