package classifier

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed cues.txt
var cuesText string

// theLexicon is cues.txt, compiled once.
var theLexicon = sync.OnceValue(func() *lexicon {
	l, err := parseLexicon(cuesText)
	if err != nil {
		panic(err) // the embedded file: a test reads it
	}
	return l
})

type elementKind uint8

const (
	elemWord elementKind = iota
	elemPrefix
	elemClass
	elemGap
	elemChoice
)

// element is one place of a pattern.
type element struct {
	kind   elementKind
	word   string
	class  int
	gap    int
	choice []element
}

// cue is one pattern and the intent for which it speaks.
type cue struct {
	intent  Intent
	pattern string
	elems   []element
}

// phrase is one entry of a class.
type phrase struct {
	class int
	words []element // words and prefixes only
}

// lexicon is the cue file, ready for matching.
type lexicon struct {
	classNames  []string
	phrases     map[string][]phrase // by first word
	stems       map[string][]phrase // by the first three bytes of a first word that is a prefix
	cues        []cue
	cueByWord   map[string][]int
	cueByClass  [][]int
	cueByPrefix map[string][]int // by the first three bytes
}

func parseLexicon(text string) (*lexicon, error) {
	l := &lexicon{phrases: map[string][]phrase{}, stems: map[string][]phrase{}, cueByWord: map[string][]int{}, cueByPrefix: map[string][]int{}}
	classes := map[string]int{}
	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "@") {
			break
		}
		if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, "=") {
			classes[name] = len(l.classNames)
			l.classNames = append(l.classNames, name[1:])
		}
	}
	l.cueByClass = make([][]int, len(l.classNames))
	intent := Intent("")
	seen := map[string]bool{}
	for n, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '@':
			intent = Intent(line[1:])
		case intent == "" && line[0] == '=':
			f := strings.Fields(line)
			class := classes[f[0]]
			dup := map[string]bool{}
			for _, w := range f[1:] {
				if dup[w] {
					continue
				}
				dup[w] = true
				l.addPhrase(class, w)
			}
		case intent == "":
			return nil, fmt.Errorf("cues.txt line %d: a pattern before the first @intent", n+1)
		default:
			if seen[string(intent)+" "+line] {
				continue
			}
			seen[string(intent)+" "+line] = true
			elems, err := parsePattern(line, classes)
			if err != nil {
				return nil, fmt.Errorf("cues.txt line %d: %w", n+1, err)
			}
			if len(elems) == 0 || elems[0].kind == elemGap {
				return nil, fmt.Errorf("cues.txt line %d: a pattern must begin with a word or a class", n+1)
			}
			l.addCue(cue{intent, line, elems})
		}
	}
	return l, nil
}

func (l *lexicon) addPhrase(class int, entry string) {
	var words []element
	for _, w := range strings.Split(entry, "_") {
		words = append(words, wordElements(w)...)
	}
	if len(words) == 0 {
		return
	}
	p := phrase{class, words}
	if words[0].kind == elemWord {
		l.phrases[words[0].word] = append(l.phrases[words[0].word], p)
	} else {
		k := prefixKey(words[0].word)
		l.stems[k] = append(l.stems[k], p)
	}
}

// wordElements is the words of one entry as the tokenizer would see them.
func wordElements(w string) []element {
	star := strings.HasSuffix(w, "*")
	toks, _ := tokenize(strings.TrimSuffix(w, "*"), 20)
	var out []element
	for i, t := range toks {
		e := element{kind: elemWord, word: t.word}
		if star && i == len(toks)-1 {
			e.kind = elemPrefix
		}
		out = append(out, e)
	}
	return out
}

func prefixKey(w string) string {
	if len(w) > 3 {
		return w[:3]
	}
	return w
}

func parsePattern(line string, classes map[string]int) ([]element, error) {
	var elems []element
	for _, f := range strings.Fields(line) {
		if f[0] == '~' {
			gap := 3
			if len(f) > 1 {
				n, err := strconv.Atoi(f[1:])
				if err != nil {
					return nil, fmt.Errorf("gap %q: %w", f, err)
				}
				gap = n
			}
			elems = append(elems, element{kind: elemGap, gap: gap})
			continue
		}
		var choice []element
		for _, alt := range strings.Split(f, "|") {
			if alt == "" {
				continue
			}
			if alt[0] == '=' {
				c, ok := classes[alt]
				if !ok {
					// a word that happens to be no class stands for itself
					alt = alt[1:]
				} else {
					choice = append(choice, element{kind: elemClass, class: c})
					continue
				}
			}
			w := wordElements(alt)
			if len(w) != 1 {
				if len(choice) == 0 && !strings.Contains(f, "|") {
					elems = append(elems, w...)
				}
				continue
			}
			choice = append(choice, w[0])
		}
		switch len(choice) {
		case 0:
		case 1:
			elems = append(elems, choice[0])
		default:
			elems = append(elems, element{kind: elemChoice, choice: choice})
		}
	}
	for len(elems) > 0 && elems[len(elems)-1].kind == elemGap {
		elems = elems[:len(elems)-1]
	}
	return elems, nil
}

