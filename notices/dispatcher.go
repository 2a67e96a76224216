package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"illmail/mailbox"
	"illmail/store"
)

const (
	leaseFor      = time.Minute      // of sending; kept while mails are under way
	claimFor      = 20 * time.Minute // longer than pacing and one submission take
	tick          = 15 * time.Second // between looks, where nothing announces itself
	graceOnExit   = 8 * time.Second  // for the mail in hand
	neededSearch  = 2                // in vain, before absence may prove something
	giveUpAfter   = 72 * time.Hour   // of trying one mail (RFC 5321 section 4.5.4.1 asks for days)
	askAgain      = 10 * time.Minute // where the ILL system could not be asked
	stopAfter     = 5                // refusals in a row, of different mails, stop an office
	copiesAtATime = 20
)

// Dispatcher submits the outbox: replies first, one door for all mail. Any
// number of them may run on one database; for each office only the holder of
// its sending lease submits.
type Dispatcher struct {
	DB      *store.DB
	Offices []*Office
	Log     *slog.Logger
	// Owner names this process in leases and claims; no other process ever
	// uses the same.
	Owner string
	// Now is the clock by which days are told; nil is time.Now. Leases and
	// back-off go by the database's.
	Now func() time.Time

	waits *waits // nil: as in production
}

// waits are how long things may take before something is concluded.
type waits struct {
	expire time.Duration // sending for longer is uncertain
	search time.Duration // between two searches of Sent for one mail
}

var patience = waits{expire: 15 * time.Minute, search: 5 * time.Minute}

func (d *Dispatcher) patience() waits {
	if d.waits != nil {
		return *d.waits
	}
	return patience
}

// Run submits until ctx ends; then it finishes the mail in hand, for at most
// 8 s, and gives its leases back.
func (d *Dispatcher) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wakes := make(map[int64]chan struct{}, len(d.Offices))
	for _, o := range d.Offices {
		wake := make(chan struct{}, 1)
		wakes[o.ID] = wake
		wg.Go(func() { d.runOffice(ctx, o, wake) })
	}
	for c := range d.DB.Listen(ctx) {
		switch c.Topic {
		case "", store.NotifyOutbox, store.NotifyOffice:
		default:
			continue
		}
		for id, wake := range wakes {
			if c.OfficeID == 0 || c.OfficeID == id {
				select {
				case wake <- struct{}{}:
				default: // it is awake
				}
			}
		}
	}
	wg.Wait()
	return ctx.Err()
}

