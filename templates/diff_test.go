package templates

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	var b strings.Builder
	for _, l := range Diff("a\nb\nc\nd\n", "a\r\nx\r\nc\r\nd\r\ne") {
		b.WriteString(string(l.Op) + l.Text + "\n")
	}
	if got, want := b.String(), " a\n-b\n+x\n c\n d\n+e\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestDiffTellsBoth: both versions can be read off the comparison.
func TestDiffTellsBoth(t *testing.T) {
	source := rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", ""})), func(l []string) string { return strings.Join(l, "\n") + "x" })
	rapid.Check(t, func(r *rapid.T) {
		older, newer := source.Draw(r, "older"), source.Draw(r, "newer")
		var a, b []string
		for _, l := range Diff(older, newer) {
			if l.Op != '+' {
				a = append(a, l.Text)
			}
			if l.Op != '-' {
				b = append(b, l.Text)
			}
		}
		if strings.Join(a, "\n") != older || strings.Join(b, "\n") != newer {
			r.Fatalf("%q, %q became %q, %q", older, newer, a, b)
		}
	})
}
