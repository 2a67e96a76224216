package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// ListTab is one of the piles in which the triage list is looked at.
type ListTab string

// The tabs. Machine mail (of ILL systems, auto-replies, bulk) has a pile of its
// own and is in none of the others but done.
const (
	TabNeedsAnswer    ListTab = "needs_answer" // new or open
	TabMine           ListTab = "mine"         // assigned to the one who asks or to whom they stand in for, not done
	TabUnassigned     ListTab = "unassigned"   // new or open, of nobody who is there
	TabWaitingPatron  ListTab = "waiting_patron"
	TabWaitingPartner ListTab = "waiting_partner"
	TabSnoozed        ListTab = "snoozed"
	TabMachine        ListTab = "machine" // new or open machine mail
	TabQueue          ListTab = "queue"   // new or open, machine mail too: one of the office's own queues
	TabDone           ListTab = "done"
	TabAll            ListTab = "all" // every state: what a search looks through
)

const machineKinds = `('system', 'auto_reply', 'bulk')`

// tabWhere is the condition of each tab; @mine are the one who asks and those for
// whom they stand in, @nobodys those whose work nobody sees to. “Not done” is said
// each time, since the index queue_item_live covers just that.
var tabWhere = map[ListTab]string{
	TabNeedsAnswer:    `q.state <> 'done' AND q.state IN ('new', 'open') AND q.kind NOT IN ` + machineKinds,
	TabMine:           `q.state <> 'done' AND q.assigned_to = ANY (@mine)`,
	TabUnassigned:     `q.state <> 'done' AND q.state IN ('new', 'open') AND (q.assigned_to IS NULL OR q.assigned_to = ANY (@nobodys)) AND q.kind NOT IN ` + machineKinds,
	TabWaitingPatron:  `q.state <> 'done' AND q.state = 'waiting_patron'`,
	TabWaitingPartner: `q.state <> 'done' AND q.state = 'waiting_partner'`,
	TabSnoozed:        `q.state <> 'done' AND q.state = 'snoozed'`,
	TabMachine:        `q.state <> 'done' AND q.state IN ('new', 'open') AND q.kind IN ` + machineKinds,
	TabQueue:          `q.state <> 'done' AND q.state IN ('new', 'open') AND q.queue_id IS NOT NULL`,
	TabDone:           `q.state = 'done'`,
	TabAll:            `true`,
}

// ListSort is an order of the list.
type ListSort string

// The orders of what is not done. Done and searched ones are always by their
// last change, the newest first.
const (
	SortUrgent  ListSort = ""        // by the date an answer is wanted, then by who has waited longest
	SortWaiting ListSort = "waiting" // by who has waited longest
	SortNewest  ListSort = "newest"  // by who has waited least
)

// NoQueue is the value of ListFilter.QueueID for what is in none of the office's own queues.
const NoQueue = -1

// ListFilter says which conversations to list.
type ListFilter struct {
	OfficeID   int64 // 0: of all offices
	Tab        ListTab
	StaffID    int64 // the one who asks, for TabMine
	Hands      Hands // who is away today, for TabMine and TabUnassigned
	Kind       string
	Intent     string
	AssignedTo int64  // 0: of anybody
	QueueID    int64  // of the office's own queues; 0: in whatever queue; NoQueue: in none
	Label      string // "": under whatever label
	Sort       ListSort
	Query      string // words, a transaction number, an ILL number, a name or an address
	After      string // ListPage.Next of the page before; "" for the first
	Limit      int    // 0: 50
}

// ListPage is one page of the list.
type ListPage struct {
	Rows []ListRow
	Next string // for ListFilter.After; "" on the last page
}

// ListRow is a conversation as the list shows it.
type ListRow struct {
	ID             int64
	Office         string // code
	State          string
	Kind           string
	Intent         string
	IntentP        float32
	Subject        string
	Label          string
	Queue          string // of the office's own; "" for none
	Note           string
	WaitingSince   time.Time
	AnswerBy       Date
	SnoozedUntil   *time.Time
	UpdatedAt      time.Time
	AssignedTo     *int64
	Assignee       string // name; "" for nobody
	PatronName     string // "" where no patron is known
	PatronUsername string
	PatronStatus   string
	FromName       string // of the newest incoming message
	FromAddr       string
	ToAddr         string // to whom staff wrote first
	SenderVerified bool
	LastMessageID  *int64 // the last that a writer must have seen
	MessageID      string // of the newest incoming message, without angle brackets
	NewText        string // its beginning
	Attachments    int
	Messages       int // incoming and outgoing
	Transactions   []ListTransaction
	Candidates     int  // requests that are only offered
	ToApprove      bool // a draft waits for approval
}

