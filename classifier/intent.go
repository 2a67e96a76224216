package classifier

import (
	"fmt"
	"sort"
	"strings"
)

// the intents of each kind in the order of the model's classes.
var (
	patronIntents  = []Intent{Renewal, Status, Cancel, ReturnedClaim, LostDamaged, Pickup, ReturnHow, FileProblem, WrongItem, NewRequest, AmendRequest, Account, Fees, Policy, Thanks, Other}
	partnerIntents = []Intent{Recall, LenderConditional, LenderUnfilled, LenderShipped, LenderOverdue, LenderQuery, LendingRequest}
	systemIntents  = []Intent{Delivery, SystemUpdate}
)

// reasoned is a feature with its reason in words.
type reasoned struct {
	feature
	why string
}

// noticeWords name the kinds of our notices in a reason.
var noticeWords = map[string]string{
	"overdue": "overdue notice", "due_soon": "due-soon notice", "pickup": "pickup notice", "delivered": "delivery notice", "cancelled": "cancellation letter", "renewal_granted": "renewal", "renewal_denied": "refusal of a renewal",
	"lost_bill": "bill for a lost item", "received": "confirmation", "question": "question", "delay": "delay letter", "recall": "recall", "reply": "answer",
}

// noticeKind brings the kinds of notices under one name and gives the rung.
func noticeKind(s string) (kind string, rung string) {
	s = strings.ReplaceAll(strings.ToLower(s), "-", "_")
	if k := strings.LastIndexByte(s, '_'); k > 0 && k == len(s)-2 && s[k+1] >= '0' && s[k+1] <= '9' {
		s, rung = s[:k], s[k+1:]
	}
	switch s {
	case "delivery":
		s = "delivered"
	case "cancellation":
		s = "cancelled"
	}
	return s, rung
}

// noticeOf guesses which notice a mail answers from its subject and history.
func noticeOf(subject, quoted string) string {
	s := fold(cleanSubject(subject)) + "\n" + fold(clip(quoted, 1500))
	switch {
	case containsAny(s, "invoice for lost", "replacement bill", "bill for a lost"):
		return "lost_bill"
	case containsAny(s, "second notice", "overdue", "was due on", "still checked out to you", "final notice", "past due"):
		return "overdue"
	case containsAny(s, "due soon", "due in ", "due tomorrow", "is due on", "will be due"):
		return "due_soon"
	case containsAny(s, "has arrived", "ready for pickup", "waiting for you", "pickup notice", "ready to be picked", "hold for pickup", "is ready for pick"):
		return "pickup"
	case containsAny(s, "article available", "can be downloaded", "article delivered", "has been delivered", "article is ready", "chapter was delivered", "was delivered", "article has been"):
		return "delivered"
	case containsAny(s, "request cancelled", "had to cancel", "has been cancelled", "request canceled"):
		return "cancelled"
	case containsAny(s, "renewal denied", "could not be renewed", "not be renewed", "declined your renewal"):
		return "renewal_denied"
	case containsAny(s, "renewal granted", "has been renewed", "was renewed"):
		return "renewal_granted"
	case containsAny(s, "question about your", "missing or unclear", "please reply with"):
		return "question"
	case containsAny(s, "request received", "we received your request"):
		return "received"
	}
	return ""
}

// contextFeatures is what the notice, the request and the attachments say.
func (s *records) contextFeatures() []reasoned {
	var out []reasoned
	add := func(val float64, why string, parts ...string) {
		out = append(out, reasoned{feature{key(append([]string{"x"}, parts...)...), val}, why})
	}
	m := s.r.Message
	kind, rung := "", ""
	if s.sent != nil {
		kind, rung = noticeKind(s.sent.Kind)
	}
	if kind == "" || kind == "reply" {
		if k := noticeOf(m.Subject, s.r.Quoted); k != "" && (isReplySubject(m.Subject) || s.r.Quoted != "") {
			kind = k
		}
	}
	if kind != "" {
		why := "answers our " + kind
		if w := noticeWords[kind]; w != "" {
			why = "answers " + w
		}
		if rung != "" {
			why += " " + rung
		}
		add(valContext, why, "notice", kind)
	} else if isReplySubject(m.Subject) {
		add(valContext*0.5, "", "reply")
	} else {
		add(valContext*0.5, "", "new")
	}
	for _, a := range m.Attachments {
		switch {
		case strings.HasPrefix(a.ContentType, "image/"):
			add(0.6, "a picture is attached", "att", "image")
		case a.ContentType == "application/pdf":
			add(0.5, "a PDF is attached", "att", "pdf")
		default:
			add(0.4, "", "att", "other")
		}
	}
	cited := 0
	for _, id := range s.r.Identifiers {
		if id.InNew && (id.Type == idDOI || id.Type == idISBN || id.Type == idPMID || id.Type == idISSN || id.Type == idOCLC) {
			cited++
		}
	}
	if cited > 0 {
		add(0.7, "names a DOI, an ISBN or the like", "cited")
	}
	if len(s.f.Transactions) == 0 {
		return out // no records: say nothing of them
	}
	best := s.best()
	if best == nil {
		add(0.5, "", "nomatch")
		return out
	}
	t := best.t
	state := stateOf(t)
	strength := valContext * min(1, best.prior+0.2)
	add(strength, fmt.Sprintf("request %d is %s", t.TransactionNumber, stateWords[state]), "state", state)
	add(strength*0.6, "", "type", t.RequestType)
	if t.CancelReason != "" {
		add(strength*0.5, "", "cancelreason")
	}
	for _, i := range patronIntents {
		if v := fits(i, t); v >= 0.5 {
			add(strength*v*0.7, "", "fits", string(i))
		}
	}
	if !t.DueDate.IsZero() && !m.Date.IsZero() && state == stateOnLoan {
		if m.Date.After(t.DueDate.AddDate(0, 0, 1)) {
			add(strength*0.6, "the loan is overdue", "pastdue")
		} else if t.DueDate.Sub(m.Date).Hours() < 24*8 {
			add(strength*0.6, "the loan is due within days", "duesoon")
		}
	}
	return out
}

