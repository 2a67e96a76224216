package mailbox

import "strings"

// decodeWords decodes the encoded-words of a header value (RFC 2047) and raw
// 8-bit text in it. Words that follow each other are joined before their
// charset is decoded, since mailers cut multi-byte characters in two. White
// space inside a word, which folding put there, is borne with.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return cleanText(decodeUnknown([]byte(s)))
	}
	var (
		out     strings.Builder
		charset string // of the words that wait in pending
		pending []byte
		plain   = 0 // start of text not yet written
	)
	flush := func() {
		if pending != nil {
			text, _ := decodeCharset(charset, pending)
			out.WriteString(text)
			pending = nil
		}
	}
	for i := 0; i < len(s); {
		j := strings.Index(s[i:], "=?")
		if j < 0 {
			break
		}
		i += j
		n := encodedWordLen(s[i:])
		if n == 0 {
			i += 2
			continue
		}
		label, data := decodeWord(s[i : i+n])
		if between := s[plain:i]; strings.TrimSpace(between) != "" || pending == nil {
			flush()
			out.WriteString(decodeUnknown([]byte(between)))
		} else if !strings.EqualFold(label, charset) {
			flush()
		}
		charset = label
		pending = append(pending, data...)
		if pending == nil {
			pending = []byte{}
		}
		i += n
		plain = i
	}
	flush()
	out.WriteString(decodeUnknown([]byte(s[plain:])))
	return cleanText(out.String())
}

// maxWordBytes bounds one encoded-word. RFC 2047 section 2 allows 75; mailers
// write whole subjects into one.
const maxWordBytes = 8 << 10

// encodedWordLen is the length of the encoded-word at the start of s, or 0.
func encodedWordLen(s string) int {
	if !strings.HasPrefix(s, "=?") {
		return 0
	}
	c := strings.IndexByte(s[2:min(len(s), 80)], '?')
	if c <= 0 || strings.ContainsAny(s[2:2+c], " \t\"<>") {
		return 0
	}
	at := 2 + c + 1 // the encoding
	if at+2 > len(s) || s[at+1] != '?' || !strings.ContainsRune("bBqQ", rune(s[at])) {
		return 0
	}
	end := strings.Index(s[at+2:min(len(s), maxWordBytes)], "?=")
	if end < 0 {
		return 0
	}
	return at + 2 + end + 2
}

// decodeWord returns the charset and the decoded bytes of one encoded-word.
func decodeWord(w string) (charset string, data []byte) {
	w = w[2 : len(w)-2]
	charset, w, _ = strings.Cut(w, "?")
	charset, _, _ = strings.Cut(charset, "*") // language, RFC 2231 section 5
	encoding, text := w[0], w[2:]
	if encoding == 'b' || encoding == 'B' {
		return charset, decodeBase64([]byte(text))
	}
	data = make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			data = append(data, ' ')
		case c == '=' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			data = append(data, unhex(text[i+1])<<4|unhex(text[i+2]))
			i += 2
		case c == '=' && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t'):
			i++ // a soft line break, which has no place here (RFC 2047 section 5)
		default:
			data = append(data, c)
		}
	}
	return charset, data
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// cleanText makes s fit for the records: valid UTF-8 without NUL and other
// control characters but tab and line feed.
func cleanText(s string) string {
	bad := -1
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 {
			bad = i
			break
		}
	}
	if bad < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:bad])
	for _, r := range s[bad:] { // an invalid byte comes as U+FFFD
		switch {
		case r == '\n', r == '\t':
		case r < ' ', r >= 0x7f && r < 0xa0, r == 0xfeff:
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
