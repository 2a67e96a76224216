package classifier

import (
	_ "embed"
	"sync"
)

//go:embed model.bin
var modelBytes []byte

// defaultModel is the embedded model, read once.
var defaultModel = sync.OnceValue(func() *Model {
	m := &Model{}
	if err := m.UnmarshalBinary(modelBytes); err != nil {
		panic(err) // the embedded file: a test reads it
	}
	return m
})

// Sure is the probability from which an intent counts as sure: on mail of
// authors that the model had not seen, at least 97 of 100 such answers were right.
const Sure = 0.8

// Classifier understands mail by one model. It is immutable and safe for
// concurrent use.
type Classifier struct {
	model *Model
}

// Default is the classifier with the embedded model.
func Default() *Classifier { return &Classifier{model: defaultModel()} }

// With is the classifier with another model.
func (c *Classifier) With(m *Model) *Classifier { return &Classifier{model: m} }

// Version names the model and the lexicon: the same version means the same answers.
func (c *Classifier) Version() string { return c.model.Version() }

// Decide completes a reading by what the records say.
func (c *Classifier) Decide(r *Reading, f Facts) Result {
	s := survey(r, f)
	res := Result{NewText: r.NewText, Identifiers: r.Identifiers}
	words := r.words
	if words == nil { // a Reading that was not made by Read
		words = wordsFor(theLexicon(), spoken(r), r.Message.Subject)
	}
	kind, kindP, why, sure := c.decideKind(s, words)
	res.Kind, res.KindWhy = kind, why
	res.Intents = c.intentsOf(s, words, kind)
	s.decide(res.Kind, res.Intents)
	for i := range res.Intents { // it asks that only if it is of that kind
		res.Intents[i].P = round3(res.Intents[i].P * kindP)
	}
	res.Matches = s.matches()
	res.Username = s.username(res.Kind)
	res.SenderVerified = s.verified(res.Username)
	res.NeedsStaff = needsStaff(res, sure, words)
	switch res.Kind {
	case KindAutoReply:
		res.AwayUntil = awayUntil(r)
	case KindPatron, KindPartner, KindSystem, KindVendor:
		res.AnswerBy = answerBy(r.NewText, r.Message.Date)
	}
	return res
}

// needsStaff is false only for what surely needs nobody: auto-replies, mail to
// many, and thanks that ask nothing. A thank-you too many before a person
// costs a second; a question that nobody sees costs a patron.
func needsStaff(res Result, sureOfKind bool, w *worded) bool {
	switch res.Kind {
	case KindAutoReply, KindBulk:
		return !sureOfKind
	case KindPatron:
		if len(res.Intents) == 0 || res.Intents[0].Intent != Thanks || res.Intents[0].P < 0.9 || len(w.ann.toks) > 60 {
			return true
		}
		for _, s := range w.ann.sents {
			if s.question {
				return true
			}
		}
		return false
	}
	return true
}
