package notices

import (
	"strings"
	"testing"
	"time"

	"illmail/store"
)

// afternoon is two o'clock of that day in the office.
func afternoon(d string) time.Time { return day(d).At(14, 0, newYork) }

func shelved(on string) *store.NoticeFacts {
	return wanted("Customer Notified via E-Mail", on, store.StateOnShelf)
}

func delivered(on string) *store.NoticeFacts {
	f := wanted("Delivered to Web", on, store.StateDelivered)
	f.Transaction.DeliveryURL, f.Transaction.DeliveryPassword = "https://share.example.org/a/1", "rain"
	return f
}

// The kinds that are off until an office asks for them, one line each. Closed
// are weekends and 2026-11-26.
func TestDecideFurtherKinds(t *testing.T) {
	with := func(f *store.NoticeFacts, change func(f *store.NoticeFacts)) *store.NoticeFacts {
		change(f)
		return f
	}
	says := func(f *store.NoticeFacts, intent, on string, by string) *store.NoticeFacts {
		return with(f, func(f *store.NoticeFacts) {
			f.Lender = append(f.Lender, store.LenderMail{ConversationID: 7, Intent: intent, At: afternoon(on), By: day(by), Waits: true})
		})
	}
	notFound := func(f *store.NoticeFacts, on string) *store.NoticeFacts {
		return with(f, func(f *store.NoticeFacts) { f.NotFound = afternoon(on) })
	}
	leaver := func(due, ends string) *store.NoticeFacts {
		return with(loan(due), func(f *store.NoticeFacts) { f.Patron.AccountEnds = day(ends) })
	}
	asks := func(f *store.NoticeFacts) *store.NoticeFacts {
		return with(f, func(f *store.NoticeFacts) {
			f.Conversations = []store.HoldingConversation{{ConversationID: 3, State: "open", Intent: "renewal"}}
		})
	}
	before := func(f *store.NoticeFacts, rows ...store.NoticeRow) *store.NoticeFacts {
		f.Notices = rows
		return f
	}
	rules := testRules(t, "2026-11-26")
	rules.PickupDays, rules.PickupKeepDays = []int{0, 5}, 7
	rules.DeliveryDays, rules.InTransitDays, rules.ClaimDays, rules.LeavingDays = []int{0, 25}, []int{5}, []int{0}, []int{14, 3}
	rules.OverdueEveryDays = 14
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		on     string
		facts  *store.NoticeFacts
		want   string
		reason string
	}{
		{"on the shelf today", "2026-11-23", shelved("2026-11-23"), "pickup 1 send", "0 open days on the hold shelf, until 2026-12-03"},
		{"shelved on Saturday", "2026-11-23", shelved("2026-11-21"), "pickup 1 send", ""},
		{"still there", "2026-12-01", before(shelved("2026-11-23"), told(store.KindPickup, 1, "2026-11-23", "2026-11-23", 0)), "pickup 2 send", "5 open days"},
		{"not before five open days", "2026-11-30", before(shelved("2026-11-23"), told(store.KindPickup, 1, "2026-11-23", "2026-11-23", 0)), "", ""},
		{"a status that moves on the shelf is no second arrival", "2026-11-24", before(shelved("2026-11-24"), told(store.KindPickup, 1, "2026-11-23", "2026-11-23", 0)), "", ""},
		{"gone from the shelf", "2026-12-04", shelved("2026-11-23"), "", ""},
		{"a question does not hold it", "2026-11-23", asks(shelved("2026-11-23")), "pickup 1 send", ""},
		{"collected", "2026-12-01", with(shelved("2026-11-23"), func(f *store.NoticeFacts) { f.Transaction.State = store.StateOnLoan }), "", ""},

		{"delivered", "2026-11-23", delivered("2026-11-23"), "delivery 1 send", "until 2026-12-23"},
		{"soon gone", "2026-12-18", before(delivered("2026-11-23"), told(store.KindDelivery, 1, "2026-11-23", "2026-11-23", 0)), "delivery 2 send", "25 days"},
		{"the lender wrote about it", "2026-11-23", says(delivered("2026-11-23"), "lender_shipped", "2026-11-23", ""), "delivery 1 hold", "lender's mail"},
		{"on paper only", "2026-11-23", with(delivered("2026-11-23"), func(f *store.NoticeFacts) { f.Transaction.PrintOnly = true }), "delivery 1 hold", "on paper only"},
		{"on paper only", "2026-11-23", with(delivered("2026-11-23"), func(f *store.NoticeFacts) { f.Transaction.PrintOnly = true }), "delivery 1 hold", "on paper"},
		{"delivered long ago", "2026-12-24", delivered("2026-11-23"), "", ""},

		{"shipped, and not here after five open days", "2026-11-23", says(wanted("Request Sent", "2026-11-10", store.StateSent), "lender_shipped", "2026-11-16", ""), "delay 1 hold; in_transit 1 send", "shipped it on 2026-11-16"},
		{"after four", "2026-11-20", says(wanted("Request Sent", "2026-11-16", store.StateSent), "lender_shipped", "2026-11-16", ""), "", ""},
		{"moved since it was shipped", "2026-11-24", says(wanted("Request Sent", "2026-11-18", store.StateSent), "lender_shipped", "2026-11-16", ""), "", ""},
		{"staff accepted that it is on its way", "2026-11-23", with(says(wanted("Request Sent", "2026-11-10", store.StateSent), "lender_shipped", "2026-11-16", ""), func(f *store.NoticeFacts) {
			f.Transaction.State = store.StateInTransit
		}), "in_transit 1 send", ""},
		{"what is being unpacked is here", "2026-11-24", wanted("Awaiting Post Receipt Processing", "2026-11-10", store.StateInTransit), "", ""},

		{"recalled: someone must look first", "2026-11-23", says(loan("2026-12-24"), "recall", "2026-11-20", "2026-12-01"), "recall 1 send", "confirm"},
		{"recalled on Saturday", "2026-11-22", says(loan("2026-12-24"), "recall", "2026-11-21", ""), "recall 1 hold", "closed day"},
		{"overdue at the lender's, although a renewal is asked", "2026-11-23", asks(says(loan("2026-12-24"), "lender_overdue", "2026-11-20", "")), "recall 2 send", "overdue"},
		{"recalled in the ILL system, too", "2026-11-23", with(says(loan("2026-12-24"), "recall", "2026-11-20", ""), func(f *store.NoticeFacts) {
			f.Transaction.State, f.Transaction.Status = store.StateInHands, "Awaiting Recalled Processing"
		}), "recall 1 send", ""},
		{"recalled and returned", "2026-11-23", with(says(loan("2026-12-24"), "recall", "2026-11-20", ""), func(f *store.NoticeFacts) { f.Transaction.State = store.StateReturned }), "", ""},
		{"the patron was told of an earlier mail", "2026-11-23", before(says(loan("2026-12-24"), "recall", "2026-11-20", ""), told(store.KindRecall, 1, "2026-11-16", "2026-11-16", 0)), "recall 1 skip", "was told on 2026-11-16"},
		{"a lender that wrote long ago", "2026-12-14", says(loan("2026-12-24"), "recall", "2026-11-20", ""), "", ""},

		{"looked in vain", "2026-11-23", notFound(loan("2026-12-24"), "2026-11-23"), "claim 1 send", "not found on 2026-11-23"},
		{"claims returned", "2026-11-23", notFound(with(loan("2026-12-24"), func(f *store.NoticeFacts) { f.Transaction.State = store.StateClaimsReturned }), "2026-11-20"), "claim 1 send", ""},
		{"and turned up", "2026-11-23", notFound(with(loan("2026-12-24"), func(f *store.NoticeFacts) { f.Transaction.State = store.StateReturned }), "2026-11-20"), "", ""},

		{"leaves in two weeks", "2026-11-23", leaver("2026-12-24", "2026-12-07"), "leaving 1 send", "ends on 2026-12-07"},
		{"not yet", "2026-11-20", leaver("2026-12-24", "2026-12-07"), "", ""},
		{"leaves after it is due", "2026-11-23", leaver("2026-12-04", "2026-12-07"), "", ""},
		{"left", "2026-12-08", leaver("2026-12-24", "2026-12-07"), "", ""},

		{"then every fourteen days", "2026-12-15", before(loan("2026-11-02"), told(store.KindOverdue, 4, "2026-11-02", "2026-11-30", 28)), "overdue 5 send", "43 days"},
		{"not before", "2026-12-11", before(loan("2026-11-02"), told(store.KindOverdue, 4, "2026-11-02", "2026-11-30", 28)), "", ""},
		{"and again", "2026-12-28", before(loan("2026-11-02"), told(store.KindOverdue, 5, "2026-11-02", "2026-12-14", 42)), "overdue 6 send", ""},

		{"away: the gentle one waits", "2026-11-24", with(loan("2026-11-23"), func(f *store.NoticeFacts) { f.Patron.AwayUntil = day("2026-11-29") }), "overdue 1 hold", "away until 2026-11-29"},
		{"the stern one does not", "2026-11-24", with(loan("2026-11-16"), func(f *store.NoticeFacts) { f.Patron.AwayUntil = day("2026-11-29") }), "overdue 2 send", ""},
		{"nor does what waits on the shelf", "2026-11-23", with(shelved("2026-11-23"), func(f *store.NoticeFacts) { f.Patron.AwayUntil = day("2026-11-29") }), "pickup 1 send", ""},
		{"a cancellation told by hand", "2026-11-23", with(cancelled("2026-11-20", "No lenders found"), func(f *store.NoticeFacts) {
			f.ByHand = []store.HandLetter{{Template: "cancel-no-lender", SentAt: afternoon("2026-11-20")}}
		}), "cancellation 1 skip", "by hand"},
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
	quiet := testRules(t, "2026-11-26")
	for _, f := range []*store.NoticeFacts{shelved("2026-11-23"), delivered("2026-11-23"), notFound(loan("2026-12-24"), "2026-11-23"), leaver("2026-12-24", "2026-12-07")} {
		if got := Decide(Day{Date: day("2026-11-23")}, quiet, f); len(got) != 0 {
			t.Errorf("an office that asks for nothing gets %q", decided(got))
		}
	}
	// What the ILL system still sends is held.
	rules.ILLiad = true
	for _, f := range []*store.NoticeFacts{shelved("2026-11-23"), delivered("2026-11-23")} {
		got := Decide(Day{Date: day("2026-11-23")}, rules, f)
		if len(got) != 1 || got[0].Action != Hold || !strings.Contains(got[0].Reason, "off_in_illiad") {
			t.Errorf("beside ILLiad's own mail: %+v", got)
		}
	}
}

