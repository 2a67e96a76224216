package classifier

import (
	"strings"
	"unicode/utf8"

	"illmail/mailbox"
)

// maxLines bounds how much of a text is looked at line by line; what follows
// is history.
const maxLines = 4000

// NewText divides the text of a message into what its sender wrote this time
// and the rest: quoted history, signature, disclaimers, banners of the mail
// gateway. Answers between quoted lines are joined by a blank line.
func NewText(text string, sender mailbox.Address) (newText, quoted string) {
	lines := splitLines(text)
	isNew := make([]bool, len(lines))
	start := skipBanner(lines)
	for i := start; i < len(lines); {
		t := lines[i]
		switch {
		case t == "":
			i++
		case strings.HasPrefix(t, ">"):
			i++
		case historyAt(lines, i):
			i = len(lines)
		default:
			if n := attributionAt(lines, i); n > 0 {
				i += n
				if !quoteFollows(lines, i) {
					i = len(lines)
				}
				continue
			}
			isNew[i] = true
			i++
		}
	}

	// A run of new lines between quoted ones is one answer.
	var segments [][]string
	var rest []string
	for i := 0; i < len(lines); {
		if !isNew[i] {
			rest = append(rest, lines[i])
			i++
			continue
		}
		j := i
		for j < len(lines) && (isNew[j] || lines[j] == "" && nextIsNew(lines, isNew, j)) {
			j++
		}
		segments = append(segments, lines[i:j])
		i = j
	}
	var kept []string
	for i, seg := range segments {
		last := i == len(segments)-1
		own, cut := cutSignature(seg, sender, last || i == 0)
		rest = append(rest, cut...)
		if s := strings.TrimSpace(strings.Join(own, "\n")); s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "\n\n"), strings.TrimSpace(strings.Join(rest, "\n"))
}

// nextIsNew reports whether only blank lines lie between j and another new line.
func nextIsNew(lines []string, isNew []bool, j int) bool {
	for ; j < len(lines); j++ {
		if isNew[j] {
			return true
		}
		if lines[j] != "" {
			return false
		}
	}
	return false
}

var lineCleaner = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ", "\u200b", "", "\u200e", "", "\u200f", "", "\ufeff", "", "\u202a", "", "\u202c", "")

// splitLines is the text in lines without white space at their ends; only the
// signature delimiter "-- " (RFC 3676 section 4.3) keeps its blank.
func splitLines(text string) []string {
	lines := strings.SplitN(lineCleaner.Replace(text), "\n", maxLines+1)
	if len(lines) > maxLines {
		lines[maxLines] = ">" + lines[maxLines]
	}
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
		if i == len(lines) || !hasAnyPrefix(strings.TrimLeft(strings.ToLower(lines[i]), "*_=-# "), bannerStarts) {
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

// quoteFollows reports whether the next line that is not blank is marked as quoted.
func quoteFollows(lines []string, i int) bool {
	for ; i < len(lines); i++ {
		if lines[i] != "" {
			return strings.HasPrefix(lines[i], ">")
		}
	}
	return false
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
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
