package mailbox

import "strings"

// unflow joins the lines that format=flowed cut (RFC 3676 section 4). Quoted
// lines keep one "> " a level.
func unflow(text string, delSp bool) string {
	var out strings.Builder
	out.Grow(len(text))
	open := false // the line before goes on
	openDepth := 0
	for len(text) > 0 {
		line, rest, more := strings.Cut(text, "\n")
		text = rest
		depth := 0
		for depth < len(line) && line[depth] == '>' {
			depth++
		}
		line = strings.TrimPrefix(line[depth:], " ") // space-stuffing
		if open && depth != openDepth {
			out.WriteByte('\n')
			open = false
		}
		if !open {
			for range min(depth, maxQuoteDepth) {
				out.WriteString("> ")
			}
		}
		soft := more && strings.HasSuffix(line, " ") && line != "-- "
		if soft && delSp {
			line = line[:len(line)-1]
		}
		out.WriteString(line)
		if open, openDepth = soft, depth; !soft && more {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// maxQuoteDepth bounds the quote marks before a line.
const maxQuoteDepth = 20
