package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illmail/notices"
	"illmail/store"
	"illmail/store/storetest"
	"illmail/triage"
	"illmail/web"
)

const pushToken = "5f2c7c1e0d9b4a8f9a3e6d1c2b4f8a70"

// pushTo is the pages of an office of which others may send requests.
func pushTo(t *testing.T) (inst *installation, site string) {
	t.Helper()
	tokenFile := filepath.Join(t.TempDir(), "token")
	write(t, tokenFile, pushToken+"\n")
	inst = openTest(t, fmt.Sprintf("[office.source]\npush_token_file = %q\n", tokenFile))
	o := &inst.cfg.Offices[0]
	n, err := inst.noticesOffice(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	push, err := inst.push(o)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Config{DB: inst.db, Log: slog.New(slog.DiscardHandler), Desk: &triage.Desk{DB: inst.db}, Planner: &notices.Planner{DB: inst.db},
		Now:     func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) },
		Offices: []web.Office{{Office: n, Letters: inst.letters[o.Code], Push: push}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	return inst, server.URL
}

// openTest opens an installation of one office with a database of the test's own.
func openTest(t *testing.T, extra string) *installation {
	t.Helper()
	cfg, err := parseConfig("c.toml", []byte(goodConfig+extra+fmt.Sprintf("\n[database]\nurl = %q\n", storetest.EmptyURL(t))))
	if err != nil {
		t.Fatal(err)
	}
	inst, err := openInstallation(&env{ctx: t.Context(), log: slog.New(slog.DiscardHandler)}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inst.close() })
	return inst
}

type pushed struct {
	web.PushResult
	Error string `json:"error"`
}

func post(t *testing.T, site, token, body string) (int, pushed) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site+"/api/v1/transactions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	var p pushed
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatalf("%d %s: %v", resp.StatusCode, raw, err)
	}
	return resp.StatusCode, p
}

func TestPush(t *testing.T) {
	inst, site := pushTo(t)
	o := inst.offices["healey"]
	body := `[{"transaction_number": 1, "username": "jdoe3", "email": "jdoe3@example.edu", "status": "Request Sent", "title": "Dune", "due_date": null},
		{"TransactionNumber": "2", "Username": "jdoe3", "TransactionStatus": "Checked Out to Customer", "LoanTitle": "Emma", "DueDate": "2026-12-01T00:00:00"},
		{"transaction_number": 3, "status": "Request Sent"},
		{"transaction_number": 4, "username": "mroe", "status": "Request Sent", "due_date": "soon"}]`
	for i, want := range []web.PushResult{{Added: 2}, {Unchanged: 2}} {
		status, got := post(t, site, pushToken, body)
		if status != 200 || got.Added != want.Added || got.Unchanged != want.Unchanged || got.Updated != 0 || len(got.Errors) != 2 ||
			got.Errors[0].Row != 3 || !strings.Contains(got.Errors[0].Error, "no username") || got.Errors[1].Row != 4 || !strings.Contains(got.Errors[1].Error, "due_date") {
			t.Errorf("push %d: %d %+v", i, status, got)
		}
	}
	patron, err := inst.db.PatronByUsername(t.Context(), o.ID, "jdoe3")
	if err != nil || patron.Email != "jdoe3@example.edu" {
		t.Errorf("a later row of the push took the address away: %+v, %v", patron, err)
	}

	// What a later push does not name stays; one object, and one after another.
	status, got := post(t, site, pushToken, `{"transaction_number": 1, "username": "jdoe3", "status": "Request Finished"}
		{"transaction_number": 2, "username": "jdoe3", "status": "Checked Out to Customer", "due_date": ""}`)
	if status != 200 || got.Updated != 2 || len(got.Errors) != 0 {
		t.Errorf("%d %+v", status, got)
	}
	one, _ := inst.db.TransactionByNumber(t.Context(), o.ID, 1)
	two, _ := inst.db.TransactionByNumber(t.Context(), o.ID, 2)
	if one.State != store.StateFinished || one.Title != "Dune" || two.Title != "Emma" || !two.DueDate.IsZero() {
		t.Errorf("got %+v and %+v", one, two)
	}
	if patron, _ := inst.db.PatronByID(t.Context(), one.PatronID); patron.Email != "jdoe3@example.edu" {
		t.Errorf("got %+v", patron)
	}

	// An empty list is a sign of life; a broken body does nothing at all.
	if status, got := post(t, site, pushToken, `[]`); status != 200 || got.Added+got.Updated+got.Unchanged != 0 {
		t.Errorf("%d %+v", status, got)
	}
	if office, _ := inst.db.OfficeByID(t.Context(), o.ID); office.ImportedAt == nil {
		t.Error("the records have no age")
	}
	for body, want := range map[string]int{
		`{"transaction_number": 9, "username": "jdoe3", "status": "x"} {"transaction_number": `: 400,
		`{"transaction_number": 9, "username": "jdoe3", "status": "x"} 7`:                       400,
		`transaction_number=9`:                  400,
		`{"transaction_number": 9}`:             422,
		`"` + strings.Repeat("x", 17<<20) + `"`: 413,
	} {
		if status, got := post(t, site, pushToken, body); status != want || want != 422 && got.Error == "" {
			t.Errorf("%.80s: %d %+v", body, status, got)
		}
	}
	if ts, _ := inst.db.TransactionsByNumber(t.Context(), o.ID, []int64{9}); len(ts) != 0 {
		t.Error("half a push was taken in")
	}
}

