package illiad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"illmail/store"
)

const (
	// writeBackLease is longer than a call may last.
	writeBackLease = 2 * callTimeout
	// writeBackWindow is how far back mail becomes notes and entries: a daemon
	// that was down for a long weekend still writes them, a new office is not
	// flooded with its past.
	writeBackWindow = 4 * 24 * time.Hour
	writeBackPoll   = 30 * time.Second
)

// RunWriteBacks queues what the office wants written (notes of mail that was
// filed, history entries of mail that was sent, routes after what staff did) and
// writes what is queued, until ctx ends. Any number of processes may run it.
func (a *API) RunWriteBacks(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := a.DB.Listen(ctx)
	poll := time.NewTicker(writeBackPoll)
	defer poll.Stop()
	for {
		if err := a.WriteBackOnce(ctx, time.Now()); err != nil && ctx.Err() == nil {
			a.Log.Warn("writing back to ILLiad", "err", err)
		}
	wait:
		for {
			select {
			case <-ctx.Done():
				for range changes {
				}
				return nil
			case <-poll.C:
				break wait
			case c := <-changes:
				if c.OfficeID != a.OfficeID && c.Topic != "" {
					continue
				}
				switch c.Topic {
				case store.NotifyWriteBacks, store.NotifyQueue, store.NotifyOutbox, "": // queued, filed, sent, or missed
					break wait
				}
			}
		}
	}
}

// WriteBackOnce queues what is new and writes what is due at now.
func (a *API) WriteBackOnce(ctx context.Context, now time.Time) error {
	since := now.Add(-writeBackWindow)
	if err := a.queue(ctx, since); err != nil {
		return err
	}
	for {
		w, err := a.DB.ClaimWriteBack(ctx, a.OfficeID, now, writeBackLease)
		if err != nil || w == nil {
			return err
		}
		state, reason, after := a.write(ctx, w)
		if ctx.Err() != nil && state != "sent" {
			return ctx.Err() // it stays claimed: after the lease someone finds out
		}
		if err := a.DB.SettleWriteBack(context.WithoutCancel(ctx), w, state, reason, now.Add(after)); err != nil {
			return err
		}
		if state == "queued" {
			return nil // ILLiad does not answer: the rest waits, too
		}
	}
}

// queue queues what mail and staff did since then and the office wants written.
func (a *API) queue(ctx context.Context, since time.Time) error {
	if a.Write.Notes {
		if _, err := a.DB.QueueNotes(ctx, a.OfficeID, since, a.Pages); err != nil {
			return err
		}
	}
	if a.Write.Histories {
		if _, err := a.DB.QueueHistories(ctx, a.OfficeID, since); err != nil {
			return err
		}
	}
	_, err := a.DB.QueueActions(ctx, a.OfficeID, since, a.Write.Histories, a.Write.Routes)
	return err
}

// errMoved says that the request is where a route does not lead on from.
var errMoved = errors.New("it is not moved")

// write writes one and says what became of it.
func (a *API) write(ctx context.Context, w *store.WriteBack) (state, reason string, after time.Duration) {
	if w.Doubt && w.Kind != "route" {
		switch found, ok, err := a.Client.Written(ctx, w.TransactionNumber, plural[w.Kind], mark(w)); {
		case found:
			return "sent", "", 0
		case err != nil:
			return "queued", err.Error(), backOff(w.Attempts)
		case !ok:
			return "uncertain", fmt.Sprintf("it was cut off while it was written; look in ILLiad whether transaction %d has %q", w.TransactionNumber, mark(w)), 0
		}
	}
	err := a.call(ctx, w)
	if healthErr := a.health(ctx, err); healthErr != nil {
		a.Log.Warn("recording ILLiad's health", "err", healthErr)
	}
	var refused *Error
	switch {
	case err == nil:
		return "sent", "", 0
	case errors.Is(err, errMoved):
		return "failed", err.Error(), 0
	case errors.Is(err, ErrUncertain): // the next try looks first
		w.Doubt = true
		return "queued", err.Error(), backOff(w.Attempts)
	case errors.Is(err, ErrKey): // nothing is wrong with this one
		return "queued", err.Error(), 10 * time.Minute
	case errors.As(err, &refused) && refused.Code < 500 && refused.Code != 408 && refused.Code != 429:
		return "failed", err.Error(), 0
	case refused != nil && refused.RetryAfter > 0:
		return "queued", err.Error(), refused.RetryAfter
	default:
		return "queued", err.Error(), backOff(w.Attempts)
	}
}

var plural = map[string]string{"note": "notes", "history": "histories"}

func (a *API) call(ctx context.Context, w *store.WriteBack) error {
	switch w.Kind {
	case "note":
		return a.Client.AddNote(ctx, w.TransactionNumber, marked(w, MaxNote))
	case "history":
		return a.Client.AddHistory(ctx, w.TransactionNumber, marked(w, MaxEntry))
	}
	// Routed already, by an earlier try or by hand: routing twice could undo a later step.
	o, err := a.Client.Transaction(ctx, w.TransactionNumber)
	if err != nil || sameStatus(o, w.Payload) {
		return err
	}
	if status := statusOf(o); len(w.FromStates) > 0 && !slices.Contains(w.FromStates, a.States.State(status)) {
		return fmt.Errorf("%w to %q: in ILLiad it is %q by now", errMoved, w.Payload, status)
	}
	_, err = a.Client.Route(ctx, w.TransactionNumber, w.Payload)
	return err
}

// mark tells our notes and entries apart.
func mark(w *store.WriteBack) string { return fmt.Sprintf("[illmail %d]", w.ID) }

// marked is the payload with its mark, cut to the most characters that ILLiad takes.
func marked(w *store.WriteBack, most int) string {
	m := " " + mark(w)
	text := w.Payload
	if n := most - utf8.RuneCountInString(m); utf8.RuneCountInString(text) > n {
		text = string([]rune(text)[:n-1]) + "…"
	}
	return text + m
}

func statusOf(o Object) string {
	s, _ := o["TransactionStatus"].(string)
	return strings.TrimSpace(s)
}

func sameStatus(o Object, status string) bool {
	return strings.EqualFold(statusOf(o), strings.TrimSpace(status))
}

// backOff is one minute after the first try, then four, nine … to an hour.
func backOff(attempts int) time.Duration {
	return min(time.Duration(attempts*attempts)*time.Minute, time.Hour)
}
