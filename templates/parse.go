package templates

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Template is one letter in one language, parsed once. It is immutable and
// safe for concurrent use.
type Template struct {
	Name     string // "overdue"
	Language string // BCP 47: "en", "es", "zh-Hans"
	Source   string

	subject []inline
	body    []block
	lang    *language
}

const (
	maxSubject = 100     // characters; longer ones are refused by ILL systems and cut by mail programs
	maxSource  = 1 << 16 // bytes
)

var (
	namePattern     = regexp.MustCompile(`^[a-z0-9]+(?:[-_][a-z0-9]+)*$`)
	languagePattern = regexp.MustCompile(`^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$`)
)

// Parse reads a template; doc.go tells the syntax. The error is a Problems
// with everything that was found.
func Parse(name, language, source string) (*Template, error) {
	p := &parser{language: language, lang: languageOf(language)}
	if !namePattern.MatchString(name) {
		p.problem(1, 1, "%q is no name of a template; write it in small letters with hyphens: cancel-held-here", name)
	}
	if !languagePattern.MatchString(language) {
		p.problem(1, 1, "%q is no language; write en, es or zh-Hans", language)
	}
	t := &Template{Name: name, Language: language, Source: source, lang: p.lang}
	if len(source) > maxSource {
		return nil, append(p.problems, Problem{1, 1, fmt.Sprintf("a template may have at most %d bytes", maxSource)})
	}
	p.read(source)
	if head := p.head(); head != nil {
		t.subject = p.subject(*head)
		t.body = p.blocks(nil)
		if len(t.body) == 0 && len(p.problems) == 0 {
			p.problem(len(p.lines), 1, "there is nothing under the subject; leave an empty line and write the letter")
		}
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int {
			return cmp.Or(a.Line-b.Line, a.Col-b.Col)
		})
		return nil, p.problems
	}
	return t, nil
}

// parser holds the source, cut into lines, and where it has come to.
type parser struct {
	language string
	lang     *language
	lines    []line
	next     int // index of the line to read next
	each     bool
	problems Problems
}

// line is a line of the source whose tags were taken out.
type line struct {
	number int
	parts  []part
}

// part is a piece of a line: words, or a tag.
type part struct {
	text string
	tag  *tag
	col  int
}

func (p *parser) problem(line, col int, format string, args ...any) {
	p.problems = append(p.problems, Problem{Line: line, Col: col, Text: fmt.Sprintf(format, args...)})
}

// read cuts the source into lines and takes the tags out of them.
func (p *parser) read(source string) {
	source = strings.TrimPrefix(source, "\ufeff")
	source = strings.ReplaceAll(source, "\r\n", "\n")
	for i, s := range strings.Split(strings.ReplaceAll(source, "\r", "\n"), "\n") {
		p.lines = append(p.lines, p.readLine(i+1, s))
	}
}

func (p *parser) readLine(number int, s string) line {
	l := line{number: number}
	col := 1
	for i, r := range []rune(s) {
		if r == utf8.RuneError || r != '\t' && blank(r) && r != ' ' && r != '\u00a0' && r != '\u3000' || r >= firstMark || r == edge {
			p.problem(number, i+1, "the character %U cannot stand in a template", r)
			return l
		}
	}
	for s != "" {
		open := strings.Index(s, "{{")
		if open < 0 {
			l.parts = append(l.parts, part{text: s, col: col})
			break
		}
		if open > 0 {
			l.parts = append(l.parts, part{text: s[:open], col: col})
			col += utf8.RuneCountInString(s[:open])
		}
		inner, rest, ok := strings.Cut(s[open+2:], "}}")
		if !ok || strings.Contains(inner, "{{") {
			p.problem(number, col, "{{ is not closed on this line; write }} after the name")
			break
		}
		t := p.readTag(inner, number, col)
		l.parts = append(l.parts, part{tag: &t, col: col})
		col += utf8.RuneCountInString(inner) + 4
		s = rest
	}
	return l
}

// empty reports a line of white space.
func (l line) empty() bool {
	return len(l.parts) == 0 || len(l.parts) == 1 && l.parts[0].tag == nil && strings.TrimSpace(l.parts[0].text) == ""
}

// control returns the tag of a line on which an {{#if}}, {{else}}, {{/if}},
// {{#each}} or {{/each}} stands alone, at its beginning.
func (l line) control() *tag {
	if len(l.parts) == 0 || l.parts[0].tag == nil || !l.parts[0].tag.control() {
		return nil
	}
	if len(l.parts) > 2 || len(l.parts) == 2 && (l.parts[1].tag != nil || strings.TrimSpace(l.parts[1].text) != "") {
		return nil
	}
	return l.parts[0].tag
}

// head reads the lines above the first empty one and returns that of the subject.
func (p *parser) head() *line {
	var subject *line
	for p.next < len(p.lines) && !p.lines[p.next].empty() {
		l := p.lines[p.next]
		p.next++
		name, value, ok := "", "", false
		if l.parts[0].tag == nil {
			name, value, ok = strings.Cut(l.parts[0].text, ":")
		}
		switch {
		case !ok:
			p.problem(l.number, 1, "the first line is “Subject: …”, then comes an empty line, then the letter")
			return nil
		case !strings.EqualFold(strings.TrimSpace(name), "Subject"):
			p.problem(l.number, 1, "unknown heading “%s:”; only “Subject:” may stand above the letter", name)
			return nil
		case subject != nil:
			p.problem(l.number, 1, "a second subject")
			return nil
		}
		s := line{number: l.number, parts: slices.Clone(l.parts)}
		s.parts[0] = part{text: strings.TrimLeft(value, " \t"), col: utf8.RuneCountInString(name) + 2}
		subject = &s
	}
	if subject == nil {
		p.problem(1, 1, "there is no subject; the first line is “Subject: …”")
	}
	return subject
}

