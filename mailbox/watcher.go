package mailbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Watcher takes in one IMAP folder, the Sent folder no less than the inbox,
// and hands what it finds to its Sink. What was taken in is known by
// UIDVALIDITY and UID alone; flags are neither asked for nor, unless
// AfterFiling says so, changed.
type Watcher struct {
	Account Account
	// Folder is the folder's name on the server; "" is the one with the
	// attribute \Sent (RFC 6154).
	Folder string
	Sink   Sink
	// Start is what the first run takes in: "now" (or ""; only what comes from
	// now on), "all", or a date such as "2026-01-31".
	Start        string
	PollInterval time.Duration // how often to ask beside IDLE; 0 is 2 minutes
	IdleFor      time.Duration // the longest IDLE; 0 is 7 minutes
	SizeLimit    int64         // bytes; of a larger message only header and first text are taken; 0 is 30 MB
	AfterFiling  string        // what happens on the server to new mail taken in: "leave" (or ""), "flag", "move:FOLDER"
	Log          *slog.Logger

	commandTimeout time.Duration // how long the server may be silent; 0 is 90 seconds
	gapGrace       time.Duration // how long a UID may be missing below others; 0 is 1 minute

	found    string // the name of the folder, where Folder leaves it open
	intake   intake
	progress bool // the last connection took mail in, or found out what cannot be
}

const (
	defaultPoll      = 2 * time.Minute
	defaultIdle      = 7 * time.Minute
	defaultSizeLimit = 30 << 20
	defaultGapGrace  = time.Minute

	firstBackOff = time.Second
	lastBackOff  = 5 * time.Minute
	// connectsPerMinute leaves room for three watchers below the 30
	// connections a minute that Microsoft allows a mailbox.
	connectsPerMinute = 10
)

// Run watches until ctx ends, and returns its error; every other error is
// reported as Health and tried again, the later the oftener it comes.
func (w *Watcher) Run(ctx context.Context) error {
	var connects []time.Time
	for failures := 0; ; failures++ {
		began := time.Now()
		connects = append(connects, began)
		w.progress = false
		err := w.watch(ctx, false)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.logger().Warn("watching a folder", "folder", w.name(), "err", err)
		w.Sink.Health(ctx, w.name(), false, sentence(err))
		if w.progress || time.Since(began) > time.Minute {
			failures = 0
		}
		pause := backOff(failures, err, rand.Float64())
		if n := len(connects); n >= connectsPerMinute {
			pause = max(pause, time.Until(connects[n-connectsPerMinute].Add(time.Minute)))
			connects = connects[n-connectsPerMinute+1:]
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// CatchUp takes in all that the folder holds for us now, history included, and
// leaves. It makes several connections only where a message kills them.
func (w *Watcher) CatchUp(ctx context.Context) error {
	for {
		w.progress = false
		err := w.watch(ctx, true)
		if err == nil || !w.progress || ctx.Err() != nil {
			return err
		}
	}
}

// suggestedBackOff is how Microsoft 365 asks for patience.
var suggestedBackOff = regexp.MustCompile(`(?i)Suggested Backoff Time: (\d+) milliseconds|Suggested Backoff Time: (\d+) ms`)

// backOff is how long to wait after so many failures in a row; chance is in
// [0, 1), and spreads the clients of a server that comes back.
func backOff(failures int, err error, chance float64) time.Duration {
	d := lastBackOff
	if failures < 9 {
		d = min(firstBackOff<<failures, lastBackOff)
	}
	d = d/2 + time.Duration(chance*float64(d/2))
	if m := suggestedBackOff.FindStringSubmatch(err.Error()); m != nil {
		if ms, err := strconv.Atoi(m[1] + m[2]); err == nil {
			d = max(d, time.Duration(ms)*time.Millisecond)
		}
	}
	return max(d, firstBackOff)
}

// watch connects once. It returns when the connection or ctx has ended, or,
// with catchUp, when nothing is left to take in.
func (w *Watcher) watch(ctx context.Context, catchUp bool) error {
	s, err := openSession(ctx, w.Account, w.commandTimeout)
	if err != nil {
		return err
	}
	defer s.close()
	name := w.Folder
	if name == "" {
		if name, err = findSent(ctx, s); err != nil {
			return err
		}
		w.found = name
	}
	// The marks come first: if another daemon moved them after our SELECT,
	// UIDNEXT would seem to have fallen below them.
	marks, err := w.Sink.Marks(ctx, name)
	if err != nil {
		return fmt.Errorf("reading the marks of %s: %w", name, err)
	}
	sel, err := s.selectFolder(ctx, name)
	if err != nil {
		return err
	}
	in := &w.intake
	if err := in.begin(ctx, w, s, name, sel, marks); err != nil {
		return err
	}
	for healthy := false; ; {
		if err := in.takeNew(ctx); err != nil {
			return err
		}
		if err := in.takeAgain(ctx); err != nil {
			return err
		}
		more, err := in.takeHistory(ctx)
		if err != nil {
			return err
		}
		if more {
			w.Sink.Health(ctx, w.name(), true, fmt.Sprintf("watching %s; taking in its history, %d messages to go", name, len(in.history)))
			continue
		}
		if catchUp {
			return in.finishGaps(ctx)
		}
		w.Sink.Health(ctx, w.name(), true, "watching "+name)
		if !healthy {
			healthy = true
			w.logger().Info("watching a folder", "folder", name)
		}
		if err := s.wait(ctx, min(w.pollInterval(), w.idleFor())); err != nil {
			return err
		}
		// A server may keep news to itself until it is asked, and a
		// connection that is gone shows only now.
		if err := s.noop(ctx); err != nil {
			return err
		}
	}
}

// sentence is an error for staff.
func sentence(err error) string {
	text := oneLine(err.Error())
	for _, p := range providerWords {
		if strings.Contains(text, p.words) {
			return text + ": " + p.do
		}
	}
	return text
}

func (w *Watcher) logger() *slog.Logger {
	if w.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return w.Log
}

// name is the folder's, as far as it is known.
func (w *Watcher) name() string {
	switch {
	case w.Folder != "":
		return w.Folder
	case w.found != "":
		return w.found
	}
	return "Sent"
}

func (w *Watcher) pollInterval() time.Duration { return orDefault(w.PollInterval, defaultPoll) }
func (w *Watcher) idleFor() time.Duration      { return orDefault(w.IdleFor, defaultIdle) }
func (w *Watcher) sizeLimit() int64            { return orDefault(w.SizeLimit, defaultSizeLimit) }
func (w *Watcher) grace() time.Duration        { return orDefault(w.gapGrace, defaultGapGrace) }

func orDefault[T ~int64](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// firstMarks are the marks of a folder that is seen for the first time.
func (w *Watcher) firstMarks(sel selected, now time.Time) (Marks, error) {
	m := Marks{UIDValidity: sel.uidValidity, HighUID: sel.uidNext - 1, BackfillUID: sel.uidNext}
	switch w.Start {
	case "now", "":
		m.BackfillUID = 1
		m.Since = now
	case "all":
	default:
		day, err := time.Parse(time.DateOnly, w.Start)
		if err != nil {
			return m, errors.New(`start must be "now", "all" or a date such as "2026-01-31", not ` + strconv.Quote(w.Start))
		}
		m.Since = day
	}
	return m, nil
}
