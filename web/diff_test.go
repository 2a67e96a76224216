package web

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDiffLines(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb\nc\n", "a\nx\nc\n", " a|-b|+x| c"},
		{"a\nb\nc\nd", "b\nc\ne\nd", "-a| b| c|+e| d"},
		{"", "a", "-|+a"},
		{"a\na\n", "a\n", " a|-a"},
	} {
		var got []string
		for _, l := range diffLines(c.before, c.after) {
			got = append(got, l.Mark+l.Text)
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q to %q: %s, want %s", c.before, c.after, s, c.want)
		}
	}
}

// What stays and what is gone is the old text; what stays and what is new, the new one.
func TestDiffLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[abc]{0,1}x`), 1, 12)
		before, after := strings.Join(lines.Draw(t, "before"), "\n"), strings.Join(lines.Draw(t, "after"), "\n")
		var was, is []string
		for _, l := range diffLines(before, after) {
			if l.Mark != "+" {
				was = append(was, l.Text)
			}
			if l.Mark != "-" {
				is = append(is, l.Text)
			}
		}
		if before != after && (strings.Join(was, "\n") != before || strings.Join(is, "\n") != after) {
			t.Fatalf("%q to %q became %q to %q", before, after, was, is)
		}
	})
}
