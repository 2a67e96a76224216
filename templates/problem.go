package templates

import (
	"fmt"
	"strings"
)

// Problem is why a source is refused, and where. Lines and columns count from
// 1; columns count characters.
type Problem struct {
	Line, Col int
	Text      string // "unknown field {{due_dat}}; did you mean {{due_date}}?"
}

func (p Problem) String() string {
	return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Col, p.Text)
}

// Problems is the error of Parse: all that was found, in the order of the source.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
