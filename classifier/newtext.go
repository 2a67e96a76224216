package classifier

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"illmail/mailbox"
)

// maxOwn bounds the lines that are not marked as quoted and are looked at one
// by one; nobody writes more, and what follows is taken for history.
const maxOwn = 10_000

// page is a text in lines without white space at their ends.
type page struct {
	lines []string
	after []int          // the first line from each on that is not blank
	tails map[int]string // attributions that stood behind the text of a line
}

func newPage(text string) *page {
	p := &page{lines: splitLines(text)}
	p.after = make([]int, len(p.lines)+1)
	p.after[len(p.lines)] = len(p.lines)
	for i := len(p.lines) - 1; i >= 0; i-- {
		p.after[i] = i
		if p.lines[i] == "" {
			p.after[i] = p.after[i+1]
		}
	}
	return p
}

// next is the first line from i on that is not blank.
func (p *page) next(i int) int { return p.after[min(i, len(p.lines))] }

// quoteFollows reports whether the next line that is not blank is marked as quoted.
func (p *page) quoteFollows(i int) bool {
	i = p.next(i)
	return i < len(p.lines) && isQuoted(p.lines[i])
}

func isQuoted(l string) bool { return strings.HasPrefix(l, ">") }

// NewText divides the text of a message into what its sender wrote this time
// and the rest: quoted history, signature, disclaimers, banners of the mail
// gateway. Answers between quoted lines are joined by a blank line. Its time is
// linear in the length of the text.
func NewText(text string, sender mailbox.Address) (newText, quoted string) {
	p := newPage(text)
	isNew, told := p.findNew()
	if !told && !anyOf(isNew) && p.next(0) < len(p.lines) {
		// Nothing says whose words the marks quote: they are the sender's, who
		// pasted or indented them.
		p = newPage(unquote(p.lines))
		isNew, _ = p.findNew()
	}

	// A run of new lines between quoted ones is one answer.
	var segments [][]string
	var rest []string
	for i := 0; i < len(p.lines); {
		if !isNew[i] {
			rest = append(rest, p.lines[i])
			i++
			continue
		}
		j := i
		for k := i; k < len(p.lines) && isNew[k]; k = p.next(j) {
			if t, ok := p.tails[k]; ok {
				rest = append(rest, t)
			}
			j = k + 1
		}
		segments = append(segments, p.lines[i:j])
		i = j
	}
	var kept []string
	for i, seg := range segments {
		own, cut := cutSignature(seg, sender, i == 0, i == len(segments)-1)
		rest = append(rest, cut...)
		if s := strings.TrimSpace(strings.Join(own, "\n")); s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "\n\n"), strings.TrimSpace(strings.Join(rest, "\n"))
}

// findNew marks the lines that are no history. told is whether anything but
// quote marks says where history begins.
func (p *page) findNew() (isNew []bool, told bool) {
	isNew = make([]bool, len(p.lines))
	i := p.next(skipBanner(p.lines))
	if i < len(p.lines) && asksReplyAbove(strings.ToLower(p.lines[i])) {
		i++ // the ticket system's own mail: what it says stands below
	}
	own := 0
	for i = p.next(i); i < len(p.lines); i = p.next(i) {
		t := p.lines[i]
		if isQuoted(t) {
			if groupWise(t) && !p.quoteFollows(i+1) {
				return isNew, true
			}
			i++
			continue
		}
		if own++; own > maxOwn {
			return isNew, true
		}
		if p.wrapsQuote(i) {
			i++
			continue
		}
		if p.historyAt(i) {
			return isNew, true
		}
		n := p.divideShared(i)
		if n > 0 {
			isNew[i] = true
		} else {
			n = p.attributionAt(i)
		}
		if n == 0 {
			isNew[i] = true
			i++
			continue
		}
		told = true
		i += n
		if !p.quoteFollows(i) {
			return isNew, true
		}
	}
	return isNew, told
}

