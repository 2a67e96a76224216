package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// suspicion says how a UID is fetched next, after others failed with it.
type suspicion int

const (
	innocent    suspicion = iota // together with others
	alone                        // by itself
	aloneAgain                   // by itself once more, for it may have been the network
	headerOnly                   // its header
	unfetchable                  // not at all: it is recorded, and passed
)

// take fetches messages and hands them to the sink. It returns those that are
// done with (received, or found to have vanished), and among them those that
// were received whole or as far as the size limit allows.
func (in *intake) take(ctx context.Context, uids []uint32) (done, whole []uint32, err error) {
	var together, single []uint32
	for _, u := range uids {
		if in.suspects[u] == innocent && !in.s.uidLate {
			together = append(together, u)
		} else {
			single = append(single, u)
		}
	}
	if len(together) > 0 {
		var left []uint32
		done, left, err = in.takeTogether(ctx, together)
		whole = slices.Clone(done)
		for _, u := range left {
			in.suspects[u] = alone
			in.w.progress = true
		}
		if err != nil {
			return done, whole, err
		}
		single = append(single, left...)
	}
	for _, u := range single {
		got, err := in.takeAlone(ctx, u)
		if err != nil {
			return done, whole, err
		}
		delete(in.suspects, u)
		done = append(done, u)
		if got {
			whole = append(whole, u)
		}
	}
	return done, whole, nil
}

// takeTogether returns what is done with, and what has to be tried alone. An
// error means that the connection is of no more use, or the sink has failed.
func (in *intake) takeTogether(ctx context.Context, uids []uint32) (done, left []uint32, err error) {
	sizes := map[uint32]part{}
	err = in.s.fetch(ctx, uids, pieceMeta, func(p part) error {
		sizes[p.uid] = p
		return nil
	})
	if err != nil {
		return nil, uids, in.unlessAlive(err)
	}
	var batch, large []uint32
	var bytes int64
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		got, err := in.takeBatch(ctx, batch)
		done = append(done, got...)
		if !isSinkError(err) {
			for _, u := range batch {
				if !slices.Contains(got, u) {
					left = append(left, u)
				}
			}
		}
		batch, bytes = nil, 0
		return in.unlessAlive(err)
	}
	for _, u := range uids {
		size := sizes[u].size
		switch {
		case sizes[u].uid == 0:
			left = append(left, u)
			continue
		case size > min(streamAbove, in.w.sizeLimit()):
			large = append(large, u)
			continue
		case bytes+size > chunkBytes:
			if err := flush(); err != nil {
				return done, left, err
			}
		}
		batch = append(batch, u)
		bytes += size
	}
	if err := flush(); err != nil {
		return done, left, err
	}
	for _, u := range large {
		got, err := in.takeLarge(ctx, sizes[u])
		if got {
			done = append(done, u)
		} else if !isSinkError(err) {
			left = append(left, u)
		}
		if err := in.unlessAlive(err); err != nil {
			return done, left, err
		}
	}
	return done, left, nil
}

// takeBatch fetches small messages in one command and hands them over in one
// call: those that came, even where the answer broke off.
func (in *intake) takeBatch(ctx context.Context, uids []uint32) (got []uint32, err error) {
	var msgs []Fetched
	ferr := in.s.fetch(ctx, uids, pieceWhole, func(p part) error {
		if p.literal == nil {
			return nil
		}
		f, err := in.buffer(p)
		if err != nil {
			return err
		}
		msgs = append(msgs, f)
		got = append(got, p.uid)
		return nil
	})
	if len(msgs) > 0 {
		if err := in.receive(ctx, msgs); err != nil {
			return nil, err
		}
	}
	return got, ferr
}

// takeLarge streams a message, or takes what the size limit leaves of it.
func (in *intake) takeLarge(ctx context.Context, meta part) (got bool, err error) {
	if meta.size > in.w.sizeLimit() {
		return in.takeHead(ctx, meta)
	}
	err = in.s.fetch(ctx, []uint32{meta.uid}, pieceWhole, func(p part) error {
		if p.literal == nil {
			return nil
		}
		if p.length > in.w.sizeLimit() { // the announced size was an estimate
			f, err := in.buffer(p)
			if err != nil {
				return err
			}
			got = true
			return in.receive(ctx, []Fetched{f})
		}
		body := p.literal.(*literal)
		f := in.fetched(p)
		f.Body, f.Size = body, p.length
		err := in.receive(ctx, []Fetched{f})
		if err != nil && body.err != nil {
			return body.err // the server's failure, not the sink's
		}
		got = err == nil
		return err
	})
	return got, err
}

func (in *intake) takeHead(ctx context.Context, meta part) (got bool, err error) {
	var header, text []byte
	err = in.s.fetch(ctx, []uint32{meta.uid}, pieceHead, func(p part) error {
		if p.literal == nil {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(p.literal, streamAbove))
		if p.header {
			header, got = b, true
		} else {
			text = b
		}
		return err
	})
	if err != nil || !got {
		return false, err
	}
	f := in.fetched(meta)
	f.Body = io.MultiReader(bytes.NewReader(header), bytes.NewReader(text))
	f.Truncated = true
	f.Problem = in.tooLarge(meta.size)
	if err := in.receive(ctx, []Fetched{f}); err != nil {
		return false, err
	}
	return true, nil
}

