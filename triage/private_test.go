package triage

import (
	"slices"
	"testing"

	"illmail/store"
)

func TestPrivate(t *testing.T) {
	people := []person{{store.Patron{FirstName: "Jordan", LastName: "Doe", Username: "jdoe3", Email: "jdoe3@example.edu"}, []string{"jdoe3@example.edu", "jordan@home.example"}}}
	said := []string{"Hello, could I keep the Making of the English Working Class for another two weeks? Jordan"}
	titles := []string{"The Making of the English Working Class", "", "Doe, Jane"}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"May our reader keep “The Making of the English Working Class” until December?", nil},
		{"By Jane Doe, ILL number 215412790.", nil}, // the author's name
		{"jordan DOE asks", []string{"the name Jordan Doe"}},
		{"Write to Jordan@Home.example", []string{"the address jordan@home.example"}},
		{"user JDOE3", []string{"the username jdoe3"}},
		{"> for another\n> two weeks? Jordan", nil}, // five words are no quotation
		{"> Hello, could I keep the\n> making", []string{"the patron’s words “hello could i keep the making …”"}},
	} {
		if got := private(c.text, people, said, titles); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
