package mailbox

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// TextOfHTML is the plain text of an HTML body, for reading and classifying.
// Blocks become lines, table cells are parted by a tab, a link whose text is
// not its address is followed by "<address>", hidden elements are left out,
// and what the markup calls a quote is prefixed by "> " a level: blockquote,
// and what the reply headers of Outlook, Yahoo and Zimbra introduce.
// Its time is linear in the length of its input.
func TextOfHTML(s string) string {
	w := htmlText{open: make(map[atom.Atom]int)}
	w.out.Grow(len(s) / 4)
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimRight(cleanText(w.out.String()), " \t\n")
		case html.TextToken:
			if w.hidden == 0 && !w.inHead {
				w.text(z.Text())
			}
		case html.StartTagToken:
			w.start(z, false)
		case html.SelfClosingTagToken:
			w.start(z, true)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(atom.Lookup(name))
		}
	}
}

// element is an open tag and what its end undoes.
type element struct {
	tag    atom.Atom
	hidden bool
	quote  bool
	pre    bool
	breaks int    // line ends that its start and its end owe
	href   string // of a link
	from   int    // length of the output when it began
}

// numbering is an open list; next is 0 for an unordered one.
type numbering struct{ next int }

// htmlText writes the text line by line. What stands between two words (line
// ends, marks, a blank) is owed until the second comes.
type htmlText struct {
	out       strings.Builder
	stack     []element
	open      map[atom.Atom]int // how many of each are on the stack
	hidden    int
	pre       int
	quote     int
	lastQuote int // of the word before
	lists     []numbering

	breaks int    // line ends owed
	space  bool   // a blank owed
	tab    bool   // the end of a table cell owed
	indent int    // blanks owed at the start of a line of pre
	marker string // of a list item
	begun  bool

	inHead    bool
	freshCell bool // a cell began on this line: blocks in it break no line yet
	maybeRest bool // Outlook's rule above a reply header: the next word decides
	rest      bool // everything to the end is quoted
}

// newline owes at least n line ends.
func (w *htmlText) newline(n int) {
	if w.freshCell {
		return
	}
	if w.marker != "" {
		n = 1 // a paragraph right in a list item
	}
	w.breaks = max(w.breaks, n)
	w.space, w.tab, w.indent = false, false, 0
}

// text writes character data, white space collapsed outside pre.
func (w *htmlText) text(b []byte) {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == '\n' && w.pre > 0:
			w.breaks = min(w.breaks+1, 3)
			w.space, w.indent = false, 0
			i++
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == 0xc2 && i+1 < len(b) && b[i+1] == 0xa0:
			if c == 0xc2 {
				i++
			}
			i++
			if w.pre > 0 && w.breaks == 0 && w.begun {
				w.out.WriteByte(' ')
			} else if w.pre > 0 {
				w.indent = min(w.indent+1, 40)
			} else {
				w.space = true
			}
		default:
			n := i + 1
			for n < len(b) && b[n] > ' ' && !(b[n] == 0xc2 && n+1 < len(b) && b[n+1] == 0xa0) {
				n++
			}
			w.word(b[i:n])
			i = n
		}
	}
}

// word writes text without white space, after what is owed.
func (w *htmlText) word(s []byte) {
	if w.maybeRest {
		w.maybeRest = false
		if fromWords[strings.ToLower(string(s))] {
			w.quoteRest()
		}
	}
	switch {
	case !w.begun || w.breaks > 0:
		for i := w.breaks; i > 0 && w.begun; i-- {
			w.out.WriteByte('\n')
			if depth := min(w.quote, w.lastQuote, maxQuoteDepth); i > 1 && depth > 0 {
				w.out.WriteString(quoteMarks[:2*depth-1])
			}
		}
		w.out.WriteString(quoteMarks[:2*min(w.quote, maxQuoteDepth)])
		for range w.indent {
			w.out.WriteByte(' ')
		}
		w.out.WriteString(w.marker)
	case w.tab:
		w.out.WriteByte('\t')
	case w.space:
		w.out.WriteByte(' ')
	}
	w.begun, w.breaks, w.space, w.tab, w.indent, w.marker, w.freshCell = true, 0, false, false, 0, "", false
	w.lastQuote = w.quote
	w.out.Write(s)
}

var quoteMarks = strings.Repeat("> ", maxQuoteDepth)

// fromWords begin the header that Outlook puts above the mail it answers.
var fromWords = map[string]bool{
	"from:": true, "von:": true, "de:": true, "da:": true, "van:": true, "från:": true, "fra:": true,
	"发件人:": true, "发件人：": true, "寄件者:": true, "差出人:": true, "от:": true,
}

// quoteRest quotes everything from here to the end of the document.
func (w *htmlText) quoteRest() {
	if !w.rest {
		w.rest = true
		w.newline(2)
		w.quote++
	}
}

