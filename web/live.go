package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"illmail/store"
)

// hub passes changes in the database on to every open browser. A browser that
// is slow gets the changes of a moment as one.
type hub struct {
	mu      sync.Mutex
	readers map[chan struct{}]struct{}
	closed  bool
	version int64 // counts the changes, from a number that no process before used
}

func newHub() *hub {
	return &hub{readers: make(map[chan struct{}]struct{}), version: time.Now().UnixNano()}
}

// now is the version of what is shown from here on.
func (h *hub) now() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.version
}

// join opens a stream for a page of that version. What changed between the
// making of the page and the opening of its stream is told at once.
func (h *hub) join(version int64) chan struct{} {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(ch)
		return ch
	}
	if version != h.version {
		ch <- struct{}{}
	}
	h.readers[ch] = struct{}{}
	return ch
}

func (h *hub) leave(ch chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.readers, ch)
}

func (h *hub) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version++
	for ch := range h.readers {
		select {
		case ch <- struct{}{}:
		default: // it has not read the last one yet
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for ch := range h.readers {
		close(ch)
		delete(h.readers, ch)
	}
}

// Run passes changes on to open pages until ctx ends; then it ends their
// streams, so that a server that shuts down need not wait for them.
func (s *Server) Run(ctx context.Context) {
	defer s.live.close()
	var wg sync.WaitGroup
	defer wg.Wait()
	if s.Provider != nil {
		wg.Go(func() { s.Provider.watch(ctx) })
	}
	for c := range s.DB.Listen(ctx) {
		switch c.Topic {
		case store.NotifyMail, store.NotifyWriteBacks, store.NotifyTemplates: // change no page
		default:
			s.live.tell()
		}
	}
}

// keepAlive is how often a silent stream says that it lives: proxies cut
// connections that are silent for a minute.
const keepAlive = 25 * time.Second

// events streams a line for each change (server-sent events, HTML Living
// Standard section 9.2). It carries no content: the page asks for what it shows.
func (s *Server) events(v *visit) error {
	version, err := strconv.ParseInt(v.r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		version = s.live.now()
	}
	at, _ := strconv.ParseInt(v.r.URL.Query().Get("at"), 10, 64)
	if at != 0 { // the conversation that is open on that page
		if err := s.DB.Look(v.ctx(), at, v.staff.ID); err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), 2*time.Second)
			defer cancel()
			if err := s.DB.LookAway(ctx, at, v.staff.ID); err != nil {
				s.Log.Warn("noting who left a conversation", "err", err)
			}
		}()
	}
	ch := s.live.join(version)
	defer s.live.leave(ch)
	rc := http.NewResponseController(v.w)
	if err := rc.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("opening a stream: %w", err)
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no")
	v.w.WriteHeader(http.StatusOK)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	line := "retry: 3000\n: here\n\n"
	for {
		if _, err := v.w.Write([]byte(line)); err != nil {
			return nil
		}
		if err := rc.Flush(); err != nil {
			return nil
		}
		select {
		case <-v.ctx().Done():
			return nil
		case _, ok := <-ch:
			if !ok {
				return nil
			}
			line = "event: change\ndata: \n\n"
		case <-tick.C:
			line = ": here\n\n"
			if at != 0 {
				if err := s.DB.Look(v.ctx(), at, v.staff.ID); err != nil {
					return nil // the stream comes again by itself
				}
			}
		}
	}
}
