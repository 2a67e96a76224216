package mailbox

import (
	"bytes"
	"encoding/base64"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of the tree of parts. What lies beyond them stays in the raw bytes.
const (
	maxDepth  = 32
	maxParts  = 1000
	maxParams = 100
)

// entity is one MIME part (RFC 2045 section 2.4), the message itself included.
// Its bytes are slices of the raw message. We split the parts ourselves:
// readers that stop at the first fault lose what follows it, and a patron's
// mail must be read however broken the gateway in between was.
type entity struct {
	fields      []rawField
	body        []byte // still in its transfer encoding
	mediaType   string // "text/plain", lower case
	params      map[string]string
	disposition string // "attachment", "inline" or ""
	filename    string
	path        string // "1.2"; "" for a multipart message itself
	children    []*entity
}

// tree builds entities and counts what it meets.
type tree struct {
	parts    int
	problems []string
}

func (t *tree) problem(s string) {
	for _, p := range t.problems {
		if p == s {
			return
		}
	}
	t.problems = append(t.problems, s)
}

// parseTree reads the whole message as a tree of parts.
func parseTree(raw []byte) (*entity, *tree) {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') >= 0 {
		raw = bytes.ReplaceAll(raw, []byte{'\r'}, []byte{'\n'})
	}
	t := &tree{}
	return t.entity(raw, "", "text/plain", 0), t
}

// entity reads one part; fallback is its media type where it names none
// (RFC 2045 section 5.2, RFC 2046 section 5.1.5).
func (t *tree) entity(raw []byte, path, fallback string, depth int) *entity {
	t.parts++
	h := readHeader(raw)
	if h.garbage > 0 {
		t.problem("Some header lines are damaged and were left out.")
	}
	if h.cut {
		t.problem("The header is longer than is read; its end was left out.")
	}
	e := &entity{fields: h.fields, body: h.body, path: path}
	e.readContentFields(fallback)
	if !strings.HasPrefix(e.mediaType, "multipart/") {
		if e.path == "" {
			e.path = "1"
		}
		return e
	}
	if depth >= maxDepth {
		t.problem("The message is nested too deeply; its inner parts were not read.")
		e.asText()
		return e
	}
	t.split(e, depth)
	return e
}

// asText makes a broken multipart readable as it stands.
func (e *entity) asText() {
	e.mediaType, e.children = "text/plain", nil
	if e.path == "" {
		e.path = "1"
	}
}

// readContentFields reads Content-Type and Content-Disposition.
func (e *entity) readContentFields(fallback string) {
	contentType := getField(e.fields, "Content-Type")
	e.mediaType, e.params = parseParams(contentType)
	if major, minor, ok := strings.Cut(e.mediaType, "/"); !ok || major == "" || minor == "" || strings.ContainsAny(e.mediaType, " \"<>=") {
		switch {
		case strings.HasPrefix(e.mediaType, "multipart"):
			e.mediaType = "multipart/mixed"
		case strings.Contains(e.mediaType, "html"):
			e.mediaType = "text/html"
		case contentType == "":
			e.mediaType = fallback
		default:
			e.mediaType = "text/plain"
		}
	}
	var params map[string]string
	e.disposition, params = parseParams(getField(e.fields, "Content-Disposition"))
	e.filename = params["filename"]
	if e.filename == "" {
		e.filename = e.params["name"]
	}
	switch e.disposition {
	case "", "inline":
	default: // RFC 2183 section 2.8: an unknown disposition is an attachment
		e.disposition = "attachment"
	}
}

// split cuts a multipart body at its boundary (RFC 2046 section 5.1.1).
func (t *tree) split(e *entity, depth int) {
	boundary := e.params["boundary"]
	parts, closed := cutParts(e.body, boundary)
	if len(parts) == 0 && strings.EqualFold(strings.TrimSpace(getField(e.fields, "Content-Transfer-Encoding")), "base64") {
		e.body = decodeBase64(e.body) // forbidden by RFC 2045 section 6.4, and done
		parts, closed = cutParts(e.body, boundary)
	}
	if len(parts) == 0 {
		if guess := guessBoundary(e.body); guess != "" {
			t.problem("The boundary between the parts of the message is not the one announced; it was guessed.")
			parts, closed = cutParts(e.body, guess)
		}
	}
	if len(parts) == 0 {
		t.problem("The message says that it has several parts, but they could not be told apart.")
		e.asText()
		return
	}
	if !closed {
		t.problem("The message breaks off before its last part is closed; something may be missing.")
	}
	fallback := "text/plain"
	if e.mediaType == "multipart/digest" {
		fallback = "message/rfc822"
	}
	prefix := ""
	if e.path != "" {
		prefix = e.path + "."
	}
	for i, raw := range parts {
		if t.parts >= maxParts {
			t.problem("The message has more parts than are read; the rest was left out.")
			return
		}
		e.children = append(e.children, t.entity(raw, prefix+strconv.Itoa(i+1), fallback, depth+1))
	}
}

