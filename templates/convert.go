package templates

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// illiadTag is a tag of ILLiad's, also as HTML editors leave it.
var illiadTag = regexp.MustCompile(`(?:<|&lt;)#\s*([A-Za-z0-9_ ]+(?:\.[A-Za-z0-9_ ]+)?)\s*(?:>|&gt;)`)

// illiadFields are our names of ILLiad's fields, by table; "" holds those of
// the bare form, which releases before 8.6 wrote.
var illiadFields = map[string]map[string]string{
	"transaction": {
		"transactionnumber": "item.transaction_number", "illnumber": "item.ill_number", "loantitle": "item.title",
		"photojournaltitle": "item.journal", "photoarticletitle": "item.title", "loanauthor": "item.author",
		"photoarticleauthor": "item.author", "photoitemauthor": "item.author", "requesttype": "item.request_type",
		"lendinglibrary": "item.lender", "transactionstatus": "item.status", "reasonforcancellation": "item.reason",
		"pickuplocation": "item.pickup_location", "callnumber": "item.call_number", "articleexchangeurl": "item.link",
		"articleexchangepassword": "item.password", "duedate": "item.due_date", "transactiondate": "item.status_date",
		"username": "patron.username",
	},
	"user": {
		"firstname": "patron.first_name", "lastname": "patron.last_name", "username": "patron.username",
		"emailaddress": "patron.email", "email": "patron.email", "status": "patron.status",
	},
	"localinfo": {
		"libraryname": "office.name", "institutionname": "office.name", "illname": "office.name", "departmentname": "office.name",
		"illemail": "office.address", "emailaddress": "office.address", "generalemail": "office.address", "borrowingemail": "office.address",
		"illphone": "office.phone", "phone": "office.phone", "generalphone": "office.phone", "borrowingphone": "office.phone",
		"illaddress": "office.return_to", "address": "office.return_to", "hours": "office.hours",
		"webaddress": "office.url", "url": "office.url", "webpage": "office.url",
	},
	"lenderaddress": {
		"lenderstring": "lender.symbol", "librarysymbol": "lender.symbol", "lendingsymbol": "lender.symbol",
		"libraryname": "lender.name", "name": "lender.name",
	},
}

// illiadBare is the order in which the tables are searched for a bare name.
var illiadBare = []string{"transaction", "user", "localinfo", "lenderaddress"}

// Convert turns a template of ILLiad's, as text or HTML, into a source of
// ours. Tags are understood in all the forms that ILLiad takes:
// <#Transaction.LoanTitle>, <#Transactions.LoanTitle>, <#LoanTitle>, in any
// case of letters. A tag that has no field here is left in the source as a
// field that Parse will not take, and is named, at its place in the input, in
// problems. So is a missing subject: ILLiad keeps it apart from the letter.
func Convert(illiad string) (source string, problems []Problem) {
	input := strings.ReplaceAll(strings.ReplaceAll(illiad, "\r\n", "\n"), "\r", "\n")
	c := &converter{input: strings.Map(func(r rune) rune {
		if r != '\n' && (r == utf8.RuneError || r == edge || blank(r) || unicode.Is(unicode.Co, r)) {
			return ' '
		}
		return r
	}, input)}
	body := illiadTag.ReplaceAllStringFunc(c.input, c.mark)
	subject, body := c.subject(body)
	if isHTML(body) {
		body = c.fromHTML(body)
	} else {
		body = escapeLines(body)
	}
	body = c.unmark(strings.TrimSpace(body))
	if body == "" {
		body = "…"
	}
	return "Subject: " + c.unmark(subject) + "\n\n" + body + "\n", c.problems
}

type converter struct {
	input    string
	searched int      // how much of input mark has come past
	tags     []string // what stands for each mark
	problems []Problem
}

