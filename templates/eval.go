package templates

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// EmptyFieldError says that a letter cannot be written because a field that
// it needs is empty.
type EmptyFieldError struct {
	Template, Language string
	Field              string // "item.due_date"
}

func (e *EmptyFieldError) Error() string {
	return fmt.Sprintf(`the letter %s (%s) needs {{%s}}, which is empty; fill it in, or write {{%s or "…"}} or {{#if %s}} in the template`,
		e.Template, e.Language, e.Field, e.Field, e.Field)
}

// Render writes the letter. The error is an *EmptyFieldError, or says which
// field holds no web address although the template links to it.
func (t *Template) Render(d Data) (Rendered, error) {
	ev := &evaluator{t: t, env: env{data: &d, lang: t.lang}}
	if len(d.Items) > 0 {
		ev.item = &d.Items[0]
	}
	subject := ev.subject()
	body := ev.blocks(nil, t.body)
	if ev.err == nil && len(body) == 0 {
		ev.err = fmt.Errorf("the letter %s (%s) is empty for this data", t.Name, t.Language)
	}
	if ev.err != nil {
		return Rendered{}, ev.err
	}
	foot := footer(&d.Office)
	return Rendered{
		Subject:  subject,
		Text:     writeText(body, foot),
		HTML:     writeHTML(t.Language, subject, body, &d.Office, foot),
		Language: t.Language,
	}, nil
}

// evaluator makes a tree without fields and conditions. It remembers the
// first error and goes on.
type evaluator struct {
	env
	t   *Template
	err error
}

func (ev *evaluator) fail(err error) {
	if ev.err == nil {
		ev.err = err
	}
}

func (ev *evaluator) empty(field string) {
	ev.fail(&EmptyFieldError{Template: ev.t.Name, Language: ev.t.Language, Field: field})
}

func (ev *evaluator) holds(c condition) bool { return c.field.condTrue(&ev.env) != c.not }

// value writes a field; an empty one that has no fallback is an error.
func (ev *evaluator) value(r *fieldRef) string {
	v := r.value(&ev.env)
	if v == "" {
		if !r.optional {
			ev.empty(r.field.name)
		}
		return r.fallback
	}
	return v
}

// blocks appends the evaluated blocks to out. Lists that come to stand next
// to each other become one.
func (ev *evaluator) blocks(out []block, in []block) []block {
	for i := range in {
		b := &in[i]
		switch b.kind {
		case ifBlock:
			if ev.holds(b.cond) {
				out = ev.blocks(out, b.children)
			} else {
				out = ev.blocks(out, b.otherwise)
			}
		case eachBlock:
			if len(ev.data.Items) == 0 {
				ev.empty("items")
			}
			outer := ev.item
			for i := range ev.data.Items {
				ev.item = &ev.data.Items[i]
				out = ev.blocks(out, b.children)
			}
			ev.item = outer
		case paragraph, heading:
			if in := trim(ev.inlines(make([]inline, 0, len(b.inlines)+2), b.inlines)); len(in) > 0 {
				out = append(out, block{kind: b.kind, level: b.level, inlines: in})
			}
		case list:
			items := ev.blocks(nil, b.children)
			if len(items) == 0 {
				continue
			}
			if n := len(out); n > 0 && out[n-1].kind == list && out[n-1].ordered == b.ordered {
				out[n-1].children = append(out[n-1].children, items...)
				continue
			}
			out = append(out, block{kind: list, ordered: b.ordered, children: items})
		case listItem, quote:
			if children := ev.blocks(nil, b.children); len(children) > 0 {
				out = append(out, block{kind: b.kind, children: children})
			}
		case rule:
			out = append(out, block{kind: rule})
		}
	}
	return out
}

func (ev *evaluator) inlines(out []inline, in []inline) []inline {
	for i := range in {
		n := &in[i]
		switch n.kind {
		case fieldInline:
			out = appendLines(out, ev.value(n.field))
		case ifInline:
			if ev.holds(n.branch.cond) {
				out = ev.inlines(out, n.children)
			} else {
				out = ev.inlines(out, n.branch.otherwise)
			}
		case strong, emphasis, code:
			if children := ev.inlines(nil, n.children); len(trim(children)) > 0 {
				out = append(out, inline{kind: n.kind, children: children})
			}
		case link:
			href := ev.target(n.target)
			children := trim(ev.inlines(nil, n.children))
			if href == "" { // {{item.link or ""}}
				out = append(out, children...)
				continue
			}
			if len(children) == 0 {
				children = []inline{{kind: text, text: href}}
			}
			out = append(out, inline{kind: link, children: children, text: href})
		default:
			out = append(out, *n)
		}
	}
	return out
}

