package classifier

import (
	"sort"
	"strings"
)

// perPatron bounds how many requests of one patron are candidates, byTitle how
// many are found by the words of their title alone.
const (
	perPatron = 200
	byTitle   = 20
)

// Index holds transactions, sent mail and lenders in memory and answers Keys
// by the same rules as the store. It does not change after it was made.
type Index struct {
	ts      []Transaction
	byTN    map[int64]int
	byILL   map[string][]int
	byRapid map[string][]int
	byDOI   map[string][]int
	byISBN  map[string][]int
	byAddr  map[string][]int
	byUser  map[string][]int
	byLast  map[string][]int
	byWord  map[string][]int
	sent    map[string]Sent
	lenders map[string][]int // by address and by domain
	lender  []Lender
}

// NewIndex is an index over these records.
func NewIndex(ts []Transaction, sent []Sent, lenders []Lender) *Index {
	x := &Index{ts: ts, lender: lenders,
		byTN: map[int64]int{}, byILL: map[string][]int{}, byRapid: map[string][]int{}, byDOI: map[string][]int{}, byISBN: map[string][]int{},
		byAddr: map[string][]int{}, byUser: map[string][]int{}, byLast: map[string][]int{}, byWord: map[string][]int{},
		sent: map[string]Sent{}, lenders: map[string][]int{}}
	put := func(m map[string][]int, k string, i int) {
		if k != "" {
			m[k] = append(m[k], i)
		}
	}
	for i := range ts {
		t := &ts[i]
		x.byTN[t.TransactionNumber] = i
		put(x.byILL, t.ILLNumber, i)
		put(x.byRapid, onlyDigits(t.RapidNumber), i)
		put(x.byDOI, strings.ToLower(t.DOI), i)
		put(x.byISBN, isbnKey(t.ISSNISBN), i)
		put(x.byAddr, strings.ToLower(t.Email), i)
		for _, a := range t.OtherEmails {
			put(x.byAddr, strings.ToLower(a), i)
		}
		put(x.byUser, strings.ToLower(t.Username), i)
		put(x.byLast, fold(t.LastName), i)
		seen := map[string]bool{}
		for _, w := range append(wordsOf(fold(t.Title+" "+t.ArticleTitle)), wordsOf(fold(t.Author))...) {
			if len(w) > 3 && !commonWords[w] && !seen[w] {
				seen[w] = true
				x.byWord[w] = append(x.byWord[w], i)
			}
		}
	}
	for _, s := range sent {
		x.sent[s.MessageID] = s
	}
	for i, l := range lenders {
		for _, a := range l.Addresses {
			put(x.lenders, strings.ToLower(a), i)
		}
		for _, d := range l.Domains {
			put(x.lenders, strings.ToLower(d), i)
		}
	}
	return x
}

// Facts is what the records answer to the keys.
func (x *Index) Facts(k Keys) Facts {
	var f Facts
	have := map[int]bool{}
	add := func(is ...int) {
		for _, i := range is {
			if !have[i] {
				have[i] = true
				f.Transactions = append(f.Transactions, x.ts[i])
			}
		}
	}
	users := map[string]bool{}
	var userOrder []string
	user := func(is []int) {
		for _, i := range is {
			if u := strings.ToLower(x.ts[i].Username); u != "" && !users[u] {
				users[u] = true
				userOrder = append(userOrder, u)
			}
		}
	}
	for _, id := range k.MessageIDs {
		if s, ok := x.sent[id]; ok {
			f.Sent = append(f.Sent, s)
			for _, tn := range s.TransactionNumbers {
				if i, ok := x.byTN[tn]; ok {
					add(i)
					user([]int{i})
				}
			}
		}
	}
	for _, tn := range k.TNs {
		if i, ok := x.byTN[tn]; ok {
			add(i)
		}
	}
	for _, n := range k.ILLNumbers {
		add(x.byILL[n]...)
	}
	for _, n := range k.Rapid {
		add(x.byRapid[n]...)
	}
	for _, n := range k.DOIs {
		add(x.byDOI[n]...)
	}
	for _, n := range k.ISSNISBNs {
		add(x.byISBN[n]...)
	}
	for _, a := range k.Addresses {
		user(x.byAddr[a])
		for _, i := range x.lenders[a] {
			f.Lenders = append(f.Lenders, x.lender[i])
		}
		if _, d, ok := strings.Cut(a, "@"); ok {
			for _, i := range x.lenders[d] {
				f.Lenders = append(f.Lenders, x.lender[i])
			}
		}
	}
	for _, u := range k.Usernames {
		user(x.byUser[u])
	}
	for _, n := range k.LastNames {
		user(x.byLast[n])
	}
	for _, u := range userOrder {
		is := x.byUser[u]
		if len(is) > perPatron {
			is = append([]int(nil), is...)
			sort.SliceStable(is, func(a, b int) bool { return x.ts[is[a]].StatusDate.After(x.ts[is[b]].StatusDate) })
			is = is[:perPatron]
		}
		add(is...)
	}
	add(x.titles(k.TitleWords)...)
	return f
}

// titles is the transactions whose title has the rarest of the words.
func (x *Index) titles(words []string) []int {
	type scored struct {
		i int
		s float64
	}
	score := map[int]float64{}
	for _, w := range words {
		is := x.byWord[w]
		if len(is) == 0 || len(is) > 400 {
			continue
		}
		for _, i := range is {
			score[i] += 1 / float64(1+len(is))
		}
	}
	list := make([]scored, 0, len(score))
	for i, s := range score {
		list = append(list, scored{i, s})
	}
	sort.Slice(list, func(a, b int) bool {
		if list[a].s != list[b].s {
			return list[a].s > list[b].s
		}
		return x.ts[list[a].i].TransactionNumber > x.ts[list[b].i].TransactionNumber
	})
	var out []int
	for _, s := range list {
		if len(out) == byTitle {
			break
		}
		out = append(out, s.i)
	}
	return out
}

// isbnKey is an ISBN or ISSN as it is compared: digits and X only, an ISBN of
// ten digits in its form of thirteen.
func isbnKey(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			b = append(b, c)
		case c == 'x' || c == 'X':
			b = append(b, 'X')
		}
	}
	return string(b)
}
