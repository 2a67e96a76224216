package notices

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

var everyDay = flag.Bool("oracle.everyday", false, "compare the plan of every day with the oracle through the database, not of some")

// The oracle computes what is due from the words of the contract, by walking
// days one at a time as noons in the office's zone. It shares no code with the
// planner: no store.Date, no Calendar, no ladder.

type oracle struct {
	loc      *time.Location
	closed   map[string]bool // "2026-11-26"
	overdue  []int
	soon     []int
	delay    []int
	maxAge   int
	requests []oracleRequest
}

type oracleRequest struct {
	tn         int64
	patron     string
	status     string // on_loan, in_hands, sent, cancelled_staff, …
	due, moved string
	process    string
	reason     string
}

func (o *oracle) noon(day string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly+" 15:04", day+" 12:00", o.loc)
	if err != nil {
		panic(err)
	}
	return t
}

func (o *oracle) open(t time.Time) bool {
	wd := t.Weekday()
	return wd != time.Saturday && wd != time.Sunday && !o.closed[t.Format(time.DateOnly)]
}

func next(t time.Time) time.Time { return t.AddDate(0, 0, 1) }

// daysFrom counts calendar days by walking.
func daysFrom(a, b time.Time) int {
	n := 0
	for ; a.Before(b); a = next(a) {
		n++
	}
	return n
}

// due returns, for each kind, the days on which its rungs fall due, and the
// last day on which the kind can still go.
func (o *oracle) due(r oracleRequest) (kind string, days []time.Time, last time.Time) {
	if r.process != "Borrowing" {
		return "", nil, last
	}
	forever := o.noon("2099-01-01")
	switch r.status {
	case "sent":
		count, at := 0, o.noon(r.moved)
		for _, n := range o.delay {
			for count < n {
				at = next(at)
				if o.open(at) {
					count++
				}
			}
			days = append(days, at)
		}
		return "delay", days, forever
	case "cancelled_staff":
		if r.reason == "Duplicate" || r.reason == "Customer's request" || r.reason == "" {
			return "", nil, last
		}
		first := o.noon(r.moved)
		for !o.open(first) {
			first = next(first)
		}
		last = o.noon(r.moved)
		for count := 0; ; {
			t := next(last)
			if o.open(t) {
				if count++; count > o.maxAge {
					break
				}
			}
			last = t
		}
		return "cancellation", []time.Time{first}, last
	}
	return "", nil, last
}

func (o *oracle) overdueDays(r oracleRequest) (days []time.Time) {
	counted := o.noon(r.due)
	for !o.open(counted) {
		counted = next(counted)
	}
	for _, n := range o.overdue {
		t := counted
		for daysFrom(counted, t) < n || !o.open(t) {
			t = next(t)
		}
		days = append(days, t)
	}
	return days
}

func (o *oracle) soonDays(r oracleRequest) (days []time.Time) {
	due := o.noon(r.due)
	for _, n := range o.soon {
		first := due.AddDate(0, 0, -n)
		t := first
		for !t.After(due) && !o.open(t) {
			t = next(t)
		}
		if t.After(due) { // no open day in the window
			for t = first.AddDate(0, 0, -1); !o.open(t); t = t.AddDate(0, 0, -1) {
			}
		}
		days = append(days, t)
	}
	return days
}

// expect says for each day from the first to the last what goes, if nothing
// went before: "overdue 1 send 11+12; …" by day.
func (o *oracle) expect(from, to string) map[string]string {
	type mail struct{ kind, patron string }
	type content struct {
		rung int
		tns  []int64
	}
	out := map[string]map[mail]*content{}
	add := func(on time.Time, kind string, r oracleRequest, rung int) {
		d := on.Format(time.DateOnly)
		if out[d] == nil {
			out[d] = map[mail]*content{}
		}
		m := mail{kind, r.patron}
		if out[d][m] == nil {
			out[d][m] = &content{}
		}
		c := out[d][m]
		c.rung = max(c.rung, rung)
		c.tns = append(c.tns, r.tn)
	}
	end := o.noon(to)
	// ladder adds the highest rung that is due on each open day.
	ladder := func(kind string, r oracleRequest, days []time.Time, last time.Time) {
		if len(days) == 0 {
			return
		}
		t := o.noon(from)
		if days[0].After(t) {
			t = days[0]
		}
		for ; !t.After(end) && !t.After(last); t = next(t) {
			rung := 0
			for k, d := range days {
				if !d.After(t) {
					rung = k + 1
				}
			}
			if o.open(t) && rung > 0 {
				add(t, kind, r, rung)
			}
		}
	}
	for _, r := range o.requests {
		if kind, days, last := o.due(r); kind != "" {
			ladder(kind, r, days, last)
		}
		if r.status == "on_loan" && r.process == "Borrowing" {
			ladder("overdue", r, o.overdueDays(r), o.noon("2099-01-01"))
			ladder("due_soon", r, o.soonDays(r), o.noon(r.due))
		}
	}
	text := map[string]string{}
	for d, ms := range out {
		var parts []string
		for m, c := range ms {
			slices.Sort(c.tns)
			tns := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.tns), " ", "+"), "[]")
			parts = append(parts, fmt.Sprintf("%s %d send %s", m.kind, c.rung, tns))
		}
		sort.Strings(parts)
		text[d] = strings.Join(parts, "; ")
	}
	return text
}

