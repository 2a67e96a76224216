package mailbox

import (
	"sort"
	"strings"
)

// notice is the text of a report, parted from the mail that it returns.
type notice struct {
	text      string // what the mail system wrote
	lines     []string
	low       []string   // lines in lower case
	original  []rawField // header of the returned mail, as far as it is in the text
	subject   string     // "Subject:" named within the notice
	messageID string     // "Message-ID:" named within the notice
}

// maxNotice bounds what is read of a report's words.
const maxNotice = 32 << 10

// splitNotice finds where the words of the mail system end and the returned
// mail begins: at a line that says so, or at a block of header fields.
func splitNotice(text string) notice {
	var n notice
	lines := strings.Split(cutUTF8(text, maxNotice), "\n")
	kept := lines[:0:0]
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " \t")
		low := strings.ToLower(strings.TrimSpace(line))
		if isMarker(low) {
			n.original = headerOf(lines[i+1:])
			break
		}
		if end, hard := headerBlock(lines, i); end > i {
			if n.original == nil {
				n.original = headerOf(lines[i:])
			}
			if !goesOn(lines[end:], hard) {
				break
			}
			i = end - 1
			continue
		}
		if at := strings.Index(low, "message-id:"); at >= 0 && n.messageID == "" && at+11 <= len(strings.TrimSpace(line)) {
			n.messageID = firstID(strings.TrimSpace(line)[at+11:])
		}
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			switch strings.ToLower(name) {
			case "subject", "betreff", "asunto", "objet", "assunto", "主题", "the subject of the message is":
				if n.subject == "" {
					n.subject = strings.Trim(decodeWords(strings.TrimSpace(value)), `"`)
				}
			case "message id", "nachrichten-id":
				if n.messageID == "" {
					n.messageID = firstID(value)
				}
			}
		}
		kept = append(kept, line)
	}
	n.lines = kept
	n.low = make([]string, len(kept))
	for i, line := range kept {
		n.low[i] = plainLower(line)
	}
	n.text = strings.Join(kept, "\n")
	return n
}

