package classifier

import (
	"regexp"
	"strings"
	"time"

	"illmail/mailbox"
)

// UpdateKind is what the mail of a system says became of a request.
type UpdateKind string

// The kinds of update. An Article Exchange link is [UpdateFileReady].
const (
	UpdateFilled        UpdateKind = "filled"
	UpdateUnfilled      UpdateKind = "unfilled"
	UpdateConditional   UpdateKind = "conditional"
	UpdateShipped       UpdateKind = "shipped"
	UpdateRecalled      UpdateKind = "recalled"
	UpdateFileReady     UpdateKind = "file_ready"
	UpdateRenewalOK     UpdateKind = "renewal_ok"
	UpdateRenewalDenied UpdateKind = "renewal_denied"
)

// Update is what a mail of OCLC WorldShare ILL, Tipasa, RapidILL or Article
// Exchange, or a lender's with an Article Exchange link, says of the request that
// it concerns. Links are read, never opened: views are counted.
type Update struct {
	Kind     UpdateKind // "" where only PrintOnly is said
	Lender   string     // symbol
	Reason   string     // the system's own words; of a conditional: the condition
	Due      time.Time  // midnight UTC of the day; zero where none is said
	URL      string
	Password string
	Expires  time.Time // when the file is removed
	// PrintOnly: a licence line forbids to hand the file on electronically.
	PrintOnly bool
}

var (
	updateSystems = []string{"worldshare", "tipasa", "rapidill", "rapidx", "articleexchange", "article exchange", "oclc"}
	// updateNothing are subjects of mail that sums up or reminds.
	updateNothing = regexp.MustCompile(`\b(digest|summary|statement|overdue|expires in|removed in|lending requests?|support|case|comment|need review|needs review|what's new|news)\b`)
	updateWords   = []struct {
		kind  UpdateKind
		words *regexp.Regexp
	}{
		{UpdateRenewalDenied, regexp.MustCompile(`\brenewal(?: request)?:? (?:is |was |has been )?denied\b`)},
		{UpdateRenewalOK, regexp.MustCompile(`\brenewal(?: request)?:? (?:is |was |has been )?approved\b`)},
		{UpdateRecalled, regexp.MustCompile(`^recall\b|\brecall request\b|\bitem recalled\b|\bstatus: recalled\b|\bis recalled\b`)},
		{UpdateUnfilled, regexp.MustCompile(`\bunfilled\b|\bcould not be filled\b|\blender string exhausted\b|\bend of the lender string\b|\banswered "?no"? by all\b`)},
		{UpdateConditional, regexp.MustCompile(`\bconditional\b|\bresponded with a condition\b`)},
		{UpdateShipped, regexp.MustCompile(`\bshipped\b`)},
		{UpdateFileReady, regexp.MustCompile(`\bdocument (?:is )?(?:available|delivered)\b|\b(?:supplied|delivered) a document\b|\bdocument .{0,40}has been (?:placed|uploaded)\b|\buploaded the file\b|\bhas been uploaded\b|\brapid delivery\b`)},
		{UpdateFilled, regexp.MustCompile(`\bhas been filled\b|\bis filled\b|\bstatus: filled\b|\breceived electronically\b`)},
	}

	updateDue      = regexp.MustCompile(`(?i)(new |original )?\bdue(?: date)?(?: remains)?\s*:?\s*(\d{4}-\d{2}-\d{2})`)
	updateExpires  = regexp.MustCompile(`(?i)\b(?:deleted|removed|expires?)\b[^\n]{0,60}?(\d{4}-\d{2}-\d{2})`)
	updateLender   = regexp.MustCompile(`(?m)\b(?:[Ll]ender:?|LENDER:?|[Ss]upplied by:?|(?:SHIPPED|[Ss]hipped|DENIED|[Dd]enied|APPROVED|[Aa]pproved|[Uu]nfilled) by) +([A-Z][A-Z0-9]{1,5})\b|^([A-Z][A-Z0-9]{1,5}) has (?:supplied|uploaded)`)
	updateReason   = regexp.MustCompile(`(?im)^\s*(?:reasons?(?: history)?|condition|lender note)\s*:\s*(\S[^\n]*)`)
	updatePassword = regexp.MustCompile(`(?im)^\s*pass(?:word|code)?\s*[:=]\s*(\S+)`)

	printOnly = []*regexp.Regexp{
		regexp.MustCompile(`\b(?:print(?:ed)?|paper)(?: copy| copies)? only\b[^\n.]{0,80}\b(?:licen[cs]e|electronic|pdf|publisher)|\b(?:licen[cs]e|publisher)\b[^\n.]{0,80}\b(?:print(?:ed)?|paper)(?: copy| copies)? only\b`),
		regexp.MustCompile(`\b(?:not|never) (?:be )?(?:permitted|allowed|licensed|provided|delivered|supplied|forwarded)\b[^\n]{0,80}\b(?:pdf|electronic(?:ally)?)\b[^\n]{0,120}\bprint\b`),
		regexp.MustCompile(`\belectronic (?:delivery|copies|copy|transmission)\b[^\n.]{0,40}\b(?:not (?:permitted|allowed|licensed)|prohibited|forbidden)\b`),
		regexp.MustCompile(`\bmust be (?:printed|delivered in print|delivered on paper|given to the (?:patron|user|reader) (?:in print|on paper))\b`),
	}
)

