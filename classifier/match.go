package classifier

import (
	"fmt"
	"sort"
	"strings"
)

// candidate is one transaction with what speaks for it.
type candidate struct {
	t        *Transaction
	stand    standing
	idNew    string // an identifier of its own in what was typed this time, by its words; "" for none
	idReply  bool   // its number stands in the subject of an answer, or in the history
	thread   bool   // the message answers or returns our mail about it
	title    titleMatch
	quoted   titleMatch // in the history
	author   bool       // its author's name is in the new text
	place    int        // the word of the new text where it is named, -1 where it is not
	dated    bool       // a day that the mail names is its due date or the day it was asked for
	lender   bool       // the sender is its lender, or its symbol stands in the mail
	prior    float64    // how much speaks for it, before the wish is known
	score    float64
	decided  bool
	evidence []string
}

// records is a reading beside its facts.
type records struct {
	r     *Reading
	f     Facts
	party map[string]standing
	cands []*candidate
	sent  *Sent
	text  *wordIndex
	// doubtful: From must not be believed. inside: it is of the office's own
	// hosts. lender is who sent it, by the directory; nil for nobody known.
	doubtful, inside bool
	lender           *Lender
	// intent is the likeliest wish, once it is known.
	intent Intent
	sure   bool
}

// survey weighs every transaction of the facts.
func survey(r *Reading, f Facts) *records {
	s := &records{r: r, f: f, party: parties(r, f), doubtful: doubtful(r), lender: partner(r, f.Lenders)}
	m := r.Message
	_, domain, _ := strings.Cut(m.Author().Key(), "@")
	s.inside = r.Office.ownHost(domain)
	bySent := map[int64]bool{}
	order := append(append([]string(nil), m.InReplyTo...), m.References...)
	if m.Report != nil {
		order = append([]string{m.Report.OriginalMessageID}, order...)
	}
	for _, id := range order {
		for i := range f.Sent {
			if s.sent == nil && id != "" && f.Sent[i].MessageID == id {
				s.sent = &f.Sent[i]
				for _, tn := range f.Sent[i].TransactionNumbers {
					bySent[tn] = true
				}
			}
		}
	}
	if len(f.Transactions) == 0 {
		return s
	}
	subject := cleanSubject(m.Subject)
	reply := isReplySubject(m.Subject)
	if reply {
		s.text = indexWords(r.NewText)
	} else {
		s.text = indexWords(r.NewText, subject)
	}
	var history *wordIndex
	days := map[string]bool{}
	type idKey struct{ typ, val string }
	ids := map[idKey]Identifier{}
	for _, id := range r.Identifiers {
		if id.Type == idDate {
			days[id.Value] = true
			continue
		}
		k := idKey{id.Type, id.Value}
		if old, ok := ids[k]; !ok || id.InNew && !id.InTitle && (!old.InNew || old.InTitle) {
			ids[k] = id
		}
	}
	symbols := capitals(m.Text + " " + m.Author().Name + " " + m.Subject)
	for i := range f.Transactions {
		t := &f.Transactions[i]
		if !m.Date.IsZero() && !t.CreationDate.IsZero() && t.CreationDate.After(m.Date.AddDate(0, 0, 2)) {
			continue // asked for after the mail was written
		}
		c := &candidate{t: t, stand: s.party[t.Username], thread: bySent[t.TransactionNumber], place: -1}
		for k, id := range ids {
			words, ok := names(k.typ, k.val, t)
			if !ok {
				continue
			}
			switch {
			case id.InNew && !(id.InTitle && reply):
				if c.idNew == "" || idRank(words) < idRank(c.idNew) {
					c.idNew = words
				}
			default:
				c.idReply = true
			}
		}
		for _, title := range []string{t.Title, t.ArticleTitle} {
			if title == "" {
				continue
			}
			tm := s.text.matchTitle(title)
			if t.ArticleTitle != "" && title == t.Title { // the journal says little of the article
				tm.score *= 0.6
				tm.full = false
			}
			if tm.score > c.title.score {
				c.title = tm
			}
		}
		if c.title.score >= 0.3 {
			c.place = c.title.at
		}
		for _, a := range authorNames(t.Author) {
			if at := s.text.at[a]; len(at) > 0 && !strings.Contains(fold(m.Author().Name), a) {
				c.author = true
				if c.place < 0 {
					c.place = at[0]
				}
			}
		}
		if c.title.score < 0.5 && r.Quoted != "" {
			if history == nil {
				history = indexWords(r.Quoted, subject)
			}
			title := t.Title
			if t.ArticleTitle != "" {
				title = t.ArticleTitle
			}
			c.quoted = history.matchTitle(title)
		}
		c.dated = !t.DueDate.IsZero() && days[t.DueDate.Format("2006-01-02")] || !t.CreationDate.IsZero() && days[t.CreationDate.Format("2006-01-02")]
		c.lender = t.LendingLibrary != "" && (symbols[t.LendingLibrary] || s.lender != nil && strings.EqualFold(s.lender.Symbol, t.LendingLibrary))
		c.weigh()
		s.cands = append(s.cands, c)
	}
	sort.SliceStable(s.cands, func(a, b int) bool { return s.cands[a].prior > s.cands[b].prior })
	return s
}

// capitals is the words in capitals of a text: a library's symbol is one.
func capitals(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.FieldsFunc(clip(text, 16<<10), func(r rune) bool { return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }) {
		if len(w) >= 3 && len(w) <= 6 && strings.ToUpper(w) == w && w[0] >= 'A' {
			out[w] = true
		}
	}
	return out
}