// mark puts a private-use character in place of a tag, so that neither HTML
// nor Markdown touches it.
func (c *converter) mark(match string) string {
	start := c.searched + strings.Index(c.input[c.searched:], match)
	c.searched = start + len(match)
	name := strings.ReplaceAll(illiadTag.FindStringSubmatch(match)[1], " ", "")
	ours := illiadField(name)
	if ours == "" {
		ours = name
		before := c.input[:start]
		l := strings.Count(before, "\n") + 1
		col := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		text := fmt.Sprintf("ILLiad's <#%s> has no field here", name)
		_, last, dotted := strings.Cut(strings.ToLower(name), ".")
		if !dotted {
			last = strings.ToLower(name)
		}
		if n := nearestIlliad(last); n != "" {
			text += "; did you mean {{" + n + "}}?"
		}
		c.problems = append(c.problems, Problem{Line: l, Col: col, Text: text})
	}
	if f := lookupField(ours); f != nil {
		switch ours {
		case "patron.first_name":
			ours += ` or "there"`
		case "item.transaction_number", "item.title", "item.due_date":
		default:
			// ILLiad leaves a gap where a field is empty.
			ours += ` or ""`
		}
	}
	c.tags = append(c.tags, "{{"+ours+"}}")
	return string(firstMark + rune(len(c.tags)-1))
}

