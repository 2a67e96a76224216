package illiad

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

func newOffice(t testing.TB, db *store.DB) store.Office {
	t.Helper()
	o, err := db.EnsureOffice(t.Context(), store.Office{Code: "healey", Name: "Healey", Address: "ill@example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func export(tns ...int) string {
	var b strings.Builder
	b.WriteString("transaction_number,status,username\n")
	for _, tn := range tns {
		fmt.Fprintf(&b, "%d,Request Sent,user%d\n", tn, tn)
	}
	return b.String()
}

// write puts a file there that has not changed for a while.
func write(t *testing.T, path, content string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func pickUp(t *testing.T, s *FileSource, want int) {
	t.Helper()
	n, err := s.PickUp(t.Context())
	if err != nil || n != want {
		t.Errorf("picked up %d exports, %v; want %d", n, err, want)
	}
}

func known(t *testing.T, db *store.DB, office int64, tns ...int64) int {
	t.Helper()
	ts, err := db.TransactionsByNumber(t.Context(), office, tns)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, tx := range ts {
		if tx.ClosedAt == nil {
			n++
		}
	}
	return n
}

func sourceHealth(t *testing.T, db *store.DB, office int64) store.Health {
	t.Helper()
	hs, err := db.Health(t.Context(), office)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hs {
		if h.Part == "source" {
			return h
		}
	}
	t.Fatal("the source has no health")
	panic("unreachable")
}

var quiet = slog.New(slog.DiscardHandler)

func TestFileSourcePath(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	path := filepath.Join(t.TempDir(), "transactions.csv")
	source := func() *FileSource {
		return &FileSource{DB: db, OfficeID: o.ID, Path: path, Full: true, Settle: 50 * time.Millisecond, Log: quiet}
	}
	s := source()
	if _, err := s.PickUp(t.Context()); err == nil {
		t.Error("picked up a file that is not there")
	}
	if h := sourceHealth(t, db, o.ID); h.OK || !strings.Contains(h.Detail, path) {
		t.Errorf("health %+v", h)
	}

	write(t, path, export(1, 2, 3), time.Minute)
	pickUp(t, s, 1)
	pickUp(t, s, 0)
	pickUp(t, source(), 0) // another process, or after a restart
	if h := sourceHealth(t, db, o.ID); !h.OK {
		t.Errorf("health %+v", h)
	}
	// Renamed into place just now: it settles and is read. The time alone is nothing new.
	write(t, path+".new", export(1, 2, 3, 4), 0)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	pickUp(t, s, 1)
	write(t, path, export(1, 2, 3, 4), time.Minute)
	pickUp(t, s, 0)
	if n := known(t, db, o.ID, 1, 2, 3, 4); n != 4 {
		t.Errorf("%d transactions", n)
	}

	// Half of it is gone: taken in, nothing closed, asked about; confirmed, closed.
	write(t, path, export(1, 2), time.Minute)
	pickUp(t, s, 1)
	if h := sourceHealth(t, db, o.ID); h.OK || !strings.Contains(h.Detail, "2 open requests where there were 4") || known(t, db, o.ID, 1, 2, 3, 4) != 4 {
		t.Errorf("health %+v", h)
	}
	if err := db.ConfirmShrink(t.Context(), o.ID, "amy"); err != nil {
		t.Fatal(err)
	}
	pickUp(t, s, 1)
	pickUp(t, s, 0)
	if n := known(t, db, o.ID, 1, 2, 3, 4); n != 2 {
		t.Errorf("%d transactions are open", n)
	}
}

func TestFileSourceLeavesHalfWrittenFiles(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	path := filepath.Join(t.TempDir(), "transactions.csv")
	s := &FileSource{DB: db, OfficeID: o.ID, Path: path, Settle: 300 * time.Millisecond, Log: quiet}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, export(1, 2))
	written := make(chan struct{})
	go func() { // the export goes on while the source watches
		defer close(written)
		for n := 3; n < 60; n++ {
			fmt.Fprintf(f, "%d,Request Sent,user%d\n", n, n)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	pickUp(t, s, 0)
	<-written
	if n := known(t, db, o.ID, 1, 2); n != 0 {
		t.Errorf("%d rows of a half-written file were taken in", n)
	}
	pickUp(t, s, 1)

	// One that changes between hashing and reading is not taken in either.
	old := strings.NewReader(export(5))
	r := &sameBytes{f: old, same: func() bool { return false }}
	if _, err := importRows(t.Context(), db, o.ID, r, "x", nil, FileOptions{}); err == nil || !strings.Contains(err.Error(), errChanging.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestFileSourceFolder(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	dir := t.TempDir()
	s := &FileSource{DB: db, OfficeID: o.ID, Path: dir, Settle: 10 * time.Millisecond, Log: quiet}
	pickUp(t, s, 0)
	if h := sourceHealth(t, db, o.ID); h.OK {
		t.Errorf("health %+v", h)
	}
	write(t, filepath.Join(dir, "b.csv"), export(1), 3*time.Minute)
	write(t, filepath.Join(dir, "a.csv"), strings.ReplaceAll(export(1), "Request Sent", "Request Finished"), 2*time.Minute)
	write(t, filepath.Join(dir, ".hidden.csv"), export(7), time.Minute)
	write(t, filepath.Join(dir, "c.csv.part"), export(8), time.Minute)
	write(t, filepath.Join(dir, "c.jsonl"), `{"transaction_number":9,"username":"u","status":"Request Sent"}`, time.Minute)
	pickUp(t, s, 3)
	pickUp(t, s, 0)
	if n := known(t, db, o.ID, 1, 7, 8, 9); n != 2 {
		t.Errorf("%d transactions", n)
	}
	if tx, _ := db.TransactionByNumber(t.Context(), o.ID, 1); tx.State != store.StateFinished {
		t.Errorf("the newer export does not count: %+v", tx)
	}

	full := &FileSource{DB: db, OfficeID: o.ID, Path: t.TempDir(), Full: true, Settle: 10 * time.Millisecond, Log: quiet}
	write(t, filepath.Join(full.Path, "1.csv"), export(20), 2*time.Minute)
	write(t, filepath.Join(full.Path, "2.csv"), export(9, 21), time.Minute)
	pickUp(t, full, 1)
	if n := known(t, db, o.ID, 20, 21); n != 1 {
		t.Error("an older full export was taken in")
	}
}

func TestFileSourceRefresh(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	path := filepath.Join(t.TempDir(), "transactions.csv")
	s := &FileSource{DB: db, OfficeID: o.ID, Path: path, MaxAge: time.Hour, Log: quiet}
	write(t, path, export(1), time.Minute)
	if err := s.Refresh(t.Context(), o.ID, []int64{1}); err == nil || known(t, db, o.ID, 1) != 1 {
		t.Errorf("got %v: with a limit of age the file vouches for nothing, but is read", err)
	}
	s.MaxAge = 0
	if err := s.Refresh(t.Context(), o.ID, []int64{1}); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Refresh(ctx, o.ID, nil); err == nil {
		t.Error("refreshed after the end")
	}
}
