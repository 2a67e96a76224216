package classifier

import (
	"sort"
	"strings"
	"time"
)

// decide says on which transactions the message is filed by itself, and orders
// the rest.
func (s *records) decide(kind Kind, intents []IntentScore) {
	intent, p := Intent(""), 0.0
	if len(intents) > 0 {
		intent, p = intents[0].Intent, intents[0].P
	}
	s.intent, s.sure = intent, p >= 0.7
	for _, c := range s.cands {
		c.score = c.prior
		if f := s.fit(intent, c.t); p > 0.3 {
			c.score = c.score*0.9 + 0.1*f*c.score
			if c.stand >= mentioned {
				c.score += 0.12 * f * (1 - c.score)
			}
			c.score += 0.02 * recency(c.t, s.r.Message.Date) * (1 - c.score)
		}
	}
	switch kind {
	case KindPatron:
		s.decidePatron(intents)
	case KindPartner, KindSystem, KindVendor:
		s.decideLibrary(kind, intent)
	case KindBounce, KindAutoReply:
		s.decideReturned(kind)
	}
	for _, c := range s.cands {
		if c.decided {
			c.score = max(c.score, 0.9)
		}
	}
}

// fit is how well the state of a request suits the wish. A state that came
// after the mail says nothing of the time when it was written.
func (s *records) fit(intent Intent, t *Transaction) float64 {
	f := fits(intent, t)
	if d := s.r.Message.Date; !d.IsZero() && !t.StatusDate.IsZero() && t.StatusDate.After(d.AddDate(0, 0, 1)) {
		f = max(f, 0.5)
	}
	return f
}

func recency(t *Transaction, at time.Time) float64 {
	last := t.StatusDate
	if last.IsZero() {
		last = t.CreationDate
	}
	if last.IsZero() || at.IsZero() {
		return 0
	}
	days := at.Sub(last).Hours() / 24
	if days < 0 {
		days = -days
	}
	return 1 / (1 + days/30)
}

// concerns reports whether mail with that wish is about requests at all.
func concerns(i Intent) bool {
	switch i {
	case Policy, Other, NewRequest, Account, "":
		return false
	}
	return true
}

