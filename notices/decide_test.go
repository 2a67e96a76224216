package notices

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/store"
)

// loan is a book due on that day.
func loan(due string) *store.NoticeFacts {
	return &store.NoticeFacts{
		Transaction: store.Transaction{ID: 1, TransactionNumber: 412304, ProcessType: "Borrowing", RequestType: "Loan", Status: "Checked Out to Customer",
			State: store.StateOnLoan, Title: "A Book", DueDate: day(due), StatusDate: day("2026-10-01")},
		Patron: store.Patron{ID: 1, Username: "jdoe3", FirstName: "Jane", Email: "jdoe3@example.edu"},
	}
}

func wanted(status, since string, state store.State) *store.NoticeFacts {
	f := loan("2026-12-24")
	f.Transaction.Status, f.Transaction.State, f.Transaction.StatusDate, f.Transaction.DueDate = status, state, day(since), store.Date{}
	return f
}

func cancelled(on, reason string) *store.NoticeFacts {
	f := wanted("Cancelled by ILL Staff", on, store.StateCancelledStaff)
	f.Transaction.CancelReason = reason
	return f
}

// told is the row of a notice that was sent.
func told(kind store.NoticeKind, rung int, cycle, on string, days int) store.NoticeRow {
	at, id := day(on).At(13, 0, newYork), int64(1)
	return store.NoticeRow{TransactionID: 1, Kind: kind, Rung: rung, Cycle: day(cycle), State: store.NoticePlanned, OutboxState: store.OutboxSent,
		OutboxID: &id, SentAt: &at, DecidedAt: at, PlannedOn: day(on), Days: days}
}

// decided writes decisions as "overdue 1 send; …", without what merely passed.
func decided(ds []Decision) string {
	var parts []string
	for _, d := range ds {
		if d.State != store.NoticePassed {
			parts = append(parts, fmt.Sprintf("%s %d %s", d.Kind, d.Rung, d.Action))
		}
	}
	return strings.Join(parts, "; ")
}

