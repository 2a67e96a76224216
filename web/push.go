package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxPush bounds the body of one push.
	maxPush = 16 << 20
	// pushesPerMinute is how often one office may be pushed to; a quiet minute
	// saves up as many. Wrong tokens from one address are counted likewise.
	pushesPerMinute      = 60
	wrongTokensPerMinute = 10
	// pushPatience is how long a body may take to arrive.
	pushPatience = 2 * time.Minute
)

// Push lets another system send requests of an office to POST
// /api/v1/transactions.
type Push struct {
	TokenHash [sha256.Size]byte // SHA-256 of the token, which also says whose requests these are
	// Take takes in the body. An error that wraps ErrBadPush is the sender's
	// fault; then nothing was taken in.
	Take func(ctx context.Context, body []byte) (PushResult, error)
}

// ErrBadPush says that the body of a push cannot be read as a whole.
var ErrBadPush = errors.New("the body cannot be read")

// PushResult says what became of the rows of a push.
type PushResult struct {
	Added     int         `json:"added"`
	Updated   int         `json:"updated"`
	Unchanged int         `json:"unchanged"`
	Errors    []PushError `json:"errors,omitempty"` // rows that were left out
}

// PushError is a row that was left out; rows count from 1.
type PushError struct {
	Row   int    `json:"row"`
	Error string `json:"error"`
}

// push answers POST /api/v1/transactions: 200 with the counts, 422 where every
// row was left out, 400, 401, 413 or 429 with {"error": …}.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	status, answer := s.takePush(w, r)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="illmail"`)
	}
	var b bytes.Buffer
	if err := writeJSON(&b, answer); err != nil {
		s.Log.Error("answering a push", "error", err)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the sender left; it asks again
}

func (s *Server) takePush(w http.ResponseWriter, r *http.Request) (status int, answer any) {
	refuse := func(status int, format string, args ...any) (int, any) {
		return status, map[string]string{"error": fmt.Sprintf(format, args...)}
	}
	now := s.Now()
	from := "wrong token from " + remoteHost(r)
	if wait := s.pushes.wait(from, wrongTokensPerMinute, now); wait > 0 {
		return tooOften(w, wait)
	}
	o := s.pushedOffice(r)
	if o == nil {
		s.pushes.take(from, wrongTokensPerMinute, now)
		return refuse(http.StatusUnauthorized, "Send the office's token as Authorization: Bearer TOKEN; push_token_file names it.")
	}
	if wait := s.pushes.wait(o.Code, pushesPerMinute, now); wait > 0 {
		return tooOften(w, wait)
	}
	s.pushes.take(o.Code, pushesPerMinute, now)
	// Read as a whole first: a slow sender must not hold up who imports or refreshes.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pushPatience)) // where it cannot be set it is as patient as the server
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return refuse(http.StatusRequestEntityTooLarge, "A push has at most %d MB; send it in parts.", maxPush>>20)
	case err != nil:
		return refuse(http.StatusBadRequest, "The body broke off; nothing was taken in.")
	}
	res, err := o.Push.Take(r.Context(), body)
	switch {
	case errors.Is(err, ErrBadPush):
		return refuse(http.StatusBadRequest, "Nothing was taken in: %v.", err)
	case err != nil:
		s.Log.Error("taking in a push", "office", o.Code, "error", err)
		return refuse(http.StatusInternalServerError, "Nothing was taken in. What happened was written to the log; send it again in a moment.")
	}
	s.Log.Info("took in a push", "office", o.Code, "added", res.Added, "updated", res.Updated, "unchanged", res.Unchanged, "bad", len(res.Errors))
	if len(res.Errors) > 0 && res.Added+res.Updated+res.Unchanged == 0 {
		return http.StatusUnprocessableEntity, res
	}
	return http.StatusOK, res
}

func tooOften(w http.ResponseWriter, wait time.Duration) (int, any) {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return http.StatusTooManyRequests, map[string]string{"error": fmt.Sprintf("That was too often; try again in %d seconds.", seconds)}
}

// pushedOffice is the office whose token the request bears, or nil.
func (s *Server) pushedOffice(r *http.Request) *Office {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	var found *Office
	for i := range s.Offices {
		o := &s.Offices[i]
		if o.Push != nil && subtle.ConstantTimeCompare(o.Push.TokenHash[:], hash[:]) == 1 {
			found = o
		}
	}
	return found
}

// limits is how often each of many may do something: each has a bucket that
// fills by so many a minute up to as many.
type limits struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	used float64 // what is taken out of it at the time
	at   time.Time
}

// wait is how long who must wait; 0 = not at all.
func (l *limits) wait(who string, perMinute int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if over := l.used(who, perMinute, now) + 1 - float64(perMinute); over > 0 {
		return time.Duration(over / float64(perMinute) * float64(time.Minute))
	}
	return 0
}

func (l *limits) take(who string, perMinute int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil || len(l.buckets) > 10_000 { // addresses without end must not fill memory
		l.buckets = map[string]bucket{}
	}
	l.buckets[who] = bucket{l.used(who, perMinute, now) + 1, now}
}

func (l *limits) used(who string, perMinute int, now time.Time) float64 {
	b := l.buckets[who]
	return max(0, b.used-now.Sub(b.at).Minutes()*float64(perMinute))
}
