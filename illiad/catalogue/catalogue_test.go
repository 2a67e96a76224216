package catalogue

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const marcRecord = `<zs:record><zs:recordSchema>marcxml</zs:recordSchema><zs:recordData><record xmlns="http://www.loc.gov/MARC21/slim">
	<controlfield tag="001">1</controlfield>
	<datafield tag="%s" ind1=" " ind2=" "><subfield code="a">%s</subfield></datafield>
	<datafield tag="050" ind1=" " ind2=" "><subfield code="a">PS3558</subfield><subfield code="b">.E63</subfield></datafield>
	%s</record></zs:recordData></zs:record>`

func response(records ...string) string {
	return `<?xml version="1.0"?><zs:searchRetrieveResponse xmlns:zs="http://www.loc.gov/zing/srw/"><zs:numberOfRecords>1</zs:numberOfRecords><zs:records>` +
		strings.Join(records, "") + `</zs:records></zs:searchRetrieveResponse>`
}

// standIn answers as a catalogue and as Unpaywall, and counts.
func standIn(t *testing.T, answer func(r *http.Request) (int, string)) (*Finder, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		code, body := answer(r)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(func() { client.CloseIdleConnections(); server.Close() })
	return &Finder{SRU: &SRU{URL: server.URL + "/sru?db=1", ISBNIndex: "bath.isbn", ISSNIndex: "bath.issn", Schema: "marcxml"},
		Unpaywall: &Unpaywall{URL: server.URL + "/v2/", Email: "ill@example.edu"}}, &calls
}

func TestFind(t *testing.T) {
	holding := `<datafield tag="852" ind1="0" ind2=" "><subfield code="b">MAIN</subfield><subfield code="h">PS3558.E63</subfield><subfield code="i">D8 1990</subfield></datafield>`
	f, calls := standIn(t, func(r *http.Request) (int, string) {
		q := r.URL.Query()
		switch {
		case q.Get("query") == `bath.isbn="9780441172719"` && q.Get("operation") == "searchRetrieve" && q.Get("db") == "1":
			return 200, response(fmt.Sprintf(marcRecord, "020", "0441172717 (paperback)", holding))
		case q.Get("query") == `bath.issn="00029505"`:
			return 200, response(fmt.Sprintf(marcRecord, "022", "0002-9505", ""))
		case q.Get("query") == `bath.isbn="9780000000002"`: // another book: the server does not know the index
			return 200, response(fmt.Sprintf(marcRecord, "020", "9780441172719", holding))
		case strings.HasPrefix(r.URL.Path, "/v2/10.1000/open") && q.Get("email") == "ill@example.edu":
			return 200, `{"is_oa":true,"best_oa_location":{"url":"https://repository.example.org/1.pdf"}}`
		case strings.HasPrefix(r.URL.Path, "/v2/10.1000/odd"):
			return 200, `{"is_oa":true,"best_oa_location":{"url":"javascript:alert(1)","url_for_landing_page":"https://repository.example.org/2"}}`
		case strings.HasPrefix(r.URL.Path, "/v2/10.1000/closed"):
			return 200, `{"is_oa":false,"best_oa_location":null}`
		}
		return 404, ""
	})
	for w, want := range map[Wanted]Found{
		{ISSNISBN: "978-0-441-17271-9; 0441172717", DOI: "https://doi.org/10.1000/Open"}: {"PS3558.E63 D8 1990", "https://repository.example.org/1.pdf"},
		{ISSNISBN: "0002-9505"}:                             {"PS3558 .E63", ""},
		{ISSNISBN: "9780000000002", DOI: "10.1000/odd"}:     {"", "https://repository.example.org/2"},
		{ISSNISBN: "none", DOI: "10.1000/closed"}:           {},
		{ISSNISBN: "", DOI: "see 10. chapter"}:              {},
		{ISSNISBN: "9781234567897", DOI: "10.1000/unknown"}: {},
	} {
		if got := f.Find(t.Context(), w); got != want {
			t.Errorf("%+v: got %+v, want %+v", w, got, want)
		}
	}
	before := calls.Load()
	if got := f.Find(t.Context(), Wanted{ISSNISBN: "9780441172719", DOI: "10.1000/open"}); got.CallNumber == "" || got.Link == "" || calls.Load() != before {
		t.Errorf("got %+v by %d more calls: it is not remembered", got, calls.Load()-before)
	}
}

func TestFindIsSilent(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (int, string){
		"down":       func(*http.Request) (int, string) { panic(http.ErrAbortHandler) },
		"error":      func(*http.Request) (int, string) { return 500, "oops" },
		"no XML":     func(*http.Request) (int, string) { return 200, "<html><p>Please log in" },
		"other XML":  func(*http.Request) (int, string) { return 200, "<html></html>" },
		"cut off":    func(*http.Request) (int, string) { return 200, response("")[:90] },
		"diagnostic": func(*http.Request) (int, string) { return 200, response() },
	} {
		f, calls := standIn(t, answer)
		for range 2 {
			if got := f.Find(t.Context(), Wanted{ISSNISBN: "9780441172719", DOI: "10.1000/open"}); got != (Found{}) {
				t.Errorf("%s: got %+v", name, got)
			}
		}
		if n := calls.Load(); n > 4 { // the client itself may try a broken connection twice
			t.Errorf("%s: it was asked %d times", name, n)
		}
	}
	var none *Finder
	if got := none.Find(t.Context(), Wanted{DOI: "10.1000/open"}); got != (Found{}) {
		t.Errorf("got %+v", got)
	}
}
