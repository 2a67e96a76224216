package templates

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// language is how dates, days and reminders are written. What is not known is
// written without words: 2026-11-23.
type language struct {
	known    bool
	long     func(time.Time) string // "Monday, November 23, 2026"
	short    func(time.Time) string // "Nov 23, 2026"
	days     func(int64) string     // "3 days"
	reminder func(int) string       // "first reminder"
}

var languages = map[string]*language{
	"en": {
		known: true,
		long:  func(t time.Time) string { return t.Format("Monday, January 2, 2006") },
		short: func(t time.Time) string { return t.Format("Jan 2, 2006") },
		days:  oneOrMany("day", "days"),
		reminder: func(n int) string {
			return nth(n, "reminder %d", "first reminder", "second reminder", "third reminder", "fourth reminder",
				"fifth reminder", "sixth reminder", "seventh reminder", "eighth reminder", "ninth reminder", "tenth reminder")
		},
	},
	"es": {
		known: true,
		long: func(t time.Time) string {
			return fmt.Sprintf("%s %d de %s de %d", weekdaysES[t.Weekday()], t.Day(), monthsES[t.Month()-1], t.Year())
		},
		short:    func(t time.Time) string { return t.Format("02/01/2006") },
		days:     oneOrMany("día", "días"),
		reminder: func(n int) string { return nth(n, "aviso n.º %d", "primer aviso", "segundo aviso", "tercer aviso") },
	},
	"pt": {
		known: true,
		long: func(t time.Time) string {
			return fmt.Sprintf("%s, %d de %s de %d", weekdaysPT[t.Weekday()], t.Day(), monthsPT[t.Month()-1], t.Year())
		},
		short:    func(t time.Time) string { return t.Format("02/01/2006") },
		days:     oneOrMany("dia", "dias"),
		reminder: func(n int) string { return nth(n, "%dº aviso", "primeiro aviso", "segundo aviso", "terceiro aviso") },
	},
	"ht": {
		known: true,
		long: func(t time.Time) string {
			return fmt.Sprintf("%s %d %s %d", weekdaysHT[t.Weekday()], t.Day(), monthsHT[t.Month()-1], t.Year())
		},
		short: func(t time.Time) string { return t.Format("02/01/2006") },
		days:  oneOrMany("jou", "jou"),
		reminder: func(n int) string {
			return nth(n, "%dyèm rapèl", "premye rapèl", "dezyèm rapèl", "twazyèm rapèl")
		},
	},
	"vi": {
		known: true,
		long: func(t time.Time) string {
			return fmt.Sprintf("%s, ngày %d tháng %d năm %d", weekdaysVI[t.Weekday()], t.Day(), t.Month(), t.Year())
		},
		short: func(t time.Time) string { return t.Format("02/01/2006") },
		days:  oneOrMany("ngày", "ngày"),
		reminder: func(n int) string {
			return nth(n, "nhắc lần thứ %d", "nhắc lần đầu", "nhắc lần thứ hai", "nhắc lần thứ ba")
		},
	},
	"zh-hans": {
		known: true,
		long: func(t time.Time) string {
			return fmt.Sprintf("%d年%d月%d日%s", t.Year(), t.Month(), t.Day(), weekdaysZH[t.Weekday()])
		},
		short: func(t time.Time) string { return fmt.Sprintf("%d年%d月%d日", t.Year(), t.Month(), t.Day()) },
		days:  func(n int64) string { return strconv.FormatInt(n, 10) + "天" },
		reminder: func(n int) string {
			return nth(n, "第%d次提醒", "第一次提醒", "第二次提醒", "第三次提醒")
		},
	},
}

var otherLanguage = &language{
	long:     func(t time.Time) string { return t.Format(time.DateOnly) },
	short:    func(t time.Time) string { return t.Format(time.DateOnly) },
	days:     func(n int64) string { return strconv.FormatInt(n, 10) },
	reminder: func(n int) string { return strconv.Itoa(n) },
}

var (
	weekdaysES = [...]string{"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"}
	monthsES   = [...]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"}
	weekdaysPT = [...]string{"domingo", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado"}
	monthsPT   = [...]string{"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"}
	weekdaysHT = [...]string{"dimanch", "lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi"}
	monthsHT   = [...]string{"janvye", "fevriye", "mas", "avril", "me", "jen", "jiyè", "out", "septanm", "oktòb", "novanm", "desanm"}
	weekdaysVI = [...]string{"Chủ nhật", "thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy"}
	weekdaysZH = [...]string{"星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"}
)

func oneOrMany(one, many string) func(int64) string {
	return func(n int64) string {
		if n == 1 {
			return "1 " + one
		}
		return strconv.FormatInt(n, 10) + " " + many
	}
}

// nth returns the n-th of names, counted from 1, or other with n in it.
func nth(n int, other string, names ...string) string {
	if n <= len(names) {
		return names[n-1]
	}
	return fmt.Sprintf(other, n)
}

// LanguageName is what a language is called in English, by its tag; the tag
// itself where no letters come in it.
func LanguageName(tag string) string {
	names := map[string]string{"en": "English", "es": "Spanish", "pt": "Portuguese", "ht": "Haitian Creole", "vi": "Vietnamese", "zh-hans": "Chinese", "zh": "Chinese"}
	for _, t := range tagsFor(tag) {
		if name, ok := names[t]; ok {
			return name
		}
	}
	return tag
}

// languageOf finds how a language writes, by its tag or a shorter one.
func languageOf(tag string) *language {
	for _, t := range tagsFor(tag) {
		if l, ok := languages[t]; ok {
			return l
		}
	}
	return otherLanguage
}

// tagsFor returns the tags under which a text for that language may be found,
// in lower case, the closest first: zh-CN is zh-cn, zh-hans, zh.
func tagsFor(tag string) []string {
	tag = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(tag), "_", "-"))
	var tags []string
	for t := tag; t != ""; {
		tags = append(tags, t)
		i := strings.LastIndexByte(t, '-')
		if i < 0 {
			break
		}
		t = t[:i]
	}
	switch tag {
	case "zh", "zh-cn", "zh-sg", "zh-my": // the script is said by the country (RFC 4647 has no rule for it)
		tags = append([]string{tag, "zh-hans"}, tags[1:]...)
	}
	return tags
}

// unseen reports characters that are dropped from values: they show nothing,
// or turn the direction of the text around them.
func unseen(r rune) bool {
	switch {
	case r == '\u200b', r == '\u2060', r == '\ufeff', r == '\u00ad', r == '\u200e', r == '\u200f', r == '\u061c':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return unicode.Is(unicode.Co, r)
}

// blank reports white space and controls.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
