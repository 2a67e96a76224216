package templates

import (
	"strings"
	"testing"
	"unicode"
)

// TestReadingGrade holds English letters to what an eighth-grader reads
// (Flesch-Kincaid grade level). Names, numbers and addresses of the data are
// left out as far as that can be done: they are not our words.
func TestReadingGrade(t *testing.T) {
	d := Sample()
	for i := range d.Items {
		d.Items[i].Title, d.Items[i].ArticleTitle, d.Items[i].Author, d.Items[i].Reason = "The Sea", "", "", "All are lent out"
	}
	d.Office = Office{Name: "The Library", ReturnTo: "the desk", Hours: "from 9 to 5", URL: "https://example.edu/"}
	d.Note, d.Extra = "", nil
	one := d
	one.Items = d.Items[:1]
	for _, tpl := range Default().All() {
		if tpl.Language != "en" {
			continue
		}
		for _, d := range []Data{d, one} {
			r, err := tpl.Render(d)
			if err != nil {
				t.Fatal(err)
			}
			text, _, _ := strings.Cut(r.Text, "\n-- \n")
			if g := readingGrade(text); g > 8 {
				t.Errorf("%s is written for grade %.1f:\n%s", tpl.Name, g, text)
			}
		}
	}
}

func TestReadingGradeItself(t *testing.T) {
	easy := "The cat sat on the mat. It was a big cat."
	hard := "Notwithstanding the aforementioned institutional regulations, interlibrary borrowers are obligated to reimburse the lending institution for irretrievable materials."
	if g := readingGrade(easy); g > 2 {
		t.Errorf("easy words have grade %.1f", g)
	}
	if g := readingGrade(hard); g < 15 {
		t.Errorf("hard words have grade %.1f", g)
	}
}

// readingGrade is the Flesch-Kincaid grade level:
// 0.39 words/sentence + 11.8 syllables/word - 15.59.
func readingGrade(text string) float64 {
	words, syllables, sentences := 0, 0, 0
	open := false
	end := func() {
		if open {
			sentences++
		}
		open = false
	}
	for l := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(l) == "" || strings.HasPrefix(strings.TrimSpace(l), "- ") {
			end()
		}
		for _, w := range strings.Fields(l) {
			if strings.Contains(w, "://") || strings.Contains(w, "@") {
				continue
			}
			letters := strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })
			if letters != "" {
				words++
				syllables += countSyllables(strings.ToLower(letters))
				open = true
			}
			if strings.HasSuffix(w, ".") || strings.HasSuffix(w, "?") || strings.HasSuffix(w, "!") || strings.HasSuffix(w, ":") {
				end()
			}
		}
	}
	end()
	if words == 0 || sentences == 0 {
		return 0
	}
	return 0.39*float64(words)/float64(sentences) + 11.8*float64(syllables)/float64(words) - 15.59
}

// countSyllables counts groups of vowels; a silent e at the end is none.
func countSyllables(w string) int {
	n, vowel := 0, false
	for _, r := range w {
		v := strings.ContainsRune("aeiouy", r)
		if v && !vowel {
			n++
		}
		vowel = v
	}
	if strings.HasSuffix(w, "e") && !strings.HasSuffix(w, "le") || strings.HasSuffix(w, "es") || strings.HasSuffix(w, "ed") && !strings.HasSuffix(w, "ted") && !strings.HasSuffix(w, "ded") {
		n--
	}
	return max(n, 1)
}
