package illiad

import (
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

const officeQuery = `
	SELECT t."TransactionNumber", t."TransactionStatus", t."Username", t."LoanTitle", t."DueDate", t."TransactionDate", t."RenewalsAllowed", t."Price",
		u."Username", u."FirstName", u."EMailAddress", u."Status", u."SSN"
	FROM "Transactions" t JOIN "Users" u ON u."Username" = t."Username" WHERE t."ProcessType" = 'Borrowing' ORDER BY 1`

// newILL is a database with ILLiad's tables, as far as the query needs them.
func newILL(t *testing.T) (url string, ill *sql.DB) {
	t.Helper()
	url = storetest.EmptyURL(t)
	ill, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ill.Close() })
	_, err = ill.Exec(`
		CREATE TABLE "Users" ("Username" text, "FirstName" text, "EMailAddress" text, "Status" text, "SSN" text);
		CREATE TABLE "Transactions" ("TransactionNumber" int, "TransactionStatus" text, "Username" text, "LoanTitle" text, "DueDate" timestamp,
			"TransactionDate" timestamp, "RenewalsAllowed" bool, "Price" numeric(8,2), "ProcessType" text);
		INSERT INTO "Users" VALUES ('jdoe3', 'Jo', 'jdoe3@example.edu', 'Faculty', '000-12-3456');
		INSERT INTO "Transactions" SELECT 1000 + n, 'Checked Out to Customer', 'jdoe3', 'Volume ' || n, '2026-12-03 00:00', '2026-11-20 23:30:00.957', n = 1, 1.5, 'Borrowing'
		FROM generate_series(1, 20) n;
		INSERT INTO "Transactions" VALUES (2001, 'Request Sent', NULL, NULL, NULL, NULL, NULL, NULL, 'Lending')`)
	if err != nil {
		t.Fatal(err)
	}
	return url, ill
}

func newSQLSource(t *testing.T, url string) *SQLSource {
	t.Helper()
	db := storetest.New(t)
	return &SQLSource{DB: db, OfficeID: newOffice(t, db).ID, URL: url, Query: officeQuery, Full: true, Log: slog.New(slog.DiscardHandler)}
}

func exec(t *testing.T, ill *sql.DB, stmt string) {
	t.Helper()
	if _, err := ill.Exec(stmt); err != nil {
		t.Fatal(err)
	}
}

func TestSQLSource(t *testing.T) {
	url, ill := newILL(t)
	s := newSQLSource(t, url)
	ctx := t.Context()
	read := func() {
		t.Helper()
		if n, err := s.PickUp(ctx); n != 1 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
	}
	read()
	got, err := s.DB.TransactionByNumber(ctx, s.OfficeID, 1001)
	if err != nil || got.State != store.StateOnLoan || got.DueDate.String() != "2026-12-03" || got.StatusDate.String() != "2026-11-20" || got.Title != "Volume 1" || !got.RenewalsAllowed {
		t.Errorf("got %+v, %v", got, err)
	}
	if p, _ := s.DB.PatronByID(ctx, got.PatronID); p.Email != "jdoe3@example.edu" || p.PatronStatus != "Faculty" || p.FirstName != "Jo" {
		t.Errorf("got %+v", p)
	}
	if known(t, s.DB, s.OfficeID, 2001) != 0 {
		t.Error("what the query leaves out was taken in")
	}

	// One came back: it vanishes from the query and is closed.
	exec(t, ill, `DELETE FROM "Transactions" WHERE "TransactionNumber" = 1001`)
	if err := s.Refresh(ctx, s.OfficeID, []int64{1001}); err != nil || known(t, s.DB, s.OfficeID, 1001) != 1 {
		t.Errorf("asked again within the minute: %v", err)
	}
	s.readAt = time.Now().Add(-time.Hour)
	if err := s.Refresh(ctx, s.OfficeID, []int64{1001, 1002}); err != nil || known(t, s.DB, s.OfficeID, 1001, 1002) != 1 {
		t.Errorf("%v, %d open", err, known(t, s.DB, s.OfficeID, 1001, 1002))
	}

	// Half the rows are gone: nothing closes, nothing may be told of those.
	exec(t, ill, `DELETE FROM "Transactions" WHERE "TransactionNumber" > 1010`)
	read()
	if known(t, s.DB, s.OfficeID, 1015) != 1 || sourceHealth(t, s.DB, s.OfficeID).OK {
		t.Errorf("health %+v", sourceHealth(t, s.DB, s.OfficeID))
	}
	if err := s.Refresh(ctx, s.OfficeID, []int64{1002}); err != nil {
		t.Error(err)
	}
	if err := s.Refresh(ctx, s.OfficeID, []int64{1002, 1015}); err == nil {
		t.Error("a request that the query did not return counts as asked")
	}

	// A bad row is left out, the rest goes in.
	exec(t, ill, `UPDATE "Transactions" SET "TransactionStatus" = '' WHERE "TransactionNumber" = 1003; UPDATE "Transactions" SET "LoanTitle" = 'Changed' WHERE "TransactionNumber" = 1004`)
	read()
	if got, _ := s.DB.TransactionByNumber(ctx, s.OfficeID, 1004); got.Title != "Changed" {
		t.Errorf("got %+v", got)
	}
	ignored, err := s.Check(ctx)
	if err != nil || strings.Join(ignored, " ") != "Price SSN" {
		t.Errorf("ignored %q, %v", ignored, err)
	}
}

func TestSQLSourceFails(t *testing.T) {
	url, ill := newILL(t)
	s := newSQLSource(t, url)
	ctx := t.Context()
	if _, err := s.PickUp(ctx); err != nil {
		t.Fatal(err)
	}
	// The database breaks off within the rows: nothing is closed or changed.
	exec(t, ill, `UPDATE "Transactions" SET "LoanTitle" = 'Changed'`)
	s.Query = `SELECT "TransactionNumber", "TransactionStatus", "Username", 1 / ("TransactionNumber" - 1005) FROM "Transactions" ORDER BY 1`
	if _, err := s.PickUp(ctx); err == nil || sourceHealth(t, s.DB, s.OfficeID).OK {
		t.Errorf("got %v", err)
	}
	if got, _ := s.DB.TransactionByNumber(ctx, s.OfficeID, 1001); got.Title != "Volume 1" || known(t, s.DB, s.OfficeID, 1020) != 1 {
		t.Errorf("half a reading was taken in: %+v", got)
	}
	s.Query = `SELECT 1 AS number`
	if _, err := s.PickUp(ctx); err == nil || !strings.Contains(err.Error(), "no column transaction_number") {
		t.Errorf("got %v", err)
	}
	s.readAt = time.Time{}
	if err := s.Refresh(ctx, s.OfficeID, []int64{1001}); err == nil {
		t.Error("what cannot be asked counts as asked")
	}
	// SQL Server's driver is there; nobody listens. No sentence holds the password.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	for _, url := range []string{"sqlserver://illmail:s3cret@" + addr + "?database=ILLData&dial+timeout=2", "mysql://illmail:s3cret@" + addr, "s3cret", "sqlserver://illmail:s3cret%zz@x"} {
		s.URL = url
		_, err := s.PickUp(ctx)
		if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(sourceHealth(t, s.DB, s.OfficeID).Detail, "s3cret") {
			t.Errorf("%s: got %v", url, err)
		}
		var op *net.OpError
		if strings.HasPrefix(url, "sqlserver://illmail:s3cret@") && !errors.As(err, &op) && !strings.Contains(err.Error(), "refused") {
			t.Errorf("the driver did not try: %v", err)
		}
	}
}
