package notices

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"illmail/mailbox"
	"illmail/store"
)

// Unanswered says when an office's second address is told of conversations that
// nobody took and nobody answered.
type Unanswered struct {
	Address string
	After   time.Duration // of office hours that somebody waits
	Every   time.Duration // at most one mail in so long
	Pages   string        // how staff reach the pages, without a slash at its end
}

// unansweredAtATime is how many conversations one mail names.
const unansweredAtATime = 100

// Alarm tells offices' second addresses what nobody takes. Any number of them
// may run on one database: what was told is a row.
type Alarm struct {
	DB      *store.DB
	Offices []*Office
	Log     *slog.Logger
}

// Run looks every minute until ctx ends.
func (a *Alarm) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		for _, o := range a.Offices {
			if _, err := a.Tell(ctx, o, time.Now()); err != nil && ctx.Err() == nil {
				a.Log.Error("telling what nobody answered", "office", o.Code, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Tell queues a mail to the second address where something waits too long and
// the office is open; it returns the id of the mail, or 0.
func (a *Alarm) Tell(ctx context.Context, o *Office, now time.Time) (int64, error) {
	u := o.Unanswered
	if u == nil || o.Rules.Opens(now).After(now) {
		return 0, nil
	}
	hands, err := a.DB.Hands(ctx, o.today(now))
	if err != nil {
		return 0, err
	}
	key, err := a.DB.Secret(ctx, store.RefSecret)
	if err != nil {
		return 0, err
	}
	// The instant stands where a notice has its cycle: no two of these mails have one reference.
	ref := mailbox.SignRef(key, string(store.KindUnanswered), 0, now.UTC().Format("20060102T150405Z"), nil)
	return a.DB.QueueUnanswered(ctx, store.UnansweredMail{
		OfficeID: o.ID, Before: o.Rules.OfficeTimeBefore(now, u.After), LastTold: now.Add(-u.Every), Nobodys: hands.Nobodys(), Most: unansweredAtATime,
		Recipient: u.Address, MessageID: mailbox.NewMessageID(o.domain()), Ref: ref,
	}, now, func(list []store.Unanswered) (subject, text string) { return u.letter(o, list, now) })
}

// letter names conversations by their links: whoever may not sign in learns
// nothing of a patron from it.
func (u *Unanswered) letter(o *Office, list []store.Unanswered, now time.Time) (subject, text string) {
	subject = fmt.Sprintf("%d conversations wait for an answer", len(list))
	if len(list) == 1 {
		subject = "1 conversation waits for an answer"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Nobody at %s has taken or answered these for %s or longer:\n", o.Name, officeHours(u.After))
	for _, c := range list {
		fmt.Fprintf(&b, "\n%s/conversations/%d\n  since %s (%s)\n", u.Pages, c.ConversationID,
			c.WaitingSince.In(o.Rules.Location).Format("Monday, January 2, 15:04"), officeHours(o.Rules.OfficeTime(c.WaitingSince, now)))
	}
	b.WriteString("\nEach is told once. Whoever takes it or answers it ends the waiting.\n")
	return subject, b.String()
}

func officeHours(d time.Duration) string {
	if n := int(d.Hours()); n != 1 {
		return fmt.Sprintf("%d office hours", n)
	}
	return "1 office hour"
}

// recheckUnanswered judges a claimed mail to the second address once more: what
// was taken or answered meanwhile is taken out of it, and it goes in office
// hours only.
func (w *worker) recheckUnanswered(ctx context.Context, m store.OutboxMail) (_ store.OutboxMail, ok bool, err error) {
	o, now := w.office, w.now()
	if opens := o.Rules.Opens(now); opens.After(now) {
		return m, false, w.DB.Requeue(ctx, m.ID, w.Owner, "the office is closed", opens.Sub(now), false)
	}
	hands, err := w.DB.Hands(ctx, o.today(now))
	if err != nil {
		return m, false, err
	}
	told, still, err := w.DB.StillUnanswered(ctx, m.ID, hands.Nobodys())
	if err != nil {
		return m, false, err
	}
	u := o.Unanswered
	if u == nil { // nobody is to be told any more
		still = nil
	} else if len(still) == told && m.Recipient == u.Address {
		return m, true, nil
	} else if len(still) > 0 {
		m.Recipient = u.Address
		m.Subject, m.BodyText = u.letter(o, still, now)
	}
	return m, len(still) > 0, w.DB.RewriteUnanswered(ctx, m, still)
}
