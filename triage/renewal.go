package triage

import (
	"context"
	"fmt"
	"time"

	"illmail/store"
)

// Renewals are the office's rules for asking lenders to renew.
type Renewals struct {
	Days      int // for how long is asked
	Most      int // how often for one request; 0 = without end
	EarlyDays int // not earlier than so many days before the due date; 0 = any time
}

// RenewalOffer says whether staff may ask for a renewal of a request: they may
// where Why is "".
type RenewalOffer struct {
	Days int
	Why  string // why not
}

// OfferRenewal judges a request that is on loan; nil where there is nothing to
// renew, or the office asks its lenders otherwise.
func (d *Desk) OfferRenewal(ctx context.Context, t store.Transaction, now time.Time) (*RenewalOffer, error) {
	o, err := d.office(t.OfficeID)
	if err != nil {
		return nil, err
	}
	if o.Renewals == nil || t.State != store.StateOnLoan || t.ProcessType != "Borrowing" {
		return nil, nil
	}
	times, asked, err := d.DB.RenewalsAsked(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	left := t.DueDate.Sub(store.DateOf(now, o.location()))
	r := o.Renewals
	offer := &RenewalOffer{Days: r.Days}
	switch {
	case asked:
		offer.Why = "a renewal was asked for already"
	case t.DueDate.IsZero():
		offer.Why = "it has no due date"
	case !t.RenewalsAllowed:
		offer.Why = "the lender allows no renewals"
	case r.Most > 0 && times >= r.Most:
		offer.Why = fmt.Sprintf("it was renewed as often as the office allows (%d)", r.Most)
	case r.EarlyDays > 0 && left > r.EarlyDays:
		offer.Why = fmt.Sprintf("it is too early: not before %d days ahead of the due date", r.EarlyDays)
	}
	return offer, nil
}

// AskRenewal records that the lender is asked to renew; the ILL system hears of
// it. An error that wraps store.ErrConflict says why it may not be.
func (d *Desk) AskRenewal(ctx context.Context, conversation, transactionID int64, actor store.Actor, now time.Time) error {
	ts, err := d.DB.TransactionsByID(ctx, []int64{transactionID})
	if err != nil {
		return err
	}
	if len(ts) == 0 {
		return fmt.Errorf("request %d: %w", transactionID, store.ErrNotFound)
	}
	offer, err := d.OfferRenewal(ctx, ts[0], now)
	switch {
	case err != nil:
		return err
	case offer == nil:
		return fmt.Errorf("it is not on loan any more: %w", store.ErrConflict)
	case offer.Why != "":
		return fmt.Errorf("%s: %w", offer.Why, store.ErrConflict)
	}
	_, err = d.DB.RecordRequestAction(ctx, store.RequestAction{TransactionID: transactionID, ConversationID: conversation,
		Action: store.ActionRenewal, Reason: fmt.Sprintf("for %d days", offer.Days)}, actor)
	return err
}
