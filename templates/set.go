package templates

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed default/*.md
var defaultFiles embed.FS

// ErrNotFound is the error of Render for a letter that does not exist.
var ErrNotFound = errors.New("there is no such letter")

// Set is the letters an office uses: the default ones, its own in place of
// them, and the languages it has approved. It is immutable and safe for
// concurrent use.
type Set struct {
	letters map[string]map[string]*Template // name, then language in lower case
	enabled map[string]bool                 // languages in lower case; English always is
}

var defaultSet = sync.OnceValue(func() *Set {
	entries, err := defaultFiles.ReadDir("default")
	if err != nil {
		panic(err)
	}
	var all []*Template
	for _, e := range entries {
		source, err := defaultFiles.ReadFile("default/" + e.Name())
		if err != nil {
			panic(err)
		}
		name, language, ok := SplitFileName(e.Name())
		if !ok {
			panic("a default letter is called " + e.Name())
		}
		t, err := Parse(name, language, string(source))
		if err != nil {
			panic(fmt.Sprintf("default letter %s: %v", e.Name(), err)) // the tests parse them all
		}
		all = append(all, t)
	}
	return (&Set{}).With(all...)
})

// Default returns the set that comes with the program. Only English is enabled.
func Default() *Set { return defaultSet() }

// With returns a set in which t stand in place of those of the same name and
// language, or beside them. A language stays off until it is enabled.
func (s *Set) With(t ...*Template) *Set {
	n := &Set{letters: make(map[string]map[string]*Template, len(s.letters)), enabled: s.enabled}
	for name, byLanguage := range s.letters {
		n.letters[name] = maps.Clone(byLanguage)
	}
	for _, t := range t {
		if n.letters[t.Name] == nil {
			n.letters[t.Name] = make(map[string]*Template)
		}
		n.letters[t.Name][strings.ToLower(t.Language)] = t
	}
	return n
}

// Enable returns a set in which these languages are approved, beside English
// and those enabled before. Letters in other languages are never used.
func (s *Set) Enable(languages ...string) *Set {
	n := &Set{letters: s.letters, enabled: maps.Clone(s.enabled)}
	if n.enabled == nil {
		n.enabled = make(map[string]bool)
	}
	for _, l := range languages {
		n.enabled[strings.ToLower(l)] = true
	}
	return n
}

// Enabled reports whether letters in that language may go out.
func (s *Set) Enabled(language string) bool {
	l := strings.ToLower(language)
	base, _, _ := strings.Cut(l, "-")
	return base == "en" || s.enabled[l]
}

// Lookup finds the letter in that language, else in its base language
// ("es" for "es-MX"), else in English. Languages that are not enabled are
// passed over; "" is English.
func (s *Set) Lookup(name, language string) (*Template, bool) {
	byLanguage := s.letters[name]
	for _, tag := range tagsFor(language) {
		if t, ok := byLanguage[tag]; ok && s.Enabled(tag) {
			return t, true
		}
	}
	t, ok := byLanguage["en"]
	return t, ok
}

// Get finds the letter in exactly that language, enabled or not: for pages on
// which letters are read and approved.
func (s *Set) Get(name, language string) (*Template, bool) {
	t, ok := s.letters[name][strings.ToLower(language)]
	return t, ok
}

// Names returns the names of all letters, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.letters)) }

// All returns all letters in all languages, enabled or not, by name and then
// by language, English first.
func (s *Set) All() []*Template {
	var all []*Template
	for _, name := range s.Names() {
		byLanguage := s.letters[name]
		if t, ok := byLanguage["en"]; ok {
			all = append(all, t)
		}
		for _, l := range slices.Sorted(maps.Keys(byLanguage)) {
			if l != "en" {
				all = append(all, byLanguage[l])
			}
		}
	}
	return all
}

// Render looks a letter up and writes it. The error is ErrNotFound or one of
// Template.Render.
func (s *Set) Render(name, language string, d Data) (Rendered, error) {
	t, ok := s.Lookup(name, language)
	if !ok {
		return Rendered{}, fmt.Errorf("rendering the letter %q: %w", name, ErrNotFound)
	}
	return t.Render(d)
}

// SplitFileName reads name and language from a letter's file: overdue.md is
// English, overdue.es.md Spanish.
func SplitFileName(file string) (name, language string, ok bool) {
	base, ok := strings.CutSuffix(file, ".md")
	name, language, found := strings.Cut(base, ".")
	if !found {
		language = "en"
	}
	return name, language, ok && ValidName(name, language)
}

// ValidName reports whether a letter may be called so, in such a language.
func ValidName(name, language string) bool {
	return namePattern.MatchString(name) && languagePattern.MatchString(language)
}

// FileName is the file of a letter, as SplitFileName reads it.
func FileName(name, language string) string {
	if language == "en" {
		return name + ".md"
	}
	return name + "." + language + ".md"
}
