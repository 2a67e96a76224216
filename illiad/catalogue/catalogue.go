// Package catalogue finds what a patron may use in place of a request that
// cannot be filled: an item on the library's own shelves, by SRU, and an open
// copy of an article, by Unpaywall's interface. It is help, never needed: a
// server that is down, slow or odd finds nothing, and answers are remembered.
package catalogue

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// patience bounds one search: a page waits for it.
	patience = 4 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20
	// keepFound and keepFailed are how long an answer, and the lack of one, is remembered.
	keepFound  = 24 * time.Hour
	keepFailed = 10 * time.Minute
	// maxKept bounds what is remembered; beyond it all is forgotten.
	maxKept = 2000
)

// Finder asks what the office configured. It is safe for concurrent use.
type Finder struct {
	SRU       *SRU       // nil: not asked
	Unpaywall *Unpaywall // nil: not asked
	Log       *slog.Logger

	mu   sync.Mutex
	kept map[string]kept
}

// Wanted is what is looked for.
type Wanted struct {
	ISSNISBN string // as the ILL system writes it; of several the first counts
	DOI      string
}

// Found is what there is; "" for nothing.
type Found struct {
	CallNumber string // of the library's own copy
	Link       string // where it can be read
}

type kept struct {
	text  string
	until time.Time
}

// Find asks both at once and never fails.
func (f *Finder) Find(ctx context.Context, w Wanted) Found {
	if f == nil {
		return Found{}
	}
	var found Found
	var wg sync.WaitGroup
	if number := firstNumber(w.ISSNISBN); f.SRU != nil && number != "" {
		wg.Go(func() { found.CallNumber = f.ask(ctx, "sru "+number, number, f.SRU.callNumber) })
	}
	if doi := cleanDOI(w.DOI); f.Unpaywall != nil && doi != "" {
		wg.Go(func() { found.Link = f.ask(ctx, "doi "+doi, doi, f.Unpaywall.openCopy) })
	}
	wg.Wait()
	return found
}

// ask returns what is remembered, or asks and remembers.
func (f *Finder) ask(ctx context.Context, key, what string, ask func(context.Context, string) (string, error)) string {
	f.mu.Lock()
	k, ok := f.kept[key]
	f.mu.Unlock()
	if ok && time.Now().Before(k.until) {
		return k.text
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := ask(within, what)
	if ctx.Err() != nil {
		return "" // whoever asked left: that says nothing of the server
	}
	keep := keepFound
	if err != nil {
		keep = keepFailed
		if f.Log != nil {
			f.Log.Debug("looking for an alternative", "err", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil || len(f.kept) >= maxKept {
		f.kept = map[string]kept{}
	}
	f.kept[key] = kept{text, time.Now().Add(keep)}
	return text
}

var client = &http.Client{Timeout: patience}

// firstNumber is the first ISBN or ISSN, its digits (and X) only.
func firstNumber(s string) string {
	for _, part := range strings.FieldsFunc(s, func(c rune) bool { return c == ';' || c == ',' || c == '|' || c == ' ' || c == '(' || c == ')' }) {
		if n := digitsX(part); len(n) == 8 || len(n) == 10 || len(n) == 13 {
			return n
		}
	}
	return ""
}

func digitsX(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= '0' && c <= '9', c == 'X':
			return c
		case c == 'x':
			return 'X'
		}
		return -1
	}, s)
}

// cleanDOI is the DOI without what stands before it, lower case; "" for none.
func cleanDOI(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	i := strings.Index(s, "10.")
	if i < 0 || !strings.Contains(s[i:], "/") || strings.ContainsAny(s[i:], " <>\"") {
		return ""
	}
	return s[i:]
}
