package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"illmail/store"
	"illmail/store/storetest"
)

// rulesIn are the names of an office's rules in their order.
func rulesIn(t *testing.T, db *store.DB, officeID int64) (names []string, rules []store.RoutingRule) {
	t.Helper()
	rules, err := db.RoutingRules(t.Context(), officeID)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rules {
		names = append(names, r.Name)
		if r.Position != i+1 {
			t.Errorf("the rule %s has place %d, want %d", r.Name, r.Position, i+1)
		}
	}
	return names, rules
}

func TestRoutingRulesKeepTheirOrder(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	office, _ := fileTalks(t, db, 1)
	ana := store.Actor{Name: "ana"}
	save := func(r store.RoutingRule) int64 {
		t.Helper()
		r.OfficeID, r.Enabled, r.Label = office.ID, true, "x"
		id, err := db.SaveRoutingRule(ctx, r, ana)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a, b, c := save(store.RoutingRule{Name: "a"}), save(store.RoutingRule{Name: "b"}), save(store.RoutingRule{Name: "c", Position: 1})
	if got, _ := rulesIn(t, db, office.ID); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("the order is %v", got)
	}
	for _, step := range []struct {
		id int64
		by int
	}{{b, -1}, {c, 1}, {c, 5}, {a, 0}} {
		if err := db.MoveRoutingRule(ctx, office.ID, step.id, step.by, ana); err != nil {
			t.Fatal(err)
		}
	}
	got, rules := rulesIn(t, db, office.ID)
	if !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("moved, the order is %v", got)
	}

	// Of two who edit one rule, the second is told.
	r := rules[1]
	r.Name = "a, by Ana"
	save(r)
	if _, err := db.SaveRoutingRule(ctx, r, ana); !errors.Is(err, store.ErrConflict) {
		t.Errorf("saving an older version: %v", err)
	}
	r.ID = 999
	if _, err := db.SaveRoutingRule(ctx, r, ana); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("saving what is not there: %v", err)
	}
	if err := db.DeleteRoutingRule(ctx, office.ID, a, ana); err != nil {
		t.Fatal(err)
	}
	if got, _ := rulesIn(t, db, office.ID); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("after deleting, the order is %v", got)
	}
	if err := db.SwitchRoutingRule(ctx, office.ID+1, b, false, ana); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another office's rule: %v", err)
	}
}

func TestOfficeQueues(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	office, ids := fileTalks(t, db, 6)
	other, err := db.EnsureOffice(ctx, store.Office{Code: "o", Name: "O", Address: "ill@o.example"})
	if err != nil {
		t.Fatal(err)
	}
	ana := store.Actor{Name: "ana"}
	faculty, err := db.AddOfficeQueue(ctx, office.ID, "Faculty", ana)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.AddOfficeQueue(ctx, office.ID, "FACULTY", ana); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second Faculty: %v", err)
	}
	foreign, err := db.AddOfficeQueue(ctx, other.ID, "Faculty", ana)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[:3] {
		if err := db.MoveToQueue(ctx, id, faculty, ana); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.MoveToQueue(ctx, ids[0], foreign, ana); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("into another office's queue: %v", err)
	}
	if err := db.CloseConversation(ctx, ids[2], 0, ana, ""); err != nil {
		t.Fatal(err)
	}
	list, err := db.OfficeQueues(ctx, office.ID)
	if err != nil || len(list) != 1 || list[0].Waiting != 2 || list[0].Office != "h" {
		t.Errorf("the queues are %+v, %v", list, err)
	}
	for _, c := range []struct {
		f    store.ListFilter
		want int
	}{
		{store.ListFilter{Tab: store.TabQueue, QueueID: faculty}, 2},
		{store.ListFilter{Tab: store.TabNeedsAnswer, QueueID: faculty}, 2},
		{store.ListFilter{Tab: store.TabNeedsAnswer, QueueID: store.NoQueue}, 3},
		{store.ListFilter{Tab: store.TabNeedsAnswer}, 5},
		{store.ListFilter{Tab: store.TabDone, QueueID: faculty}, 1},
		{store.ListFilter{Tab: store.TabQueue, QueueID: foreign}, 0},
	} {
		page, err := db.ListConversations(ctx, c.f)
		if err != nil || len(page.Rows) != c.want {
			t.Errorf("%+v shows %d, want %d; %v", c.f, len(page.Rows), c.want, err)
		}
	}

	rule := store.RoutingRule{OfficeID: office.ID, Name: "r", Enabled: true, QueueID: &foreign}
	if _, err := db.SaveRoutingRule(ctx, rule, ana); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a rule into another office's queue: %v", err)
	}
	rule.QueueID = &faculty
	ruleID, err := db.SaveRoutingRule(ctx, rule, ana)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteOfficeQueue(ctx, office.ID, faculty, ana); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a queue that a rule uses: %v", err)
	}
	if err := db.DeleteRoutingRule(ctx, office.ID, ruleID, ana); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteOfficeQueue(ctx, office.ID, faculty, ana); err != nil {
		t.Fatal(err)
	}
	if q, err := db.Item(ctx, ids[0]); err != nil || q.QueueID != nil {
		t.Errorf("without the queue it stands as %+v, %v", q, err)
	}
}

