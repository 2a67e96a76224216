package mailbox

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Watcher takes in one IMAP folder, the Sent folder no less than the inbox,
// and hands what it finds to its Sink.
type Watcher struct {
	Account Account
	// Folder is the folder's name on the server; "" is the one with the
	// attribute \Sent (RFC 6154).
	Folder string
	Sink   Sink
	// Start is what the first run takes in: "now" (only what comes from now
	// on), "all", or a date such as "2026-01-31".
	Start        string
	PollInterval time.Duration // how often to ask beside IDLE; 0 is 2 minutes
	IdleFor      time.Duration // the longest IDLE; 0 is 7 minutes
	SizeLimit    int64         // bytes; of a larger message only header and first text are taken; 0 is 30 MB
	AfterFiling  string        // what happens on the server to a message taken in: "leave" (or ""), "flag", "move:FOLDER"
	Log          *slog.Logger
}

// Run watches until ctx ends, and returns its error; every other error is
// reported as Health and tried again.
func (w *Watcher) Run(ctx context.Context) error { return errors.New("not built") }
