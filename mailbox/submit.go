package mailbox

import (
	"context"
	"time"
)

// Submitter hands mail to a submission server (RFC 6409) over one kept
// connection. Its methods may be called at the same time; mails take turns.
type Submitter struct {
	Account      Account
	HelloName    string        // what to call ourselves in EHLO; "" is "localhost"
	MaxPerMinute int           // mails begun in any 60 seconds; 0: no limit
	Timeout      time.Duration // for one whole submission; 0 is 12 minutes
}

// Submit sends o, in one envelope, to its To and all of its Cc: a server that
// refuses one of them gets nothing for any. It connects and logs in first,
// then calls commit, and only if that returns nil says MAIL FROM. Where commit
// was not called, or returned an error, the outcome is Unsent. It waits where
// MaxPerMinute asks for it, before commit.
func (s *Submitter) Submit(ctx context.Context, o Outgoing, commit func(context.Context) error) Outcome {
	return Outcome{Class: Unsent, Reply: "not built"}
}

// Close says goodbye to the server.
func (s *Submitter) Close() error { return nil }