// ListTransaction is a request on which a conversation is filed.
type ListTransaction struct {
	Number  int64  `json:"number"`
	Title   string `json:"title"`
	DueDate Date   `json:"due"`
	State   State  `json:"state"`
	Status  string `json:"status"`
}

// listColumns and listJoins are what a row shows. They are read of the rows of
// one page only, whatever plan Postgres makes for finding those.
const (
	listColumns = `
		SELECT q.conversation_id AS id, o.code AS office, q.state, q.kind, q.intent, q.intent_p, c.subject, q.label, coalesce(k.name, '') AS queue, q.note,
			q.waiting_since, q.answer_by, q.snoozed_until, q.updated_at, q.assigned_to, q.last_message_id,
			coalesce(nullif(s.full_name, ''), s.username, '') AS assignee,
			coalesce(trim(p.first_name || ' ' || p.last_name), '') AS patron_name, coalesce(p.username, '') AS patron_username,
			coalesce(p.patron_status, '') AS patron_status,
			coalesce(m.from_name, '') AS from_name, coalesce(m.from_addr, '') AS from_addr, c.to_addr,
			coalesce(m.sender_verified, false) AS sender_verified, coalesce(m.message_id, '') AS message_id,
			coalesce(left(m.new_text, 400), '') AS new_text, coalesce(jsonb_array_length(m.attachments), 0) AS attachments,
			(SELECT count(*) FROM message x WHERE x.conversation_id = q.conversation_id) AS messages,
			coalesce(t.list, '[]') AS transactions, coalesce(t.candidates, 0) AS candidates,
			EXISTS (SELECT FROM draft d WHERE d.conversation_id = q.conversation_id AND d.wants_approval) AS to_approve`
	listJoins = `
		JOIN conversation c ON c.id = q.conversation_id
		JOIN office o ON o.id = q.office_id
		LEFT JOIN staff s ON s.id = q.assigned_to
		LEFT JOIN office_queue k ON k.id = q.queue_id
		LEFT JOIN patron p ON p.id = c.patron_id
		LEFT JOIN LATERAL (
			SELECT * FROM message i WHERE i.conversation_id = q.conversation_id AND i.direction = 'in'
			ORDER BY i.internal_date DESC, i.id DESC LIMIT 1) m ON true
		LEFT JOIN LATERAL (
			SELECT jsonb_agg(jsonb_build_object('number', d.transaction_number, 'due', d.due_date, 'state', d.state, 'status', d.status,
			           'title', coalesce(nullif(d.article_title, ''), d.title)) ORDER BY d.last DESC, d.transaction_number) FILTER (WHERE d.decided) AS list,
			       count(*) FILTER (WHERE NOT d.decided) AS candidates
			FROM (SELECT tr.transaction_number, tr.due_date, tr.state, tr.status, tr.title, tr.article_title,
			             bool_or(f.decided) AS decided, max(f.message_id) AS last
			      FROM (SELECT mm.transaction_id, mm.decided, mm.message_id FROM message x JOIN message_match mm ON mm.message_id = x.id WHERE x.conversation_id = q.conversation_id
			            UNION ALL SELECT r.transaction_id, true, 0 FROM conversation_request r WHERE r.conversation_id = q.conversation_id) f
			      JOIN transaction tr ON tr.id = f.transaction_id GROUP BY tr.id) d) t ON true`
)

