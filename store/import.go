package store

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ImportRow is one request of an export, with its patron. Ids are not read;
// the State must be set.
type ImportRow struct {
	Line        int // in the file, from 1
	Patron      Patron
	Transaction Transaction
	// Problem is why the row cannot be taken, "" where it can. Then only Line and
	// the number count, 0 where it cannot be read.
	Problem string
	// Absent are the columns that the source does not name: of a request or
	// patron that is known they stay as they are.
	Absent []string
}

// ImportOptions say how an export is taken in.
type ImportOptions struct {
	// Full: the export holds every request that is not settled, so that what is
	// missing in it is closed.
	Full bool
	// Fresh: the rows were asked for just now; each counts as refreshed even
	// where nothing changed. For a few rows, not for a whole export.
	Fresh bool
	// Actor of the events; "" = import.
	Actor string
	// Bad is told of each row that cannot be taken; nil = nobody.
	Bad func(line int, why string)
	// Progress is told now and then how far it is: "50000 rows read"; nil = nobody.
	Progress func(done string)
}

// ImportResult counts what an import did.
type ImportResult struct {
	Rows      int // taken in: Added + Updated + Unchanged
	Added     int
	Updated   int
	Unchanged int
	Closed    int // were open, and missing in a full export
	Bad       int // could not be taken, or a later row of the export had the same number
	// ShrunkFrom is how many open rows there were before, when a full export had
	// at least 10 % fewer and nothing was closed for that reason; else 0.
	ShrunkFrom int
	ShrunkTo   int  // and how many it had
	DataDate   Date // the newest date inside the export that is not in the future
}

// importFields are the columns of a transaction that an export brings, in the
// order of ImportRow.values; the staging table has them by the same names.
const importFields = `ill_number, rapid_number, request_type, process_type, status, state, title, article_title, author,
	issn_isbn, doi, due_date, creation_date, status_date, received_date, returned_date, not_wanted_after, publication_year,
	renewals_allowed, lending_library, pickup_location, cancel_reason, system_id, last_overdue_notice_sent, delivery_url, delivery_password`

const patronFields = `first_name, last_name, email, language, patron_status, department, site, account_ends, alternate_email`

