package notices

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
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
			case i%100 == 3:
				r = request(int64(1+i), user, store.StateDelivered, "2022-03-01")
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// measured is what a sweep cost.
type measured struct {
	plan, run, idle time.Duration // a preview; plan and queue; a run with nothing due (medians of three, but run)
	heap            uint64        // by how many bytes the heap grew at most while it planned and queued
}

func sweepOnce(t testing.TB, total, due int) (m measured) {
	db := storetest.New(t)
	rules := testRules(t)
	rules.MaxPerRun = 0
	rules.PickupDays, rules.DeliveryDays, rules.InTransitDays, rules.ClaimDays, rules.LeavingDays = []int{0, 5}, []int{0, 25}, []int{5}, []int{0}, []int{14}
	w := newWorld(t, context.Background(), db, "healey", rules)
	if _, err := db.Import(w.ctx, w.office.ID, many(total, due), store.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	m.plan = median(func() {
		if n := len(w.plan("2026-11-24", Options{})); n != due {
			t.Fatalf("%d letters planned, want %d", n, due)
		}
	})
	stop := peakHeap()
	start := time.Now()
	res := w.run("2026-11-24", Options{Named: true})
	m.run, m.heap = time.Since(start), stop()
	if res.Queued != due {
		t.Fatalf("%d mails queued, want %d", res.Queued, due)
	}
	w.deliver("2026-11-24")
	m.idle = median(func() {
		if res := w.run("2026-11-24", Options{Named: true}); res.Queued != 0 {
			t.Fatalf("%d mails queued a second time", res.Queued)
		}
	})
	return m
}

// median is the middle of three times that fn took.
func median(fn func()) time.Duration {
	var took []time.Duration
	for range 3 {
		start := time.Now()
		fn()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[1]
}

// peakHeap watches the heap; stop returns by how much it grew at most.
func peakHeap() (stop func() uint64) {
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	first := heap[0].Value.Uint64()
	peak, done, quit := first, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(2 * time.Millisecond):
				metrics.Read(heap)
				peak = max(peak, heap[0].Value.Uint64())
			}
		}
	}()
	return func() uint64 {
		close(quit)
		<-done
		return peak - first
	}
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
	fmt.Fprintln(tw, "transactions\tdue\tplan\tplan and queue\theap at most\tnothing due\t")
	for _, c := range [][2]int{{10_000, 1000}, {100_000, 1000}, {1_000_000, 1000}, {100_000, 10_000}, {1_000_000, 10_000}} {
		m := sweepOnce(t, c[0], c[1])
		fmt.Fprintf(tw, "%d\t%d\t%v\t%v\t%d MB\t%v\t\n", c[0], c[1], m.plan.Round(time.Millisecond), m.run.Round(time.Millisecond), m.heap>>20, m.idle.Round(time.Millisecond))
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
