package notices

import (
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
	GoLive                 store.Date        // what was due, cancelled or delayed before it counts as told; zero: nothing does
	MinGapDays             int               // at least so many days between two letters about one request
	OverdueDays            []int             // ascending, each ≥ 1
	OverdueEveryDays       int               // after the last of them, again every so many days; 0: no more
	DueSoonDays            []int             // descending, each ≥ 0: the earliest letter first
	DelayDays              []int             // ascending, each ≥ 1, in open days
	CancellationMaxAgeDays int               // open days after which a cancellation is no longer told
	PickupDays             []int             // ascending, each ≥ 0, in open days on the hold shelf
	PickupKeepDays         int               // open days that an item is kept there; 0: not told
	DeliveryDays           []int             // ascending, each ≥ 0, since an electronic copy was delivered
	DeliveryKeepDays       int               // how long it can be read
	DeliveryViews          int               // and how often; 0: not told
	InTransitDays          []int             // ascending, each ≥ 1, in open days since a lender shipped what is not here
	ClaimDays              []int             // ascending, each ≥ 0, in open days since staff looked in vain
	LeavingDays            []int             // descending, each ≥ 0, before the patron's account ends
	LeavingCc              bool              // a leaving letter goes in copy to the patron's alternate address
	LeavingText            map[string]string // by language: what else it says, as of the end of the term
	Recall                 Mode              // approve or off: what a lender's recall or overdue mail leads to
	Own                    []Rule            // asked before all these, in this order
	Digest                 bool              // one mail per patron, kind and run; else one per request
	MaxPerRun              int               // more mails than this in one run wait for approval; 0: no limit

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
	Hours    Hours          // of an open day
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
		CancellationMaxAgeDays: 7, PickupKeepDays: 10, DeliveryKeepDays: 30, DeliveryViews: 5, Recall: ModeApprove, Digest: true, MaxPerRun: 500, Calendar: cal, Location: loc,
	}
}

// sentElsewhere says why ILLiad must be taken to send mail of that kind itself,
// or "". Its reminder before the due date is one of its overdue mails; it has
// none about delay.
func (r *Rules) sentElsewhere(kind store.NoticeKind) string {
	name := kind
	switch kind {
	case store.KindDueSoon:
		name = store.KindOverdue
	case store.KindDelay, store.KindInTransit, store.KindRecall, store.KindClaim, store.KindLeaving:
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
