package classifier

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"sort"
	"strings"
	"sync"
)

// Example is one message of which the right answer is known.
type Example struct {
	Reading *Reading
	Facts   Facts
	Kind    Kind
	Intents []Intent // the first is the main one
	// author groups messages of one author, so that the calibration judges the
	// model on authors that it had not seen; "" is a group, too.
	author string
	bare   bool // words without a header: its sender says nothing
}

// example is an Example with its features.
type example struct {
	kindFeatures   []feature
	intentFeatures []feature
	kind           Kind
	intents        []Intent
	author         string
}

// parameters of the training.
const (
	penalty    = 0.15 // of the squared distance of a weight from its prior
	steps      = 60   // of L-BFGS
	cuePrior   = 1.6  // what a cue's intent is worth before any training
	leastNgram = 2    // messages in which a feature must occur
	sureRight  = 0.985
)

func featuresOf(e Example) example {
	s := survey(e.Reading, e.Facts)
	w := e.Reading.words
	if w == nil {
		w = wordsFor(theLexicon(), spoken(e.Reading), e.Reading.Message.Subject)
	}
	out := example{kind: e.Kind, intents: e.Intents, author: e.author}
	out.intentFeatures = append(out.intentFeatures, w.said...)
	for _, x := range s.contextFeatures() {
		out.intentFeatures = append(out.intentFeatures, x.feature)
	}
	fs := newFeatureSet(8)
	s.kindFeatures(fs)
	out.kindFeatures = append(out.kindFeatures, w.said...)
	if !e.bare {
		out.kindFeatures = append(append(out.kindFeatures, readHeaders(e.Reading).features...), fs.list...)
	}
	return out
}

func featuresOfAll(examples []Example) []example {
	out := make([]example, len(examples))
	var wg sync.WaitGroup
	next := make(chan int)
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				out[i] = featuresOf(examples[i])
			}
		}()
	}
	for i := range examples {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}

// Train makes a model of the examples; the same examples in the same order
// give the same model.
func Train(examples []Example) *Model {
	all := featuresOfAll(examples)
	return trainOn(all, nil, calibrate(all))
}

// Learn is the classifier after what an office's staff corrected: the weights
// move from those of the model only as far as the corrections ask.
func (c *Classifier) Learn(corrections []Example) *Classifier {
	return c.With(trainOn(featuresOfAll(corrections), c.model, nil))
}

// task is what one head learns.
type task struct {
	classes []string
	docs    [][]feature
	truth   [][]int
	authors []string
}

func (t *task) put(fs []feature, author string, labels ...string) {
	var truth []int
	for _, l := range labels {
		if k := indexOf(t.classes, l); k >= 0 {
			truth = append(truth, k)
		}
	}
	if len(truth) == 0 {
		return
	}
	t.docs, t.truth, t.authors = append(t.docs, fs), append(t.truth, truth), append(t.authors, author)
}

