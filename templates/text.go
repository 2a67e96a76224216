package templates

import (
	"strconv"
	"strings"
	"unicode"
)

const textWidth = 76 // columns

// writeText writes the plain-text alternative. The footer stands under the
// signature mark "-- ", which replies drop (RFC 3676 section 4.3).
func writeText(body []block, footer []string) string {
	w := &textWriter{}
	w.b.Grow(2 << 10)
	w.blocks(body, "", "")
	if len(footer) > 0 {
		w.b.WriteString("\n-- \n")
		for _, l := range footer {
			w.b.WriteString(l)
			w.b.WriteByte('\n')
		}
	}
	return w.b.String()
}

type textWriter struct {
	b strings.Builder
}

// blocks writes blocks with an empty line between them. The first line begins
// with first, all others with rest.
func (w *textWriter) blocks(blocks []block, first, rest string) {
	for i := range blocks {
		b := &blocks[i]
		if i > 0 {
			w.b.WriteString(strings.TrimRight(rest, " "))
			w.b.WriteByte('\n')
			first = rest
		}
		switch b.kind {
		case paragraph:
			w.wrap(plainText(b.inlines), first, rest)
		case heading:
			s := plainText(b.inlines)
			w.wrap(s, first, rest)
			line := "-"
			if b.level == 1 {
				line = "="
			}
			w.b.WriteString(rest + strings.Repeat(line, min(width(s), textWidth-width(rest))) + "\n")
		case rule:
			w.b.WriteString(first + strings.Repeat("-", 40) + "\n")
		case quote:
			w.blocks(b.children, first+"> ", rest+"> ")
		case list:
			w.list(b, first, rest)
		}
	}
}

// list writes items below each other, with an empty line between them when
// one of them has several lines.
func (w *textWriter) list(l *block, first, rest string) {
	loose := false
	for _, it := range l.children {
		loose = loose || len(it.children) > 1 || len(it.children) == 1 && severalLines(it.children[0].inlines)
	}
	for i, it := range l.children {
		if i > 0 {
			if loose {
				w.b.WriteString(strings.TrimRight(rest, " "))
				w.b.WriteByte('\n')
			}
			first = rest
		}
		bullet := "- "
		if l.ordered {
			bullet = strconv.Itoa(i+1) + ". "
		}
		w.blocks(it.children, first+bullet, rest+strings.Repeat(" ", len(bullet)))
	}
}

func severalLines(in []inline) bool {
	for _, n := range in {
		if n.kind == lineBreak {
			return true
		}
	}
	return false
}

// plainText writes inlines without marks; lines are parted by "\n".
func plainText(in []inline) string {
	if len(in) == 1 && in[0].kind == text {
		return in[0].text
	}
	var b strings.Builder
	appendPlain(&b, in)
	return b.String()
}

func appendPlain(b *strings.Builder, in []inline) {
	for i := range in {
		n := &in[i]
		switch n.kind {
		case text:
			b.WriteString(n.text)
		case space:
			b.WriteByte(' ')
		case lineBreak:
			b.WriteByte('\n')
		case strong, emphasis, code:
			appendPlain(b, n.children)
		case link:
			label := plainText(n.children)
			b.WriteString(label)
			if shown := strings.TrimPrefix(strings.TrimPrefix(n.text, "mailto:"), "tel:"); label != shown && label != n.text && shown != digits(label) {
				b.WriteString(" (" + shown + ")")
			}
		}
	}
}

// wrap writes s in lines of at most textWidth columns, broken at blanks and
// between wide characters; longer words, such as addresses, are not broken.
func (w *textWriter) wrap(s, first, rest string) {
	prefix := first
	for l := range strings.SplitSeq(s, "\n") {
		w.b.WriteString(prefix)
		col, start := width(prefix), true
		for {
			word, blank, tail := nextWord(l)
			if word == "" {
				break
			}
			l = tail
			n := width(word)
			gap := 0
			if blank && !start {
				gap = 1
			}
			if !start && col+gap+n > textWidth {
				w.b.WriteByte('\n')
				w.b.WriteString(rest)
				col, gap = width(rest), 0
			}
			if gap > 0 {
				w.b.WriteByte(' ')
			}
			w.b.WriteString(word)
			col += gap + n
			start = false
		}
		w.b.WriteByte('\n')
		prefix = rest
	}
}

// nextWord cuts off what may not be broken: letters up to a blank, or one
// wide character with the punctuation that belongs to it. blank reports that
// white space stood before it.
func nextWord(s string) (word string, blank bool, tail string) {
	t := strings.TrimLeftFunc(s, breaking)
	blank = len(t) < len(s)
	end, wide, glue := 0, false, false
	for i, r := range t {
		if i > 0 && (breaking(r) || !glue && (wide || isWide(r)) && !closes(r)) {
			return t[:i], blank, t[i:]
		}
		wide, glue = isWide(r) || wide && closes(r), opens(r)
		end = i + len(string(r))
	}
	return t[:end], blank, t[end:]
}

// breaking reports white space at which a line may end.
func breaking(r rune) bool { return unicode.IsSpace(r) && r != '\u00a0' && r != '\u202f' }

// closes and opens report the punctuation of wide text that may not begin or
// end a line.
func closes(r rune) bool {
	return strings.ContainsRune("，。、；：！？）》」』】〉”’…%)]}.,;:!?", r)
}

func opens(r rune) bool { return strings.ContainsRune("（《「『【〈“‘([{", r) }

func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// isWide reports characters that take two columns (Unicode Standard Annex 11).
func isWide(r rune) bool {
	return r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd)
}