// idRank orders identifiers by how much they say.
func idRank(words string) int {
	return indexOf([]string{"its TN", "its ILL number", "its Rapid number", "its DOI", "its ISBN", "its number", "its ISSN"}, words)
}

// names reports whether an identifier is one of the transaction's, and how.
func names(typ, val string, t *Transaction) (string, bool) {
	switch typ {
	case idTN, idCrossRef, idNumber, idILL, idRapid:
		switch {
		case val == fmt.Sprint(t.TransactionNumber) && typ != idRapid:
			if typ == idNumber {
				return "its number", true
			}
			return "its TN", true
		case t.ILLNumber != "" && val == t.ILLNumber:
			return "its ILL number", true
		case t.RapidNumber != "" && val == onlyDigits(t.RapidNumber):
			return "its Rapid number", true
		}
	case idOCLC:
		if val == t.ILLNumber && val != "" {
			return "its ILL number", true
		}
	case idDOI:
		if t.DOI != "" && strings.EqualFold(val, t.DOI) {
			return "its DOI", true
		}
	case idISBN, idISSN:
		if k := isbnKey(t.ISSNISBN); k != "" && (k == val || k == otherISBN(val)) {
			return "its " + strings.ToUpper(typ), true
		}
	}
	return "", false
}

// weigh says how much speaks for the candidate, whatever is wanted.
func (c *candidate) weigh() {
	own := c.stand >= sameName
	p := 0.0
	say := func(v float64, why string) {
		if v > 0 {
			p = 1 - (1-p)*(1-v)
			c.evidence = append(c.evidence, why)
		}
	}
	switch {
	case c.idNew != "" && own:
		say(0.9, "names "+c.idNew)
	case c.idNew != "":
		say(0.5, "names "+c.idNew)
	}
	if c.thread {
		say(0.8, "answers our mail about it")
	}
	if c.idReply {
		say(0.5, "its number is in the subject or the history")
	}
	switch {
	case c.title.score >= 0.3:
		say(c.title.score*0.85, "names its title")
	case c.quoted.score >= 0.5:
		say(c.quoted.score*0.4, "its title is in the history")
	}
	if c.author {
		v := 0.25
		if own {
			v = 0.45
		}
		say(v, "names its author")
	}
	if c.dated {
		say(0.15, "names its date")
	}
	if c.lender {
		say(0.2, "its lender writes, or is named by its symbol")
	}
	if own {
		say(0.1, standingWords[c.stand])
	} else if c.stand == mentioned {
		say(0.05, standingWords[c.stand])
	}
	c.prior = p
}

// best is the likeliest candidate, or nil where nothing but the sender speaks for one.
func (s *records) best() *candidate {
	for _, c := range s.cands {
		if c.stand < sameName && !c.thread && c.idNew == "" && c.prior < 0.6 {
			continue
		}
		if c.prior >= 0.3 {
			return c
		}
		break
	}
	return nil
}

// senderKnown reports whether the sender is a patron by address or account.
func (s *records) senderKnown() bool {
	for _, st := range s.party {
		if st >= ownAccount {
			return true
		}
	}
	return false
}

// named reports whether the sender has the name or the address of a patron.
func (s *records) named() bool {
	for _, st := range s.party {
		if st >= sameName {
			return true
		}
	}
	return false
}

// kindFeatures adds what the records say of the sender.
func (s *records) kindFeatures(fs *featureSet) {
	top := stranger
	for _, st := range s.party {
		top = max(top, st)
	}
	if len(s.f.Transactions) > 0 {
		fs.add(1.2, "r", "standing", fmt.Sprint(int(top)))
	}
	if s.lender != nil {
		fs.add(1.5, "r", "lender")
	}
	if s.sent != nil {
		fs.add(1, "r", "thread")
	}
	for _, c := range s.cands {
		if c.idNew == "its ILL number" {
			fs.add(0.8, "r", "illnumber")
			break
		}
	}
}

// matches is what is offered: what was decided first, then a short list in the
// order of likelihood.
func (s *records) matches() []Match {
	sort.SliceStable(s.cands, func(a, b int) bool {
		x, y := s.cands[a], s.cands[b]
		if x.decided != y.decided {
			return x.decided
		}
		if x.score != y.score {
			return x.score > y.score
		}
		return x.t.TransactionNumber > y.t.TransactionNumber
	})
	limit := offered
	var out []Match
	for _, c := range s.cands {
		if !c.decided && (len(out) >= limit || c.score < 0.08) {
			break
		}
		if len(out) >= maxMatches {
			break
		}
		out = append(out, Match{TransactionNumber: c.t.TransactionNumber, Score: round3(c.score), Decided: c.decided, Evidence: c.evidence})
	}
	return out
}

// offered is the length of the short list, maxMatches that of all.
const (
	offered    = 7
	maxMatches = 60
)

// username is the patron whose borrowing it is.
func (s *records) username(kind Kind) string {
	if kind == KindPartner || kind == KindSystem || kind == KindVendor || kind == KindBulk {
		return ""
	}
	for _, c := range s.cands {
		if c.decided {
			return c.t.Username
		}
	}
	best, top := "", stranger
	for i := range s.f.Transactions { // in the order of the facts, so that the answer is always the same
		u := s.f.Transactions[i].Username
		if st := s.party[u]; st > top {
			best, top = u, st
		}
	}
	if top >= sameName {
		return best
	}
	if top == mentioned {
		n := 0
		for _, st := range s.party {
			if st == mentioned {
				n++
			}
		}
		if n == 1 {
			return best
		}
	}
	return ""
}