// The rules of "When a notice is due", one line each. 2026-11-26 is closed, as
// are weekends and the days from 2026-12-24 to 2027-01-01.
func TestDecide(t *testing.T) {
	withNotices := func(f *store.NoticeFacts, rows ...store.NoticeRow) *store.NoticeFacts {
		f.Notices = rows
		return f
	}
	with := func(f *store.NoticeFacts, change func(f *store.NoticeFacts)) *store.NoticeFacts {
		change(f)
		return f
	}
	rules := testRules(t, "2026-11-26", "2026-12-24..2027-01-01")
	for _, c := range []struct {
		name   string
		on     string
		facts  *store.NoticeFacts
		want   string
		reason string // of the first decision, in part
	}{
		{"the due date itself", "2026-11-23", loan("2026-11-23"), "due_soon 1 send", "due today"},
		{"rung 1 on the day after", "2026-11-24", loan("2026-11-23"), "overdue 1 send", "1 day overdue"},
		{"due on Friday: rung 1 on Monday, with the days as they are", "2026-11-23", loan("2026-11-20"), "overdue 1 send", "3 days overdue"},
		{"a due date on Saturday counts as Monday", "2026-11-23", loan("2026-11-21"), "", ""},
		{"and is one day overdue on Tuesday", "2026-11-24", loan("2026-11-21"), "overdue 1 send", "1 day overdue"},
		{"nothing goes on a closed day", "2026-11-22", loan("2026-11-12"), "overdue 2 hold", "2026-11-22 is a closed day"},
		{"a rung that would fall on a closed day is not due before the next open one", "2026-11-26", withNotices(loan("2026-11-25"), told(store.KindDueSoon, 1, "2026-11-25", "2026-11-20", 5)), "", ""},
		{"the highest of several", "2026-11-24", loan("2026-10-01"), "overdue 4 send", "54 days overdue"},
		{"told already", "2026-11-25", withNotices(loan("2026-11-23"), told(store.KindOverdue, 1, "2026-11-23", "2026-11-24", 1)), "", ""},
		{"the next rung", "2026-11-30", withNotices(loan("2026-11-23"), told(store.KindOverdue, 1, "2026-11-23", "2026-11-24", 1)), "overdue 2 send", "7 days overdue"},
		{"a renewal starts a new cycle", "2026-12-01", withNotices(loan("2026-11-30"), told(store.KindOverdue, 2, "2026-11-20", "2026-11-27", 7)), "overdue 1 send", ""},
		{"an earlier due date inherits", "2026-11-17", withNotices(loan("2026-11-16"), told(store.KindOverdue, 1, "2026-11-20", "2026-11-23", 3)), "", ""},
		{"and goes on from there", "2026-11-30", withNotices(loan("2026-11-16"), told(store.KindOverdue, 1, "2026-11-20", "2026-11-23", 3)), "overdue 3 send", ""},
		{"a ladder that was changed does not tell the same days twice", "2026-12-01", withNotices(loan("2026-11-23"), told(store.KindOverdue, 1, "2026-11-23", "2026-11-30", 7)), "", ""},
		{"told by the ILL system", "2026-11-24", with(loan("2026-11-23"), func(f *store.NoticeFacts) { f.Transaction.LastOverdueNoticeSent = 1 }), "overdue 1 skip", "already told"},
		{"which does not count in a later cycle", "2026-12-01", with(withNotices(loan("2026-11-30"), store.NoticeRow{Kind: store.KindOverdue, Rung: 1, Cycle: day("2026-11-20"), State: store.NoticeTold}),
			func(f *store.NoticeFacts) { f.Transaction.LastOverdueNoticeSent = 1 }), "overdue 1 send", ""},
		{"pending in the patron's hands", "2026-11-24", with(loan("2026-11-23"), func(f *store.NoticeFacts) {
			f.Transaction.State, f.Transaction.Status = store.StateInHands, "Renewal Requested"
		}), "overdue 1 hold", "“Renewal Requested”"},
		{"lending", "2026-11-24", with(loan("2026-11-23"), func(f *store.NoticeFacts) { f.Transaction.ProcessType = "Lending" }), "", ""},
		{"no address", "2026-11-24", with(loan("2026-11-23"), func(f *store.NoticeFacts) { f.Patron.Email = "" }), "overdue 1 hold", "no e-mail address"},
		{"an address that bounces", "2026-11-24", with(loan("2026-11-23"), func(f *store.NoticeFacts) { now := time.Now(); f.Patron.UndeliverableAt = &now }), "overdue 1 hold", "another way"},

		{"due soon: first day of the window", "2026-11-16", loan("2026-11-19"), "due_soon 1 send", "due in 3 days"},
		{"not yet", "2026-11-13", loan("2026-11-19"), "", ""},
		{"a window that begins on a closed day", "2026-11-23", loan("2026-11-25"), "due_soon 1 send", "due in 2 days"},
		{"a window without an open day: the last open day before", "2026-12-23", loan("2026-12-29"), "due_soon 1 send", "due in 6 days"},
		{"not before that", "2026-12-22", loan("2026-12-29"), "", ""},
		{"told", "2026-11-17", withNotices(loan("2026-11-19"), told(store.KindDueSoon, 1, "2026-11-19", "2026-11-16", 3)), "", ""},
		{"again after a renewal", "2026-11-24", withNotices(loan("2026-11-26"), told(store.KindDueSoon, 1, "2026-11-19", "2026-11-16", 3)), "due_soon 1 send", ""},

		{"delay: seven open days, the first not counted", "2026-11-25", wanted("Request Sent", "2026-11-16", store.StateSent), "delay 1 send", "7 open days"},
		{"six are not enough", "2026-11-24", wanted("Request Sent", "2026-11-16", store.StateSent), "", ""},
		{"closed days do not count", "2026-11-27", wanted("Request Sent", "2026-11-17", store.StateSent), "delay 1 send", "7 open days"},
		{"only the highest", "2026-12-22", wanted("Request Sent", "2026-11-16", store.StateSent), "delay 2 send", ""},
		{"movement starts a new cycle", "2026-11-25", withNotices(wanted("Request Sent", "2026-11-16", store.StateSent), told(store.KindDelay, 2, "2026-10-01", "2026-10-22", 14)), "delay 1 send", ""},
		{"in the office's own queue", "2026-12-22", wanted("Awaiting Request Processing", "2026-11-16", store.StateOpen), "", ""},

		{"cancelled today", "2026-11-23", cancelled("2026-11-23", "No lenders found"), "cancellation 1 send", "No lenders found"},
		{"seven open days ago", "2026-11-25", cancelled("2026-11-16", "No lenders found"), "cancellation 1 send", ""},
		{"eight open days ago", "2026-11-27", cancelled("2026-11-16", "No lenders found"), "", ""},
		{"without a reason", "2026-11-23", cancelled("2026-11-23", " "), "cancellation 1 hold", "blank"},
		{"by request of the customer", "2026-11-23", cancelled("2026-11-23", "Customer's request"), "cancellation 1 skip", "no letter"},
		{"a duplicate", "2026-11-23", cancelled("2026-11-23", "Duplicate"), "cancellation 1 skip", "no letter"},
		{"by the customer", "2026-11-23", wanted("Cancelled by Customer", "2026-11-23", store.StateCancelledPatron), "", ""},
		{"told", "2026-11-24", withNotices(cancelled("2026-11-23", "No lenders found"), told(store.KindCancellation, 1, "2026-11-23", "2026-11-23", 0)), "", ""},
		{"told in a letter of staff, then cancelled in the ILL system", "2026-11-24", withNotices(cancelled("2026-11-23", "No lenders found"),
			store.NoticeRow{Kind: store.KindCancellation, Rung: 1, Cycle: day("2026-11-20"), State: store.NoticeTold, OutboxID: new(int64), PlannedOn: day("2026-11-20")}), "cancellation 1 skip", "by hand on 2026-11-20"},
		{"cancelled a second time", "2026-11-24", withNotices(cancelled("2026-11-23", "No lenders found"), told(store.KindCancellation, 1, "2026-11-02", "2026-11-02", 0)), "cancellation 1 hold", "before"},
	} {
		got := Decide(Day{Date: day(c.on)}, rules, c.facts)
		if decided(got) != c.want {
			t.Errorf("%s: on %s %q, want %q", c.name, c.on, decided(got), c.want)
			continue
		}
		if len(got) > 0 && !strings.Contains(got[0].Reason, c.reason) {
			t.Errorf("%s: the reason is %q, want one with %q", c.name, got[0].Reason, c.reason)
		}
	}
}