func stringsOf[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// tasksOf deals the examples out to the heads.
func tasksOf(examples []example) [4]*task {
	kind := &task{classes: stringsOf(kinds)}
	patron, partner, system := &task{classes: stringsOf(patronIntents)}, &task{classes: stringsOf(partnerIntents)}, &task{classes: stringsOf(systemIntents)}
	for _, e := range examples {
		kind.put(e.kindFeatures, e.author, string(e.kind))
		labels := stringsOf(e.intents)
		switch e.kind {
		case KindPatron:
			patron.put(e.intentFeatures, e.author, labels...)
		case KindPartner:
			partner.put(e.intentFeatures, e.author, labels...)
		case KindSystem:
			system.put(e.intentFeatures, e.author, labels...)
		}
	}
	return [4]*task{kind, patron, partner, system}
}

// calibration is how the scores of a head become probabilities.
type calibration struct {
	temperature, sureAt float64
}

// calibrate fits the calibration of each head on authors that the judging
// model had not seen.
func calibrate(examples []example) *[4]calibration {
	var out [4]calibration
	var wg sync.WaitGroup
	for i, t := range tasksOf(examples) {
		wg.Go(func() { out[i] = t.calibration() })
	}
	wg.Wait()
	return &out
}

// trainOn trains all heads; base is the model from which to go on, or nil.
func trainOn(examples []example, base *Model, cal *[4]calibration) *Model {
	m := &Model{}
	heads, tasks := m.heads(), tasksOf(examples)
	var wg sync.WaitGroup
	for i, h := range heads {
		wg.Go(func() {
			if base != nil {
				*h = tasks[i].learn(base.heads()[i])
				return
			}
			*h = tasks[i].train(nil, nil)
			if cal != nil {
				h.temperature, h.sureAt = cal[i].temperature, cal[i].sureAt
			}
		})
	}
	wg.Wait()
	data, _ := m.MarshalBinary()
	m.version = versionOf(data)
	return m
}

// learn goes on from a head.
func (t *task) learn(base *head) head {
	if len(t.docs) == 0 {
		return *base
	}
	h := t.train(nil, base)
	h.temperature, h.sureAt = base.temperature, base.sureAt
	return h
}

// train trains on the rows for which leaveOut is false.
func (t *task) train(leaveOut func(i int) bool, base *head) head {
	var docs [][]feature
	var at []int
	for i := range t.docs {
		if leaveOut == nil || !leaveOut(i) {
			docs = append(docs, t.docs[i])
			at = append(at, i)
		}
	}
	groups := map[uint64]bool{}
	for _, c := range t.classes {
		groups[key("g", c)] = true
		groups[key("sg", c)] = true
	}
	vocab := vocabulary(docs, func(k uint64) int {
		if groups[k] || base != nil {
			return 1
		}
		return leastNgram
	})
	if base != nil {
		// the base's features stay, behind the new ones
		for _, k := range base.keys {
			if _, ok := vocab[k]; !ok {
				vocab[k] = int32(len(vocab))
			}
		}
	}
	n := len(t.classes)
	prior := make([]float64, len(vocab)*n)
	if base != nil {
		for k, row := range vocab {
			for c := range n {
				prior[int(row)*n+c] = base.weight(k, c)
			}
		}
	} else {
		for c, name := range t.classes {
			if row, ok := vocab[key("g", name)]; ok {
				prior[int(row)*n+c] = cuePrior
			}
			if row, ok := vocab[key("sg", name)]; ok {
				prior[int(row)*n+c] = cuePrior / 2
			}
		}
	}
	rows := make([]row, 0, len(docs))
	for k, d := range docs {
		r := row{target: make([]float64, n)}
		for _, f := range d {
			if row, ok := vocab[f.key]; ok {
				r.idx = append(r.idx, row)
				r.val = append(r.val, f.val)
			}
		}
		truth := t.truth[at[k]]
		for j, c := range truth {
			share := 1.0
			if len(truth) > 1 {
				share = 0.3 / float64(len(truth)-1)
				if j == 0 {
					share = 0.7
				}
			}
			r.target[c] += share
		}
		rows = append(rows, r)
	}
	s := train(rows, len(vocab), n, penalty, prior, steps)
	return quantise(s, vocab, t.classes)
}

// calibration fits the temperature and the threshold of sureness on messages
// of authors that the judging model had not seen.
func (t *task) calibration() calibration {
	authors := map[string]bool{}
	for _, a := range t.authors {
		authors[a] = true
	}
	var names []string
	for a := range authors {
		if !strings.HasPrefix(a, "phrases") {
			names = append(names, a)
		}
	}
	sort.Strings(names)
	if len(names) < 2 || len(t.docs) < 100 {
		return calibration{1, 0}
	}
	type judged struct {
		p     []float64
		truth []int
	}
	var list []judged
	for _, a := range names {
		h := t.train(func(i int) bool { return t.authors[i] == a }, nil)
		for i := range t.docs {
			if t.authors[i] != a {
				continue
			}
			p := make([]float64, len(t.classes))
			h.raw(t.docs[i], p)
			list = append(list, judged{p, t.truth[i]})
		}
	}
	loss := func(temp float64) float64 {
		sum := 0.0
		q := make([]float64, len(t.classes))
		for _, j := range list {
			for c := range q {
				q[c] = j.p[c] / temp
			}
			normalize(q)
			sum -= logarithm(max(q[j.truth[0]], 1e-9))
		}
		return sum
	}
	// golden section
	lo, hi := 0.3, 6.0
	const g = 0.6180339887498949
	a, b := hi-g*(hi-lo), lo+g*(hi-lo)
	fa, fb := loss(a), loss(b)
	for range 40 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - g*(hi-lo)
			fa = loss(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + g*(hi-lo)
			fb = loss(b)
		}
	}
	temperature := (lo + hi) / 2
	type point struct {
		p     float64
		right bool
	}
	var points []point
	for _, j := range list {
		q := make([]float64, len(j.p))
		for c := range q {
			q[c] = j.p[c] / temperature
		}
		normalize(q)
		best := 0
		for c := range q {
			if q[c] > q[best] {
				best = c
			}
		}
		points = append(points, point{q[best], indexOf(j.truth, best) >= 0})
	}
	sort.SliceStable(points, func(a, b int) bool { return points[a].p > points[b].p })
	right, sureAt := 0, 0.999
	for n, p := range points {
		if p.right {
			right++
		}
		if n >= 20 && float64(right) >= sureRight*float64(n+1) {
			sureAt = p.p
		}
	}
	return calibration{temperature, math.Floor(sureAt*1e6) / 1e6}
}

