package classifier

import (
	"sort"
	"strings"
	"unicode"

	"illmail/mailbox"
)

// bounds of the lists of Keys.
const (
	maxKeys       = 60
	maxTitleWords = 40
)

// Read says what can be said of a message without the records, above all the
// Keys by which they are to be looked up.
func (c *Classifier) Read(m *mailbox.Message, o Office) *Reading {
	r := readMessage(m, o)
	r.KindHint, _, r.KindWhy, _ = c.decideKind(survey(r, Facts{}), r.words)
	return r
}

// readMessage is a reading without the model's word.
func readMessage(m *mailbox.Message, o Office) *Reading {
	r := &Reading{Message: m, Office: o}
	r.NewText, r.Quoted = NewText(m.Text, m.Author())
	subject := FindIdentifiers(m.Subject, m.Date)
	for i := range subject {
		subject[i].InNew, subject[i].InTitle = true, true
	}
	own := FindIdentifiers(r.NewText, m.Date)
	for i := range own {
		own[i].InNew = true
	}
	quoted := FindIdentifiers(r.Quoted, m.Date)
	if m.Report != nil {
		quoted = append(quoted, FindIdentifiers(m.Report.OriginalSubject, m.Date)...)
	}
	r.Identifiers = dedupe(append(append(subject, own...), quoted...))
	r.Keys = keysOf(r)
	r.words = wordsFor(theLexicon(), spoken(r), m.Subject)
	r.head = readHeaders(r)
	return r
}

// spoken is the text that says what is wanted: the new text; the subject where
// there is nothing else; and, where somebody only hands on another's mail,
// that mail.
func spoken(r *Reading) string {
	text := r.NewText
	if isForward(r.Message.Subject) && len(strings.Fields(text)) < 40 {
		if body, ok := forwardedBody(r); ok {
			text += "\n\n" + body
		}
	}
	if strings.TrimSpace(text) == "" {
		return cleanSubject(r.Message.Subject)
	}
	return text
}

// forwardedBody is the text of a forwarded mail, if its author is not the office.
func forwardedBody(r *Reading) (string, bool) {
	lines := splitLines(r.Quoted)
	for i := range lines {
		if !headerBlock(lines, i) {
			continue
		}
		j := i
		for j < len(lines) && lines[j] != "" {
			low := strings.ToLower(lines[j])
			for _, a := range r.Office.Addresses {
				if l := headerLabel(lines[j]); fromNames[l] && strings.Contains(low, strings.ToLower(a)) {
					return "", false
				}
			}
			j++
		}
		body, _ := NewText(clip(strings.Join(lines[j:], "\n"), 4000), mailbox.Address{})
		return body, body != ""
	}
	return "", false
}

// dedupe keeps the first of each type, value and place.
func dedupe(ids []Identifier) []Identifier {
	seen := map[Identifier]bool{}
	out := ids[:0]
	for _, id := range ids {
		k := Identifier{Type: id.Type, Value: id.Value, InNew: id.InNew, InTitle: id.InTitle}
		if !seen[k] {
			seen[k] = true
			out = append(out, id)
		}
	}
	return out
}

// keyList gathers keys without repetition, up to its bound.
type keyList struct {
	seen map[string]bool
	list []string
	max  int
}

