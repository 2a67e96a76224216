package notices

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"illmail/store"
)

func TestRulesSayAllThatIsWrong(t *testing.T) {
	r := Rules{Mode: "maybe", OverdueDays: []int{0, 7, 7, 3}, DueSoonDays: []int{3, -1, 3}, DelayDays: []int{14, 7},
		CancellationMaxAgeDays: 2, MinGapDays: 5, MaxPerRun: -1, OffInILLiad: []string{"overdues"}}
	err := r.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"timezone is missing", `mode is "maybe"`, "overdue_days holds 0, which is no", "overdue_days holds 7 twice", "overdue_days holds 3 after 7",
		"due_soon_days holds -1", "due_soon_days holds 3 twice", "delay_days holds 7 after 14", "min_gap_days is 5, more than", "max_per_run is -1", `"overdues", which is no kind`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	ok := DefaultRules(time.UTC)
	ok.DueSoonDays = []int{1, 7, 3}
	if err := ok.Validate(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ok.DueSoonDays, []int{7, 3, 1}) {
		t.Errorf("due_soon_days are %v, want the earliest letter first", ok.DueSoonDays)
	}
}

func TestRulesWarn(t *testing.T) {
	r := DefaultRules(time.UTC)
	if w := r.Warnings(); len(w) != 0 {
		t.Errorf("the default rules warn: %q", w)
	}
	r.MinGapDays, r.ILLiad, r.OffInILLiad = 7, true, []string{"cancellation"}
	w := strings.Join(r.Warnings(), "\n")
	for _, want := range []string{"1 and 7 are 6 days apart", "ILLiad may still send its own overdue mail"} {
		if !strings.Contains(w, want) {
			t.Errorf("no warning says %q: %s", want, w)
		}
	}
}

func TestStale(t *testing.T) {
	r := DefaultRules(newYork)
	r.MaxAge = 26 * time.Hour
	monday := day("2026-11-23")
	now := monday.At(13, 0, newYork)
	for _, c := range []struct {
		name     string
		data     store.Date
		imported time.Time
		stale    bool
	}{
		{"read just now, newest of Friday: nothing moved on the weekend", day("2026-11-20"), now.Add(-time.Hour), false},
		{"read just now, newest of Thursday: the export stands still", day("2026-11-19"), now.Add(-time.Hour), true},
		{"of today, and the same file since", monday, now.Add(-48 * time.Hour), false},
		{"without dates, read two days ago", store.Date{}, now.Add(-48 * time.Hour), true},
		{"never read", store.Date{}, time.Time{}, true},
		{"without dates", store.Date{}, now.Add(-time.Hour), false},
	} {
		if why := r.stale(monday, c.data, c.imported, now); (why != "") != c.stale {
			t.Errorf("%s: %q", c.name, why)
		}
	}
	r.MaxAge = 0
	if why := r.stale(monday, store.Date{}, time.Time{}, now); why != "" {
		t.Errorf("stale without max_age: %s", why)
	}
}

// The rules of an office as people read them.
func TestRulesInWords(t *testing.T) {
	r := testRules(t)
	r.Own = []Rule{{Name: "faculty", Kind: store.KindOverdue, PatronStatuses: []string{"Faculty", "Staff"}, Days: []int{14}, Every: 30, Cc: []string{"dean@example.edu"}, Mode: ModeApprove},
		{Name: "films", Kind: store.KindDueSoon, RequestTypes: []string{"Media"}, Mode: ModeOff}}
	r.PickupDays, r.ILLiad, r.OffInILLiad = []int{1}, true, []string{"overdue", "cancellation"}
	var got []string
	for _, w := range r.Describe() {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%s|%t", w.Kind, w.Name, w.Who, w.When, w.Letter, w.Mode, w.Held != ""))
	}
	want := []string{
		"cancellation||all|when it is cancelled, up to 7 open days later|that of its reason|send|false",
		"overdue|faculty|patron status Faculty or Staff|14 days overdue, then every 30 days|overdue, in copy to dean@example.edu|approve|false",
		"overdue||all that no rule above is for|1, 7, 14, 28 days overdue|overdue|send|false",
		"due_soon|films|request type Media|never||off|false",
		"due_soon||all that no rule above is for|3 days before the due date|due_soon|send|false",
		"delay||all|7, 14 open days without movement|delay|send|false",
		"pickup||all|1 open day on the hold shelf, where it is kept for 10 open days|pickup|send|true",
		"delivery||all|never||off|false",
		"in_transit||all|never||off|false",
		"recall||all|when its lender recalls it or calls it overdue, once staff confirm that the patron has it|recall|approve|false",
		"claim||all|never||off|false",
		"leaving||all|never||off|false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
