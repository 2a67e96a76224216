package illiad

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// callTimeout bounds one call, from the connection to the last byte.
	callTimeout = 30 * time.Second
	maxAnswer   = 16 << 20
	pageSize    = 100

	// MaxNote and MaxEntry are the most characters of a note and of a history entry.
	MaxNote  = 4000
	MaxEntry = 250
)

var (
	// ErrKey says that ILLiad does not accept the API key.
	ErrKey = errors.New("ILLiad does not accept the API key; enter a valid one in api_key_file (ILLiad's Customization Manager lists them under Web Platform API)")
	// ErrUnknown says that ILLiad does not know what was asked for.
	ErrUnknown = errors.New("ILLiad does not know it")
	// ErrUncertain says that the call may have had its effect: the connection
	// broke after it was sent, or the server failed while at it.
	ErrUncertain = errors.New("it is uncertain whether ILLiad did it")
)

// Error is an answer by which ILLiad refused a call.
type Error struct {
	Method, Path string
	Code         int                 // HTTP status
	Message      string              // "" where it gave none: an empty 400 is possible
	ModelState   map[string][]string // what is wrong with which field
	RetryAfter   time.Duration       // as it asked with 429 or 503; 0 = nothing said
}

// Error names the call and the reason on one line.
func (e *Error) Error() string {
	why := strings.TrimSuffix(e.Message, ".")
	var fields []string
	for f := range e.ModelState {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	for _, f := range fields {
		why += fmt.Sprintf("; %s: %s", f, strings.Join(e.ModelState[f], " "))
	}
	if why == "" {
		why = "without a reason"
	}
	return fmt.Sprintf("ILLiad refused %s %s (%d): %s", e.Method, e.Path, e.Code, strings.TrimPrefix(why, "; "))
}

// Unwrap makes errors.Is find ErrKey, ErrUnknown and ErrUncertain.
func (e *Error) Unwrap() error {
	switch {
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden:
		return ErrKey
	case e.Code == http.StatusNotFound:
		return ErrUnknown
	case e.Code >= 500 && e.Code != http.StatusServiceUnavailable && e.Method != http.MethodGet:
		return ErrUncertain
	}
	return nil
}

// Client calls the Web Platform API. It is safe for concurrent use.
type Client struct {
	base string
	key  string
	http *http.Client
	skew atomic.Int64 // how far the server's clock was ahead at the last answer, in nanoseconds
}

// NewClient calls the API at base, "https://HOST/ILLiadWebPlatform".
func NewClient(base, key string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%q is not the address of a Web Platform API; write it as https://HOST/ILLiadWebPlatform", base)
	}
	return &Client{
		base: strings.TrimSuffix(base, "/"),
		key:  strings.TrimSpace(key),
		http: &http.Client{
			Timeout: callTimeout,
			// The key must not follow a redirect to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connections that wait for another call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Object is one JSON object of ILLiad, by ILLiad's own keys.
type Object map[string]any

// Version is the platform's version: proof that the server and the key are good.
func (c *Client) Version(ctx context.Context) (string, error) {
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodGet, "/SystemInfo/PlatformVersion", nil, &raw); err != nil {
		return "", err
	}
	return strings.Trim(string(raw), `"`), nil
}

// Transaction returns the transaction of that number; ErrUnknown where there is none.
func (c *Client) Transaction(ctx context.Context, tn int64) (Object, error) {
	var o Object
	err := c.call(ctx, http.MethodGet, "/Transaction/"+strconv.FormatInt(tn, 10), nil, &o)
	if err == nil && len(o) == 0 {
		err = fmt.Errorf("asking for transaction %d: ILLiad answered nothing: %w", tn, ErrUnknown)
	}
	return o, err
}

// User returns the user of that name; ErrUnknown where there is none.
func (c *Client) User(ctx context.Context, username string) (Object, error) {
	var o Object
	err := c.call(ctx, http.MethodGet, "/Users/"+url.PathEscape(username), nil, &o)
	if err == nil && len(o) == 0 {
		err = fmt.Errorf("asking for a user: ILLiad answered nothing: %w", ErrUnknown)
	}
	return o, err
}

// UserRequests returns the user's transactions that the OData filter lets
// through, "" for all.
func (c *Client) UserRequests(ctx context.Context, username, filter string) ([]Object, error) {
	var all []Object
	for {
		q := url.Values{"$top": {strconv.Itoa(pageSize)}, "$skip": {strconv.Itoa(len(all))}}
		if filter != "" {
			q.Set("$filter", filter)
		}
		var page []Object
		// OData writes its options with a bare $ and blanks as %20.
		query := strings.NewReplacer("%24", "$", "+", "%20").Replace(q.Encode())
		if err := c.call(ctx, http.MethodGet, "/Transaction/UserRequests/"+url.PathEscape(username)+"?"+query, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		// A server that ignores $top has answered everything, and more than a page.
		if len(page) != pageSize || len(all) > 100*pageSize {
			return all, nil
		}
	}
}

// DisplayStatuses lists the statuses for which the office has a display name.
func (c *Client) DisplayStatuses(ctx context.Context) ([]string, error) {
	var list []struct{ TransactionStatus string }
	if err := c.call(ctx, http.MethodGet, "/DisplayStatus", nil, &list); err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.TransactionStatus
	}
	return names, nil
}

// Route gives the transaction another status and returns it as it is then.
// Nothing may be assumed of ILLiad's own mail or of the reason for cancellation.
func (c *Client) Route(ctx context.Context, tn int64, status string) (Object, error) {
	var o Object
	err := c.call(ctx, http.MethodPut, fmt.Sprintf("/transaction/%d/route", tn), map[string]string{"Status": status}, &o)
	return o, err
}

// AddNote adds a staff note of at most MaxNote characters.
func (c *Client) AddNote(ctx context.Context, tn int64, note string) error {
	return c.call(ctx, http.MethodPost, fmt.Sprintf("/transaction/%d/notes", tn), map[string]string{"Note": note, "NoteType": "Staff"}, nil)
}

// AddHistory adds a history entry of at most MaxEntry characters.
func (c *Client) AddHistory(ctx context.Context, tn int64, entry string) error {
	return c.call(ctx, http.MethodPost, fmt.Sprintf("/transaction/%d/histories", tn), map[string]string{"Entry": entry}, nil)
}

// Written reports whether a note or history entry that holds the words is
// there. ok is false where this ILLiad does not let them be read: no
// documentation says that it does.
func (c *Client) Written(ctx context.Context, tn int64, kind, words string) (found, ok bool, err error) {
	var list []Object
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/transaction/%d/%s", tn, kind), nil, &list)
	var refused *Error
	if errors.As(err, &refused) || errors.As(err, new(*notJSON)) {
		if errors.Is(err, ErrKey) || refused != nil && refused.Code >= 500 {
			return false, false, err
		}
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	for _, o := range list {
		for _, v := range o {
			if s, is := v.(string); is && strings.Contains(s, words) {
				return true, true, nil
			}
		}
	}
	return false, true, nil
}

// Skew is how far the server's clock was ahead of ours at the last answer, to a second.
func (c *Client) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// notJSON is an answer of success that is something else: a log-in page, a proxy's.
type notJSON struct{ path, contentType string }

func (e *notJSON) Error() string {
	return fmt.Sprintf("the server answered %s with %s in place of JSON; check base_url", e.path, e.contentType)
}

// call makes one call. A failed PUT or POST is ErrUncertain where the request
// may have arrived.
func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("calling ILLiad: %w", err)
		}
		payload = bytes.NewReader(b)
	}
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, payload)
	if err != nil {
		return fmt.Errorf("calling ILLiad: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("ApiKey", c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	path, _, _ = strings.Cut(path, "?")
	uncertain := func(err error) error {
		if method != http.MethodGet && wrote.Load() {
			return fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if named := new(url.Error); errors.As(err, &named) { // its address names a patron
			err = named.Err
		}
		return uncertain(fmt.Errorf("calling ILLiad: %w", err))
	}
	defer resp.Body.Close()
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.skew.Store(int64(time.Until(at).Round(time.Second)))
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 300 {
		return refusal(method, path, resp, b)
	}
	if err != nil {
		return uncertain(fmt.Errorf("reading ILLiad's answer: %w", err))
	}
	if answer == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(answer); err != nil {
		if ct := resp.Header.Get("Content-Type"); !strings.Contains(ct, "json") {
			return uncertain(&notJSON{path, ct})
		}
		return uncertain(fmt.Errorf("reading ILLiad's answer to %s: %w", path, err))
	}
	return nil
}

func refusal(method, path string, resp *http.Response, body []byte) error {
	e := &Error{Method: method, Path: path, Code: resp.StatusCode}
	var answer struct {
		Message    string
		ModelState map[string][]string
	}
	if json.Unmarshal(body, &answer) == nil {
		e.Message, e.ModelState = answer.Message, answer.ModelState
	}
	if e.Message == "" && resp.StatusCode < 400 {
		e.Message = "it redirects to " + resp.Header.Get("Location") + "; check base_url"
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = min(time.Duration(s)*time.Second, time.Hour)
	}
	return e
}
