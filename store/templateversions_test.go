package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"illmail/store"
	"illmail/store/storetest"
)

func TestTemplateVersions(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o, other := newOffice(t, db, "healey"), newOffice(t, db, "north")
	lin, ana := store.Actor{Name: "lin"}, store.Actor{Name: "ana"}
	words := func(source string) store.TemplateVersion {
		return store.TemplateVersion{OfficeID: o.ID, Name: "overdue", Language: "en", Source: source}
	}
	inForce := func() string {
		t.Helper()
		list, err := db.TemplatesInForce(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		all := ""
		for _, v := range list {
			all += fmt.Sprintf("%s.%s %s by %s for %s;", v.Name, v.Language, v.Source, v.Author, v.ApprovedBy)
		}
		return all
	}
	drafts := func() (ids []int64) {
		t.Helper()
		list, err := db.TemplateDrafts(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			ids = append(ids, v.ID)
		}
		return ids
	}
	propose := func(source string) int64 {
		t.Helper()
		id, err := db.ProposeTemplate(ctx, words(source), lin)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := propose("one")
	if again := propose("one"); again != first {
		t.Errorf("the same words are version %d and %d", first, again)
	}
	if inForce() != "" || fmt.Sprint(drafts()) != fmt.Sprint([]int64{first}) {
		t.Fatalf("a draft is in force (%s), or does not wait: %v", inForce(), drafts())
	}
	if err := db.ApproveTemplate(ctx, other.ID, first, 0, ana); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another office approves it: %v", err)
	}
	if err := db.ApproveTemplate(ctx, o.ID, first, 0, ana); err != nil {
		t.Fatal(err)
	}
	if got := inForce(); got != "overdue.en one by lin for ana;" || len(drafts()) != 0 {
		t.Errorf("in force is %q, and %v wait", got, drafts())
	}
	if err := db.ApproveTemplate(ctx, o.ID, first, first, ana); !errors.Is(err, store.ErrConflict) {
		t.Errorf("approved twice: %v", err)
	}
	second := propose("two")
	if err := db.ApproveTemplate(ctx, o.ID, second, 0, ana); !errors.Is(err, store.ErrConflict) {
		t.Errorf("approved over a version that was not seen: %v", err)
	}
	if err := db.ApproveTemplate(ctx, o.ID, second, first, ana); err != nil {
		t.Fatal(err)
	}
	// The first comes back as a third; what is in force already is no new version.
	for range 2 {
		list, err := db.TemplatesInForce(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PublishTemplate(ctx, words("one"), list[0].ID, ana); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.TemplateVersions(ctx, o.ID, "overdue", "en")
	if err != nil || len(all) != 3 || all[0].Source != "one" || all[2].ID != first || all[0].State != store.TemplateApproved {
		t.Errorf("the versions are %+v, %v", all, err)
	}
	if events, err := db.Events(ctx, "template", second); err != nil || len(events) != 2 || events[1].Actor != "ana" {
		t.Errorf("it was recorded as %+v, %v", events, err)
	}
}

// Of two who approve at once, one is told.
func TestTemplatesAreApprovedOneAtATime(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			v := store.TemplateVersion{OfficeID: o.ID, Name: "overdue", Language: "en", Source: fmt.Sprint("words ", i)}
			errs[i] = db.PublishTemplate(ctx, v, 0, store.Actor{Name: "ana"})
		})
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
		} else if !errors.Is(err, store.ErrConflict) {
			t.Error(err)
		}
	}
	if all, err := db.TemplateVersions(ctx, o.ID, "overdue", "en"); err != nil || good != 1 || len(all) != 1 {
		t.Errorf("%d succeeded, and there are %d versions, %v", good, len(all), err)
	}
}

func TestLanguagesAreApprovedByName(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o := newOffice(t, db, "healey")
	for _, who := range []string{"ana", "tom"} {
		if err := db.ApproveLanguage(ctx, o.ID, "es", store.Actor{Name: who}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.TemplateLanguages(ctx, o.ID)
	if err != nil || len(list) != 1 || list[0].Language != "es" || list[0].ApprovedBy != "ana" || list[0].ApprovedAt.IsZero() {
		t.Errorf("approved are %+v, %v", list, err)
	}
	if err := db.StopLanguage(ctx, o.ID, "es", store.Actor{Name: "tom"}); err != nil {
		t.Fatal(err)
	}
	if list, err := db.TemplateLanguages(ctx, o.ID); err != nil || len(list) != 0 {
		t.Errorf("stopped, there are %+v, %v", list, err)
	}
	events, err := db.Events(ctx, "office", o.ID)
	if err != nil || len(events) != 2 || events[1].What != "letters in es stopped" || events[1].Actor != "tom" {
		t.Errorf("it was recorded as %+v, %v", events, err)
	}
}