// TestUndoSurvivesADeletedQueue: what is put back is not put into a queue that
// is gone.
func TestUndoSurvivesADeletedQueue(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	office, ids := fileTalks(t, db, 2)
	tom, err := db.AddStaff(ctx, store.Staff{Username: "tom", Role: store.RoleStaff}, "")
	if err != nil {
		t.Fatal(err)
	}
	actor := store.Actor{StaffID: tom.ID, Name: "tom"}
	queue, err := db.AddOfficeQueue(ctx, office.ID, "Invoices", actor)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := db.MoveToQueue(ctx, id, queue, actor); err != nil {
			t.Fatal(err)
		}
	}
	conv, err := db.MergeConversations(ctx, ids[0], ids[1], actor)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteOfficeQueue(ctx, office.ID, queue, actor); err != nil {
		t.Fatal(err)
	}
	u, err := db.LastUndo(ctx, conv, tom.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.UndoLast(ctx, u.ID, actor); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if q, err := db.Item(ctx, id); err != nil || q.QueueID != nil || q.State != store.ItemNew {
			t.Errorf("conversation %d stands as %+v, %v", id, q, err)
		}
	}
}

func TestListOrders(t *testing.T) {
	db := storetest.New(t)
	const n = 11
	_, ids := fileTalks(t, db, n)
	for _, sort := range []store.ListSort{store.SortUrgent, store.SortWaiting, store.SortNewest} {
		var last store.ListRow
		seen := map[int64]bool{}
		f := store.ListFilter{Tab: store.TabNeedsAnswer, Sort: sort, Limit: 3}
		for {
			page, err := db.ListConversations(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Rows {
				seen[r.ID] = true
				wrong := sort == store.SortUrgent && before(r, last) || sort == store.SortWaiting && r.WaitingSince.Before(last.WaitingSince) ||
					sort == store.SortNewest && r.WaitingSince.After(last.WaitingSince)
				if last.ID != 0 && wrong {
					t.Errorf("%q: conversation %d stands after %d", sort, r.ID, last.ID)
				}
				last = r
			}
			if f.After = page.Next; f.After == "" {
				break
			}
		}
		if len(seen) != len(ids) {
			t.Errorf("%q shows %d of %d", sort, len(seen), len(ids))
		}
	}
	if _, err := db.ListConversations(t.Context(), store.ListFilter{Tab: store.TabAll, Sort: "colour"}); err == nil {
		t.Error("an order that there is not was taken")
	}
}

func TestSavedViews(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	var people []store.Staff
	for _, name := range []string{"ana", "tom"} {
		s, err := db.AddStaff(ctx, store.Staff{Username: name, Role: store.RoleStaff}, "")
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, s)
	}
	ana, tom := people[0].ID, people[1].ID
	save := func(staff int64, name, query string, shared bool) int64 {
		t.Helper()
		id, err := db.SaveView(ctx, store.SavedView{StaffID: staff, Name: name, Query: query, Shared: shared})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	names := func(staff int64) (list []string) {
		t.Helper()
		views, err := db.SavedViews(ctx, staff)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			list = append(list, v.Name+" "+v.Query)
		}
		return list
	}
	shared := save(ana, "Recalls", "intent=recall", true)
	own := save(tom, "mine", "tab=mine", false)
	if again := save(tom, "Mine", "sort=newest&tab=mine", false); again != own {
		t.Errorf("the same name makes another view: %d, %d", own, again)
	}
	save(tom, "other", "label=x", false)
	if got := names(tom); !slices.Equal(got, []string{"Mine sort=newest&tab=mine", "other label=x", "Recalls intent=recall"}) {
		t.Errorf("Tom has %q", got)
	}
	if got := names(ana); !slices.Equal(got, []string{"Recalls intent=recall"}) {
		t.Errorf("Ana has %q", got)
	}
	if err := db.RenameView(ctx, own, tom, "OTHER"); !errors.Is(err, store.ErrExists) {
		t.Errorf("two views of one name: %v", err)
	}
	if err := db.DeleteView(ctx, shared, tom); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Tom threw away Ana's view: %v", err)
	}
	if err := db.DeleteView(ctx, own, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("someone threw away a view that is not shared: %v", err)
	}
	if err := errors.Join(db.RenameView(ctx, shared, 0, "Lenders want it back"), db.DeleteView(ctx, own, tom)); err != nil {
		t.Fatal(err)
	}
	if got := names(tom); !slices.Equal(got, []string{"Lenders want it back intent=recall", "other label=x"}) {
		t.Errorf("in the end Tom has %q", got)
	}
}

