package triage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/triage"
)

func TestRoute(t *testing.T) {
	queue := int64(7)
	renewal := store.RoutedMail{Kind: "patron", Intent: "renewal", Sender: "jdoe3@mail.example.edu", PatronStatus: "Faculty",
		States: []string{"on_loan", "sent"}, Pickups: []string{"Science Library"}, NeedsStaff: true}
	with := func(change func(*store.RoutedMail)) store.RoutedMail {
		m := renewal
		change(&m)
		return m
	}
	system := with(func(m *store.RoutedMail) { m.Kind, m.Intent = "system", "system_update" })
	list := with(func(m *store.RoutedMail) { m.Kind, m.Intent, m.NeedsStaff = "bulk", "", false })
	thanks := with(func(m *store.RoutedMail) { m.Intent, m.NeedsStaff = "thanks", false })
	for name, c := range map[string]struct {
		rule store.RoutingRule
		mail store.RoutedMail
		want bool
	}{
		"no condition fits people's mail":  {store.RoutingRule{}, renewal, true},
		"no condition fits no system":      {store.RoutingRule{}, system, false},
		"a kind that is named":             {store.RoutingRule{Kinds: []string{"system"}}, system, true},
		"another kind":                     {store.RoutingRule{Kinds: []string{"partner", "vendor"}}, renewal, false},
		"thanks need nobody":               {store.RoutingRule{Intents: []string{"thanks"}}, thanks, false},
		"an intent of several":             {store.RoutingRule{Intents: []string{"cancel", "renewal"}}, renewal, true},
		"another intent":                   {store.RoutingRule{Intents: []string{"cancel"}}, renewal, false},
		"the address":                      {store.RoutingRule{Senders: []string{"jdoe3@mail.example.edu"}}, renewal, true},
		"the domain above":                 {store.RoutingRule{Senders: []string{"example.edu"}}, renewal, true},
		"a domain that only ends like it":  {store.RoutingRule{Senders: []string{"ample.edu"}}, renewal, false},
		"an address of the domain":         {store.RoutingRule{Senders: []string{"asmith@mail.example.edu"}}, renewal, false},
		"the status in another case":       {store.RoutingRule{PatronStatuses: []string{"faculty"}}, renewal, true},
		"a status, and no patron is known": {store.RoutingRule{PatronStatuses: []string{"faculty"}}, with(func(m *store.RoutedMail) { m.PatronStatus = "" }), false},
		"the state of one request":         {store.RoutingRule{RequestStates: []string{"sent"}}, renewal, true},
		"no request":                       {store.RoutingRule{RequestStates: []string{store.NoRequest}}, renewal, false},
		"no request, and there is none":    {store.RoutingRule{RequestStates: []string{store.NoRequest}}, with(func(m *store.RoutedMail) { m.States = nil }), true},
		"the pickup location":              {store.RoutingRule{Pickups: []string{"Main Library", "science library"}}, renewal, true},
		"all of them":                      {store.RoutingRule{Intents: []string{"renewal"}, PatronStatuses: []string{"Staff"}}, renewal, false},
		"a list is called up":              {store.RoutingRule{Kinds: []string{"bulk"}, QueueID: &queue}, list, true},
		"a list is only labelled":          {store.RoutingRule{Kinds: []string{"bulk"}, Label: "news"}, list, false},
	} {
		c.rule.Enabled = true
		if got := triage.Route([]store.RoutingRule{c.rule}, c.mail); got != nil != c.want {
			t.Errorf("%s: the rule fits: %v", name, got != nil)
		}
	}
	// The first that fits decides; one that is switched off is none.
	rules := []store.RoutingRule{{ID: 1, Enabled: true, Intents: []string{"cancel"}}, {ID: 2}, {ID: 3, Enabled: true, Intents: []string{"renewal"}}, {ID: 4, Enabled: true}}
	if got := triage.Route(rules, renewal); got == nil || got.ID != 3 {
		t.Errorf("of several rules it is %+v", got)
	}
}

func TestCheckRule(t *testing.T) {
	r := store.RoutingRule{Name: "  Faculty   mail ", Label: " rush ", Senders: []string{"@Example.EDU", " anna@library.example ", "example.edu"}, PatronStatuses: []string{"Faculty", "", "faculty"}}
	if problems := triage.CheckRule(&r); len(problems) > 0 || r.Name != "Faculty mail" || r.Label != "rush" ||
		!slices.Equal(r.Senders[:2], []string{"example.edu", "anna@library.example"}) || !slices.Equal(r.PatronStatuses, []string{"Faculty"}) {
		t.Errorf("%+v: %q", r, problems)
	}
	for want, r := range map[string]store.RoutingRule{
		"Give the rule a name":     {Label: "x"},
		"keep it to 60":            {Label: "x", Name: strings.Repeat("n", 61)},
		"keep it to 30":            {Name: "n", Label: strings.Repeat("l", 31)},
		"Say what happens":         {Name: "n"},
		"“*@x.example” is neither": {Name: "n", Label: "x", Senders: []string{"*@x.example"}},
		"“localhost” is neither":   {Name: "n", Label: "x", Senders: []string{"localhost"}},
		"“a@b@c.example” is":       {Name: "n", Label: "x", Senders: []string{"a@b@c.example"}},
		"kind “auto_reply”":        {Name: "n", Label: "x", Kinds: []string{"auto_reply"}},
	} {
		if problems := triage.CheckRule(&r); len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("want %q, got %q", want, problems)
		}
	}
}

