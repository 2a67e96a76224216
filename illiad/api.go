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
	Write    Writes
	Log      *slog.Logger
}

// Writes says what goes back to ILLiad.
type Writes struct {
	Notes     bool // the gist of mail that was filed
	Histories bool // what was sent
	Routes    store.Routes
}

// Refresh brings the transactions and their patrons up to date in the store. It
// fails where ILLiad cannot be asked or does not know one of them; then nothing
// may be told by the old records.
func (a *API) Refresh(ctx context.Context, _ int64, tns []int64) error {
	rows, err := a.fetch(ctx, tns)
	if err != nil {
		return errors.Join(err, a.health(ctx, err))
	}
	if err := a.take(ctx, rows); err != nil {
		return err
	}
	return a.health(ctx, nil)
}

// fetch asks for the transactions and their patrons.
func (a *API) fetch(ctx context.Context, tns []int64) ([]store.ImportRow, error) {
	users := map[string]Object{}
	rows := make([]store.ImportRow, 0, len(tns))
	for _, tn := range tns {
		o, err := a.Client.Transaction(ctx, tn)
		if err != nil {
			return nil, fmt.Errorf("refreshing transaction %d: %w", tn, err)
		}
		username := usernameOf(o)
		u, known := users[username]
		if !known && username != "" {
			if u, err = a.Client.User(ctx, username); err != nil {
				return nil, fmt.Errorf("refreshing the patron of transaction %d: %w", tn, err)
			}
			users[username] = u
		}
		row, err := a.row(o, u)
		if err == nil && row.Transaction.TransactionNumber != tn {
			err = errors.New("ILLiad answered with another")
		}
		if err != nil {
			return nil, fmt.Errorf("refreshing transaction %d: %w", tn, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// row joins a transaction and its user. What ILLiad does not say of them stays
// as the store has it.
func (a *API) row(transaction, user Object) (store.ImportRow, error) {
	var row store.ImportRow
	username := usernameOf(transaction)
	both := userColumns(user)
	maps.Copy(both, transaction) // both have a Username
	if err := fillObject(&row, both); err != nil {
		return row, err
	}
	row.Patron.Username = username
	return row, complete(&row, a.States)
}

func usernameOf(transaction Object) string {
	for k, v := range transaction {
		if s, ok := v.(string); ok && plain(k) == "username" {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

// userColumns are the keys of a user that say something of a patron; its status
// has another name beside a transaction's.
func userColumns(u Object) Object {
	out := Object{}
	for _, k := range []string{"FirstName", "LastName", "EMailAddress", "Department", "NVTGC", "ExpirationDate"} {
		if v, ok := u[k]; ok {
			out[k] = v
		}
	}
	if v, ok := u["Status"]; ok {
		out["UserStatus"] = v
	}
	return out
}

// health records whether ILLiad answers, and by the right clock; nothing where we were told to end.
func (a *API) health(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	detail := ""
	if err != nil && !errors.Is(err, ErrUnknown) { // it answered
		detail = err.Error()
	} else {
		detail = Findings{Skew: a.Client.Skew()}.Skewed()
	}
	return a.DB.SetHealth(ctx, a.OfficeID, "illiad", detail == "", detail)
}

// Findings is what the check of an ILLiad found.
type Findings struct {
	Version string
	Skew    time.Duration // how far its clock is ahead of ours
	Unknown []string      // statuses of the office that have no meaning in the configuration
	// Unseen are statuses of routes that are not among those for which the
	// office has a display name; that alone does not prove that they are not there.
	Unseen []string
}

// maxSkew is how far the clocks may be apart before times in both systems
// cannot be compared.
const maxSkew = 5 * time.Minute

// Skewed says that the clocks are too far apart; "" = they are not.
func (f Findings) Skewed() string {
	switch {
	case f.Skew > maxSkew:
		return fmt.Sprintf("its clock is %s ahead of ours; set the clocks of both machines by NTP", f.Skew)
	case f.Skew < -maxSkew:
		return fmt.Sprintf("its clock is %s behind ours; set the clocks of both machines by NTP", -f.Skew)
	}
	return ""
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
	for _, route := range a.Write.Routes.All() {
		if !slices.ContainsFunc(statuses, func(s string) bool { return key(s) == key(route) }) && !slices.Contains(f.Unseen, route) {
			f.Unseen = append(f.Unseen, route)
		}
	}
	return f, a.health(ctx, nil)
}

// checkEvery is how often a running daemon checks ILLiad.
const checkEvery = time.Hour

// RunChecks checks ILLiad now and every hour until ctx ends: what it finds is
// the health of "illiad" and of "illiad statuses".
func (a *API) RunChecks(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		if err := a.CheckOnce(ctx); err != nil && ctx.Err() == nil {
			a.Log.Warn("checking ILLiad", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// CheckOnce is one check of RunChecks.
func (a *API) CheckOnce(ctx context.Context) error {
	f, err := a.Check(ctx)
	if err != nil {
		return err
	}
	a.Log.Info("ILLiad answers", "version", f.Version, "skew", f.Skew)
	detail := ""
	if len(f.Unknown) > 0 {
		detail = "ILLiad has statuses without a meaning: " + strings.Join(f.Unknown, ", ") + "; say under [office.states] what they mean"
	}
	return a.DB.SetHealth(ctx, a.OfficeID, "illiad statuses", detail == "", detail)
}