// TestRulePlacesWhatNobodyHas: a rule places a conversation in the same commit,
// as the rule stands then, and leaves alone what a colleague has.
func TestRulePlacesWhatNobodyHas(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	in := newInbox(t, db, "h")
	ana, tom := newStaff(t, db, "ana"), newStaff(t, db, "tom")
	queue, err := db.AddOfficeQueue(ctx, in.office.ID, "Faculty", ana)
	if err != nil {
		t.Fatal(err)
	}
	rule := store.RoutingRule{OfficeID: in.office.ID, Name: "Faculty renewals", Enabled: true, QueueID: &queue, AssigneeID: &tom.StaffID, Label: "rush"}
	if rule.ID, err = db.SaveRoutingRule(ctx, rule, ana); err != nil {
		t.Fatal(err)
	}
	put := func(id string, refs ...string) (int64, store.QueueItem) {
		f := ask(id, refs...)
		f.RuleID = rule.ID
		conv := in.put(noon, f).ConversationID
		return conv, in.item(conv)
	}
	why := func(conv int64) (texts []string) {
		st, err := db.ReadStory(ctx, conv)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range st.Messages {
			texts = append(texts, m.Rule)
		}
		return texts
	}
	placed, q := put("a@x")
	if q.QueueID == nil || *q.QueueID != queue || q.AssignedTo == nil || *q.AssignedTo != tom.StaffID || q.Label != "rush" || q.State != store.ItemNew {
		t.Errorf("it stands as %+v", q)
	}
	events, err := db.Events(ctx, "conversation", placed)
	if err != nil || len(events) != 2 || events[0].What != "put into Faculty, assigned to tom, labelled rush" || events[0].Why != "rule Faculty renewals" {
		t.Errorf("the events are %+v, %v", events, err)
	}
	if got := why(placed); !slices.Equal(got, []string{"Faculty renewals: put into Faculty, assigned to tom, labelled rush"}) {
		t.Errorf("why: %q", got)
	}

	// Ana takes one and moves another before more mail comes.
	for id, take := range map[string]func(conv int64) error{
		"assigned":   func(c int64) error { return db.Assign(ctx, c, ana.StaffID, tom.StaffID, ana) },
		"unassigned": func(c int64) error { return db.Assign(ctx, c, 0, tom.StaffID, ana) },
		"moved":      func(c int64) error { return db.MoveToQueue(ctx, c, 0, ana) },
		"labelled":   func(c int64) error { return db.LabelConversation(ctx, c, "", ana) },
	} {
		conv, _ := put(id + "@x")
		if err := take(conv); err != nil {
			t.Fatal(err)
		}
		before := in.item(conv)
		again, after := put(id+"2@x", id+"@x")
		if again != conv || !same(before.AssignedTo, after.AssignedTo) || !same(before.QueueID, after.QueueID) || before.Label != after.Label {
			t.Errorf("%s: it stood as %+v and stands as %+v", id, before, after)
		}
		if got := why(conv); len(got) != 2 || got[1] != "Faculty renewals: left where it is: a colleague has it" {
			t.Errorf("%s: why: %q", id, got)
		}
	}

	// An account that was disabled gets nothing, and what needs nobody stays.
	if err := db.DisableStaff(ctx, "tom", noon); err != nil {
		t.Fatal(err)
	}
	if _, q := put("b@x"); q.AssignedTo != nil || q.QueueID == nil {
		t.Errorf("without Tom it stands as %+v", q)
	}
	thanks := ask("thanks@x")
	thanks.NeedsStaff, thanks.RuleID = false, rule.ID
	if q := in.item(in.put(noon, thanks).ConversationID); q.State != store.ItemDone || q.QueueID != nil {
		t.Errorf("thanks stand as %+v", q)
	}
	for _, change := range []func() error{
		func() error { return db.SwitchRoutingRule(ctx, in.office.ID, rule.ID, false, ana) },
		func() error { return db.DeleteRoutingRule(ctx, in.office.ID, rule.ID, ana) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if conv, q := put(fmt.Sprintf("gone%p@x", change)); q.QueueID != nil || why(conv)[0] != "" {
			t.Errorf("by a rule that is not in force it stands as %+v", q)
		}
	}
}

func same(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
