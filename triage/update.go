package triage

import (
	"slices"
	"strings"

	"illmail/classifier"
	"illmail/mailbox"
	"illmail/store"
)

// readUpdate takes over what the mail of a system says of its request.
func (in *Intake) readUpdate(f *store.Filing, m *mailbox.Message, res classifier.Result) {
	u := classifier.ReadUpdate(m, res.Kind, res.NewText)
	if u == nil {
		return
	}
	f.PrintOnly = u.PrintOnly
	if u.Kind == "" {
		return
	}
	f.Update = &store.FilingUpdate{Kind: string(u.Kind), Lender: u.Lender, Reason: u.Reason, Due: day(u.Due), URL: cut(u.URL, maxField),
		Password: cut(u.Password, 100), Expires: day(u.Expires), Trusted: in.Office.trusts(m)}
}

// trusts reports whether the office believes the sender, and its mail host says
// that it is them: a bare From proves nothing.
func (o *Office) trusts(m *mailbox.Message) bool {
	addr := m.Author().Key()
	_, domain, _ := strings.Cut(addr, "@")
	listed := slices.ContainsFunc(o.Trusted, func(t string) bool {
		t = strings.ToLower(strings.TrimSpace(t))
		return t != "" && (t == addr || t == "@"+domain)
	})
	return listed && m.AuthResults(o.AuthservIDs) == mailbox.VerdictPass
}
