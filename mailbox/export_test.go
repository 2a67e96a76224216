package mailbox

import "time"

// SetTimes shortens what tests would have to wait for.
func (w *Watcher) SetTimes(command, gapGrace time.Duration) {
	w.commandTimeout, w.gapGrace = command, gapGrace
}

var BackOff = backOff
