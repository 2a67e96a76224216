package notices

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"illmail/store"
	"illmail/store/storetest"
)

// thing is what the model knows of one request that is on its way, on the
// shelf, delivered, or lent.
type thing struct {
	book
	state   store.State
	moved   store.Date
	mails   []oracleMail                    // of the lender, at most one a day
	asking  []int64                         // conversations with the lender that wait
	missed  store.Date                      // staff looked for it in vain; zero: or found it since
	carried store.Date                      // the last day on which a recall went
	kept    map[store.NoticeKind]store.Date // by staff: the cycle
}

// Histories of what is shipped, shelved, collected, delivered, called back,
// looked for in vain and lent to people who leave, with conversations, bounces,
// days without a run and a clock change: what goes on a day is exactly what
// the model says is due then, and nothing about a recall goes without the word
// of staff.
func TestAnyHistoryOfFurtherKinds(t *testing.T) {
	checks(t, 12)
	url := storetest.URL(t)
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	var n atomic.Int64
	went := map[store.NoticeKind]int{}
	rapid.Check(t, func(rt *rapid.T) {
		first := day(rapid.SampledFrom([]string{"2026-10-20", "2026-02-24", "2026-12-08"}).Draw(rt, "start"))
		rules := testRules(t, holidays...)
		rules.OverdueDays, rules.DueSoonDays, rules.DelayDays = nil, nil, []int{3, 6}
		rules.PickupDays, rules.PickupKeepDays, rules.DeliveryDays, rules.DeliveryKeepDays = []int{0, 4}, 6, []int{0, 4}, 6
		rules.InTransitDays, rules.ClaimDays, rules.LeavingDays = []int{2, 5}, []int{0, 4}, []int{7, 2}
		if err := rules.Validate(); err != nil {
			rt.Fatal(err)
		}
		h := &thingHistory{world: newWorld(rt, t.Context(), db, fmt.Sprintf("office%d", n.Add(1)), rules).started(), rt: rt, conn: conn,
			ends: map[string]store.Date{}, address: map[string]int{}, bad: map[string]bool{}, last: map[string]int64{}, went: went}
		states := []store.State{store.StateSent, store.StateSent, store.StateOnShelf, store.StateDelivered, store.StateOnLoan, store.StateOnLoan}
		for i, state := range states {
			x := &thing{book: book{tn: int64(100 + i), patron: []string{"ann", "bob"}[i%2], told: map[store.NoticeKind][]letterTold{}}, state: state, moved: first}
			h.things = append(h.things, x)
			h.save(x)
		}
		for i := range 30 {
			h.day = first.AddDays(i)
			for range rapid.IntRange(0, 3).Draw(rt, "events") {
				h.event()
			}
			if rapid.IntRange(0, 5).Draw(rt, "down") != 0 {
				h.runAndCompare(rapid.SampledFrom([]int{0, 1, 2, 13, 23}).Draw(rt, "hour"))
			}
		}
	})
	for _, kind := range []store.NoticeKind{store.KindPickup, store.KindDelivery, store.KindInTransit, store.KindDelay, store.KindRecall, store.KindClaim, store.KindLeaving} {
		if went[kind] == 0 {
			t.Errorf("no history has a letter of kind %s", kind)
		}
	}
}

type thingHistory struct {
	*world
	rt      *rapid.T
	conn    *pgx.Conn
	day     store.Date
	things  []*thing
	ends    map[string]store.Date // of the patron's account
	address map[string]int
	bad     map[string]bool
	last    map[string]int64
	went    map[store.NoticeKind]int
}

func (h *thingHistory) save(x *thing) {
	r := request(x.tn, x.patron, x.state, x.moved.String())
	r.Transaction.StatusDate, r.Transaction.DueDate = x.moved, store.Date{}
	if x.state == store.StateOnLoan {
		r.Transaction.DueDate = day("2027-12-01")
	}
	r.Patron.AccountEnds = h.ends[x.patron]
	if n := h.address[x.patron]; n > 0 {
		r.Patron.Email = fmt.Sprintf("%s%d@example.edu", x.patron, n)
	}
	h.load(r)
}

// sql dates back what is stored by the database's clock.
func (h *thingHistory) sql(query string, args ...any) {
	h.Helper()
	if _, err := h.conn.Exec(h.ctx, query, args...); err != nil {
		h.Fatal(err)
	}
}

