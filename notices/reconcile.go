package notices

import (
	"context"
	"fmt"

	"illmail/store"
)

// reconcile settles mails of which nobody knows whether they went. What was
// sending for more than 15 minutes becomes uncertain, never queued. A copy in
// Sent proves that a mail went; that there is none proves something only where
// the server files what it takes and this was tried out. All else is for staff.
func (w *worker) reconcile(ctx context.Context) error {
	if n, err := w.DB.ExpireSending(ctx, w.office.ID, w.patience().expire); err != nil {
		return err
	} else if n > 0 {
		w.Log.Warn("mails became uncertain: their sender is gone", "office", w.office.Code, "mails", n)
	}
	if _, err := w.DB.SettleByCopies(ctx, w.office.ID); err != nil {
		return err
	}
	if w.office.Sent == nil {
		return nil
	}
	mails, err := w.DB.Unsettled(ctx, w.office.ID, w.patience().search)
	if err != nil {
		return err
	}
	for _, m := range mails {
		if err := w.settle(ctx, m); err != nil {
			return fmt.Errorf("settling mail %d: %w", m.ID, err)
		}
	}
	return nil
}

func (w *worker) settle(ctx context.Context, m store.OutboxMail) error {
	found, foundID, err := w.office.Sent.Find(ctx, m.MessageID, m.Ref)
	if err != nil {
		w.health(ctx, "sent", err)
		return fmt.Errorf("searching Sent: %w", err)
	}
	if found {
		return w.DB.SettleFound(ctx, m.ID, foundID)
	}
	searches, err := w.DB.NoteSearch(ctx, m.ID, w.patience().expire)
	if err != nil {
		return err
	}
	if w.office.SaveSent == SaveServer && w.office.SentProved && searches >= neededSearch {
		return w.DB.SettleAbsent(ctx, m.ID, neededSearch)
	}
	return nil
}