// blockBreaks are the line ends around an element.
var blockBreaks = map[atom.Atom]int{
	atom.Div: 1, atom.Section: 1, atom.Article: 1, atom.Header: 1, atom.Footer: 1, atom.Main: 1, atom.Aside: 1, atom.Nav: 1,
	atom.Address: 1, atom.Center: 1, atom.Form: 1, atom.Fieldset: 1, atom.Figure: 1, atom.Tr: 1, atom.Caption: 1, atom.Li: 1,
	atom.Dt: 1, atom.Dd: 1, atom.Option: 1, atom.Table: 1, atom.Pre: 1, atom.Blockquote: 1, atom.Body: 1, atom.Legend: 1,
	atom.P: 2, atom.H1: 2, atom.H2: 2, atom.H3: 2, atom.H4: 2, atom.H5: 2, atom.H6: 2, atom.Ul: 1, atom.Ol: 1, atom.Dl: 1,
}

// start handles a start tag.
func (w *htmlText) start(z *html.Tokenizer, selfClosing bool) {
	name, more := z.TagName()
	tag := atom.Lookup(name)
	var class, id, style string
	e := element{tag: tag, breaks: blockBreaks[tag], from: w.out.Len()}
	for more {
		var k, v []byte
		k, v, more = z.TagAttr()
		switch string(k) {
		case "class":
			class = string(v)
		case "id":
			id = string(v)
		case "style":
			style = string(v)
		case "name":
			if string(v) == replySection {
				id = replySection
			}
		case "hidden":
			e.hidden = true
		case "href":
			if tag == atom.A {
				e.href = string(v)
			}
		}
	}
	if w.inHead && !headTags[tag] {
		w.inHead = false
	}
	switch tag {
	case atom.Br:
		if w.hidden == 0 {
			w.breaks = min(w.breaks+1, 3)
			w.space, w.tab, w.freshCell = false, false, false
		}
		return
	case atom.Hr:
		if w.hidden == 0 {
			if id == "zwchr" { // Zimbra: what follows is the mail that is answered
				w.quoteRest()
			}
			w.newline(1)
			w.word([]byte("________________________________"))
			w.newline(1)
		}
		return
	case atom.Img, atom.Input, atom.Meta, atom.Link, atom.Base, atom.Col, atom.Area, atom.Wbr, atom.Embed, atom.Source, atom.Track, atom.Param:
		return
	case atom.Head:
		w.inHead = true
		return
	case atom.Style, atom.Script, atom.Title, atom.Noframes, atom.Noembed, atom.Iframe, atom.Template, atom.Object, atom.Textarea, atom.Svg:
		e.hidden = true
	}
	if selfClosing {
		// Not so in HTML, but Outlook's <o:p/> and XHTML mean it.
		if w.hidden == 0 && e.breaks > 0 {
			w.newline(1)
		}
		if strings.HasSuffix(id, "appendonsend") {
			w.quoteRest()
		}
		return
	}
	if style != "" {
		e.hidden = e.hidden || hidesContent(style)
		e.pre = strings.Contains(style, "white-space:pre") || strings.Contains(style, "white-space: pre")
	}
	if w.hidden == 0 && !e.hidden {
		w.begin(&e, class, id, style)
	}
	if e.hidden {
		w.hidden++
	}
	w.stack = append(w.stack, e)
	w.open[tag]++
}

// headTags do not end the head.
var headTags = map[atom.Atom]bool{
	atom.Head: true, atom.Title: true, atom.Meta: true, atom.Link: true, atom.Style: true, atom.Script: true,
	atom.Base: true, atom.Noscript: true, atom.Template: true, 0: true, // 0: Office's own, such as o:OfficeDocumentSettings
}

// begin writes what the start of a visible element means.
func (w *htmlText) begin(e *element, class, id, style string) {
	switch e.tag {
	case atom.P:
		if strings.HasPrefix(class, "Mso") || strings.Contains(style, "margin:0") || strings.Contains(style, "margin: 0") || strings.Contains(style, "margin-top:0") {
			e.breaks = 1
		}
	case atom.Blockquote:
		e.quote = !indents(style)
	case atom.Pre:
		e.pre = true
	case atom.Ul:
		w.lists = append(w.lists, numbering{})
	case atom.Ol:
		w.lists = append(w.lists, numbering{next: 1})
	}
	switch {
	case id == "" && class == "":
	case strings.HasPrefix(id, "yahoo_quoted") || id == replySection || strings.Contains(class, "yahoo_quoted") || id == "OLK_SRC_BODY_SECTION" || class == "zmail_extra":
		e.quote = true
	case strings.HasSuffix(id, "appendonsend") || strings.HasSuffix(id, "divRplyFwdMsg") || class == "OutlookMessageHeader" ||
		id == "mail-editor-reference-message-container" || id == "ms-outlook-mobile-reference-message":
		w.quoteRest()
	}
	if e.tag == atom.Div && strings.Contains(style, "border-top") && strings.Contains(style, "solid") && strings.Contains(style, "padding") {
		w.maybeRest = true
	}
	if e.quote {
		w.newline(1)
		w.quote++
	}
	if e.pre {
		w.pre++
	}
	switch e.tag {
	case atom.Td, atom.Th:
		w.freshCell = true
	case atom.Tr, atom.Table:
		if e.tag == atom.Tr || !w.freshCell {
			w.freshCell = false
			w.newline(1)
		}
	case atom.Li:
		w.newline(1)
		w.marker = "- "
		if n := len(w.lists); n > 0 {
			if l := &w.lists[n-1]; l.next > 0 {
				w.marker = strconv.Itoa(l.next) + ". "
				l.next++
			}
			w.marker = "                "[:2*min(n-1, 8)] + w.marker
		}
	default:
		if e.breaks > 0 {
			w.newline(e.breaks)
		}
	}
}

