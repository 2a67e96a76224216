package mailbox

import (
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// SafeHTML is the HTML of a mail without scripts, forms and anything that is
// fetched when it is shown: opening a mail tells its sender nothing. Pictures
// are kept only where the mail itself carries them (cid: and data:). It still
// belongs into a sandboxed frame with its own CSP.
func SafeHTML(html string) string {
	return safePolicy().Sanitize(cleanText(html))
}

// safePolicy is built at first use: not every process shows mail.
var safePolicy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(
		"a", "abbr", "address", "article", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup",
		"dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
		"i", "ins", "kbd", "li", "main", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup",
		"table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "wbr",
	)
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(?i:ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[a-zA-Z0-9-]{1,20}$`)).Globally()
	p.AllowAttrs("align", "valign").Matching(regexp.MustCompile(`^[a-zA-Z]{1,10}$`)).Globally()
	p.AllowAttrs("colspan", "rowspan", "border", "cellpadding", "cellspacing", "start", "size").Matching(regexp.MustCompile(`^-?[0-9]{1,4}$`)).
		OnElements("td", "th", "table", "ol", "font", "col", "colgroup")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^[0-9]{1,4}(px|%)?$`)).OnElements("img", "table", "td", "th", "col")
	p.AllowAttrs("color", "bgcolor").Matching(regexp.MustCompile(`^#?[a-zA-Z0-9]{1,20}$`)).OnElements("font", "table", "td", "th", "tr")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^(cite|[1aAiI]|disc|circle|square)$`)).OnElements("blockquote", "ol", "ul", "li")
	p.AllowAttrs("alt").OnElements("img")

	// The value of every style is matched whole: no url(), no expression, no escape.
	plain := regexp.MustCompile(`^[a-zA-Z0-9#%., ()\-]{1,100}$`)
	remote := regexp.MustCompile(`(?i)url|image|expression|var|attr|env`)
	style := func(value string) bool { return plain.MatchString(value) && !remote.MatchString(value) }
	p.AllowStyles("color", "background-color", "font-size", "font-weight", "font-style", "font-family", "text-align", "text-decoration", "text-indent",
		"line-height", "margin", "margin-left", "margin-right", "margin-top", "margin-bottom", "padding", "padding-left", "padding-right", "padding-top",
		"padding-bottom", "border", "border-left", "border-right", "border-top", "border-bottom", "border-color", "border-style", "border-width",
		"border-collapse", "width", "max-width", "vertical-align", "white-space", "list-style-type", "direction",
	).MatchingHandler(style).Globally()

	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "cid")
	p.AllowDataURIImages()
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^(?i:cid:[^\s"'<>]+|data:image/(png|gif|jpeg|webp);base64,[a-zA-Z0-9+/=\s]+)$`)).OnElements("img")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	p.SkipElementsContent("title", "script", "style", "iframe", "object", "embed", "svg", "math", "select", "textarea", "template", "noscript", "noembed", "noframes")
	return p
})