// become moves a request to another state.
func (h *thingHistory) become(x *thing, state store.State) {
	x.state, x.moved = state, h.day
	h.save(x)
}

func (h *thingHistory) event() {
	x := rapid.SampledFrom(h.things).Draw(h.rt, "thing")
	now := h.day.At(9, 30, h.office.Rules.Location)
	var open []*talk
	for _, k := range x.talks {
		if k.state.Waits() {
			open = append(open, k)
		}
	}
	lends := x.state == store.StateOnLoan
	switch e := rapid.SampledFrom([]string{"move on", "move on", "lender", "lender", "lender", "settle lender", "look", "leave", "write", "answer", "close", "bounce", "mend", "keep", "let go"}).Draw(h.rt, "event"); e {
	case "keep":
		due := h.due(x)
		if len(due) == 0 {
			return
		}
		kind := slices.Sorted(maps.Keys(due))[0]
		if err := h.db.HoldNotice(h.ctx, h.holdOf(x.tn, kind, due[kind].cycle.String())); err != nil {
			h.Fatal(err)
		}
		if x.kept == nil {
			x.kept = map[store.NoticeKind]store.Date{}
		}
		x.kept[kind] = due[kind].cycle
	case "let go":
		for kind, cycle := range x.kept {
			if err := h.db.ReleaseNotice(h.ctx, h.holdOf(x.tn, kind, cycle.String())); err != nil {
				h.Fatal(err)
			}
		}
		x.kept = nil
	case "move on":
		nexts := map[store.State][]store.State{
			store.StateSent:      {store.StateSent, store.StateOnShelf, store.StateDelivered},
			store.StateOnShelf:   {store.StateOnLoan, store.StateReturned},
			store.StateDelivered: {store.StateFinished, store.StateSent},
			store.StateOnLoan:    {store.StateReturned},
		}
		switch really := rapid.Bool().Draw(h.rt, "really"); {
		case really && nexts[x.state] == nil: // the patron asks for something else
			*x = thing{book: book{tn: x.tn + 100, patron: x.patron, told: map[store.NoticeKind][]letterTold{}}}
			h.become(x, store.StateSent)
		case really:
			h.become(x, rapid.SampledFrom(nexts[x.state]).Draw(h.rt, "state"))
		}
	case "lender":
		if slices.ContainsFunc(x.mails, func(m oracleMail) bool { return m.on == h.day.String() }) {
			return
		}
		says := "lender_shipped"
		if lends {
			says = rapid.SampledFrom([]string{"recall", "lender_overdue"}).Draw(h.rt, "says")
		}
		x.asking = append(x.asking, h.lenderWrites(x.tn, says, now, ""))
		x.mails = append(x.mails, oracleMail{says, h.day.String()})
		h.sql(`UPDATE message SET stored_at = internal_date WHERE office_id = $1`, h.office.ID)
	case "settle lender":
		for _, id := range x.asking {
			if err := h.db.CloseConversation(h.ctx, id, 0, store.Actor{Name: "jane"}, "seen"); err != nil {
				h.Fatal(err)
			}
		}
		x.asking = nil
	case "look":
		if !lends || x.missed == h.day {
			return
		}
		outcome := rapid.SampledFrom([]string{"not_found", "not_found", "found"}).Draw(h.rt, "outcome")
		tr, err := h.db.TransactionByNumber(h.ctx, h.office.ID, x.tn)
		if err != nil {
			h.Fatal(err)
		}
		if err := h.db.RecordClaimOutcome(h.ctx, tr.ID, outcome, "jane"); err != nil {
			h.Fatal(err)
		}
		h.sql(`UPDATE claim_outcome SET at = $2 WHERE id = (SELECT max(id) FROM claim_outcome WHERE transaction_id = $1)`, tr.ID, now)
		if x.missed = h.day; outcome == "found" {
			x.missed = store.Date{}
		}
	case "leave":
		h.ends[x.patron] = h.day.AddDays(rapid.IntRange(1, 12).Draw(h.rt, "days"))
		h.save(x)
	case "write":
		intent := rapid.SampledFrom([]string{"renewal", "status", "fees", "cancel"}).Draw(h.rt, "intent")
		x.talks = append(x.talks, &talk{id: h.write(x.tn, x.patron, intent, now), intent: intent, state: store.ItemNew})
		h.sql(`UPDATE message SET stored_at = internal_date WHERE office_id = $1`, h.office.ID)
	case "answer", "close":
		if len(open) == 0 {
			return
		}
		k := rapid.SampledFrom(open).Draw(h.rt, "talk")
		if e == "answer" {
			h.answer(k.id, x.patron, "")
			h.deliver(h.day.String())
			k.state, k.answered = store.ItemWaitingPatron, h.day
			return
		}
		if err := h.db.CloseConversation(h.ctx, k.id, 0, store.Actor{Name: "jane"}, "told by phone"); err != nil {
			h.Fatal(err)
		}
		k.state = store.ItemDone
	case "bounce":
		if id := h.last[x.patron]; id != 0 && !h.bad[x.patron] {
			if err := h.db.MarkBounced(h.ctx, id, "5.1.1", true, now); err != nil {
				h.Fatal(err)
			}
			h.bad[x.patron] = true
		}
	case "mend":
		if h.bad[x.patron] {
			h.address[x.patron]++
			h.bad[x.patron] = false
			delete(h.last, x.patron)
			h.save(x)
		}
	}
}