// ListConversations returns a page of the triage list. A page costs the same
// however far down it is.
func (db *DB) ListConversations(ctx context.Context, f ListFilter) (ListPage, error) {
	where, ok := tabWhere[f.Tab]
	if !ok {
		return ListPage{}, fmt.Errorf("%q is no pile of the list", f.Tab)
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	order, ok := listOrders[f.Sort]
	if !ok {
		return ListPage{}, fmt.Errorf("%q is no order of the list", f.Sort)
	}
	byChange := f.Tab == TabDone || f.Tab == TabAll
	if byChange {
		order = orderChanged
	}
	args := pgx.NamedArgs{"mine": append(f.Hands.CoveredBy(f.StaffID), f.StaffID), "nobodys": orEmpty(f.Hands.Nobodys()), "office": f.OfficeID, "kind": f.Kind, "intent": f.Intent,
		"assigned": f.AssignedTo, "queue": f.QueueID, "label": f.Label, "limit": f.Limit + 1}
	var sql strings.Builder
	if f.Query != "" {
		with, ok := searchHits(f.Query, args)
		if !ok {
			return ListPage{}, nil
		}
		sql.WriteString(with)
	}
	sql.WriteString(listColumns + ` FROM (SELECT * FROM queue_item q WHERE `)
	sql.WriteString(where + ` AND (@office = 0 OR q.office_id = @office)`)
	if f.Kind != "" {
		sql.WriteString(` AND q.kind = @kind`)
	}
	if f.Intent != "" {
		sql.WriteString(` AND q.intent = @intent`)
	}
	if f.AssignedTo != 0 {
		sql.WriteString(` AND q.assigned_to = @assigned`)
	}
	switch {
	case f.QueueID == NoQueue:
		sql.WriteString(` AND q.queue_id IS NULL`)
	case f.QueueID != 0:
		sql.WriteString(` AND q.queue_id = @queue`)
	}
	if f.Label != "" {
		sql.WriteString(` AND q.label = @label`)
	}
	if f.Query != "" {
		sql.WriteString(` AND q.conversation_id IN (SELECT conversation_id FROM hit)`)
	}
	if f.After != "" {
		by, at, id, err := readCursor(f.After)
		if err != nil {
			return ListPage{}, err
		}
		args["by"], args["at"], args["id"] = by, at, id
		sql.WriteString(order.after)
	}
	sql.WriteString(order.by + ` LIMIT @limit) q ` + listJoins + order.by)
	rows, _ := db.pool.Query(ctx, sql.String(), args)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[ListRow])
	if err != nil {
		return ListPage{}, fmt.Errorf("listing conversations: %w", err)
	}
	page := ListPage{Rows: list}
	if len(list) > f.Limit {
		page.Rows = list[:f.Limit]
		last := page.Rows[f.Limit-1]
		at := last.WaitingSince
		if byChange {
			at = last.UpdatedAt
		}
		page.Next = writeCursor(last.AnswerBy, at, last.ID)
	}
	return page, nil
}

// listOrder is an order of the list: what stands after a place in it, and how
// the rows are sorted. Each has an index, so that every page costs the same.
type listOrder struct{ after, by string }

var listOrders = map[ListSort]listOrder{
	SortUrgent: {` AND (coalesce(q.answer_by, 'infinity'::date), q.waiting_since, q.conversation_id) > (coalesce(@by::date, 'infinity'::date), @at, @id)`,
		` ORDER BY coalesce(q.answer_by, 'infinity'::date), q.waiting_since, q.conversation_id`},
	SortWaiting: {` AND (q.waiting_since, q.conversation_id) > (@at, @id)`, ` ORDER BY q.waiting_since, q.conversation_id`},
	SortNewest:  {` AND (q.waiting_since, q.conversation_id) < (@at, @id)`, ` ORDER BY q.waiting_since DESC, q.conversation_id DESC`},
}

var orderChanged = listOrder{` AND (q.updated_at, q.conversation_id) < (@at, @id)`, ` ORDER BY q.updated_at DESC, q.conversation_id DESC`}

// ErrBadCursor says that ListFilter.After is nothing that ListPage.Next gave.
var ErrBadCursor = errors.New("not a place in the list")

// A cursor is the sort key of the last row shown: "answer-by_microseconds_id".
func writeCursor(by Date, at time.Time, id int64) string {
	return by.String() + "_" + strconv.FormatInt(at.UnixMicro(), 10) + "_" + strconv.FormatInt(id, 10)
}

