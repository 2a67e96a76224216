package classifier

import "illmail/mailbox"

// Classifier understands mail by one model. It is immutable and safe for
// concurrent use.
type Classifier struct {
	model *Model
}

// Default is the classifier with the embedded model.
func Default() *Classifier { return &Classifier{model: &Model{}} }

// With is the classifier with another model.
func (c *Classifier) With(m *Model) *Classifier { return &Classifier{model: m} }

// Version names the model: the same version means the same answers.
func (c *Classifier) Version() string { return c.model.Version() }

// Read says what can be said of a message without the records, above all the
// Keys by which they are to be looked up.
func (c *Classifier) Read(m *mailbox.Message, o Office) *Reading {
	return &Reading{Message: m, Office: o, NewText: m.Text}
}

// Decide completes a reading by what the records say.
func (c *Classifier) Decide(r *Reading, f Facts) Result {
	return Result{Kind: KindPatron, NeedsStaff: true, NewText: r.NewText, Identifiers: r.Identifiers}
}
