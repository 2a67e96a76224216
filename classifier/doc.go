// Package classifier says what a message is, what its sender wants, which
// requests it concerns, and why.
//
// It is pure: no clock, no files, no database. A message is understood in two
// steps, between which the caller looks up the records:
//
//	mailbox.Message ──Read──▶ Reading (new text, identifiers, Keys)
//	                              │ caller fetches Facts for the Keys
//	                              ▼
//	                          Decide ──▶ Result (kind, intents, matches, reasons)
//
// Kind comes from headers first, then from who the sender is in the records,
// then from words. Intents come from a softmax regression over the cues of
// cues.txt, stemmed n-grams and the context; the model is embedded and can be
// trained further from what an office's staff corrected. Matches are scored
// with their evidence; a message is filed by itself only when that is sure and
// its sender is a party to the request.
package classifier
