package notices

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"illmail/store"
)

// Mode says what a run does with what is due.
type Mode string

// The modes.
const (
	ModeSend    Mode = "send"    // due notices are queued
	ModeApprove Mode = "approve" // due notices wait until staff release the batch
	ModeOff     Mode = "off"     // nothing is planned
)

// Rules says which notices an office sends and when. Rungs count from 1 in the
// order of time; days overdue and left are calendar days, days of delay and of
// cancellation are open days.
type Rules struct {
	Mode                   Mode
	GoLive                 store.Date // what was due, cancelled or delayed before it counts as told; zero: nothing does
	MinGapDays             int        // at least so many days between two letters about one request
	OverdueDays            []int      // ascending, each ≥ 1
	DueSoonDays            []int      // descending, each ≥ 0: the earliest letter first
	DelayDays              []int      // ascending, each ≥ 1, in open days
	CancellationMaxAgeDays int        // open days after which a cancellation is no longer told
	Digest                 bool       // one mail per patron, kind and run; else one per request
	MaxPerRun              int        // more mails than this in one run wait for approval; 0: no limit

	// MaxAge is how old the records may be for notices that depend on them;
	// zero: any age. Live: an ILL system is asked about each request just
	// before its notice goes, so old records do no harm at planning.
	MaxAge time.Duration
	Live   bool
	// ILLiad: an ILLiad is configured, and sends mail of its own of every kind
	// that is not named in OffInILLiad (overdue, cancellation, pickup, delivery).
	ILLiad      bool
	OffInILLiad []string

	Calendar Calendar
	Location *time.Location // the office's time zone, in which days begin and end
}

// DefaultRules are the rules of an office that configures nothing.
func DefaultRules(loc *time.Location) Rules {
	cal, err := NewCalendar([]string{"saturday", "sunday"}, nil)
	if err != nil {
		panic(err) // the two names above
	}
	return Rules{
		Mode: ModeSend, OverdueDays: []int{1, 7, 14, 28}, DueSoonDays: []int{3}, DelayDays: []int{7, 14},
		CancellationMaxAgeDays: 7, Digest: true, MaxPerRun: 500, Calendar: cal, Location: loc,
	}
}

// Validate judges the set of rules as a whole and returns all that is wrong
// with it, one error a line, by the names of the configuration file. It puts
// due_soon_days, which have only one sensible order, into it.
func (r *Rules) Validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if r.Location == nil {
		bad("timezone is missing")
	}
	switch r.Mode {
	case ModeSend, ModeApprove, ModeOff:
	default:
		bad("mode is %q; write send, approve or off", r.Mode)
	}
	ladder := func(key string, days []int) {
		for i, n := range days {
			if n < 1 {
				bad("%s: %d is not a number of days; the first letter is due after 1 day at the earliest", key, n)
			}
			if i > 0 && n == days[i-1] {
				bad("%s: %d stands twice; the second letter of that day could never go", key, n)
			}
			if i > 0 && n < days[i-1] {
				bad("%s: %d stands after %d; write the days in ascending order", key, n, days[i-1])
			}
		}
	}
	ladder("overdue_days", r.OverdueDays)
	ladder("delay_days", r.DelayDays)
	r.DueSoonDays = slices.Clone(r.DueSoonDays)
	slices.SortFunc(r.DueSoonDays, func(a, b int) int { return b - a })
	for i, n := range r.DueSoonDays {
		if n < 0 {
			bad("due_soon_days: %d days before the due date is after it; overdue_days are for that", n)
		}
		if i > 0 && n == r.DueSoonDays[i-1] {
			bad("due_soon_days: %d stands twice; the second letter of that day could never go", n)
		}
	}
	if r.CancellationMaxAgeDays < 0 {
		bad("cancellation_max_age_days is %d; write 0 or more open days", r.CancellationMaxAgeDays)
	}
	if r.MinGapDays < 0 {
		bad("min_gap_days is %d; write 0 or more", r.MinGapDays)
	}
	if r.MinGapDays > r.CancellationMaxAgeDays && r.MinGapDays > 0 {
		bad("min_gap_days = %d is more than cancellation_max_age_days = %d: a cancellation soon after another letter could never be told", r.MinGapDays, r.CancellationMaxAgeDays)
	}
	if r.MaxPerRun < 0 {
		bad("max_per_run is %d; write 0 (no limit) or more", r.MaxPerRun)
	}
	if r.MaxAge < 0 {
		bad("max_age is %s; write 0 (any age) or more", r.MaxAge)
	}
	for _, k := range r.OffInILLiad {
		if !slices.Contains([]string{"overdue", "cancellation", "pickup", "delivery"}, k) {
			bad("off_in_illiad: %q is no kind of mail of ILLiad's; write overdue, cancellation, pickup or delivery", k)
		}
	}
	return errors.Join(problems...)
}

// Warnings names what is allowed but hardly meant.
func (r *Rules) Warnings() []string {
	var w []string
	for i := 1; i < len(r.OverdueDays); i++ {
		if gap := r.OverdueDays[i] - r.OverdueDays[i-1]; gap < r.MinGapDays {
			w = append(w, fmt.Sprintf("overdue_days %d and %d are %d days apart and min_gap_days is %d: the later letter will always wait",
				r.OverdueDays[i-1], r.OverdueDays[i], gap, r.MinGapDays))
		}
	}
	if r.Mode != ModeOff {
		for _, k := range []store.NoticeKind{store.KindOverdue, store.KindCancellation} {
			if why := r.sentElsewhere(k); why != "" {
				w = append(w, why)
			}
		}
		if len(r.OverdueDays) == 0 {
			w = append(w, "overdue_days is empty: no overdue letter will ever go")
		}
	}
	return w
}

// sentElsewhere says why ILLiad must be taken to send mail of that kind itself,
// or "". Its reminder before the due date is one of its overdue mails; it has
// none about delay.
func (r *Rules) sentElsewhere(kind store.NoticeKind) string {
	name := kind
	switch kind {
	case store.KindDueSoon:
		name = store.KindOverdue
	case store.KindDelay, store.KindRecall:
		return ""
	}
	if !r.ILLiad || slices.Contains(r.OffInILLiad, string(name)) {
		return ""
	}
	return fmt.Sprintf("ILLiad may still send its own %s mail; once it is off there, name %q in off_in_illiad", name, string(name))
}

// stale says why records of that age are too old for notices that depend on
// them, or "". Their age is that of the newest date inside the export, in open
// days, since nothing moves while the office is closed; where there is no date,
// it is that of their import.
func (r *Rules) stale(day, dataDate store.Date, imported, now time.Time) string {
	switch {
	case r.MaxAge == 0:
		return ""
	case !dataDate.IsZero():
		if age := time.Duration(r.Calendar.OpenDaysBetween(dataDate, day)) * 24 * time.Hour; age > r.MaxAge {
			return fmt.Sprintf("the newest date in the records is %s, older than max_age = %s", dataDate, shortDuration(r.MaxAge))
		}
		return ""
	case imported.IsZero():
		return "no records were ever imported"
	case now.Sub(imported) > r.MaxAge:
		return fmt.Sprintf("the records are from %s, older than max_age = %s", imported.In(r.Location).Format("2006-01-02 15:04"), shortDuration(r.MaxAge))
	}
	return ""
}

func shortDuration(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}