// ReadUpdate says what the mail, of the kind that was decided and with that new
// text, says of the request that it concerns; nil where it says nothing of the
// kind, or sums up several.
func ReadUpdate(m *mailbox.Message, kind Kind, text string) *Update {
	if kind != KindSystem && kind != KindPartner {
		return nil
	}
	u := &Update{PrintOnly: isPrintOnly(text)}
	author := m.Author()
	sender := strings.ToLower(author.Name + " " + author.Addr)
	subject := strings.ToLower(m.Subject)
	link := exchangeLink(text)
	switch {
	case updateNothing.MatchString(subject):
	case kind == KindSystem && containsAny(sender, updateSystems...):
		head := subject + "\n" + strings.ToLower(strings.Join(strings.Fields(cutText(text, 600)), " "))
		for _, w := range updateWords {
			if w.words.MatchString(head) {
				u.Kind = w.kind
				break
			}
		}
	case kind == KindPartner && link != "":
		u.Kind = UpdateFileReady
	}
	if u.Kind == "" {
		if u.PrintOnly {
			return u
		}
		return nil
	}
	u.Lender = updateLenderOf(text)
	if g := updateReason.FindStringSubmatch(text); g != nil {
		u.Reason = cutText(strings.TrimSpace(g[1]), 200)
	}
	switch u.Kind {
	case UpdateShipped, UpdateRecalled, UpdateRenewalOK:
		u.Due = updateDueOf(text)
	case UpdateFileReady:
		u.URL = link
		if g := updatePassword.FindStringSubmatch(text); g != nil {
			u.Password = g[1]
		}
		if g := updateExpires.FindStringSubmatch(text); g != nil {
			u.Expires = day(g[1])
		}
	}
	return u
}

// exchangeHosts are parts of links whose views are counted.
var exchangeHosts = []string{"articleexchange", "xchange.", "://ae.", "rapidx."}

// exchangeLink is the link of a text that leads to one file.
func exchangeLink(text string) string {
	for _, u := range urlPattern.FindAllString(text, 50) {
		if containsAny(strings.ToLower(u), exchangeHosts...) {
			return strings.TrimRight(u, ".,;")
		}
	}
	return ""
}

func updateLenderOf(text string) string {
	g := updateLender.FindStringSubmatch(text)
	if g == nil {
		return ""
	}
	return g[1] + g[2]
}

// updateDueOf is the new due date, or the only one.
func updateDueOf(text string) (due time.Time) {
	for _, g := range updateDue.FindAllStringSubmatch(text, 10) {
		switch d := day(g[2]); strings.ToLower(strings.TrimSpace(g[1])) {
		case "new":
			return d
		case "":
			due = d
		}
	}
	return due
}

// isPrintOnly finds a licence line that stops electronic delivery.
func isPrintOnly(text string) bool {
	low := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, p := range printOnly {
		if p.MatchString(low) {
			return true
		}
	}
	return false
}

// cutText is the beginning of a text, at most n bytes, without half a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