// cutParts returns the bytes between the delimiter lines. closed says whether
// the close-delimiter was met.
func cutParts(body []byte, boundary string) (parts [][]byte, closed bool) {
	if boundary == "" {
		return nil, false
	}
	delimiter := []byte("--" + boundary)
	start := -1 // of the part that is open
	for at := 0; ; {
		i := bytes.Index(body[at:], delimiter)
		if i < 0 {
			break
		}
		i += at
		at = i + len(delimiter)
		if i > 0 && body[i-1] != '\n' {
			continue
		}
		rest, _ := cutLine(body[at:])
		last := bytes.HasPrefix(rest, []byte("--"))
		if last {
			rest = rest[2:]
		}
		if len(bytes.TrimSpace(rest)) > 0 {
			continue // a longer boundary that starts like this one
		}
		if start >= 0 {
			parts = append(parts, trimLineEnd(body[start:i]))
		}
		if last {
			return parts, true
		}
		_, next := cutLine(body[at:])
		start = len(body) - len(next)
		at = start
	}
	if start >= 0 && start < len(body) {
		parts = append(parts, body[start:])
	}
	return parts, false
}

// trimLineEnd drops the one line end that belongs to the delimiter.
func trimLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte{'\n'})
	return bytes.TrimSuffix(b, []byte{'\r'})
}

// guessBoundary finds a line that looks like a delimiter: "--x" followed by a
// Content- field.
func guessBoundary(body []byte) string {
	rest := body
	for range 1000 {
		if len(rest) == 0 {
			return ""
		}
		var line []byte
		line, rest = cutLine(rest)
		if len(line) > 4 && len(line) < 200 && bytes.HasPrefix(line, []byte("--")) &&
			len(rest) > 8 && strings.EqualFold(string(rest[:8]), "content-") {
			return string(bytes.TrimRight(line[2:], " \t"))
		}
	}
	return ""
}

// decoded returns the body without its transfer encoding (RFC 2045 section 6).
// Names of encodings that nobody defined ("8-bit") stand for none.
func (e *entity) decoded() []byte {
	encoding, _, _ := strings.Cut(getField(e.fields, "Content-Transfer-Encoding"), ";")
	switch strings.ToLower(strings.Trim(encoding, " \t\"'.")) {
	case "base64":
		return decodeBase64(e.body)
	case "quoted-printable", "quoted-printeable":
		if strings.HasPrefix(e.mediaType, "message/") && !bytes.Contains(e.body, []byte("=3D")) && !bytes.Contains(e.body, []byte("=\n")) && !bytes.Contains(e.body, []byte("=\r\n")) {
			return e.body // labelled, not encoded
		}
		return decodeQuotedPrintable(e.body)
	}
	return e.body
}

// decodeBase64 decodes whatever of b is of the alphabet. Padding ends the text,
// unless only more base64 follows: then several texts were put together.
func decodeBase64(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*3+3)
	if n, err := base64.StdEncoding.Decode(out[:cap(out)], bytes.TrimSpace(b)); err == nil {
		return out[:n] // line ends aside nothing is out of order, as nearly always
	}
	clean := make([]byte, 0, min(len(b), 4096))
	flush := func(final bool) {
		n := len(clean) / 4 * 4
		if final {
			n = len(clean)
			if n%4 == 1 {
				n-- // six bits alone are no byte
			}
		}
		at := len(out)
		out = out[:cap(out)]
		m, _ := base64.RawStdEncoding.Decode(out[at:], clean[:n])
		out = out[:at+m]
		clean = append(clean[:0], clean[n:]...)
		if final {
			clean = clean[:0]
		}
	}
	checked := false
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			if clean = append(clean, c); len(clean) == 4096 {
				flush(false)
			}
		case c == '-':
			clean = append(clean, '+') // the URL-safe alphabet
		case c == '_':
			clean = append(clean, '/')
		case c == '=' && len(clean) > 0:
			flush(true)
			if !checked && bytes.ContainsFunc(b[i:], notBase64) {
				return out // a footer that a list or gateway put below
			}
			checked = true
		}
	}
	flush(true)
	return out
}

