package mailbox

import "errors"

// Compose builds the bytes of an outgoing mail: the same Outgoing, the same bytes.
func Compose(o Outgoing) ([]byte, error) { return nil, errors.New("not built") }

// NewMessageID makes a Message-ID without angle brackets that cannot be guessed.
func NewMessageID(domain string) string { return "" }
