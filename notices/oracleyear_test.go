package notices

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"illmail/store"
	"illmail/store/storetest"
)

var everyDay = flag.Bool("oracle.everyday", false, "compare the plan of every day with the oracle through the database, not of some")

// newOracle makes an office's year: holidays, and requests of all sorts.
func newOracle(seed uint64, requests, patrons int) *oracle {
	o := &oracle{loc: newYork, closed: map[string]bool{}, ends: map[string]string{}, overdue: []int{1, 7, 14, 28}, every: 21, soon: []int{7, 3}, delay: []int{7, 14}, maxAge: 7,
		pickup: []int{0, 5}, keep: 8, delivery: []int{0, 25}, readable: 30, inTransit: []int{5, 15}, stuck: []int{3, 8}, claim: []int{0, 10}, leaving: []int{14, 3}}
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
	for i := range patrons {
		if rng.IntN(2) == 0 {
			o.ends[fmt.Sprintf("patron%d", i)] = somewhen()
		}
	}
	statuses := []string{"on_loan", "on_loan", "on_loan", "in_hands", "sent", "sent", "cancelled_staff", "cancelled_patron", "open", "finished", "returned", "on_shelf", "delivered", "in_transit", "claims_returned"}
	reasons := []string{"No lenders found", "Duplicate", "Customer's request", "", "Available online", "A reason of our own"}
	for i := range requests {
		r := oracleRequest{tn: int64(400000 + i), patron: fmt.Sprintf("patron%d", rng.IntN(patrons)), status: statuses[rng.IntN(len(statuses))], moved: somewhen(), process: "Borrowing"}
		says := []string{"recall", "lender_overdue"}
		switch r.status {
		case "on_loan", "in_hands":
			r.due = somewhen()
		case "cancelled_staff":
			r.reason = reasons[rng.IntN(len(reasons))]
		case "sent", "in_transit", "delivered":
			says = []string{"lender_shipped"}
		}
		r.paper = r.status == "delivered" && rng.IntN(5) == 0
		for range 2 {
			if rng.IntN(12) == 0 {
				r.mails = append(r.mails, oracleMail{says[rng.IntN(len(says))], o.noon(r.moved).AddDate(0, 0, rng.IntN(60)-5).Format(time.DateOnly)})
			}
		}
		slices.SortFunc(r.mails, func(a, b oracleMail) int { return strings.Compare(a.on, b.on) })
		if len(r.mails) == 2 && r.mails[0].on == r.mails[1].on { // which of the two counts nobody says
			r.mails = r.mails[:1]
		}
		if rng.IntN(15) == 0 {
			r.missed = somewhen()
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
	r.OverdueDays, r.OverdueEveryDays, r.DueSoonDays, r.DelayDays, r.CancellationMaxAgeDays = o.overdue, o.every, o.soon, o.delay, o.maxAge
	r.PickupDays, r.PickupKeepDays, r.DeliveryDays, r.DeliveryKeepDays = o.pickup, o.keep, o.delivery, o.readable
	r.InTransitDays, r.ClaimDays, r.LeavingDays = o.inTransit, o.claim, o.leaving
	r.Own = []Rule{{Name: "stuck on the way", Kind: store.KindInTransit, States: []string{"in_transit"}, Days: o.stuck, OpenDays: true}}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (o *oracle) rows() []store.ImportRow {
	rows := make([]store.ImportRow, len(o.requests))
	for i, r := range o.requests {
		rows[i] = store.ImportRow{Patron: store.Patron{Username: r.patron, FirstName: r.patron, Email: r.patron + "@example.edu", AccountEnds: day(o.ends[r.patron])},
			Transaction: store.Transaction{TransactionNumber: r.tn, State: store.State(r.status), Status: r.status, ProcessType: r.process,
				Title: "A Book", CancelReason: r.reason, StatusDate: day(r.moved), DueDate: day(r.due), PrintOnly: r.paper}}
	}
	return rows
}

// facts are what the decisions rest on, made without a database.
func (o *oracle) facts() []store.NoticeFacts {
	rows := o.rows()
	facts := make([]store.NoticeFacts, len(rows))
	for i, r := range o.requests {
		f := &facts[i]
		f.Transaction, f.Patron = rows[i].Transaction, rows[i].Patron
		for _, m := range slices.Backward(r.mails) {
			f.Lender = append(f.Lender, store.LenderMail{Intent: m.says, At: afternoon(m.on), Waits: true})
		}
		if r.missed != "" {
			f.NotFound = afternoon(r.missed)
		}
	}
	return facts
}

// store puts the year into the database of w, whose address is url: what came
// by mail and what staff recorded is stored by today's clock, and is dated back.
func (o *oracle) store(t *testing.T, w *world, url string) {
	w.load(o.rows()...)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	b := &pgx.Batch{}
	var mails []filed
	for _, r := range o.requests {
		for _, m := range r.mails {
			mails = append(mails, filed{r.tn, "partner", "circulation@lender.example.net", "", m.says, afternoon(m.on), store.Date{}})
		}
		if r.paper {
			b.Queue(`UPDATE transaction SET print_only = true WHERE transaction_number = $1`, r.tn)
		}
		if r.missed != "" {
			b.Queue(`INSERT INTO claim_outcome (office_id, transaction_id, outcome, staff, at) SELECT office_id, id, 'not_found', 'jane', $2 FROM transaction WHERE transaction_number = $1`, r.tn, afternoon(r.missed))
		}
	}
	w.fileAll(mails)
	b.Queue(`UPDATE message SET stored_at = internal_date`)
	b.Queue(`ANALYZE`)
	if err := conn.SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
}

// The plan of every day of a year over 5,000 requests is what the oracle says,
// with all that is held and skipped. Deciding runs over all of it; the whole
// way through the database, with its bands of dates, runs on the days around
// holidays, clock changes and ends of months, and on others by turns.
func TestPlanEqualsOracle(t *testing.T) {
	o := newOracle(7, 5000, 900)
	want := o.expect("2026-01-01", "2026-12-31")
	rules, facts := o.rules(t), o.facts()
	url := storetest.URL(t)
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := newWorld(t, t.Context(), db, "healey", rules)
	o.store(t, w, url)
	kinds := map[string]int{}
	for d := day("2026-01-01"); !d.After(day("2026-12-31")); d = d.AddDays(1) {
		if got := decideAll(d, rules, facts); got != want[d.String()] {
			t.Fatalf("on %s decided\n%s\nbut the oracle says\n%s", d, diff(got, want[d.String()]), diff(want[d.String()], got))
		}
		if !oracleDay(d, rules) {
			continue
		}
		lines := w.plan(d.String(), Options{})
		for _, l := range lines {
			kinds[fmt.Sprintf("%s %s", l.Kind, l.Decision)]++
		}
		if got := lineup(lines); got != want[d.String()] {
			t.Fatalf("on %s planned\n%s\nbut the oracle says\n%s", d, diff(got, want[d.String()]), diff(want[d.String()], got))
		}
	}
	for _, kind := range noticeKinds {
		then := Send
		if kind == store.KindRecall {
			then = Hold
		}
		if n := kinds[fmt.Sprintf("%s %s", kind, then)]; n < 50 {
			t.Errorf("the year is too quiet: %d mails of kind %s compared", n, kind)
		}
	}
	if len(want) < 365 {
		t.Errorf("the year is too quiet: something is due on %d days", len(want))
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
		tn := facts[i].Transaction.TransactionNumber
		for _, d := range Decide(Day{Date: on}, rules, &facts[i]) {
			if d.State == store.NoticePassed {
				continue
			}
			if d.Action != Send {
				lines = append(lines, PlanLine{Kind: d.Kind, Rung: d.Rung, Decision: d.Action, Transactions: []int64{tn}})
				continue
			}
			m := mail{d.Kind, facts[i].Patron.Username}
			n, ok := at[m]
			if !ok {
				n = len(lines)
				at[m] = n
				lines = append(lines, PlanLine{Kind: d.Kind, Decision: Send})
				if d.Confirm != "" {
					lines[n].Decision = Hold
				}
			}
			lines[n].Rung = max(lines[n].Rung, d.Rung)
			lines[n].Transactions = append(lines[n].Transactions, tn)
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
