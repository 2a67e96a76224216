package templates

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWrapLosesNothing: wrapping moves blanks only, and no line is too long
// unless it is one word.
func TestWrapLosesNothing(t *testing.T) {
	words := rapid.OneOf(rapid.SampledFrom([]string{"a", "library", "https://example.org/" + strings.Repeat("x", 80), "图书馆", "（TN 412304）", "“x”", "。", "…", "Thư viện"}), rapid.StringN(0, 20, -1))
	rapid.Check(t, func(r *rapid.T) {
		s := clean(strings.Join(rapid.SliceOf(words).Draw(r, "words"), rapid.SampledFrom([]string{" ", ""}).Draw(r, "between")))
		w := &textWriter{}
		w.wrap(s, "- ", "  ")
		got := w.b.String()
		strip := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if strip(got) != strip("- "+s) {
			r.Fatalf("%q became %q", s, got)
		}
		for l := range strings.Lines(got) {
			l = strings.TrimRight(l, "\n")
			word, _, rest := nextWord(l[min(2, len(l)):])
			if width(l) > textWidth && rest != "" {
				r.Fatalf("a line of %d columns, first word %q: %q", width(l), word, l)
			}
		}
	})
}
