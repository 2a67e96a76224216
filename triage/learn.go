package triage

import (
	"context"
	"fmt"

	"illmail/classifier"
	"illmail/mailbox"
)

// maxExamples bounds how many corrections are learned from: the newest.
const maxExamples = 500

// Learn makes the office's classifier anew from what staff corrected or
// confirmed; what is filed from then on is read with it. It reports whether
// there was anything to learn since the last time. A message whose bytes are
// gone teaches nothing.
func (in *Intake) Learn(ctx context.Context) (bool, error) {
	corrections, err := in.DB.Corrections(ctx, in.Office.ID)
	if err != nil {
		return false, err
	}
	if len(corrections) == 0 {
		return false, nil
	}
	newest := corrections[len(corrections)-1].At
	in.mu.Lock()
	known := newest.Equal(in.learnedAt)
	in.mu.Unlock()
	if known {
		return false, nil
	}
	base := in.base()
	var examples []classifier.Example
	for _, c := range corrections[max(0, len(corrections)-maxExamples):] {
		raw, _, err := in.DB.ReadRaw(ctx, c.MessageID, in.parseLimit())
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		m, err := in.DB.StoryMessageByID(ctx, c.MessageID)
		if err != nil {
			return false, fmt.Errorf("reading message %d: %w", c.MessageID, err)
		}
		e := classifier.Example{Reading: base.Read(mailbox.Parse(raw), in.Office.classifierOffice()), Kind: classifier.Kind(c.Kind)}
		if e.Facts, _, _, err = in.facts(ctx, e.Reading, m.InternalDate); err != nil {
			return false, err
		}
		if c.Intent != "" {
			e.Intents = []classifier.Intent{classifier.Intent(c.Intent)}
		}
		examples = append(examples, e)
	}
	learned := base.Learn(examples)
	in.mu.Lock()
	in.learned, in.learnedAt = learned, newest
	in.mu.Unlock()
	in.log().Info("learned from corrections", "office", in.Office.Code, "examples", len(examples), "model", learned.Version())
	return true, nil
}

func (in *Intake) base() *classifier.Classifier {
	if in.Classifier == nil {
		return classifier.Default()
	}
	return in.Classifier
}

// Learned is the office's classifier as it is once everything that staff
// corrected is learned.
func (in *Intake) Learned(ctx context.Context) (*classifier.Classifier, error) {
	if _, err := in.Learn(ctx); err != nil {
		return nil, err
	}
	return in.classifier(), nil
}

// classifier is the one that learned from the office's staff, or the base.
func (in *Intake) classifier() *classifier.Classifier {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.learned != nil {
		return in.learned
	}
	return in.base()
}