// names splits "x, y" into its fields.
func names(fields string) []string {
	return strings.FieldsFunc(fields, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// of writes "a.x, a.y" for the fields "x, y".
func of(alias, fields string) string {
	return alias + "." + strings.Join(names(fields), ", "+alias+".")
}

// values is the row as the staging table takes it, or why it cannot be taken.
func (r *ImportRow) values(n int) (v []any, why string) {
	t, p := &r.Transaction, &r.Patron
	username := cleanText(p.Username)
	switch {
	case r.Problem != "":
		return nil, r.Problem
	case t.TransactionNumber <= 0:
		return nil, "it has no transaction number"
	case username == "":
		return nil, fmt.Sprintf("transaction %d has no username", t.TransactionNumber)
	}
	for _, c := range [...]struct{ name, value string }{
		{"username", username}, {"email", p.Email}, {"last_name", p.LastName}, {"status", t.Status}, {"ill_number", t.ILLNumber},
		{"rapid_number", t.RapidNumber}, {"issn_isbn", t.ISSNISBN}, {"doi", t.DOI}, {"delivery_url", t.DeliveryURL},
		{"delivery_password", t.DeliveryPassword}, {"alternate_email", p.AlternateEmail},
	} {
		if len(c.value) > maxName {
			return nil, fmt.Sprintf("%s of transaction %d has more than %d letters", c.name, t.TransactionNumber, maxName)
		}
	}
	return []any{
		int64(n), t.TransactionNumber, username,
		words(p.FirstName), cleanText(p.LastName), cleanText(p.Email), words(p.Language), words(p.PatronStatus),
		words(p.Department), words(p.Site), p.AccountEnds, cleanText(p.AlternateEmail),
		cleanText(t.ILLNumber), cleanText(t.RapidNumber), orElse(t.RequestType, "Loan"), orElse(t.ProcessType, "Borrowing"),
		cleanText(t.Status), orElse(string(t.State), string(StateUnknown)), words(t.Title), words(t.ArticleTitle), words(t.Author),
		cleanText(t.ISSNISBN), cleanText(t.DOI), t.DueDate, t.CreationDate, t.StatusDate, t.ReceivedDate, t.ReturnedDate,
		words(t.NotWantedAfter), words(t.PublicationYear), t.RenewalsAllowed, words(t.LendingLibrary),
		words(t.PickupLocation), words(t.CancelReason), words(t.SystemID), int32(min(max(t.LastOverdueNoticeSent, 0), 1000)),
		cleanText(t.DeliveryURL), cleanText(t.DeliveryPassword), orEmpty(r.Absent),
	}, ""
}

// A column by which something is found, or mail is sent, is never cut: longer
// than maxName letters (bytes) nothing is a name or a number, nor fits into an
// index. What is only read is cut at maxWords.
const (
	maxName  = 600
	maxWords = 4000
)

// words is text that is only read.
func words(s string) string {
	if s = cleanText(s); len(s) > maxWords {
		s = cleanText(s[:maxWords]) + "…"
	}
	return s
}

func orElse(s, fallback string) string {
	if s = cleanText(s); s == "" {
		return fallback
	}
	return s
}

// Import adds and updates transactions with their patrons, all in one
// transaction: an error from rows, or of its own, leaves everything as it was.
// Importing the same rows again changes nothing. Empty fields are taken as
// empty. Of rows with the same number the last counts.
func (db *DB) Import(ctx context.Context, officeID int64, rows iter.Seq2[ImportRow, error], opts ImportOptions) (ImportResult, error) {
	var res ImportResult
	if opts.Actor == "" {
		opts.Actor = "import"
	}
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		res = ImportResult{}
		im := importer{tx: tx, officeID: officeID, opts: opts, res: &res, unread: map[int64]string{}}
		for _, step := range []func(context.Context, iter.Seq2[ImportRow, error]) error{
			im.stage, im.keepAbsent, im.patrons, im.transactions, im.close, im.office,
		} {
			if err := step(ctx, rows); err != nil {
				return err
			}
		}
		return notify(ctx, tx, NotifyTransactions, officeID)
	})
	if err == nil && res.Added+res.Updated > 0 {
		// The rows that wait to enter the title index would be read by each search.
		if _, err := db.pool.Exec(ctx, `SELECT gin_clean_pending_list('transaction_search')`); err != nil {
			return res, fmt.Errorf("completing the title index: %w", err)
		}
	}
	return res, err
}

type importer struct {
	tx       pgx.Tx
	officeID int64
	opts     ImportOptions
	res      *ImportResult
	partial  bool             // some row does not name all columns
	last     int              // number of the last row that was read
	unread   map[int64]string // requests whose row could not be taken, and why
}

