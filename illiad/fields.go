package illiad

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"illmail/store"
)

// field is one column of a transactions file.
type field struct {
	name string // as in the documentation
	// also: other names, ILLiad's among them. Of several that are present the
	// first with a value counts, beginning with name.
	also []string
	set  func(r *store.ImportRow, v string) error
}

// fields are the columns that are understood; any other column is ignored, and
// SSN, in which ILLiad keeps institution ids, is never stored.
var fields = []field{
	{"transaction_number", nil, func(r *store.ImportRow, v string) (err error) {
		r.Transaction.TransactionNumber, err = parseNumber(v)
		return err
	}},
	{"ill_number", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.ILLNumber })},
	{"rapid_number", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.RapidNumber })},
	{"request_type", nil, oneOf(func(r *store.ImportRow) *string { return &r.Transaction.RequestType }, "Loan", "Article")},
	{"process_type", nil, oneOf(func(r *store.ImportRow) *string { return &r.Transaction.ProcessType }, "Borrowing", "Lending", "Doc Del")},
	{"transaction_status", []string{"status"}, text(func(r *store.ImportRow) *string { return &r.Transaction.Status })},
	{"username", nil, text(func(r *store.ImportRow) *string { return &r.Patron.Username })},
	{"first_name", nil, text(func(r *store.ImportRow) *string { return &r.Patron.FirstName })},
	{"last_name", nil, text(func(r *store.ImportRow) *string { return &r.Patron.LastName })},
	{"email", []string{"EMailAddress"}, text(func(r *store.ImportRow) *string { return &r.Patron.Email })},
	{"language", nil, text(func(r *store.ImportRow) *string { return &r.Patron.Language })},
	{"title", []string{"LoanTitle", "PhotoJournalTitle"}, text(func(r *store.ImportRow) *string { return &r.Transaction.Title })},
	{"article_title", []string{"PhotoArticleTitle"}, text(func(r *store.ImportRow) *string { return &r.Transaction.ArticleTitle })},
	{"author", []string{"LoanAuthor", "PhotoArticleAuthor"}, text(func(r *store.ImportRow) *string { return &r.Transaction.Author })},
	{"issn_isbn", []string{"ISSN", "ISBN"}, text(func(r *store.ImportRow) *string { return &r.Transaction.ISSNISBN })},
	{"doi", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.DOI })},
	{"due_date", nil, date(func(r *store.ImportRow) *store.Date { return &r.Transaction.DueDate })},
	{"creation_date", nil, date(func(r *store.ImportRow) *store.Date { return &r.Transaction.CreationDate })},
	{"status_date", []string{"TransactionDate"}, date(func(r *store.ImportRow) *store.Date { return &r.Transaction.StatusDate })},
	{"received_date", nil, date(func(r *store.ImportRow) *store.Date { return &r.Transaction.ReceivedDate })},
	{"returned_date", nil, date(func(r *store.ImportRow) *store.Date { return &r.Transaction.ReturnedDate })},
	{"not_wanted_after", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.NotWantedAfter })},
	{"publication_year", []string{"PhotoJournalYear", "LoanDate"}, text(func(r *store.ImportRow) *string { return &r.Transaction.PublicationYear })},
	{"renewals_allowed", nil, func(r *store.ImportRow, v string) (err error) {
		r.Transaction.RenewalsAllowed, err = parseBool(v)
		return err
	}},
	{"lending_library", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.LendingLibrary })},
	{"pickup_location", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.PickupLocation })},
	{"cancel_reason", []string{"ReasonForCancellation"}, text(func(r *store.ImportRow) *string { return &r.Transaction.CancelReason })},
	{"patron_status", []string{"UserStatus"}, text(func(r *store.ImportRow) *string { return &r.Patron.PatronStatus })},
	{"department", nil, text(func(r *store.ImportRow) *string { return &r.Patron.Department })},
	{"site", []string{"NVTGC"}, text(func(r *store.ImportRow) *string { return &r.Patron.Site })},
	{"account_ends", []string{"ExpirationDate"}, date(func(r *store.ImportRow) *store.Date { return &r.Patron.AccountEnds })},
	{"alternate_email", []string{"SecondaryEmail", "AlternateEMailAddress"}, text(func(r *store.ImportRow) *string { return &r.Patron.AlternateEmail })},
	{"system_id", nil, text(func(r *store.ImportRow) *string { return &r.Transaction.SystemID })},
	{"delivery_url", []string{"ArticleExchangeUrl"}, text(func(r *store.ImportRow) *string { return &r.Transaction.DeliveryURL })},
	{"delivery_password", []string{"ArticleExchangePassword"}, text(func(r *store.ImportRow) *string { return &r.Transaction.DeliveryPassword })},
	{"last_overdue_notice_sent", nil, func(r *store.ImportRow, v string) error {
		n, err := parseNumber(v)
		r.Transaction.LastOverdueNoticeSent = int(n)
		return err
	}},
}

