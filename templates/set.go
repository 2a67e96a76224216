package templates

// Set is the letters an office uses: the default ones and its own. It is
// immutable and safe for concurrent use.
type Set struct{}

// Default returns the set that comes with the program, with English enabled only.
func Default() *Set { return &Set{} }

// With returns a set in which t stand in place of those of the same name and language.
func (s *Set) With(t ...*Template) *Set { return s }

// Enable returns a set in which these languages are approved, beside English.
func (s *Set) Enable(languages ...string) *Set { return s }

// Lookup finds a letter in that language, else in its base language, else in English.
func (s *Set) Lookup(name, language string) (*Template, bool) { return nil, false }

// Names returns the names of all letters, sorted.
func (s *Set) Names() []string { return nil }

// All returns all letters in all languages, enabled or not, by name and language.
func (s *Set) All() []*Template { return nil }

// Render looks a letter up and renders it.
func (s *Set) Render(name, language string, d Data) (Rendered, error) { return Rendered{}, nil }

// CancellationTemplate names the letter for an ILL system's reason for cancellation.
func CancellationTemplate(reason string) (name string, letter bool) { return "", false }

// Convert turns a template of ILLiad's into one of ours.
func Convert(illiad string) (source string, problems []Problem) { return "", nil }

// Sample returns made-up data to preview a letter with.
func Sample() Data { return Data{} }

// Render renders t alone.
func (t *Template) Render(d Data) (Rendered, error) { return Rendered{}, nil }