// TestMailIsRouted files mail by rules, and a rehearsal of the same rules says
// the same.
func TestMailIsRouted(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	queues := map[string]*int64{}
	for _, name := range []string{"Renewals", "Invoices", "Rest"} {
		id, err := b.db.AddOfficeQueue(ctx, b.office.ID, name, b.anna)
		if err != nil {
			t.Fatal(err)
		}
		queues[name] = &id
	}
	for _, r := range []store.RoutingRule{
		{Name: "Invoices", Kinds: []string{"bulk", "vendor", "partner"}, Senders: []string{"billing.example"}, QueueID: queues["Invoices"]},
		{Name: "Renewals", Intents: []string{"renewal"}, RequestStates: []string{"on_loan"}, QueueID: queues["Renewals"], AssigneeID: &b.anna.StaffID, Label: "renew"},
		{Name: "Rest", QueueID: queues["Rest"]},
	} {
		r.OfficeID, r.Enabled = b.office.ID, true
		if problems := triage.CheckRule(&r); len(problems) > 0 {
			t.Fatal(problems)
		}
		if _, err := b.db.SaveRoutingRule(ctx, r, b.anna); err != nil {
			t.Fatal(err)
		}
	}
	b.deliver("INBOX",
		mail("renew@x", "Jane Doe <"+jane+">", "TN 412304", "Hello,\n\ncan I renew TN 412304 for two more weeks?\n\nThanks, Jane"),
		mail("where@x", "Adam Smith <asmith@example.edu>", "TN 412777", "Where is my book TN 412777? When will it arrive?"),
		mail("bill@x", "Library Billing <noreply@lists.billing.example>", "Your statement", "Please find your monthly statement.",
			"List-Id: <statements.billing.example>", "Precedence: bulk", "List-Unsubscribe: <https://billing.example/u>"),
		mail("news@x", "news@vendor.example", "Our newsletter", "Buy our new books, with a discount for libraries.", "List-Id: <news.vendor.example>", "Precedence: bulk",
			"List-Unsubscribe: <https://vendor.example>"),
		mail("auto@x", jane, "Automatic reply: your request", "I am away until January 5, 2027.", "Auto-Submitted: auto-replied"),
	)
	b.take()
	want := map[string]store.QueueLine{
		"renew@x": {Queue: "Renewals", AssignedTo: "anna", Label: "renew", State: store.ItemNew},
		"where@x": {Queue: "Rest", State: store.ItemNew},
		"bill@x":  {Queue: "Invoices", State: store.ItemNew},
		"news@x":  {State: store.ItemDone},
		"auto@x":  {State: store.ItemDone},
	}
	for id, w := range want {
		if l := b.line(id); l.Queue != w.Queue || l.AssignedTo != w.AssignedTo || l.Label != w.Label || l.State != w.State {
			t.Errorf("%s stands as %+v, want %+v", id, l, w)
		}
	}

	rules, err := b.db.RoutingRules(ctx, b.office.ID)
	if err != nil {
		t.Fatal(err)
	}
	now := start.Add(time.Hour)
	h, err := b.desk.Rehearse(ctx, b.office.ID, rules, now)
	if err != nil {
		t.Fatal(err)
	}
	if h.Messages != 5 || h.Conversations != 5 || len(h.Placed) != 3 || h.Fitted[rules[0].ID] != 1 || h.Fitted[rules[1].ID] != 1 || h.Fitted[rules[2].ID] != 1 {
		t.Errorf("the rehearsal says %+v", h)
	}
	for _, p := range h.Placed {
		if !p.Same() || p.Queue != p.Rule.Name {
			t.Errorf("the rehearsal places %+v", p)
		}
	}
	// Rules that are not saved: one fewer, and another order.
	h, err = b.desk.Rehearse(ctx, b.office.ID, []store.RoutingRule{rules[2], rules[1]}, now)
	if err != nil || len(h.Placed) != 2 || h.Fitted[rules[2].ID] != 2 || h.Placed[0].Same() == h.Placed[1].Same() {
		t.Errorf("the rehearsal of others says %+v, %v", h, err)
	}
	if h, err = b.desk.Rehearse(ctx, b.office.ID, rules, start.AddDate(0, 0, 8)); err != nil || h.Messages != 0 {
		t.Errorf("a week later the rehearsal says %+v, %v", h, err)
	}
}
