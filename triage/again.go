package triage

import (
	"context"
	"errors"
	"time"

	"illmail/classifier"
	"illmail/store"
)

// MatchAgain looks once more for the requests of a patron's mail that was
// stored since then and is filed on none: requests may have come to be known
// after it. What staff filed, and what was filed by itself, stays.
func (in *Intake) MatchAgain(ctx context.Context, patronID int64, since time.Time) error {
	mails, err := in.DB.UnmatchedMail(ctx, in.Office.ID, patronID, since)
	if err != nil {
		return err
	}
	for _, u := range mails {
		f, err := in.understandSafely(ctx, u, nil)
		if err != nil {
			if pingErr := in.DB.Ping(ctx); pingErr != nil {
				return pingErr
			}
			in.log().Warn("a message could not be matched again", "message", u.ID, "err", err)
			continue
		}
		if f.Kind != string(classifier.KindPatron) || len(f.Matches) == 0 {
			continue
		}
		if err := in.DB.AddMatches(ctx, u.ID, f.Matches); err != nil && !errors.Is(err, store.ErrConflict) { // joined with another meanwhile
			return err
		}
	}
	return nil
}
