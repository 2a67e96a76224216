package templates

// Template is one letter in one language, parsed once. It is immutable.
type Template struct {
	Name     string // "overdue"
	Language string // BCP 47: "en", "es", "zh-Hans"
	Source   string
}

// Parse reads a template. The error is a Problems.
func Parse(name, language, source string) (*Template, error) {
	return &Template{Name: name, Language: language, Source: source}, nil
}