// newOracle makes an office's year: holidays, and requests of all sorts.
func newOracle(seed uint64, requests, patrons int) *oracle {
	o := &oracle{loc: newYork, closed: map[string]bool{}, overdue: []int{1, 7, 14, 28}, soon: []int{7, 3}, delay: []int{7, 14}, maxAge: 7}
	for _, d := range holidays {
		from, to, _ := strings.Cut(d, "..")
		if to == "" {
			to = from
		}
		for t := o.noon(from); !t.After(o.noon(to)); t = next(t) {
			o.closed[t.Format(time.DateOnly)] = true
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	start := o.noon("2025-11-01")
	somewhen := func() string { return start.AddDate(0, 0, rng.IntN(440)).Format(time.DateOnly) }
	statuses := []string{"on_loan", "on_loan", "on_loan", "in_hands", "sent", "sent", "cancelled_staff", "cancelled_patron", "open", "finished", "returned", "on_shelf"}
	reasons := []string{"No lenders found", "Duplicate", "Customer's request", "", "Available online", "A reason of our own"}
	for i := range requests {
		r := oracleRequest{tn: int64(400000 + i), patron: fmt.Sprintf("patron%d", rng.IntN(patrons)), status: statuses[rng.IntN(len(statuses))], moved: somewhen(), process: "Borrowing"}
		switch r.status {
		case "on_loan", "in_hands":
			r.due = somewhen()
		case "cancelled_staff":
			r.reason = reasons[rng.IntN(len(reasons))]
		}
		if rng.IntN(20) == 0 {
			r.process = "Lending"
		}
		o.requests = append(o.requests, r)
	}
	return o
}

var holidays = []string{"2026-01-01", "2026-01-19", "2026-02-16", "2026-03-14..2026-03-22", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07",
	"2026-10-12", "2026-11-11", "2026-11-25..2026-11-29", "2026-12-19..2027-01-03"}

func (o *oracle) rules(t testing.TB) *Rules {
	r := testRules(t, holidays...)
	r.OverdueDays, r.DueSoonDays, r.DelayDays, r.CancellationMaxAgeDays = o.overdue, o.soon, o.delay, o.maxAge
	return r
}

func (o *oracle) rows() []store.ImportRow {
	rows := make([]store.ImportRow, len(o.requests))
	for i, r := range o.requests {
		rows[i] = store.ImportRow{Patron: store.Patron{Username: r.patron, FirstName: r.patron, Email: r.patron + "@example.edu"},
			Transaction: store.Transaction{TransactionNumber: r.tn, State: store.State(r.status), Status: r.status, ProcessType: r.process,
				Title: "A Book", CancelReason: r.reason, StatusDate: day(r.moved)}}
		if r.due != "" {
			rows[i].Transaction.DueDate = day(r.due)
		}
	}
	return rows
}

// The plan of every day of a year over 5,000 requests is what the oracle says.
// Deciding runs over all of it; the whole way through the database, with its
// bands of dates, runs on the days around holidays, clock changes and ends of
// months, and on others by turns.
func TestPlanEqualsOracle(t *testing.T) {
	o := newOracle(7, 5000, 900)
	want := o.expect("2026-01-01", "2026-12-31")
	rules := o.rules(t)
	rows := o.rows()
	facts := make([]store.NoticeFacts, len(rows))
	for i, r := range rows {
		facts[i] = store.NoticeFacts{Transaction: r.Transaction, Patron: r.Patron}
	}
	w := newWorld(t, t.Context(), storetest.New(t), "healey", rules)
	w.load(rows...)
	sends := 0
	for d := day("2026-01-01"); !d.After(day("2026-12-31")); d = d.AddDays(1) {
		if got := decideAll(d, rules, facts); got != want[d.String()] {
			t.Fatalf("on %s decided\n%s\nbut the oracle says\n%s", d, diff(got, want[d.String()]), diff(want[d.String()], got))
		}
		if !oracleDay(d, rules) {
			continue
		}
		var lines []PlanLine
		for _, l := range w.plan(d.String(), Options{}) {
			if l.Decision == Send {
				lines = append(lines, l)
				sends++
			}
		}
		if got := lineup(lines); got != want[d.String()] {
			t.Fatalf("on %s planned\n%s\nbut the oracle says\n%s", d, diff(got, want[d.String()]), diff(want[d.String()], got))
		}
	}
	if len(want) < 200 || sends < 5000 {
		t.Errorf("the year is too quiet: letters on %d days, %d mails compared", len(want), sends)
	}
}

// oracleDay reports whether the day is compared through the database as well.
func oracleDay(d store.Date, rules *Rules) bool {
	if *everyDay {
		return true
	}
	near := rules.Calendar.IsOpen(d) && !rules.Calendar.IsOpen(d.AddDays(1)) && d.Weekday() != time.Friday // before a holiday
	return near || d.String() == "2026-03-09" || d.String() == "2026-11-02" || d.Sub(day("2026-01-01"))%19 == 0
}

// decideAll groups what Decide says into mails and writes them as the oracle does.
func decideAll(on store.Date, rules *Rules, facts []store.NoticeFacts) string {
	type mail struct {
		kind   store.NoticeKind
		patron string
	}
	at := map[mail]int{}
	var lines []PlanLine
	for i := range facts {
		for _, d := range Decide(Day{Date: on}, rules, &facts[i]) {
			if d.Action != Send {
				continue
			}
			m := mail{d.Kind, facts[i].Patron.Username}
			n, ok := at[m]
			if !ok {
				n = len(lines)
				at[m] = n
				lines = append(lines, PlanLine{Kind: d.Kind, Decision: Send})
			}
			lines[n].Rung = max(lines[n].Rung, d.Rung)
			lines[n].Transactions = append(lines[n].Transactions, facts[i].Transaction.TransactionNumber)
		}
	}
	return lineup(lines)
}

// diff returns what of a is not in b.
func diff(a, b string) string {
	theirs := strings.Split(b, "; ")
	var only []string
	for _, s := range strings.Split(a, "; ") {
		if !slices.Contains(theirs, s) {
			only = append(only, s)
		}
	}
	return strings.Join(only, "; ")
}
