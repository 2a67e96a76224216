package mailbox

import "time"

// AutoReply reports whether the message was written by an auto-responder in
// answer to another message (RFC 3834), and why in words. A delivery report is
// not an auto-reply.
func (m *Message) AutoReply() (bool, string) { return false, "" }

// Bulk reports whether the message was sent to many (newsletter, mailing list),
// and why in words.
func (m *Message) Bulk() (bool, string) { return false, "" }

// AutoSubmitted reports whether a machine made the message, of whatever kind.
func (m *Message) AutoSubmitted() bool { return false }

// AwayUntil reads the day of return from the text of an auto-reply, relative to
// the day it was sent. The result is midnight in sent's location.
func AwayUntil(text string, sent time.Time) (time.Time, bool) { return time.Time{}, false }
