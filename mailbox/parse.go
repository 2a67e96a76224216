package mailbox

import (
	"strings"
)

// Parse reads one message (RFC 5322, MIME). It never fails: what could not be
// read is named in Problems, in words for staff, and everything else is there.
// Time and memory are linear in len(raw), nesting and number of parts bounded.
func Parse(raw []byte) *Message {
	root, t := parseTree(raw)
	m := &Message{}
	m.readFields(root.fields, t)
	b := &bodyReader{tree: t}
	b.read(root, placeBody)
	b.finish(m)
	m.ContentHash = contentHash(m, b.leaves)
	m.Report = parseReport(m, root)
	if len(root.fields) == 0 {
		t.problem("The message has no header.")
	}
	m.Problems = t.problems
	return m
}

// readFields fills in what the header says.
func (m *Message) readFields(fields []rawField, t *tree) {
	m.Fields = make([]Field, 0, len(fields))
	for _, f := range fields {
		value := decodeWords(f.value)
		if strings.EqualFold(f.name, "Authentication-Results") {
			value = verbatim(f.value)
		}
		m.Fields = append(m.Fields, Field{Name: cleanText(f.name), Value: value})
		switch strings.ToLower(f.name) {
		case "message-id":
			if m.MessageID == "" {
				m.MessageID = messageID(f.value)
			}
		case "in-reply-to":
			if m.InReplyTo == nil {
				m.InReplyTo = messageIDs(f.value)
			}
		case "references":
			if m.References == nil {
				m.References = messageIDs(f.value)
			}
		case "from":
			if m.From == nil {
				m.From = parseAddresses(f.value)
			}
		case "sender":
			if list := parseAddresses(f.value); m.Sender == nil && len(list) > 0 {
				m.Sender = &list[0]
			}
		case "reply-to":
			if m.ReplyTo == nil {
				m.ReplyTo = parseAddresses(f.value)
			}
		case "to":
			m.To = append(m.To, parseAddresses(f.value)...)
		case "cc":
			m.Cc = append(m.Cc, parseAddresses(f.value)...)
		case "return-path":
			if m.ReturnPath == "" {
				if addr := cleanAddr(f.value); addr != "" {
					m.ReturnPath = addr
				} else if strings.Contains(f.value, "<>") {
					m.ReturnPath = "<>"
				}
			}
		case "subject":
			if m.Subject == "" {
				m.Subject = strings.TrimSpace(strings.ReplaceAll(decodeWords(f.value), "\n", " "))
			}
		case "date":
			if m.Date.IsZero() {
				var ok bool
				if m.Date, ok = parseDate(f.value); !ok && f.value != "" {
					t.problem("The date of the message cannot be read.")
				}
			}
		}
	}
}