// trainingFiles are the labelled sets of the training, with the records behind them.
var trainingFiles = []string{"messages", "messages_extra", "more_faculty", "more_languages", "more_partners", "more_students"}

// trainingOffice is the office of the training set.
var trainingOffice = Office{Addresses: []string{"ill@healey.example.edu"}, Domains: []string{"example.edu"}}

// trainingSet is the labelled messages and records of the training.
type trainingSet struct {
	messages     map[string][]Labelled // by file
	phrases      []Labelled
	transactions []Transaction
}

func readTrainingSet(training fs.FS) (*trainingSet, error) {
	s := &trainingSet{messages: map[string][]Labelled{}}
	for _, name := range trainingFiles {
		data, err := fs.ReadFile(training, name+".jsonl")
		if err != nil {
			return nil, fmt.Errorf("reading the training set: %w", err)
		}
		if s.messages[name], err = ReadLabelled(bytes.NewReader(data)); err != nil {
			return nil, fmt.Errorf("reading the training set %s: %w", name, err)
		}
	}
	data, err := fs.ReadFile(training, "transactions.jsonl")
	if err != nil {
		return nil, fmt.Errorf("reading the training set: %w", err)
	}
	if s.transactions, err = ReadTransactions(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("reading the training set's transactions: %w", err)
	}
	names, err := fs.Glob(training, "phrases*.txt")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	for _, name := range names {
		data, err := fs.ReadFile(training, name)
		if err != nil {
			return nil, fmt.Errorf("reading the training set: %w", err)
		}
		p, err := readPhrases(name, string(data))
		if err != nil {
			return nil, fmt.Errorf("reading the training set %s: %w", name, err)
		}
		s.phrases = append(s.phrases, p...)
	}
	return s, nil
}

// readPhrases reads lines "text" or "subject | text" under headings "@kind
// intent[,intent]".
func readPhrases(name, text string) ([]Labelled, error) {
	var out []Labelled
	var kind Kind
	var intents []Intent
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '@':
			f := strings.Fields(line[1:])
			if len(f) == 0 || len(f) > 2 {
				return nil, fmt.Errorf("line %d: want @kind intent", n+1)
			}
			kind, intents = Kind(f[0]), nil
			if len(f) == 2 {
				for _, i := range strings.Split(f[1], ",") {
					intents = append(intents, Intent(i))
				}
			}
		case kind == "":
			return nil, fmt.Errorf("line %d: a phrase before the first heading", n+1)
		default:
			l := Labelled{ID: fmt.Sprintf("%s-%d", name, n+1), Text: line, Expect: Expectation{Kind: kind, Intents: intents, VisibleText: line}}
			if s, t, ok := strings.Cut(line, " | "); ok {
				l.Subject, l.Text = strings.TrimSpace(s), strings.TrimSpace(t)
			}
			switch kind {
			case KindPatron:
				l.From = labelledAddress{"", "someone@example.edu"}
			case KindPartner:
				l.From = labelledAddress{"", "ill@library.example"}
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// examplesOf turns labelled messages into examples, with facts where there are records.
func examplesOf(set []Labelled, x *Index, author string) []Example {
	out := make([]Example, 0, len(set))
	for i := range set {
		e := Example{Reading: readMessage(set[i].Message(), trainingOffice), Kind: set[i].Expect.Kind, Intents: set[i].Expect.Intents, author: author}
		if x != nil {
			e.Facts = x.Facts(e.Reading.Keys)
		}
		out = append(out, e)
	}
	return out
}

// examples is the whole training set as examples.
func (s *trainingSet) examples() []Example {
	emails := map[int64]string{}
	for _, t := range s.transactions {
		emails[t.TransactionNumber] = t.Email
	}
	var out []Example
	for _, name := range trainingFiles {
		var x *Index
		if strings.HasPrefix(name, "messages") {
			x = NewIndex(s.transactions, sentOf(s.messages[name], emails), nil)
		}
		out = append(out, examplesOf(s.messages[name], x, name)...)
	}
	phrases := examplesOf(s.phrases, nil, "phrases")
	for i := range phrases {
		phrases[i].bare = true
	}
	return append(out, phrases...)
}

// BuildModel trains the embedded model from the training set, byte for byte
// the same each time.
func BuildModel(training fs.FS) ([]byte, error) {
	s, err := readTrainingSet(training)
	if err != nil {
		return nil, err
	}
	return Train(s.examples()).MarshalBinary()
}
