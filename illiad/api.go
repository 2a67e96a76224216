package illiad

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"illmail/store"
)

// API connects an office with its ILLiad: single transactions are refreshed
// from it, notes, history entries and routes go back.
type API struct {
	Client   *Client
	DB       *store.DB
	OfficeID int64
	States   *StateMap
	Pages    string // address of the staff pages, for links in notes; "" = no links
	Log      *slog.Logger
}

// Refresh brings the transactions and their patrons up to date in the store. It
// fails where ILLiad cannot be asked or does not know one of them; then nothing
// may be told by the old records.
func (a *API) Refresh(ctx context.Context, officeID int64, tns []int64) error {
	rows, err := a.fetch(ctx, officeID, tns)
	if err != nil {
		return errors.Join(err, a.health(ctx, err))
	}
	_, err = a.DB.Import(ctx, officeID, func(yield func(store.ImportRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}, store.ImportOptions{Fresh: true, Actor: "refresh", Bad: func(_ int, why string) {
		a.Log.Warn("a refreshed transaction was left out", "why", why)
	}})
	if err != nil {
		return err
	}
	return a.health(ctx, nil)
}

// fetch asks for the transactions and their patrons. What ILLiad does not say
// stays as the store has it.
func (a *API) fetch(ctx context.Context, officeID int64, tns []int64) ([]store.ImportRow, error) {
	stored, err := a.DB.TransactionsByNumber(ctx, officeID, tns)
	if err != nil {
		return nil, err
	}
	var patronIDs []int64
	byNumber := map[int64]store.Transaction{}
	for _, t := range stored {
		byNumber[t.TransactionNumber] = t
		patronIDs = append(patronIDs, t.PatronID)
	}
	patrons, err := a.DB.PatronsByID(ctx, patronIDs)
	if err != nil {
		return nil, err
	}
	byUsername := map[string]store.Patron{}
	for _, p := range patrons {
		byUsername[p.Username] = p
	}
	users := map[string]store.Patron{}
	rows := make([]store.ImportRow, 0, len(tns))
	for _, tn := range tns {
		o, err := a.Client.Transaction(ctx, tn)
		if err != nil {
			return nil, fmt.Errorf("refreshing transaction %d: %w", tn, err)
		}
		row := store.ImportRow{Transaction: byNumber[tn]}
		if err := fillObject(&row, o); err != nil {
			return nil, fmt.Errorf("refreshing transaction %d: %w", tn, err)
		}
		if row.Transaction.TransactionNumber != tn {
			return nil, fmt.Errorf("refreshing transaction %d: ILLiad answered with another", tn)
		}
		if err := complete(&row, a.States); err != nil {
			return nil, fmt.Errorf("refreshing transaction %d: %w", tn, err)
		}
		username := row.Patron.Username
		p, known := users[username]
		if !known {
			u, err := a.Client.User(ctx, username)
			if err != nil {
				return nil, fmt.Errorf("refreshing the patron of transaction %d: %w", tn, err)
			}
			person := store.ImportRow{Patron: byUsername[username]}
			if err := fillObject(&person, userColumns(u)); err != nil {
				return nil, fmt.Errorf("refreshing the patron of transaction %d: %w", tn, err)
			}
			person.Patron.Username = username
			p = person.Patron
			users[username] = p
		}
		row.Patron = p
		rows = append(rows, row)
	}
	return rows, nil
}

// userColumns gives the status of a user its name beside a transaction's.
func userColumns(u Object) Object {
	u = maps.Clone(u)
	if s, ok := u["Status"]; ok {
		delete(u, "Status")
		u["UserStatus"] = s
	}
	return u
}

// health records whether ILLiad answers; nothing where we were told to end.
func (a *API) health(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	detail := ""
	if err != nil && !errors.Is(err, ErrUnknown) { // it answered
		detail = err.Error()
	}
	return a.DB.SetHealth(ctx, a.OfficeID, "illiad", detail == "", detail)
}

// Findings is what the check of an ILLiad found.
type Findings struct {
	Version string
	Skew    time.Duration // how far its clock is ahead of ours
	Unknown []string      // statuses of the office that have no meaning in the configuration
}

// Check asks ILLiad for its version, its time and its statuses. An error says
// what to do about it.
func (a *API) Check(ctx context.Context) (Findings, error) {
	version, err := a.Client.Version(ctx)
	if err != nil {
		return Findings{}, errors.Join(err, a.health(ctx, err))
	}
	f := Findings{Version: version, Skew: a.Client.Skew()}
	statuses, err := a.Client.DisplayStatuses(ctx)
	if err != nil {
		return f, fmt.Errorf("asking for the statuses: %w", err)
	}
	for _, s := range statuses {
		if a.States.State(s) == store.StateUnknown && !slices.Contains(f.Unknown, strings.TrimSpace(s)) {
			f.Unknown = append(f.Unknown, strings.TrimSpace(s))
		}
	}
	return f, a.health(ctx, nil)
}
