package classifier

import (
	"strings"
	"time"

	"illmail/mailbox"
)

// kinds in the order of the model's classes.
var kinds = []Kind{KindPatron, KindPartner, KindSystem, KindVendor, KindAutoReply, KindBounce, KindBulk}

var localParts = []struct {
	name string
	subs []string
}{
	{"daemon", []string{"mailer-daemon", "postmaster", "mailerdaemon", "mail-daemon", "bounce"}},
	{"noreply", []string{"noreply", "no-reply", "donotreply", "do-not-reply", "no_reply"}},
	{"machine", []string{"notif", "alert", "deliver", "order", "digest", "auto", "system", "status", "exchange", "despatch", "demand", "edd", "robot"}},
	{"support", []string{"support", "helpdesk", "servicedesk", "help", "success", "care", "implementation", "tech"}},
	{"market", []string{"news", "event", "offer", "deal", "sales", "promo", "editor", "hello", "info@", "marketing", "webinar", "cfp", "announce", "register", "survey", "panel", "boletin", "renewals", "team", "werbung"}},
	{"list", []string{"-l@", "owner-", "listserv", "lists", "list@", "-request", "bounces"}},
	{"library", []string{"ill@", "ill-", "interlibrary", "docdel", "lending", "borrowing", "fernleihe", "leihverkehr", "peb", "prestamo", "pret@", "loans", "library", "circ", "biblio", "rs@", "ill.", "copies", "request", "access", "docs", "fl@", "scan", "archiv"}},
	{"money", []string{"billing", "invoice", "accounts", "payment"}},
}

var freeMail = []string{"gmail.", "googlemail.", "yahoo.", "outlook.", "hotmail.", "live.", "icloud.", "aol.", "proton", "mail.example", "gmx.", "qq.", "163.", "freemail", "web.de", "mail.ru", "yandex."}

var libraryDomain = []string{"lib", "bib", "ub-", "-pl.", "univ", "college", "seminary", "archiv", "kirjasto", "mediathe", "hospital", "museum", ".edu", "ill.", "school", "academ", "inst"}

// headers is what the header says of the kind.
type headers struct {
	auto, bulk       bool
	autoWhy, bulkWhy string
	features         []feature
}

// readHeaders reads what the header says of the kind.
func readHeaders(r *Reading) *headers {
	m := r.Message
	out := &headers{}
	out.auto, out.autoWhy = m.AutoReply()
	out.bulk, out.bulkWhy = m.Bulk()
	fs := newFeatureSet(32)
	h := func(parts ...string) { fs.add(1.2, append([]string{"h"}, parts...)...) }
	if v := strings.ToLower(m.Get("Auto-Submitted")); v != "" {
		if k := strings.IndexAny(v, "; ("); k > 0 {
			v = v[:k]
		}
		h("auto", v)
	}
	if v := strings.ToLower(m.Get("Precedence")); v != "" {
		h("precedence", v)
	}
	for _, name := range []string{"List-Id", "List-Unsubscribe", "X-Autoreply", "X-Auto-Response-Suppress", "X-Failed-Recipients", "Feedback-ID", "X-List-Administrivia"} {
		if m.Get(name) != "" {
			h("has", name)
		}
	}
	if m.ReturnPath == "<>" {
		h("nullpath")
	}
	if out.auto {
		h("autoreply")
	}
	if out.bulk {
		h("bulk")
	}
	from := m.Author().Key()
	local, domain, _ := strings.Cut(from, "@")
	name := fold(m.Author().Name)
	any := false
	for _, l := range localParts {
		if containsAny(local+"@", l.subs...) {
			h("local", l.name)
			any = true
		}
	}
	if !any {
		h("local", "person")
	}
	switch {
	case r.Office.owns(domain):
		h("domain", "own")
		if any {
			h("ownrole")
		}
	case containsAny(domain, freeMail...):
		h("domain", "free")
	case containsAny(domain, libraryDomain...):
		h("domain", "library")
	default:
		h("domain", "other")
	}
	if containsAny(name, "librar", "ill ", " ill", "interlib", "biblio", "fernleihe", "peb", "lending", "document delivery", "prestamo", "circulation", "university", "college", "copies", "archiv") {
		h("name", "library")
	}
	if containsAny(name, "support", "customer", "helpdesk", "help desk", " at ") {
		h("name", "support")
	}
	if containsAny(name, "system", "daemon", "no-reply", "noreply", "notification", "alert", "worldshare", "rapid", "tipasa", "illiad", "exchange") {
		h("name", "system")
	}
	if isReplySubject(m.Subject) {
		h("reply")
	}
	subject := fold(m.Subject)
	if containsAny(subject, "automatic reply", "autoreply", "auto-reply", "auto reply", "out of office", "out-of-office", "automatische antwort", "abwesend", "respuesta automatica", "reponse automatique", "resposta automatica", "risposta automatica", "automatisch antwoord", "自动回复", "automatiskt svar", "away", "on leave") {
		h("subject", "auto")
	}
	if containsAny(subject, "undeliver", "delivery status", "failure notice", "returned mail", "returned to sender", "delivery failure", "unzustellbar", "no entregado", "non remis", "not delivered", "mail delivery failed", "nicht zugestellt", "delayed") {
		h("subject", "bounce")
	}
	if strings.HasPrefix(subject, "[case") || strings.HasPrefix(subject, "[#") || strings.HasPrefix(subject, "re: [case") || strings.HasPrefix(subject, "re: [#") || containsAny(subject, "ticket", "case #", "[case ", "[#", "incident") {
		h("subject", "case")
	}
	out.features = fs.list
	return out
}

