package templates

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

type tagKind int

const (
	fieldTag tagKind = iota
	ifTag
	elseTag
	endIfTag
	eachTag
	endEachTag
	badTag // named as a problem already
)

// tag is one {{…}} of the source.
type tag struct {
	kind      tagKind
	line, col int
	cond      condition
	ref       fieldRef
}

// control reports whether the tag opens, parts or closes a block.
func (t tag) control() bool { return t.kind != fieldTag && t.kind != badTag }

var fieldPattern = regexp.MustCompile(`^([A-Za-z0-9_.]+)(?:\s+or\s+"([^"]*)")?(?:\s*\|\s*([a-z]+))?$`)

// readTag understands what stands between {{ and }}.
func (p *parser) readTag(inner string, line, col int) tag {
	t := tag{kind: badTag, line: line, col: col}
	s := strings.TrimSpace(inner)
	word, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case s == "else":
		t.kind = elseTag
	case s == "/if":
		t.kind = endIfTag
	case s == "/each":
		t.kind = endEachTag
	case word == "#each":
		if rest != "items" {
			p.problem(line, col, "{{#each %s}}: only {{#each items}} is known", rest)
			return t
		}
		t.kind = eachTag
	case word == "#if":
		name, not := strings.CutPrefix(rest, "not ")
		f := p.field(strings.TrimSpace(name), line, col)
		if f == nil {
			return t
		}
		t.kind, t.cond = ifTag, condition{field: f, not: not}
	case strings.HasPrefix(s, "#"), strings.HasPrefix(s, "/"):
		p.problem(line, col, "unknown block {{%s}}%s", s, didYouMean(word, []string{"#if", "#each", "/if", "/each"}))
	default:
		m := fieldPattern.FindStringSubmatch(s)
		if m == nil {
			p.problem(line, col, `{{%s}} is not a field; write {{item.title}}, {{patron.first_name or "there"}} or {{item.due_date | short}}`, s)
			return t
		}
		f := p.field(m[1], line, col)
		if f == nil {
			return t
		}
		if f.flag != nil {
			p.problem(line, col, "{{%s}} is a yes or no and has no text; write {{#if %s}}", f.name, f.name)
			return t
		}
		t.ref = fieldRef{field: f, fallback: clean(m[2]), optional: strings.Contains(s, `"`)}
		switch m[3] {
		case "":
		case "days":
			if f.number == nil || !f.zero && f.name != "count" {
				p.problem(line, col, "{{%s}} is not a number of days", f.name)
				return t
			}
			if !p.lang.known {
				p.problem(line, col, "“| days” is not known in the language %s; write the number and the word", p.language)
				return t
			}
			t.ref.filter = inDays
		case "short":
			if f.date == nil {
				p.problem(line, col, "{{%s}} is not a date", f.name)
				return t
			}
			t.ref.filter = shortDate
		default:
			p.problem(line, col, "unknown form “| %s”%s", m[3], didYouMean(m[3], []string{"days", "short"}))
			return t
		}
		t.kind = fieldTag
	}
	return t
}

// field looks a name up and names what is wrong with it.
func (p *parser) field(name string, line, col int) *field {
	f := lookupField(name)
	if f == nil {
		p.problem(line, col, "unknown field {{%s}}%s", name, didYouMeanField(name))
	}
	return f
}

func didYouMeanField(name string) string {
	if m := nearest(name, FieldNames()); m != "" {
		return "; did you mean {{" + m + "}}?"
	}
	// {{due_dat}} for {{item.due_date}}
	var last []string
	for _, n := range FieldNames() {
		_, l, _ := strings.Cut(n, ".")
		last = append(last, l)
	}
	_, l, dotted := strings.Cut(name, ".")
	if !dotted {
		l = name
	}
	if m := nearest(l, last); m != "" {
		i := slices.Index(last, m)
		return "; did you mean {{" + FieldNames()[i] + "}}?"
	}
	return ""
}

func didYouMean(word string, known []string) string {
	if m := nearest(word, known); m != "" {
		return "; did you mean {{" + m + "}}?"
	}
	return ""
}

// nearest returns the known word that word is most likely a slip of, or "".
func nearest(word string, known []string) string {
	best, bestDistance := "", 1+utf8.RuneCountInString(word)/4
	for _, k := range known {
		if k == "" {
			continue
		}
		if d := distance(strings.ToLower(word), k); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, replace or swap with the next
// one to turn a into b.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, prev, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(prev[j]+cost, prev[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(t)]
}
