package classifier

import (
	"strings"
)

// wordIndex is where each word of a text stands.
type wordIndex struct {
	at    map[string][]int
	words []string
	sents []sentence
}

func indexWords(texts ...string) *wordIndex {
	x := &wordIndex{at: map[string][]int{}}
	for _, t := range texts {
		toks, sents := tokenize(t, 1500)
		for _, s := range sents {
			x.sents = append(x.sents, sentence{s.from + len(x.words), s.to + len(x.words), s.question})
		}
		for _, k := range toks {
			x.at[k.word] = append(x.at[k.word], len(x.words))
			x.words = append(x.words, k.word)
		}
		x.words = append(x.words, "") // no run goes from one text to the next
	}
	return x
}

// sentence is the bounds of the sentence around word i.
func (x *wordIndex) sentence(i int) (from, to int) {
	for _, s := range x.sents {
		if i >= s.from && i < s.to {
			return s.from, s.to
		}
	}
	return 0, len(x.words)
}

// question reports whether word i stands in a question.
func (x *wordIndex) question(i int) bool {
	for _, s := range x.sents {
		if i >= s.from && i < s.to {
			return s.question
		}
	}
	return false
}

// has tells where a title word stands in the text, also in the plural.
func (x *wordIndex) has(w string) []int {
	if p, ok := x.at[w]; ok {
		return p
	}
	if len(w) > 4 {
		if strings.HasSuffix(w, "s") {
			return x.at[w[:len(w)-1]]
		}
		return x.at[w+"s"]
	}
	return nil
}

// titleMatch says how well a text names a title.
type titleMatch struct {
	score float64 // 0 to 1
	at    int     // where in the text, -1 where nowhere
	words int     // words of the title that were found
	full  bool    // the whole main title in a row
}

// weightOf says how much a title word speaks: rare words more.
func weightOf(w string) float64 {
	switch {
	case smallWords[w] || w == "vol" || w == "ed" || w[0] >= '0' && w[0] <= '9' && len(w) < 3:
		return 0
	case commonWords[w]:
		return 0.3
	case len(w) <= 3:
		return 0.6
	}
	return 1
}

// mainTitle is the title up to its subtitle.
func mainTitle(s string) string {
	if k := strings.IndexAny(s, ":;?("); k > 3 {
		return s[:k]
	}
	if k := strings.Index(s, " - "); k > 3 {
		return s[:k]
	}
	return s
}

// matchTitle compares one title with the text.
func (x *wordIndex) matchTitle(title string) titleMatch {
	best := x.matchWords(mainTitle(title))
	if full := x.matchWords(title); full.score > best.score || full.words > best.words {
		if full.score < best.score {
			full.score = best.score
		}
		full.full = full.full || best.full
		return full
	}
	return best
}

func (x *wordIndex) matchWords(title string) titleMatch {
	toks, _ := tokenize(title, 40)
	m := titleMatch{at: -1}
	total := 0.0
	var content []string
	for _, t := range toks {
		if w := weightOf(t.word); w > 0 {
			total += w
			content = append(content, t.word)
		}
	}
	if total == 0 {
		// a title of small words only ("On", "It"): the words in a row
		if len(toks) >= 3 {
			for _, p := range x.at[toks[0].word] {
				k := 0
				for k < len(toks) && p+k < len(x.words) && x.words[p+k] == toks[k].word {
					k++
				}
				if k == len(toks) {
					return titleMatch{score: 0.8, at: p, words: k, full: true}
				}
			}
		}
		return m
	}
	// the densest place: start at each occurrence of a content word, and take
	// what follows within the length of the title
	window := len(toks) + 4
	seen := 0
	for ci, c := range content {
		for _, p := range x.has(c) {
			if seen++; seen > 200 {
				break
			}
			got, n, pos := 0.0, 0, p
			inRow := true
			expect := p
			for _, w := range content[ci:] {
				found := -1
				for _, q := range x.has(w) {
					if q >= pos && q < p+window {
						found = q
						break
					}
				}
				if found >= 0 {
					got += weightOf(w)
					n++
					for k := expect; k < found; k++ {
						if !smallWords[x.words[k]] {
							inRow = false
						}
					}
					pos, expect = found+1, found+1
				}
			}
			share := got / total
			score := share
			if got < 1 { // common words only
				score *= 0.5
				if share == 1 && inRow && n >= 2 {
					score = 0.75
				} else if share == 1 && inRow {
					score = 0.3
				}
			} else if share == 1 && n == 1 && len(content) == 1 {
				score = 0.8 // a title of one word
				if len(c) < 5 {
					score = 0.5
				}
			}
			if !inRow {
				score *= 0.85
			}
			if n == 1 && len(content) > 1 {
				score = min(score, 0.5) // one word of several may be chance
			}
			if score > m.score || score == m.score && n > m.words {
				m = titleMatch{score: score, at: p, words: n, full: share == 1 && inRow && (got >= 1 || n >= 2)}
			}
		}
	}
	return m
}

// authorNames is the last names of a request's author, folded.
func authorNames(author string) []string {
	var out []string
	for _, a := range strings.FieldsFunc(author, func(r rune) bool { return r == ';' || r == '&' || r == '/' }) {
		for _, b := range strings.Split(a, " and ") {
			b = strings.TrimSpace(b)
			last := b
			if k := strings.IndexByte(b, ','); k > 0 {
				last = b[:k]
			} else if f := strings.Fields(b); len(f) > 0 {
				last = f[len(f)-1]
				if l := strings.ToLower(strings.Trim(last, ".")); (l == "jr" || l == "sr" || l == "ii" || l == "iii") && len(f) > 1 {
					last = f[len(f)-2]
				}
			}
			for _, w := range wordsOf(fold(last)) {
				if len(w) >= 3 && !smallWords[w] {
					out = append(out, w)
				}
			}
		}
	}
	return out
}
