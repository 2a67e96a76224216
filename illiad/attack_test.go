package illiad

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"illmail/store"
	"illmail/store/storetest"
)

// TestHostileRows: whatever one row holds, it is named with its line, and the
// rows before and after it are taken.
func TestHostileRows(t *testing.T) {
	const header, good = "transaction_number,username,status,title,due_date\n", "9,z,Request Sent,after,\n"
	huge := strings.Repeat("x", 10<<20)
	for name, c := range map[string]struct{ content, complaint string }{
		"NUL bytes":              {header + "1,a\x00b,Request Sent,Du\x00ne,\n" + good, ""},
		"a cell of 10 MB":        {header + "1,a,Request Sent," + huge + ",\n" + good, "2: the line is longer than 1 MB"},
		"a quoted one":           {header + "1,a,Request Sent,\"" + huge + "\",\n" + good, "2: the line is longer than 1 MB"},
		"one of many lines":      {header + "1,a,Request Sent,\"" + strings.Repeat("\n", 600) + "\",\n" + good, "2: a quotation mark is not closed"},
		"a long line within it":  {header + "1,a,Request Sent,\"x\n" + huge + "\",\n" + good, "2: a quotation mark is not closed"},
		"a negative number":      {header + "-5,a,Request Sent,x,\n" + good, `2: transaction_number "-5" is not a number`},
		"a number too large":     {header + "99999999999999999999,a,Request Sent,x,\n" + good, `2: transaction_number "99999999999999999999" is not a number`},
		"no such day":            {header + "1,a,Request Sent,x,2026-02-30\n" + good, `2: due_date "2026-02-30" is not a date`},
		"the day first":          {header + "1,a,Request Sent,x,24/11/2026\n" + good, `2: due_date "24/11/2026" is not a date`},
		"two columns of a name":  {"transaction_number,username,status,due_date,DueDate\n1,a,Request Sent,2026-11-24,2026-11-25\n9,z,Request Sent,2026-11-24,2026-11-24\n", "2: due_date stands in two columns of the same name"},
		"a list in JSON":         {`{"transaction_number":1,"username":["a"],"status":"Request Sent"}` + "\n" + `{"transaction_number":"9","username":"z","status":"Request Sent"}`, "1: username is no single value"},
		"null in JSON":           {"{}\nnull\n" + `{"transaction_number":9,"username":"z","status":"Request Sent"}`, "1: there is no transaction number"},
		"two objects on a line":  {`{"transaction_number":1,"username":"a","status":"x"} {"transaction_number":2}` + "\n" + `{"transaction_number":9.0,"username":"z","status":"Request Sent"}`, "1: it is no JSON object on one line: something follows"},
		"a JSON line of 10 MB":   {`{"transaction_number":8,"username":"z","status":"Request Sent"}` + "\n" + `{"transaction_number":1,"title":"` + huge + "\"}\n" + `{"transaction_number":9,"username":"z","status":"Request Sent"}`, "2: the line is longer"},
		"half a JSON line":       {`{"transaction_number":9,"username":"z","status":"Request Sent"}` + "\n" + `{"transaction_number":1,"usern`, "2: it is no JSON object"},
		"a number in scientific": {`{"transaction_number":1e3,"username":"a","status":"x"}` + "\n" + `{"transaction_number":9,"username":"z","status":"Request Sent"}`, `1: transaction_number "1e3" is not a number`},
	} {
		rows, complaints, err := read(t, c.content)
		if err != nil || len(rows) == 0 || rows[len(rows)-1].Transaction.TransactionNumber != 9 {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
			continue
		}
		if c.complaint == "" && len(complaints) > 0 || c.complaint != "" && (len(complaints) == 0 || !strings.HasPrefix(complaints[0], c.complaint)) {
			t.Errorf("%s: got %.300q, want %q", name, complaints, c.complaint)
		}
		want := map[string]int{"one of many lines": 603, "a long line within it": 4}[name]
		if got := rows[len(rows)-1].Line; want != 0 && got != want {
			t.Errorf("%s: the last row is said to stand on line %d, want %d", name, got, want)
		}
	}
	if _, _, err := read(t, huge); err == nil || !strings.Contains(err.Error(), "first line: the line is longer") {
		t.Errorf("got %v", err)
	}
}

// TestWhatTheDatabaseWouldRefuse: text that no index and no search takes is cut
// where it is only read, and its row is named where it is a number or address.
func TestWhatTheDatabaseWouldRefuse(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	dir := t.TempDir()
	path := filepath.Join(dir, "t.csv")
	random := strings.NewReplacer("x", "qz ", "y", "k7").Replace(strings.Repeat("xyyx", 200_000))
	write(t, path, "transaction_number,username,status,title,doi,email\n"+
		"1,a\x00b,Request Sent,"+random[:900_000]+",,\n"+
		"2,b,Request Sent,x,"+random[:5000]+",\n"+
		"3,c,Request Sent,x,,"+strings.Repeat("c", 700)+"@example.edu\n"+
		"4,d,Request Sent,fine,,\n", time.Hour)
	s := &FileSource{DB: db, OfficeID: o.ID, Path: path, Log: slog.New(slog.DiscardHandler)}
	pickUp(t, s, 1)
	got, err := db.TransactionByNumber(t.Context(), o.ID, 1)
	if err != nil || len(got.Title) < 1000 || len(got.Title) > 5000 {
		t.Errorf("%d letters of the title, %v", len(got.Title), err)
	}
	if p, err := db.PatronByUsername(t.Context(), o.ID, "ab"); err != nil || p.ID != got.PatronID {
		t.Errorf("%+v, %v", p, err)
	}
	if n := known(t, db, o.ID, 2, 3, 4); n != 1 {
		t.Errorf("%d of three rows were taken", n)
	}
	h := sourceHealth(t, db, o.ID)
	if h.OK || !strings.Contains(h.Detail, "2 rows of t.csv were left out: line 3: doi of transaction 2") || !strings.Contains(h.Detail, "line 4: email of transaction 3") {
		t.Errorf("health %+v", h)
	}
	pickUp(t, s, 0) // what was left out is still told
	if again := sourceHealth(t, db, o.ID); again.Detail != h.Detail {
		t.Errorf("health %+v", again)
	}
}

