package templates

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	gmtext "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// firstMark stands for the first tag of a chunk while goldmark reads it, the
// next rune for the second, and so on. They are private-use characters, which
// a source may not hold: Markdown takes them for letters.
const firstMark = '\U000F0000'

// edge stands on both sides of the mark of an {{#if}}, {{else}} or {{/if}}.
// Markdown takes it for a symbol, so that emphasis may begin and end next to
// such a tag as it may next to a blank.
const edge = '\U0001D100'

var markdownParser = goldmark.DefaultParser()

// chunk is lines of Markdown whose tags have been replaced by marks.
type chunk struct {
	p      *parser
	source []byte
	tags   []*tag
	starts []chunkPos // ascending by offset
}

// chunkPos says where in the template the bytes from offset on come from.
type chunkPos struct{ offset, line, col int }

// markdown turns lines into blocks.
func (p *parser) markdown(lines []line) []block {
	c := &chunk{p: p}
	for _, l := range lines {
		for _, part := range l.parts {
			c.starts = append(c.starts, chunkPos{len(c.source), l.number, part.col})
			if part.tag == nil {
				c.source = append(c.source, part.text...)
				continue
			}
			mark := string(firstMark + rune(len(c.tags)))
			if part.tag.control() {
				mark = string(edge) + mark + string(edge)
			}
			c.source = append(c.source, mark...)
			c.tags = append(c.tags, part.tag)
		}
		c.source = append(c.source, '\n')
	}
	return c.blocks(markdownParser.Parse(gmtext.NewReader(c.source)))
}

// problemAt names a problem at a byte of the chunk.
func (c *chunk) problemAt(offset int, format string, args ...any) {
	i, found := slices.BinarySearchFunc(c.starts, offset, func(s chunkPos, o int) int { return s.offset - o })
	if !found {
		i--
	}
	if i < 0 {
		i = 0
	}
	s := c.starts[i]
	col := s.col
	if end := min(offset, len(c.source)); end > s.offset {
		col += utf8.RuneCount(c.source[s.offset:end])
	}
	c.p.problem(s.line, col, format, args...)
}

// offsetOf finds where a node begins; some inline nodes know it only through
// what they contain.
func offsetOf(n ast.Node) int {
	for m := n; m != nil; m = m.FirstChild() {
		if m.Pos() >= 0 {
			return m.Pos()
		}
	}
	if n.Parent() != nil {
		return max(n.Parent().Pos(), 0)
	}
	return 0
}

func (c *chunk) blocks(parent ast.Node) []block {
	var out []block
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Paragraph:
			out = append(out, block{kind: paragraph, inlines: c.inlines(n)})
		case *ast.TextBlock:
			out = append(out, block{kind: paragraph, inlines: c.inlines(n)})
		case *ast.Heading:
			out = append(out, block{kind: heading, level: n.Level, inlines: c.inlines(n)})
		case *ast.List:
			out = append(out, block{kind: list, ordered: n.IsOrdered(), children: c.blocks(n)})
		case *ast.ListItem:
			out = append(out, block{kind: listItem, children: c.blocks(n)})
		case *ast.Blockquote:
			out = append(out, block{kind: quote, children: c.blocks(n)})
		case *ast.ThematicBreak:
			out = append(out, block{kind: rule})
		case *ast.LinkReferenceDefinition:
		case *ast.HTMLBlock:
			c.problemAt(offsetOf(n), "HTML is not allowed; write Markdown")
		case *ast.CodeBlock:
			c.problemAt(offsetOf(n), "a line that is indented by four blanks becomes program code; indent it less")
		default:
			c.problemAt(offsetOf(n), "%s is not allowed in a letter", n.Kind())
		}
	}
	return out
}

// inlineOrTag is a piece of a paragraph before conditions are nested.
type inlineOrTag struct {
	inline inline
	tag    *tag
}

func (c *chunk) inlines(parent ast.Node) []inline { return c.p.nest(c.flat(parent)) }

func (c *chunk) flat(parent ast.Node) []inlineOrTag {
	var out []inlineOrTag
	add := func(n inline) { out = append(out, inlineOrTag{inline: n}) }
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			out = append(out, c.marked(c.literal(n))...)
			switch {
			case n.HardLineBreak():
				add(inline{kind: lineBreak})
			case n.SoftLineBreak():
				add(inline{kind: space})
			}
		case *ast.String:
			out = append(out, c.marked(string(n.Value))...)
		case *ast.Emphasis:
			kind := emphasis
			if n.Level == 2 {
				kind = strong
			}
			add(inline{kind: kind, children: c.inlines(n)})
		case *ast.CodeSpan:
			add(inline{kind: code, children: c.inlines(n)})
		case *ast.Link:
			add(inline{kind: link, children: c.inlines(n), target: c.target(n, string(n.Destination))})
		case *ast.AutoLink:
			u := string(n.URL(c.source))
			label := string(n.Label(c.source))
			if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(u), "mailto:") {
				u = "mailto:" + u
			}
			add(inline{kind: link, children: []inline{{kind: text, text: label}}, target: c.target(n, u)})
		case *ast.Image:
			c.problemAt(offsetOf(n), "pictures are not allowed: a letter loads nothing from elsewhere")
		case *ast.RawHTML:
			c.problemAt(offsetOf(n), "HTML is not allowed; write Markdown")
		default:
			c.problemAt(offsetOf(n), "%s is not allowed in a letter", n.Kind())
		}
	}
	return out
}

