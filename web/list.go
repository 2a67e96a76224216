package web

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"illmail/classifier"
	"illmail/store"
)

// tab is one pile beside the list.
type tab struct {
	Name  string // value of ?tab=
	Title string
	Count int
	Quiet bool // shown without emphasis however many there are
	Empty string
}

const (
	tabKeptAside     = "kept_aside"
	tabUndeliverable = "undeliverable"
)

func tabs(c store.TabCounts) []tab {
	return []tab{
		{string(store.TabNeedsAnswer), "Needs answer", c.NeedsAnswer, false, "Nobody waits for an answer. Well done."},
		{string(store.TabMine), "Mine", c.Mine, false, "Nothing is assigned to you."},
		{string(store.TabUnassigned), "Unassigned", c.Unassigned, false, "Everything that needs an answer is in someone’s hands."},
		{string(store.TabWaitingPatron), "Waiting for patron", c.WaitingPatron, true, "No patron owes us an answer."},
		{string(store.TabWaitingPartner), "Waiting for library", c.WaitingPartner, true, "No other library owes us an answer."},
		{string(store.TabSnoozed), "Snoozed", c.Snoozed, true, "Nothing is put off until later."},
		{string(store.TabMachine), "Machine mail", c.Machine, true, "No mail from systems and mailing lists."},
		{tabKeptAside, "Kept aside", c.KeptAside, false, "Every message could be read and filed."},
		{tabUndeliverable, "Undeliverable", c.Undeliverable, false, "Every patron’s address takes mail."},
		{string(store.TabDone), "Done", 0, true, "Nothing is done yet."},
	}
}

type listPage struct {
	Tab           tab
	Tabs          []tab
	Rows          []listRow
	Next          string // URL of the next page; "" on the last
	First         string // URL of the first page; "" on it
	Query         string
	Kind          string
	Intent        string
	Assigned      int64
	QueueID       int64 // of the office's own; 0: whatever queue, store.NoQueue: none
	Label         string
	Sort          store.ListSort
	Kinds         []string
	Intents       []string
	Queues        []store.OfficeQueue
	Labels        []store.LabelCount
	Sorts         []sortChoice     // empty where the order is given
	View          *store.SavedView // that is shown; nil for none
	MayView       bool             // the one who looks may rename and delete View
	ToSave        string           // the query that can be saved as a view; "" for none
	MayShare      bool
	People        []person
	Requests      []store.TransactionRef // found by the search
	KeptAside     []store.StoryMessage
	Troubles      []store.Health // parts that do not work, or will not for long
	Undeliverable []store.UndeliverablePatron
	Bulk          bool // the one who looks may act on many at once
	Self          string
	words         []string // of the search
	clock         clock
}

type listRow struct {
	store.ListRow
	clock
	words   []string
	Present []store.Presence // who has it open
	Away    string           // in whose hands it is while its assignee is away; "" where they are there
}

// sortChoice is an order that the list may have.
type sortChoice struct {
	Value store.ListSort
	Title string
}

var sortChoices = []sortChoice{{store.SortUrgent, "Most urgent first"}, {store.SortWaiting, "Longest waiting first"}, {store.SortNewest, "Newest first"}}

// Filtered reports whether less is shown than the pile holds.
func (p *listPage) Filtered() bool {
	return p.Kind != "" || p.Intent != "" || p.Assigned != 0 || p.Label != "" || p.QueueID != 0 && p.Tab.Name != string(store.TabQueue)
}

// ByChange reports whether the list is by its last change: what is done, and
// what was searched for.
func (p *listPage) ByChange() bool {
	return p.Tab.Name == string(store.TabDone) || p.Tab.Name == string(store.TabAll)
}

// LabelChoices are the labels that there are, and the one that is asked for.
func (p *listPage) LabelChoices() []store.LabelCount {
	if p.Label == "" || slices.ContainsFunc(p.Labels, func(l store.LabelCount) bool { return l.Label == p.Label }) {
		return p.Labels
	}
	return append(slices.Clone(p.Labels), store.LabelCount{Label: p.Label})
}

// SeveralOffices reports whether the queues are of more than one office.
func (p *listPage) SeveralOffices() bool {
	return slices.ContainsFunc(p.Queues, func(q store.OfficeQueue) bool { return q.OfficeID != p.Queues[0].OfficeID })
}

// Mark shows text with what was searched for highlighted.
func (r listRow) Mark(text string) template.HTML { return mark(text, r.words) }

// Tick is the row as it is now, for an action on many.
func (r listRow) Tick() string {
	var last, assigned int64
	if r.LastMessageID != nil {
		last = *r.LastMessageID
	}
	if r.AssignedTo != nil {
		assigned = *r.AssignedTo
	}
	return fmt.Sprintf("%d-%d-%d", r.ID, last, assigned)
}

