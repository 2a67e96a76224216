package classifier

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"sort"
	"strings"

	"illmail/mailbox"
)

// Labelled is one message of a labelled set with the right answers: one JSON
// object a line.
type Labelled struct {
	ID      string          `json:"id"`
	From    labelledAddress `json:"from"`
	To      string          `json:"to,omitempty"`
	Cc      []any           `json:"cc,omitempty"`
	Date    string          `json:"date,omitempty"`
	Subject string          `json:"subject"`
	// Headers are fields beside those above.
	Headers     map[string]string    `json:"headers,omitempty"`
	Notice      *labelledNotice      `json:"in_reply_to_notice,omitempty"`
	Text        string               `json:"text"`
	HTML        string               `json:"html,omitempty"`
	Attachments []labelledAttachment `json:"attachments,omitempty"`
	Expect      Expectation          `json:"expect"`
}

type labelledAddress struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

type labelledNotice struct {
	TransactionNumber int64  `json:"transaction_number"`
	Kind              string `json:"kind"`
	Subject           string `json:"subject,omitempty"`
}

type labelledAttachment struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes int    `json:"bytes"`
}

// Expectation is what is right for a labelled message.
type Expectation struct {
	Kind           Kind     `json:"kind"`
	Intents        []Intent `json:"intents"`
	Transactions   []int64  `json:"transactions"`
	Ambiguous      bool     `json:"ambiguous,omitempty"`
	Username       string   `json:"username,omitempty"`
	SenderVerified bool     `json:"sender_verified,omitempty"`
	NeedsStaff     bool     `json:"needs_staff"`
	VisibleText    string   `json:"visible_text"`
}

// ReadLabelled reads a labelled set.
func ReadLabelled(r io.Reader) ([]Labelled, error) {
	var out []Labelled
	err := eachLine(r, func(line []byte) error {
		var l Labelled
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		out = append(out, l)
		return nil
	})
	return out, err
}

// eachLine calls f with each line that is not blank.
func eachLine(r io.Reader, f func(line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 16<<20)
	for n := 1; s.Scan(); n++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		if err := f(s.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

// Raw is the message as it would come over the wire.
func (l *Labelled) Raw() []byte {
	var b bytes.Buffer
	own := map[string]string{}
	var names []string
	for k, v := range l.Headers {
		low := strings.ToLower(k)
		switch low {
		case "content-type", "mime-version", "content-transfer-encoding", "from", "to", "date", "subject", "cc":
			continue
		}
		own[low] = v
		names = append(names, k)
	}
	sort.Strings(names)
	field := func(name, value string) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.NewReplacer("\r", " ", "\n", " ").Replace(value))
	}
	from := "<>"
	if l.From.Address != "" {
		from = mime.QEncoding.Encode("utf-8", l.From.Name)
		if from == l.From.Name {
			from = `"` + strings.ReplaceAll(from, `"`, "'") + `"`
		}
		from += " <" + l.From.Address + ">"
	}
	field("From", from)
	to := l.To
	if to == "" {
		to = "ill@healey.example.edu"
	}
	field("To", to)
	var cc []string
	for _, c := range l.Cc {
		switch v := c.(type) {
		case string:
			cc = append(cc, v)
		case map[string]any:
			if a, ok := v["address"].(string); ok {
				cc = append(cc, a)
			}
		}
	}
	if len(cc) > 0 {
		field("Cc", strings.Join(cc, ", "))
	}
	date := l.Date
	if date == "" {
		date = "Mon, 16 Nov 2026 10:00:00 -0500"
	}
	field("Date", date)
	field("Subject", mime.QEncoding.Encode("utf-8", strings.NewReplacer("\r", " ", "\n", " ").Replace(l.Subject)))
	if own["message-id"] == "" {
		field("Message-ID", "<"+l.ID+"@mail.example>")
	}
	if l.Notice != nil && own["in-reply-to"] == "" {
		field("In-Reply-To", "<"+l.Notice.messageID()+">")
	}
	for _, n := range names {
		field(n, l.Headers[n])
	}
	field("MIME-Version", "1.0")
	text := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrap64([]byte(l.Text))
	if l.Text == "" && l.HTML != "" {
		text = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrap64([]byte(l.HTML))
	}
	if len(l.Attachments) == 0 {
		b.WriteString(text)
		return b.Bytes()
	}
	const boundary = "=_labelled"
	field("Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	b.WriteString("\r\n--" + boundary + "\r\n" + text)
	for _, a := range l.Attachments {
		typ := a.Type
		if typ == "" || strings.HasPrefix(typ, "message/") || strings.HasPrefix(typ, "multipart/") {
			typ = "application/octet-stream"
		}
		fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA", boundary, typ, strings.ReplaceAll(a.Name, `"`, ""))
	}
	b.WriteString("\r\n--" + boundary + "--\r\n")
	return b.Bytes()
}

func (n *labelledNotice) messageID() string {
	kind := n.Kind
	if kind == "" {
		kind = "notice"
	}
	return fmt.Sprintf("%s.%d@healey.example.edu", kind, n.TransactionNumber)
}

func wrap64(data []byte) string {
	s := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	b.WriteString(s)
	return b.String()
}

// Message is the message as the parser reads it.
func (l *Labelled) Message() *mailbox.Message { return mailbox.Parse(l.Raw()) }

// sentOf is the notices that the messages answer, as we had sent them.
func sentOf(set []Labelled, emails map[int64]string) []Sent {
	var out []Sent
	seen := map[string]bool{}
	for i := range set {
		l := &set[i]
		if l.Notice == nil {
			continue
		}
		id := l.Notice.messageID()
		for k, v := range l.Headers {
			if strings.EqualFold(k, "In-Reply-To") {
				id = strings.Trim(strings.TrimSpace(v), "<>")
			}
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		out = append(out, Sent{MessageID: id, TransactionNumbers: []int64{l.Notice.TransactionNumber}, Kind: l.Notice.Kind, To: emails[l.Notice.TransactionNumber], Subject: l.Notice.Subject})
	}
	return out
}