// A loan that is due the day after the clocks change is as many days overdue
// as the calendar says, whatever hours a day has.
func TestDecideOverClockChanges(t *testing.T) {
	rules := testRules(t)
	for _, c := range []struct{ due, on, want string }{
		{"2026-03-06", "2026-03-09", "overdue 1 send"}, // the night to 8 March is an hour short
		{"2026-03-06", "2026-03-13", "overdue 2 send"},
		{"2026-10-30", "2026-11-02", "overdue 1 send"}, // the night to 1 November is an hour long
		{"2026-10-30", "2026-11-06", "overdue 2 send"},
		{"2026-10-30", "2026-11-05", "overdue 1 send"},
	} {
		for _, hour := range []int{0, 2, 13, 23} {
			on := store.DateOf(day(c.on).At(hour, 59, newYork), newYork)
			if got := decided(Decide(Day{Date: on}, rules, loan(c.due))); got != c.want {
				t.Errorf("due on %s, at %d:59 on %s: %q, want %q", c.due, hour, c.on, got, c.want)
			}
		}
	}
}

func TestLowerRungsPass(t *testing.T) {
	ds := Decide(Day{Date: day("2026-11-24")}, testRules(t), loan("2026-11-03"))
	var passed []int
	for _, d := range ds {
		if d.State == store.NoticePassed {
			passed = append(passed, d.Rung)
		}
	}
	if decided(ds) != "overdue 3 send" || !slices.Equal(passed, []int{1, 2}) {
		t.Errorf("decided %q, passed %v", decided(ds), passed)
	}
}

