package templates

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is a name that may stand in {{…}} and how its value is got. Exactly
// one of the getters is set, which says of what kind the value is.
type field struct {
	name   string
	text   func(*env) string
	number func(*env) int64
	date   func(*env) time.Time
	flag   func(*env) bool // for conditions only

	words  bool // text of several lines, whose breaks are kept
	web    bool // text that is an address to go to: may begin the target of a link
	email  bool // text that is an e-mail address: may follow mailto:
	phone  bool // text that may follow tel:
	onItem bool // needs an item
	zero   bool // a number of which 0 is a value and not "nothing"
}

// env is what a template is evaluated with.
type env struct {
	data *Data
	item *Item // of the each, else the first
	lang *language
}

// condTrue says whether {{#if}} takes its first branch: the field is set, not
// 0, not empty.
func (f *field) condTrue(e *env) bool {
	if f.onItem && e.item == nil {
		return false
	}
	switch {
	case f.flag != nil:
		return f.flag(e)
	case f.number != nil:
		return f.number(e) != 0
	case f.date != nil:
		return !f.date(e).IsZero()
	}
	return clean(f.text(e)) != ""
}

// value writes the field, cleaned; "" where it is empty.
func (r *fieldRef) value(e *env) string {
	f := r.field
	if f.onItem && e.item == nil {
		return ""
	}
	switch {
	case f.number != nil:
		n := f.number(e)
		if n == 0 && !f.zero {
			return ""
		}
		if r.filter == inDays {
			return e.lang.days(n)
		}
		return strconv.FormatInt(n, 10)
	case f.date != nil:
		d := f.date(e)
		switch {
		case d.IsZero():
			return ""
		case r.filter == shortDate:
			return e.lang.short(d)
		}
		return e.lang.long(d)
	case f.words:
		return cleanLines(f.text(e))
	}
	return clean(f.text(e))
}

// fields are all the names, beside {{extra.…}}.
var fields = makeFields()

