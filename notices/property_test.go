package notices

import (
	"flag"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"illmail/store"
	"illmail/store/storetest"
)

// checks lets a database test draw fewer histories than the hundred of rapid's
// default; -rapid.checks on the command line wins.
func checks(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	old := f.Value.String()
	if err := f.Value.Set(fmt.Sprint(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Value.Set(old) })
}

// book is what the model knows of one loan.
type book struct {
	tn       int64
	patron   string
	due      store.Date
	returned bool
	// letters told, in order: the rung in the cycle of that due date.
	told  map[store.NoticeKind][]letterTold
	talks []*talk
}

type letterTold struct {
	cycle store.Date
	rung  int
}

// talk is a conversation about one book.
type talk struct {
	id       int64
	intent   string
	state    store.ItemState
	answered store.Date
	settled  bool // of a claim of return: staff recorded what was found
}

var holdingIntents = []string{"renewal", "returned_claim", "lost_damaged", "status", "cancel"}

// rungTold is the highest rung that the patron knows of the present cycle, a
// due date: a later date than the last that was told starts anew, an earlier
// one inherits.
func (b *book) rungTold(kind store.NoticeKind, cycle store.Date) int {
	rung := 0
	last := store.Date{}
	for _, l := range b.told[kind] {
		if !last.IsZero() && l.cycle.After(last) {
			rung = 0
		}
		rung, last = max(rung, l.rung), l.cycle
	}
	if !last.IsZero() && cycle.After(last) {
		rung = 0
	}
	for _, l := range b.told[kind] {
		if l.cycle == cycle {
			rung = max(rung, l.rung)
		}
	}
	return rung
}

// held says whether the notices of the book wait on that day.
func (b *book) held(cal *Calendar, on store.Date) bool {
	for _, k := range b.talks {
		if !slices.Contains(holdingIntents, k.intent) {
			continue
		}
		if k.state.Waits() || k.intent == "returned_claim" && !k.settled {
			return true
		}
		if !k.answered.IsZero() && cal.OpenDaysBetween(k.answered, on) < 2 {
			return true
		}
	}
	return false
}

// Histories of due dates, renewals, recalls, returns, conversations, bounces,
// days without a run and clock changes: what goes on a day is exactly what the
// model says is due then.
func TestAnyHistory(t *testing.T) {
	checks(t, 12)
	db := storetest.New(t)
	var n atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		start := rapid.SampledFrom([]string{"2026-10-20", "2026-02-24", "2026-11-16"}).Draw(rt, "start")
		rules := testRules(t, holidays...)
		rules.OverdueDays, rules.DueSoonDays = []int{1, 3, 7}, []int{3}
		w := newWorld(rt, t.Context(), db, fmt.Sprintf("office%d", n.Add(1)), rules).started()
		h := &history{world: w, rt: rt, address: map[string]int{}, bad: map[string]bool{}, last: map[string]int64{}}
		first := day(start)
		for i := range 4 {
			b := &book{tn: int64(100 + i), patron: []string{"ann", "bob"}[i%2], due: first.AddDays(rapid.IntRange(-2, 12).Draw(rt, "due")), told: map[store.NoticeKind][]letterTold{}}
			h.books = append(h.books, b)
			h.save(b)
		}
		for i := range 30 {
			h.day = first.AddDays(i)
			for range rapid.IntRange(0, 2).Draw(rt, "events") {
				h.event()
			}
			if rapid.IntRange(0, 5).Draw(rt, "down") == 0 {
				continue
			}
			h.runAndCompare(rapid.SampledFrom([]int{0, 1, 2, 13, 23}).Draw(rt, "hour"))
		}
	})
}

type history struct {
	*world
	rt      *rapid.T
	day     store.Date
	books   []*book
	address map[string]int   // how often the patron's address was replaced
	bad     map[string]bool  // the present address bounces
	last    map[string]int64 // the mail that went to the patron last
}

func (h *history) save(b *book) {
	state := store.StateOnLoan
	if b.returned {
		state = store.StateFinished
	}
	r := request(b.tn, b.patron, state, b.due.String())
	r.Transaction.DueDate = b.due
	if n := h.address[b.patron]; n > 0 {
		r.Patron.Email = fmt.Sprintf("%s%d@example.edu", b.patron, n)
	}
	h.load(r)
}

