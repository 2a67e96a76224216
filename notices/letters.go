package notices

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"illmail/store"
	"illmail/templates"
)

// Letters are the letters of one office as they stand: those that come with
// the program, the office's approved versions in their place, and the
// languages that it approved. It is safe for concurrent use.
type Letters struct {
	db       *store.DB
	officeID int64
	reading  sync.Mutex // a reading that began earlier must not end up in place of a later one
	current  atomic.Pointer[standing]
}

type standing struct {
	set     *templates.Set
	refused []error
}

// ReadLetters reads the office's letters.
func ReadLetters(ctx context.Context, db *store.DB, officeID int64) (*Letters, error) {
	l := &Letters{db: db, officeID: officeID}
	return l, l.Reload(ctx)
}

// Set returns the letters as they were last read.
func (l *Letters) Set() *templates.Set { return l.current.Load().set }

// Refused names the approved versions that this program cannot read any more;
// the letters that come with it stand in for them.
func (l *Letters) Refused() []error { return l.current.Load().refused }

// Reload reads the letters again. After an error they stay as they were.
func (l *Letters) Reload(ctx context.Context) error {
	l.reading.Lock()
	defer l.reading.Unlock()
	versions, err := l.db.TemplatesInForce(ctx, l.officeID)
	if err != nil {
		return err
	}
	languages, err := l.db.TemplateLanguages(ctx, l.officeID)
	if err != nil {
		return err
	}
	var s standing
	var own []*templates.Template
	for _, v := range versions {
		t, err := templates.Parse(v.Name, v.Language, v.Source)
		if err != nil {
			s.refused = append(s.refused, fmt.Errorf("reading version %d of the letter %s in %s: %w", v.ID, v.Name, v.Language, err))
			continue
		}
		own = append(own, t)
	}
	s.set = templates.Default().With(own...)
	for _, a := range languages {
		s.set = s.set.Enable(a.Language)
	}
	l.current.Store(&s)
	return nil
}

// lettersAge is how old letters may be at most where an announcement was lost.
const lettersAge = time.Minute

// FollowLetters reads letters again whenever one of them was approved, by any
// process, until ctx ends.
func FollowLetters(ctx context.Context, db *store.DB, log *slog.Logger, letters ...*Letters) error {
	changes, tick := db.Listen(ctx), time.NewTicker(lettersAge)
	defer tick.Stop()
	for {
		var office int64
		select {
		case c, ok := <-changes:
			if !ok {
				return nil
			}
			if c.Topic != store.NotifyTemplates && c != (store.Change{}) {
				continue
			}
			office = c.OfficeID
		case <-tick.C:
		}
		for _, l := range letters {
			if office != 0 && office != l.officeID {
				continue
			}
			if err := l.Reload(ctx); err != nil && ctx.Err() == nil {
				log.Warn("reading the letters again", "office", l.officeID, "err", err)
			}
			for _, err := range l.Refused() {
				log.Warn("a letter of the office's own is not used", "err", err)
			}
		}
	}
}

// PreviewData fills a letter with one request as a notice about it would.
func PreviewData(office templates.Office, t *store.Transaction, p *store.Patron, today store.Date) templates.Data {
	item := templates.Item{
		TransactionNumber: t.TransactionNumber, ILLNumber: t.ILLNumber, Title: t.Title, ArticleTitle: t.ArticleTitle, Author: t.Author,
		RequestType: t.RequestType, Lender: t.LendingLibrary, Status: t.Status, Reason: t.CancelReason, PickupLocation: t.PickupLocation,
		DueDate: t.DueDate.Time(), StatusDate: t.StatusDate.Time(), RenewalsAllowed: t.RenewalsAllowed,
	}
	if !t.DueDate.IsZero() {
		item.DaysOverdue, item.DaysLeft = max(0, today.Sub(t.DueDate)), max(0, t.DueDate.Sub(today))
	}
	if !t.StatusDate.IsZero() {
		item.DaysWaiting = max(0, today.Sub(t.StatusDate))
	}
	return templates.Data{
		Office: office, Today: today.Time(), Letter: 1, Items: []templates.Item{item}, Lender: templates.Lender{Symbol: t.LendingLibrary},
		Patron: templates.Patron{FirstName: p.FirstName, LastName: p.LastName, Username: p.Username, Email: p.Email, Status: p.PatronStatus},
	}
}
