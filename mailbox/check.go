package mailbox

import "context"

// Finding is one line of `illmail check`.
type Finding struct {
	OK   bool
	What string // what was looked at, and what was seen
	Do   string // what to do; "" where nothing need be done
}

// CheckIMAP tries to log in and to open the folder and the Sent folder.
func CheckIMAP(ctx context.Context, a Account, folder, sentFolder string) []Finding { return nil }

// CheckSMTP tries to log in to the submission server; it sends nothing.
func CheckSMTP(ctx context.Context, a Account) []Finding { return nil }
