package mailbox

// Parse reads one message. It never fails: what could not be read is named in
// Problems.
func Parse(raw []byte) *Message { return &Message{} }