func makeFields() map[string]*field {
	m := make(map[string]*field)
	add := func(f field) { m[f.name] = &f }

	add(field{name: "patron.first_name", text: func(e *env) string { return e.data.Patron.FirstName }})
	add(field{name: "patron.last_name", text: func(e *env) string { return e.data.Patron.LastName }})
	add(field{name: "patron.name", text: func(e *env) string {
		p := &e.data.Patron
		return cmp.Or(clean(p.Name), clean(p.FirstName+" "+p.LastName))
	}})
	add(field{name: "patron.username", text: func(e *env) string { return e.data.Patron.Username }})
	add(field{name: "patron.email", email: true, text: func(e *env) string { return e.data.Patron.Email }})
	add(field{name: "patron.status", text: func(e *env) string { return e.data.Patron.Status }})

	add(field{name: "patron.account_ends", date: func(e *env) time.Time { return e.data.Patron.AccountEnds }})

	add(field{name: "office.name", text: func(e *env) string { return e.data.Office.Name }})
	add(field{name: "office.address", email: true, text: func(e *env) string { return e.data.Office.Address }})
	add(field{name: "office.phone", phone: true, text: func(e *env) string { return e.data.Office.Phone }})
	add(field{name: "office.hours", words: true, text: func(e *env) string { return e.data.Office.Hours }})
	add(field{name: "office.url", web: true, text: func(e *env) string { return e.data.Office.URL }})
	add(field{name: "office.return_to", words: true, text: func(e *env) string { return e.data.Office.ReturnTo }})
	add(field{name: "office.signature", words: true, text: func(e *env) string { return e.data.Office.Signature }})

	item := func(f field) { f.onItem = true; add(f) }
	item(field{name: "item.transaction_number", number: func(e *env) int64 { return e.item.TransactionNumber }})
	item(field{name: "item.ill_number", text: func(e *env) string { return e.item.ILLNumber }})
	item(field{name: "item.title", text: func(e *env) string { return e.item.displayTitle() }})
	item(field{name: "item.article_title", text: func(e *env) string { return e.item.ArticleTitle }})
	item(field{name: "item.journal", text: func(e *env) string {
		if !e.item.article() {
			return ""
		}
		return e.item.Title
	}})
	item(field{name: "item.author", text: func(e *env) string { return e.item.Author }})
	item(field{name: "item.request_type", text: func(e *env) string { return e.item.RequestType }})
	item(field{name: "item.article", flag: func(e *env) bool { return e.item.article() }})
	item(field{name: "item.lender", text: func(e *env) string { return e.item.Lender }})
	item(field{name: "item.status", text: func(e *env) string { return e.item.Status }})
	item(field{name: "item.reason", text: func(e *env) string { return e.item.Reason }})
	item(field{name: "item.pickup_location", text: func(e *env) string { return e.item.PickupLocation }})
	item(field{name: "item.call_number", text: func(e *env) string { return e.item.CallNumber }})
	item(field{name: "item.link", web: true, text: func(e *env) string { return e.item.Link }})
	item(field{name: "item.password", text: func(e *env) string { return e.item.Password }})
	item(field{name: "item.due_date", date: func(e *env) time.Time { return e.item.DueDate }})
	item(field{name: "item.new_due_date", date: func(e *env) time.Time { return e.item.NewDueDate }})
	item(field{name: "item.status_date", date: func(e *env) time.Time { return e.item.StatusDate }})
	item(field{name: "item.expires_on", date: func(e *env) time.Time { return e.item.ExpiresOn }})
	item(field{name: "item.days_overdue", zero: true, number: func(e *env) int64 { return int64(e.item.DaysOverdue) }})
	item(field{name: "item.days_left", zero: true, number: func(e *env) int64 { return int64(e.item.DaysLeft) }})
	item(field{name: "item.days_waiting", zero: true, number: func(e *env) int64 { return int64(e.item.DaysWaiting) }})
	item(field{name: "item.views", number: func(e *env) int64 { return int64(e.item.Views) }})
	item(field{name: "item.stern", flag: func(e *env) bool { return e.item.Stern }})
	item(field{name: "item.renewals_allowed", flag: func(e *env) bool { return e.item.RenewalsAllowed }})

	add(field{name: "items", flag: func(e *env) bool { return len(e.data.Items) > 0 }})
	add(field{name: "many", flag: func(e *env) bool { return len(e.data.Items) > 1 }})
	add(field{name: "count", number: func(e *env) int64 { return int64(len(e.data.Items)) }})
	add(field{name: "stern", flag: func(e *env) bool {
		return slices.ContainsFunc(e.data.Items, func(it Item) bool { return it.Stern })
	}})
	add(field{name: "letter", number: func(e *env) int64 { return int64(e.data.Letter) }})
	add(field{name: "reminder", text: func(e *env) string {
		if e.data.Letter < 1 {
			return ""
		}
		return e.lang.reminder(e.data.Letter)
	}})
	add(field{name: "today", date: func(e *env) time.Time { return e.data.Today }})
	add(field{name: "staff", text: func(e *env) string { return e.data.Staff }})
	add(field{name: "lender.symbol", text: func(e *env) string { return e.data.Lender.Symbol }})
	add(field{name: "lender.name", text: func(e *env) string { return e.data.Lender.Name }})
	add(field{name: "note", words: true, text: func(e *env) string { return e.data.Note }})
	return m
}

// FieldNames returns the names that may stand in {{…}}, sorted. Those of
// {{extra.…}} are the office's own and not among them.
func FieldNames() []string { return slices.Sorted(maps.Keys(fields)) }

// lookupField finds a field by its name; nil if there is none.
func lookupField(name string) *field {
	if f, ok := fields[name]; ok {
		return f
	}
	key, ok := strings.CutPrefix(name, "extra.")
	if !ok || !isName(key) {
		return nil
	}
	return &field{name: name, words: true, text: func(e *env) string { return e.data.Extra[key] }}
}

// isName reports whether s is made of lower-case letters, digits and "_".
func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func (it *Item) article() bool {
	return strings.EqualFold(it.RequestType, "Article") || clean(it.ArticleTitle) != ""
}

// displayTitle is what a person calls the request. It is never empty for a
// real request: a record without a title is called by its number.
func (it *Item) displayTitle() string {
	t := cmp.Or(clean(it.ArticleTitle), clean(it.Title))
	if t == "" && it.TransactionNumber != 0 {
		return "TN " + strconv.FormatInt(it.TransactionNumber, 10)
	}
	return t
}

// clean makes a value fit to stand in one line: valid UTF-8, every run of
// white space and control characters one blank, no characters that are not
// seen or that turn the direction of what follows.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	gap := false
	for _, r := range s { // invalid bytes come as U+FFFD
		switch {
		case unseen(r):
			continue
		case blank(r):
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// isClean is the fast way out of clean for most values.
func isClean(s string) bool {
	prev := byte(' ')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c >= 0x7f || c == ' ' && prev == ' ' {
			return false
		}
		prev = c
	}
	return s == "" || prev != ' '
}

// cleanLines is clean for text of several lines. At most one empty line
// stands between two others.
func cleanLines(s string) string {
	if isClean(s) {
		return s
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(s)
	var lines []string
	for l := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		l = clean(l)
		if l == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, l)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
