package templates

import (
	"regexp"
	"strings"
)

// General is the letter for a cancellation whose reason has none of its own;
// it quotes the reason.
const General = "cancellation"

// CancellationTemplate names the letter for an ILL system's reason for
// cancellation. letter is false where none is sent: the patron asked for it,
// the request is a duplicate, or the reason is blank (which the caller holds).
// Offices write their own reasons, so a letter of its own is chosen only
// where the words are plain; all others get the one that quotes them.
func CancellationTemplate(reason string) (name string, letter bool) {
	r := strings.Join(strings.Fields(strings.NewReplacer("’", "'", "‘", "'", "–", "-", "—", "-").Replace(strings.ToLower(reason))), " ")
	if r == "" {
		return "", false
	}
	for _, c := range cancellations {
		if c.says.MatchString(r) && (c.unless == nil || !c.unless.MatchString(r)) {
			return c.name, c.name != ""
		}
	}
	return General, true
}

const person = `(?:the )?(?:customer|patron|user|requester|requestor|borrower|student)(?:'s|s'?)?`

var denied = regexp.MustCompile(`\bnot? (?:be )?(?:available|held|owned|online|found|located|accessible|open|free|licen[sc]ed|have)|\bunavailable|\bcannot|\bcan't|\bno lender|\bno electronic|\bdoes not|\bdo not|\bunable`)

// cancellations are tried in order.
var cancellations = []struct {
	name   string // "" = no letter
	says   *regexp.Regexp
	unless *regexp.Regexp
}{
	{name: "cancel-citation-incomplete", says: regexp.MustCompile(
		`(?:incomplete|insufficient|missing|lack\w*|more) (?:citation|information|info|details|bibliographic)|citation (?:is |was )?(?:incomplete|insufficient|not complete)|` +
			person + ` (?:did not|didn't|never|has not|failed to) (?:respond|reply|answer|complete|provide|supply|give)|no (?:response|reply|answer) from ` + person)},
	{name: "", says: regexp.MustCompile(`\bduplicate\b|\bduplicated?\b request|already requested`),
		unless: regexp.MustCompile(`\bnot (?:a )?duplicate`)},
	{name: "", says: regexp.MustCompile(
		`\b` + person + ` (?:own )?request\b|\b(?:per|at|on|upon) (?:the request of )?` + person + `|` + person + ` (?:has |have )?(?:asked|requested|wanted|wants|decided)? ?(?:us )?(?:to )?(?:cancel|withdr[ae]w)|` +
			`(?:cancel\w*|withdrawn)(?: at request| on request)? (?:by|of) ` + person + `|\bno longer (?:needed|wanted|required|needs|wants|interested)`)},
	{name: "cancel-to-document-delivery", says: regexp.MustCompile(`document delivery|\bdoc(?:ument)?\.? ?del\b|\bsent to doc`)},
	{name: "cancel-thesis-media", says: regexp.MustCompile(`\bthes[ie]s\b|dissertation|\bmedia\b|audio-?visual|\ba/?v\b|\bdvds?\b|\bfilms?\b|\bvideos?\b|microfilm|sound recording|\bcds?\b`)},
	{name: "cancel-textbook", says: regexp.MustCompile(`text ?-?books?\b|course (?:book|material|reading)s?|required (?:book|reading|text)s?`)},
	{name: "cancel-library-use-only", says: regexp.MustCompile(`(?:in-?)? ?library use(?: only)?\b|in-?house use|reading room only|use in (?:the )?library`)},
	{name: "cancel-embargoed", says: regexp.MustCompile(`embargo`)},
	{name: "cancel-not-published", says: regexp.MustCompile(`not (?:yet )?(?:been )?(?:published|released)|unpublished|forthcoming|too new|pre-?publication|not yet (?:available|out)`)},
	{name: "cancel-copyright-fee", says: regexp.MustCompile(`copyright|royalt|\bccc\b|rule of five`)},
	{name: "cancel-over-cost", says: regexp.MustCompile(`\bcosts?\b|max(?:imum)? ?(?:cost|fee|price)|too expensive|exceeds .*(?:limit|fee|price|charge)|(?:fee|price|charge)s? (?:is |are )?(?:too high|exceed|over)`)},
	{name: "cancel-too-late", says: regexp.MustCompile(`(?:not wanted after|need(?:ed)? by|wanted by|not needed after|need before)|(?:date|deadline) (?:has |had )?(?:passed|expired)|\btoo late\b|past (?:the )?(?:need|deadline)|not (?:be )?in time`)},
	{name: "cancel-not-eligible", says: regexp.MustCompile(`not eligible|ineligible|\bblocked\b|not (?:an? )?(?:authori[sz]ed|current|active|valid) (?:customer|patron|user|borrower|student)|no (?:borrowing )?privileges|account (?:is |has )?(?:expired|blocked|suspended)|expired (?:account|privileges)`)},
	{name: "cancel-condition-refused", says: regexp.MustCompile(`conditions?\b.*(?:refus|declin|not accept|unaccept|not agree|not met)|(?:refus|declin|not accept|not agree)\w* .*conditions?`)},
	{name: "cancel-not-verified", says: regexp.MustCompile(`(?:cannot|can't|could not|couldn't|unable to|not) (?:be )?(?:verif|confirm|identif|found as cited|find as cited)\w*|not (?:found )?as cited|unverif|citation (?:is |was )?(?:wrong|incorrect|bad|not found)|(?:wrong|incorrect|bad|erroneous) citation`)},
	{name: "cancel-open-access", says: regexp.MustCompile(`open ?-?access|free(?:ly)? (?:available|online|on the|access)|public domain|available (?:for )?free|hathi ?trust|internet archive`), unless: denied},
	{name: "cancel-online-here", says: regexp.MustCompile(`(?:available|held|owned|have|own|access\w*|in library) (?:it )?(?:to you |here |through the library |at the library |locally |as an? |in |full ?-?text )*(?:online|electronic\w*|e-?books?|e-?journals?|full ?-?text|database)|(?:online|electronic\w*) (?:access|copy|version|full ?-?text)? ?(?:is )?(?:available|here|at|through|in) (?:the |our )?(?:library|collection|here)|^(?:available )?(?:online|electronically)$|library has .*(?:online|electronic)`), unless: denied},
	{name: "cancel-in-use", says: regexp.MustCompile(`in use\b|checked out|all copies (?:are |in |on )?(?:out|loan|use)|on loan|on reserve`)},
	{name: "cancel-no-lender", says: regexp.MustCompile(`no (?:more )?(?:lender|supplier|lending librar|librar|location|holding|source)s?|exhausted|(?:unable to|cannot|can't|could not) (?:obtain|borrow|locate|find|get|supply|fill)|not available (?:for|through|via|from)|non-?circulating|no (?:one|library) (?:will|can)|unfilled|lenders? (?:will|can)(?:not| not|'t)`)},
	{name: "cancel-held-here", says: regexp.MustCompile(`(?:held|owned|available|on shel(?:f|ves)|own|have|has) (?:it |this |item |title )*(?:here|locally|by (?:the |this |our )?library|at (?:the |this |our )?library|in (?:the |this |our )?(?:library|collection|stacks)|on (?:the |our )?shel(?:f|ves))|library (?:owns|has|holds)|local(?:ly)? (?:owned|held|available|holding|copy)|^(?:in library|held|owned|on shelf|available locally)$`), unless: denied},
}
