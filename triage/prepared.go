package triage

import "context"

// PreparedReply is an answer that is ready before anyone writes.
type PreparedReply struct {
	Template string // "reply-status"
	Subject  string
	Body     string   // plain text
	Why      []string // in words: the intent, and what of the records decided
}

// Prepared makes the answer for what the conversation asks now.
func (d *Desk) Prepared(ctx context.Context, conversationID int64) (PreparedReply, error) {
	return PreparedReply{}, nil
}
