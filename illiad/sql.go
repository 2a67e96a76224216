package illiad

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "github.com/microsoft/go-mssqldb" // driver "sqlserver"

	"illmail/store"
)

const (
	// queryPatience bounds one reading of the office's query.
	queryPatience = 15 * time.Minute
	// queryFresh is how long a reading counts as asked just now: a run of
	// notices must not make the database answer once a mail.
	queryFresh = 5 * time.Minute
)

// SQLSource takes in the rows of the office's own query against the database
// of its ILL system, by the names of their columns.
type SQLSource struct {
	DB       *store.DB
	OfficeID int64
	URL      string // sqlserver://… or postgres://…
	Query    string
	States   *StateMap
	Full     bool // the query returns every request that is open
	Log      *slog.Logger

	turn   turn
	readAt time.Time
	last   []int64 // the numbers that the last reading returned, in order
	whole  bool    // what it did not return is closed by now
}

// driver is the database/sql driver for the URL. Its error does not repeat the
// URL, which holds a password.
func (s *SQLSource) driver() (string, error) {
	u, err := url.Parse(s.URL)
	if err == nil && u.Host != "" || err == nil && u.RawQuery != "" {
		switch u.Scheme {
		case "sqlserver":
			return "sqlserver", nil
		case "postgres", "postgresql":
			return "pgx", nil // registered by store
		}
	}
	return "", errors.New("database_url_file must hold sqlserver://USER:PASSWORD@HOST?database=NAME, or a postgres:// URL")
}

// query runs fn on the rows of the query; what leads to where the fields stand.
func (s *SQLSource) query(ctx context.Context, fn func(rows *sql.Rows, names []string, at places) error) error {
	driver, err := s.driver()
	if err != nil {
		return err
	}
	db, err := sql.Open(driver, s.URL)
	if err != nil {
		return fmt.Errorf("opening the ILL system's database: %w", err)
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, s.Query)
	if err != nil {
		return fmt.Errorf("asking the ILL system's database: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("reading the names of the columns: %w", err)
	}
	at := columns(names)
	if missing := lacks(at); missing != "" {
		return fmt.Errorf("the query returns no column %s; it must name its columns, at least transaction_number, username and status", missing)
	}
	return fn(rows, names, at)
}

// PickUp runs the query and takes its rows in: all, or none where it breaks
// off. How it went is the health of "source".
func (s *SQLSource) PickUp(ctx context.Context) (read int, err error) {
	if err := s.turn.take(ctx); err != nil {
		return 0, err
	}
	defer s.turn.give()
	return s.pickUp(ctx)
}

func (s *SQLSource) pickUp(ctx context.Context) (read int, err error) {
	res, left, err := s.takeIn(ctx)
	var rep report
	switch {
	case err != nil && ctx.Err() != nil:
		return 0, err
	case err != nil:
		rep.trouble = append(rep.trouble, err.Error())
	default:
		read = 1
		s.Log.Info("took in the query", "rows", res.Rows, "added", res.Added, "updated", res.Updated, "closed", res.Closed, "bad", res.Bad)
		rep.leftOut(left, res)
		if res.ShrunkFrom > 0 {
			rep.trouble = append(rep.trouble, shrunk("the query", res))
		}
	}
	return read, errors.Join(err, rep.save(ctx, s.DB, s.OfficeID))
}

// shrunk says why nothing was closed.
func shrunk(what string, res store.ImportResult) string {
	return fmt.Sprintf("%s has %d open requests where there were %d; nothing was closed until someone confirms on the settings page that it is complete", what, res.ShrunkTo, res.ShrunkFrom)
}

func (s *SQLSource) takeIn(ctx context.Context) (res store.ImportResult, left string, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	began := time.Now()
	var numbers []int64
	r := &reading{db: s.DB, officeID: s.OfficeID, what: "the query", log: s.Log}
	err = s.query(ctx, func(rows *sql.Rows, names []string, at places) error {
		read := s.rows(rows, len(names), at)
		res, err = s.DB.Import(ctx, s.OfficeID, func(yield func(store.ImportRow, error) bool) {
			for row, err := range read {
				if row.Problem == "" {
					numbers = append(numbers, row.Transaction.TransactionNumber)
				}
				if !yield(row, err) {
					return
				}
			}
		}, store.ImportOptions{Full: s.Full, Bad: r.leftOut, Progress: r.progress(ctx)})
		return err
	})
	left, endErr := r.end(ctx)
	err = errors.Join(err, endErr)
	if err == nil {
		slices.Sort(numbers)
		s.readAt, s.last, s.whole = began, numbers, s.Full && res.ShrunkFrom == 0
	}
	return res, left, err
}

// rows yields the rows of the query; one that cannot be taken has a Problem.
func (s *SQLSource) rows(rows *sql.Rows, width int, at places) iter.Seq2[store.ImportRow, error] {
	return func(yield func(store.ImportRow, error) bool) {
		values, into := make([]any, width), make([]any, width)
		for i := range values {
			into[i] = &values[i]
		}
		n := 0
		for rows.Next() {
			n++
			if err := rows.Scan(into...); err != nil {
				yield(store.ImportRow{}, fmt.Errorf("reading row %d of the query: %w", n, err))
				return
			}
			row := store.ImportRow{Line: n}
			finish(&row, s.States, fill(&row, at, func(i int) string { return sqlText(values[i]) }))
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(store.ImportRow{}, fmt.Errorf("reading the query after row %d: %w", n, err))
		}
	}
}

// sqlText is a value as a file would write it. A time is the day that its own
// clock shows: ILLiad's columns are local time without a zone.
func sqlText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return valid(v)
	case []byte:
		return valid(string(v))
	case time.Time:
		return v.Format(time.DateOnly)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// Refresh runs the query again, unless it was read within the last minutes. It
// fails where that says nothing of one of the transactions.
func (s *SQLSource) Refresh(ctx context.Context, _ int64, tns []int64) error {
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.give()
	if time.Since(s.readAt) > queryFresh {
		if _, err := s.pickUp(ctx); err != nil {
			return err
		}
	}
	if s.whole {
		return nil // what it did not return is closed
	}
	for _, tn := range tns {
		if _, ok := slices.BinarySearch(s.last, tn); !ok {
			return fmt.Errorf("the query did not return transaction %d", tn)
		}
	}
	return nil
}

// Check runs the query and reads its first row. It returns the names of the
// columns that are not understood.
func (s *SQLSource) Check(ctx context.Context) (ignored []string, err error) {
	err = s.query(ctx, func(rows *sql.Rows, names []string, at places) error {
		for i, name := range names {
			if !slices.ContainsFunc(slices.Concat(at...), func(columns []int) bool { return slices.Contains(columns, i) }) {
				ignored = append(ignored, strings.TrimSpace(name))
			}
		}
		for row, err := range s.rows(rows, len(names), at) {
			if err == nil && row.Problem != "" {
				err = fmt.Errorf("row %d: %s", row.Line, row.Problem)
			}
			return err
		}
		return nil
	})
	return ignored, err
}