func (l *keyList) add(s string) {
	if s == "" || len(s) > 200 || len(l.list) >= l.max || l.seen[s] {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[s] = true
	l.list = append(l.list, s)
}

func keysOf(r *Reading) Keys {
	m := r.Message
	var ids, ill, rapid, doi, isbn, addrs, users, names keyList
	for _, l := range []*keyList{&ids, &ill, &rapid, &doi, &isbn, &addrs, &users, &names} {
		l.max = maxKeys
	}
	var k Keys
	for _, id := range m.InReplyTo {
		ids.add(id)
	}
	for i := len(m.References) - 1; i >= 0; i-- { // the newest first
		ids.add(m.References[i])
	}
	if m.Report != nil {
		ids.add(m.Report.OriginalMessageID)
		for i := len(m.Report.OriginalReferences) - 1; i >= 0; i-- {
			ids.add(m.Report.OriginalReferences[i])
		}
	}
	seenTN := map[int64]bool{}
	for _, id := range r.Identifiers {
		if n := tnOf(id); n > 0 && !seenTN[n] && len(k.TNs) < maxKeys {
			seenTN[n] = true
			k.TNs = append(k.TNs, n)
		}
		switch id.Type {
		case idILL, idNumber, idTN, idOCLC:
			ill.add(id.Value)
			if id.Type == idILL || id.Type == idNumber {
				rapid.add(id.Value)
			}
		case idRapid:
			rapid.add(id.Value)
		case idDOI:
			doi.add(id.Value)
		case idISBN, idISSN:
			isbn.add(id.Value)
			if other := otherISBN(id.Value); other != "" {
				isbn.add(other)
			}
		}
	}

	office := map[string]bool{}
	for _, a := range r.Office.Addresses {
		office[strings.ToLower(a)] = true
	}
	address := func(a mailbox.Address) {
		s := a.Key()
		if s == "" || office[s] {
			return
		}
		addrs.add(s)
		if local, domain, ok := strings.Cut(s, "@"); ok && r.Office.owns(domain) {
			users.add(local)
		}
	}
	for _, a := range m.From {
		address(a)
	}
	for _, a := range m.ReplyTo {
		address(a)
	}
	for _, a := range m.Cc {
		address(a)
	}
	if m.Report != nil {
		for _, rc := range m.Report.Recipients {
			address(mailbox.Address{Addr: rc.Addr})
		}
	}
	for _, s := range mailInText.FindAllString(clip(m.Text, maxScan), 40) {
		address(mailbox.Address{Addr: s})
	}

	for _, n := range namesOf(m.Author().Name) {
		names.add(n)
	}
	for _, n := range titledNames(r.NewText + "\n" + m.Subject) {
		names.add(n)
	}
	for _, n := range typedName(r.NewText) {
		names.add(n)
	}
	k.MessageIDs, k.ILLNumbers, k.Rapid, k.DOIs, k.ISSNISBNs, k.Addresses, k.Usernames, k.LastNames = ids.list, ill.list, rapid.list, doi.list, isbn.list, addrs.list, users.list, names.list
	k.TitleWords = titleWordsOf(r)
	return k
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// owns reports whether a domain is one of the patrons' own, or below one.
func (o Office) owns(domain string) bool {
	return within(strings.ToLower(domain), o.Domains)
}

// otherISBN is the ISBN of thirteen digits for one of ten, and back.
func otherISBN(s string) string {
	switch {
	case len(s) == 10:
		sum := 9 + 7*3 + 8
		for i := 0; i < 9; i++ {
			d := int(s[i] - '0')
			if i%2 == 0 {
				d *= 3
			}
			sum += d
		}
		return "978" + s[:9] + string(rune('0'+(10-sum%10)%10))
	case len(s) == 13 && strings.HasPrefix(s, "978"):
		core, sum := s[3:12], 0
		for i := 0; i < 9; i++ {
			sum += int(core[i]-'0') * (10 - i)
		}
		c := (11 - sum%11) % 11
		if c == 10 {
			return core + "X"
		}
		return core + string(rune('0'+c))
	}
	return ""
}

// namesOf is the parts of a display name that may be a last name, likeliest first.
func namesOf(name string) []string {
	if k := strings.IndexAny(name, "(|"); k > 0 {
		name = name[:k]
	}
	first, _, comma := strings.Cut(name, ",")
	f := wordsOf(fold(name))
	var out []string
	if comma { // "Finch, Harold"
		out = append(out, wordsOf(fold(first))...)
		if len(wordsOf(fold(first))) > 0 {
			out = append(out, strings.Join(wordsOf(fold(first)), " "))
		}
	}
	for n := 1; n <= 3 && n <= len(f); n++ {
		out = append(out, strings.Join(f[len(f)-n:], " "))
	}
	if k := strings.LastIndexByte(strings.TrimSpace(name), ' '); k > 0 && !comma {
		out = append(out, fold(strings.TrimSpace(name)[k+1:])) // with its hyphen
	}
	kept := out[:0]
	for _, w := range out {
		if len(w) >= 2 {
			kept = append(kept, w)
		}
	}
	return kept
}

// titledNames is the names after "Prof.", "Dr." and their kin: for whom an
// assistant writes.
func titledNames(text string) []string {
	var out []string
	f := strings.Fields(clip(text, 8<<10))
	for i := 0; i+1 < len(f) && len(out) < 8; i++ {
		switch strings.Trim(fold(f[i]), ".,:;(\"'") {
		case "prof", "professor", "dr", "dean", "profesor", "profesora", "professeur", "professora", "provost":
			for n := 1; n <= 3 && i+n < len(f); n++ {
				w := strings.Trim(f[i+n], ".,:;()\"'’")
				w = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s")
				r := []rune(w)
				if len(r) < 2 || !unicode.IsUpper(r[0]) {
					break
				}
				out = append(out, fold(w))
			}
		}
	}
	return out
}

// typedName is the words of the last line where that looks like a name.
func typedName(text string) []string {
	text = strings.TrimSpace(text)
	if k := strings.LastIndexByte(text, '\n'); k >= 0 {
		last := strings.TrimSpace(text[k+1:])
		if nameLine(last, mailbox.Address{}) {
			return namesOf(stripAfterComma(last))
		}
	}
	return nil
}

// titleWordsOf is the words that may be of a title: long and capitalised first.
func titleWordsOf(r *Reading) []string {
	type scored struct {
		w string
		s int
		i int
	}
	var list []scored
	seen := map[string]bool{}
	take := func(text string, bonus int) {
		toks, _ := tokenize(clip(text, 16<<10), 400)
		for _, t := range toks {
			if len(t.word) <= 3 || t.number || commonWords[t.word] || seen[t.word] {
				continue
			}
			seen[t.word] = true
			s := bonus + min(len(t.word), 12)
			if c := text[t.start]; c >= 'A' && c <= 'Z' || c >= 0x80 {
				s += 8
			}
			list = append(list, scored{t.word, s, len(list)})
		}
	}
	take(cleanSubject(r.Message.Subject), 4)
	take(r.NewText, 0)
	if len(list) < maxTitleWords {
		take(r.Quoted, -8)
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].s > list[b].s })
	var out []string
	for _, s := range list {
		if len(out) == maxTitleWords {
			break
		}
		out = append(out, s.w)
	}
	return out
}
