package catalogue

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// SRU is a catalogue that answers searchRetrieve requests (SRU 1.2) with MARCXML.
type SRU struct {
	URL       string // "https://catalogue.example.edu/sru"
	ISBNIndex string // "bath.isbn"
	ISSNIndex string // "bath.issn"
	Schema    string // "marcxml"
}

// callNumber is the call number of the record that has the ISBN or ISSN.
func (s *SRU) callNumber(ctx context.Context, number string) (string, error) {
	index := s.ISBNIndex
	if len(number) == 8 {
		index = s.ISSNIndex
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", fmt.Errorf("reading the catalogue's address: %w", err)
	}
	q := u.Query()
	for k, v := range map[string]string{"version": "1.2", "operation": "searchRetrieve", "query": index + `="` + number + `"`, "maximumRecords": "5", "recordSchema": s.Schema} {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("asking the catalogue: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking the catalogue: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking the catalogue: it answered %s", resp.Status)
	}
	records, err := readMARC(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the catalogue's answer: %w", err)
	}
	for _, r := range records {
		// A server that does not know the index may answer with anything.
		if r.has(number) {
			if c := r.callNumber(); c != "" {
				return c, nil
			}
		}
	}
	return "", nil
}

// marc is a record's fields of which something is wanted.
type marc []marcField

type marcField struct {
	Tag       string `xml:"tag,attr"`
	Subfields []struct {
		Code string `xml:"code,attr"`
		Text string `xml:",chardata"`
	} `xml:"subfield"`
}

// readMARC reads the records of a response, whatever its namespaces.
func readMARC(r io.Reader) (records []marc, err error) {
	d := xml.NewDecoder(r)
	sawResponse := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !sawResponse {
				return nil, errors.New("it is no SRU response")
			}
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "searchRetrieveResponse":
			sawResponse = true
		case "recordData":
			records = append(records, nil)
		case "datafield":
			var f marcField
			if err := d.DecodeElement(&f, &start); err != nil {
				return nil, err
			}
			if n := len(records); n > 0 {
				records[n-1] = append(records[n-1], f)
			}
		}
	}
}

// has reports whether the record's ISBN or ISSN is the number (MARC 020, 022).
func (m marc) has(number string) bool {
	for _, f := range m {
		if f.Tag != "020" && f.Tag != "022" {
			continue
		}
		for _, s := range f.Subfields {
			word, _, _ := strings.Cut(strings.TrimSpace(s.Text), " ") // "9780441172719 (paperback)"
			if slices.Contains([]string{"a", "l", "z"}, s.Code) && sameNumber(digitsX(word), number) {
				return true
			}
		}
	}
	return false
}

// sameNumber compares ISBNs of ten and thirteen digits by the nine that they share.
func sameNumber(a, b string) bool {
	nine := func(s string) string {
		switch {
		case len(s) == 10:
			return s[:9]
		case len(s) == 13 && strings.HasPrefix(s, "978"):
			return s[3:12]
		}
		return s
	}
	return a != "" && nine(a) == nine(b)
}

// callNumber is that of the holding (852 h, i), else a local or the Library of
// Congress one (090, 050 a, b).
func (m marc) callNumber() string {
	for _, where := range []struct{ tag, codes string }{{"852", "hi"}, {"090", "ab"}, {"050", "ab"}} {
		for _, f := range m {
			if f.Tag != where.tag {
				continue
			}
			var parts []string
			for _, s := range f.Subfields {
				if len(s.Code) == 1 && strings.Contains(where.codes, s.Code) && strings.TrimSpace(s.Text) != "" {
					parts = append(parts, strings.TrimSpace(s.Text))
				}
			}
			if len(parts) > 0 {
				return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
			}
		}
	}
	return ""
}
