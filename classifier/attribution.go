package classifier

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wroteVerbs end an attribution line ("On …, X wrote:") or stand within it
// ("Am … schrieb X:") in the languages whose mail programs we know.
var wroteVerbs = []string{
	"wrote", "writes", "escribió", "escribio", "escribió lo siguiente", "a écrit", "a ecrit", "écrivait", "écrit", "écrivit", "escreveu", "escrevia", "schrieb", "geschrieben", "schreef", "geschreven", "ha scritto", "a scritto", "scrisse",
	"skrev", "skrev følgende", "følgende", "skrifaði", "kirjoitti", "kirjutas", "napisał", "napisała", "napisał(a)", "napisal", "napisala", "napísal", "napísala", "napísal(a)", "napsal", "napsala", "napsal(a)", "pisze", "je napisal", "napisao", "napisala je", "napisao je", "pišu", "rašė", "rakstīja",
	"написал", "написала", "написал(а)", "пишет", "написав", "написала(в)", "пише", "напиша", "a scris", "yazdı", "yazmış", "írta", "ezt írta", "đã viết", "da viet", "menulis", "έγραψε", "كتب", "كتبت", "كتب/كتبت", "כתב", "כתבה", "va escriure", "escrigué", "ha escrit", "idatzi du", "te ekri", "ekri",
	"写道", "写到", "寫道", "のメール", "書きました", "wrote on", "작성", "님이 작성", "เขียนว่า",
}

// startWords begin an attribution line.
var startWords = []string{
	"on ", "le ", "el ", "em ", "am ", "op ", "il ", "den ", "på ", "w dniu", "dnia ", "pe ", "vào ", "dne ", "no dia", "dia ", "quoting ", "at ", "in reply to", "van: ", "nan ", "ngày ", "in data", "da: ", "missatge de", "pada ", "στις ", "ב-", "בתאריך", "في ", "în ", "fra: ",
	"mon,", "tue,", "wed,", "thu,", "fri,", "sat,", "sun,", "在", "于", "於",
}

const (
	maxAttribution = 400 // bytes of one with all its lines
	maxFolds       = 5   // lines it may be folded over
)

// attributionAt is the number of lines of an attribution that begins at line
// i, or 0.
func (p *page) attributionAt(i int) int {
	begins := beginsAttribution(plainDigits(p.lines[i]))
	joined := ""
	for n := 1; n <= maxFolds && i+n <= len(p.lines); n++ {
		l := p.lines[i+n-1]
		if l == "" || isQuoted(l) || len(joined)+len(l) > maxAttribution {
			return 0
		}
		if n > 1 {
			joined += " "
		}
		joined += strings.ToLower(plainDigits(l))
		if !mayEndAttribution(l) {
			continue
		}
		quoted := p.quoteFollows(i + n)
		if isAttribution(joined, begins, quoted) && !p.beginsBelow(i, n, begins, quoted) {
			return n
		}
		if n == 1 && strings.HasSuffix(l, ":") {
			return 0
		}
	}
	return 0
}

// leadsQuote reports whether a line is an attribution with the quoted text on
// the same line, unmarked: "On Mon, Jul 27, 2026 at 4:10 PM, X <x@example.org>
// wrote: Dear …".
func leadsQuote(l string) bool {
	if !startsLine(l) {
		return false
	}
	head := strings.ToLower(plainDigits(clip(l, maxAttribution)))
	const colons = 8 // of the time, of "mailto:", of a zone
	for k, n := 0, 0; n < colons; n++ {
		next := strings.IndexByte(head[k:], ':')
		if next < 0 {
			break
		}
		k += next
		if verbAtEnd(strings.TrimRight(head[:k], " ")) && strings.Contains(head[:k], "@") {
			t := stampOf(head[:k])
			return t.dated() && t.clock && strings.Trim(head[k:], ":*_ ") != ""
		}
		k++
	}
	return false
}