func firstID(value string) string {
	if ids := messageIDs(value); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// isMarker reports whether a line (lower case) announces the returned mail
// rather than speaking of it.
func isMarker(low string) bool {
	if len(low) > 120 || strings.Contains(low, "transcript") || !containsAny(low, returnedMarkers) {
		return false
	}
	return strings.HasSuffix(low, ":") || strings.HasPrefix(low, "below ") || containsAny(low, []string{"--", "==", "__", "**", "follow", "original message headers"})
}

// headerOf reads lines as the header of a mail, quote marks and indentation
// aside.
func headerOf(lines []string) []rawField {
	var b strings.Builder
	begun := false
	indent := ""
	for _, line := range lines {
		line = strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ")
		bare := strings.TrimSpace(line)
		if bare == "" {
			if begun {
				break
			}
			continue
		}
		if !begun {
			if _, ok := fieldName([]byte(bare)); !ok {
				continue
			}
			begun = true
			indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		}
		b.WriteString(strings.TrimPrefix(line, indent))
		b.WriteByte('\n')
	}
	return readHeader([]byte(b.String())).fields
}

// originalFields are the fields that a returned mail's header starts with;
// true: no mail system writes it in its own words.
var originalFields = map[string]bool{
	"received": true, "return-path": true, "mime-version": true, "dkim-signature": true, "content-type": true,
	"x-mailer": true, "delivered-to": true, "x-originating-ip": true, "arc-seal": true, "authentication-results": true,
	"from": false, "to": false, "cc": false, "subject": false, "date": false, "sent": false, "message-id": false, "reply-to": false,
	"von": false, "an": false, "betreff": false, "datum": false, "gesendet": false,
	"de": false, "para": false, "asunto": false, "assunto": false, "objet": false, "enviado": false, "à": false, "envoyé": false,
}

// noticeFields are in no mail's header: with one of them a block of fields is
// the notice itself.
var noticeFields = map[string]bool{"rcpt to": true, "recipient": true, "recipients": true, "recipient address": true, "final-recipient": true, "original-recipient": true}

// headerBlock reports whether two header fields or more begin at line i; end
// is the line after them. hard: the block can only be a returned mail's.
func headerBlock(lines []string, i int) (end int, hard bool) {
	fields := 0
	for end = i; end < len(lines) && end < i+60; end++ {
		line := strings.TrimPrefix(strings.TrimPrefix(lines[end], ">"), " ")
		bare := strings.TrimSpace(line)
		if bare == "" {
			break
		}
		name, _, ok := strings.Cut(bare, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if ok && noticeFields[name] {
			break // the mail system speaks
		}
		must, known := originalFields[name]
		if ok && known {
			fields++
			hard = hard || must
			continue
		}
		if fields == 0 || !(line[0] == ' ' || line[0] == '\t' || ok && !strings.Contains(name, " ")) {
			break
		}
	}
	if fields < 2 {
		return i, false
	}
	return end, hard
}

// goesOn reports whether the notice continues after a block that names the
// mail: "Your message / To: … / Subject: … / did not reach the following".
// After a hard block only words that no letter holds count.
func goesOn(lines []string, hard bool) bool {
	phrases := goesOnPhrases
	if hard {
		phrases = []string{"to the following recipient", "the following recipient", "reach the following"}
	}
	for _, line := range lines[:min(len(lines), 8)] {
		if containsAny(strings.ToLower(line), phrases) {
			return true
		}
	}
	return false
}

// candidate is an address in a notice and how much speaks for it.
type candidate struct {
	addr  string
	score int
	firm  bool // the line itself says that it failed, whoever the mail was written to
	line  int
}

// recipientsOfNotice finds the addresses that a notice in words speaks of.
func recipientsOfNotice(m *Message, n notice, to []string, action string) []Recipient {
	var out []Recipient
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, "X-Failed-Recipients") {
			for _, a := range parseAddresses(f.Value) {
				if a.Addr != "" && len(out) < maxRecipients {
					out = append(out, Recipient{Addr: a.Addr, Action: action})
				}
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	own := map[string]bool{m.Author().Key(): true}
	for _, list := range [][]Address{m.To, m.Cc, m.ReplyTo} {
		for _, a := range list {
			own[a.Key()] = true
		}
	}
	found := n.candidates(own, to)
	if len(found) == 0 && len(to) > 0 && len(to) <= 5 {
		for _, a := range to {
			if len(to) == 1 || !own[a] {
				out = append(out, Recipient{Addr: a, Action: action})
			}
		}
		return out
	}
	for _, c := range found {
		if (c.firm || c.score >= found[0].score-15) && len(out) < maxRecipients {
			out = append(out, Recipient{Addr: c.addr, Action: action})
		}
	}
	if len(out) == 0 {
		out = append(out, Recipient{Action: action}) // failed, and not said for whom
	}
	return out
}

// firmScore is of addresses that a line begins with and blames, or that an SMTP
// command or a field of a report names.
const firmScore = 95

// around is how much of a line on either side of an address is looked at.
const around = 160

// candidates lists the addresses of the notice, best first. own are the
// addresses of both ends of the report itself.
func (n *notice) candidates(own map[string]bool, to []string) []candidate {
	best := map[string]candidate{}
	before := "" // the last line that was not empty, lower case
	for i, line := range n.lines {
		low := strings.TrimSpace(n.low[i])
		if low == "" {
			continue
		}
		for at := 0; at < len(line); {
			start, end := findAddress(line, at)
			if start < 0 {
				break
			}
			at = end
			addr := cleanAddr(line[start:end])
			score := scoreAddress(strings.ToLower(line[max(0, start-around):start]), strings.ToLower(line[end:min(len(line), end+around)]), before)
			firm := score >= firmScore
			if contains(to, strings.ToLower(addr)) {
				score += 50
			}
			if own[strings.ToLower(addr)] {
				score -= 60
				firm = false
			}
			if c, ok := best[strings.ToLower(addr)]; (!ok || c.score < score) && len(best) < maxRecipients {
				best[strings.ToLower(addr)] = candidate{addr, score, firm, i}
			}
		}
		before = low
	}
	var list []candidate
	for _, c := range best {
		if c.score > 0 {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].score != list[j].score {
			return list[i].score > list[j].score
		}
		return list[i].line < list[j].line
	})
	if len(list) > 0 && list[0].score < 45 && len(to) > 0 {
		return nil // only addresses in passing: whom the mail was written to says more
	}
	return list
}

// scoreAddress weighs an address by what stands left and right of it in its
// line and in the line before (all lower case).
func scoreAddress(left, right, before string) int {
	left = strings.TrimSpace(left)
	right = strings.TrimSpace(right)
	left = strings.TrimRight(left, "<([\"'")
	right = strings.TrimLeft(right, ">)]\"'")
	label := strings.Trim(left, " \t-*>#.•·0123456789")
	switch {
	case containsAny(left, []string{"trying to contact", "trying to reach", "tried to reach", "tried to contact"}):
		return 80
	case containsAny(left, []string{"expanded from", "generated from"}):
		return 40 // the address as the sender knows it
	case containsAny(left, notRecipientWords), containsAny(left[max(0, len(left)-24):], []string{"please use", "write to", "new address", "changed to", "moved to"}):
		return -50
	case containsAny(left, []string{"final-recipient", "original-recipient", "rcpt to", "recipient to"}):
		return 95
	case containsAny(label, recipientLabels):
		return 90
	case label == "" && (strings.HasPrefix(right, ":") || strings.HasPrefix(right, "...") || strings.HasPrefix(right, "…")):
		return 100
	case label == "" && (right == "" || strings.HasPrefix(right, "(") || strings.HasPrefix(right, ",") || strings.HasPrefix(right, "<")):
		return 92
	case label == "" && (enhancedCode(right) != "" || replyCode(right) != "" || containsAny(right, failureWords)):
		return 92
	case label == "" && strings.HasSuffix(before, ":") && containsAny(before, listIntroWords):
		return 92
	case advises(left):
		return -30
	case containsAny(left, messageToWords):
		return 80
	case right == "" && len(strings.Fields(label)) <= 4 && containsAny(before, listIntroWords):
		return 85
	case replyCode(left) != "" || replyCode(right) != "" || enhancedCode(left) != "" || enhancedCode(right) != "":
		return 65
	case containsAny(left, failureWords) || containsAny(right, failureWords):
		return 60
	case containsAny(left, contactWords) || containsAny(right, contactWords):
		return -30
	}
	return 20
}

// advises reports whether the words before an address (lower case) tell which
// address is right: "our addresses have the form jdoe@…", "the address is".
func advises(left string) bool {
	if containsAny(left, failureWords) {
		return false
	}
	return strings.HasSuffix(left, " is") || strings.HasSuffix(left, " are") || strings.HasSuffix(left, "form") || strings.HasSuffix(left, "form of") || strings.HasSuffix(left, "format")
}

// findAddress finds the next addr-spec in s from at on, or -1.
func findAddress(s string, at int) (start, end int) {
	for at < len(s) {
		i := strings.IndexByte(s[at:], '@')
		if i < 0 {
			return -1, -1
		}
		i += at
		start = i
		for start > at && isLocalChar(s[start-1]) {
			start--
		}
		if eq := strings.IndexByte(s[start:i], '='); eq >= 0 && isAddressType(s[start:start+eq]) {
			start += eq // of an X.400 address: "dda:SMTP=jdoe@example.org"
		}
		for start < i && strings.IndexByte("'`.=/-*", s[start]) >= 0 {
			start++
		}
		end = i + 1
		for end < len(s) && (isLocalChar(s[end]) && strings.IndexByte("!#$%&'*+/=?^_`{|}~", s[end]) < 0) {
			end++
		}
		for end > i+1 && (s[end-1] == '.' || s[end-1] == '-') {
			end--
		}
		if start < i && end > i+1 && i-start <= 128 {
			return start, end
		}
		at = i + 1
	}
	return -1, -1
}

func isAddressType(s string) bool {
	return strings.EqualFold(s, "smtp") || strings.EqualFold(s, "rfc822") || strings.EqualFold(s, "rfc-822")
}

func isLocalChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c >= 0x80 || strings.IndexByte(".!#$%&'*+/=?^_`{|}~-", c) >= 0
}

// diagnostic is what the notice says of addr: the rest of its line and the
// lines below where they carry a code or a known phrase, else the first lines
// that do. only: addr is the only recipient, so that any code must be its.
func (n *notice) diagnostic(addr string, only bool) string {
	var words string
	low := strings.ToLower(addr)
	for i, line := range n.lines {
		at := strings.Index(n.low[i], low)
		if addr == "" || at < 0 || at+len(low) > len(line) {
			continue
		}
		most := 7
		if code := strings.TrimSpace(line); len(code) > 3 && replyCode(code[:3]) != "" && code[3] == ' ' {
			most = 1 // a transcript: each line is of another recipient
		}
		text := n.paragraph(i, strings.TrimLeft(line[at+len(low):], ">):;]., \t'\""), most)
		if enhancedCode(text) != "" || replyCode(text) != "" {
			return oneLine(text)
		}
		if words == "" && containsAny(strings.ToLower(text), failureWords) {
			words = text
		}
	}
	if words != "" && !only {
		return oneLine(words)
	}
	for i, line := range n.lines {
		if enhancedCode(line) != "" || replyCode(line) != "" {
			if strings.Contains(line, "@") && !only {
				continue // of another recipient
			}
			return oneLine(n.paragraph(i, line, 4))
		}
	}
	if words != "" {
		return oneLine(words)
	}
	for i, line := range n.lines {
		if containsAny(n.low[i], failureWords) {
			return oneLine(n.paragraph(i, line, 4))
		}
	}
	return ""
}

// paragraph is start, which ends line i, and the lines below up to an empty
// one, most lines in all. Where start is empty the paragraph may begin later.
func (n *notice) paragraph(i int, start string, most int) string {
	text := start
	for _, more := range n.lines[min(i+1, len(n.lines)):min(i+most, len(n.lines))] {
		if strings.TrimSpace(more) == "" {
			if strings.TrimSpace(text) != "" {
				break
			}
			continue
		}
		text += " " + more
	}
	return text
}