// Line is the beginning of what was written, on one line, without what opens a
// file: a list is seen over shoulders.
func (r listRow) Line() template.HTML {
	return mark(snippet(classifier.MaskSecrets(r.NewText), r.words), r.words)
}

// Who is the patron's name, or the sender's.
func (r listRow) Who() string {
	switch {
	case r.PatronName != "":
		return r.PatronName
	case r.FromName != "":
		return r.FromName
	case r.FromAddr != "":
		return r.FromAddr
	case r.ToAddr != "":
		return "to " + r.ToAddr
	}
	return "Unknown sender"
}

// Standing is the patron's status, or what kind of sender it is.
func (r listRow) Standing() string {
	if r.PatronStatus != "" {
		return r.PatronStatus
	}
	if r.Kind != "patron" && r.Kind != "" {
		return kindWords[r.Kind]
	}
	if r.PatronName == "" {
		return "not registered"
	}
	return ""
}

// Clock tells times in the zone of an office.
func (p *listPage) Clock() clock { return p.clock }

func (s *Server) list(v *visit) error {
	q := v.r.URL.Query()
	p := &listPage{Query: strings.TrimSpace(q.Get("q")), Kind: q.Get("kind"), Intent: q.Get("intent"), Label: q.Get("label"), Sort: store.ListSort(q.Get("sort")),
		Bulk: v.staff.Role.AtLeast(store.RoleStaff), MayShare: v.staff.Role.AtLeast(store.RoleSupervisor), Self: v.r.URL.RequestURI()}
	p.Assigned, _ = strconv.ParseInt(q.Get("assigned"), 10, 64)
	if err := s.readOwnPiles(v, p, q); err != nil {
		return err
	}
	if len(s.Offices) > 0 {
		p.clock = s.clock(v, s.Offices[0].Code)
	} else {
		p.clock = s.clock(v, "")
	}
	counts, err := s.counts(v)
	if err != nil {
		return err
	}
	p.Tabs = tabs(counts)
	name := q.Get("tab")
	switch i := slices.IndexFunc(p.Tabs, func(t tab) bool { return t.Name == name }); {
	case i >= 0:
		p.Tab = p.Tabs[i]
	case name == "" && p.Query != "":
		p.Tab = tab{Name: string(store.TabAll), Title: "Search", Empty: "Nothing was found. Words are looked for by their beginnings, in messages, titles and names; a number finds a request."}
	case name == "":
		p.Tab = p.Tabs[0]
	case name == string(store.TabQueue):
		at := slices.IndexFunc(p.Queues, func(k store.OfficeQueue) bool { return k.ID == p.QueueID })
		if at < 0 {
			return fmt.Errorf("the queue %q: %w", q.Get("queue"), store.ErrNotFound)
		}
		k := p.Queues[at]
		p.Tab = tab{name, k.Name, k.Waiting, false, "Nothing waits in this queue."}
	default:
		return badRequest("There is no pile called %q.", name)
	}
	switch p.Tab.Name {
	case tabKeptAside:
		p.KeptAside, err = s.DB.ListKeptAside(v.ctx(), 0, 200)
	case tabUndeliverable:
		p.Undeliverable, err = s.DB.ListUndeliverable(v.ctx(), 0, 200)
	default:
		err = s.fillList(v, p, q)
	}
	if err != nil {
		return err
	}
	if p.Troubles, err = s.DB.Health(v.ctx(), 0); err != nil {
		return err
	}
	// That ILLiad cannot be asked each page says.
	p.Troubles = slices.DeleteFunc(p.Troubles, func(h store.Health) bool { return h.OK || h.Part == store.HealthILLiad })
	return s.render(v, http.StatusOK, "list", "/", p)
}

// readOwnPiles reads which of the office's queues, which label, which order and
// which saved view an address shows.
func (s *Server) readOwnPiles(v *visit, p *listPage, q url.Values) error {
	own, err := s.ownPiles(v)
	if err != nil {
		return err
	}
	p.Queues = own.Queues
	switch text := q.Get("queue"); text {
	case "":
	case "none":
		p.QueueID = store.NoQueue
	default:
		if p.QueueID, err = strconv.ParseInt(text, 10, 64); err != nil || p.QueueID < 1 {
			return badRequest("There is no queue %q.", text)
		}
	}
	if !slices.ContainsFunc(sortChoices, func(c sortChoice) bool { return c.Value == p.Sort }) {
		return badRequest("There is no order %q.", p.Sort)
	}
	query := viewQuery(q)
	if !worthSaving(query) {
		return nil
	}
	p.ToSave = query.Encode()
	if at := slices.IndexFunc(own.Views, func(w view) bool { return w.Query == p.ToSave }); at >= 0 {
		p.View = &own.Views[at].SavedView
		p.MayView = p.View.StaffID == v.staff.ID || p.View.Shared && p.MayShare
	}
	return nil
}

