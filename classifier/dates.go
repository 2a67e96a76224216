package classifier

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// foundDate is a day that a text names.
type foundDate struct {
	day        time.Time // midnight UTC of the office's day
	start, end int       // bytes of the text
	before     string    // the two words before it, folded: "due", "until"
}

var monthNames = func() map[string]time.Month {
	m := map[string]time.Month{}
	for i, names := range []string{
		"january jan enero ene janvier janv janeiro januar gennaio gen janner", "february feb febrero fevrier fevr fevereiro fev februar febbraio",
		"march mar marzo mars marco marz maerz", "april apr abril abr avril avr aprile", "may mayo mai maio maggio mag", "june jun junio juin junho juni giugno",
		"july jul julio juillet juil julho juli luglio lug", "august aug agosto ago aout", "september sept sep septiembre setiembre septembre setembro set settembre",
		"october oct octubre octobre outubro out oktober okt ottobre", "november nov noviembre novembre novembro", "december dec diciembre dic decembre dezembro dez dezember dicembre",
	} {
		for _, n := range strings.Fields(names) {
			m[n] = time.Month(i + 1)
		}
	}
	return m
}()

var weekdayNames = func() map[string]time.Weekday {
	m := map[string]time.Weekday{}
	for i, names := range []string{
		"sunday sun domingo dimanche sonntag domenica", "monday mon lunes lundi segunda montag lunedi", "tuesday tue tues martes mardi terca dienstag martedi",
		"wednesday wed miercoles mercredi quarta mittwoch mercoledi", "thursday thu thurs jueves jeudi quinta donnerstag giovedi", "friday fri viernes vendredi sexta freitag venerdi", "saturday sat sabado samedi samstag sonnabend sabato",
	} {
		for _, n := range strings.Fields(names) {
			m[n] = time.Weekday(i)
		}
	}
	return m
}()

// findDates is the days that a text names: with a month, in digits, or as the
// next weekday after ref. Years that are left out are those nearest to ref.
func findDates(text string, ref time.Time) []foundDate {
	toks, _ := tokenize(text, 4000)
	if !ref.IsZero() {
		ref = time.Date(ref.Year(), ref.Month(), ref.Day(), 0, 0, 0, 0, time.UTC)
	}
	var out []foundDate
	before := func(i int) string {
		var w []string
		for k := max(0, i-2); k < i; k++ {
			if toks[i].start-toks[k].end < 12 {
				w = append(w, toks[k].word)
			}
		}
		return strings.Join(w, " ")
	}
	add := func(y int, m time.Month, d, from, to int) bool {
		if d < 1 || d > 31 || m < 1 || m > 12 {
			return false
		}
		if y > 0 && y < 100 {
			y += 2000
		}
		if y == 0 {
			if ref.IsZero() {
				return false
			}
			y = ref.Year()
			if diff := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(ref); diff < -200*24*time.Hour {
				y++
			} else if diff > 200*24*time.Hour {
				y--
			}
		}
		day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		if day.Day() != d || y < 1990 || y > 2100 {
			return false
		}
		out = append(out, foundDate{day, toks[from].start, toks[to].end, before(from)})
		return true
	}
	num := func(i int) int {
		if i < 0 || i >= len(toks) || !toks[i].number || len(toks[i].word) > 4 {
			return -1
		}
		w := toks[i].word
		for _, s := range []string{"st", "nd", "rd", "th", "er"} {
			w = strings.TrimSuffix(w, s)
		}
		n := 0
		for k := 0; k < len(w); k++ {
			if w[k] < '0' || w[k] > '9' {
				return -1
			}
			n = n*10 + int(w[k]-'0')
		}
		return n
	}
	sep := func(i int) string { // between token i and i+1
		if i+1 >= len(toks) {
			return "\n"
		}
		return text[toks[i].end:toks[i+1].start]
	}
	for i := 0; i < len(toks) && len(out) < 40; i++ {
		w := toks[i].word
		if m, ok := monthNames[w]; ok && (len(w) > 3 || w != "may" && w != "mar" && w != "set" && w != "out" && w != "sun" && w != "gen" && w != "mag" || num(i+1) > 0 || num(i-1) > 0) {
			// "November 14, 2026", "14 de noviembre (de 2026)", "14. November"
			if d := num(i + 1); d >= 1 && d <= 31 && strings.TrimSpace(sep(i)) == "" {
				y, to := 0, i+1
				if n := num(i + 2); n >= 1990 && n <= 2100 {
					y, to = n, i+2
				}
				if add(y, m, d, i, to) {
					i = to
					continue
				}
			}
			k := i - 1
			if k >= 0 && (toks[k].word == "de" || toks[k].word == "of") {
				k--
			}
			if d := num(k); d >= 1 && d <= 31 {
				y, to := 0, i
				if n := num(i + 1); n >= 1990 && n <= 2100 {
					y, to = n, i+1
				} else if i+2 < len(toks) && (toks[i+1].word == "de" || toks[i+1].word == "del") && num(i+2) >= 1990 {
					y, to = num(i+2), i+2
				}
				if add(y, m, d, k, to) {
					i = to
					continue
				}
			}
			continue
		}
		if a := num(i); a >= 0 && i+1 < len(toks) {
			s := sep(i)
			b := num(i + 1)
			switch {
			case (s == "月") || i+1 < len(toks) && toks[i+1].word == "月":
				if d := num(i + 2); d > 0 {
					if add(0, time.Month(a), d, i, i+2) {
						i += 2
					}
				}
			case (s == "/" || s == "-" || s == ".") && b > 0 && a >= 1990 && num(i+2) > 0 && sep(i+1) == s:
				if add(a, time.Month(b), num(i+2), i, i+2) {
					i += 2
				}
			case s == "/" && b > 0 && a <= 31 && b <= 31:
				y, to := 0, i+1
				if c := num(i + 2); c > 0 && sep(i+1) == "/" {
					y, to = c, i+2
				}
				m, d := a, b
				if a > 12 {
					m, d = b, a
				}
				if add(y, time.Month(m), d, i, to) {
					i = to
				}
			case (s == "." || s == ". ") && b > 0 && b <= 12 && a <= 31 && i+1 < len(toks):
				// German: "23.10.2026", "2.12."
				after := byte(0)
				if toks[i+1].end < len(text) {
					after = text[toks[i+1].end]
				}
				if after == '.' && s == "." {
					y, to := 0, i+1
					if c := num(i + 2); c >= 20 && sep(i+1) == "." {
						y, to = c, i+2
					}
					if add(y, time.Month(b), a, i, to) {
						i = to
					}
				}
			}
			continue
		}
		if wd, ok := weekdayNames[w]; ok && !ref.IsZero() && (len(w) > 4 || w == "fri" || w == "mon" || w == "tues") {
			days := (int(wd) - int(ref.Weekday()) + 7) % 7
			if days == 0 {
				days = 7
			}
			b := before(i)
			if strings.HasSuffix(b, "last") || strings.HasSuffix(b, "pasado") || strings.HasSuffix(b, "letzten") || strings.HasSuffix(b, "dernier") {
				continue
			}
			out = append(out, foundDate{ref.AddDate(0, 0, days), toks[i].start, toks[i].end, b})
			continue
		}
		if !ref.IsZero() {
			switch w {
			case "tomorrow", "tmrw", "tmr", "tomorow", "demain", "morgen":
				out = append(out, foundDate{ref.AddDate(0, 0, 1), toks[i].start, toks[i].end, before(i)})
			}
		}
	}
	return out
}

