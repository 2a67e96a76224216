// Package templates holds the office's letters. It turns one source, Markdown
// with fields, into a subject, plain text and HTML, and refuses when it is
// saved what it could not render. It is pure: no clock, no database, no mail.
//
// # Source
//
//	Subject: {{#if many}}{{count}} loans are overdue{{else}}Overdue: {{item.title}}{{/if}}
//
//	Hello {{patron.first_name or "there"}},
//
//	{{#each items}}
//	- **{{item.title}}** is {{item.days_overdue | days}} overdue.
//	{{/each}}
//
// The first line is the subject; an empty line parts it from the letter,
// which is Markdown: paragraphs, "- " and "1. " lists, "> " quotations,
// headings, **bold**, *italic*, [links](https://…), a backslash at the end of
// a line to break it. HTML, pictures and program code are refused. A
// paragraph that is one link in bold becomes a button.
//
//	{{item.title}}                a field (FieldNames lists them); empty: the letter is not rendered
//	{{patron.first_name or "…"}}  with words to take when it is empty; or "" for nothing
//	{{item.due_date | short}}     a date in short
//	{{item.days_left | days}}     a number with its word: 1 day, 3 days
//	{{#if x}} … {{else}} … {{/if}}, {{#if not x}}
//	                              x is a field; true when it is set, not empty, not 0
//	{{#each items}} … {{/each}}   once for each request; stands on lines of its own
//
// {{#if}} may stand inside a paragraph, where it is also closed, or on a line
// of its own, at its beginning; so may what closes it. Inside {{#each}}
// {{item.…}} is the request in turn, elsewhere it is the first one.
// {{#if many}} is true when the letter tells about several requests.
// {{extra.…}} takes any name. Dates, days and {{reminder}} ("second
// reminder") are written in the language of the template. The address of a
// link begins with https://, mailto: or tel:, or with {{office.url}} or
// {{item.link}}, the only fields that may say where a link goes.
//
// # Values
//
// A source is parsed once, into a tree (node.go). Values come into that tree
// as text, after Markdown has been read, and are escaped by whoever writes
// them out. So no value can make markup, a link or a header line, whatever
// it holds.
package templates