// decidePatron files the mail of a patron: on what it names of the patron's
// own, else on what it answers, else on the only request that suits the wish.
func (s *records) decidePatron(intents []IntentScore) {
	intent, p := Intent(""), 0.0
	if len(intents) > 0 {
		intent, p = intents[0].Intent, intents[0].P
	}
	var own []*candidate
	for _, c := range s.cands {
		if s.mayFile(c) {
			own = append(own, c)
		}
	}
	if len(own) == 0 {
		return
	}

	// what the text names
	var named, titled []*candidate
	for _, c := range own {
		if c.idNew != "" {
			named = append(named, c)
		}
	}
	titled = s.titled(own)
	for i := 0; i < len(named); i++ {
		// a transposed number: the title is right
		n := named[i]
		if n.title.score < 0.3 && !n.author && !strings.Contains(n.idNew, "I") {
			for _, t := range titled {
				if t != n && t.title.full {
					named = append(named[:i], named[i+1:]...)
					i--
					break
				}
			}
		}
	}
	weakStanding := true
	for _, c := range own {
		if c.stand >= ownAccount || c.stand == mentioned {
			weakStanding = false
		}
	}
	if len(named) > 0 {
		for _, c := range named {
			c.decided = true
		}
		for _, c := range titled {
			if c.title.score >= 0.8 && !s.onlyMentioned(c) && len(named) > 0 && !sameWork(c.t, named[0].t) {
				c.decided = true
			}
		}
		return
	}
	var thread []*candidate
	for _, c := range own {
		if c.thread {
			thread = append(thread, c)
		}
	}
	if len(thread) == 0 {
		for _, c := range own {
			if c.idReply && !s.forwarded() {
				thread = append(thread, c)
			}
		}
		if len(thread) > 1 && !s.speaksOfAll() && s.count() != len(thread) {
			thread = nil // a list of ours is answered: which of it is meant, nobody knows
		}
	}
	thread = s.askedAnew(intent, thread, own)
	if intent == WrongItem && len(thread) == 1 {
		titled = nil // what it names may be what came instead
	}
	if len(titled) > 0 && (concerns(intent) || titled[0].title.full) && !(intent == NewRequest && p >= 0.5) {
		var keep []*candidate
		for _, c := range titled {
			if !s.onlyMentioned(c) {
				keep = append(keep, c)
			}
		}
		if len(keep) > 0 && (!weakStanding || keep[0].title.score >= 0.6 || keep[0].author && p >= 0.6 && len(keep) == 1) {
			for _, c := range keep {
				c.decided = true
			}
			return
		}
		titled = keep
	}
	if len(thread) > 0 {
		if s.elsewhere() || intent == NewRequest && p >= 0.6 || intent == Other && p >= 0.6 {
			return
		}
		if len(thread) <= 3 || s.speaksOfAll() {
			for _, c := range thread {
				c.decided = true
			}
		}
		return
	}
	if !concerns(intent) || weakStanding || p < 0.5 || len(titled) > 0 || intent == Thanks || intent == Fees {
		return
	}

	// nothing is named: the requests that suit the wish
	var fit []*candidate
	for _, c := range own {
		if s.suits(intent, c.t) {
			fit = append(fit, c)
		}
	}
	var dated []*candidate
	for _, c := range fit {
		if c.dated {
			dated = append(dated, c)
		}
	}
	switch {
	case len(fit) == 0:
	case s.speaksOfAll() && len(fit) <= 12:
		for _, c := range fit {
			c.decided = true
		}
	case s.count() > 1:
		if s.count() == len(dated) {
			fit = dated
		}
		if s.count() == len(fit) {
			for _, c := range fit {
				c.decided = true
			}
		}
	case len(fit) == 1 && !s.unknownTitle(fit[0]) && p >= 0.7:
		fit[0].decided = true
		fit[0].evidence = append(fit[0].evidence, "the only request of the patron that suits the wish")
	case len(dated) == 1 && !s.unknownTitle(dated[0]):
		dated[0].decided = true
		dated[0].evidence = append(dated[0].evidence, "the only one with that date")
	}
}

// suits is fit for a wish that names no request: only what is in that state now.
func (s *records) suits(intent Intent, t *Transaction) bool {
	if fits(intent, t) < 0.7 {
		return false
	}
	text := " " + strings.Join(s.text.words, " ") + " "
	article := t.RequestType == "Article"
	if containsAny(text, " article ", " articles ", " pdf ", " chapter ", " paper ", " scan ") && !containsAny(text, " book ", " books ") {
		return article
	}
	if containsAny(text, " book ", " books ", " novel ", " libro ", " livre ", " livro ", " buch ", " volume ") && !containsAny(text, " article ", " pdf ", " chapter ") {
		return !article
	}
	return true
}

// titled is the own requests whose title or author the new text names, without
// those that another explains better.
func (s *records) titled(own []*candidate) []*candidate {
	var out []*candidate
	top := 0.0
	strength := map[*candidate]float64{}
	for _, c := range own {
		v := c.title.score
		switch {
		case c.author && v >= 0.2:
			v = max(v, 0.85)
		case c.author:
			v = max(v, 0.7)
			if s.sure && s.fit(s.intent, c.t) < 0.5 {
				v = 0.45 // in no state to want that of
			}
			if s.sameAuthor(own, c) && s.fit(s.intent, c.t) < 0.7 {
				v = 0.4 // another by that author may be meant
			}
		}
		strength[c] = v
		top = max(top, v)
	}
	if top < 0.5 {
		return nil
	}
	for _, c := range own {
		v := strength[c]
		if v < 0.5 || v < top-0.35 && !c.title.full {
			continue
		}
		out = append(out, c)
	}
	// several at the same place of the text: the better, or those of one title
	sort.SliceStable(out, func(a, b int) bool { return strength[out[a]] > strength[out[b]] })
	var kept []*candidate
	for _, c := range out {
		beaten := false
		for _, k := range kept {
			if sameWork(c.t, k.t) {
				continue
			}
			near := c.title.at >= 0 && k.title.at >= 0 && c.title.at >= k.title.at-2 && c.title.at <= k.title.at+k.title.words+6
			if near && strength[c] < strength[k]-0.05 || strength[c] < 0.7 && strength[k]-strength[c] > 0.15 {
				beaten = true
			}
		}
		if !beaten {
			kept = append(kept, c)
		}
	}
	return s.oneOfEach(kept)
}