func TestGoLive(t *testing.T) {
	rules := testRules(t)
	rules.GoLive = day("2026-11-23")
	for _, c := range []struct {
		on    string
		facts *store.NoticeFacts
		want  string
	}{
		{"2026-11-23", loan("2026-11-18"), "overdue 1 skip"}, // was due on the 19th
		{"2026-11-25", loan("2026-11-18"), "overdue 2 send"},
		{"2026-11-23", loan("2026-11-20"), "overdue 1 send"},
		{"2026-11-23", cancelled("2026-11-20", "No lenders"), "cancellation 1 skip"},
		{"2026-11-23", cancelled("2026-11-23", "No lenders"), "cancellation 1 send"},
		{"2026-11-24", wanted("Request Sent", "2026-11-11", store.StateSent), "delay 1 skip"},
	} {
		got := Decide(Day{Date: day(c.on)}, rules, c.facts)
		if decided(got) != c.want {
			t.Errorf("on %s: %q, want %q", c.on, decided(got), c.want)
		}
		for _, d := range got {
			if d.Action == Skip && d.State != store.NoticeTold && d.State != store.NoticePassed {
				t.Errorf("on %s: %s is recorded as %s", c.on, d.Kind, d.State)
			}
		}
	}
}

func TestHolds(t *testing.T) {
	conversation := func(state, intent string, unsettled bool) []store.HoldingConversation {
		return []store.HoldingConversation{{TransactionID: 1, ConversationID: 7, State: state, Intent: intent, Unsettled: unsettled}}
	}
	answered := func(s string) time.Time { return day(s).At(10, 0, newYork) }
	rules := testRules(t)
	base := Day{Date: day("2026-11-24")}
	for _, c := range []struct {
		name   string
		day    Day
		rules  func(r *Rules)
		change func(f *store.NoticeFacts)
		want   Action
		sendOn string
	}{
		{name: "nothing stands against it", want: Send, sendOn: "2026-11-24"},
		{name: "new", change: func(f *store.NoticeFacts) { f.Conversations = conversation("new", "renewal", false) }, want: Hold},
		{name: "open", change: func(f *store.NoticeFacts) { f.Conversations = conversation("open", "status", false) }, want: Hold},
		{name: "snoozed", change: func(f *store.NoticeFacts) { f.Conversations = conversation("snoozed", "cancel", false) }, want: Hold},
		{name: "done", change: func(f *store.NoticeFacts) { f.Conversations = conversation("done", "renewal", false) }, want: Send},
		{name: "waits for the patron", change: func(f *store.NoticeFacts) { f.Conversations = conversation("waiting_patron", "renewal", false) }, want: Send},
		{name: "answered, but what was found is not recorded", change: func(f *store.NoticeFacts) { f.Conversations = conversation("done", "returned_claim", true) }, want: Hold},
		{name: "answered yesterday", change: func(f *store.NoticeFacts) { f.AnsweredAt = answered("2026-11-23") }, want: Hold, sendOn: "2026-11-25"},
		{name: "answered on Friday", change: func(f *store.NoticeFacts) { f.AnsweredAt = answered("2026-11-20") }, want: Send},
		{name: "a gap", rules: func(r *Rules) { r.MinGapDays = 7 }, change: func(f *store.NoticeFacts) {
			f.Notices = []store.NoticeRow{told(store.KindDueSoon, 1, "2026-11-23", "2026-11-20", 3)}
		}, want: Hold, sendOn: "2026-11-27"},
		{name: "away, a gentle rung", change: func(f *store.NoticeFacts) { f.Patron.AwayUntil = day("2026-11-27") }, want: Hold, sendOn: "2026-11-30"},
		{name: "paused", day: Day{Date: base.Date, Paused: true}, want: Hold},
		{name: "old records", day: Day{Date: base.Date, Stale: "too old"}, want: Hold},
		{name: "ILLiad sends it", rules: func(r *Rules) { r.ILLiad = true }, want: Hold},
		{name: "ILLiad's is off", rules: func(r *Rules) { r.ILLiad, r.OffInILLiad = true, []string{"overdue"} }, want: Send},
		{name: "off", rules: func(r *Rules) { r.Mode = ModeOff }, want: Skip},
		{name: "by hand", change: func(f *store.NoticeFacts) {
			f.ByHand = []store.HandLetter{{Template: "overdue", SentAt: answered("2026-11-24")}}
		}, want: Skip},
		{name: "another letter by hand", change: func(f *store.NoticeFacts) {
			f.ByHand = []store.HandLetter{{Template: "reply-fees", SentAt: answered("2026-11-24")}}
		}, want: Send},
	} {
		r, f, on := *rules, loan("2026-11-23"), base
		if c.rules != nil {
			c.rules(&r)
		}
		if c.change != nil {
			c.change(f)
		}
		if !c.day.Date.IsZero() {
			on = c.day
		}
		ds := Decide(on, &r, f)
		if len(ds) != 1 || ds[0].Action != c.want {
			t.Errorf("%s: %s (%v), want %s", c.name, decided(ds), ds, c.want)
			continue
		}
		if c.sendOn != "" && ds[0].SendOn != day(c.sendOn) {
			t.Errorf("%s: goes on %s, want %s", c.name, ds[0].SendOn, c.sendOn)
		}
		if ds[0].Reason == "" {
			t.Errorf("%s: no reason", c.name)
		}
	}
	// A cancellation waits for no conversation and no fresh records.
	f := cancelled("2026-11-23", "No lenders")
	f.Conversations, f.AnsweredAt = conversation("open", "status", false), answered("2026-11-23")
	if got := decided(Decide(Day{Date: base.Date, Stale: "too old"}, rules, f)); got != "cancellation 1 send" {
		t.Errorf("a cancellation: %q", got)
	}
	// The sterner rungs do not wait until the patron is back.
	f = loan("2026-11-16")
	f.Patron.AwayUntil = day("2026-12-27")
	if got := decided(Decide(base, rules, f)); got != "overdue 2 send" {
		t.Errorf("rung 2 to someone away: %q", got)
	}
}