// What one rule says of some requests stands before what the office says of all.
func TestDecideByRulesOfOnesOwn(t *testing.T) {
	rules := testRules(t)
	rules.Own = []Rule{
		{Name: "faculty", Kind: store.KindOverdue, PatronStatuses: []string{"Faculty"}, Days: []int{14}, Every: 30},
		{Name: "science desk", Kind: store.KindOverdue, PickupLocations: []string{"Science Library"}, Days: []int{2}, OpenDays: true},
		{Name: "films", Kind: store.KindDueSoon, RequestTypes: []string{"Media"}, Mode: ModeOff},
		{Name: "lost in transit", Kind: store.KindInTransit, States: []string{"In Transit to Pickup Location"}, Days: []int{3}, OpenDays: true},
	}
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	is := func(f *store.NoticeFacts, status, desk, kind string) *store.NoticeFacts {
		f.Patron.PatronStatus, f.Transaction.PickupLocation, f.Transaction.RequestType = status, desk, kind
		return f
	}
	for _, c := range []struct {
		on    string
		facts *store.NoticeFacts
		want  string
	}{
		{"2026-11-24", is(loan("2026-11-23"), "Graduate", "", "Loan"), "overdue 1 send"},
		{"2026-11-24", is(loan("2026-11-23"), "faculty", "", "Loan"), ""},
		{"2026-11-24", is(loan("2026-11-10"), "faculty", "Science Library", "Loan"), "overdue 1 send"},
		{"2026-12-24", is(loan("2026-11-10"), "faculty", "", "Loan"), "overdue 2 send"},
		{"2026-11-23", is(loan("2026-11-19"), "Graduate", "Science Library", "Loan"), "overdue 1 send"}, // two open days
		{"2026-11-20", is(loan("2026-11-19"), "Graduate", "Science Library", "Loan"), ""},
		{"2026-11-23", is(loan("2026-11-24"), "Graduate", "", "Media"), ""},
		{"2026-11-23", is(loan("2026-11-24"), "Graduate", "", "Loan"), "due_soon 1 send"},
		{"2026-11-24", wanted("In transit to pickup location", "2026-11-19", store.StateInTransit), "in_transit 1 send"},
		{"2026-11-24", wanted("Awaiting Post Receipt Processing", "2026-11-19", store.StateInTransit), ""},
	} {
		if got := decided(Decide(Day{Date: day(c.on)}, rules, c.facts)); got != c.want {
			t.Errorf("on %s, %s at %q (%s): %q, want %q", c.on, c.facts.Patron.PatronStatus, c.facts.Transaction.PickupLocation, c.facts.Transaction.Status, got, c.want)
		}
	}
}
