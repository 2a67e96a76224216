// Package illiadtest is a stand-in for ILLiad's Web Platform API, as far as its
// documentation and its clients show it: for tests and the demo. It was not
// compared with a live ILLiad.
package illiadtest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Object is one JSON object, by ILLiad's keys.
type Object = map[string]any

// Fault is how the server misbehaves on one call.
type Fault int

// The faults. Before ones do nothing; after ones do what was asked and then fail.
const (
	None            Fault = iota
	EmptyBadRequest       // 400 without a body
	ModelState            // 400 with the field that is wrong
	Busy                  // 503 with Retry-After
	CrashBefore           // 500, nothing done
	CrashAfter            // 500, and yet it was done
	HangUpBefore          // the connection ends without an answer, nothing done
	HangUpAfter           // the connection ends without an answer, and yet it was done
	HalfAnswer            // the answer breaks off, and it was done
	LogInPage             // 200 with HTML
)

// Server holds transactions, users, notes and history entries in memory.
type Server struct {
	*httptest.Server
	Key string

	mu            sync.Mutex
	transactions  map[int64]Object
	users         map[string]Object // by lower-case name
	written       map[string][]Object
	calls         []string
	fault         func(*http.Request) Fault
	ahead         time.Duration // of its clock
	NotesReadable bool          // GET of notes and histories works; no documentation says so
}

// New starts a server on a loopback address; the caller closes it.
func New(key string) *Server {
	s := &Server{Key: key, transactions: map[int64]Object{}, users: map[string]Object{}, written: map[string][]Object{}}
	s.Server = httptest.NewServer(s)
	return s
}

// Base is the address for illiad.NewClient.
func (s *Server) Base() string { return s.URL + "/ILLiadWebPlatform" }

// GoAway stops listening and drops every connection; ComeBack listens again at
// the same address. The caller lets no other call of its own run beside them.
func (s *Server) GoAway() {
	s.CloseClientConnections()
	s.Close()
}

// ComeBack ends what GoAway began.
func (s *Server) ComeBack() error {
	l, err := net.Listen("tcp", s.Listener.Addr().String())
	if err != nil {
		return fmt.Errorf("listening again: %w", err)
	}
	s.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
	s.Start()
	return nil
}

// PutTransaction adds or replaces a transaction by its TransactionNumber.
func (s *Server) PutTransaction(o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transactions[number(o["TransactionNumber"])] = o
}

// PutUser adds or replaces a user by its UserName.
func (s *Server) PutUser(o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[strings.ToLower(fmt.Sprint(o["UserName"]))] = o
}

