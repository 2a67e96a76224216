package classifier

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"sort"
)

// Model is a trained softmax regression for the kind and for the intents of
// each kind, with its calibration. It does not change after it was made.
type Model struct {
	version                       string
	kind, patron, partner, system head
}

// head is one softmax regression with quantised weights.
type head struct {
	classes []string
	rows    map[uint64]int32 // feature → row of weights
	keys    []uint64         // the features in the order of the rows
	weights []int8           // rows × classes
	scale   float64          // of one step of a weight
	// temperature divides the scores; sureAt is the probability after it from
	// which held-out answers were right often enough to be called sure.
	temperature float64
	sureAt      float64
}

// predict is the calibrated probability of each class.
func (h *head) predict(fs ...[]feature) []float64 {
	p := make([]float64, len(h.classes))
	for _, f := range fs {
		h.raw(f, p)
	}
	for c := range p {
		p[c] /= h.temperature
	}
	normalize(p)
	best := 0
	for c := range p {
		if p[c] > p[best] {
			best = c
		}
	}
	// the calibrated value of the best; the others share what is left
	top := h.calibrate(p[best])
	if rest := 1 - p[best]; rest > 0 {
		for c := range p {
			if c != best {
				p[c] *= (1 - top) / rest
			}
		}
	}
	p[best] = top
	return p
}

// raw adds up the weights.
func (h *head) raw(fs []feature, out []float64) {
	n := len(h.classes)
	for _, f := range fs {
		r, ok := h.rows[f.key]
		if !ok {
			continue
		}
		w := h.weights[int(r)*n : int(r+1)*n]
		v := f.val * h.scale
		for c := range out {
			out[c] += v * float64(w[c])
		}
	}
}

// calibrate moves sureAt to Sure, piecewise linear and monotone.
func (h *head) calibrate(p float64) float64 {
	if h.sureAt <= 0 || h.sureAt >= 1 {
		return p
	}
	if p < h.sureAt {
		return p / h.sureAt * Sure
	}
	return Sure + (p-h.sureAt)/(1-h.sureAt)*(1-Sure)
}

// weight is the weight of one feature for class c, 0 where it has none.
func (h *head) weight(k uint64, c int) float64 {
	r, ok := h.rows[k]
	if !ok {
		return 0
	}
	return float64(h.weights[int(r)*len(h.classes)+c]) * h.scale
}

// Version names the model: the same version means the same answers.
func (m *Model) Version() string { return m.version }

const modelMagic = "illmail-model-1\n"

func (m *Model) heads() []*head { return []*head{&m.kind, &m.patron, &m.partner, &m.system} }

// MarshalBinary is the model as bytes; the same model gives the same bytes.
func (m *Model) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(modelMagic)
	u32 := func(n int) { _ = binary.Write(&b, binary.LittleEndian, uint32(n)) }
	f64 := func(f float64) { _ = binary.Write(&b, binary.LittleEndian, math.Float64bits(f)) }
	for _, h := range m.heads() {
		u32(len(h.classes))
		for _, c := range h.classes {
			u32(len(c))
			b.WriteString(c)
		}
		f64(h.scale)
		f64(h.temperature)
		f64(h.sureAt)
		u32(len(h.keys))
		_ = binary.Write(&b, binary.LittleEndian, h.keys)
		_ = binary.Write(&b, binary.LittleEndian, h.weights)
	}
	return b.Bytes(), nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (m *Model) UnmarshalBinary(data []byte) error {
	if !bytes.HasPrefix(data, []byte(modelMagic)) {
		return fmt.Errorf("reading the classifier's model: not a model of this version")
	}
	r := bytes.NewReader(data[len(modelMagic):])
	short := fmt.Errorf("reading the classifier's model: it is cut short or damaged")
	u32 := func(limit int) (int, error) {
		var n uint32
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil || int(n) > limit {
			return 0, short
		}
		return int(n), nil
	}
	f64 := func() (float64, error) {
		var n uint64
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
			return 0, short
		}
		return math.Float64frombits(n), nil
	}
	var out Model
	for _, h := range out.heads() {
		n, err := u32(100)
		if err != nil {
			return err
		}
		for range n {
			k, err := u32(100)
			if err != nil {
				return err
			}
			name := make([]byte, k)
			if _, err := r.Read(name); err != nil {
				return short
			}
			h.classes = append(h.classes, string(name))
		}
		for _, p := range []*float64{&h.scale, &h.temperature, &h.sureAt} {
			if *p, err = f64(); err != nil {
				return err
			}
		}
		rows, err := u32(r.Len() / 8)
		if err != nil {
			return err
		}
		h.keys = make([]uint64, rows)
		if err := binary.Read(r, binary.LittleEndian, h.keys); err != nil {
			return short
		}
		if rows*n > r.Len() {
			return short
		}
		h.weights = make([]int8, rows*n)
		if err := binary.Read(r, binary.LittleEndian, h.weights); err != nil {
			return short
		}
		h.index()
	}
	out.version = versionOf(data)
	*m = out
	return nil
}

func (h *head) index() {
	h.rows = make(map[uint64]int32, len(h.keys))
	for i, k := range h.keys {
		h.rows[k] = int32(i)
	}
}

// versionOf is the fingerprint of the model and of the lexicon it was trained with.
func versionOf(data []byte) string {
	f := fnv.New64a()
	f.Write(data)
	f.Write([]byte(cuesText))
	return fmt.Sprintf("%012x", f.Sum64()&0xffffffffffff)
}

// quantise turns trained weights into a head; features that say nothing are dropped.
func quantise(s *softmax, vocab map[uint64]int32, classes []string) head {
	keys := make([]uint64, 0, len(vocab))
	for k := range vocab {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	peak := 0.0
	for _, w := range s.weights {
		peak = max(peak, math.Abs(w))
	}
	h := head{classes: classes, scale: max(peak, 1e-9) / 127, temperature: 1}
	n := s.classes
	for _, k := range keys {
		row := make([]int8, n)
		some := false
		for c := range row {
			q := math.Floor(s.weights[int(vocab[k])*n+c]/h.scale + 0.5)
			row[c] = int8(q)
			some = some || row[c] != 0
		}
		if some {
			h.keys = append(h.keys, k)
			h.weights = append(h.weights, row...)
		}
	}
	h.index()
	return h
}