var stateWords = map[string]string{
	stateOpen: "not yet sent to lenders", stateSent: "with lenders", stateInTransit: "on its way", stateOnShelf: "waiting to be collected", stateOnLoan: "on loan", stateInHands: "on loan, with something pending",
	stateReturned: "returned", stateDelivered: "delivered", stateFinished: "finished", stateCancelledStaff: "cancelled by staff", stateCancelledPatron: "cancelled by the patron", stateClaimsReturned: "claimed to be returned", stateLost: "lost", stateUnknown: "in a state that is not known",
}

// intentsOf is the wishes of a message of that kind, likeliest first.
func (c *Classifier) intentsOf(s *records, w *worded, kind Kind) []IntentScore {
	var h *head
	switch kind {
	case KindPatron:
		h = &c.model.patron
	case KindPartner:
		h = &c.model.partner
	case KindSystem:
		h = &c.model.system
	case KindVendor:
		return []IntentScore{{VendorSupport, 0.99, []string{"a support desk writes"}}}
	default:
		return nil
	}
	ctx := s.contextFeatures()
	context := make([]feature, len(ctx))
	for i, x := range ctx {
		context[i] = x.feature
	}
	p := h.predict(w.said, context)
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] > p[order[b]] })
	if len(order) > 1 && p[order[1]] >= faintIntent && h.askedFirst(order[1], order[0], w) {
		// of two wishes the one that is asked first is the main one; the first
		// place keeps its probability
		p[order[0]], p[order[1]] = p[order[1]], p[order[0]]
		order[0], order[1] = order[1], order[0]
	}
	var out []IntentScore
	for n, i := range order {
		if n > 0 && (p[i] < secondIntent || n > 2) {
			break
		}
		out = append(out, IntentScore{Intent: Intent(h.classes[i]), P: round3(p[i]), Reasons: h.reasons(i, w, ctx)})
	}
	return out
}

// askedFirst reports whether class a is what an earlier sentence asks and
// class b what a later one asks.
func (h *head) askedFirst(a, b int, w *worded) bool {
	firstA, firstB := -1, -1
	for i, st := range w.ann.sents {
		if st.to-st.from < 3 {
			continue
		}
		fs := newFeatureSet(128)
		w.only(i).textFeatures(theLexicon(), fs)
		q := make([]float64, len(h.classes))
		h.raw(fs.list, q)
		normalize(q)
		if firstA < 0 && q[a] > q[b] && q[a] >= clearSentence {
			firstA = i
		}
		if firstB < 0 && q[b] > q[a] && q[b] >= clearSentence {
			firstB = i
		}
	}
	return firstA >= 0 && firstB > firstA
}

// clearSentence is the probability from which one sentence speaks for a wish.
const clearSentence = 0.5

// faintIntent is the probability from which a further intent may be what was
// asked first.
const faintIntent = 0.08

// secondIntent is the probability from which a further intent is named.
const secondIntent = 0.12

func round3(p float64) float64 { return float64(int(p*1000+0.5)) / 1000 }

// reasons is what spoke most for class i, in words.
func (h *head) reasons(i int, w *worded, ctx []reasoned) []string {
	type why struct {
		text string
		s    float64
	}
	var list []why
	l := theLexicon()
	said := func(a *annotated, text string, ht hit, group string, val float64) {
		c := l.cues[ht.cue]
		s := h.weight(key(group, string(c.intent), c.pattern), i)*val + h.weight(key("g", string(c.intent)), i)*0.2
		if s <= 0.05 {
			return
		}
		from, to := a.toks[ht.from].start, a.toks[ht.to-1].end
		quote := strings.Join(strings.Fields(text[from:to]), " ")
		if runes(quote) > 70 {
			quote = string([]rune(quote)[:70]) + "…"
		}
		list = append(list, why{"says “" + quote + "”", s})
	}
	for _, ht := range w.hits {
		said(w.ann, w.text, ht, "p", valCue)
	}
	for _, ht := range w.shits {
		said(w.subj, w.subjT, ht, "sp", valCue*0.7)
	}
	for _, x := range ctx {
		if x.why == "" {
			continue
		}
		if s := h.weight(x.key, i) * x.val; s > 0.05 {
			list = append(list, why{x.why, s})
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].s > list[b].s })
	var out []string
	for _, x := range list {
		dup := false
		for _, o := range out {
			a, b := strings.Trim(strings.TrimPrefix(o, "says "), "“”"), strings.Trim(strings.TrimPrefix(x.text, "says "), "“”")
			if strings.Contains(a, b) || strings.Contains(b, a) {
				dup = true
			}
		}
		if !dup {
			out = append(out, x.text)
		}
		if len(out) == 3 {
			break
		}
	}
	if len(out) == 0 {
		out = []string{"by its words as a whole"}
	}
	return out
}