// sameWork reports whether two requests are for the same thing.
func sameWork(a, b *Transaction) bool {
	return a != b && fold(mainTitle(a.Title)) == fold(mainTitle(b.Title)) && fold(a.ArticleTitle) == fold(b.ArticleTitle)
}

// oneOfEach keeps, of several requests for the same title, the one that suits
// the wish; both where that doesn't decide, and then they are only offered.
func (s *records) oneOfEach(list []*candidate) []*candidate {
	var out []*candidate
	done := map[*candidate]bool{}
	for _, c := range list {
		if done[c] {
			continue
		}
		group := []*candidate{c}
		for _, o := range list {
			if o != c && sameWork(o.t, c.t) {
				group = append(group, o)
				done[o] = true
			}
		}
		better := func(c *candidate) float64 {
			v := s.fit(s.intent, c.t)
			if c.thread {
				v += 0.5
			}
			if c.dated {
				v += 0.4
			}
			switch stateOf(c.t) {
			case stateCancelledStaff, stateCancelledPatron, stateFinished:
			default:
				v += 0.4
			}
			return v + 0.1*recency(c.t, s.r.Message.Date)
		}
		sort.SliceStable(group, func(a, b int) bool { return better(group[a]) > better(group[b]) })
		out = append(out, group[0])
	}
	return out
}

// forwarded reports whether the message hands on another's mail: little new
// text over a quoted mail that is not ours.
func (s *records) forwarded() bool {
	return isForward(s.r.Message.Subject)
}

// isForward reports whether the subject says that the mail hands on another.
func isForward(subject string) bool {
	return hasAnyPrefix(strings.ToLower(subject), []string{"fw:", "fwd:", "wg:", "tr:", "rv:", "enc:", "转发"})
}

// mentionCues say that a request is only spoken of; each is whole words.
var mentionCues = []string{
	"the other", "is fine", "are fine", "were fine", "is safe", "is ok", "is okay", "i will bring", "ill bring", "will return", "ill return", "i will take", "ill take", "im bringing", "bringing it", "bringing back", "is on me", "picked up", "got that", "no problem with", "unlike", "like i did", "not the one",
	"leave those", "leave that one", "leave it alone", "can return", "besides", "i already have", "already had", "same as", "came fine", "arrived fine", "worked fine", "still reading", "ill keep", "i will keep", "no need for that", "is on its way back", "i return", "not about", "dont mean", "do not mean",
}

// onlyMentioned reports whether the sentence that names a request says that
// nothing is wanted of it, while another sentence wants something.
func (s *records) onlyMentioned(c *candidate) bool {
	if c.place < 0 {
		return false
	}
	from, to := s.text.sentence(c.place)
	if to-from >= len(s.text.words)-6 {
		return false
	}
	return containsAny(" "+strings.Join(s.text.words[from:to], " ")+" ", padded(mentionCues)...) && !s.text.question(c.place)
}

// padded is each with a blank around it, so that it is found as whole words.
func padded(list []string) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = " " + w + " "
	}
	return out
}