func notBase64(r rune) bool {
	return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '=' || r == '\r' || r == '\n' || r == ' ' || r == '\t')
}

// decodeQuotedPrintable decodes RFC 2045 section 6.7; an "=" that starts no
// escape stays.
func decodeQuotedPrintable(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		line, end := b, []byte(nil)
		if i >= 0 {
			line, end = b[:i], []byte{'\n'}
			if i > 0 && b[i-1] == '\r' {
				line, end = b[:i-1], []byte("\r\n")
			}
			b = b[i+1:]
		} else {
			b = nil
		}
		line = bytes.TrimRight(line, " \t")
		if n := len(line); n > 0 && line[n-1] == '=' {
			line, end = line[:n-1], nil
		}
		for {
			j := bytes.IndexByte(line, '=')
			if j < 0 {
				out = append(out, line...)
				break
			}
			out = append(out, line[:j]...)
			line = line[j:]
			if len(line) >= 3 && isHex(line[1]) && isHex(line[2]) {
				out = append(out, unhex(line[1])<<4|unhex(line[2]))
				line = line[3:]
			} else {
				out = append(out, '=')
				line = line[1:]
			}
		}
		out = append(out, end...)
	}
	return out
}

// parseParams reads "value; name=text; …" (RFC 2045 section 5.1) with the
// continuations and charsets of RFC 2231. Names and value come in lower case;
// unquoted text may hold blanks, as mailers write file names.
func parseParams(s string) (value string, params map[string]string) {
	value, s, _ = strings.Cut(s, ";")
	value = strings.ToLower(strings.TrimSpace(cleanText(value)))
	if i := strings.IndexByte(value, '('); i > 0 {
		value = strings.TrimSpace(value[:i])
	}
	type section struct {
		text    string
		encoded bool
	}
	var sections map[string][]section // name*0, name*1 …
	for range maxParams {
		s = strings.TrimLeft(s, " \t;")
		if s == "" {
			break
		}
		i := strings.IndexAny(s, "=;")
		if i < 0 {
			break
		}
		if s[i] == ';' {
			s = s[i+1:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:i]))
		var text string
		text, s = paramText(s[i+1:])
		base, star, extended := strings.Cut(name, "*")
		if !extended {
			if params == nil {
				params = make(map[string]string, 4)
			}
			if _, twice := params[name]; !twice {
				params[name] = strings.TrimSpace(decodeWords(text))
			}
			continue
		}
		number, encoded := strings.CutSuffix(star, "*")
		if star == "" {
			encoded = true
		}
		n, _ := strconv.Atoi(number)
		if n < 0 || n >= maxParams {
			continue
		}
		if sections == nil {
			sections = make(map[string][]section, 2)
		}
		for len(sections[base]) <= n {
			sections[base] = append(sections[base], section{})
		}
		sections[base][n] = section{text, encoded}
	}
	for base, list := range sections {
		charset := ""
		var data []byte
		for i, sec := range list {
			text := sec.text
			if i == 0 && sec.encoded {
				if p := strings.SplitN(text, "'", 3); len(p) == 3 {
					charset, text = p[0], p[2]
				}
			}
			if sec.encoded {
				data = append(data, unpercent(text)...)
			} else {
				data = append(data, text...)
			}
		}
		if params == nil {
			params = make(map[string]string, 4)
		}
		text, _ := decodeCharset(charset, data)
		params[base] = strings.TrimSpace(cleanText(text))
	}
	return value, params
}

// paramText reads a quoted string or everything up to the next semicolon.
func paramText(s string) (text, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		text, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(text), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '"':
			_, rest, _ = strings.Cut(s[i+1:], ";")
			return b.String(), rest
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

func unpercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// cleanName makes a file name of what the sender wrote: the last element of a
// path, no control characters, nothing that a file system or a header
// understands as more than a name.
func cleanName(s string) string {
	s = strings.ReplaceAll(cleanText(s), "\\", "/")
	if s = path.Base(path.Clean("/" + strings.TrimRight(s, "/ "))); s == "/" {
		return ""
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ', strings.ContainsRune(`/:*?"<>|`, r):
			return '_'
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			return -1 // direction marks make "fdp.exe" of "exe.pdf"
		}
		return r
	}, s)
	s = strings.Trim(s, " .")
	const most = 200
	if len(s) > most {
		ext := path.Ext(s)
		if len(ext) > 20 {
			ext = ""
		}
		cut := most - len(ext)
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + ext
	}
	return s
}