// decideKind says who speaks: the structure of a delivery report first, then
// headers, then the sender, then words.
//
// sure is false where mail to many or an automatic answer is known by its
// words only, and not beyond doubt: then a person should see it. p is how
// probable the kind is; 1 where a header or the records say it.
func (c *Classifier) decideKind(s *records, w *worded) (kind Kind, p float64, why []string, sure bool) {
	r := s.r
	m := r.Message
	if m.Report != nil && (len(m.Report.Recipients) > 0 || m.ReturnPath == "<>") {
		return KindBounce, 1, []string{"it is a delivery report"}, true
	}
	if m.Complaint() {
		return KindSystem, 1, []string{"a mail provider passes on a complaint"}, true
	}
	h := r.head
	if h == nil { // a Reading that was not made by Read
		h = readHeaders(r)
	}
	auto, bulk := h.auto, h.bulk
	fs := newFeatureSet(8)
	s.kindFeatures(fs)
	all := c.model.kind.predict(w.said, h.features, fs.list)
	machine := m.AutoSubmitted()
	best := -1
	for i := range all {
		if kinds[i] == KindBounce && !machine || kinds[i] == KindAutoReply && !machine && !isMachinesAddress(m) {
			continue // people write about either; words alone make neither
		}
		if best < 0 || all[i] > all[best] {
			best = i
		}
	}
	k, p := kinds[best], all[best]
	if m.Report != nil && all[indexOf(kinds, KindBounce)] > 0.2 {
		return KindBounce, 1, []string{"it reads like a delivery report"}, true
	}
	if auto && k != KindSystem && k != KindBounce {
		return KindAutoReply, 1, []string{h.autoWhy}, true
	}
	if (s.senderKnown() || s.named() && !bulk) && !auto && !machine && (k != KindBulk || s.named() && !bulk) && k != KindAutoReply && k != KindBounce {
		k, p = KindPatron, 1
		why = append(why, "the sender is a patron in the records")
	}
	if k == KindPatron && machine { // a machine wrote it, whatever it says (RFC 3834)
		k, p = KindSystem, 1
		why = append(why, "it says that a machine wrote it")
	}
	if s.lender != nil && k == KindPatron && !s.senderKnown() {
		k, p = KindPartner, 1
		why = append(why, "the sender is a lender in the directory")
	}
	sure = all[best] >= 0.9
	if k == KindBulk && bulk {
		why = append(why, h.bulkWhy)
		sure = true
	}
	sure = sure || machine
	if len(why) == 0 {
		why = append(why, kindWords[k])
	}
	return k, p, why, sure
}

// isMachinesAddress reports whether the author's address is one that no person
// writes from.
func isMachinesAddress(m *mailbox.Message) bool {
	local, _, _ := strings.Cut(m.Author().Key(), "@")
	return containsAny(local, "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "auto", "robot", "system", "notif")
}

var kindWords = map[Kind]string{
	KindPatron: "reads like a patron", KindPartner: "reads like staff of another library", KindSystem: "reads like automatic mail of an ILL system", KindVendor: "reads like a support desk",
	KindAutoReply: "reads like an automatic answer", KindBounce: "reads like a delivery report", KindBulk: "reads like mail to many",
}

func indexOf[T comparable](list []T, v T) int {
	for i, x := range list {
		if x == v {
			return i
		}
	}
	return -1
}

func awayUntil(r *Reading) time.Time {
	if t, ok := mailbox.AwayUntil(r.Message.Text, r.Message.Date); ok {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}
