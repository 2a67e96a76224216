package classifier

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
	"github.com/kljensen/snowball/french"
	"github.com/kljensen/snowball/spanish"
)

// feature is one thing that is true of a message, by the hash of its name.
type feature struct {
	key uint64
	val float64
}

// key is the FNV-1a hash of the parts of a feature's name.
func key(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := 0; i < len(p); i++ {
			h ^= uint64(p[i])
			h *= 1099511628211
		}
		h ^= 0xff
		h *= 1099511628211
	}
	return h
}

// maxTokens bounds how much of a new text is weighed.
const maxTokens = 600

// reading of words: what the features need of one text.
type worded struct {
	text  string
	lang  string
	ann   *annotated
	hits  []hit
	subj  *annotated
	shits []hit
	subjT string
	said  []feature // what the words say
}

// wordsFor prepares the new text and the subject.
func wordsFor(l *lexicon, newText, subject string) *worded {
	w := &worded{text: newText, subjT: cleanSubject(subject)}
	toks, sents := tokenize(newText, maxTokens)
	w.lang = language(toks)
	w.ann = l.annotate(toks, sents)
	w.hits = l.find(w.ann)
	st, ss := tokenize(w.subjT, 40)
	w.subj = l.annotate(st, ss)
	w.shits = l.find(w.subj)
	fs := newFeatureSet(512)
	w.textFeatures(l, fs)
	w.said = fs.list
	return w
}

// only is the words of one sentence.
func (w *worded) only(i int) *worded {
	st := w.ann.sents[i]
	out := &worded{text: w.text, lang: w.lang, subj: &annotated{}}
	out.ann = &annotated{toks: w.ann.toks[st.from:st.to], spans: w.ann.spans[st.from:st.to], sents: []sentence{{0, st.to - st.from, st.question}}}
	for _, h := range w.hits {
		if h.from >= st.from && h.from < st.to {
			out.hits = append(out.hits, hit{h.cue, h.from - st.from, h.to - st.from})
		}
	}
	return out
}

// replyPrefixes are what mail programs put before a subject.
var replyPrefixes = []string{"re:", "aw:", "fw:", "fwd:", "sv:", "rv:", "enc:", "res:", "wg:", "tr:", "antw:", "r:", "i:", "回复:", "回复：", "转发:", "转发：", "答复:", "答复：", "re :", "tr :", "[external]", "[ext]", "external:"}

func cleanSubject(s string) string {
	s = strings.TrimSpace(s)
	for {
		low := strings.ToLower(s)
		cut := false
		for _, p := range replyPrefixes {
			if strings.HasPrefix(low, p) && len(p) <= len(s) {
				s = strings.TrimSpace(s[len(p):])
				cut = true
				break
			}
		}
		if !cut {
			return s
		}
	}
}

// isReplySubject reports whether the subject says that the mail is an answer.
func isReplySubject(s string) bool {
	return cleanSubject(s) != strings.TrimSpace(s)
}

var languageWords = func() map[string]string {
	m := map[string]string{}
	for lang, words := range map[string]string{
		"en": "the and is of my i it you for have this that with be was are not in on can please would",
		"es": "el los las que y por es una del con para mi lo esta pero muy ya hola libro gracias",
		"fr": "le les des et est une je vous que pour dans pas mon ce avec sur bonjour merci livre ai",
		"pt": "o os um uma não nao e do da em meu minha voces obrigado obrigada livro com ola foi",
		"de": "der die das und ist ich nicht mit ein eine zu den von es sie auf fur bitte buch habe",
		"ht": "mwen liv la pou li ki yon nan pa mesi bonjou gen ou",
		"vi": "toi sach cua khong la va da cho ban thu vien em duoc",
		"it": "il libro che non per un sono di ho grazie della vorrei ma",
	} {
		for _, w := range strings.Fields(words) {
			if _, ok := m[w]; ok {
				m[w] = "" // of several
				continue
			}
			m[w] = lang
		}
	}
	return m
}()

// language guesses the language of a text by its small words.
func language(toks []token) string {
	votes := map[string]int{}
	for i, t := range toks {
		if i > 150 {
			break
		}
		if l := languageWords[t.word]; l != "" {
			votes[l]++
		} else if r, _ := utf8.DecodeRuneInString(t.word); isCJK(r) {
			votes["zh"]++
		}
	}
	best, n := "en", votes["en"]
	for _, l := range []string{"de", "es", "fr", "ht", "it", "pt", "vi", "zh"} {
		if votes[l] > n {
			best, n = l, votes[l]
		}
	}
	return best
}

// stems remembers stemmed words; it holds at most maxStems of them.
var (
	stems     sync.Map
	stemCount atomic.Int64
)

const maxStems = 50_000

func stem(word, lang string) string {
	if len(word) < 4 || len(word) > 30 {
		return word
	}
	switch lang {
	case "en", "es", "fr":
	case "zh":
		return word
	default:
		if len(word) > 6 { // no stemmer: the beginning says enough
			return word[:6]
		}
		return word
	}
	k := lang + word
	if s, ok := stems.Load(k); ok {
		return s.(string)
	}
	var s string
	switch lang {
	case "es":
		s = spanish.Stem(word, false)
	case "fr":
		s = french.Stem(word, false)
	default:
		s = english.Stem(word, false)
	}
	if stemCount.Load() < maxStems {
		stemCount.Add(1)
		stems.Store(k, s)
	}
	return s
}