// end handles an end tag: it closes the innermost element of that name and
// whatever was left open inside. An end tag without a start is ignored, except
// that </p> and </br> break the line.
func (w *htmlText) end(tag atom.Atom) {
	if tag == atom.Head {
		w.inHead = false
		return
	}
	if w.open[tag] == 0 {
		if w.hidden == 0 && blockBreaks[tag] > 0 {
			w.newline(1)
		}
		return
	}
	for {
		e := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		w.open[e.tag]--
		w.close(e)
		if e.tag == tag {
			return
		}
	}
}

// close undoes what the start of e did.
func (w *htmlText) close(e element) {
	if e.hidden {
		w.hidden--
		return
	}
	if w.hidden > 0 {
		return
	}
	if e.pre {
		w.pre--
	}
	switch e.tag {
	case atom.A:
		w.closeLink(e)
	case atom.Td, atom.Th:
		w.freshCell = false
		const short = 100
		if wrote := w.out.Len() - e.from; wrote > 0 && wrote < short && !strings.Contains(strings.TrimLeft(w.out.String()[e.from:], "\n> "), "\n") {
			w.breaks, w.space = 0, false // a block in a short cell does not end the row's line
			w.tab = true
		} else if w.breaks == 0 {
			w.tab = w.begun
		}
	case atom.Ul, atom.Ol:
		if n := len(w.lists); n > 0 {
			w.lists = w.lists[:n-1]
		}
		w.marker = ""
	case atom.Li:
		w.marker = ""
	}
	if e.breaks > 0 {
		w.newline(e.breaks)
	}
	if e.quote {
		w.newline(1)
		w.quote--
	}
}

// closeLink writes the address of a link whose text does not show it.
func (w *htmlText) closeLink(e element) {
	const most = 500 // of an address, and of the text that is compared with it: links nest in hostile mail
	href := unwrapLink(strings.TrimSpace(e.href))
	text := w.out.String()[min(e.from, w.out.Len()):]
	text = strings.ToLower(strings.TrimSpace(text[:min(len(text), 2*most)]))
	if text == "" || len(href) > most || strings.ContainsAny(href, "<> \n\t") {
		return
	}
	bare := strings.ToLower(href)
	if rest, ok := strings.CutPrefix(bare, "mailto:"); ok {
		bare, _, _ = strings.Cut(rest, "?")
		href = bare
	} else if _, rest, ok := strings.Cut(bare, "://"); ok && strings.HasPrefix(bare, "http") {
		bare = strings.TrimSuffix(rest, "/")
	} else {
		return
	}
	if bare != "" && !strings.Contains(text, bare) {
		w.space = true
		w.word([]byte("<" + href + ">"))
	}
}

// replySection is the name that Spark gives the element with the mail that is
// answered.
const replySection = "messageReplySection"

// indents reports whether the style of a blockquote is that of the button
// "Indent" of web mail, which moves the sender's own words.
func indents(style string) bool {
	style = strings.ReplaceAll(style[:min(len(style), 200)], " ", "")
	return strings.Contains(style, "border:none") && strings.Contains(style, "40px")
}

// hidesContent reports whether a style attribute takes its element from view,
// as the preview lines of newsletters are.
func hidesContent(style string) bool {
	if !strings.Contains(style, "none") && !strings.Contains(style, "hid") && !strings.Contains(style, ":0") && !strings.Contains(style, ": 0") {
		return false
	}
	style = strings.ToLower(strings.ReplaceAll(style[:min(len(style), 2000)], " ", ""))
	for rest := style; rest != ""; {
		var d string
		d, rest, _ = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(d, ":")
		value = strings.TrimSuffix(value, "!important")
		switch name {
		case "display":
			if value == "none" {
				return true
			}
		case "visibility":
			if value == "hidden" {
				return true
			}
		case "mso-hide":
			if value == "all" {
				return true
			}
		case "font-size", "max-height":
			if value == "0" || value == "0px" || value == "0pt" {
				return true
			}
		}
	}
	return false
}
