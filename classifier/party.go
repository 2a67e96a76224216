package classifier

import (
	"strings"

	"illmail/mailbox"
)

// standing says how surely a message speaks for a patron.
type standing int

const (
	stranger   standing = iota
	mentioned           // copied, quoted, or named in the text
	sameName            // another address, but the patron's first and last name, and nobody else's
	ownAccount          // the patron's username at the office's domain
	otherAddr           // an address that staff confirmed as theirs
	registered          // exactly the registered address
)

var standingWords = map[standing]string{
	mentioned: "the patron is named in the mail", sameName: "the sender has the patron's name", ownAccount: "the sender's account is the patron's username",
	otherAddr: "the sender's address is known as the patron's", registered: "the sender is the patron",
}

// parties is how the message stands to each patron of the facts, by username.
func parties(r *Reading, f Facts) map[string]standing {
	m := r.Message
	from := m.Author()
	sender := from.Key()
	local, domain, _ := strings.Cut(sender, "@")
	own := r.Office.owns(domain)
	out := map[string]standing{}
	raise := func(u string, s standing) {
		if s > out[u] {
			out[u] = s
		}
	}
	named := map[string]bool{}
	others := map[string]bool{}
	note := func(s string) { others[strings.ToLower(s)] = true }
	for _, a := range m.Cc {
		note(a.Key())
	}
	for _, s := range mailInText.FindAllString(clip(m.Text, maxScan), 40) {
		note(s)
	}
	if m.Report != nil {
		for _, rc := range m.Report.Recipients {
			note(rc.Addr)
		}
	}
	titled := map[string]bool{}
	for _, n := range titledNames(r.NewText + "\n" + m.Subject) {
		titled[n] = true
	}
	typed := typedName(r.NewText)
	for i := range f.Transactions {
		t := &f.Transactions[i]
		u := t.Username
		if u == "" {
			continue
		}
		email := strings.ToLower(t.Email)
		switch {
		case sender != "" && email == sender:
			raise(u, registered)
		case own && strings.EqualFold(u, local):
			raise(u, ownAccount)
		}
		for _, a := range t.OtherEmails {
			if sender != "" && strings.EqualFold(a, sender) {
				raise(u, otherAddr)
			}
		}
		if samePerson(from.Name, t) || len(typed) > 0 && sameTyped(typed, r.NewText, t) {
			named[u] = true
		}
		if others[email] || others[strings.ToLower(u)+"@"+domain] && own {
			raise(u, mentioned)
		}
		for o := range others {
			if l, d, ok := strings.Cut(o, "@"); ok && strings.EqualFold(l, u) && r.Office.owns(d) {
				raise(u, mentioned)
			}
		}
		if last := fold(t.LastName); len(last) > 2 && titled[last] {
			raise(u, mentioned)
		}
	}
	// a name alone counts only where it is one patron's, and where the address
	// is not another patron's
	certain := false
	for _, s := range out {
		certain = certain || s >= ownAccount
	}
	if len(named) == 1 && !certain {
		for u := range named {
			raise(u, sameName)
		}
	} else {
		for u := range named {
			raise(u, mentioned)
		}
	}
	return out
}

// sameTyped is sameName for a name typed under the mail.
func sameTyped(typed []string, text string, t *Transaction) bool {
	text = strings.TrimSpace(text)
	last := stripAfterComma(strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:]))
	return samePerson(last, t)
}

// samePerson reports whether a name, as displayed or typed, holds the patron's
// first and last name in either order.
func samePerson(name string, t *Transaction) bool {
	words := map[string]bool{}
	for _, w := range wordsOf(fold(name)) {
		words[w] = true
	}
	first, last := wordsOf(fold(t.FirstName)), wordsOf(fold(t.LastName))
	if len(first) == 0 || len(last) == 0 {
		return false
	}
	for _, w := range last {
		if !words[w] {
			return false
		}
	}
	return words[first[0]]
}

// doubtful reports whether From must not be believed: authentication speaks
// against it, or it names several authors, of whom a reader may show any
// (RFC 7489 section 6.6.1).
func doubtful(r *Reading) bool {
	m := r.Message
	fields := 0
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, "From") {
			fields++
		}
	}
	return len(m.From) > 1 || fields > 1 || m.AuthResults(r.Office.AuthservIDs) == mailbox.VerdictFail
}

// verified reports whether From is exactly the registered address of that
// patron and nothing speaks against it.
func (s *records) verified(username string) bool {
	return username != "" && s.party[username] == registered && !s.doubtful
}

// mayFile reports whether a patron's mail may be filed on the candidate by
// itself: the sender is a party to it. A name proves that only together with
// our own mail, which nobody else was sent; what is said of a patron, only
// where a colleague hands it on.
func (s *records) mayFile(c *candidate) bool {
	if s.doubtful {
		return false
	}
	switch c.stand {
	case stranger:
		return false
	case mentioned:
		return s.inside && s.forwarded()
	case sameName:
		return c.thread
	}
	return true
}

// partner is the entry of the directory that the sender's address or domain
// belongs to; nil where there is none. One whose address merely stands in the
// mail is not the sender.
func partner(r *Reading, list []Lender) *Lender {
	sender := r.Message.Author().Key()
	_, domain, ok := strings.Cut(sender, "@")
	if !ok {
		return nil
	}
	for i := range list {
		for _, a := range list[i].Addresses {
			if strings.EqualFold(a, sender) {
				return &list[i]
			}
		}
		if within(domain, list[i].Domains) {
			return &list[i]
		}
	}
	return nil
}

// within reports whether a domain, in lower case, is one of the list or below one.
func within(domain string, list []string) bool {
	for _, d := range list {
		if d = strings.ToLower(d); d != "" && (domain == d || strings.HasSuffix(domain, "."+d)) {
			return true
		}
	}
	return false
}

// knownPartner reports whether mail of libraries and systems comes from one
// that staff or the configuration confirmed, or from the office's own hosts.
func (s *records) knownPartner() bool {
	if s.doubtful {
		return false
	}
	sender := s.r.Message.Author().Key()
	_, domain, ok := strings.Cut(sender, "@")
	return ok && (s.lender != nil || s.inside || within(domain, s.r.Office.Partners) || containsFold(s.r.Office.Partners, sender))
}

// ownHost reports whether a domain, in lower case, is the office's own or below
// it, and none at which patrons have their addresses: what comes from there
// colleagues and the office's systems wrote.
func (o Office) ownHost(domain string) bool {
	if len(o.Addresses) == 0 || containsFold(o.Domains, domain) {
		return false
	}
	_, own, _ := strings.Cut(strings.ToLower(o.Addresses[0]), "@")
	return within(domain, []string{own})
}

func containsFold(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}