// featureSet gathers features; each counts once, by its greatest value.
type featureSet struct {
	at   map[uint64]int
	list []feature
}

func newFeatureSet(n int) *featureSet {
	return &featureSet{at: make(map[uint64]int, n), list: make([]feature, 0, n)}
}

func (s *featureSet) add(val float64, parts ...string) {
	k := key(parts...)
	if i, ok := s.at[k]; ok {
		s.list[i].val = max(s.list[i].val, val)
		return
	}
	s.at[k] = len(s.list)
	s.list = append(s.list, feature{k, val})
}

// weights of the groups of features: what is worth more is penalised less.
const (
	valGroup   = 0.9
	valCue     = 0.9
	valClass   = 0.55
	valPair    = 0.45
	valWord    = 0.5
	valBigram  = 0.35
	valSubject = 0.5
	valContext = 0.8
	valStart   = 0.3
	valGram    = 0.25
)

// freeLength is the words up to which each word has its full weight.
const freeLength = 30

// textFeatures adds what the words say.
func (w *worded) textFeatures(l *lexicon, fs *featureSet) {
	fs.add(1, "bias")
	long := 1.0 // a long text has many words by chance
	if n := len(w.ann.toks); n > freeLength {
		long = math.Sqrt(freeLength / float64(n))
	}
	groups := map[Intent]int{}
	for _, h := range w.hits {
		c := l.cues[h.cue]
		groups[c.intent]++
		fs.add(valCue, "p", string(c.intent), c.pattern)
	}
	// In a fixed order: training sums in the order of the features.
	for _, intent := range slices.Sorted(maps.Keys(groups)) {
		n := groups[intent]
		fs.add(valGroup*min(1, 0.4+0.2*float64(n)), "g", string(intent))
	}
	sg := map[Intent]bool{}
	for _, h := range w.shits {
		c := l.cues[h.cue]
		sg[c.intent] = true
		fs.add(valCue*0.7, "sp", string(c.intent), c.pattern)
	}
	for _, intent := range slices.Sorted(maps.Keys(sg)) {
		fs.add(valGroup*0.6, "sg", string(intent))
	}
	for si, s := range w.ann.sents {
		type at struct{ class, pos int }
		var seq []at
		for i := s.from; i < s.to; i++ {
			for _, sp := range w.ann.spans[i] {
				seq = append(seq, at{sp.class, i})
			}
		}
		for x, a := range seq {
			name := l.classNames[a.class]
			fs.add(long*valClass, "c", name)
			if s.question {
				fs.add(long*valClass*0.7, "cq", name)
			}
			if si == 0 {
				fs.add(long*valClass*0.4, "c0", name)
			}
			for y := x + 1; y < len(seq) && y < x+14; y++ {
				b := seq[y]
				if b.pos-a.pos > 8 {
					break
				}
				if a.class != b.class {
					fs.add(long*valPair, "cc", name, l.classNames[b.class])
				}
			}
		}
	}
	for _, s := range w.subj.sents {
		for i := s.from; i < s.to; i++ {
			for _, sp := range w.subj.spans[i] {
				fs.add(long*valClass*0.7, "sc", l.classNames[sp.class])
			}
			fs.add(valSubject, "s", stem(w.subj.toks[i].word, w.lang))
		}
	}
	prev := ""
	for i, t := range w.ann.toks {
		s := t.word
		if t.number {
			s = numberShape(s)
		} else {
			s = stem(s, w.lang)
		}
		fs.add(long*valWord, "w", s)
		if len(t.word) > 5 && !t.number {
			fs.add(long*valStart, "w5", t.word[:5])
		}
		if !t.number && len(t.word) > 3 {
			for edged, k := "<"+t.word+">", 0; k+4 <= len(edged); k++ {
				fs.add(long*valGram, "4", edged[k:k+4])
			}
		}
		if i > 0 && w.ann.toks[i-1].sentence == t.sentence {
			fs.add(long*valBigram, "w2", prev, s)
		}
		prev = s
	}
	q := 0
	for _, s := range w.ann.sents {
		if s.question {
			q++
		}
	}
	if q > 0 {
		fs.add(0.5, "question")
	}
	if n := len(w.ann.sents); n > 0 && w.ann.sents[n-1].question {
		fs.add(0.4, "lastquestion")
	}
	switch n := len(w.ann.toks); {
	case n == 0:
		fs.add(0.5, "len0")
	case n <= 8:
		fs.add(0.5, "len8")
	case n <= 25:
		fs.add(0.5, "len25")
	case n > 120:
		fs.add(0.5, "len120")
	}
}

// numberShape stands for all numbers of one form.
func numberShape(s string) string {
	switch n := len(s); {
	case n == 4 && (s[:2] == "19" || s[:2] == "20"):
		return "#year"
	case n <= 2:
		return "#2"
	case n <= 4:
		return "#4"
	}
	return "#n"
}
