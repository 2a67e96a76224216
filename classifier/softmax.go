package classifier

import (
	"math"
	"sort"
)

// row is one training example: its features, the share of each class in the
// truth.
type row struct {
	idx    []int32
	val    []float64
	target []float64
}

// softmax is a linear model: weights[feature*classes+class].
type softmax struct {
	classes int
	weights []float64
}

// exp is e^x. The standard library's has another last bit on some processors,
// and a model must be the same bytes everywhere.
func exp(x float64) float64 {
	if x < -700 {
		return 0
	}
	if x > 700 {
		x = 700
	}
	const ln2 = 0.693147180559945309417232121458
	k := math.Floor(float64(x*(1/ln2)) + 0.5)
	r := float64(x) - float64(k*ln2)
	// e^r for |r| <= ln2/2 by its series
	sum, term := 1.0, 1.0
	for n := 1; n <= 16; n++ {
		term = float64(float64(term*r) / float64(n))
		sum += term
	}
	return math.Ldexp(sum, int(k))
}

// logarithm is ln x for x > 0, by the series of atanh, for the same reason.
func logarithm(x float64) float64 {
	const ln2 = 0.693147180559945309417232121458
	frac, e := math.Frexp(x)
	z := (frac - 1) / (frac + 1)
	zz := float64(z * z)
	sum, term := 0.0, z
	for n := 1; n <= 41; n += 2 {
		sum += float64(term / float64(n))
		term = float64(term * zz)
	}
	return float64(2*sum) + float64(float64(e)*ln2)
}

// scores adds up the weights of the features.
func (s *softmax) scores(idx []int32, val []float64, out []float64) {
	for c := range out {
		out[c] = 0
	}
	for k, f := range idx {
		w := s.weights[int(f)*s.classes : int(f+1)*s.classes]
		v := val[k]
		for c := range out {
			out[c] += float64(v * w[c])
		}
	}
}

// normalize turns scores into probabilities.
func normalize(p []float64) (logSum float64) {
	best := math.Inf(-1)
	for _, v := range p {
		best = max(best, v)
	}
	sum := 0.0
	for c, v := range p {
		p[c] = exp(v - best)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return best + logarithm(sum)
}

// train fits a softmax regression with a quadratic penalty on the distance
// from prior by L-BFGS. The same rows in the same order give the same weights.
func train(rows []row, features, classes int, penalty float64, prior []float64, steps int) *softmax {
	s := &softmax{classes: classes, weights: make([]float64, features*classes)}
	copy(s.weights, prior)
	n := len(s.weights)
	grad := make([]float64, n)
	scratch := make([]float64, classes)
	loss := func(w, g []float64) float64 {
		m := softmax{classes, w}
		total := 0.0
		for k := range w {
			d := w[k]
			if prior != nil {
				d -= prior[k]
			}
			g[k] = float64(penalty * d)
			total += float64(float64(0.5*penalty) * float64(d*d))
		}
		for i := range rows {
			r := &rows[i]
			m.scores(r.idx, r.val, scratch)
			dot := 0.0
			for c := range scratch {
				dot += float64(r.target[c] * scratch[c])
			}
			logSum := normalize(scratch)
			total += logSum - dot
			for c := range scratch {
				scratch[c] -= r.target[c]
			}
			for k, f := range r.idx {
				gg := g[int(f)*classes : int(f+1)*classes]
				v := r.val[k]
				for c := range gg {
					gg[c] += float64(v * scratch[c])
				}
			}
		}
		return total
	}

	const memory = 7
	var ss, ys [][]float64
	var rho []float64
	f := loss(s.weights, grad)
	dir := make([]float64, n)
	next := make([]float64, n)
	nextGrad := make([]float64, n)
	for step := 0; step < steps; step++ {
		for k := range dir {
			dir[k] = -grad[k]
		}
		alpha := make([]float64, len(ss))
		for i := len(ss) - 1; i >= 0; i-- {
			alpha[i] = float64(rho[i] * dot(ss[i], dir))
			axpy(-alpha[i], ys[i], dir)
		}
		if len(ss) > 0 {
			last := len(ss) - 1
			scale := 1 / float64(rho[last]*dot(ys[last], ys[last]))
			for k := range dir {
				dir[k] = float64(dir[k] * scale)
			}
		} else {
			scale := 1 / math.Sqrt(dot(grad, grad)+1e-12)
			for k := range dir {
				dir[k] = float64(dir[k] * scale)
			}
		}
		for i := range ss {
			beta := float64(rho[i] * dot(ys[i], dir))
			axpy(alpha[i]-beta, ss[i], dir)
		}
		slope := dot(grad, dir)
		if slope > -1e-9 {
			break
		}
		// Armijo's rule
		t := 1.0
		var nf float64
		ok := false
		for try := 0; try < 20; try++ {
			copy(next, s.weights)
			axpy(t, dir, next)
			nf = loss(next, nextGrad)
			if nf <= f+float64(1e-4*float64(t*slope)) {
				ok = true
				break
			}
			t /= 2
		}
		if !ok {
			break
		}
		sk, yk := make([]float64, n), make([]float64, n)
		for k := range sk {
			sk[k] = next[k] - s.weights[k]
			yk[k] = nextGrad[k] - grad[k]
		}
		if sy := dot(sk, yk); sy > 1e-10 {
			ss, ys, rho = append(ss, sk), append(ys, yk), append(rho, 1/sy)
			if len(ss) > memory {
				ss, ys, rho = ss[1:], ys[1:], rho[1:]
			}
		}
		done := f-nf < float64(1e-5*math.Abs(f))
		copy(s.weights, next)
		copy(grad, nextGrad)
		f = nf
		if done {
			break
		}
	}
	return s
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for k := range a {
		sum += float64(a[k] * b[k])
	}
	return sum
}

func axpy(t float64, a, b []float64) {
	for k := range a {
		b[k] += float64(t * a[k])
	}
}

// vocabulary numbers the features that occur in at least least rows, in the
// order of their keys.
func vocabulary(docs [][]feature, least func(key uint64) int) map[uint64]int32 {
	count := map[uint64]int{}
	for _, d := range docs {
		for _, f := range d {
			count[f.key]++
		}
	}
	keys := make([]uint64, 0, len(count))
	for k, n := range count {
		if n >= least(k) {
			keys = append(keys, k)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	v := make(map[uint64]int32, len(keys))
	for i, k := range keys {
		v[k] = int32(i)
	}
	return v
}
