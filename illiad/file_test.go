package illiad

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"illmail/store"
	"illmail/store/storetest"
)

// read returns the rows and the complaints of a file.
func read(t testing.TB, content string) (rows []store.ImportRow, complaints []string, err error) {
	t.Helper()
	for row, e := range Read(strings.NewReader(content), "t.csv", nil) {
		switch {
		case e != nil:
			return rows, complaints, e
		case row.Problem != "":
			complaints = append(complaints, fmt.Sprintf("%d: %s", row.Line, row.Problem))
		default:
			rows = append(rows, row)
		}
	}
	return rows, complaints, nil
}

var compareDates = cmp.Comparer(func(a, b store.Date) bool { return a.Compare(b) == 0 })

func TestReadForms(t *testing.T) {
	want := []store.ImportRow{{
		Patron: store.Patron{Username: "jdoe3", FirstName: "José", LastName: "Doe", Email: "jdoe3@example.edu", AlternateEmail: "jd@home.example.net"},
		Transaction: store.Transaction{TransactionNumber: 412304, Status: "Renewed by ILL Staff to 12/3/2026", State: store.StateOnLoan,
			RequestType: "Loan", Title: "Dune, \"the\" book\nof sand", DueDate: store.NewDate(2026, 12, 3), RenewalsAllowed: true},
	}}
	plainCSV := "transaction_number,status,username,first_name,last_name,email,alternate_email,request_type,title,due_date,renewals_allowed,unknown\r\n" +
		"412304,Renewed by ILL Staff to 12/3/2026,jdoe3,José,Doe,jdoe3@example.edu,jd@home.example.net,loan,\"Dune, \"\"the\"\" book\r\nof sand\",2026-12-03,Yes,x\r\n"
	illiadCSV := "TransactionNumber;TransactionStatus;Username;FirstName;LastName;EMailAddress;AlternateEMailAddress;RequestType;LoanTitle;PhotoJournalTitle;DueDate;RenewalsAllowed;SSN\n" +
		"412304;Renewed by ILL Staff to 12/3/2026;jdoe3;José;Doe;jdoe3@example.edu;jd@home.example.net;Loan;\"Dune, \"\"the\"\" book\nof sand\";;12/3/2026;1;123456789\n"
	jsonl := `{"transaction_number":412304,"status":"Renewed by ILL Staff to 12/3/2026","username":"jdoe3","first_name":"José","last_name":"Doe","email":"jdoe3@example.edu","alternate_email":"jd@home.example.net","request_type":"Loan","title":"Dune, \"the\" book\nof sand","due_date":"2026-12-03","renewals_allowed":true,"doi":null}` + "\n\n"
	illiadJSON := `{"TransactionNumber":"412304","TransactionStatus":"Renewed by ILL Staff to 12/3/2026","Username":"jdoe3","FirstName":"José","LastName":"Doe","EMailAddress":"jdoe3@example.edu","SecondaryEmail":"jd@home.example.net","RequestType":"Loan","LoanTitle":"Dune, \"the\" book\nof sand","DueDate":"2026-12-03T00:00:00","RenewalsAllowed":true,"PhotoJournalTitle":null}`
	encoded := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, content := range map[string]string{
		"comma":            plainCSV,
		"semicolon":        illiadCSV,
		"tab":              strings.NewReplacer(";", "\t").Replace(illiadCSV),
		"Excel's sep line": "sep=;\r\n" + illiadCSV,
		"blank lines":      "\n\n" + plainCSV + "\n\n",
		"UTF-8 with mark":  "\uFEFF" + plainCSV,
		"Windows-1252":     encoded(charmap.Windows1252.NewEncoder().String(plainCSV)),
		"UTF-16 with mark": encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(plainCSV)),
		"UTF-16BE":         encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(illiadCSV)),
		"UTF-16 unmarked":  encoded(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(plainCSV)),
		"JSON lines":       jsonl,
		"ILLiad's JSON":    illiadJSON,
		"JSON in 1252":     encoded(charmap.Windows1252.NewEncoder().String(jsonl)),
	} {
		rows, complaints, err := read(t, content)
		if err != nil || len(complaints) > 0 {
			t.Errorf("%s: %v, %v", name, err, complaints)
			continue
		}
		for i := range rows {
			rows[i].Line = 0
			rows[i].Transaction.Title = strings.ReplaceAll(rows[i].Transaction.Title, "\r", "")
		}
		if d := cmp.Diff(want, rows, compareDates); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestReadILLiadNames(t *testing.T) {
	rows, complaints, err := read(t, `{"TransactionNumber":1,"TransactionStatus":"Delivered to Web","Status":"Faculty","Username":"a","PhotoJournalTitle":"Nature","LoanTitle":"","PhotoArticleTitle":"On sand","PhotoArticleAuthor":"B","ISSN":"0028-0836","NVTGC":"ILL","TransactionDate":"2020-06-15T18:34:44.957","CreationDate":"2020-06-15T18:34:53","ReasonForCancellation":null,"LastOverdueNoticeSent":2,"PhotoJournalYear":"1999","ProcessType":"borrowing","ILLNumber":"PUBD-1234","LendingLibrary":"XFF","SystemID":"OCLC","NotWantedAfter":"next week"}`)
	want := []store.ImportRow{{
		Line:   1,
		Patron: store.Patron{Username: "a", PatronStatus: "Faculty", Site: "ILL"},
		Transaction: store.Transaction{
			TransactionNumber: 1, Status: "Delivered to Web", State: store.StateDelivered, Title: "Nature", ArticleTitle: "On sand", Author: "B",
			ISSNISBN: "0028-0836", StatusDate: store.NewDate(2020, 6, 15), CreationDate: store.NewDate(2020, 6, 15), LastOverdueNoticeSent: 2,
			PublicationYear: "1999", ProcessType: "Borrowing", ILLNumber: "PUBD-1234", LendingLibrary: "XFF", SystemID: "OCLC", NotWantedAfter: "next week"},
	}}
	if d := cmp.Diff(want, rows, compareDates); d != "" || err != nil || len(complaints) > 0 {
		t.Errorf("%v %v\n%s", err, complaints, d)
	}
}

func TestBadRowsAreToldAndSkipped(t *testing.T) {
	rows, complaints, err := read(t, `transaction_number,status,username,due_date,renewals_allowed,title
1,Request Sent,a,,,one
x,Request Sent,a,,,two
,Request Sent,a,,,three
4,Request Sent,,,,four
5,,a,,,five
6,Request Sent,a,24/11/2026,,six
7,Request Sent,a,,maybe,seven
8,Request Sent,a,,,eight, with a comma
9,Request Sent,a
10,Request Sent,a,,,"ten
is not closed
11,Request Sent,a,,,eleven,,
12,NULL,a,,,twelve
13,Request Sent,a,NULL,,say "hi"
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, r := range rows {
		got = append(got, r.Transaction.TransactionNumber)
	}
	if d := cmp.Diff([]int64{1, 11, 13}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{
		`3: transaction_number "x" is not a number`,
		`4: there is no transaction number`,
		`5: transaction 4 has no username`,
		`6: transaction 5 has no status`,
		`7: due_date "24/11/2026" is not a date that is understood; write it as 2026-11-24`,
		`8: renewals_allowed "maybe" is neither yes nor no`,
		`9: there are 7 columns where the first line has 6; put values that hold the separator into quotation marks`,
		`10: there are 3 columns where the first line has 6; put values that hold the separator into quotation marks`,
		`11: a quotation mark is not closed, or not at the end of its column`,
		`12: there are 1 columns where the first line has 6; put values that hold the separator into quotation marks`,
		`14: transaction 12 has no status`,
	}, complaints); d != "" {
		t.Error(d)
	}

	rows, complaints, err = read(t, "{\"transaction_number\": 1\n[]\n{\"transaction_number\":2,\"username\":\"a\",\"status\":\"Request Sent\"}\n")
	if err != nil || len(rows) != 1 || len(complaints) != 2 || !strings.HasPrefix(complaints[0], "1: it is no JSON object") || !strings.HasPrefix(complaints[1], "2: ") {
		t.Errorf("got %d rows, %q, %v", len(rows), complaints, err)
	}
}

func TestNoTransactionsFile(t *testing.T) {
	for content, want := range map[string]string{
		"":                          "it is empty",
		"\n \n":                     "it is empty",
		"name,address\nx,y\n":       "no column transaction_number",
		"transaction_number,user\n": "no column transaction_status",
		"\"open\n":                  "not closed",
	} {
		if _, _, err := read(t, content); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "t.csv") {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

func TestImportFile(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	o, err := db.EnsureOffice(ctx, store.Office{Code: "healey", Name: "Healey", Address: "ill@example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "transactions.csv")
	content := "transaction_number,status,username\n1,Request Sent,a\n2,Frozen,b\nx,Request Sent,c\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []int
	opts := FileOptions{Bad: func(line int, _ string) { lines = append(lines, line) }}
	states, err := NewStateMap(map[string]string{" frozen": "In_Hands"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []store.ImportResult{{Rows: 2, Added: 2, Bad: 1}, {Rows: 2, Unchanged: 2, Bad: 1}} {
		res, err := ImportFile(ctx, db, o.ID, path, states, opts)
		if d := cmp.Diff(want, res, compareDates); err != nil || d != "" {
			t.Errorf("run %d: %v\n%s", i, err, d)
		}
	}
	if !cmp.Equal(lines, []int{4, 4}) {
		t.Errorf("bad lines %v", lines)
	}
	if tx, _ := db.TransactionByNumber(ctx, o.ID, 2); tx.State != store.StateInHands {
		t.Errorf("got %+v", tx)
	}
	if _, err := ImportFile(ctx, db, o.ID, path+"x", states, opts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestStateMap(t *testing.T) {
	for status, want := range map[string]store.State{
		"Checked Out to Customer":                 store.StateOnLoan,
		" CHECKED OUT TO CUSTOMER ":               store.StateOnLoan,
		"Renewed by Customer to 12/3/2026":        store.StateOnLoan,
		"renewed by ILL Staff to 12/3/2026":       store.StateOnLoan,
		"Renewal Requested":                       store.StateInHands,
		"Request Sent":                            store.StateSent,
		"Awaiting Unfilled Processing":            store.StateSent,
		"Awaiting Conditional Request Processing": store.StateSent,
		"Customer Notified via E-Mail":            store.StateOnShelf,
		"Cancelled by ILL Staff":                  store.StateCancelledStaff,
		"Cancelled by Customer":                   store.StateCancelledPatron,
		"Extremely Overdue and Blocked":           store.StateUnknown,
		"":                                        store.StateUnknown,
	} {
		if got := (*StateMap)(nil).State(status); got != want {
			t.Errorf("%q is %s, want %s", status, got, want)
		}
	}
	m, err := NewStateMap(map[string]string{"Awaiting Reply": "open", "Renewed by Customer to 1/1/2027": "in_hands"})
	if err != nil || m.State("awaiting reply") != store.StateOpen || m.State("Renewed by Customer to 1/1/2027") != store.StateInHands {
		t.Errorf("%v", err)
	}
	if _, err := NewStateMap(map[string]string{"Awaiting Reply": "opened"}); err == nil || !strings.Contains(err.Error(), "on_loan") {
		t.Errorf("got %v", err)
	}
}

func TestParseDate(t *testing.T) {
	day := store.NewDate(2026, time.November, 4)
	for _, s := range []string{
		"2026-11-04", "11/04/2026", "11/4/2026", "11/4/2026 5:06:07 PM", "11/4/2026 17:06", "2026-11-04T18:34:44.957", "2026-11-04T18:34:53",
		"2026-11-04 00:00:00.000", "2026-11-04T00:00:00Z", "2026-11-04T00:00:00-05:00", "2026-11-04 00:00:00 +0200", "Nov 4 2026 12:00AM", "Nov  4 2026  5:30PM",
		"Nov 04 2026", "November 4, 2026", "4 Nov 2026", "04-Nov-2026", "04.11.2026", "20261104", "2026/11/04", " 2026-11-04 ", "11/4/2026 12:00:00AM",
	} {
		if got, err := ParseDate(s); err != nil || got.Compare(day) != 0 {
			t.Errorf("%q is %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "  ", "NULL", "1900-01-01 00:00:00", "1/1/1753", "0001-01-01T00:00:00"} {
		if got, err := ParseDate(s); err != nil || !got.IsZero() {
			t.Errorf("%q is %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"24/11/2026", "2026-13-01", "2026-02-30", "soon", "2026-11-04x", "2026-11-04T", "2026-11-04 noon", "3026-01-01", "11/4/26", "1478"} {
		if got, err := ParseDate(s); err == nil {
			t.Errorf("%q is %v, want an error", s, got)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("transaction_number,status,username\n1,Request Sent,a\n")
	f.Add("TransactionNumber;TransactionStatus;Username;LoanTitle\n1;Request Sent;a;\"x\ny\"\n\"")
	f.Add("\xff\xfet\x00")
	f.Add("{\"transaction_number\":1,\"status\":\"s\",\"username\":\"u\"}\n{\n")
	f.Fuzz(func(t *testing.T, content string) {
		rows, _, _ := read(t, content)
		for _, r := range rows {
			if r.Transaction.TransactionNumber <= 0 || r.Patron.Username == "" || r.Transaction.State == "" || r.Line <= 0 {
				t.Errorf("an incomplete row was taken: %+v", r)
			}
			if !utf8.ValidString(r.Transaction.Title + r.Patron.Username) {
				t.Errorf("invalid UTF-8: %+v", r)
			}
		}
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"2026-11-24", "11/24/2026", "2020-06-15T18:34:44.957", "Nov 24 2026 12:00AM", "24.11.2026"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDate(s)
		if err != nil || d.IsZero() {
			return
		}
		again, err := ParseDate(d.String())
		if err != nil || again.Compare(d) != 0 {
			t.Errorf("%q is %v, which reads as %v, %v", s, d, again, err)
		}
	})
}
