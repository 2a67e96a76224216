package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

// fileTalks files n messages of strangers, a conversation each, the first the
// newest; every third names a date.
func fileTalks(t *testing.T, db *store.DB, n int) (store.Office, []int64) {
	t.Helper()
	ctx := t.Context()
	office, err := db.EnsureOffice(ctx, store.Office{Code: "h", Name: "H", Address: "ill@h.example"})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := db.EnsureFolder(ctx, office.ID, "INBOX", "inbox")
	if err != nil {
		t.Fatal(err)
	}
	base := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	var in []store.Incoming
	for i := range n {
		raw := fmt.Sprintf("Subject: mail %d\r\n\r\nbody %d\r\n", i, i)
		in = append(in, store.Incoming{UIDValidity: 1, UID: uint32(i + 1), InternalDate: base.Add(-time.Duration(i/2) * time.Hour), Size: int64(len(raw)), Body: strings.NewReader(raw)})
	}
	if _, err := db.Receive(ctx, folder, in); err != nil {
		t.Fatal(err)
	}
	stored, err := db.ClaimUnfiled(ctx, office.ID, time.Hour, n)
	if err != nil || len(stored) != n {
		t.Fatalf("%d stored, %v", len(stored), err)
	}
	var fs []store.Filing
	for i, u := range stored {
		f := store.Filing{ID: u.ID, MessageID: fmt.Sprintf("m%d@h", i), FromName: fmt.Sprintf("Reader %d", i), FromAddr: fmt.Sprintf("r%d@x.example", i),
			Subject: fmt.Sprintf("mail %d", i), BodyText: "zebra crossing", NewText: "zebra crossing", Kind: "patron", NeedsStaff: true,
			Intents: []store.IntentView{{Intent: "status", P: .9}}}
		if i%3 == 0 {
			f.AnswerBy = store.NewDate(2026, 12, 1+i%4)
		}
		fs = append(fs, f)
	}
	filed, err := db.FileMessages(ctx, office.ID, []string{office.Address}, fs)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, f := range filed {
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		ids = append(ids, f.ConversationID)
	}
	return office, ids
}

func TestListPagesShowEachRowOnce(t *testing.T) {
	db := storetest.New(t)
	const n = 23
	_, ids := fileTalks(t, db, n)
	for _, tab := range []store.ListTab{store.TabNeedsAnswer, store.TabAll} {
		seen := map[int64]bool{}
		var last store.ListRow
		f := store.ListFilter{Tab: tab, Limit: 4}
		for pages := 0; ; pages++ {
			page, err := db.ListConversations(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Rows {
				if seen[r.ID] {
					t.Errorf("%s shows conversation %d twice", tab, r.ID)
				}
				seen[r.ID] = true
				if tab == store.TabNeedsAnswer && last.ID != 0 && before(r, last) {
					t.Errorf("conversation %d stands after %d", r.ID, last.ID)
				}
				last = r
			}
			if page.Next == "" {
				break
			}
			if f.After = page.Next; pages > n {
				t.Fatal("the list has no end")
			}
		}
		if len(seen) != len(ids) {
			t.Errorf("%s shows %d of %d", tab, len(seen), len(ids))
		}
	}
	_, err := db.ListConversations(t.Context(), store.ListFilter{Tab: store.TabDone, After: "x"})
	if !errors.Is(err, store.ErrBadCursor) {
		t.Errorf("a made-up place gives %v", err)
	}
}

// before reports whether a has to stand above b.
func before(a, b store.ListRow) bool {
	switch {
	case a.AnswerBy.IsZero() != b.AnswerBy.IsZero():
		return !a.AnswerBy.IsZero()
	case a.AnswerBy != b.AnswerBy:
		return a.AnswerBy.Before(b.AnswerBy)
	}
	return a.WaitingSince.Before(b.WaitingSince)
}

func TestListTabsAndCounts(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	_, ids := fileTalks(t, db, 6)
	ana, err := db.AddStaff(ctx, store.Staff{Username: "ana", Role: store.RoleStaff}, "")
	if err != nil {
		t.Fatal(err)
	}
	actor := store.Actor{StaffID: ana.ID, Name: "ana"}
	if err := db.Assign(ctx, ids[0], ana.ID, 0, actor); err != nil {
		t.Fatal(err)
	}
	if err := db.CloseConversation(ctx, ids[1], 0, actor, ""); err != nil {
		t.Fatal(err)
	}
	if err := db.SnoozeConversation(ctx, ids[2], 0, time.Now().Add(time.Hour), actor); err != nil {
		t.Fatal(err)
	}
	got, err := db.CountTabs(ctx, 0, ana.ID, store.Hands{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (store.TabCounts{NeedsAnswer: 4, Mine: 1, Unassigned: 3, Snoozed: 1}); got != want {
		t.Errorf("the counts are %+v, want %+v", got, want)
	}
	for tab, want := range map[store.ListTab]int{store.TabNeedsAnswer: 4, store.TabMine: 1, store.TabUnassigned: 3, store.TabSnoozed: 1, store.TabDone: 1, store.TabAll: 6, store.TabMachine: 0} {
		page, err := db.ListConversations(ctx, store.ListFilter{Tab: tab, StaffID: ana.ID})
		if err != nil || len(page.Rows) != want {
			t.Errorf("%s shows %d, want %d; %v", tab, len(page.Rows), want, err)
		}
	}
	page, err := db.ListConversations(ctx, store.ListFilter{Tab: store.TabAll, Query: "zebr"})
	if err != nil || len(page.Rows) != 6 {
		t.Errorf("a search by a word's beginning finds %d, %v", len(page.Rows), err)
	}
	for _, q := range []string{"zebr nothing", "' OR 1=1 --", "&|!():*", "%"} {
		if page, err := db.ListConversations(ctx, store.ListFilter{Tab: store.TabAll, Query: q}); err != nil || len(page.Rows) != 0 {
			t.Errorf("a search for %q finds %d, %v", q, len(page.Rows), err)
		}
	}
}
