package mailbox

import (
	"bytes"
	"strings"
)

// Bounds of what is read of one header. A mail that exceeds them is kept
// whole in its raw bytes; only the reading stops.
const (
	maxFields     = 2000
	maxFieldBytes = 64 << 10
)

// rawField is one header field, unfolded but not decoded: its value may hold
// encoded-words and bytes of any charset.
type rawField struct{ name, value string }

// splitHeader is a header as it was read, and what follows it.
type splitHeader struct {
	fields  []rawField
	body    []byte
	garbage int  // lines that are no header field
	cut     bool // more fields, or longer ones, than are read
}

// readHeader splits raw into header fields and body (RFC 5322 section 2.1).
// It bears with a leading mbox line, stray lines between fields, and a body
// that starts without an empty line.
func readHeader(raw []byte) splitHeader {
	var h splitHeader
	raw = bytes.TrimLeft(raw, "\r\n")
	rest := raw
	for bytes.HasPrefix(rest, []byte("From ")) || bytes.HasPrefix(rest, []byte(">From ")) {
		_, rest = cutLine(rest)
	}
	h.body = rest
	for len(h.body) > 0 {
		line, next := cutLine(h.body)
		if len(line) == 0 {
			h.body = next
			return h
		}
		if (line[0] == ' ' || line[0] == '\t') && len(h.fields) > 0 {
			// A continuation that the loop below did not take: after a stray line.
			h.body = next
			continue
		}
		name, ok := fieldName(line)
		if !ok {
			if !headerGoesOn(next) {
				if len(h.fields) > 0 {
					h.garbage++
				}
				return h
			}
			h.garbage++
			h.body = next
			continue
		}
		value := line[bytes.IndexByte(line, ':')+1:]
		var folded []byte
		for len(next) > 0 && (next[0] == ' ' || next[0] == '\t') {
			var more []byte
			more, next = cutLine(next)
			if len(bytes.TrimSpace(more)) == 0 {
				// RFC 5322 section 4.2: a line of white space only does not end the header.
				continue
			}
			if folded == nil {
				folded = append(make([]byte, 0, len(value)+len(more)+128), value...)
			}
			if len(folded) < maxFieldBytes {
				folded = append(folded, more...)
			}
		}
		if folded != nil {
			value = folded
		}
		if len(value) > maxFieldBytes {
			value, h.cut = value[:maxFieldBytes], true
		}
		if len(h.fields) < maxFields {
			h.fields = append(h.fields, rawField{name, string(bytes.TrimSpace(value))})
		} else {
			h.cut = true
		}
		h.body = next
	}
	return h
}

// headerGoesOn reports whether one of the next lines is a field again.
func headerGoesOn(rest []byte) bool {
	for range 3 {
		line, next := cutLine(rest)
		if len(line) == 0 {
			return false
		}
		if _, ok := fieldName(line); ok {
			return true
		}
		rest = next
	}
	return false
}

// fieldName is the name before the colon (RFC 5322 section 2.2), white space
// before the colon allowed (section 4.5).
func fieldName(line []byte) (string, bool) {
	i := bytes.IndexByte(line[:min(len(line), 128)], ':')
	if i <= 0 {
		return "", false
	}
	name := bytes.TrimRight(line[:i], " \t")
	if len(name) == 0 {
		return "", false
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return "", false
		}
	}
	return string(name), true
}

// cutLine returns the first line without its end, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimRight(b, "\r"), nil
	}
	return bytes.TrimRight(b[:i], "\r"), b[i+1:]
}

// getField returns the first raw value of that name, or "".
func getField(fields []rawField, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// maxIDs bounds the msg-ids that are read of one field.
const maxIDs = 500

// messageIDs reads the msg-ids of a field, oldest first. Phrases between them
// (obs-references, RFC 5322 section 4.5.4) are dropped; without any angle
// bracket every word with an "@" counts.
func messageIDs(value string) []string {
	var ids []string
	add := func(id string) {
		id = strings.Trim(strings.Join(strings.Fields(cleanText(id)), ""), `<>"',;`)
		if id != "" && len(id) <= 998 && len(ids) < maxIDs {
			ids = append(ids, id)
		}
	}
	if !strings.Contains(value, "<") {
		for _, w := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == ';' }) {
			if strings.Contains(w, "@") {
				add(w)
			}
		}
		return ids
	}
	for {
		i := strings.IndexByte(value, '<')
		if i < 0 {
			return ids
		}
		value = value[i+1:]
		j := strings.IndexAny(value, "<>")
		switch {
		case j < 0:
			id, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			add(id)
			return ids
		case value[j] == '>':
			add(value[:j])
			value = value[j+1:]
		default:
			add(value[:j])
			value = value[j:]
		}
	}
}

// messageID reads the Message-ID field: what stands in it counts, with
// brackets or without.
func messageID(value string) string {
	if ids := messageIDs(value); len(ids) > 0 {
		return ids[0]
	}
	id := strings.Trim(strings.Join(strings.Fields(cleanText(value)), ""), "<>")
	if len(id) > 998 {
		return ""
	}
	return id
}