// wrapsQuote reports whether line i is the end of the quoted line above, which
// a mail program wrapped without marking the rest.
func (p *page) wrapsQuote(i int) bool {
	if i == 0 || i+1 >= len(p.lines) || !isQuoted(p.lines[i-1]) || !isQuoted(p.lines[i+1]) {
		return false
	}
	above, l := p.lines[i-1], p.lines[i]
	if k := strings.LastIndexAny(above, "<("); k >= 0 && strings.HasPrefix(above[k+1:], "http") && !strings.ContainsAny(above[k:], ">)") {
		return !strings.Contains(strings.TrimRight(l, ">) "), " ") // an address cut in two
	}
	const wrapAt = 70
	word, _, _ := strings.Cut(l, " ")
	return runes(above)+1+runes(word) > wrapAt && runes(above) <= 90 && !strings.ContainsAny(last(above), ".?!:;>") && unicode.IsLower(firstRune(l))
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// groupWise tells the line that GroupWise puts over the mail it answers:
// ">>> Jane Doe <jdoe@example.edu> 7/27/2026 4:10 PM >>>".
func groupWise(l string) bool {
	body, ok := strings.CutPrefix(l, ">>> ")
	return ok && len(l) < 200 && (strings.HasSuffix(l, ">>>") || strings.Contains(l, "@")) && stampOf(body).dated()
}

// unquote takes one level of quote marks off.
func unquote(lines []string) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimPrefix(l, ">")
	}
	return strings.Join(out, "\n")
}

func anyOf(list []bool) bool {
	for _, b := range list {
		if b {
			return true
		}
	}
	return false
}

var lineCleaner = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ", "\u200b", "", "\u200e", "", "\u200f", "", "\ufeff", "", "\u202a", "", "\u202b", "", "\u202c", "", "\u2066", "", "\u2067", "", "\u2068", "", "\u2069", "", "\u202f", " ")

// splitLines is the text in lines without white space at their ends; only the
// signature delimiter "-- " (RFC 3676 section 4.3) keeps its blank.
func splitLines(text string) []string {
	lines := strings.Split(lineCleaner.Replace(text), "\n")
	for i, l := range lines {
		if l == "-- " {
			continue
		}
		lines[i] = strings.TrimSpace(l)
	}
	return lines
}

// bannerStarts are the beginnings of what a mail gateway puts on top of mail
// from outside.
var bannerStarts = []string{
	"[external", "external email", "external sender", "external:", "external message", "caution:", "caution -", "warning: this", "warning: external",
	"attention: this", "attention: ce", "attention : ", "this email originated from outside", "this message originated from outside", "this message came from outside",
	"this email came from outside", "this message was sent from outside", "this email was sent from outside", "this email is from an external", "this message is from an external", "this sender is external",
	"you don't often get email from", "you don’t often get email from", "some people who received this message don't often get", "some people who received this message don’t often get",
	"no suele recibir correo", "vous n’obtenez pas souvent", "vous n'obtenez pas souvent", "sie erhalten nicht oft", "normalmente, não recebe", "você não costuma receber",
	"achtung: externe", "externe e-mail", "[extern", "correo externo", "mensaje externo", "[externo", "e-mail externo", "mensagem externa", "courriel externe", "[externe", "[ext]",
	"zjqcmqryfpfptbanner", "this message is from an unknown sender", "be careful with this message", "use caution when", "⚠", "外部邮件", "【外部", "[外部",
}

// skipBanner is the index of the first line that is not of a gateway's banner.
func skipBanner(lines []string) int {
	i := 0
	for tries := 0; tries < 3; tries++ {
		for i < len(lines) && lines[i] == "" {
			i++
		}
		if i == len(lines) {
			return i
		}
		l := strings.TrimLeft(strings.ToLower(clip(lines[i], 200)), "*_=-# ")
		if !hasAnyPrefix(l, bannerStarts) && !hasAnyPrefix(strings.TrimLeft(l, "[(<"), bannerStarts) {
			return i
		}
		i++
		// the sentences that go with it, up to the blank line
		for n := 0; n < 4 && i < len(lines) && lines[i] != ""; n++ {
			l := strings.ToLower(lines[i])
			if !containsAny(l, "external", "outside", "originated", "click", "attachment", "recognize", "sender", "learn why", "caution", "links") {
				break
			}
			i++
		}
	}
	return i
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func hasAnySuffix(s string, suffixes []string) bool {
	for _, x := range suffixes {
		if strings.HasSuffix(s, x) {
			return true
		}
	}
	return false
}

func containsAny(s string, subs ...string) bool {
	for _, p := range subs {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func runes(s string) int { return utf8.RuneCountInString(s) }