// elsewhere reports whether an answer turns to another request than the one
// whose notice it answers.
func (s *records) elsewhere() bool {
	return containsAny(" "+strings.Join(s.text.words, " ")+" ", " the other one ", " another book ", " another request ", " another article ", " a different request ", " the other request ", " my other request ", " the other book ", " my other book ", " the other article ", " not about the ", " not about this ", " while i have you ", " unrelated ", " separate question ", " different question ", " not this one ")
}

// sameAuthor reports whether another of the requests is by the same author.
func (s *records) sameAuthor(own []*candidate, c *candidate) bool {
	for _, o := range own {
		if o != c && fold(o.t.Author) == fold(c.t.Author) {
			return true
		}
	}
	return false
}

// askedAnew puts, for a request that is over, the patron's newer one for the
// same work where the wish suits that better.
func (s *records) askedAnew(intent Intent, thread, own []*candidate) []*candidate {
	out := append([]*candidate(nil), thread...)
	for i, c := range out {
		for _, o := range own {
			if sameWork(o.t, c.t) && o.t.CreationDate.After(c.t.CreationDate) && fits(intent, o.t) > fits(intent, c.t) {
				out[i] = o
			}
		}
	}
	return out
}

// speaksOfAll reports whether the wish is about everything.
func (s *records) speaksOfAll() bool {
	t := " " + strings.Join(s.text.words, " ") + " "
	return containsAny(t, " all my ", " all of my ", " all of them ", " everything ", " all the books ", " all books ", " all three ", " all four ", " all five ", " all my ill ", " all of the ", " all items ", " all loans ", " both of my ", " todos mis ", " todos los ", " tous mes ", " tous les ", " todos os ", " alle meine ", " all of these ", " all of it ", " each of my ")
}

// count is how many requests the text speaks of: "both", "my three books"; 0 where it doesn't say.
func (s *records) count() int {
	for i, w := range s.text.words {
		if w == "both" {
			return 2
		}
		n := map[string]int{"two": 2, "three": 3, "four": 4, "five": 5, "2": 2, "3": 3, "4": 4, "dos": 2, "deux": 2, "zwei": 2, "tres": 3, "trois": 3, "drei": 3}[w]
		if n > 0 {
			for k := i + 1; k < len(s.text.words) && k <= i+3; k++ {
				switch s.text.words[k] {
				case "books", "items", "loans", "articles", "requests", "libros", "livres", "livros", "bucher", "things", "volumes":
					return n
				}
			}
		}
	}
	return 0
}

// unknownTitle reports whether the new text seems to name a work that is not
// the candidate: words in quotation marks or capitals that are not its own.
func (s *records) unknownTitle(c *candidate) bool {
	text := s.r.NewText
	open := strings.IndexAny(text, "“\"«《")
	if open >= 0 {
		rest := text[open:]
		if end := strings.IndexAny(rest[1:], "”\"»》"); end > 3 {
			x := indexWords(rest[:end+1])
			t := c.t.Title + " " + c.t.ArticleTitle
			return x.matchTitle(t).score < 0.2
		}
	}
	// capitalised words inside a sentence
	caps := 0
	toks, sents := tokenize(text, 300)
	known := map[string]bool{}
	for _, w := range wordsOf(fold(c.t.Title + " " + c.t.ArticleTitle + " " + c.t.Author + " " + s.r.Message.Author().Name + " " + c.t.FirstName + " " + c.t.LastName + " " + c.t.PickupLocation)) {
		known[w] = true
	}
	for _, st := range sents {
		for i := st.from + 1; i < st.to; i++ {
			t := toks[i]
			if ch := text[t.start]; ch >= 'A' && ch <= 'Z' && len(t.word) > 3 && !commonWords[t.word] && !known[t.word] && !weekdayOrMonth(t.word) {
				caps++
			}
		}
	}
	return caps >= 2
}

func weekdayOrMonth(w string) bool {
	_, a := monthNames[w]
	_, b := weekdayNames[w]
	return a || b
}
