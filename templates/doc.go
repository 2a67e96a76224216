// Package templates turns the office's letters, written in Markdown with
// fields, into a subject, plain text and HTML, and refuses what it cannot
// render.
package templates
