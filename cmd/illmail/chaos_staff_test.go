package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"sync"
	"time"
)

// chaosStaff answers conversations on the pages of whichever daemon is up, and
// clicks twice each time.
type chaosStaff struct {
	w      *chaosWorld
	rnd    *rand.Rand
	client *http.Client
	want   int           // conversations to answer
	done   map[int]int64 // thread → conversation
	forms  int           // posted, second clicks included
}

func newChaosStaff(w *chaosWorld, want int) *chaosStaff {
	jar, _ := cookiejar.New(nil)
	return &chaosStaff{w: w, rnd: w.random(4), client: &http.Client{Jar: jar, Timeout: time.Minute}, want: want, done: map[int]int64{}}
}

// page reads one page; its error is the connection's.
func (s *chaosStaff) page(resp *http.Response, err error) (status int, body string, _ error) {
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func (s *chaosStaff) base() string {
	return "http://" + s.w.daemons[s.rnd.IntN(len(s.w.daemons))].listen
}

// signIn signs in, where the daemons are up; the session is in the database.
func (s *chaosStaff) signIn() error {
	status, page, err := s.page(s.client.PostForm(s.base()+"/login", url.Values{"username": {"maria"}, "password": {"secret-word"}}))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d\n%s", status, page)
	}
	return err
}

// run answers until enough threads are answered, each once.
func (s *chaosStaff) run(pause time.Duration) error {
	type open struct {
		Thread       int
		Conversation int64
	}
	for len(s.done) < s.want {
		list := rowsOf(s.w, rowToStruct[open], `
			SELECT DISTINCT substring(p.username FROM 'asker(\d+)')::int AS thread, q.conversation_id AS conversation
			FROM queue_item q JOIN conversation c ON c.id = q.conversation_id JOIN patron p ON p.id = c.patron_id
			WHERE q.state IN ('new', 'open') AND p.username LIKE 'asker%' AND NOT (substring(p.username FROM 'asker(\d+)')::int = ANY ($1))
			LIMIT 50`, slices.AppendSeq([]int{}, maps.Keys(s.done)))
		for _, o := range list {
			if len(s.done) == s.want {
				break
			}
			answered, err := s.answer(o.Conversation)
			if err != nil {
				return err
			}
			if answered {
				s.done[o.Thread] = o.Conversation
			}
			if !s.w.sleep(nil, between(s.rnd, 0, 2*pause)) {
				return errBound
			}
		}
		if !s.w.sleep(nil, 300*time.Millisecond) {
			return errBound
		}
	}
	return nil
}

// answer opens a conversation and sends its form, twice at the same moment and
// again as often as the connection broke. False: someone wrote meanwhile, or
// the page was not to be had.
func (s *chaosStaff) answer(id int64) (bool, error) {
	status, page, err := s.page(s.client.Get(fmt.Sprintf("%s/conversations/%d", s.base(), id)))
	if err != nil || status != http.StatusOK {
		return false, nil
	}
	form, action := readReplyForm(page)
	if form == nil {
		return false, nil
	}
	form.Set("action", "send_close")
	form.Set("body", fmt.Sprintf("Yes, until the end of the month. (conversation %d)", id))
	for {
		s.forms += 2
		bases := []string{s.base(), s.base()}
		codes := make([]int, 2)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, base := range bases {
			wg.Go(func() { codes[i], _, errs[i] = s.page(s.client.PostForm(base+action, form)) })
		}
		wg.Wait()
		if s.w.ctx.Err() != nil {
			return false, errBound
		}
		for i, code := range codes {
			if errs[i] == nil && code != http.StatusOK && code != http.StatusConflict && code < 500 {
				return false, fmt.Errorf("posting a reply: status %d", code)
			}
		}
		// What the pages said may have been lost on the way, as it would be for
		// people: the same form is sent until there is an answer, and whether
		// there is one now the records say.
		if n := s.w.count(`SELECT count(*) FROM outbox WHERE kind = 'reply' AND conversation_id = $1`, id); n > 0 {
			return true, nil
		}
		if slices.Contains(codes, http.StatusConflict) && errors.Join(errs...) == nil {
			return false, nil // the patron wrote meanwhile: read it first
		}
		if !s.w.sleep(nil, 100*time.Millisecond) {
			return false, errBound
		}
	}
}