func (h *history) event() {
	b := rapid.SampledFrom(h.books).Draw(h.rt, "book")
	now := h.day.At(9, 30, h.office.Rules.Location)
	var open []*talk
	for _, k := range b.talks {
		if k.state.Waits() {
			open = append(open, k)
		}
	}
	switch e := rapid.SampledFrom([]string{"renew", "recall", "return", "write", "write", "answer", "answer", "close", "snooze", "settle", "bounce", "mend"}).Draw(h.rt, "event"); e {
	case "renew":
		b.due = b.due.AddDays(rapid.IntRange(1, 20).Draw(h.rt, "by"))
		h.save(b)
	case "recall":
		b.due = b.due.AddDays(-rapid.IntRange(1, 6).Draw(h.rt, "by"))
		h.save(b)
	case "return":
		if rapid.Bool().Draw(h.rt, "really") {
			b.returned = true
			h.save(b)
		}
	case "write":
		intent := rapid.SampledFrom(append([]string{"fees", "thanks", "renewal"}, holdingIntents...)).Draw(h.rt, "intent")
		b.talks = append(b.talks, &talk{id: h.write(b.tn, b.patron, intent, now), intent: intent, state: store.ItemNew})
	case "answer", "close", "snooze":
		if len(open) == 0 {
			return
		}
		k := rapid.SampledFrom(open).Draw(h.rt, "talk")
		switch e {
		case "answer":
			h.answer(k.id, b.patron, "")
			h.deliver(h.day.String())
			k.state, k.answered = store.ItemWaitingPatron, h.day
		case "close":
			if err := h.db.CloseConversation(h.ctx, k.id, 0, store.Actor{Name: "jane"}, "told by phone"); err != nil {
				h.Fatal(err)
			}
			k.state = store.ItemDone
		case "snooze":
			if err := h.db.SnoozeConversation(h.ctx, k.id, 0, now.AddDate(1, 0, 0), store.Actor{Name: "jane"}); err != nil {
				h.Fatal(err)
			}
			k.state = store.ItemSnoozed
		}
	case "settle":
		t, err := h.db.TransactionByNumber(h.ctx, h.office.ID, b.tn)
		if err != nil {
			h.Fatal(err)
		}
		if err := h.db.RecordClaimOutcome(h.ctx, t.ID, "not_found", "jane"); err != nil {
			h.Fatal(err)
		}
		for _, k := range b.talks {
			k.settled = true
		}
	case "bounce":
		if id := h.last[b.patron]; id != 0 && !h.bad[b.patron] {
			if err := h.db.MarkBounced(h.ctx, id, "5.1.1", true, now); err != nil {
				h.Fatal(err)
			}
			h.bad[b.patron] = true
		}
	case "mend":
		if h.bad[b.patron] {
			h.address[b.patron]++
			h.bad[b.patron] = false
			delete(h.last, b.patron)
			h.save(b)
		}
	}
}

// expected is what is due on the day, by the model.
func (h *history) expected() string {
	cal := &h.office.Rules.Calendar
	var parts []string
	if !cal.IsOpen(h.day) {
		return ""
	}
	for _, b := range h.books {
		if b.returned || h.bad[b.patron] || b.held(cal, h.day) {
			continue
		}
		counted := b.due
		for !cal.IsOpen(counted) {
			counted = counted.AddDays(1)
		}
		reached := 0
		for k, n := range []int{1, 3, 7} {
			if h.day.Sub(counted) >= n {
				reached = k + 1
			}
		}
		if reached > b.rungTold(store.KindOverdue, b.due) {
			parts = append(parts, fmt.Sprintf("overdue %d %d", reached, b.tn))
		}
		soon := !h.day.After(b.due) && b.due.Sub(h.day) <= 3
		if h.day.Before(b.due.AddDays(-3)) { // due in closed days: on the last open day before them
			soon = true
			for d := h.day.AddDays(1); !d.After(b.due); d = d.AddDays(1) {
				soon = soon && !cal.IsOpen(d)
			}
		}
		if soon && b.rungTold(store.KindDueSoon, b.due) == 0 {
			parts = append(parts, fmt.Sprintf("due_soon 1 %d", b.tn))
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, "; ")
}

func (h *history) runAndCompare(hour int) {
	want := h.expected()
	now := h.day.At(hour, 30, h.office.Rules.Location)
	if _, err := h.planner.Run(h.ctx, h.office, h.office.today(now), now, Options{}); err != nil {
		h.Fatal(err)
	}
	var parts []string
	for _, m := range h.deliver(h.day.String()) {
		rows, err := h.db.OutboxNotices(h.ctx, m.ID)
		if err != nil {
			h.Fatal(err)
		}
		for _, r := range rows {
			i := slices.IndexFunc(h.books, func(b *book) bool {
				t, err := h.db.TransactionByNumber(h.ctx, h.office.ID, b.tn)
				return err == nil && t.ID == r.TransactionID
			})
			b := h.books[i]
			parts = append(parts, fmt.Sprintf("%s %d %d", r.Kind, r.Rung, b.tn))
			h.judge(b, m, r)
			b.told[r.Kind] = append(b.told[r.Kind], letterTold{b.due, r.Rung})
		}
		for _, b := range h.books {
			if strings.HasPrefix(m.Recipient, b.patron) && m.Kind != store.KindReply {
				h.last[b.patron] = m.ID
			}
		}
	}
	sort.Strings(parts)
	if got := strings.Join(parts, "; "); got != want {
		h.Fatalf("on %s went\n%q\nbut due was\n%q", h.day, got, want)
	}
}

// judge checks a letter against what must never be, whatever the model says.
func (h *history) judge(b *book, m store.OutboxMail, r store.NoticeRow) {
	cal := &h.office.Rules.Calendar
	if b.returned {
		h.Fatalf("on %s a letter about %d, which is returned", h.day, b.tn)
	}
	if !cal.IsOpen(h.day) {
		h.Fatalf("a letter on the closed day %s", h.day)
	}
	if b.held(cal, h.day) {
		h.Fatalf("on %s a letter about %d, which is held", h.day, b.tn)
	}
	if slices.Contains(b.told[r.Kind], letterTold{r.Cycle, r.Rung}) {
		h.Fatalf("on %s %s rung %d of %d a second time", h.day, r.Kind, r.Rung, b.tn)
	}
	if r.Cycle != b.due {
		h.Fatalf("on %s a letter about %d in cycle %s, due on %s", h.day, b.tn, r.Cycle, b.due)
	}
	if h.bad[b.patron] || !strings.HasPrefix(m.Recipient, b.patron) {
		h.Fatalf("on %s a letter about %d to %s", h.day, b.tn, m.Recipient)
	}
}
