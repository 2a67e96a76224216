package classifier

import (
	"path"
	"strings"
)

// Score is how good answers are on a labelled set.
type Score struct {
	Messages                             int
	KindAccuracy                         float64
	IntentAccuracy, IntentMacroF1        float64 // of the first intent
	SureShare, SureRight                 float64 // answers with p >= Sure
	FiledPrecision, FiledRecall, Offered float64
	WrongPatron, VerifiedWrong           int // must be 0
	VisibleText                          float64
	MissedStaff                          int      // must be 0
	Misses                               []string // "id: what was wrong"
}

// ScoreAnswers compares answers with a labelled set.
func ScoreAnswers(set []Labelled, transactions []Transaction, answers []Explanation) Score {
	owner := map[int64]string{}
	for _, t := range transactions {
		owner[t.TransactionNumber] = t.Username
	}
	byID := map[string]Explanation{}
	for _, a := range answers {
		byID[strings.TrimSuffix(path.Base(a.File), ".eml")] = a
	}
	var s Score
	var kindOK, asked, intentOK, sure, sureOK, dec, decOK, want, wantDec, wantOff, visible, visibleOK int
	tp, fp, fn := map[Intent]int{}, map[Intent]int{}, map[Intent]int{}
	for i := range set {
		l := &set[i]
		e, a := l.Expect, byID[l.ID]
		s.Messages++
		miss := func(words ...string) { s.Misses = append(s.Misses, l.ID+": "+strings.Join(words, " ")) }
		if a.Kind == e.Kind {
			kindOK++
		} else {
			miss("kind", string(a.Kind), "for", string(e.Kind))
		}
		if len(e.Intents) > 0 {
			asked++
			first, p := Intent(""), 0.0
			if len(a.Intents) > 0 {
				first, p = a.Intents[0].Intent, a.Intents[0].P
			}
			if first == e.Intents[0] {
				intentOK++
				tp[first]++
			} else {
				fn[e.Intents[0]]++
				if first != "" {
					fp[first]++
				}
				miss("intent", string(first), "for", string(e.Intents[0]))
			}
			if p >= Sure {
				sure++
				if indexOf(e.Intents, first) >= 0 {
					sureOK++
				}
			}
		}
		lab := map[int64]bool{}
		for _, t := range e.Transactions {
			lab[t] = true
		}
		decided, offered := map[int64]bool{}, map[int64]bool{}
		for _, m := range a.Matches {
			offered[m.TransactionNumber] = true
			if m.Decided {
				decided[m.TransactionNumber] = true
			}
		}
		if len(lab) == 0 && l.Notice != nil {
			delete(decided, l.Notice.TransactionNumber) // filed where its thread is: neither right nor wrong
		}
		people := map[string]bool{e.Username: true}
		for t := range lab {
			people[owner[t]] = true
		}
		for t := range decided {
			dec++
			if lab[t] {
				decOK++
			} else {
				miss("filed wrongly")
				if u, ok := owner[t]; ok && e.Kind == KindPatron && !people[u] {
					s.WrongPatron++
				}
			}
		}
		if !e.Ambiguous {
			for t := range lab {
				want++
				if decided[t] {
					wantDec++
				}
				if offered[t] {
					wantOff++
				} else {
					miss("not offered")
				}
			}
		}
		if e.Kind == KindPatron && a.SenderVerified && !e.SenderVerified {
			s.VerifiedWrong++
			miss("sender called verified")
		}
		switch e.Kind {
		case KindPatron, KindPartner, KindVendor:
			visible++
			if similarity(normal(a.VisibleText), normal(e.VisibleText)) >= 0.9 {
				visibleOK++
			} else {
				miss("visible text")
			}
		}
		if e.NeedsStaff && !a.NeedsStaff {
			s.MissedStaff++
			miss("not put before staff")
		}
	}
	classes := map[Intent]bool{}
	for _, m := range []map[Intent]int{tp, fn} {
		for k := range m {
			classes[k] = true
		}
	}
	f1 := 0.0
	for k := range classes {
		if d := 2*tp[k] + fp[k] + fn[k]; d > 0 {
			f1 += 2 * float64(tp[k]) / float64(d)
		}
	}
	share := func(a, b int) float64 { return float64(a) / float64(max(1, b)) }
	s.KindAccuracy, s.IntentAccuracy, s.IntentMacroF1 = share(kindOK, s.Messages), share(intentOK, asked), f1/float64(max(1, len(classes)))
	s.SureShare, s.SureRight = share(sure, asked), share(sureOK, sure)
	s.FiledPrecision, s.FiledRecall, s.Offered = share(decOK, dec), share(wantDec, want), share(wantOff, want)
	s.VisibleText = share(visibleOK, visible)
	return s
}

func normal(s string) string { return strings.Join(strings.Fields(s), " ") }

// similarity is twice the length of the longest common subsequence over the
// sum of the lengths, in runes: a little above what matching blocks give.
func similarity(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x)+len(y) == 0 {
		return 1
	}
	// what is equal at both ends needs no table
	same := 0
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
		same++
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
		same++
	}
	total := len(x) + len(y) + 2*same
	if len(x) == 0 || len(y) == 0 || len(x) > 20000 || len(y) > 20000 {
		return 2 * float64(same) / float64(total)
	}
	prev, cur := make([]int, len(y)+1), make([]int, len(y)+1)
	for i := range x {
		for j := range y {
			if x[i] == y[j] {
				cur[j+1] = prev[j] + 1
			} else {
				cur[j+1] = max(prev[j+1], cur[j])
			}
		}
		prev, cur = cur, prev
	}
	return 2 * float64(same+prev[len(y)]) / float64(total)
}
