package mailbox

import (
	"net/mail"
	"strings"
)

// maxAddresses bounds what is read of one address field.
const maxAddresses = 2000

// parseAddresses reads an address list (RFC 5322 section 3.4) as mailers
// really write it: commas in unquoted names, missing brackets, comments as
// names, encoded-words inside quotes, groups. The value is not yet decoded.
func parseAddresses(value string) []Address {
	var (
		out     []Address
		p       = addressReader{s: value, semicolon: strings.LastIndexByte(value, ';')}
		pending string // a name that a comma cut off: Doe, Jane <jane@example.org>
	)
	for len(out) < maxAddresses {
		name, addr, comment, angle, end, more := p.next()
		if end == ':' { // a group's name
			pending = ""
			continue
		}
		if !angle && !strings.Contains(name, "@") && name != "" && end == ',' && addr == "" {
			if pending = joinNonEmpty(pending, name, ", "); len(pending) > 500 {
				out, pending = append(out, Address{Name: decodePhrase(pending)}), ""
			}
			if !more {
				break
			}
			continue
		}
		if !angle {
			addr, name = name, ""
			if !strings.Contains(addr, "@") {
				addr, name = "", addr
			}
		}
		if pending != "" {
			if angle {
				name = joinNonEmpty(pending, name, ", ")
			} else {
				out = append(out, Address{Name: decodePhrase(pending)})
			}
			pending = ""
		}
		if name == "" {
			name = comment
		}
		if a := makeAddress(name, addr); a != (Address{}) {
			out = append(out, a)
		}
		if !more {
			break
		}
	}
	if pending != "" {
		out = append(out, Address{Name: decodePhrase(pending)})
	}
	return out
}

func joinNonEmpty(a, b, sep string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + sep + b
}

func makeAddress(name, addr string) Address {
	a := Address{Name: decodePhrase(name), Addr: cleanAddr(addr)}
	if a.Addr == "" && strings.Contains(a.Name, "@") && !strings.Contains(a.Name, " ") {
		a.Addr, a.Name = cleanAddr(a.Name), ""
	}
	return a
}

func decodePhrase(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(decodeWords(s), "\n", " "))
	if len(s) >= 2 && (s[0] == '\'' && s[len(s)-1] == '\'' || s[0] == '"' && s[len(s)-1] == '"') {
		s = s[1 : len(s)-1]
	}
	return s
}

// cleanAddr makes an addr-spec of what stood between the brackets: no white
// space, no source route, domain in lower case.
func cleanAddr(s string) string {
	if strings.Contains(s, "=?") {
		s = decodeWords(s)
	}
	s = strings.Join(strings.Fields(cleanText(s)), "")
	s = strings.Trim(s, "<>,;")
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if strings.HasPrefix(s, "@") { // source route, RFC 5322 section 4.4
		if i := strings.IndexByte(s, ':'); i > 0 {
			s = s[i+1:]
		}
	}
	if i := strings.LastIndexByte(s, '@'); i > 0 {
		s = s[:i+1] + strings.ToLower(strings.TrimSuffix(s[i+1:], "."))
	}
	return s
}

// addressReader cuts an address field into its items.
type addressReader struct {
	s         string
	i         int
	semicolon int // the last one: a group's name is only read where a group can end
	unclosed  bool
}

// next reads one item up to its comma, semicolon or colon. Without angle
// brackets what was written is in name, comments aside.
func (p *addressReader) next() (name, addr, comment string, angle bool, end byte, more bool) {
	var b strings.Builder
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case ',', ';':
			p.i++
			return strings.TrimSpace(b.String()), addr, comment, angle, c, true
		case ':':
			if word := strings.TrimSpace(b.String()); !angle && !strings.Contains(word, "@") && !strings.EqualFold(word, "mailto") && p.semicolon > p.i {
				p.i++
				return word, "", "", false, ':', true
			}
			b.WriteByte(c)
			p.i++
		case '"':
			quoted, raw := p.quoted()
			if p.i < len(p.s) && p.s[p.i] == '@' {
				b.WriteString(raw) // a quoted local part stays quoted
			} else {
				b.WriteString(quoted)
			}
		case '(':
			if text := p.comment(); comment == "" {
				comment = text
			}
			b.WriteByte(' ')
		case '<':
			j := strings.IndexAny(p.s[p.i+1:], "<>")
			if j < 0 {
				addr, angle = p.s[p.i+1:], true
				p.i = len(p.s)
				break
			}
			if angle && addr != "" { // name <addr> <addr>: the first counts
				p.i += j + 1
				break
			}
			addr, angle = p.s[p.i+1:p.i+1+j], true
			p.i += j + 1
		case '>':
			p.i++
		case '=':
			if n := encodedWordLen(p.s[p.i:]); n > 0 {
				b.WriteString(p.s[p.i : p.i+n])
				p.i += n
				break
			}
			fallthrough
		default:
			b.WriteByte(c)
			p.i++
		}
	}
	return strings.TrimSpace(b.String()), addr, comment, angle, 0, false
}

// quoted reads a quoted-string. A quote that is never closed is left out.
func (p *addressReader) quoted() (text, raw string) {
	start := p.i
	if p.unclosed {
		p.i++
		return "", ""
	}
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		case c == '"':
			p.i++
			return b.String(), p.s[start:p.i]
		default:
			b.WriteByte(c)
		}
	}
	p.i, p.unclosed = start+1, true
	return "", ""
}

func (p *addressReader) comment() string {
	var b strings.Builder
	depth := 0
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
			continue
		case c == '(':
			if depth++; depth == 1 {
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				p.i++
				return strings.TrimSpace(b.String())
			}
		}
		b.WriteByte(p.s[p.i])
	}
	return strings.TrimSpace(b.String())
}

// validAddr reports whether s is an addr-spec that mail can be sent to.
func validAddr(s string) bool {
	a, err := mail.ParseAddress("<" + s + ">")
	return err == nil && a.Address == s && strings.Contains(s, "@")
}
