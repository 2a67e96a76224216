package triage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"illmail/store"
)

// quoteLength is how many words of a patron in a row make a quotation.
const quoteLength = 6

// Private says what of patrons stands in words that are to go to a lender or a
// vendor, each in a phrase: a name, an address, words that they wrote. requests
// are those that the words are about: their titles are nobody's secret.
func (d *Desk) Private(ctx context.Context, requestIDs []int64, patronID int64, texts ...string) ([]string, error) {
	requests, err := d.DB.ReadRequests(ctx, requestIDs)
	if err != nil {
		return nil, err
	}
	ids := []int64{}
	titles := []string{}
	for _, r := range requests {
		ids = append(ids, r.PatronID)
		titles = append(titles, r.Title, r.ArticleTitle, r.Author)
	}
	if patronID != 0 {
		ids = append(ids, patronID)
	}
	slices.Sort(ids)
	var people []person
	for _, id := range slices.Compact(ids) {
		p, err := d.DB.PatronByID(ctx, id)
		if err != nil {
			return nil, err
		}
		others, err := d.DB.PatronAddresses(ctx, id)
		if err != nil {
			return nil, err
		}
		people = append(people, person{p, append(others, p.Email)})
	}
	said, err := d.DB.PatronWords(ctx, requestIDs)
	if err != nil {
		return nil, err
	}
	return private(strings.Join(texts, "\n"), people, said, titles), nil
}

// person is a patron with all their addresses.
type person struct {
	store.Patron
	addresses []string
}

// private is the rule of Desk.Private.
func private(text string, people []person, said, titles []string) []string {
	var found []string
	add := func(format, word string) {
		if phrase := fmt.Sprintf(format, word); !slices.Contains(found, phrase) {
			found = append(found, phrase)
		}
	}
	low := strings.ToLower(text)
	words := " " + strings.Join(plainWords(text), " ") + " "
	public := " " + strings.Join(plainWords(strings.Join(titles, " ")), " ") + " "
	contains := func(word string) bool {
		w := " " + strings.Join(plainWords(word), " ") + " "
		return len(w) > 3 && strings.Contains(words, w)
	}
	for _, p := range people {
		for _, a := range p.addresses {
			if a = strings.ToLower(a); a != "" && strings.Contains(low, a) {
				add("the address %s", a)
			}
		}
		switch last := " " + strings.Join(plainWords(p.LastName), " ") + " "; {
		case p.FirstName != "" && contains(p.Name()):
			add("the name %s", p.Name())
		case contains(p.LastName) && !strings.Contains(public, last): // an author may be called the same
			add("the name %s", p.LastName)
		}
		if contains(p.Username) {
			add("the username %s", p.Username)
		}
	}
	for _, s := range said {
		list := plainWords(s)
		for i := 0; i+quoteLength <= len(list); i++ {
			quote := " " + strings.Join(list[i:i+quoteLength], " ") + " "
			own := 0 // words that no title has
			for _, w := range list[i : i+quoteLength] {
				if !strings.Contains(public, " "+w+" ") {
					own++
				}
			}
			if own > quoteLength/2 && strings.Contains(words, quote) {
				add("the patron’s words “%s …”", strings.TrimSpace(quote))
				break
			}
		}
	}
	return found
}

// plainWords are the words of a text in lower case.
func plainWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