// appendLines adds a value as text nodes.
func appendLines(out []inline, v string) []inline {
	for {
		l, rest, more := strings.Cut(v, "\n")
		if l != "" {
			out = append(out, inline{kind: text, text: l})
		}
		if !more {
			return out
		}
		out = append(out, inline{kind: lineBreak})
		v = rest
	}
}

// trim drops breaks and blank text from both ends of a paragraph, and drops
// it altogether when nothing else is in it.
func trim(in []inline) []inline {
	empty := func(n inline) bool {
		return n.kind == space || n.kind == lineBreak || n.kind == text && strings.TrimSpace(n.text) == ""
	}
	for len(in) > 0 && empty(in[0]) {
		in = in[1:]
	}
	for len(in) > 0 && empty(in[len(in)-1]) {
		in = in[:len(in)-1]
	}
	return in
}

// target writes where a link goes. A field at its beginning must hold a web
// address; one further on is escaped and so cannot leave its place.
func (ev *evaluator) target(in []inline) string {
	var b strings.Builder
	for i := range in {
		n := &in[i]
		if n.kind == text {
			b.WriteString(n.text)
			continue
		}
		v := ev.value(n.field)
		if i == 0 {
			if v != "" && !isWebAddress(v) {
				ev.fail(fmt.Errorf("the letter %s (%s) links to {{%s}}, but %q is no web address", ev.t.Name, ev.t.Language, n.field.field.name, v))
			}
			if len(in) == 1 || v == "" {
				return v
			}
			b.WriteString(strings.TrimRight(v, "/"))
			continue
		}
		switch f := n.field.field; {
		case f.email:
			b.WriteString(strings.ReplaceAll(url.QueryEscape(v), "%40", "@"))
		case f.phone:
			b.WriteString(digits(v))
		default:
			b.WriteString(strings.ReplaceAll(url.QueryEscape(v), "+", "%20"))
		}
	}
	return b.String()
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsAny(s, " \"'<>\\`{}|^")
}

// digits keeps what may stand in a tel: address.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, s)
}

// subject writes the subject in at most maxSubject characters: long values
// are shortened, the words of the template are not.
func (ev *evaluator) subject() string {
	parts := ev.markValues(ev.t.subject)
	for {
		length, longest := 0, -1
		for i, p := range parts {
			n := utf8.RuneCountInString(p.text)
			length += n
			if p.kind == code && n > minValue && (longest < 0 || n > utf8.RuneCountInString(parts[longest].text)) {
				longest = i
			}
		}
		if length <= maxSubject || longest < 0 {
			break
		}
		p := &parts[longest]
		p.text = shorten(p.text, max(minValue, utf8.RuneCountInString(p.text)-(length-maxSubject)))
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
	}
	s := clean(b.String())
	if s == "" {
		ev.fail(fmt.Errorf("the letter %s (%s) has an empty subject for this data", ev.t.Name, ev.t.Language))
	}
	return shorten(s, maxSubject)
}

// minValue is the length below which a value in a subject is not shortened.
const minValue = 16

// markValues resolves conditions and fields of a subject; what came from a
// value is of kind code, so that it can be told from the template's words.
func (ev *evaluator) markValues(in []inline) []inline {
	var out []inline
	for i := range in {
		n := &in[i]
		switch n.kind {
		case ifInline:
			taken := n.branch.otherwise
			if ev.holds(n.branch.cond) {
				taken = n.children
			}
			out = append(out, ev.markValues(taken)...)
		case fieldInline:
			out = append(out, inline{kind: code, text: clean(ev.value(n.field))})
		default:
			out = append(out, *n)
		}
	}
	return out
}

// shorten cuts s to n characters, at a blank if one is near.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	r = r[:n-1]
	if i := lastBlank(r); i > len(r)*2/3 {
		r = r[:i]
	}
	return strings.TrimRight(string(r), " .,;:-") + "…"
}

func lastBlank(r []rune) int {
	for i, c := range slices.Backward(r) {
		if c == ' ' {
			return i
		}
	}
	return -1
}

// footer is the lines under every letter: who writes and how to reach them.
func footer(o *Office) []string {
	if s := cleanLines(o.Signature); s != "" {
		return strings.Split(s, "\n")
	}
	var lines []string
	for _, s := range []string{o.Name, o.Address, o.Phone, o.Hours, o.URL} {
		if s = clean(s); s != "" {
			lines = append(lines, s)
		}
	}
	return lines
}
