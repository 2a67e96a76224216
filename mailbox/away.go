package mailbox

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// AwayUntil reads from the text of an auto-reply until when its author is
// away: the day of return where the text names one ("back on Monday"), else
// the last day of the absence ("until 12/1", "from 20 to 24 November"). Days
// without a year or a month are taken as the next such day after sent. The
// result is midnight in sent's location; false where the text names no day, or
// one that had passed when it was sent.
func AwayUntil(text string, sent time.Time) (time.Time, bool) {
	if sent.IsZero() {
		return time.Time{}, false
	}
	r := awayReader{words: awayWords(ownWords(text)), sent: sent}
	r.dayFirst = r.isDayFirst()
	var back, until time.Time
	for i := 0; i < len(r.words); {
		day, next, ok := r.date(i)
		if !ok {
			i++
			continue
		}
		why := r.reason(i, next)
		if day.weekday > 0 && why == "until" && r.isOpeningHours(i, next) {
			why = ""
		}
		if why == "" {
			if end, n, ok := r.rangeEnd(next, day); ok {
				day, next, why = end, n, "until"
			}
		}
		switch day := r.resolve(day); {
		case day.IsZero():
		case why == "back":
			back = day
		case why == "until":
			until = day
		}
		i = next
	}
	if !back.IsZero() {
		return back, true
	}
	return until, !until.IsZero()
}

// awayWord is a word, a number or a mark of the text, lower case.
type awayWord struct {
	text    string
	num     int  // -1: no number
	ordinal bool // "30th"
}

// awayWords cuts text into words; each ideograph is one.
func awayWords(text string) []awayWord {
	var out []awayWord
	text = strings.ToLower(text)
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r >= '0' && r <= '9':
			num, digits := 0, 0
			for digits < len(text) && isDigit(text[digits]) && digits < 5 {
				num = num*10 + int(text[digits]-'0')
				digits++
			}
			w := awayWord{text: text[:digits], num: num}
			n = digits
			for _, suffix := range []string{"st", "nd", "rd", "th", "er", "º", "ª"} {
				if rest, ok := strings.CutPrefix(text[n:], suffix); ok && (rest == "" || !isWordByte(rest[0])) {
					w.ordinal = true
					n += len(suffix)
					break
				}
			}
			out = append(out, w)
		case unicode.Is(unicode.Han, r), unicode.Is(unicode.Hiragana, r), unicode.Is(unicode.Katakana, r):
			out = append(out, awayWord{text: text[:n], num: -1})
		case unicode.IsLetter(r):
			n = 0
			for n < len(text) {
				r, size := utf8.DecodeRuneInString(text[n:])
				if !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Han, r) {
					break
				}
				n += size
			}
			out = append(out, awayWord{text: text[:n], num: -1})
		case r == '\n' && strings.HasPrefix(text[n:], "\n"):
			out = append(out, awayWord{text: "\n", num: -1})
		case unicode.IsSpace(r), r == '\'', r == '’', r == '"', r == '(', r == ')', r == '*', r == '_':
		default:
			if r == '–' || r == '—' || r == '‐' || r == '‑' || r == '~' || r == '～' {
				out = append(out, awayWord{text: "-", num: -1})
			} else {
				out = append(out, awayWord{text: text[:n], num: -1})
			}
		}
		text = text[n:]
	}
	return out
}

// awayDay is a day as far as the text names it.
type awayDay struct {
	year, month, day int
	weekday          int // 1 Monday … 7 Sunday, where nothing else is named
	plus             int // days after sent: "tomorrow" is 1
}

type awayReader struct {
	words    []awayWord
	sent     time.Time
	dayFirst bool // 3/4 is 3 April
}

func (r *awayReader) text(i int) string {
	if i < 0 || i >= len(r.words) {
		return ""
	}
	return r.words[i].text
}

func (r *awayReader) num(i int) int {
	if i < 0 || i >= len(r.words) {
		return -1
	}
	return r.words[i].num
}

