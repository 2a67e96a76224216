package illiad

import (
	"bufio"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"illmail/store/storetest"
)

var benchRows = flag.Int("rows", 1_000_000, "requests of BenchmarkMillionRows")

// millionQuery makes requests as an ILLiad of many years has them: one in ten
// is open, twenty belong to one patron.
const millionQuery = `
	SELECT 100000 + i AS "TransactionNumber", 'user' || i %% (%[1]d / 20) AS "Username", 'Jo' AS "FirstName", 'Name' || i %% 5000 AS "LastName",
		'user' || i %% (%[1]d / 20) || '@example.edu' AS "EMailAddress", CASE WHEN i %% 10 = 0 THEN 'Checked Out to Customer' ELSE 'Request Finished' END AS "TransactionStatus",
		'Loan' AS "RequestType", 'Borrowing' AS "ProcessType", 'The history of the word' || i %% 40000 || ' and its theory' || i / 7 %% 9000 AS "LoanTitle",
		'Author' || i %% 70000 AS "LoanAuthor", 9780000000000 + i %% 300000 AS "ISSN", 200000000 + i AS "ILLNumber", 'LDV' AS "LendingLibrary",
		timestamp '2026-01-01' + interval '1 day' * (i %% 365) AS "DueDate", timestamp '2025-01-01 09:30' + interval '1 day' * (i %% 600) AS "CreationDate",
		timestamp '2025-01-10 17:05' + interval '1 day' * (i %% 600) AS "TransactionDate", i %% %[2]d = 1 AS "RenewalsAllowed"
	FROM generate_series(0, %[1]d - 1) i`

// BenchmarkMillionRows takes in many requests from a file and from a query: all
// new, all as they were, and one in a hundred changed. It says how much memory
// this process had at most; the figures of docs/illiad.md come from here.
func BenchmarkMillionRows(b *testing.B) {
	n := *benchRows
	url := storetest.EmptyURL(b)
	ill, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer ill.Close()
	files := [2]string{filepath.Join(b.TempDir(), "t.csv"), filepath.Join(b.TempDir(), "changed.csv")}
	queries := [2]string{fmt.Sprintf(millionQuery, n, n*2), fmt.Sprintf(millionQuery, n, 100)}
	for i, path := range files {
		writeQuery(b, ill, path, queries[i])
	}
	for _, kind := range []string{"file", "query"} {
		db := storetest.New(b)
		o := newOffice(b, db)
		pickUp := func(changed int) func() (int, error) {
			if kind == "file" {
				s := &FileSource{DB: db, OfficeID: o.ID, Path: files[changed], Full: true, Settle: time.Nanosecond, Log: slog.New(slog.DiscardHandler)}
				return func() (int, error) { return s.PickUp(b.Context()) }
			}
			s := &SQLSource{DB: db, OfficeID: o.ID, URL: url, Query: queries[changed], Full: true, Log: slog.New(slog.DiscardHandler)}
			return func() (int, error) { return s.PickUp(b.Context()) }
		}
		for _, pass := range []struct {
			what    string
			changed int
		}{{"new", 0}, {"again", 0}, {"changed", 1}} {
			b.Run(kind+"/"+pass.what, func(b *testing.B) {
				for b.Loop() {
					if kind == "file" && pass.what == "again" { // the same rows as other bytes
						f, err := os.OpenFile(files[0], os.O_APPEND|os.O_WRONLY, 0)
						if err != nil {
							b.Fatal(err)
						}
						_, err = f.WriteString("\n")
						f.Close()
						if err != nil {
							b.Fatal(err)
						}
					}
					_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the most memory counts from here
					cpu := processorTime()
					if read, err := pickUp(pass.changed)(); err != nil || read != 1 {
						b.Fatalf("read %d, %v", read, err)
					}
					b.ReportMetric((processorTime() - cpu).Seconds(), "own-cpu-s")
					b.ReportMetric(mostMemory(), "MB")
				}
			})
		}
	}
}

func writeQuery(b *testing.B, ill *sql.DB, path, query string) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	rows, err := ill.Query(query)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	fmt.Fprintln(w, strings.Join(names, ","))
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
		for i, v := range values {
			if i > 0 {
				w.WriteByte(',')
			}
			if t, ok := v.(time.Time); ok {
				v = t.Format("2006-01-02T15:04:05.000")
			}
			fmt.Fprint(w, v)
		}
		w.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// mostMemory is this process's resident memory at its highest, in MB.
func mostMemory() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}
