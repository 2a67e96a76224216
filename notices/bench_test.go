package notices

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"runtime"
	"testing"
	"text/tabwriter"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

var sweep = flag.Bool("sweep", false, "print a table of runs over up to 1,000,000 transactions")

// many yields transactions of which due are overdue for the first time on
// 2026-11-24, each of a patron of its own; the rest is what offices have: most
// of it finished long ago, a tenth on loan and not due, some long overdue.
func many(total, due int) iter.Seq2[store.ImportRow, error] {
	return func(yield func(store.ImportRow, error) bool) {
		for i := range total {
			user := fmt.Sprintf("patron%d", i%(total/5+due))
			r := request(int64(1+i), user, store.StateFinished, "2020-01-01")
			switch {
			case i < due:
				r = request(int64(1+i), user, store.StateOnLoan, "2026-11-23")
			case i%10 == 0:
				r = request(int64(1+i), user, store.StateOnLoan, day("2026-12-10").AddDays(i%60).String())
			case i%100 == 1:
				r = request(int64(1+i), user, store.StateSent, "2026-11-23")
			case i%100 == 2:
				r = request(int64(1+i), user, store.StateCancelledStaff, "2022-03-01")
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func sweepOnce(t testing.TB, total, due int) (res Result, took time.Duration, heap uint64, idle time.Duration) {
	db := storetest.New(t)
	rules := testRules(t)
	rules.MaxPerRun = 0
	w := newWorld(t, context.Background(), db, "healey", rules)
	if _, err := db.Import(w.ctx, w.office.ID, many(total, due), store.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	res = w.run("2026-11-24", Options{Named: true})
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	if res.Queued != due {
		t.Fatalf("%d mails queued, want %d", res.Queued, due)
	}
	heap = after.HeapSys - before.HeapSys
	w.deliver("2026-11-24")
	start = time.Now()
	if res := w.run("2026-11-24", Options{Named: true}); res.Queued != 0 {
		t.Fatalf("%d mails queued a second time", res.Queued)
	}
	return res, took, heap, time.Since(start)
}

// The cost of a run grows with what is due, not with what exists:
//
//	go test ./notices -run Sweep -sweep -timeout 30m -v
func TestSweep(t *testing.T) {
	if !*sweep {
		sweepOnce(t, 3000, 100)
		return
	}
	tw := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "transactions\tdue\tplan and queue\theap grown by\tnothing due\t")
	for _, c := range [][2]int{{10_000, 1000}, {100_000, 1000}, {1_000_000, 1000}, {100_000, 10_000}, {1_000_000, 10_000}} {
		_, took, heap, idle := sweepOnce(t, c[0], c[1])
		fmt.Fprintf(tw, "%d\t%d\t%v\t%d MB\t%v\t\n", c[0], c[1], took.Round(time.Millisecond), heap>>20, idle.Round(time.Millisecond))
	}
	tw.Flush()
}

// BenchmarkDecide is what deciding costs for one overdue loan.
func BenchmarkDecide(b *testing.B) {
	rules := testRules(b)
	f := loan("2026-11-03")
	for b.Loop() {
		Decide(Day{Date: day("2026-11-24")}, rules, f)
	}
}

// BenchmarkPlan is a preview of 1,000 letters among 10,000 requests.
func BenchmarkPlan(b *testing.B) {
	w := newWorld(b, context.Background(), storetest.New(b), "healey", testRules(b))
	if _, err := w.db.Import(w.ctx, w.office.ID, many(10_000, 1000), store.ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if n := len(w.plan("2026-11-24", Options{})); n != 1000 {
			b.Fatalf("%d letters", n)
		}
	}
}