// answerWords before a date ask for an answer by it.
var answerWords = []string{"by", "before", "until", "till", "bis", "avant", "antes", "ate", "hasta", "respond by", "reply by", "spatestens", "para", "latest", "deadline"}

// awayWords tell that a date is when somebody or something comes back.
var awayWords = []string{"away", "gone", "travelling", "traveling", "vacation", "holiday", "leave", "closed", "abroad", "town", "office", "urlaub", "ferien", "vacaciones", "conges", "ferias"}

// needWords tell that a date is when something is needed.
var needWords = []string{"need", "needed", "want", "wanted", "required", "must"}

func containsAnyWord(text, words []string) bool {
	return slices.ContainsFunc(text, func(w string) bool { return slices.Contains(words, w) })
}

// asksBy reports whether the words before a date ask for something by it.
func asksBy(w []string) bool {
	for k := range w {
		if slices.Contains(answerWords, w[k]) || slices.Contains(answerWords, strings.Join(w[k:], " ")) {
			return true
		}
	}
	return false
}

// sentenceBefore is the words of the sentence that stand before byte end.
func sentenceBefore(text string, end int) []string {
	text = text[:end]
	if k := strings.LastIndexAny(text, ".!?\n"); k >= 0 {
		text = text[k+1:]
	}
	return strings.FieldsFunc(fold(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// answerBy is the first day from ref on by which the mail wants an answer, or
// the zero Time.
func answerBy(text string, ref time.Time) time.Time {
	dates := findDates(text, ref)
	for i, d := range dates {
		if i+1 < len(dates) && dates[i+1].start-d.end <= 2 {
			continue // "Saturday, November 28" is one day
		}
		if ref.IsZero() || d.day.Before(ref.AddDate(0, 0, -1)) || d.day.After(ref.AddDate(0, 3, 0)) {
			continue
		}
		said := sentenceBefore(text, d.start)
		if asksBy(strings.Fields(d.before)) {
			if !containsAnyWord(said, awayWords) {
				return d.day
			}
			continue
		}
		// "I need it before my group meeting on Saturday, November 28"
		for k, w := range said {
			if (w == "before" || w == "by") && len(said)-k <= 8 && containsAnyWord(said[:k], needWords) {
				return d.day
			}
		}
	}
	return time.Time{}
}