func readCursor(s string) (by Date, at time.Time, id int64, err error) {
	parts := strings.Split(s, "_")
	if len(parts) != 3 {
		return by, at, 0, fmt.Errorf("reading %q: %w", s, ErrBadCursor)
	}
	by, err = ParseDate(parts[0])
	micro, err1 := strconv.ParseInt(parts[1], 10, 64)
	id, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || err1 != nil || err2 != nil {
		return by, at, 0, fmt.Errorf("reading %q: %w", s, ErrBadCursor)
	}
	return by, time.UnixMicro(micro), id, nil
}

// TabCounts is how many conversations each tab holds.
type TabCounts struct {
	NeedsAnswer, Mine, Unassigned, WaitingPatron, WaitingPartner, Snoozed, Machine int
	KeptAside                                                                      int // messages that could not be filed
	Undeliverable                                                                  int // patrons whose address does not take mail
	Uncertain                                                                      int // mails of which nobody knows whether they went
	NotWritten                                                                     int // write-backs to the ILL system that wait for staff
}

// CountTabs counts what the tabs hold, for the one who asks; h is in whose hands
// work is today.
func (db *DB) CountTabs(ctx context.Context, officeID, staffID int64, h Hands) (TabCounts, error) {
	rows, _ := db.pool.Query(ctx, `
		SELECT count(*) FILTER (WHERE state IN ('new', 'open') AND kind NOT IN `+machineKinds+`) AS needs_answer,
		       count(*) FILTER (WHERE assigned_to = ANY ($2)) AS mine,
		       count(*) FILTER (WHERE state IN ('new', 'open') AND (assigned_to IS NULL OR assigned_to = ANY ($3)) AND kind NOT IN `+machineKinds+`) AS unassigned,
		       count(*) FILTER (WHERE state = 'waiting_patron') AS waiting_patron,
		       count(*) FILTER (WHERE state = 'waiting_partner') AS waiting_partner,
		       count(*) FILTER (WHERE state = 'snoozed') AS snoozed,
		       count(*) FILTER (WHERE state IN ('new', 'open') AND kind IN `+machineKinds+`) AS machine,
		       (SELECT count(*) FROM message m WHERE m.state = 'kept_aside' AND ($1 = 0 OR m.office_id = $1)) AS kept_aside,
		       (SELECT count(*) FROM patron p WHERE p.undeliverable_at IS NOT NULL AND ($1 = 0 OR p.office_id = $1)) AS undeliverable,
		       (SELECT count(*) FROM outbox x WHERE x.state = 'uncertain' AND ($1 = 0 OR x.office_id = $1)) AS uncertain,
		       (SELECT count(*) FROM writeback w WHERE w.state IN ('failed', 'uncertain') AND ($1 = 0 OR w.office_id = $1)) AS not_written
		FROM queue_item WHERE state <> 'done' AND ($1 = 0 OR office_id = $1)`, officeID, append(h.CoveredBy(staffID), staffID), orEmpty(h.Nobodys()))
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[TabCounts])
	if err != nil {
		return c, fmt.Errorf("counting the list: %w", err)
	}
	return c, nil
}