// said is the last mail of the lender that says one of these since that day.
func (x *thing) said(since store.Date, says ...string) (m oracleMail, on store.Date) {
	for _, m := range slices.Backward(x.mails) {
		if on := day(m.on); slices.Contains(says, m.says) && !on.Before(since) {
			return m, on
		}
	}
	return m, on
}

// due is what is due of the request on that open day, by the model: the
// highest rung of each kind in its cycle, and whether only staff let it go.
func (h *thingHistory) due(x *thing) map[store.NoticeKind]letterTold {
	cal, out := &h.office.Rules.Calendar, map[store.NoticeKind]letterTold{}
	tell := func(kind store.NoticeKind, cycle store.Date, days int, rungs ...int) {
		if kept, ok := x.kept[kind]; ok && !kept.Before(cycle) {
			return
		}
		rung := 0
		for k, n := range rungs {
			if days >= n {
				rung = k + 1
			}
		}
		if rung > x.rungTold(kind, cycle) {
			out[kind] = letterTold{cycle, rung}
		}
	}
	if h.bad[x.patron] {
		return out
	}
	waits := x.held(cal, h.day)
	switch x.state {
	case store.StateSent:
		if waits {
			break
		}
		if _, shipped := x.said(x.moved, "lender_shipped"); !shipped.IsZero() {
			tell(store.KindInTransit, shipped, cal.OpenDaysBetween(shipped, h.day), 2, 5)
		} else {
			tell(store.KindDelay, x.moved, cal.OpenDaysBetween(x.moved, h.day), 3, 6)
		}
	case store.StateOnShelf:
		if n := cal.OpenDaysBetween(x.moved, h.day); n <= 6 {
			tell(store.KindPickup, x.moved, n, 0, 4)
		}
	case store.StateDelivered:
		days := h.day.Sub(x.moved)
		if days > 6 || len(x.asking) > 0 {
			break
		}
		if cal.NextOpen(h.day.AddDays(1)).Sub(x.moved) > 6 && cal.NextOpen(x.moved.AddDays(4)).Sub(x.moved) > 6 {
			days = 6 // gone before the office opens again, and so told today
		}
		tell(store.KindDelivery, x.moved, days, 0, 4)
	case store.StateOnLoan:
		if ends := h.ends[x.patron]; !waits && !ends.IsZero() && !h.day.After(ends) {
			left := ends.Sub(h.day)
			rung := 0
			for k, n := range []int{7, 2} {
				first := cal.NextOpen(ends.AddDays(-n))
				if left <= n || first.After(ends) && cal.NextOpen(h.day.AddDays(1)).After(ends) {
					rung = k + 1
				}
			}
			tell(store.KindLeaving, ends, rung, 1, 2)
		}
		if !waits && !x.missed.IsZero() {
			tell(store.KindClaim, x.missed, cal.OpenDaysBetween(x.missed, h.day), 0, 4)
		}
		m, on := x.said(store.Date{}, "recall", "lender_overdue")
		if on.IsZero() || cal.OpenDaysBetween(on, h.day) > 14 || !x.carried.IsZero() && h.day.Sub(x.carried) < 14 {
			break
		}
		days := 1
		if m.says == "lender_overdue" {
			days = 2
		}
		tell(store.KindRecall, on, days, 1, 2)
	}
	return out
}

