package triage

import (
	"context"
	"slices"
	"time"

	"illmail/classifier"
	"illmail/mailbox"
	"illmail/store"
)

// Replayed is one message as it was understood, and as another model or other
// rules would understand it today.
type Replayed struct {
	Was store.StoredReading
	// Kind, Intent and TransactionNumbers are the answer now: the main intent,
	// the requests on which it would file by itself, ascending.
	Kind, Intent       string
	TransactionNumbers []int64
}

// Same reports whether nothing would change.
func (r Replayed) Same() bool {
	return r.Kind == r.Was.Kind && r.Intent == r.Was.Intent && slices.Equal(r.TransactionNumbers, r.Was.TransactionNumbers)
}

// Judged reports whether staff said what the message is, and if so whether the
// answer then and the answer now agree with them.
func (r Replayed) Judged() (said, wasRight, isRight bool) {
	if r.Was.SaidKind == "" {
		return false, false, false
	}
	return true, r.Was.Kind == r.Was.SaidKind && r.Was.Intent == r.Was.SaidIntent, r.Kind == r.Was.SaidKind && r.Intent == r.Was.SaidIntent
}

// Replay reads the mail that was stored since then again with c, with the
// records as they are now, and calls each with every message in the order of
// arrival. It changes nothing. A message whose bytes are gone is left out.
func (in *Intake) Replay(ctx context.Context, since time.Time, c *classifier.Classifier, each func(Replayed) error) error {
	after := int64(0)
	for {
		list, err := in.DB.Readings(ctx, in.Office.ID, since, after, batchSize)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, was := range list {
			after = was.ID
			raw, _, err := in.DB.ReadRaw(ctx, was.ID, in.parseLimit())
			if isNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			reading := c.Read(mailbox.Parse(raw), in.Office.classifierOffice())
			facts, _, _, err := in.facts(ctx, reading, was.InternalDate)
			if err != nil {
				return err
			}
			res := c.Decide(reading, facts)
			r := Replayed{Was: was, Kind: string(res.Kind), TransactionNumbers: []int64{}}
			if len(res.Intents) > 0 {
				r.Intent = string(res.Intents[0].Intent)
			}
			for _, m := range res.Matches {
				if m.Decided {
					r.TransactionNumbers = append(r.TransactionNumbers, m.TransactionNumber)
				}
			}
			slices.Sort(r.TransactionNumbers)
			if err := each(r); err != nil {
				return err
			}
		}
	}
}