func (in *intake) tooLarge(size int64) string {
	return fmt.Sprintf("The message has %d MB, more than the limit of %d MB: only its header and the beginning of its text were taken in.",
		size>>20, in.w.sizeLimit()>>20)
}

// takeAlone takes in a message that has failed together with others, each time
// by asking for less. It returns nil when the message is done with, and whether
// it was received whole.
func (in *intake) takeAlone(ctx context.Context, uid uint32) (whole bool, err error) {
	var last error
	for {
		level := max(in.suspects[uid], alone)
		if level == unfetchable {
			f := in.fetched(part{uid: uid})
			f.Problem = "The mail server could not give this message."
			if last != nil {
				f.Problem = "The mail server could not give this message: " + last.Error()
			}
			return false, in.receive(ctx, []Fetched{f})
		}
		present, err := in.s.search(ctx, uid, uid, time.Time{})
		if err != nil {
			return false, err
		}
		if len(present) == 0 {
			return false, in.vanish(ctx, uid)
		}
		// The next level is noted before the attempt: a message that kills the
		// connection is met there after the reconnection.
		in.suspects[uid] = level + 1
		in.w.progress = true
		got, err := in.tryAlone(ctx, uid, level)
		if isSinkError(err) || ctx.Err() != nil {
			in.suspects[uid] = level // it was not the message's fault
			return false, err
		}
		if got || in.s.dead() {
			return got && level < headerOnly, err
		}
		last = err
	}
}

func (in *intake) vanish(ctx context.Context, uid uint32) error {
	if err := in.w.Sink.Vanished(ctx, in.folder, in.marks.UIDValidity, []uint32{uid}); err != nil {
		return &sinkError{fmt.Errorf("noting vanished mail of %s: %w", in.folder, err)}
	}
	return nil
}

func (in *intake) tryAlone(ctx context.Context, uid uint32, level suspicion) (got bool, err error) {
	want := pieceWhole
	if level == headerOnly {
		want = pieceHeader
	}
	if !in.s.uidLate {
		if want == pieceWhole {
			var meta part
			err := in.s.fetch(ctx, []uint32{uid}, pieceMeta, func(p part) error { meta = p; return nil })
			if err != nil {
				return false, err
			}
			if meta.uid == uid {
				if got, err = in.takeLarge(ctx, meta); got || err != nil {
					return got, err
				}
			}
		} else {
			var f Fetched
			err := in.s.fetch(ctx, []uint32{uid}, want, func(p part) error {
				if p.literal == nil {
					return nil
				}
				var err error
				f, err = in.buffer(p)
				got = err == nil
				return err
			})
			if got {
				return true, in.receiveHeader(ctx, f)
			}
			if err != nil {
				return false, err
			}
		}
	}
	p, body, err := in.s.fetchBySequence(ctx, uid, in.w.sizeLimit(), want)
	if err != nil || p.uid != uid || body == nil {
		return false, err
	}
	in.s.uidLate = true
	f := in.fetched(p)
	f.Body = bytes.NewReader(body)
	if int64(len(body)) < p.length {
		f.Truncated, f.Problem = true, in.tooLarge(p.length)
	}
	if want == pieceHeader {
		return true, in.receiveHeader(ctx, f)
	}
	return true, in.receive(ctx, []Fetched{f})
}

func (in *intake) receiveHeader(ctx context.Context, f Fetched) error {
	f.Truncated = true
	f.Problem = "The mail server could give only the header of this message."
	return in.receive(ctx, []Fetched{f})
}

func (in *intake) fetched(p part) Fetched {
	return Fetched{
		Location:     Location{Folder: in.folder, UIDValidity: in.marks.UIDValidity, UID: p.uid},
		InternalDate: p.date,
		Size:         max(p.size, p.length),
	}
}

// buffer reads a literal into memory, as far as the size limit allows.
func (in *intake) buffer(p part) (Fetched, error) {
	f := in.fetched(p)
	limit := in.w.sizeLimit()
	b, err := io.ReadAll(io.LimitReader(p.literal, limit))
	if err != nil {
		return f, err
	}
	f.Body, f.Size = bytes.NewReader(b), p.length
	if p.length > limit {
		f.Truncated = true
		f.Problem = in.tooLarge(p.length)
	}
	return f, nil
}

func (in *intake) receive(ctx context.Context, msgs []Fetched) error {
	if err := in.w.Sink.Receive(ctx, msgs); err != nil {
		return &sinkError{fmt.Errorf("storing mail of %s: %w", in.folder, err)}
	}
	in.w.progress = true
	return nil
}

// unlessAlive drops the error of a command that a living server refused: its
// messages are tried alone.
func (in *intake) unlessAlive(err error) error {
	if err != nil && !isSinkError(err) && !in.s.dead() {
		in.w.logger().Warn("fetching together", "folder", in.folder, "err", err)
		return nil
	}
	return err
}

// sinkError is a failure of the sink: no message is to blame for it.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

func isSinkError(err error) bool {
	var e *sinkError
	return errors.As(err, &e)
}