// date reads a date that begins at word i.
func (r *awayReader) date(i int) (d awayDay, next int, ok bool) {
	if n := r.num(i); n >= 0 {
		return r.numericDate(i, n)
	}
	word := r.text(i)
	if m := awayMonths[word]; m > 0 { // November 30(th)(,) 2026
		j := i + 1
		if r.text(j) == "." {
			j++
		}
		if r.text(j) == "the" {
			j++
		}
		if n := r.num(j); n >= 1 && n <= 31 && r.text(j+1) != ":" {
			d = awayDay{month: m, day: n}
			next = j + 1
			if y, after := r.year(next); y > 0 {
				d.year, next = y, after
			}
			return d, next, true
		}
		return d, i, false
	}
	if wd := awayWeekdays[word]; wd > 0 {
		j := i + 1
		for r.text(j) == "," || r.text(j) == "." || r.text(j) == "the" || r.text(j) == "den" || r.text(j) == "dem" || r.text(j) == "el" || r.text(j) == "le" || r.text(j) == "dia" || r.text(j) == "feira" || r.text(j) == "-" {
			j++
		}
		if d, next, ok := r.date(j); ok && d.weekday == 0 && d.plus == 0 {
			return d, next, true
		}
		return awayDay{weekday: wd}, i + 1, true
	}
	if plus := relativeDays[word]; plus > 0 {
		return awayDay{plus: plus}, i + 1, true
	}
	if word == "next" && r.text(i+1) == "week" || word == "nächste" && r.text(i+1) == "woche" || word == "nächster" && r.text(i+1) == "woche" {
		return awayDay{weekday: 1}, i + 2, true
	}
	return d, i, false
}

// numericDate reads a date that begins with a number.
func (r *awayReader) numericDate(i, n int) (d awayDay, next int, ok bool) {
	sep, m := r.text(i+1), r.num(i+2)
	switch {
	case n > 1900 && (sep == "-" || sep == "/" || sep == ".") && m >= 1 && m <= 12 && r.text(i+3) == sep && r.num(i+4) >= 1:
		return awayDay{year: n, month: m, day: r.num(i + 4)}, i + 5, true
	case sep == "年" && m >= 1 && m <= 12 && r.text(i+3) == "月" && r.num(i+4) >= 1:
		return awayDay{year: n, month: m, day: r.num(i + 4)}, i + 5, true
	case sep == "月" && n >= 1 && n <= 12 && m >= 1 && m <= 31:
		return awayDay{month: n, day: m}, i + 3, true
	case n > 31 || n < 1:
		return d, i, false
	case (sep == "/" || sep == "." || sep == "-" && r.text(i+3) == "-") && m >= 1 && m <= 31 && r.text(i+3) != ":":
		d = awayDay{month: n, day: m}
		if (r.dayFirst || sep == "." || n > 12) && m <= 12 {
			d = awayDay{month: m, day: n}
		}
		if d.month > 12 {
			return d, i, false
		}
		next = i + 3
		if r.text(next) == sep {
			if y := r.num(next + 1); y > 0 {
				if d.year = fullYear(y, len(r.text(next+1))); !plausibleYear(d.year) {
					d.year = 0
				}
				return d, next + 2, true
			}
			if sep == "." {
				next++
			}
		}
		return d, next, true
	}
	// 30(.) (de|of) November (de|,) 2026
	j := i + 1
	for r.text(j) == "." || r.text(j) == "de" || r.text(j) == "of" || r.text(j) == "di" || r.text(j) == "d" {
		j++
	}
	if m := awayMonths[r.text(j)]; m > 0 {
		d = awayDay{month: m, day: n}
		next = j + 1
		if y, after := r.year(next); y > 0 {
			d.year, next = y, after
		}
		return d, next, true
	}
	if r.words[i].ordinal && (r.text(i-1) == "the" || r.text(i-1) == "on") {
		return awayDay{day: n}, i + 1, true
	}
	return d, i, false
}

// year reads "(,) 2026" and "de(l) 2026".
func (r *awayReader) year(i int) (year, next int) {
	for r.text(i) == "," || r.text(i) == "de" || r.text(i) == "del" || r.text(i) == "." {
		i++
	}
	if y := r.num(i); y >= 2000 && y <= 2100 {
		return y, i + 1
	}
	return 0, i
}

// rangeEnd reads what follows a date that is not itself the end of anything:
// "November 25-29", "25 - 29 November" is read from its end.
func (r *awayReader) rangeEnd(i int, from awayDay) (awayDay, int, bool) {
	if s := r.text(i); s != "-" && s != "to" && s != "through" && s != "thru" && s != "至" && s != "到" && s != "bis" {
		return from, i, false
	}
	if _, _, ok := r.date(i + 1); ok {
		return from, i, false // a whole date: the loop reads it with this word before it
	}
	if n := r.num(i + 1); n >= 1 && n <= 31 && from.month > 0 && n > from.day && r.text(i+2) != ":" {
		from.day = n
		next := i + 2
		if y, after := r.year(next); y > 0 {
			from.year, next = y, after
		}
		return from, next, true
	}
	return from, i, false
}