// subject reads the subject: words, fields and {{#if}}.
func (p *parser) subject(l line) []inline {
	var flat []inlineOrTag
	for _, part := range l.parts {
		if part.tag != nil {
			flat = append(flat, inlineOrTag{tag: part.tag})
		} else if part.text != "" {
			flat = append(flat, inlineOrTag{inline: inline{kind: text, text: part.text}})
		}
	}
	out := p.nest(flat)
	bad := slices.ContainsFunc(flat, func(n inlineOrTag) bool { return n.tag != nil && n.tag.kind == badTag })
	if !bad && strings.TrimSpace(longest(out)) == "" && !hasField(out) {
		p.problem(l.number, 1, "the subject is empty")
	}
	if n := utf8.RuneCountInString(longest(out)); n > maxSubject {
		p.problem(l.number, maxSubject+1, "the subject has %d characters without its fields; at most %d are allowed", n, maxSubject)
	}
	return out
}

// longest returns the words of the longest subject that the conditions allow,
// without fields.
func longest(in []inline) string {
	var b strings.Builder
	for _, n := range in {
		switch n.kind {
		case text:
			b.WriteString(n.text)
		case ifInline:
			a, o := longest(n.children), longest(n.branch.otherwise)
			if utf8.RuneCountInString(o) > utf8.RuneCountInString(a) {
				a = o
			}
			b.WriteString(a)
		}
	}
	return b.String()
}

func hasField(in []inline) bool {
	return slices.ContainsFunc(in, func(n inline) bool {
		return n.kind == fieldInline || hasField(n.children) || n.branch != nil && hasField(n.branch.otherwise)
	})
}

// blocks reads lines up to the {{else}} or {{/…}} that belongs to open, which
// is nil for the letter itself. The closing line is left to be read.
func (p *parser) blocks(open *tag) []block {
	var out []block
	var chunk []line
	flush := func() {
		out = append(out, p.markdown(chunk)...)
		chunk = nil
	}
	for p.next < len(p.lines) {
		l := p.lines[p.next]
		t := l.control()
		if t == nil {
			chunk = append(chunk, l)
			p.next++
			continue
		}
		flush()
		switch t.kind {
		case ifTag:
			p.next++
			out = append(out, p.ifBlock(t))
		case eachTag:
			p.next++
			out = append(out, p.eachBlock(t))
		default:
			if open != nil {
				return out
			}
			p.problem(t.line, t.col, "%s closes nothing that is open here", t.kind)
			p.next++
		}
	}
	flush()
	return out
}

func (p *parser) ifBlock(open *tag) block {
	b := block{kind: ifBlock, cond: open.cond}
	b.children = p.blocks(open)
	if t := p.closing(open, elseTag, endIfTag); t != nil && t.kind == elseTag {
		b.otherwise = p.blocks(open)
		p.closing(open, endIfTag)
	}
	return b
}

func (p *parser) eachBlock(open *tag) block {
	if p.each {
		p.problem(open.line, open.col, "{{#each items}} cannot stand inside another one")
	}
	outer := p.each
	p.each = true
	b := block{kind: eachBlock, children: p.blocks(open)}
	p.closing(open, endEachTag)
	p.each = outer
	return b
}

// closing takes the tag at which blocks stopped, which must be one of want.
func (p *parser) closing(open *tag, want ...tagKind) *tag {
	if p.next >= len(p.lines) {
		p.problem(open.line, open.col, "%s is never closed; write %s on a line of its own", open.kind, want[len(want)-1])
		return nil
	}
	t := p.lines[p.next].control()
	p.next++
	if !slices.Contains(want, t.kind) {
		p.problem(t.line, t.col, "%s stands where %s of line %d is still open", t.kind, open.kind, open.line)
		return nil
	}
	return t
}

func (k tagKind) String() string {
	return [...]string{"{{field}}", "{{#if}}", "{{else}}", "{{/if}}", "{{#each items}}", "{{/each}}", "{{?}}"}[k]
}

// Check parses a template and refuses, beside what Parse does, one that cannot
// be written with a sample in which every field is filled. Letters to lenders
// are tried without the patron, whom they never name. The error is a Problems.
func Check(name, language, source string) (*Template, error) {
	t, err := Parse(name, language, source)
	if err != nil {
		return nil, err
	}
	if _, err := t.Render(SampleFor(name)); err != nil {
		return nil, t.Locate(err)
	}
	return t, nil
}

// Locate says where in the source an error of Render comes from.
func (t *Template) Locate(err error) Problems {
	p := Problem{Line: 1, Col: 1, Text: err.Error()}
	if empty := (*EmptyFieldError)(nil); errors.As(err, &empty) {
		for i, l := range strings.Split(t.Source, "\n") {
			if before, _, ok := strings.Cut(l, "{{"+empty.Field); ok {
				p.Line, p.Col = i+1, utf8.RuneCountInString(before)+1
				break
			}
		}
	}
	return Problems{p}
}