// places are, for each field, where its value may stand, in order: a column of
// each of its names that is present, and where a name stands twice ("SELECT t.*,
// u.*") each of its columns.
type places [][][]int

// columns finds the fields among the names of a header or an object.
func columns(names []string) places {
	at := map[string][]int{}
	for i, n := range names {
		if n = plain(n); n != "" {
			at[n] = append(at[n], i)
		}
	}
	// Beside ILLiad's TransactionStatus a bare Status is the patron's.
	_, both := at["transactionstatus"]
	found := make(places, len(fields))
	for i, f := range fields {
		also := f.also
		switch {
		case both && f.name == "transaction_status":
			also = nil
		case both && f.name == "patron_status":
			also = append(also[:len(also):len(also)], "status")
		}
		for _, n := range append([]string{f.name}, also...) {
			if c, ok := at[plain(n)]; ok {
				found[i] = append(found[i], c)
			}
		}
	}
	return found
}

// fill sets the fields of r that have a place; value returns what stands there.
func fill(r *store.ImportRow, at places, value func(int) string) error {
	for i, f := range fields {
		if len(at[i]) == 0 {
			continue
		}
		v := ""
		for _, columns := range at[i] {
			for _, c := range columns {
				also := strings.TrimSpace(value(c))
				switch {
				case also == "" || also == "NULL": // as SQL Server's tools export it
				case v == "":
					v = also
				case !strings.EqualFold(v, also):
					return fmt.Errorf("%s stands in two columns of the same name, as %q and as %q", f.name, v, also)
				}
			}
			if v != "" {
				break
			}
		}
		if err := f.set(r, v); err != nil {
			return fmt.Errorf("%s %w", f.name, err)
		}
	}
	return nil
}

// lacks names a column without which no row can be taken and for which there is
// no place; "" = all are there.
func lacks(at places) string {
	for i, f := range fields {
		switch f.name {
		case "transaction_number", "username", "transaction_status":
			if len(at[i]) == 0 {
				return f.name
			}
		}
	}
	return ""
}

// absent are the store's columns for which there is no place.
func absent(at places) []string {
	var names []string
	for i, f := range fields {
		switch {
		case len(at[i]) > 0 || f.name == "transaction_number" || f.name == "username":
		case f.name == "transaction_status":
			names = append(names, "status", "state")
		default:
			names = append(names, f.name)
		}
	}
	return names
}

// complete checks what every row must have, and sets the state.
func complete(r *store.ImportRow, states *StateMap) error {
	switch {
	case r.Transaction.TransactionNumber <= 0:
		return fmt.Errorf("there is no transaction number")
	case r.Patron.Username == "":
		return fmt.Errorf("transaction %d has no username", r.Transaction.TransactionNumber)
	case r.Transaction.Status == "":
		return fmt.Errorf("transaction %d has no status", r.Transaction.TransactionNumber)
	}
	r.Transaction.State = states.State(r.Transaction.Status)
	return nil
}

// plain reduces a column's name to its letters and digits in lower case.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, name)
}

func text(at func(*store.ImportRow) *string) func(*store.ImportRow, string) error {
	return func(r *store.ImportRow, v string) error {
		*at(r) = v
		return nil
	}
}

// oneOf gives a word its usual case.
func oneOf(at func(*store.ImportRow) *string, usual ...string) func(*store.ImportRow, string) error {
	return func(r *store.ImportRow, v string) error {
		for _, u := range usual {
			if strings.EqualFold(u, v) {
				v = u
			}
		}
		*at(r) = v
		return nil
	}
}

func date(at func(*store.ImportRow) *store.Date) func(*store.ImportRow, string) error {
	return func(r *store.ImportRow, v string) (err error) {
		*at(r), err = ParseDate(v)
		return err
	}
}

// parseNumber reads a whole number; "" is 0.
func parseNumber(v string) (int64, error) {
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(v, ".0"), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a number", v)
	}
	return n, nil
}

func parseBool(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "yes", "y", "true", "t", "1":
		return true, nil
	case "no", "n", "false", "f", "0", "":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", v)
}