// runOffice is the loop around runOnce.
func (d *Dispatcher) runOffice(ctx context.Context, o *Office, wake <-chan struct{}) {
	w := &worker{Dispatcher: d, office: o}
	for ctx.Err() == nil {
		n, err := w.runOnce(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.Error("sending", "office", o.Code, "err", err)
		}
		if n > 0 && err == nil {
			continue
		}
		wait := tick
		if next, err := d.DB.NextDue(ctx, o.ID); err == nil && next > 0 {
			wait = min(wait, next)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	w.leave(context.WithoutCancel(ctx))
}

// worker sends for one office.
type worker struct {
	*Dispatcher
	office     *Office
	reconciled time.Time // when the last reconciling was

	mu          sync.Mutex
	refused     int       // in a row
	askedInVain error     // why the ILL system could not be asked,
	askFrom     time.Time // and when it may be asked again
}

// leave gives back what the worker holds.
func (w *worker) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := w.DB.Unclaim(ctx, w.office.ID, w.Owner); err != nil {
		w.Log.Error("leaving", "office", w.office.Code, "err", err)
	}
	if err := w.DB.ReleaseLease(ctx, w.office.ID, store.SendingLease, w.Owner); err != nil {
		w.Log.Error("leaving", "office", w.office.Code, "err", err)
	}
}

// runOnce takes the sending lease, settles what is uncertain, sends as many
// mails as there are connections, and files copies that are owed. It returns
// how many mails it took in hand.
func (w *worker) runOnce(ctx context.Context) (n int, err error) {
	held, err := w.DB.AcquireLease(ctx, w.office.ID, store.SendingLease, w.Owner, leaseFor)
	if err != nil || !held {
		return 0, err
	}
	defer w.keepLease(ctx)()
	if w.now().Sub(w.reconciled).Abs() >= time.Minute {
		if err := w.reconcile(ctx); err != nil {
			return 0, err
		}
		w.reconciled = w.now()
	}
	if w.office.SentRead == nil || w.office.SentRead() {
		if n, err = w.send(ctx); err != nil {
			return n, err
		}
	}
	return n, w.fileCopies(ctx)
}

func (d *Dispatcher) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// keepLease keeps the sending lease while mails are under way. Losing it does
// no harm: nothing is handed over any more by BeginSending.
func (w *worker) keepLease(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(leaseFor / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if _, err := w.DB.AcquireLease(ctx, w.office.ID, store.SendingLease, w.Owner, leaseFor); err != nil && ctx.Err() == nil {
					w.Log.Warn("keeping the sending lease", "office", w.office.Code, "err", err)
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

// send claims one mail for each connection and submits them at the same time.
func (w *worker) send(ctx context.Context) (int, error) {
	mails, err := w.DB.ClaimMails(ctx, w.office.ID, w.Owner, len(w.office.Submitters), claimFor)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(mails))
	var wg sync.WaitGroup
	for i, m := range mails {
		wg.Go(func() { errs[i] = w.sendOne(ctx, w.office.Submitters[i], m) })
	}
	wg.Wait()
	return len(mails), errors.Join(errs...)
}

// sendOne re-checks a claimed mail, submits it and records the outcome.
func (w *worker) sendOne(ctx context.Context, s Submitter, m store.OutboxMail) error {
	m, ok, err := w.recheck(ctx, m)
	if err != nil || !ok {
		return err
	}
	if to := w.office.RehearsalAddress; to != m.RehearsedTo {
		switch err := w.DB.Rehearse(ctx, m.ID, w.Owner, to); {
		case errors.Is(err, store.ErrConflict):
			return nil // changed or cancelled in the last moment
		case err != nil:
			return err
		}
		m.RehearsedTo = to
	}
	// The mail in hand is finished when the daemon is told to leave.
	sendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(graceOnExit, cancel) })()

	mail, err := w.outgoing(ctx, m)
	if err != nil {
		return err
	}
	begun := false
	var commitErr error
	out := s.Submit(sendCtx, mail, func(c context.Context) error {
		if commitErr = ctx.Err(); commitErr != nil {
			return commitErr // told to leave before it began: it stays queued
		}
		if commitErr = w.DB.BeginSending(c, m.ID, w.Owner); commitErr != nil {
			return commitErr
		}
		begun = true
		return nil
	})
	if !begun && commitErr != nil {
		if errors.Is(commitErr, store.ErrConflict) || ctx.Err() != nil {
			return nil // changed, cancelled or stopped in the last moment
		}
		return commitErr
	}
	if !begun && ctx.Err() != nil {
		return nil // told to leave while it waited for its turn
	}
	if err := w.record(ctx, m, out, begun); err != nil {
		return err
	}
	if !begun { // no use in trying the next one at once
		return fmt.Errorf("handing over a mail: %s", out.Reply)
	}
	return nil
}

// record commits the outcome. Where the database is away it is tried for a
// while: an outcome that is known must not become uncertain.
func (w *worker) record(ctx context.Context, m store.OutboxMail, out mailbox.Outcome, begun bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceOnExit)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := w.recordOnce(ctx, m, out, begun)
		if err == nil || errors.Is(err, store.ErrConflict) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// badAddress finds the enhanced codes that blame the recipient's address (RFC
// 3463 section 3.2).
var badAddress = regexp.MustCompile(`\b5\.1\.(?:0|1|2|3|6|10)\b`)

func (w *worker) recordOnce(ctx context.Context, m store.OutboxMail, out mailbox.Outcome, begun bool) error {
	w.mu.Lock()
	if out.Class == mailbox.Refused && !badAddress.MatchString(out.Reply) {
		w.refused++
	} else if out.Class == mailbox.Delivered {
		w.refused = 0
	}
	stop := w.refused >= stopAfter
	w.mu.Unlock()
	switch out.Class {
	case mailbox.Delivered:
		w.health(ctx, "smtp", nil)
		return w.DB.FinishSent(ctx, m.ID, w.Owner, out.Reply, w.office.SaveSent == SaveAppend && w.office.Sent != nil, w.now())
	case mailbox.Refused:
		if err := w.DB.FinishFailed(ctx, m.ID, w.Owner, out.Reply, m.RehearsedTo == "" && badAddress.MatchString(out.Reply), w.now()); err != nil {
			return err
		}
		if stop { // it is not the recipients: the office itself is refused
			why := fmt.Sprintf("the server refused %d mails in a row, the last with “%s”", stopAfter, out.Reply)
			return w.DB.StopSending(ctx, w.office.ID, why, "dispatcher")
		}
		return nil
	case mailbox.Uncertain:
		return w.DB.FinishUncertain(ctx, m.ID, w.Owner, out.Reply)
	}
	// Deferred, or not handed over: it certainly did not go.
	if !begun {
		w.health(ctx, "smtp", errors.New(out.Reply))
	}
	if w.now().Sub(m.CreatedAt) > giveUpAfter && m.Attempts > 0 {
		return w.DB.FinishFailed(ctx, m.ID, w.Owner, "given up after three days: "+out.Reply, false, w.now())
	}
	return w.DB.Requeue(ctx, m.ID, w.Owner, out.Reply, backOff(m.Attempts), true)
}

// backOff is how long to wait after so many earlier attempts.
func backOff(attempts int) time.Duration {
	steps := []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute}
	if attempts < len(steps) {
		return steps[attempts]
	}
	return time.Hour
}