// stage copies the rows into import_row, the last of each number only.
func (im *importer) stage(ctx context.Context, rows iter.Seq2[ImportRow, error]) error {
	// The tables stay with the session, so that frequent small imports do not
	// bloat the catalogue.
	_, err := im.tx.Exec(ctx, `
		SET LOCAL work_mem = '64MB';
		SET LOCAL gin_pending_list_limit = '64MB'; -- the title index takes many rows at a time
		CREATE TEMP TABLE IF NOT EXISTS import_row (
			n bigint, transaction_number bigint, username text,
			first_name text, last_name text, email text, language text, patron_status text, department text, site text, account_ends date, alternate_email text,
			ill_number text, rapid_number text, request_type text, process_type text, status text, state text, title text,
			article_title text, author text, issn_isbn text, doi text, due_date date, creation_date date, status_date date,
			received_date date, returned_date date, not_wanted_after text, publication_year text, renewals_allowed boolean,
			lending_library text, pickup_location text, cancel_reason text, system_id text, last_overdue_notice_sent int,
			delivery_url text, delivery_password text, absent text[]
		) ON COMMIT DELETE ROWS;
		CREATE TEMP TABLE IF NOT EXISTS import_change (n bigint, old_id bigint, old_state text) ON COMMIT DELETE ROWS`)
	if err != nil {
		return fmt.Errorf("preparing the import: %w", err)
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	n := 0
	var broken error
	copied, err := im.tx.CopyFrom(ctx, pgx.Identifier{"import_row"}, names("n, transaction_number, username, "+patronFields+", "+importFields+", absent"),
		pgx.CopyFromFunc(func() ([]any, error) {
			for {
				row, err, ok := next()
				if !ok || err != nil {
					broken = err // the server quotes its text only
					return nil, err
				}
				if n++; n%progressEvery == 0 {
					im.opts.Progress(fmt.Sprintf("%d rows read", n))
				}
				v, why := row.values(n)
				if why == "" {
					im.partial = im.partial || len(row.Absent) > 0
					return v, nil
				}
				im.res.Bad++
				if tn := row.Transaction.TransactionNumber; tn > 0 && len(im.unread) < 100_000 {
					im.unread[tn] = row.Problem
				}
				if im.opts.Bad != nil {
					im.opts.Bad(row.Line, why)
				}
			}
		}))
	if broken != nil {
		err = broken
	}
	if err != nil {
		return fmt.Errorf("reading the export: %w", err)
	}
	// One import of an office at a time from here on: while a slow source is read
	// the requests about which a notice goes can be refreshed.
	if _, err := im.tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('illmail import'), $1)`, int32(im.officeID)); err != nil {
		return fmt.Errorf("waiting for another import: %w", err)
	}
	tag, err := im.tx.Exec(ctx, `
		DELETE FROM import_row r
		USING (SELECT transaction_number, max(n) AS n FROM import_row GROUP BY transaction_number HAVING count(*) > 1) last
		WHERE r.transaction_number = last.transaction_number AND r.n < last.n`)
	if err != nil {
		return fmt.Errorf("looking for repeated numbers: %w", err)
	}
	im.last = n
	im.res.Bad += int(tag.RowsAffected())
	im.res.Rows = int(copied - tag.RowsAffected())
	if im.res.Rows >= many {
		// A table that fills within the transaction looks empty to the planner: a
		// nested loop of a million rows by a million would not end.
		if _, err := im.tx.Exec(ctx, `SET LOCAL enable_nestloop = off`); err != nil {
			return fmt.Errorf("preparing the import: %w", err)
		}
	}
	return im.analyze(ctx, "import_row", im.res.Rows)
}

// progressEvery is how many rows are read, and how many written at a time,
// before progress is told.
const (
	progressEvery = 50_000
	writeAtOnce   = 200_000
)

// many rows are compared faster by reading whole tables than one by one.
const many = 1000

// analyze tells the planner of a table of which many rows are new.
func (im *importer) analyze(ctx context.Context, table string, added int) error {
	if added < many {
		return nil
	}
	if _, err := im.tx.Exec(ctx, `ANALYZE `+table); err != nil {
		return fmt.Errorf("analysing %s: %w", table, err)
	}
	return nil
}

// keepAbsent gives the columns that a row does not name the values that are
// stored. It is done under the lock of the import: what another one writes
// meanwhile is not undone.
func (im *importer) keepAbsent(ctx context.Context, _ iter.Seq2[ImportRow, error]) error {
	if !im.partial {
		return nil
	}
	for _, part := range []struct{ fields, from string }{
		{patronFields, "patron o WHERE o.office_id = $1 AND o.username = r.username"},
		{importFields, "transaction o WHERE o.office_id = $1 AND o.transaction_number = r.transaction_number"},
	} {
		var kept []string
		for _, f := range names(part.fields) {
			kept = append(kept, fmt.Sprintf("CASE WHEN '%[1]s' = ANY (r.absent) THEN o.%[1]s ELSE r.%[1]s END", f))
		}
		_, err := im.tx.Exec(ctx, `UPDATE import_row r SET (`+part.fields+`) = ROW(`+strings.Join(kept, ", ")+`) FROM `+part.from+` AND r.absent <> '{}'`, im.officeID)
		if err != nil {
			return fmt.Errorf("keeping what the rows do not name: %w", err)
		}
	}
	return nil
}

// patrons adds and updates the people. A new registered address is one that
// mail has not come back from.
func (im *importer) patrons(ctx context.Context, _ iter.Seq2[ImportRow, error]) error {
	tag, err := im.tx.Exec(ctx, `
		INSERT INTO patron (office_id, username, `+patronFields+`)
		SELECT $1, r.username, `+of("r", patronFields)+`
		FROM (SELECT DISTINCT ON (username) * FROM import_row ORDER BY username, n DESC) r
		LEFT JOIN patron p ON p.office_id = $1 AND p.username = r.username
		WHERE p.id IS NULL OR (`+of("p", patronFields)+`) IS DISTINCT FROM (`+of("r", patronFields)+`)
		ON CONFLICT (office_id, username) DO UPDATE SET (`+patronFields+`) = (`+of("excluded", patronFields)+`),
			undeliverable_at = CASE WHEN lower(patron.email) = lower(excluded.email) THEN patron.undeliverable_at END,
			undeliverable_why = CASE WHEN lower(patron.email) = lower(excluded.email) THEN patron.undeliverable_why ELSE '' END`,
		im.officeID)
	if err != nil {
		return fmt.Errorf("importing patrons: %w", err)
	}
	return im.analyze(ctx, "patron", int(tag.RowsAffected()))
}

// transactions writes only what is new or differs; a change of state is an event.
func (im *importer) transactions(ctx context.Context, _ iter.Seq2[ImportRow, error]) error {
	err := im.tx.QueryRow(ctx, `
		WITH changed AS (
			INSERT INTO import_change (n, old_id, old_state)
			SELECT r.n, t.id, CASE WHEN t.closed_at IS NULL THEN t.state ELSE 'closed' END -- NULL where it is new
			FROM import_row r
			JOIN patron p ON p.office_id = $1 AND p.username = r.username
			LEFT JOIN transaction t ON t.office_id = $1 AND t.transaction_number = r.transaction_number
			WHERE t.id IS NULL OR t.patron_id <> p.id OR t.closed_at IS NOT NULL
				OR (`+of("t", importFields)+`) IS DISTINCT FROM (`+of("r", importFields)+`)
			RETURNING old_id
		)
		SELECT count(*) FILTER (WHERE old_id IS NULL), count(old_id) FROM changed`, im.officeID).
		Scan(&im.res.Added, &im.res.Updated)
	if err != nil {
		return fmt.Errorf("comparing the export: %w", err)
	}
	im.res.Unchanged = im.res.Rows - im.res.Added - im.res.Updated
	if im.res.Added+im.res.Updated > 0 {
		if err := im.write(ctx); err != nil {
			return err
		}
		if err := im.analyze(ctx, "transaction", im.res.Added); err != nil {
			return err
		}
		_, err = im.tx.Exec(ctx, `
			INSERT INTO event (office_id, actor, subject, subject_id, what, why)
			SELECT $1, $2, 'transaction', c.old_id, c.old_state || ' → ' || r.state, r.status
			FROM import_change c JOIN import_row r USING (n)
			WHERE c.old_state <> r.state
			ORDER BY r.n`, im.officeID, im.opts.Actor)
		if err != nil {
			return fmt.Errorf("recording changed states: %w", err)
		}
	}
	if im.opts.Fresh {
		_, err = im.tx.Exec(ctx, `
			UPDATE transaction t SET refreshed_at = now() FROM import_row r
			WHERE t.office_id = $1 AND t.transaction_number = r.transaction_number`, im.officeID)
		if err != nil {
			return fmt.Errorf("recording the refresh: %w", err)
		}
	}
	return nil
}

// write adds the rows that are new and updates those that changed; where they
// are very many, some at a time, so that progress can be told.
func (im *importer) write(ctx context.Context) error {
	step := im.last
	if im.res.Added+im.res.Updated > writeAtOnce {
		step = writeAtOnce
	}
	for from := 0; from < im.last; from += step {
		im.opts.Progress(fmt.Sprintf("writing %d new and %d changed of %d rows, from row %d", im.res.Added, im.res.Updated, im.res.Rows, from+1))
		_, err := im.tx.Exec(ctx, `
			INSERT INTO transaction (office_id, transaction_number, patron_id, `+importFields+`)
			SELECT $1, r.transaction_number, p.id, `+of("r", importFields)+`
			FROM import_change c JOIN import_row r USING (n)
			JOIN patron p ON p.office_id = $1 AND p.username = r.username
			WHERE c.n > $2 AND c.n <= $3 AND r.n > $2 AND r.n <= $3
			ORDER BY r.n
			ON CONFLICT (office_id, transaction_number) DO UPDATE SET
				(patron_id, `+importFields+`) = (excluded.patron_id, `+of("excluded", importFields)+`),
				closed_at = NULL, refreshed_at = now()`, im.officeID, from, from+step)
		if err != nil {
			return fmt.Errorf("importing transactions: %w", err)
		}
	}
	return nil
}

// close closes what a full export lacks, unless it shrank: half an export,
// written by a job that broke off, must not close the other half.
func (im *importer) close(ctx context.Context, _ iter.Seq2[ImportRow, error]) error {
	if !im.opts.Full {
		return nil
	}
	var before, now int
	var confirmed bool
	// The rows that this import added are no part of what there was before.
	err := im.tx.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM transaction t
		        WHERE t.office_id = $1 AND t.closed_at IS NULL AND t.state NOT IN `+settled+`
		        AND NOT EXISTS (SELECT FROM import_row r WHERE r.transaction_number = t.transaction_number))
		     + (SELECT count(*) FROM import_row r LEFT JOIN import_change c USING (n)
		        WHERE CASE WHEN c.n IS NULL THEN r.state NOT IN `+settled+` ELSE c.old_state <> 'closed' AND c.old_state NOT IN `+settled+` END),
		       (SELECT count(*) FROM import_row WHERE state NOT IN `+settled+`),
		       (SELECT shrink_confirmed FROM office WHERE id = $1)`, im.officeID).Scan(&before, &now, &confirmed)
	if err != nil {
		return fmt.Errorf("counting open rows: %w", err)
	}
	if (before-now)*10 >= before && before > now && !confirmed {
		im.res.ShrunkFrom, im.res.ShrunkTo = before, now
		_, err := im.tx.Exec(ctx, `UPDATE office SET shrunk_rows = greatest($2, 1) WHERE id = $1`, im.officeID, now)
		if err != nil {
			return fmt.Errorf("recording a smaller export: %w", err)
		}
		return nil
	}
	// A row that cannot be read closes its request like one that is missing: by
	// what was known before nobody may be told anything. The event says why.
	var tns []int64
	var whys []string
	for tn, why := range im.unread {
		tns, whys = append(tns, tn), append(whys, cleanText(why))
	}
	tag, err := im.tx.Exec(ctx, `
		WITH closed AS (
			UPDATE transaction t SET closed_at = now()
			WHERE t.office_id = $1 AND t.closed_at IS NULL
			AND NOT EXISTS (SELECT FROM import_row r WHERE r.transaction_number = t.transaction_number)
			RETURNING t.id, t.state, t.transaction_number
		)
		INSERT INTO event (office_id, actor, subject, subject_id, what, why)
		SELECT $1, $2, 'transaction', c.id, c.state || ' → closed', coalesce('its row in the full export could not be read: ' || u.why, 'it is missing in the full export')
		FROM closed c LEFT JOIN unnest($3::bigint[], $4::text[]) u (tn, why) ON u.tn = c.transaction_number ORDER BY c.id`,
		im.officeID, im.opts.Actor, tns, whys)
	if err != nil {
		return fmt.Errorf("closing what vanished: %w", err)
	}
	im.res.Closed = int(tag.RowsAffected())
	_, err = im.tx.Exec(ctx, `UPDATE office SET shrunk_rows = 0, shrink_confirmed = false WHERE id = $1`, im.officeID)
	if err != nil {
		return fmt.Errorf("recording the full export: %w", err)
	}
	return nil
}

// office records how new the data is. A date in the future is a typing error
// and says nothing of that; an old full export makes the data old again.
func (im *importer) office(ctx context.Context, _ iter.Seq2[ImportRow, error]) error {
	if im.opts.Fresh {
		return nil // a few rows say nothing of the rest
	}
	err := im.tx.QueryRow(ctx, `
		UPDATE office SET imported_at = now(),
			data_date = CASE WHEN $2 AND newest IS NOT NULL THEN newest ELSE greatest(data_date, newest) END
		FROM (SELECT max(d) AS newest FROM import_row, unnest(ARRAY[status_date, creation_date]) d
		      WHERE d <= (now() + interval '1 day')::date) s
		WHERE id = $1
		RETURNING newest`, im.officeID, im.opts.Full).Scan(&im.res.DataDate)
	if err != nil {
		return fmt.Errorf("recording the import: %w", err)
	}
	return nil
}
