package catalogue

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Unpaywall knows open copies of articles by their DOI.
type Unpaywall struct {
	URL   string // "https://api.unpaywall.org/v2"
	Email string // it asks to be told who asks
}

// openCopy is where the article can be read; "" where it is nowhere open.
func (u *Unpaywall) openCopy(ctx context.Context, doi string) (string, error) {
	at := strings.TrimSuffix(u.URL, "/") + "/" + url.PathEscape(doi) + "?email=" + url.QueryEscape(u.Email)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", fmt.Errorf("asking for an open copy: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking for an open copy: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound: // it does not know the DOI
		return "", nil
	default:
		return "", fmt.Errorf("asking for an open copy: the answer is %s", resp.Status)
	}
	var answer struct {
		IsOA bool `json:"is_oa"`
		Best *struct {
			URL     string `json:"url"`
			Landing string `json:"url_for_landing_page"`
		} `json:"best_oa_location"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return "", fmt.Errorf("reading where an open copy is: %w", err)
	}
	if !answer.IsOA || answer.Best == nil {
		return "", nil
	}
	for _, link := range []string{answer.Best.URL, answer.Best.Landing} {
		if l, err := url.Parse(link); err == nil && (l.Scheme == "https" || l.Scheme == "http") && l.Host != "" && len(link) <= 1000 {
			return link, nil
		}
	}
	return "", nil
}
