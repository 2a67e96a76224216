package illiad

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
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
	requests, users, err := a.fetch(ctx, tns)
	if healthErr := a.health(ctx, err); err != nil || healthErr != nil {
		return errors.Join(err, healthErr)
	}
	rows := make([]store.ImportRow, 0, len(tns))
	for i, o := range requests {
		row, err := a.row(o, users[usernameOf(o)])
		if err == nil && row.Transaction.TransactionNumber != tns[i] {
			err = errors.New("ILLiad answered with another")
		}
		if err != nil {
			return fmt.Errorf("refreshing transaction %d: %w", tns[i], err)
		}
		rows = append(rows, row)
	}
	return a.take(ctx, rows)
}

// fetch asks for the transactions, in their order, and for their patrons.
func (a *API) fetch(ctx context.Context, tns []int64) (requests []Object, users map[string]Object, err error) {
	users = map[string]Object{}
	for _, tn := range tns {
		o, err := a.Client.Transaction(ctx, tn)
		if err != nil {
			return nil, nil, fmt.Errorf("refreshing transaction %d: %w", tn, err)
		}
		requests = append(requests, o)
		username := usernameOf(o)
		if _, known := users[username]; known || username == "" {
			continue
		}
		if users[username], err = a.Client.User(ctx, username); err != nil {
			return nil, nil, fmt.Errorf("refreshing the patron of transaction %d: %w", tn, err)
		}
	}
	return requests, users, nil
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

// health records whether ILLiad can be asked; nothing where we were told to end.
func (a *API) health(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // patience that ended is an answer, too
	if unanswered(err) {
		why := strings.TrimPrefix(err.Error(), ErrUncertain.Error()+": ")
		return a.DB.SetHealth(ctx, a.OfficeID, store.HealthILLiad, false, why)
	}
	return a.DB.SetHealth(ctx, a.OfficeID, store.HealthILLiad, true, "")
}

// unanswered reports whether the error of a call means that ILLiad cannot be
// asked at all: it is away, it fails, or it does not take our key.
func unanswered(err error) bool {
	var refused *Error
	switch {
	case err == nil, errors.Is(err, errMoved):
		return false
	case errors.Is(err, ErrKey):
		return true
	case errors.As(err, &refused):
		if refused.Code == http.StatusInternalServerError && refused.Method != http.MethodGet {
			return false // it is that one write that it stumbles over
		}
		return refused.Code < 400 || refused.Code >= 500 || refused.Code == http.StatusRequestTimeout || refused.Code == http.StatusTooManyRequests
	}
	return !errors.Is(err, ErrUnknown)
}

// Findings is what the check of an ILLiad found.
type Findings struct {
	Version string
	Skew    time.Duration // how far its clock is ahead of ours
	Unknown []string      // statuses of the office that have no meaning in the configuration
	// Unseen are statuses of routes that are not among those for which the
	// office has a display name; that alone does not prove that they are not there.
	Unseen []string
	// Statuses are those that have a display name.
	Statuses []string
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
		return f, errors.Join(fmt.Errorf("asking for the statuses: %w", err), a.health(ctx, err))
	}
	f.Statuses = statuses
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

// How often a running daemon checks ILLiad, and how often while it does not answer.
const (
	checkEvery  = 5 * time.Minute
	silentEvery = 30 * time.Second
)

// RunChecks checks ILLiad now and then until ctx ends: what it finds is the
// health of "illiad", "illiad clock" and "illiad statuses". Once it answers
// again, what waits to be written there is due at once.
func (a *API) RunChecks(ctx context.Context) error {
	for answered := false; ; {
		wait := checkEvery
		err := a.CheckOnce(ctx)
		if err == nil && !answered {
			a.Log.Info("ILLiad answers")
			err = a.DB.WakeWriteBacks(ctx, a.OfficeID)
		}
		if answered = err == nil; !answered && ctx.Err() == nil {
			a.Log.Warn("checking ILLiad", "err", err)
			wait = silentEvery
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// CheckOnce is one check of RunChecks.
func (a *API) CheckOnce(ctx context.Context) error {
	f, err := a.Check(ctx)
	if err != nil {
		return err
	}
	a.Log.Debug("ILLiad answers", "version", f.Version, "skew", f.Skew)
	if err := a.DB.SetHealth(ctx, a.OfficeID, "illiad clock", f.Skewed() == "", f.Skewed()); err != nil {
		return err
	}
	detail := ""
	if len(f.Unknown) > 0 {
		detail = "ILLiad has statuses without a meaning: " + strings.Join(f.Unknown, ", ") + "; say under [office.states] what they mean"
	}
	return a.DB.SetHealth(ctx, a.OfficeID, "illiad statuses", detail == "", detail)
}