// What waits and is no longer due ends with the reason.
func TestWhatWaitedEnds(t *testing.T) {
	held := func(kind store.NoticeKind, cycle string) store.NoticeRow {
		return store.NoticeRow{TransactionID: 1, Kind: kind, Rung: 1, Cycle: day(cycle), State: store.NoticeHeld, PlannedOn: day("2026-11-20")}
	}
	for _, c := range []struct {
		name   string
		facts  *store.NoticeFacts
		row    store.NoticeRow
		reason string
	}{
		{"returned", wanted("Request Finished", "2026-11-23", store.StateFinished), held(store.KindOverdue, "2026-11-19"), "returned"},
		{"renewed", loan("2026-12-23"), held(store.KindOverdue, "2026-11-19"), "renewed: due on 2026-12-23"},
		{"moved", wanted("Request Sent", "2026-11-23", store.StateSent), held(store.KindDelay, "2026-11-10"), "it moved"},
		{"too old", cancelled("2026-11-03", ""), held(store.KindCancellation, "2026-11-03"), "patron not told"},
		{"past", loan("2026-11-23"), held(store.KindDueSoon, "2026-11-23"), "the due date has passed"},
	} {
		c.facts.Notices = []store.NoticeRow{c.row}
		ds := Decide(Day{Date: day("2026-11-24")}, testRules(t), c.facts)
		i := slices.IndexFunc(ds, func(d Decision) bool { return d.Kind == c.row.Kind && d.Cycle == c.row.Cycle })
		if i < 0 || ds[i].State != store.NoticeSkipped || !strings.Contains(ds[i].Reason, c.reason) {
			t.Errorf("%s: %v, want skipped with %q", c.name, ds, c.reason)
		}
	}
}
