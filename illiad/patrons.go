package illiad

import (
	"context"
	"errors"
	"fmt"
	"time"

	"illmail/store"
)

const (
	// patronPatience bounds what is asked for one patron.
	patronPatience = time.Minute
	// patronsAtOnce is how many are claimed together.
	patronsAtOnce = 10
	// patronWindow is how old mail may be for which requests are still fetched.
	patronWindow = 24 * time.Hour
	// patronPause is how long ILLiad is left alone after it did not answer.
	patronPause = time.Minute
	// requestsSince is how far back a patron's requests are fetched.
	requestsSince = 365 * 24 * time.Hour
)

// RunPatrons fetches the requests of patrons of whom mail came, beside the
// intake and never in its way, until ctx ends. fetched is told whose requests
// are up to date; nil = nobody. Any number of processes may run it.
func (a *API) RunPatrons(ctx context.Context, fetched func(ctx context.Context, patronID int64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := a.DB.Listen(ctx)
	poll := time.NewTicker(patronPause)
	defer poll.Stop()
	ready := true
	for {
		if ready {
			if _, err := a.FetchPatrons(ctx, time.Now(), fetched); err != nil && ctx.Err() == nil {
				a.Log.Warn("fetching the requests of patrons", "err", err)
				ready = false // until the next tick
			}
		}
		select {
		case <-ctx.Done():
			for range changes {
			}
			return nil
		case <-poll.C:
			ready = true
		case <-changes:
		}
	}
}

// FetchPatrons fetches the requests of the patrons of whom mail came before
// now, and returns of how many. It stops where ILLiad does not answer; who is
// left over comes first the next time.
func (a *API) FetchPatrons(ctx context.Context, now time.Time, fetched func(ctx context.Context, patronID int64) error) (n int, err error) {
	for {
		patrons, err := a.DB.ClaimPatronsToAsk(ctx, a.OfficeID, now.Add(-patronWindow), patronsAtOnce)
		if err != nil || len(patrons) == 0 {
			return n, err
		}
		for i, p := range patrons {
			err := a.fetchPatron(ctx, p, now)
			if err == nil && fetched != nil {
				err = fetched(ctx, p.ID)
			}
			if err != nil {
				for _, p := range patrons[i:] {
					err = errors.Join(err, a.DB.NotAsked(context.WithoutCancel(ctx), p))
				}
				return n, err
			}
			n++
		}
	}
}

func (a *API) fetchPatron(ctx context.Context, p store.PatronToAsk, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, patronPatience)
	defer cancel()
	rows, err := a.patronRows(ctx, p.Username, now)
	if errors.Is(err, ErrUnknown) {
		return nil // known from an export only
	}
	if healthErr := a.health(ctx, err); err != nil || healthErr != nil {
		return errors.Join(err, healthErr)
	}
	return a.take(ctx, rows)
}

func (a *API) patronRows(ctx context.Context, username string, now time.Time) ([]store.ImportRow, error) {
	user, err := a.Client.User(ctx, username)
	if err != nil {
		return nil, fmt.Errorf("asking for a patron: %w", err)
	}
	// Local time without a zone: a day more makes sure.
	filter := fmt.Sprintf("TransactionDate ge datetime'%s'", now.Add(-requestsSince-24*time.Hour).UTC().Format("2006-01-02T15:04:05Z"))
	requests, err := a.Client.UserRequests(ctx, username, filter)
	if err != nil {
		return nil, fmt.Errorf("asking for a patron's requests: %w", err)
	}
	var rows []store.ImportRow
	for _, o := range requests {
		row, err := a.row(o, user)
		if err != nil { // the others are good
			a.Log.Warn("a patron's request was left out", "why", err)
			continue
		}
		row.Patron.Username = username // in the case in which the store knows it
		rows = append(rows, row)
	}
	return rows, nil
}

// take puts what ILLiad said just now into the store.
func (a *API) take(ctx context.Context, rows []store.ImportRow) error {
	_, err := a.DB.Import(ctx, a.OfficeID, func(yield func(store.ImportRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}, store.ImportOptions{Fresh: true, Actor: "refresh", Bad: func(_ int, why string) {
		a.Log.Warn("a refreshed transaction was left out", "why", why)
	}})
	return err
}