// reason says what the words around a date make of it: "back", "until" or "".
func (r *awayReader) reason(i, next int) string {
	for j := next; j < min(next+5, len(r.words)); j++ {
		if w := r.text(j); w == "." && j > next || w == "\n" {
			break
		} else if w == "wieder" || w == "zurück" || w == "back" && j < next+2 || w == "返" || w == "回" {
			return "back"
		}
	}
	for j := i - 1; j >= max(0, i-8); j-- {
		switch w := r.text(j); {
		case w == "." || w == "!" || w == "?" || w == "\n" || w == ";" || w == "。":
			if w == "." && (r.num(j-1) >= 0 || awayMonths[r.text(j-1)] > 0) {
				continue // of a date or an abbreviation
			}
			return ""
		case untilWords[w]:
			return "until"
		case w == "-" || w == "to" || w == "al" || w == "au" || w == "a" || w == "and" && r.between(j):
			if j >= i-3 && r.dateEndsBefore(j) {
				return "until"
			}
		case backWords[w]:
			return "back"
		case startWords[w]:
			return ""
		}
	}
	return ""
}

// isOpeningHours reports whether a weekday ends a span such as "Monday through
// Friday 8-4:30".
func (r *awayReader) isOpeningHours(i, next int) bool {
	if r.num(next) >= 0 || r.text(next) == "," && r.num(next+1) >= 0 || r.text(next) == "from" || r.text(next) == "between" {
		return true
	}
	for j := i - 1; j >= max(0, i-10) && r.text(j) != "."; j-- {
		switch r.text(j) {
		case "monitored", "hours", "open", "staffed", "geöffnet", "öffnungszeiten", "horario", "horaires", "horário":
			return true
		}
	}
	return false
}

// dateEndsBefore reports whether a date or the day of one stands before word j:
// the start of a range.
func (r *awayReader) dateEndsBefore(j int) bool {
	for k := j - 1; k >= max(0, j-6); k-- {
		if n := r.num(k); n >= 1 || awayMonths[r.text(k)] > 0 || awayWeekdays[r.text(k)] > 0 {
			return true
		}
		if w := r.text(k); w != "." && w != "," && w != "月" && w != "日" {
			return false
		}
	}
	return false
}

func (r *awayReader) between(j int) bool {
	for k := j - 1; k >= max(0, j-8); k-- {
		if r.text(k) == "between" {
			return true
		}
	}
	return false
}

// isDayFirst decides how 3/4 is read, by the language of the text and by dates
// that can be read only one way.
func (r *awayReader) isDayFirst() bool {
	other, english := 0, 0
	for i, w := range r.words {
		switch w.text {
		case "the", "and", "will", "office", "am", "is", "until", "back":
			english++
		case "el", "la", "hasta", "le", "jusqu", "und", "bis", "der", "até", "o", "para", "de", "du", "ich", "je", "vom", "il":
			other++
		}
		if w.num > 12 && w.num <= 31 && r.text(i+1) == "/" && r.num(i+2) >= 1 && r.num(i+2) <= 12 && r.text(i-1) != "/" {
			return true
		}
	}
	return other > english
}

// resolve makes a calendar day of d: the next such day from sent on. The zero
// time: there is none, or it has passed.
func (r *awayReader) resolve(d awayDay) time.Time {
	y, m, today := r.sent.Date()
	start := time.Date(y, m, today, 0, 0, 0, 0, r.sent.Location())
	var day time.Time
	switch {
	case d.plus > 0:
		return start.AddDate(0, 0, d.plus)
	case d.weekday > 0:
		ahead := (d.weekday - int(start.Weekday()) + 7) % 7
		if ahead == 0 {
			ahead = 7
		}
		return start.AddDate(0, 0, ahead)
	case d.month == 0:
		day = time.Date(y, m, d.day, 0, 0, 0, 0, start.Location())
		if day.Before(start) {
			day = time.Date(y, m+1, d.day, 0, 0, 0, 0, start.Location())
		}
	default:
		year := d.year
		if year == 0 {
			year = y
		}
		day = time.Date(year, time.Month(d.month), d.day, 0, 0, 0, 0, start.Location())
		const stale = 120 // days: an old notice that nobody switched off, not next year's absence
		if d.year == 0 && day.Before(start.AddDate(0, 0, -stale)) {
			day = time.Date(year+1, time.Month(d.month), d.day, 0, 0, 0, 0, start.Location())
		}
	}
	if day.Day() != d.day || day.Before(start) || day.After(start.AddDate(2, 0, 0)) {
		return time.Time{}
	}
	return day
}