// TestUnreadableRowOfAFullExport: its request was not returned, so nobody may be
// told by the old record, and the history says what happened.
func TestUnreadableRowOfAFullExport(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	path := filepath.Join(t.TempDir(), "t.csv")
	s := &FileSource{DB: db, OfficeID: o.ID, Path: path, Full: true, Log: slog.New(slog.DiscardHandler)}
	rows := func(due string) string {
		var b strings.Builder
		b.WriteString("transaction_number,status,username,due_date\n")
		for tn := range 30 {
			day := "2026-11-20"
			if tn == 7 {
				day = due
			}
			fmt.Fprintf(&b, "%d,Checked Out to Customer,user%d,%s\n", 100+tn, tn, day)
		}
		return b.String()
	}
	write(t, path, rows("2026-11-20"), 3*time.Hour)
	pickUp(t, s, 1)
	write(t, path, rows("soon"), 2*time.Hour)
	pickUp(t, s, 1)
	got, err := db.TransactionByNumber(t.Context(), o.ID, 107)
	if err != nil || got.ClosedAt == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	events, err := db.Events(t.Context(), "transaction", got.ID)
	if err != nil || len(events) != 1 || events[0].Why != `its row in the full export could not be read: due_date "soon" is not a date that is understood; write it as 2026-11-24` {
		t.Errorf("events %+v, %v", events, err)
	}
	write(t, path, rows("2026-12-20"), time.Hour)
	pickUp(t, s, 1)
	if got, err := db.TransactionByNumber(t.Context(), o.ID, 107); err != nil || got.ClosedAt != nil || got.DueDate.Compare(store.NewDate(2026, 12, 20)) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestHostileFolder: links, pipes, files that are none and many at once.
func TestHostileFolder(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	dir, aside := t.TempDir(), t.TempDir()
	var want []int64
	for tn := 1; tn <= 60; tn++ {
		write(t, filepath.Join(dir, fmt.Sprintf("%03d.csv", tn)), export(tn), time.Duration(100-tn)*time.Hour)
		want = append(want, int64(tn))
	}
	write(t, filepath.Join(dir, "010x.csv"), "name,address\nx,y\n", 90*time.Hour)
	write(t, filepath.Join(dir, "010y.csv"), "", 90*time.Hour)
	write(t, filepath.Join(aside, "linked.csv"), export(500), time.Hour)
	for name, target := range map[string]string{"link.csv": filepath.Join(aside, "linked.csv"), "dangling.csv": filepath.Join(aside, "gone.csv"), "loop.csv": filepath.Join(dir, "loop.csv"), "folder.csv": aside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	pipe := filepath.Join(dir, "pipe.csv")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &FileSource{DB: db, OfficeID: o.ID, Path: dir, Log: slog.New(slog.DiscardHandler)}
	n, err := s.PickUp(t.Context())
	if n != 61 || err == nil || !strings.Contains(err.Error(), "010x.csv") || !strings.Contains(err.Error(), "reading 010y.csv: it is empty") {
		t.Errorf("picked up %d, %v", n, err)
	}
	if got := known(t, db, o.ID, append(want, 500)...); got != 61 {
		t.Errorf("%d of 61 requests are known", got)
	}
	if h := sourceHealth(t, db, o.ID); h.OK || !strings.Contains(h.Detail, "no column transaction_number") {
		t.Errorf("health %+v", h)
	}
	for _, path := range []string{pipe, os.DevNull} {
		s.Path = path
		if n, err := s.PickUp(t.Context()); n != 0 || err == nil || !strings.Contains(err.Error(), "neither a file nor a folder") {
			t.Errorf("%s: %d, %v", path, n, err)
		}
	}
}

// TestProgressIsShown: how far a long reading is stands on the settings page
// while it lasts.
func TestProgressIsShown(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	r := &reading{db: db, officeID: o.ID, what: "t.csv", log: slog.New(slog.DiscardHandler)}
	r.progress(t.Context())("50000 rows read")
	h, err := db.Health(t.Context(), o.ID)
	if d := cmp.Diff(healthReading+": t.csv: 50000 rows read", h[0].Part+": "+h[0].Detail); err != nil || d != "" || !h[0].OK {
		t.Errorf("%v\n%s", err, d)
	}
	if left, err := r.end(t.Context()); left != "" || err != nil {
		t.Errorf("%q, %v", left, err)
	}
	if h, err := db.Health(t.Context(), o.ID); len(h) != 0 || err != nil {
		t.Errorf("%+v, %v", h, err)
	}
}
