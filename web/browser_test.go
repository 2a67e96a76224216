package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// browser is a person without JavaScript.
type browser struct {
	t      testing.TB
	site   string
	client *http.Client
}

// answer is what a page gave.
type answer struct {
	t        testing.TB
	what     string
	code     int
	header   http.Header
	body     string
	location string
}

func (b *browser) get(path string) *answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", b.site+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b *browser) post(path string, pairs ...string) *answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

func (b *browser) do(req *http.Request) *answer {
	b.t.Helper()
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &answer{b.t, req.Method + " " + req.URL.Path, res.StatusCode, res.Header, string(body), res.Header.Get("Location")}
}

func (a *answer) status(want int) *answer {
	a.t.Helper()
	if a.code != want {
		_, said, _ := strings.Cut(a.body, "<main")
		said, _, _ = strings.Cut(said, "</main>")
		a.t.Fatalf("%s answers %d, want %d: %s", a.what, a.code, want, said)
	}
	return a
}

func (a *answer) has(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			a.t.Errorf("%s lacks %q", a.what, text)
		}
	}
	return a
}

func (a *answer) hasNot(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			a.t.Errorf("%s has %q", a.what, text)
		}
	}
	return a
}

// field is the value of a form field on the page.
func (a *answer) field(name string) string {
	a.t.Helper()
	_, rest, ok := strings.Cut(a.body, `name="`+name+`" value="`)
	if !ok {
		a.t.Fatalf("%s has no field %q", a.what, name)
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// stream reads an answer until a line comes, and says what went wrong, or "".
func (b *browser) stream(ctx context.Context, path, line string) string {
	req, err := http.NewRequestWithContext(ctx, "GET", b.site+path, nil)
	if err != nil {
		return err.Error()
	}
	res, err := b.client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if lines.Text() == line {
			return ""
		}
	}
	return fmt.Sprintf("%s ended without %q: %v", path, line, lines.Err())
}