// beginsBelow reports whether an attribution of n lines that seems to begin at
// line i really begins at a later line, under a line of text.
func (p *page) beginsBelow(i, n int, begins, quoted bool) bool {
	for k := 1; k < n; k++ {
		l := p.lines[i+k]
		if at := sharedAt(l); at > 0 && isAttribution(strings.ToLower(l[at:]+" "+strings.Join(p.lines[i+k+1:i+n], " ")), true, quoted) {
			return true
		}
		r, _ := utf8.DecodeRuneInString(l)
		if !unicode.IsUpper(r) && !unicode.IsDigit(r) && !strings.ContainsRune(`"'*-`, r) && r < 0x2e80 {
			continue // the rest of a folded line
		}
		own := beginsAttribution(plainDigits(l))
		if begins && !(own && startsLine(l) || strings.ContainsAny(last(p.lines[i+k-1]), "!?")) {
			continue
		}
		if isAttribution(strings.ToLower(plainDigits(strings.Join(p.lines[i+k:i+n], " "))), own, quoted) {
			return true
		}
	}
	return false
}

// last is the last byte of a line that is not blank.
func last(l string) string { return l[len(l)-1:] }

// mayEndAttribution tells cheaply which lines can be the last of an attribution.
func mayEndAttribution(l string) bool {
	end := strings.TrimRight(l, "* _-–—")
	switch {
	case strings.HasSuffix(end, ":") || strings.HasSuffix(end, "：") || strings.HasSuffix(end, ">"):
		return true
	case strings.Contains(l, "@") || len(end) < len(l) || digits(l) >= 4:
		return verbAtEnd(strings.ToLower(end))
	}
	return false
}

// isAttribution judges the joined lines of what may be an attribution, in
// lower case. begins says whether they begin as one, quoted whether a quotation
// follows.
func isAttribution(s string, begins, quoted bool) bool {
	s = strings.Trim(s, "*_-–— ")
	body := strings.TrimRight(s, ":： *_")
	colon := len(body) < len(s)
	addressed := strings.Contains(s, "@")
	t := stampOf(s)
	words := len(strings.Fields(s))
	if (addressed || begins && t.digits >= 4) && strings.HasSuffix(body, " sent") {
		return colon && (quoted || t.clock)
	}
	switch verb := verbAtEnd(body); {
	case verb && ownVerb(body) && !quoted:
		return false // "On 3 March I wrote:"
	case verb && addressed:
		return t.digits >= 3 || words <= 8
	case verb && begins && (t.clock && t.digits >= 4 || t.numeric):
		return true
	case verb:
		return quoted && (t.digits >= 3 && words <= 25 || words <= 8)
	}
	if !colon {
		// "2013/11/1 John Smith <john@example.org>" without any verb
		return quoted && begins && addressed && t.dated() && strings.HasSuffix(s, ">")
	}
	switch {
	case verbInside(body):
		return t.digits >= 3 && (addressed || quoted) || begins && (t.clock && t.digits >= 4 || t.numeric)
	case addressed && t.dated() && t.clock && words <= 18:
		return true // a date, a time and an address: in any language
	case quoted && words <= 18:
		return addressed || begins && t.digits >= 3
	}
	return false
}

// ownVerb tells "I wrote" and its like from "Jane Doe wrote".
func ownVerb(body string) bool {
	f := strings.Fields(body)
	if len(f) < 2 {
		return false
	}
	switch strings.Trim(f[len(f)-2], ",") {
	case "i", "we", "you", "he", "she", "they", "who", "already", "also", "never", "have":
		return true
	}
	return false
}

// verbAtEnd reports whether s ends with a verb of writing.
func verbAtEnd(s string) bool {
	for _, w := range wroteVerbs {
		if strings.HasSuffix(s, w) && wordStart(s, len(s)-len(w)) {
			return true
		}
	}
	return false
}

// verbInside reports whether s has a verb of writing, other than the English
// ones, which always come last.
func verbInside(s string) bool {
	for _, w := range wroteVerbs[2:] {
		if k := strings.Index(s, w); k >= 0 && wordStart(s, k) {
			if r, _ := utf8.DecodeRuneInString(s[k+len(w):]); !unicode.IsLetter(r) || r >= 0x2e80 {
				return true
			}
		}
	}
	return false
}

// wordStart reports whether no letter stands before place k; scripts without
// blanks between words are exempt.
func wordStart(s string, k int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:k])
	at, _ := utf8.DecodeRuneInString(s[k:])
	return k == 0 || !unicode.IsLetter(before) || at >= 0x0e00
}

