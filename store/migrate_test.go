package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"illmail/store"
	"illmail/store/storetest"
)

func openEmpty(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestMigrateTwiceAndAtOnce(t *testing.T) {
	db := openEmpty(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := db.Migrate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := store.AppliedMigrations(t, db); len(got) != store.SchemaVersion() {
		t.Errorf("applied %v, want %d steps", got, store.SchemaVersion())
	}
}

func TestMigrateStepByStep(t *testing.T) {
	one := fstest.MapFS{"m/0001_a.sql": {Data: []byte(`CREATE TABLE a (n int)`)}}
	two := fstest.MapFS{"m/0001_a.sql": one["m/0001_a.sql"], "m/0002_b.sql": {Data: []byte(`CREATE TABLE b (n int); INSERT INTO b VALUES (1)`)}}
	broken := fstest.MapFS{"m/0001_a.sql": one["m/0001_a.sql"], "m/0002_b.sql": {Data: []byte(`CREATE TABLE b (n int); SELECT 1/0`)}}
	changed := fstest.MapFS{"m/0001_a.sql": {Data: []byte(`CREATE TABLE a (n bigint)`)}}
	gap := fstest.MapFS{"m/0001_a.sql": one["m/0001_a.sql"], "m/0003_c.sql": one["m/0001_a.sql"]}

	db := openEmpty(t)
	for _, step := range []struct {
		what string
		fs   fstest.MapFS
		want string // in the error; "" = none
	}{
		{"first", one, ""},
		{"broken second", broken, "0002_b"},
		{"second", two, ""}, // and nothing is left of the broken one
		{"newer schema", one, "newer illmail"},
		{"changed first", changed, "schema version 2"},
		{"gap", gap, "number 0002 is next"},
	} {
		err := store.MigrateFrom(t.Context(), db, step.fs, "m")
		switch {
		case step.want == "" && err != nil:
			t.Errorf("%s: %v", step.what, err)
		case step.want != "" && (err == nil || !strings.Contains(err.Error(), step.want)):
			t.Errorf("%s: got %v, want an error with %q", step.what, err, step.want)
		}
	}

	db = openEmpty(t)
	if err := store.MigrateFrom(t.Context(), db, one, "m"); err != nil {
		t.Fatal(err)
	}
	err := store.MigrateFrom(t.Context(), db, changed, "m")
	if err == nil || !strings.Contains(err.Error(), "0001_a was changed after it was applied") {
		t.Errorf("changed step: got %v", err)
	}
}