// literal is the text of a node with Markdown's escapes and entities resolved.
func (c *chunk) literal(n *ast.Text) string {
	v := n.Segment.Value(c.source)
	if !n.IsRaw() && n.Parent().Kind() != ast.KindCodeSpan {
		v = util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(v)))
	}
	return string(v)
}

// marked splits text at the marks of tags.
func (c *chunk) marked(s string) []inlineOrTag {
	var out []inlineOrTag
	s = strings.ReplaceAll(s, string(edge), "")
	for s != "" {
		i := strings.IndexFunc(s, func(r rune) bool { return r >= firstMark && int(r-firstMark) < len(c.tags) })
		if i < 0 {
			return append(out, inlineOrTag{inline: inline{kind: text, text: s}})
		}
		if i > 0 {
			out = append(out, inlineOrTag{inline: inline{kind: text, text: s[:i]}})
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		out = append(out, inlineOrTag{tag: c.tags[r-firstMark]})
		s = s[i+size:]
	}
	return out
}

// nest puts what stands between {{#if}} and {{/if}} under one node.
func (p *parser) nest(in []inlineOrTag) []inline {
	out, rest := p.nestUntil(in, nil)
	for len(rest) > 0 {
		t := rest[0].tag
		p.problem(t.line, t.col, "%s closes nothing that is open here; open and close a block in the same paragraph and emphasis, or each on a line of its own", t.kind)
		var more []inline
		more, rest = p.nestUntil(rest[1:], nil)
		out = append(out, more...)
	}
	return out
}

// nestUntil stops before the {{else}} or {{/if}} that it does not own.
func (p *parser) nestUntil(in []inlineOrTag, open *tag) (out []inline, rest []inlineOrTag) {
	for len(in) > 0 {
		t := in[0].tag
		if t == nil {
			out = append(out, in[0].inline)
			in = in[1:]
			continue
		}
		switch t.kind {
		case fieldTag:
			out = append(out, inline{kind: fieldInline, field: &t.ref})
			in = in[1:]
		case ifTag:
			n := inline{kind: ifInline, branch: &branch{cond: t.cond}}
			n.children, in = p.nestUntil(in[1:], t)
			if len(in) > 0 && in[0].tag.kind == elseTag {
				n.branch.otherwise, in = p.nestUntil(in[1:], t)
			}
			if len(in) == 0 || in[0].tag.kind != endIfTag {
				p.problem(t.line, t.col, "{{#if}} is not closed; write {{/if}} in the same paragraph and emphasis, or both on lines of their own")
				return append(out, n), nil
			}
			in = in[1:]
			out = append(out, n)
		case eachTag, endEachTag:
			p.problem(t.line, t.col, "%s must stand on a line of its own, not indented", t.kind)
			in = in[1:]
		case badTag:
			in = in[1:]
		default:
			return out, in
		}
	}
	return out, nil
}

// target checks where a link goes. It begins with words that name the scheme
// and the host, or with a field that holds an address to go to.
func (c *chunk) target(n ast.Node, dest string) []inline {
	dest = string(util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations([]byte(dest)))))
	var out []inline
	for _, part := range c.marked(dest) {
		switch {
		case part.tag == nil:
			out = append(out, part.inline)
		case part.tag.kind == fieldTag:
			out = append(out, inline{kind: fieldInline, field: &part.tag.ref})
		case part.tag.kind != badTag:
			c.p.problem(part.tag.line, part.tag.col, "%s cannot stand inside the address of a link", part.tag.kind)
			return nil
		default:
			return nil
		}
	}
	if why := badTarget(out); why != "" {
		c.problemAt(offsetOf(n), "bad link: %s", why)
	}
	return out
}

func badTarget(target []inline) string {
	if len(target) == 0 {
		return "it goes nowhere; write the address in parentheses"
	}
	if first := target[0]; first.kind == fieldInline {
		if !first.field.field.web {
			return fmt.Sprintf("{{%s}} is not an address to go to; begin with https:// or {{office.url}}", first.field.field.name)
		}
		return ""
	}
	start := target[0].text
	lower := strings.ToLower(start)
	switch {
	case strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "http://"):
		u, err := url.Parse(start)
		if err != nil || u.Hostname() == "" || u.User != nil {
			return fmt.Sprintf("%q is no web address", start)
		}
		if len(target) > 1 && !strings.ContainsAny(start[len(u.Scheme)+3:], "/?#") {
			return "a field cannot be part of the host name; write / before it"
		}
		return ""
	case strings.HasPrefix(lower, "mailto:"):
		if start != "mailto:" && strings.Contains(start, "@") || len(target) > 1 && target[1].field.field.email {
			return ""
		}
		return "write mailto: and an e-mail address"
	case strings.HasPrefix(lower, "tel:"):
		if len(start) > len("tel:") || len(target) > 1 && target[1].field.field.phone {
			return ""
		}
		return "write tel: and a telephone number"
	}
	return fmt.Sprintf("%q must begin with https://, mailto: or tel:", start)
}
