package mailbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	chunkMessages = 100     // messages of one Receive at most
	chunkBytes    = 8 << 20 // bytes of one Receive at most, where it has several messages
	streamAbove   = 1 << 20 // a message above this is streamed, alone
	maxGap        = 10_000  // more missing UIDs in a row are a renumbering, not mail that vanished
)

// intake is what a Watcher knows of its folder beside the marks. It outlives a
// connection, so that a message that kills connections is found out.
type intake struct {
	w      *Watcher
	s      *session
	folder string
	marks  Marks

	suspects map[uint32]suspicion
	taken    map[uint32]bool // above HighUID, received
	seen     []sighting      // how far the folder reached, and when
	history  []uint32        // what is left of it, falling; nil: not asked yet
	asked    bool            // history was asked for on this connection
	again    []uint32        // what staff want to be asked for once more
}

// sighting is the highest UID that a search saw.
type sighting struct {
	max uint32
	at  time.Time
}

// begin compares the folder with its marks m, which were read before it was selected.
func (in *intake) begin(ctx context.Context, w *Watcher, s *session, name string, sel selected, m Marks) (err error) {
	if in.folder != name || in.suspects == nil {
		*in = intake{suspects: map[uint32]suspicion{}, taken: map[uint32]bool{}}
	}
	in.w, in.s, in.folder, in.history, in.asked = w, s, name, nil, false
	in.marks = m
	switch {
	case m.UIDValidity == 0:
		if m, err = w.firstMarks(sel, time.Now()); err != nil {
			return err
		}
	case m.UIDValidity != sel.uidValidity, sel.uidNext <= m.HighUID:
		// All UIDs are void (RFC 3501 section 2.3.1.1), and what came
		// meanwhile cannot be told from what is known: the folder is read
		// anew, and the sink recognises what it has.
		w.logger().Warn("the server numbers its mail anew", "folder", name,
			"uidvalidity", sel.uidValidity, "uidnext", sel.uidNext, "was", m.UIDValidity, "high", m.HighUID)
		m = Marks{UIDValidity: sel.uidValidity, HighUID: sel.uidNext - 1, BackfillUID: sel.uidNext, Since: m.Since}
	default:
		return nil
	}
	*in = intake{w: w, s: s, folder: name, suspects: map[uint32]suspicion{}, taken: map[uint32]bool{}}
	return in.setMarks(ctx, m)
}

func (in *intake) setMarks(ctx context.Context, m Marks) error {
	if err := in.w.Sink.SetMarks(ctx, in.folder, m); err != nil {
		return fmt.Errorf("setting the marks of %s: %w", in.folder, err)
	}
	in.marks = m
	return nil
}

// takeNew takes in all that is above the high mark.
func (in *intake) takeNew(ctx context.Context) error {
	uids, err := in.s.search(ctx, in.marks.HighUID+1, 0, time.Time{})
	if err != nil {
		return err
	}
	now := time.Now()
	if n, k := len(uids), len(in.seen); n > 0 && (k == 0 || in.seen[k-1].max < uids[n-1]) {
		in.seen = append(in.seen, sighting{uids[n-1], now})
	}
	todo := slices.DeleteFunc(slices.Clone(uids), func(u uint32) bool { return in.taken[u] })
	for len(todo) > 0 {
		chunk := todo[:min(chunkMessages, len(todo))]
		todo = todo[len(chunk):]
		done, whole, err := in.take(ctx, chunk)
		for _, u := range done {
			in.taken[u] = true
		}
		if aerr := in.advance(ctx, uids, now); err == nil {
			err = aerr
		}
		if err != nil {
			return err
		}
		if err := in.afterFiling(ctx, whole); err != nil {
			return err
		}
	}
	return in.advance(ctx, uids, now)
}

// advance moves the high mark over what was taken in, and over UIDs that stay
// missing below others. It gives these a while: where several processes
// deliver, a message may show after one with a higher UID.
func (in *intake) advance(ctx context.Context, present []uint32, now time.Time) error {
	confirmed := uint32(0) // gaps up to here have been there for the grace time
	for len(in.seen) > 0 && now.Sub(in.seen[0].at) >= in.w.grace() {
		confirmed = max(confirmed, in.seen[0].max)
		if len(in.seen) == 1 || now.Sub(in.seen[1].at) < in.w.grace() {
			break
		}
		in.seen = in.seen[1:]
	}
	return in.advanceOver(ctx, present, confirmed)
}

