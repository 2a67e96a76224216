package mailbox

import (
	"strings"
	"time"
)

// Address is one mailbox of an address field (RFC 5322 section 3.4).
// Addr is lower-cased in its domain only where the parser could tell it
// apart; compare with [Address.Key].
type Address struct {
	Name string // display name, decoded; "" where absent
	Addr string // addr-spec, e.g. "jdoe3@example.edu"; may be "" for a broken field
}

// Field is one header field with its decoded (RFC 2047) and unfolded value.
type Field struct {
	Name  string // as written, e.g. "Auto-Submitted"
	Value string
}

// Attachment is a part that is neither the text nor the HTML of the body.
type Attachment struct {
	Name        string // base name only: path separators and control characters are gone
	ContentType string // "application/pdf", lower case, without parameters
	Size        int    // decoded bytes
	Inline      bool   // referenced by the HTML body or marked inline
	ContentID   string // without angle brackets
	Path        string // address of the part inside the message ("1.2"), for [Part]
}

// Recipient is what a delivery status notification says of one address
// (RFC 3464 section 2.3), or what a non-standard bounce says in words.
type Recipient struct {
	Addr       string
	Status     string // enhanced status code "5.1.1" (RFC 3463), "" where none was found
	Action     string // failed | delayed | delivered | relayed | expanded
	Diagnostic string // the remote server's words, one line
}

// Report is a bounce or another delivery report, read from its structure or its words.
type Report struct {
	Recipients         []Recipient
	OriginalMessageID  string // Message-ID of the mail that failed, without angle brackets
	OriginalReferences []string
	OriginalSubject    string
	OriginalRef        string // X-Illmail-Ref of the mail that failed
}

// Failed reports whether at least one recipient did not get the mail for good.
func (r *Report) Failed() bool {
	if r == nil {
		return false
	}
	for _, rc := range r.Recipients {
		if rc.Action == "failed" {
			return true
		}
	}
	return false
}

// Message is one Internet message (RFC 5322) as far as it could be read.
// All strings are valid UTF-8 without NUL. A broken message is still a
// Message: Problems names what could not be read.
type Message struct {
	MessageID  string   // msg-id without angle brackets; "" where absent
	InReplyTo  []string // msg-ids without angle brackets
	References []string // oldest first, as in the header field

	From       []Address // first is the author who is shown
	Sender     *Address
	ReplyTo    []Address
	To, Cc     []Address
	ReturnPath string // addr-spec; "<>" for the null reverse-path; "" where the field is absent
	Subject    string
	Date       time.Time // zero where absent or impossible

	Fields []Field // every header field in order, decoded

	Text        string // decoded text/plain parts of the body, joined; LF line ends
	HTML        string // decoded text/html of the body, unsanitised: never show it as it is
	Attachments []Attachment
	Report      *Report // non-nil only where the message is a delivery report of any kind

	// ContentHash is the hash of From, Date, Subject and the decoded parts:
	// with the Message-ID it says whether two copies are the same message.
	ContentHash [32]byte
	Problems    []string // what could not be read, in words for staff
}

// Get returns the value of the first field of that name (case-insensitive), or "".
func (m *Message) Get(name string) string {
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Author is the first From address, or the zero Address.
func (m *Message) Author() Address {
	if len(m.From) > 0 {
		return m.From[0]
	}
	return Address{}
}

// Key is the address as it is compared: lower case, trimmed.
func (a Address) Key() string { return strings.ToLower(strings.TrimSpace(a.Addr)) }