func (w *worker) health(ctx context.Context, part string, problem error) {
	detail := ""
	if problem != nil {
		detail = problem.Error()
	}
	if err := w.DB.SetHealth(ctx, w.office.ID, part, problem == nil, detail); err != nil {
		w.Log.Warn("recording health", "office", w.office.Code, "part", part, "err", err)
	}
}

// outgoing is the mail as it goes; the same row gives the same bytes.
func (w *worker) outgoing(ctx context.Context, m store.OutboxMail) (mailbox.Outgoing, error) {
	out := mailbox.Outgoing{
		FromName: w.office.Name, From: w.office.Address, ToName: m.RecipientName, To: m.Recipient, Cc: m.Cc,
		Subject: m.Subject, Text: m.BodyText, HTML: m.BodyHTML, MessageID: m.MessageID, Ref: m.Ref, InReplyTo: m.InReplyTo, References: m.Refs,
		AutoGenerated: m.Kind != store.KindReply,
	}
	if m.DatedAt != nil {
		out.Date = m.DatedAt.In(w.office.Rules.Location)
	}
	if m.RehearsedTo != "" {
		out.Subject = fmt.Sprintf("[for %s] %s", out.To, out.Subject)
		out.To, out.Cc = m.RehearsedTo, nil
	}
	if m.Kind != store.KindReply {
		return out, nil
	}
	files, err := w.DB.OutboxFiles(ctx, m.ID)
	if err != nil {
		return out, err
	}
	for _, f := range files {
		out.Attachments = append(out.Attachments, mailbox.OutgoingAttachment{Name: f.Name, ContentType: f.ContentType, Data: f.Data})
	}
	return out, nil
}

// fileCopies files copies in Sent that are owed: it looks first, so that one
// that was filed just before a crash is not filed twice.
func (w *worker) fileCopies(ctx context.Context) error {
	if w.office.Sent == nil || w.office.SaveSent != SaveAppend {
		return nil
	}
	mails, err := w.DB.OwedCopies(ctx, w.office.ID, copiesAtATime)
	if err != nil || len(mails) == 0 {
		return err
	}
	for _, m := range mails {
		if err := w.fileCopy(ctx, m); err != nil {
			if ctx.Err() == nil {
				w.health(ctx, "sent", err)
			}
			return fmt.Errorf("filing a copy of mail %d in Sent: %w", m.ID, err)
		}
	}
	w.health(ctx, "sent", nil)
	return nil
}

func (w *worker) fileCopy(ctx context.Context, m store.OutboxMail) error {
	found, _, err := w.office.Sent.Find(ctx, m.MessageID, m.Ref)
	if err != nil {
		return err
	}
	if !found {
		out, err := w.outgoing(ctx, m)
		if err != nil {
			return err
		}
		raw, err := mailbox.Compose(out)
		if err != nil {
			return err
		}
		if err := w.office.Sent.Append(ctx, raw, out.Date); err != nil {
			return err
		}
	}
	return w.DB.MarkCopied(ctx, m.ID)
}
