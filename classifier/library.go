package classifier

import (
	"sort"
	"strings"
)

// decideLibrary files mail of lenders and ILL systems: by a number, or by the
// title with a second sign. One who is not known must show what only a party
// has: our mail, or the number that lender and borrower share, or the lender's
// symbol, each with a second sign. Titles, DOIs and TNs others know, too.
func (s *records) decideLibrary(kind Kind, intent Intent) {
	if intent == LendingRequest || s.doubtful {
		return
	}
	known := s.knownPartner()
	party := func(c *candidate) bool {
		shared := c.idNew == "its ILL number" || c.idNew == "its Rapid number"
		sign := c.title.score >= 0.3 || c.quoted.score >= 0.3 || c.author || c.dated || c.lender
		return known || s.answersUs(c) || c.lender || shared && sign
	}
	byID := false
	for _, c := range s.cands {
		strong := c.idNew == "its ILL number" || c.idNew == "its Rapid number" || c.idNew == "its DOI" && kind == KindSystem
		if c.idNew == "its TN" && (s.answersUs(c) || c.lender || c.title.score >= 0.5) {
			strong = true
		}
		if c.idNew == "its number" && (c.title.score >= 0.5 || s.text.at[fold(c.t.Username)] != nil) {
			strong = true
		}
		if strong && party(c) {
			c.decided = true
			byID = true
		}
	}
	if byID {
		return
	}
	for _, c := range s.cands {
		if s.answersUs(c) || c.idReply && (c.title.score >= 0.5 || c.quoted.score >= 0.5) && party(c) {
			c.decided = true
			byID = true
		}
	}
	if byID || kind == KindVendor {
		return
	}
	type weighed struct {
		c *candidate
		v float64
	}
	var list []weighed
	for _, c := range s.cands {
		v := 0.6 * c.title.score
		if c.title.full {
			v += 0.1
		}
		if v < 0.3 && !c.author {
			continue
		}
		if c.author {
			v += 0.2
		}
		if c.dated {
			v += 0.35
		}
		if c.lender {
			v += 0.35
		}
		v += 0.15 * (s.fit(intent, c.t) - 0.3)
		c.score = max(c.score, min(0.95, v))
		list = append(list, weighed{c, v})
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].v > list[b].v })
	if len(list) == 0 || list[0].v < 0.8 {
		return
	}
	for i, w := range list {
		if i == 0 {
			continue
		}
		if list[0].v-w.v < 0.12 && (sameWork(w.c.t, list[0].c.t) || w.c.title.score >= 0.7) {
			return
		}
	}
	if party(list[0].c) && list[0].c.title.score >= 0.75 && (list[0].c.dated || list[0].c.lender || list[0].c.author || list[0].c.title.full && list[0].c.title.words >= 3) && (list[0].c.title.words >= 2 || list[0].c.author || list[0].c.dated) {
		list[0].c.decided = true
	}
}

// answersUs reports whether mail of a library answers what we wrote to one
// about the candidate. What the patron was sent a library has no part in.
func (s *records) answersUs(c *candidate) bool {
	return c.thread && s.sent != nil && !strings.EqualFold(s.sent.To, c.t.Email) && !containsFold(c.t.OtherEmails, s.sent.To)
}

// decideReturned files bounces and auto-replies on the request of the mail
// that came back.
func (s *records) decideReturned(kind Kind) {
	for _, c := range s.cands {
		if c.thread {
			c.decided = true
		}
	}
	for _, c := range s.cands {
		if c.decided {
			return
		}
	}
	for _, c := range s.cands {
		named := c.idNew == "its TN" || c.idReply
		if named && (s.mayFile(c) || kind == KindBounce && c.stand >= mentioned || kind == KindBounce && (c.title.score >= 0.5 || c.quoted.score >= 0.5)) {
			c.decided = true
		}
	}
}