func (c *converter) unmark(s string) string {
	var b strings.Builder
	for _, r := range s {
		if i := int(r - firstMark); r >= firstMark && i < len(c.tags) {
			b.WriteString(c.tags[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// illiadField returns our name of a tag, or "".
func illiadField(name string) string {
	table, field, dotted := strings.Cut(strings.ToLower(name), ".")
	if dotted {
		table = strings.TrimSuffix(strings.TrimSuffix(table, "es"), "s")
		if table == "lenderaddr" {
			table = "lenderaddress"
		}
		return illiadFields[table][field]
	}
	for _, t := range illiadBare {
		if f := illiadFields[t][table]; f != "" {
			return f
		}
	}
	return ""
}

func nearestIlliad(name string) string {
	var known []string
	for _, t := range illiadBare {
		for n := range illiadFields[t] {
			known = append(known, n)
		}
	}
	slices.Sort(known)
	if n := nearest(name, known); n != "" {
		return illiadField(n)
	}
	return ""
}

// subject takes a "Subject:" line off the top. The marks in it stay.
func (c *converter) subject(body string) (subject, rest string) {
	first, rest, _ := strings.Cut(strings.TrimLeft(body, "\ufeff\n "), "\n")
	if len(first) > len("subject:") && strings.EqualFold(first[:len("subject:")], "subject:") {
		return strings.TrimSpace(first[len("subject:"):]), rest
	}
	c.problems = append([]Problem{{1, 1, "there is no subject; the one put in says only the title and the number"}}, c.problems...)
	return "Your request: {{item.title}} (TN {{item.transaction_number}})", body
}

var htmlElement = regexp.MustCompile(`(?i)</?(?:html|body|p|br|div|table|td|b|strong|i|em|a|ul|ol|li|span|font|h[1-6])\b[^<>]*>`)

func isHTML(s string) bool { return htmlElement.MatchString(s) }

// markdownSpecial is what Markdown would take for markup inside a line.
var markdownSpecial = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, "`", "\\`", `[`, `\[`, `]`, `\]`, `<`, `\<`, `&`, `\&`, `{`, `\{`)

var lineStart = regexp.MustCompile(`^(?:([-+>#=~])|(\d+)([.)])(\s|$))`)

// escapeLine makes a line of text stand for itself in Markdown.
func escapeLine(l string) string {
	l = markdownSpecial.Replace(strings.TrimSpace(l))
	return lineStart.ReplaceAllStringFunc(l, func(m string) string {
		if m[0] >= '0' && m[0] <= '9' {
			i := strings.IndexAny(m, ".)")
			return m[:i] + `\` + m[i:]
		}
		return `\` + m
	})
}

// escapeLines keeps the lines of a plain-text letter: ILLiad's are broken
// where they are meant to break.
func escapeLines(s string) string {
	var paragraphs []string
	for p := range strings.SplitSeq(s, "\n\n") {
		var lines []string
		for l := range strings.SplitSeq(strings.TrimSpace(p), "\n") {
			if l = escapeLine(l); l != "" {
				lines = append(lines, l)
			}
		}
		if len(lines) > 0 {
			paragraphs = append(paragraphs, strings.Join(lines, "\\\n"))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// fromHTML writes the words of an HTML letter as Markdown. What it looks like
// is the layout's affair; paragraphs, lists, bold, italic and links stay.
func (c *converter) fromHTML(s string) string {
	root, err := html.Parse(strings.NewReader(s))
	if err != nil {
		return escapeLines(s) // html.Parse fails only when its reader does
	}
	m := &htmlToMarkdown{c: c}
	m.children(root)
	m.flush()
	return strings.Join(m.paragraphs, "\n\n")
}

type htmlToMarkdown struct {
	c          *converter
	paragraphs []string
	line       strings.Builder // the paragraph in hand; "\n" breaks a line
	prefix     string          // of a list item or heading
}

// flush ends the paragraph in hand.
func (m *htmlToMarkdown) flush() {
	var lines []string
	for l := range strings.SplitSeq(m.line.String(), "\n") {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			lines = append(lines, l)
		}
	}
	m.line.Reset()
	if len(lines) == 0 {
		return
	}
	indent := strings.Repeat(" ", len(m.prefix))
	if strings.HasPrefix(m.prefix, "#") {
		lines, indent = []string{strings.Join(lines, " ")}, ""
	} else if m.prefix == "" {
		for i, l := range lines {
			lines[i] = lineStart.ReplaceAllStringFunc(l, func(s string) string {
				if i := strings.IndexAny(s, ".)"); i > 0 {
					return s[:i] + `\` + s[i:]
				}
				return `\` + s
			})
		}
	}
	m.paragraphs = append(m.paragraphs, m.prefix+strings.Join(lines, "\\\n"+indent))
}

func (m *htmlToMarkdown) children(n *html.Node) {
	for k := range n.ChildNodes() {
		m.node(k)
	}
}

func (m *htmlToMarkdown) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		m.line.WriteString(markdownSpecial.Replace(strings.NewReplacer("\n", " ", "\u00a0", " ").Replace(n.Data)))
		return
	case html.ElementNode, html.DocumentNode:
	default:
		return
	}
	switch n.DataAtom {
	case atom.Style, atom.Script, atom.Head, atom.Title, atom.Img:
	case atom.Br:
		m.line.WriteByte('\n')
	case atom.Hr:
		m.flush()
		m.paragraphs = append(m.paragraphs, "***")
	case atom.B, atom.Strong:
		m.wrapped("**", n)
	case atom.I, atom.Em:
		m.wrapped("*", n)
	case atom.A:
		m.link(n)
	case atom.Li:
		m.prefixed("- ", n)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		m.prefixed("## ", n)
	case atom.Td, atom.Th:
		m.children(n)
		m.line.WriteByte(' ')
	case atom.P, atom.Div, atom.Tr, atom.Table, atom.Ul, atom.Ol, atom.Blockquote, atom.Center:
		m.flush()
		m.children(n)
		m.flush()
	default:
		m.children(n)
	}
}

func (m *htmlToMarkdown) prefixed(prefix string, n *html.Node) {
	m.flush()
	outer := m.prefix
	m.prefix = prefix
	m.children(n)
	m.flush()
	m.prefix = outer
}

// wrapped writes an emphasis around its words, not around the blanks or the
// breaks at its ends, where Markdown does not see it.
func (m *htmlToMarkdown) wrapped(mark string, n *html.Node) {
	inner := m.inner(n)
	words := strings.TrimSpace(inner)
	if words == "" || strings.Contains(words, "\n") {
		m.line.WriteString(inner)
		return
	}
	before, after, _ := strings.Cut(inner, words)
	m.line.WriteString(before + mark + words + mark + after)
}

func (m *htmlToMarkdown) link(n *html.Node) {
	inner := m.inner(n)
	href := ""
	for _, a := range n.Attr {
		if a.Key == "href" {
			href = strings.TrimSpace(a.Val)
		}
	}
	words := strings.TrimSpace(inner)
	lower := strings.ToLower(href)
	known := strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "mailto:")
	if r, _ := utf8.DecodeRuneInString(href); r >= firstMark && int(r-firstMark) < len(m.c.tags) {
		name, _, _ := strings.Cut(strings.Trim(m.c.tags[r-firstMark], "{}"), " ")
		f := lookupField(name)
		known = f != nil && f.web
	}
	if !known || words == "" || strings.ContainsAny(href, " <>\n") {
		m.line.WriteString(inner)
		return
	}
	m.line.WriteString("[" + words + "](<" + href + ">)")
}

func (m *htmlToMarkdown) inner(n *html.Node) string {
	k := &htmlToMarkdown{c: m.c, prefix: m.prefix}
	k.children(n)
	return k.line.String()
}
