package mailbox

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
	"golang.org/x/net/publicsuffix"
)

// AuthVerdict is what the office's own mail host says of the From domain.
type AuthVerdict string

// The verdicts; VerdictNone also stands for "no trusted field".
const (
	VerdictPass AuthVerdict = "pass"
	VerdictFail AuthVerdict = "fail"
	VerdictNone AuthVerdict = "none"
)

// AuthResults reads the topmost Authentication-Results field (RFC 8601) whose
// authserv-id is in trusted; whatever stands below it may be the sender's own
// forgery. "" in trusted accepts the topmost field of all, if it has no
// authserv-id, as Microsoft 365 writes it.
//
// pass: DMARC passed for the From domain, or DKIM or SPF passed for a domain
// of the same organisation. fail: DMARC failed, or without a word on DMARC
// nothing passed and something failed.
func (m *Message) AuthResults(trusted []string) AuthVerdict {
	if len(m.From) != 1 {
		return VerdictNone // RFC 7489 section 6.6.1: nobody to speak of, or more than one
	}
	_, domain, ok := strings.Cut(m.From[0].Key(), "@")
	if !ok || domain == "" {
		return VerdictNone
	}
	topmost := true
	for _, f := range m.Fields {
		if !strings.EqualFold(f.Name, "Authentication-Results") {
			continue
		}
		value := dropComments(f.Value)
		id, _, _ := strings.Cut(value, ";")
		id, _, _ = strings.Cut(strings.TrimSpace(id), " ")
		if strings.Contains(id, "=") { // no authserv-id: the first result stands in its place
			id, value = "", "missing;"+value
		}
		if isTrusted(trusted, id) && (id != "" || topmost) {
			return judge(value, domain)
		}
		topmost = false
	}
	return VerdictNone
}

func isTrusted(trusted []string, id string) bool {
	for _, t := range trusted {
		if strings.EqualFold(strings.TrimSpace(t), id) {
			return true
		}
	}
	return false
}

// judge weighs the results of one field for a From domain.
func judge(value, domain string) AuthVerdict {
	failed := false
	var dmarc AuthVerdict
	aligned := false
	for part := range strings.SplitSeq(value, ";") {
		// One result at a time: a method that cannot be read must not hide the others.
		_, results, err := authres.Parse("id;" + part)
		if err != nil {
			continue
		}
		for _, r := range results {
			switch r := r.(type) {
			case *authres.DMARCResult:
				if r.From != "" && !sameOrganisation(r.From, domain) {
					continue
				}
				switch r.Value {
				case authres.ResultPass:
					dmarc = VerdictPass
				case authres.ResultFail:
					dmarc = VerdictFail
				}
			case *authres.DKIMResult:
				signer := r.Domain
				if signer == "" {
					_, signer, _ = strings.Cut(r.Identifier, "@")
				}
				aligned = aligned || r.Value == authres.ResultPass && sameOrganisation(signer, domain)
				failed = failed || r.Value == authres.ResultFail && sameOrganisation(signer, domain)
			case *authres.SPFResult:
				from := r.From
				if _, host, ok := strings.Cut(from, "@"); ok {
					from = host
				}
				aligned = aligned || r.Value == authres.ResultPass && sameOrganisation(from, domain)
				failed = failed || (r.Value == authres.ResultFail || r.Value == authres.ResultHardFail) && sameOrganisation(from, domain)
			}
		}
	}
	switch {
	case dmarc != "":
		return dmarc
	case aligned:
		return VerdictPass
	case failed:
		return VerdictFail
	}
	return VerdictNone
}

// sameOrganisation is relaxed alignment (RFC 7489 section 3.1.1): the same
// domain below the public suffix.
func sameOrganisation(a, b string) bool {
	a = strings.ToLower(strings.Trim(a, "<>. "))
	b = strings.ToLower(strings.Trim(b, "<>. "))
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	orgA, errA := publicsuffix.EffectiveTLDPlusOne(a)
	orgB, errB := publicsuffix.EffectiveTLDPlusOne(b)
	return errA == nil && errB == nil && orgA == orgB
}

// verbatim is a field's value as it came, with what is no printable ASCII made
// visible: leaving such bytes out, or decoding encoded-words, could make the
// name of a trusted host of one that the host itself did not recognise as its
// own and so did not remove (RFC 8601 section 5).
func verbatim(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r > '~') {
			return '?'
		}
		return r
	}, s)
}

// dropComments removes comments (RFC 5322 section 3.2.2), which authres does
// not understand.
func dropComments(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
			b.WriteByte(' ') // what stood on both sides was not one word
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
