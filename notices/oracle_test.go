package notices

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// The oracle computes what is due from the words of the contract and of
// docs/configuration.md, by walking days one at a time as noons in the office's
// zone. It shares no code with the planner: no store.Date, no Calendar, no ladder.

type oracle struct {
	loc    *time.Location
	closed map[string]bool // "2026-11-26"

	overdue, soon, delay, pickup, delivery, inTransit, claim, leaving []int

	every    int   // days between overdue letters after the last rung
	stuck    []int // of the office's rule for what is in transit by its status
	maxAge   int
	keep     int               // open days on the hold shelf
	readable int               // days that a copy can be read
	ends     map[string]string // by patron: when the account ends
	requests []oracleRequest
}

type oracleRequest struct {
	tn         int64
	patron     string
	status     string // on_loan, in_hands, sent, cancelled_staff, …
	due, moved string
	process    string
	reason     string
	mails      []oracleMail // of the lender, in the order of time
	missed     string       // the day on which staff looked for it in vain
	paper      bool         // may be delivered on paper only
}

type oracleMail struct {
	says string // recall, lender_overdue, lender_shipped
	on   string
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

// openDaysAfter is the open day on which so many open days have passed since
// that day, which is not counted; for none the first open day from it on.
func (o *oracle) openDaysAfter(t time.Time, n int) time.Time {
	for ; n == 0 && !o.open(t); t = next(t) {
	}
	for n > 0 {
		if t = next(t); o.open(t) {
			n--
		}
	}
	return t
}

func (o *oracle) allOpenDaysAfter(t time.Time, counts []int) (days []time.Time) {
	for _, n := range counts {
		days = append(days, o.openDaysAfter(t, n))
	}
	return days
}

// lastWithin is the last day up to which no more than so many open days have
// passed since that one.
func (o *oracle) lastWithin(t time.Time, n int) time.Time {
	for {
		tomorrow := next(t)
		if o.open(tomorrow) {
			if n--; n < 0 {
				return t
			}
		}
		t = tomorrow
	}
}

// daysAfter is the first open day on which at least so many days have passed.
func (o *oracle) daysAfter(from time.Time, n int) time.Time {
	t := from
	for daysFrom(from, t) < n || !o.open(t) {
		t = next(t)
	}
	return t
}

// ahead are the days on which letters go that tell of a day to come: the first
// open day in the days before it, else the last open day before those.
func (o *oracle) ahead(date time.Time, counts []int) (days []time.Time) {
	for _, n := range counts {
		first := date.AddDate(0, 0, -n)
		t := first
		for !t.After(date) && !o.open(t) {
			t = next(t)
		}
		if t.After(date) {
			for t = first.AddDate(0, 0, -1); !o.open(t); t = t.AddDate(0, 0, -1) {
			}
		}
		days = append(days, t)
	}
	return days
}

// overdueDays are those up to the end.
func (o *oracle) overdueDays(due, end time.Time) (days []time.Time) {
	rungs, count := slices.Clone(o.overdue), 0
	for t := o.openDaysAfter(due, 0); !t.After(end); t = next(t) {
		for o.open(t) && count >= rungs[len(days)] {
			days = append(days, t)
			if len(days) == len(rungs) {
				rungs = append(rungs, rungs[len(rungs)-1]+o.every)
			}
		}
		count++
	}
	return days
}

// due is one kind of notice about a request: the days on which its rungs fall
// due, the last day on which it can still go, and what becomes of it.
type due struct {
	kind  string
	days  []time.Time
	first time.Time // not before
	last  time.Time
	then  string // send, hold or skip
	rung  int    // of the first of days; 0: 1
}

func (o *oracle) dues(r oracleRequest, end time.Time) (all []due) {
	if r.process != "Borrowing" {
		return nil
	}
	forever := o.noon("2099-01-01")
	add := func(kind string, days []time.Time, last time.Time, then string) {
		if len(days) > 0 {
			all = append(all, due{kind: kind, days: days, first: days[0], last: last, then: then})
		}
	}
	moved := o.noon(r.moved)
	switch r.status {
	case "on_loan", "in_hands":
		then := "send"
		if r.status == "in_hands" {
			then = "hold" // the status says that something is being asked
		}
		back := o.noon(r.due)
		add("overdue", o.overdueDays(back, end), forever, then)
		add("due_soon", o.ahead(back, o.soon), back, then)
		if ends := o.ends[r.patron]; ends != "" && back.After(o.noon(ends)) {
			add("leaving", o.ahead(o.noon(ends), o.leaving), o.noon(ends), then)
		}
	case "sent", "in_transit":
		all = append(all, o.onTheWay(r)...)
	case "on_shelf":
		add("pickup", o.allOpenDaysAfter(moved, o.pickup), o.openDaysAfter(moved, o.keep), "send")
	case "delivered":
		then := "send"
		if r.paper || len(r.mails) > 0 { // the lender's mail waits for an answer
			then = "hold"
		}
		last := moved.AddDate(0, 0, o.readable)
		var days []time.Time
		for _, n := range o.delivery {
			t := o.daysAfter(moved, n)
			if t.After(last) { // closed until it is gone: the last open day before
				for t = moved.AddDate(0, 0, n-1); !o.open(t); t = t.AddDate(0, 0, -1) {
				}
			}
			days = append(days, t)
		}
		add("delivery", days, last, then)
	case "cancelled_staff":
		then := "send"
		switch r.reason {
		case "":
			then = "hold"
		case "Duplicate", "Customer's request":
			then = "skip"
		}
		add("cancellation", []time.Time{o.openDaysAfter(moved, 0)}, o.lastWithin(moved, o.maxAge), then)
	}
	if slices.Contains([]string{"on_loan", "in_hands"}, r.status) {
		all = append(all, o.recalls(r)...)
	}
	if r.missed != "" && slices.Contains([]string{"on_loan", "in_hands", "claims_returned"}, r.status) {
		missed := o.noon(r.missed)
		add("claim", o.allOpenDaysAfter(missed, o.claim), missed.AddDate(0, 0, 120), "send")
	}
	return all
}

// onTheWay is what a patron is told of a request that was sent to lenders: it
// goes by the last mail in which one said that it shipped, until it moves.
func (o *oracle) onTheWay(r oracleRequest) (all []due) {
	moved, forever := o.noon(r.moved), o.noon("2099-01-01")
	counts := o.inTransit
	if r.status == "in_transit" {
		counts = o.stuck
	}
	var shipped []time.Time
	for _, m := range r.mails {
		if on := o.noon(m.on); m.says == "lender_shipped" && !on.Before(moved) {
			shipped = append(shipped, on)
		}
	}
	until := forever // without such a mail
	if len(shipped) > 0 {
		until = shipped[0].AddDate(0, 0, -1)
	}
	if r.status == "sent" {
		days := o.allOpenDaysAfter(moved, o.delay)
		all = append(all, due{kind: "delay", days: days, first: days[0], last: until, then: "send"},
			due{kind: "delay", days: days, first: next(until), last: forever, then: "hold"})
	} else {
		days := o.allOpenDaysAfter(moved, counts)
		all = append(all, due{kind: "in_transit", days: days, first: days[0], last: until, then: "send"})
	}
	for i, on := range shipped {
		last := on.AddDate(0, 0, 120)
		if i+1 < len(shipped) && !last.Before(shipped[i+1]) {
			last = shipped[i+1].AddDate(0, 0, -1)
		}
		days := o.allOpenDaysAfter(on, counts)
		all = append(all, due{kind: "in_transit", days: days, first: days[0], last: last, then: "send"})
	}
	return all
}

// recalls are the letters that the lender's mails propose, the last of them
// each day; nothing but the word of staff lets one go.
func (o *oracle) recalls(r oracleRequest) (all []due) {
	var mails []oracleMail
	for _, m := range r.mails {
		if m.says != "lender_shipped" {
			mails = append(mails, m)
		}
	}
	for i, m := range mails {
		on := o.noon(m.on)
		last := o.lastWithin(on, 14)
		if i+1 < len(mails) && !last.Before(o.noon(mails[i+1].on)) {
			last = o.noon(mails[i+1].on).AddDate(0, 0, -1)
		}
		rung := 1
		if m.says == "lender_overdue" {
			rung = 2
		}
		// Nothing is due of it on a closed day that it came on; until the next
		// open day it waits.
		all = append(all, due{kind: "recall", days: []time.Time{on}, first: on, last: last, then: "confirm", rung: rung})
	}
	return all
}

// expect says for each day from the first to the last what becomes of what is
// due, if nothing went before: "overdue 1 send 11+12; …" by day. What goes is
// told by mail: all that is due of one kind to one patron.
func (o *oracle) expect(from, to string) map[string]string {
	type mail struct {
		kind, patron, then string
		tn                 int64 // of what goes in no mail
	}
	type content struct {
		rung int
		tns  []int64
	}
	out := map[string]map[mail]*content{}
	add := func(on time.Time, d due, r oracleRequest, rung int) {
		m := mail{kind: d.kind, patron: r.patron, then: d.then}
		switch {
		case !o.open(on) && d.then != "skip":
			m.then, m.tn = "hold", r.tn
		case d.then == "confirm":
			m.then = "hold"
		case d.then != "send":
			m.tn = r.tn
		}
		day := on.Format(time.DateOnly)
		if out[day] == nil {
			out[day] = map[mail]*content{}
		}
		if out[day][m] == nil {
			out[day][m] = &content{}
		}
		c := out[day][m]
		c.rung = max(c.rung, rung)
		c.tns = append(c.tns, r.tn)
	}
	begin, end := o.noon(from), o.noon(to)
	for _, r := range o.requests {
		for _, d := range o.dues(r, end) {
			t := d.first
			if t.Before(begin) {
				t = begin
			}
			for ; !t.After(end) && !t.After(d.last); t = next(t) {
				rung := 0
				for k, on := range d.days {
					if !on.After(t) {
						rung = k + 1
					}
				}
				if rung > 0 {
					add(t, d, r, max(rung, d.rung))
				}
			}
		}
	}
	text := map[string]string{}
	for d, ms := range out {
		var parts []string
		for m, c := range ms {
			slices.Sort(c.tns)
			tns := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.tns), " ", "+"), "[]")
			parts = append(parts, fmt.Sprintf("%s %d %s %s", m.kind, c.rung, m.then, tns))
		}
		sort.Strings(parts)
		text[d] = strings.Join(parts, "; ")
	}
	return text
}