// ListIntents returns the intents that conversations which are not done have.
func (db *DB) ListIntents(ctx context.Context) ([]string, error) {
	rows, _ := db.pool.Query(ctx, `SELECT DISTINCT intent FROM queue_item WHERE state <> 'done' AND intent <> '' ORDER BY intent`)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// LabelCount is a label and how many conversations that are not done have it.
type LabelCount struct {
	Label string
	Count int
}

// ListLabels returns the labels of conversations that are not done, by name.
func (db *DB) ListLabels(ctx context.Context) ([]LabelCount, error) {
	rows, _ := db.pool.Query(ctx, `SELECT label, count(*) AS count FROM queue_item WHERE state <> 'done' AND label <> '' GROUP BY label ORDER BY lower(label), label LIMIT 200`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[LabelCount])
	if err != nil {
		return nil, fmt.Errorf("listing the labels: %w", err)
	}
	return list, nil
}

// searchHits returns a WITH clause that names the conversations in which the
// query is found, newest first and bounded; false where the query has no word.
func searchHits(query string, args pgx.NamedArgs) (string, bool) {
	ts, words := prefixQuery(query)
	if len(words) == 0 {
		return "", false
	}
	args["ts"] = ts
	args["number"], args["ill"] = searchNumber(query)
	args["name"] = likePrefix(words[len(words)-1])
	args["q"] = likePrefix(strings.ToLower(strings.TrimSpace(query)))
	return `WITH patrons AS (
			SELECT id FROM patron WHERE (@office = 0 OR office_id = @office)
			  AND (lower(username) LIKE @q OR lower(email) LIKE @q OR lower(first_name || ' ' || last_name) LIKE @q OR lower(last_name) LIKE @q
			       OR (lower(last_name) LIKE @name AND to_tsvector('simple', first_name || ' ' || last_name) @@ to_tsquery('simple', @ts)))
			LIMIT 200),
		requests AS (
			SELECT id FROM transaction WHERE (@office = 0 OR office_id = @office) AND (transaction_number = @number OR (@ill <> '' AND ill_number = @ill))
			UNION ALL
			(SELECT id FROM transaction WHERE search @@ to_tsquery('simple', @ts) AND (@office = 0 OR office_id = @office) ORDER BY id DESC LIMIT 300)),
		hit AS (
			(SELECT conversation_id FROM message WHERE search @@ to_tsquery('simple', @ts) AND conversation_id IS NOT NULL ORDER BY id DESC LIMIT 1000)
			UNION
			SELECT id FROM conversation WHERE patron_id IN (SELECT id FROM patrons)
			UNION
			SELECT m.conversation_id FROM message_match mm JOIN message m ON m.id = mm.message_id
			WHERE mm.transaction_id IN (SELECT id FROM requests) AND mm.decided AND m.conversation_id IS NOT NULL
			UNION
			SELECT conversation_id FROM conversation_request WHERE transaction_id IN (SELECT id FROM requests)
		) `, true
}

// prefixQuery makes a tsquery in which every word must begin a word of the
// text; words come back in lower case.
func prefixQuery(q string) (ts string, words []string) {
	words = strings.FieldsFunc(strings.ToLower(q), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) > 12 {
		words = words[:12]
	}
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = w + ":*"
	}
	return strings.Join(parts, " & "), words
}

// searchNumber returns what of the query may be a transaction number and what an ILL number.
func searchNumber(q string) (number int64, ill string) {
	q = strings.TrimSpace(q)
	if strings.ContainsAny(q, " \t") {
		return 0, ""
	}
	number, _ = strconv.ParseInt(strings.TrimLeft(strings.TrimPrefix(strings.ToUpper(q), "TN"), "#: "), 10, 64)
	return number, q
}

// likePrefix is the LIKE pattern of what begins with s.
func likePrefix(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}

// SearchRequests returns requests that a query names by number or by words of
// the title, newest first: also those about which nobody wrote.
func (db *DB) SearchRequests(ctx context.Context, officeID int64, query string, limit int) ([]TransactionRef, error) {
	ts, words := prefixQuery(query)
	if len(words) == 0 {
		return nil, nil
	}
	number, ill := searchNumber(query)
	rows, _ := db.pool.Query(ctx, transactionRef+`
		WHERE t.id IN (SELECT id FROM transaction WHERE transaction_number = $2 OR ($3 <> '' AND ill_number = $3)
		               UNION ALL (SELECT id FROM transaction WHERE search @@ to_tsquery('simple', $1) ORDER BY id DESC LIMIT 100))
		  AND ($4 = 0 OR t.office_id = $4)
		ORDER BY (t.transaction_number = $2) DESC, t.transaction_number DESC LIMIT $5`, ts, number, ill, officeID, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[TransactionRef])
	if err != nil {
		return nil, fmt.Errorf("searching requests: %w", err)
	}
	return list, nil
}

// TransactionRef is a request in a list, with its office and patron.
type TransactionRef struct {
	ID                int64
	Office            string // code
	TransactionNumber int64
	Title             string
	RequestType       string
	State             State
	Status            string
	DueDate           Date
	PatronName        string
	PatronUsername    string
}

const transactionRef = `
	SELECT t.id, o.code AS office, t.transaction_number, coalesce(nullif(t.article_title, ''), t.title) AS title, t.request_type,
	       t.state, t.status, t.due_date, trim(p.first_name || ' ' || p.last_name) AS patron_name, p.username AS patron_username
	FROM transaction t JOIN office o ON o.id = t.office_id JOIN patron p ON p.id = t.patron_id `