func (h *thingHistory) runAndCompare(hour int) {
	var send, hold []string
	for _, x := range h.things {
		if !h.office.Rules.Calendar.IsOpen(h.day) {
			break
		}
		for kind, l := range h.due(x) {
			line := fmt.Sprintf("%s %d %d", kind, l.rung, x.tn)
			if kind == store.KindRecall {
				hold = append(hold, line)
			} else {
				send = append(send, line)
			}
		}
	}
	now := h.day.At(hour, 30, h.office.Rules.Location)
	if _, err := h.planner.Run(h.ctx, h.office, h.day, now, Options{}); err != nil {
		h.Fatal(err)
	}
	h.compare("went", h.told(h.deliver(h.day.String())), send)
	var held []store.OutboxMail
	var ids []int64
	for _, r := range h.outbox(store.OutboxHeld) {
		held, ids = append(held, store.OutboxMail{ID: r.ID}), append(ids, r.ID)
	}
	h.compare("waited for the word of staff", h.lines(held), hold)
	if len(ids) == 0 || !rapid.Bool().Draw(h.rt, "confirm") {
		return
	}
	if _, err := h.db.ReleaseMails(h.ctx, h.office.ID, ids, "jane"); err != nil {
		h.Fatal(err)
	}
	h.compare("went by the word of staff", h.told(h.deliver(h.day.String())), hold)
}

func (h *thingHistory) compare(what string, got, want []string) {
	h.Helper()
	sort.Strings(got)
	sort.Strings(want)
	if !slices.Equal(got, want) {
		h.Fatalf("on %s %s\n%q\nbut due was\n%q", h.day, what, got, want)
	}
}

// rows are the notices of mails with their requests.
func (h *thingHistory) rows(mails []store.OutboxMail, each func(m store.OutboxMail, r store.NoticeRow, x *thing)) {
	h.Helper()
	for _, m := range mails {
		rows, err := h.db.OutboxNotices(h.ctx, m.ID)
		if err != nil {
			h.Fatal(err)
		}
		for _, r := range rows {
			for _, x := range h.things {
				if tr, err := h.db.TransactionByNumber(h.ctx, h.office.ID, x.tn); err == nil && tr.ID == r.TransactionID {
					each(m, r, x)
				}
			}
		}
	}
}

func (h *thingHistory) lines(mails []store.OutboxMail) (lines []string) {
	h.rows(mails, func(_ store.OutboxMail, r store.NoticeRow, x *thing) {
		lines = append(lines, fmt.Sprintf("%s %d %d", r.Kind, r.Rung, x.tn))
	})
	return lines
}

// told notes what went, and judges it by what must never be.
func (h *thingHistory) told(mails []store.OutboxMail) []string {
	cal := &h.office.Rules.Calendar
	h.rows(mails, func(m store.OutboxMail, r store.NoticeRow, x *thing) {
		switch {
		case !cal.IsOpen(h.day):
			h.Fatalf("a letter on the closed day %s", h.day)
		case !slices.Contains(statesOf[r.Kind], x.state):
			h.Fatalf("on %s %s about %d, which is %s", h.day, r.Kind, x.tn, x.state)
		case held(r.Kind) && x.held(cal, h.day):
			h.Fatalf("on %s %s about %d, which is held", h.day, r.Kind, x.tn)
		case slices.Contains(x.told[r.Kind], letterTold{r.Cycle, r.Rung}):
			h.Fatalf("on %s %s %d about %d a second time", h.day, r.Kind, r.Rung, x.tn)
		case h.bad[x.patron] || !strings.HasPrefix(m.Recipient, x.patron):
			h.Fatalf("on %s a letter about %d to %s", h.day, x.tn, m.Recipient)
		}
		x.told[r.Kind] = append(x.told[r.Kind], letterTold{r.Cycle, r.Rung})
		h.last[x.patron] = m.ID
		h.went[r.Kind]++
		if r.Kind == store.KindRecall {
			x.carried = h.day
		}
	})
	return h.lines(mails)
}