// Misbehave asks fault before each call how to fail; nil = never.
func (s *Server) Misbehave(fault func(*http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// SetAhead moves the server's clock.
func (s *Server) SetAhead(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = by
}

// Status is the transaction's status.
func (s *Server) Status(tn int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, _ := s.transactions[tn]["TransactionStatus"].(string)
	return v
}

// Notes lists what was written as notes of the transaction, Histories as entries.
func (s *Server) Notes(tn int64) []string { return s.texts(tn, "notes", "Note") }

// Histories lists the transaction's history entries.
func (s *Server) Histories(tn int64) []string { return s.texts(tn, "histories", "Entry") }

func (s *Server) texts(tn int64, kind, field string) (texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.written[fmt.Sprintf("%d/%s", tn, kind)] {
		texts = append(texts, fmt.Sprint(o[field]))
	}
	return texts
}

// Calls lists the calls since the last Calls, "GET /transaction/1".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls
	s.calls = nil
	return c
}

// ServeHTTP answers one call. Paths are matched without regard to case.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := strings.CutPrefix(strings.ToLower(r.URL.Path), "/illiadwebplatform")
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.calls = append(s.calls, r.Method+" "+path)
	w.Header().Set("Date", time.Now().Add(s.ahead).UTC().Format(http.TimeFormat))
	fault := None
	if s.fault != nil {
		fault = s.fault(r)
	}
	switch fault {
	case EmptyBadRequest:
		w.WriteHeader(http.StatusBadRequest)
		return
	case ModelState:
		refuse(w, http.StatusBadRequest, "The request is invalid.", Object{"Status": []string{"The status does not exist."}})
		return
	case Busy:
		w.Header().Set("Retry-After", "120")
		refuse(w, http.StatusServiceUnavailable, "Busy.", nil)
		return
	case CrashBefore:
		refuse(w, http.StatusInternalServerError, "An error has occurred.", nil)
		return
	case HangUpBefore:
		panic(http.ErrAbortHandler)
	case LogInPage:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>Please log in</html>")
		return
	}
	code, answer := http.StatusUnauthorized, any(Object{"Message": "Authorization has been denied for this request."})
	if r.Header.Get("ApiKey") == s.Key {
		code, answer = s.answer(r, path)
	}
	b, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	switch fault {
	case CrashAfter:
		refuse(w, http.StatusInternalServerError, "An error has occurred.", nil)
	case HangUpAfter:
		panic(http.ErrAbortHandler)
	case HalfAnswer:
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(code)
		w.Write(b[:len(b)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(code)
		w.Write(b)
	}
}

func refuse(w http.ResponseWriter, code int, message string, fields Object) {
	o := Object{"Message": message}
	if fields != nil {
		o["ModelState"] = fields
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(o)
}

func (s *Server) answer(r *http.Request, path string) (int, any) {
	notFound := func(what string) (int, any) {
		return http.StatusNotFound, Object{"Message": "The " + what + " was not found."}
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/systeminfo/platformversion":
		return http.StatusOK, "9.2.0.0"
	case path == "/displaystatus":
		return http.StatusOK, []Object{
			{"Id": 1, "TransactionStatus": "Checked Out to Customer", "DisplayStatus": "Checked Out"},
			{"Id": 2, "TransactionStatus": "Extremely Overdue and Blocked", "DisplayStatus": "Overdue"},
		}
	case parts[0] == "users" && len(parts) == 2:
		if u, ok := s.users[parts[1]]; ok {
			return http.StatusOK, u
		}
		return notFound("user")
	case parts[0] != "transaction" || len(parts) < 2:
		return http.StatusNotFound, nil
	case parts[1] == "userrequests" && len(parts) == 3:
		if _, ok := s.users[parts[2]]; !ok {
			return notFound("user")
		}
		return http.StatusOK, s.requests(parts[2], r)
	}
	tn, err := strconv.ParseInt(parts[1], 10, 64)
	t, ok := s.transactions[tn]
	if err != nil || !ok {
		return notFound("transaction")
	}
	if len(parts) == 2 {
		return http.StatusOK, t
	}
	var body map[string]string
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return http.StatusBadRequest, Object{"Message": "The request is invalid."}
		}
	}
	field, most := "", 0
	switch r.Method + " " + parts[2] {
	case "PUT route":
		if body["Status"] == "" {
			return http.StatusBadRequest, Object{"Message": "The request is invalid.", "ModelState": Object{"Status": []string{"The Status field is required."}}}
		}
		t["TransactionStatus"] = body["Status"]
		t["TransactionDate"] = time.Now().Format("2006-01-02T15:04:05.999")
		return http.StatusOK, t
	case "POST notes":
		field, most = "Note", 4000
	case "POST histories":
		field, most = "Entry", 250
	case "GET notes", "GET histories":
		if s.NotesReadable {
			return http.StatusOK, s.written[parts[1]+"/"+parts[2]]
		}
		return http.StatusMethodNotAllowed, Object{"Message": "The requested resource does not support http method 'GET'."}
	default:
		return http.StatusNotFound, nil
	}
	if n := len([]rune(body[field])); n == 0 || n > most || (field == "Note" && body["NoteType"] == "") {
		return http.StatusBadRequest, Object{"Message": "The request is invalid.", "ModelState": Object{field: []string{"The field is required, and not longer than it may be."}}}
	}
	o := Object{field: body[field], "TransactionNumber": tn}
	at := parts[1] + "/" + parts[2]
	s.written[at] = append(s.written[at], o)
	return http.StatusOK, o
}

// requests are the user's transactions through $filter (only "F eq 'V'" and
// "F ge datetime'V'"), $skip and $top.
func (s *Server) requests(user string, r *http.Request) []Object {
	list := []Object{}
	filter := r.URL.Query().Get("$filter")
	field, value, equal := strings.Cut(filter, " eq ")
	if !equal {
		field, value, _ = strings.Cut(filter, " ge datetime")
	}
	value = strings.Trim(value, "'Z")
	for _, t := range s.transactions {
		has := fmt.Sprint(t[field])
		if strings.EqualFold(fmt.Sprint(t["Username"]), user) && (filter == "" || equal && has == value || !equal && has >= value) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b Object) int {
		return int(number(a["TransactionNumber"]) - number(b["TransactionNumber"]))
	})
	skip, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
	list = list[min(skip, len(list)):]
	if top, err := strconv.Atoi(r.URL.Query().Get("$top")); err == nil {
		list = list[:min(top, len(list))]
	}
	return list
}

func number(v any) int64 {
	n, _ := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	return n
}