// TestUnknownStatusIsShown: a status that the configuration does not name is
// shown with what to do, and nothing is guessed of it.
func TestUnknownStatusIsShown(t *testing.T) {
	inst, site := pushTo(t)
	o := &inst.cfg.Offices[0]
	if detail, err := inst.unknownStatuses(t.Context(), o); detail != "" || err != nil {
		t.Errorf("%q, %v", detail, err)
	}
	post(t, site, pushToken, `[{"transaction_number": 1, "username": "jdoe3", "status": "Awaiting Reply"}, {"transaction_number": 2, "username": "jdoe3", "status": "Awaiting Reply"},
		{"transaction_number": 3, "username": "jdoe3", "status": "Lost in Space"}]`)
	if detail, err := inst.unknownStatuses(t.Context(), o); detail != `statuses without a meaning: "Awaiting Reply" (2), "Lost in Space" (1)` || err != nil {
		t.Errorf("%q, %v", detail, err)
	}
	if tx, _ := inst.db.TransactionByNumber(t.Context(), inst.offices["healey"].ID, 1); tx.State != store.StateUnknown {
		t.Errorf("got %+v", tx)
	}
	o.States = map[string]string{"lost in SPACE": "open", "Gone Astray": "lost", "In Transit 2": "in_transit"}
	var out bytes.Buffer
	c := &checker{e: &env{stdout: &out}}
	if err := c.statuses(t.Context(), inst, o, []string{"in transit 2"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `no request has the status "Gone Astray"`+"\n") || !strings.Contains(out.String(), `"Awaiting Reply" (2)`) {
		t.Errorf("check says\n%s", &out)
	}
}

func TestPushKeepsStrangersOut(t *testing.T) {
	_, site := pushTo(t)
	const row = `{"transaction_number": 1, "username": "jdoe3", "status": "Request Sent"}`
	limited := 0
	for i := range 15 {
		switch status, got := post(t, site, []string{"", "wrong", pushToken + "x"}[i%3], row); {
		case status == http.StatusTooManyRequests:
			limited++
		case status != http.StatusUnauthorized || got.Error == "":
			t.Errorf("%d %+v", status, got)
		}
	}
	if limited == 0 {
		t.Error("tokens may be guessed without end")
	}
	// From elsewhere: the right token, until it is too often.
	_, site = pushTo(t)
	statuses := map[int]int{}
	for range 80 {
		status, _ := post(t, site, pushToken, row)
		statuses[status]++
	}
	if statuses[200] != 60 || statuses[429] != 20 {
		t.Errorf("got %v", statuses)
	}
}

func TestPushTokenMayNotBeShort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "secret\n")
	inst := openTest(t, fmt.Sprintf("[office.source]\npush_token_file = %q\n", file))
	if _, err := inst.push(&inst.cfg.Offices[0]); err == nil || !strings.Contains(err.Error(), "openssl") {
		t.Errorf("got %v", err)
	}
}