// finishGaps moves the high mark over gaps without waiting.
func (in *intake) finishGaps(ctx context.Context) error {
	uids, err := in.s.search(ctx, in.marks.HighUID+1, 0, time.Time{})
	if err != nil || len(uids) == 0 {
		return err
	}
	return in.advanceOver(ctx, uids, uids[len(uids)-1])
}

func (in *intake) advanceOver(ctx context.Context, present []uint32, confirmed uint32) error {
	m := in.marks
	var vanished []uint32
	for _, u := range present {
		if u <= m.HighUID {
			continue
		}
		if !in.taken[u] || u != m.HighUID+1 && u-1 > confirmed {
			break
		}
		if gap := u - m.HighUID - 1; gap > maxGap {
			in.w.logger().Info("the server skips UIDs", "folder", in.folder, "from", m.HighUID+1, "to", u-1)
		} else {
			for g := m.HighUID + 1; g < u; g++ {
				vanished = append(vanished, g)
			}
		}
		m.HighUID = u
	}
	if m == in.marks {
		return nil
	}
	if len(vanished) > 0 {
		if err := in.w.Sink.Vanished(ctx, in.folder, m.UIDValidity, vanished); err != nil {
			return fmt.Errorf("noting vanished mail of %s: %w", in.folder, err)
		}
	}
	if err := in.setMarks(ctx, m); err != nil {
		return err
	}
	for u := range in.taken {
		if u <= m.HighUID {
			delete(in.taken, u)
		}
	}
	return nil
}

// takeAgain asks once more for what the server could not give before.
func (in *intake) takeAgain(ctx context.Context) error {
	more, err := in.w.Sink.Again(ctx, in.folder, in.marks.UIDValidity)
	if err != nil {
		return fmt.Errorf("asking what to fetch again of %s: %w", in.folder, err)
	}
	for _, u := range more {
		if !slices.Contains(in.again, u) {
			in.again = append(in.again, u)
			in.suspects[u] = alone
		}
	}
	done, _, err := in.take(ctx, in.again)
	in.again = slices.DeleteFunc(in.again, func(u uint32) bool { return slices.Contains(done, u) })
	return err
}

// takeHistory takes in one chunk below the backfill mark, newest first, and
// reports whether there is more.
func (in *intake) takeHistory(ctx context.Context) (more bool, err error) {
	m := in.marks
	if m.BackfillUID <= 1 {
		return false, nil
	}
	if !in.asked {
		var since time.Time
		if !m.Since.IsZero() {
			// The server compares days in whatever zone it lives.
			since = m.Since.AddDate(0, 0, -1)
		}
		in.history, err = in.s.search(ctx, 1, m.BackfillUID-1, since)
		if err != nil {
			return false, err
		}
		slices.Reverse(in.history)
		in.asked = true
	}
	chunk := in.history[:min(chunkMessages, len(in.history))]
	if len(chunk) > 0 {
		if _, _, err := in.take(ctx, chunk); err != nil {
			return false, err
		}
		in.history = in.history[len(chunk):]
		m.BackfillUID = chunk[len(chunk)-1]
	}
	if len(in.history) == 0 {
		m.BackfillUID = 1
	}
	return m.BackfillUID > 1, in.setMarks(ctx, m)
}

// afterFiling does on the server what was asked for. The mail is safe already:
// a refusal is logged, and the message stays where it is.
func (in *intake) afterFiling(ctx context.Context, uids []uint32) error {
	var err error
	folder, move := strings.CutPrefix(in.w.AfterFiling, "move:")
	switch {
	case len(uids) == 0:
	case move:
		err = in.s.move(ctx, uids, folder)
	case in.w.AfterFiling == "flag":
		err = in.s.flag(ctx, uids)
	}
	if err != nil && !in.s.dead() {
		in.w.logger().Warn("after filing", "folder", in.folder, "after_filing", in.w.AfterFiling, "err", err)
		return nil
	}
	return err
}