// startsLine reports whether a line begins with a word that begins attributions.
func startsLine(l string) bool {
	return hasAnyPrefix(strings.ToLower(strings.TrimLeft(l[:min(len(l), 40)], "*_-–— ")), startWords)
}

// beginsAttribution reports whether a line begins as an attribution does: with
// such a word and a number, or as a short line with a date.
func beginsAttribution(l string) bool {
	if len(l) > maxAttribution {
		return false
	}
	if startsLine(l) {
		return digits(l) > 0
	}
	t := stampOf(l)
	return t.dated() && len(strings.Fields(l)) <= 12
}

// sharedStarts begin an attribution that a converter left on the line of the
// text before it.
var sharedStarts = []string{"On ", "Le ", "El ", "Am ", "Em ", "Il ", "Op ", "Den "}

// sharedAt is the place of such an attribution in a line, or 0.
func sharedAt(line string) int {
	for k := len(line) - 4; k > max(0, len(line)-maxAttribution); k-- {
		if strings.IndexByte(" -.!", line[k-1]) >= 0 && hasAnyPrefix(line[k:], sharedStarts) {
			if tail := line[k:]; digits(tail[:min(len(tail), 24)]) > 0 && stampOf(tail).dated() && strings.Trim(line[:k], "- \t") != "" {
				return k
			}
			return 0
		}
	}
	return 0
}

// divideShared parts line i where an attribution follows on its text: "Thanks!
// On Mon, Jul 27, 2026 at 4:10 PM, X wrote:". It returns the number of lines of
// the attribution, or 0, and leaves the text in the first of them.
func (p *page) divideShared(i int) int {
	line := p.lines[i]
	k := sharedAt(line)
	if k == 0 {
		return 0
	}
	text := strings.TrimRight(line[:k], "- \t")
	if beginsAttribution(text) {
		return 0
	}
	p.lines[i] = line[k:]
	n := p.attributionAt(i)
	p.lines[i] = line
	if n > 0 {
		p.lines[i] = text
		if p.tails == nil {
			p.tails = make(map[int]string)
		}
		p.tails[i] = line[k:]
	}
	return n
}

// stamp is what a line has of a date and a time of day.
type stamp struct {
	year    bool // 2026
	numeric bool // 7/27/26, 27.7.2026, 2026-07-27
	clock   bool // 16:10, 16.10, 16h10
	digits  int
}

func (t stamp) dated() bool { return t.year || t.numeric }

// stampOf looks for a date and a time in s.
func stampOf(s string) stamp {
	var t stamp
	groups := 0 // numbers in a row that "/", "-" or "." join
	prevLen := 0
	var sep byte
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		j := i
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		n := j - i
		t.digits += n
		joined := i > 0 && prevLen > 0 && sep == s[i-1]
		if joined && n <= 4 {
			groups++
		} else {
			groups = 1
		}
		if n == 4 && (s[i:i+2] == "19" || s[i:i+2] == "20") {
			t.year = true
		}
		if groups >= 3 && sep != ':' {
			t.numeric = true
		}
		if joined && groups == 2 && n == 2 && prevLen <= 2 && (sep == ':' || sep == 'h' || sep == '.') {
			t.clock = true
		}
		prevLen, sep = 0, 0
		if j < len(s) && n <= 4 && strings.IndexByte("/-.:h", s[j]) >= 0 {
			prevLen, sep = n, s[j]
		}
		i = j
	}
	return t
}

var digitForms = func() *strings.Replacer {
	var pairs []string
	for _, zero := range []rune{'٠', '۰', '०', '０'} {
		for d := range rune(10) {
			pairs = append(pairs, string(zero+d), string('0'+d))
		}
	}
	return strings.NewReplacer(pairs...)
}()

// plainDigits is s with Arabic, Persian, Devanagari and wide digits as ASCII.
func plainDigits(s string) string {
	if len(s) > maxAttribution || strings.IndexFunc(s, func(r rune) bool { return r > 0x65f && unicode.IsDigit(r) }) < 0 {
		return s
	}
	return digitForms.Replace(s)
}

func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}