func (l *lexicon) addCue(c cue) {
	k := len(l.cues)
	l.cues = append(l.cues, c)
	first := []element{c.elems[0]}
	if c.elems[0].kind == elemChoice {
		first = c.elems[0].choice
	}
	for _, e := range first {
		switch e.kind {
		case elemWord:
			l.cueByWord[e.word] = append(l.cueByWord[e.word], k)
		case elemPrefix:
			l.cueByPrefix[prefixKey(e.word)] = append(l.cueByPrefix[prefixKey(e.word)], k)
		case elemClass:
			l.cueByClass[e.class] = append(l.cueByClass[e.class], k)
		}
	}
}

// span is a class at a token, over n tokens.
type span struct {
	class, n int
}

// annotated is a text in which the classes were found.
type annotated struct {
	toks  []token
	sents []sentence
	spans [][]span // per token
}

// annotate finds the classes of all words.
func (l *lexicon) annotate(toks []token, sents []sentence) *annotated {
	a := &annotated{toks: toks, sents: sents, spans: make([][]span, len(toks))}
	buf := make([]span, 0, 2*len(toks))
	for i := range toks {
		from := len(buf)
		try := func(ps []phrase) {
			for _, p := range ps {
				if n := matchWords(toks, i, p.words); n > 0 {
					dup := false
					for k := from; k < len(buf); k++ {
						if buf[k].class == p.class {
							buf[k].n = max(buf[k].n, n)
							dup = true
						}
					}
					if !dup {
						buf = append(buf, span{p.class, n})
					}
				}
			}
		}
		try(l.phrases[toks[i].word])
		if w := toks[i].word; len(w) >= 3 {
			try(l.stems[w[:3]])
		}
		a.spans[i] = buf[from:len(buf):len(buf)]
	}
	return a
}

func matchWords(toks []token, i int, words []element) int {
	if i+len(words) > len(toks) || toks[i+len(words)-1].sentence != toks[i].sentence {
		return 0
	}
	for k, w := range words {
		t := toks[i+k].word
		if w.kind == elemWord && t != w.word || w.kind == elemPrefix && !strings.HasPrefix(t, w.word) {
			return 0
		}
	}
	return len(words)
}

// hit is a cue found in a text.
type hit struct {
	cue      int
	from, to int // tokens
}

// find is the cues of a text, each at most once per sentence.
func (l *lexicon) find(a *annotated) []hit {
	var hits []hit
	last := make(map[int]int, 32) // cue → sentence+1 in which it was found last
	try := func(i int, ks []int) {
		for _, k := range ks {
			if last[k] == a.toks[i].sentence+1 {
				continue
			}
			budget := 64
			if to := a.match(i, a.toks[i].sentence, l.cues[k].elems, &budget); to > 0 {
				hits = append(hits, hit{k, i, to})
				last[k] = a.toks[i].sentence + 1
			}
		}
	}
	for i := range a.toks {
		w := a.toks[i].word
		if ks := l.cueByWord[w]; ks != nil {
			try(i, ks)
		}
		if len(w) >= 3 {
			if ks := l.cueByPrefix[w[:3]]; ks != nil {
				try(i, ks)
			}
		}
		for _, s := range a.spans[i] {
			try(i, l.cueByClass[s.class])
		}
	}
	return hits
}

// match is the token behind the pattern if it begins at token i of that
// sentence, or 0. budget bounds the ways that are tried.
func (a *annotated) match(i, sentence int, elems []element, budget *int) int {
	if *budget--; *budget < 0 {
		return 0
	}
	if len(elems) == 0 {
		return i
	}
	e := elems[0]
	if e.kind == elemGap {
		for g := 0; g <= e.gap; g++ {
			if to := a.match(i+g, sentence, elems[1:], budget); to > 0 {
				return to
			}
		}
		return 0
	}
	if i >= len(a.toks) || a.toks[i].sentence != sentence {
		return 0
	}
	if e.kind != elemChoice {
		return a.matchOne(i, sentence, e, elems[1:], budget)
	}
	for _, c := range e.choice {
		if to := a.matchOne(i, sentence, c, elems[1:], budget); to > 0 {
			return to
		}
	}
	return 0
}

func (a *annotated) matchOne(i, sentence int, e element, rest []element, budget *int) int {
	switch e.kind {
	case elemWord:
		if a.toks[i].word == e.word {
			return a.match(i+1, sentence, rest, budget)
		}
	case elemPrefix:
		if strings.HasPrefix(a.toks[i].word, e.word) {
			return a.match(i+1, sentence, rest, budget)
		}
	case elemClass:
		for _, s := range a.spans[i] {
			if s.class == e.class {
				return a.match(i+s.n, sentence, rest, budget)
			}
		}
	}
	return 0
}
