package templates

// The tree of a template. Parse makes it once from the source; evaluating it
// with Data gives a tree of the same types without fields and conditions,
// which the two writers turn into text and HTML. Values enter it as text
// nodes: nothing ever reads them as Markdown, HTML or an address to go to.

type blockKind int

const (
	paragraph blockKind = iota
	heading
	list
	listItem
	quote
	rule
	ifBlock   // in a parsed tree only
	eachBlock // in a parsed tree only
)

type block struct {
	kind      blockKind
	level     int  // of a heading
	ordered   bool // of a list
	inlines   []inline
	children  []block
	otherwise []block // the else of an ifBlock
	cond      condition
}

type inlineKind int

const (
	text  inlineKind = iota
	space            // a line break of the source
	lineBreak
	strong
	emphasis
	code
	link
	fieldInline // in a parsed tree only
	ifInline    // in a parsed tree only
)

type inline struct {
	kind     inlineKind
	text     string // of text; of an evaluated link where it goes: checked, not yet escaped for HTML
	children []inline
	target   []inline // of a parsed link: text and fieldInline
	field    *fieldRef
	branch   *branch // of an ifInline; its first branch is in children
}

// branch is the condition of an {{#if}} inside a paragraph and its {{else}}.
type branch struct {
	cond      condition
	otherwise []inline
}

// condition is what stands in {{#if …}}.
type condition struct {
	field *field
	not   bool
}

// fieldRef is what stands in {{…}}: a field, what to write when it is empty,
// and how to write it.
type fieldRef struct {
	field    *field
	fallback string
	optional bool // there is a fallback, which may be ""
	filter   filter
}

type filter int

const (
	plain     filter = iota
	inDays           // "1 day", "3 days"
	shortDate        // "Nov 23, 2026"
)
