package mailbox

// AuthVerdict is what the office's own mail host says of the From domain.
type AuthVerdict string

// The verdicts; VerdictNone also stands for "no trusted field".
const (
	VerdictPass AuthVerdict = "pass"
	VerdictFail AuthVerdict = "fail"
	VerdictNone AuthVerdict = "none"
)

// AuthResults reads the topmost Authentication-Results field (RFC 8601) whose
// authserv-id is in trusted. "" in trusted accepts a topmost field without
// authserv-id, as Microsoft 365 writes it.
func (m *Message) AuthResults(trusted []string) AuthVerdict { return VerdictNone }