func (s *Server) fillList(v *visit, p *listPage, q url.Values) error {
	f := store.ListFilter{Tab: store.ListTab(p.Tab.Name), StaffID: v.staff.ID, Kind: p.Kind, Intent: p.Intent,
		AssignedTo: p.Assigned, QueueID: p.QueueID, Label: p.Label, Sort: p.Sort, Query: p.Query, After: q.Get("after")}
	var err error
	if f.Hands, err = s.hands(v); err != nil {
		return err
	}
	got, err := s.DB.ListConversations(v.ctx(), f)
	if errors.Is(err, store.ErrBadCursor) {
		return badRequest("This place in the list does not exist; start from its first page.")
	}
	if err != nil {
		return err
	}
	p.words = searchWords(p.Query)
	var ids []int64
	for _, r := range got.Rows {
		ids = append(ids, r.ID)
	}
	present, err := s.DB.Present(v.ctx(), ids, v.staff.ID)
	if err != nil {
		return err
	}
	for _, r := range got.Rows {
		row := listRow{ListRow: r, clock: s.clock(v, r.Office), words: p.words}
		row.Away = standing(f.Hands, row.clock, r.AssignedTo, r.Assignee, v.staff.ID)
		for _, x := range present {
			if x.ConversationID == r.ID {
				row.Present = append(row.Present, x)
			}
		}
		p.Rows = append(p.Rows, row)
	}
	if got.Next != "" {
		p.Next = withQuery(q, "after", got.Next)
	}
	if f.After != "" {
		p.First = withQuery(q, "after", "")
	}
	if p.Query != "" && f.After == "" {
		if p.Requests, err = s.DB.SearchRequests(v.ctx(), 0, p.Query, 6); err != nil {
			return err
		}
	}
	if p.Intents, err = s.DB.ListIntents(v.ctx()); err != nil {
		return err
	}
	if p.Labels, err = s.DB.ListLabels(v.ctx()); err != nil {
		return err
	}
	if !p.ByChange() {
		p.Sorts = sortChoices
	}
	p.Kinds = []string{"patron", "partner", "vendor", "colleague", "bounce", "system", "auto_reply", "bulk"}
	p.People, err = s.people(v)
	return err
}

// withQuery is the list's address with one value changed, and without what an
// action left there.
func withQuery(q url.Values, key, value string) string {
	out := url.Values{}
	for k, vs := range q {
		if k != "done" {
			out[k] = vs
		}
	}
	if value == "" {
		out.Del(key)
	} else {
		out.Set(key, value)
	}
	return "/?" + out.Encode()
}

// withDone adds the line that follows an action to an address of ours.
func withDone(to, done string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "/"
	}
	q := u.Query()
	q.Set("done", done)
	u.RawQuery = q.Encode()
	return u.String()
}

// searchWords are the words of a search, in lower case.
func searchWords(q string) []string {
	return strings.FieldsFunc(strings.ToLower(q), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// mark escapes text and highlights each beginning of a word that was searched for.
func mark(text string, words []string) template.HTML {
	if len(words) == 0 {
		return template.HTML(template.HTMLEscapeString(text))
	}
	var b strings.Builder
	eachWord(text, func(part string, isWord bool) {
		if isWord {
			if n := prefixLen(part, words); n > 0 {
				b.WriteString("<mark>" + template.HTMLEscapeString(part[:n]) + "</mark>" + template.HTMLEscapeString(part[n:]))
				return
			}
		}
		b.WriteString(template.HTMLEscapeString(part))
	})
	return template.HTML(b.String())
}

// snippet is text on one line, from a little before the first hit.
func snippet(text string, words []string) string {
	line := strings.Join(strings.Fields(text), " ")
	if len(words) == 0 {
		return line
	}
	at, pos := -1, 0
	eachWord(line, func(part string, isWord bool) {
		if at < 0 && isWord && prefixLen(part, words) > 0 {
			at = pos
		}
		pos += len(part)
	})
	if at < 80 {
		return line
	}
	cut := strings.LastIndexByte(line[:at-40], ' ') + 1
	return "… " + line[cut:]
}

// eachWord calls f with the words of text and with what stands between them.
func eachWord(text string, f func(part string, isWord bool)) {
	start, inWord := 0, false
	for i, r := range text {
		w := unicode.IsLetter(r) || unicode.IsDigit(r)
		if w != inWord && i > start {
			f(text[start:i], inWord)
			start = i
		}
		inWord = w
	}
	if start < len(text) {
		f(text[start:], inWord)
	}
}

// prefixLen is how many bytes of word are the longest of words that begins it.
func prefixLen(word string, words []string) int {
	best := 0
	for _, w := range words {
		n := 0 // runes of w matched; lower-casing may change the length in bytes
		want := []rune(w)
		end := 0
		for i, r := range word {
			if n == len(want) || unicode.ToLower(r) != want[n] {
				break
			}
			n++
			end = i + len(string(r))
		}
		if n == len(want) && end > best {
			best = end
		}
	}
	return best
}
