package triage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"illmail/classifier"
	"illmail/mailbox"
	"illmail/store"
)

// Bounds of what goes into the columns of a message; the raw bytes keep all.
const (
	maxText       = 1 << 20
	maxID         = 500 // an index entry must stay under 2,700 bytes
	maxRefs       = 200
	maxRecipients = 500
	maxField      = 1000
	maxParts      = 500
)

// understand reads one stored message and says how it is to be filed, and by
// which of the rules it is routed.
func (in *Intake) understand(ctx context.Context, u store.Unfiled, rules []store.RoutingRule) (store.Filing, error) {
	limit := in.parseLimit()
	raw, more, err := in.DB.ReadRaw(ctx, u.ID, limit)
	if err != nil {
		return store.Filing{}, err
	}
	m := mailbox.Parse(raw)
	f := plainFiling(u, m)
	if more {
		f.Problem = problems(f.Problem, fmt.Sprintf("only the first %d MB were read", limit>>20))
	}
	reading := in.classifier().Read(m, in.Office.classifierOffice())
	f.NewText = cut(reading.NewText, maxText)
	if f.Out, err = in.isOurs(ctx, u, m); err != nil {
		return f, err
	}
	if f.Out {
		f.OwnRef = cut(m.Get("X-Illmail-Ref"), maxID)
		if !u.Sent && f.OwnRef != "" {
			// Only what stands in Sent may carry the mark of another installation:
			// it stops sending, and a colleague's mail must not.
			key, err := in.DB.Secret(ctx, store.RefSecret)
			if err != nil {
				return f, err
			}
			if _, ours := mailbox.VerifyRef(key, f.OwnRef); !ours {
				f.OwnRef = ""
			}
		}
		return f, nil
	}
	facts, found, mails, err := in.facts(ctx, reading, u.InternalDate)
	if err != nil {
		return f, err
	}
	res := in.classifier().Decide(reading, facts)
	if err := applyResult(&f, res); err != nil {
		return f, err
	}
	if res.Kind == classifier.KindBounce {
		err := in.applyBounce(ctx, &f, m, mails, u.InternalDate)
		route(rules, &f, found)
		return f, err
	}
	f.About = aboutKey(m, reading, res)
	in.readUpdate(&f, m, res)
	route(rules, &f, found)
	return f, nil
}

// plainFiling is what the message itself says.
func plainFiling(u store.Unfiled, m *mailbox.Message) store.Filing {
	author := m.Author()
	f := store.Filing{
		ID: u.ID, MessageID: msgID(m.MessageID), ContentHash: m.ContentHash[:], SentAt: m.Date,
		FromName: cut(author.Name, maxField), FromAddr: cut(author.Key(), maxID),
		To: keys(m.To), Cc: keys(m.Cc), Subject: cut(m.Subject, maxField),
		BodyText: cut(cmp.Or(m.Text, mailbox.TextOfHTML(m.HTML)), maxText),
		Problem:  problems(append([]string{u.Problem}, m.Problems...)...),
		Refs:     refs(m),
	}
	if u.Truncated {
		f.Problem = problems(f.Problem, "it is above the size limit: only its header and first text were taken")
	}
	if len(m.ReplyTo) > 0 && m.ReplyTo[0].Key() != f.FromAddr {
		f.ReplyTo = cut(m.ReplyTo[0].Key(), maxID)
	}
	for _, a := range m.Attachments[:min(len(m.Attachments), maxParts)] {
		f.Attachments = append(f.Attachments, store.AttachmentView{
			Name: cut(a.Name, maxField), ContentType: cut(a.ContentType, maxField), Size: int64(a.Size), Path: a.Path})
	}
	return f
}

// isOurs reports whether the office itself wrote the message: it stands in
// Sent, or came from our own address and either the office's mail host vouches
// for that or it is a mail that we know. A bare From proves nothing; a forged
// one must not take a conversation off the list.
func (in *Intake) isOurs(ctx context.Context, u store.Unfiled, m *mailbox.Message) (bool, error) {
	if u.Sent {
		return true, nil
	}
	if !in.Office.own(m.Author().Addr) || m.Report != nil {
		return false, nil
	}
	if m.AuthResults(in.Office.AuthservIDs) == mailbox.VerdictPass {
		return true, nil
	}
	if m.MessageID == "" {
		return false, nil
	}
	mails, err := in.DB.SentMails(ctx, in.Office.ID, store.SentKeys{MessageIDs: []string{m.MessageID}})
	return len(mails) > 0, err
}

// facts asks the store for all that the reading's keys lead to: as the
// classifier wants it, and the requests and our mails in full.
func (in *Intake) facts(ctx context.Context, r *classifier.Reading, at time.Time) (facts classifier.Facts, found []store.TransactionWithPatron, mails []store.SentMail, err error) {
	sk := store.SentKeys{MessageIDs: r.Keys.MessageIDs, Before: at}
	if rep := r.Message.Report; rep != nil {
		if rep.OriginalRef != "" {
			sk.Refs = []string{rep.OriginalRef}
		}
		sk.Subject = rep.OriginalSubject
		for _, rc := range rep.Recipients {
			sk.To = append(sk.To, strings.ToLower(rc.Addr))
		}
	}
	if mails, err = in.DB.SentMails(ctx, in.Office.ID, sk); err != nil {
		return facts, nil, nil, err
	}
	k := store.CandidateKeys{TNs: r.Keys.TNs, ILLNumbers: r.Keys.ILLNumbers, Rapid: r.Keys.Rapid, DOIs: r.Keys.DOIs, ISSNISBNs: r.Keys.ISSNISBNs,
		Addresses: r.Keys.Addresses, Usernames: r.Keys.Usernames, LastNames: r.Keys.LastNames, TitleWords: r.Keys.TitleWords}
	for _, s := range mails {
		k.TNs = append(slices.Clip(k.TNs), s.TransactionNumbers...)
		if s.PatronUsername != "" {
			k.Usernames = append(slices.Clip(k.Usernames), strings.ToLower(s.PatronUsername))
		}
		sent := classifier.Sent{MessageID: s.MessageID, TransactionNumbers: s.TransactionNumbers, Kind: s.Kind, To: s.Recipient, Subject: s.Subject}
		facts.Sent = append(facts.Sent, sent)
		if s.AliasMessageID != "" {
			sent.MessageID = s.AliasMessageID
			facts.Sent = append(facts.Sent, sent)
		}
	}
	if found, err = in.DB.Candidates(ctx, in.Office.ID, k); err != nil {
		return facts, nil, nil, err
	}
	for _, t := range found {
		facts.Transactions = append(facts.Transactions, classifierTransaction(t))
	}
	lenders, err := in.DB.LendersByAddress(ctx, in.Office.ID, r.Keys.Addresses...)
	if err != nil {
		return facts, nil, nil, err
	}
	for _, l := range lenders {
		facts.Lenders = append(facts.Lenders, classifier.Lender{Symbol: l.Symbol, Name: l.Name, Addresses: l.Addresses, Domains: l.Domains})
	}
	return facts, found, mails, nil
}

func classifierTransaction(t store.TransactionWithPatron) classifier.Transaction {
	return classifier.Transaction{
		TransactionNumber: t.TransactionNumber, ILLNumber: t.ILLNumber, RapidNumber: t.RapidNumber, RequestType: t.RequestType,
		ProcessType: t.ProcessType, Status: t.Status, State: string(t.State), Username: t.Patron.Username, FirstName: t.Patron.FirstName,
		LastName: t.Patron.LastName, Email: t.Patron.Email, OtherEmails: t.OtherAddresses, Title: t.Title, ArticleTitle: t.ArticleTitle,
		Author: t.Author, ISSNISBN: t.ISSNISBN, DOI: t.DOI, DueDate: t.DueDate.Time(), CreationDate: t.CreationDate.Time(),
		StatusDate: t.StatusDate.Time(), RenewalsAllowed: t.RenewalsAllowed, LendingLibrary: t.LendingLibrary,
		PickupLocation: t.PickupLocation, CancelReason: t.CancelReason,
	}
}

// applyResult takes over how the message was understood.
func applyResult(f *store.Filing, res classifier.Result) error {
	f.Kind, f.Reasons, f.NeedsStaff = string(res.Kind), res.KindWhy, res.NeedsStaff
	f.SenderVerified, f.Username = res.SenderVerified, res.Username
	f.NewText = cut(res.NewText, maxText)
	f.AnswerBy = day(res.AnswerBy)
	if res.SenderVerified || slices.ContainsFunc(res.Matches, func(m classifier.Match) bool { return m.Decided }) {
		f.AwayUntil = day(res.AwayUntil) // it puts notices off: nobody else's word may
	}
	for _, i := range res.Intents {
		f.Intents = append(f.Intents, store.IntentView{Intent: string(i.Intent), P: i.P, Reasons: i.Reasons})
	}
	for _, m := range res.Matches {
		f.Matches = append(f.Matches, store.FilingMatch{TransactionNumber: m.TransactionNumber, Score: m.Score, Decided: m.Decided, Evidence: m.Evidence})
	}
	if len(res.Identifiers) > 0 {
		ids, err := json.Marshal(res.Identifiers)
		if err != nil {
			return fmt.Errorf("writing the identifiers: %w", err)
		}
		f.Identifiers = ids
	}
	return nil
}

// applyBounce ties a delivery report to the mail that it is about. A failure
// for good marks the address and opens an item of its own; a delay only leaves
// a trace.
func (in *Intake) applyBounce(ctx context.Context, f *store.Filing, m *mailbox.Message, mails []store.SentMail, at time.Time) error {
	// A subject and an address anybody can guess: what only they lead to staff look at.
	mails = slices.DeleteFunc(slices.Clone(mails), func(s store.SentMail) bool { return !ties(m, s) })
	rep := m.Report
	if rep == nil {
		rep = &mailbox.Report{}
	}
	failed := rep.Failed()
	delayed := !failed && len(rep.Recipients) > 0
	var status, who, words string
	for _, rc := range rep.Recipients {
		if status == "" || rc.Action == "failed" {
			status, who, words = rc.Status, rc.Addr, rc.Diagnostic
		}
		if rc.Action == "failed" {
			break
		}
	}
	switch {
	case len(mails) > 0:
		f.Reports = []string{fmt.Sprintf("bounce:mail %d", mails[0].ID)}
	case rep.OriginalMessageID != "":
		f.Reports = []string{"bounce:" + msgID(rep.OriginalMessageID)}
	default:
		f.Reports = []string{fmt.Sprintf("bounce:message %d", f.ID)}
	}
	f.NeedsStaff = !delayed
	if !delayed {
		f.Note = "reach this patron another way: " + cmp.Or(who, "the address") + " did not take our mail"
		if status != "" {
			f.Note += " (" + status + ")"
		}
		f.Note = cut(f.Note, maxField)
	}
	if len(mails) == 0 {
		return nil
	}
	mail := mails[0]
	if f.Username == "" {
		f.Username = mail.PatronUsername
	}
	for _, tn := range mail.TransactionNumbers {
		if !slices.ContainsFunc(f.Matches, func(m store.FilingMatch) bool { return m.TransactionNumber == tn }) {
			f.Matches = append(f.Matches, store.FilingMatch{TransactionNumber: tn, Score: 1, Decided: true, Evidence: []string{"our mail about it came back"}})
		}
	}
	// The mark is made before the message is filed: if we die between the two
	// it is made again, and once made it changes nothing.
	dead := failed && permanent(status)
	if who != "" && !strings.EqualFold(who, mail.Recipient) && slices.ContainsFunc(mail.Cc, func(a string) bool { return strings.EqualFold(a, who) }) {
		dead = false // whoever got a copy is not the patron
		f.Note = cut("a copy for "+who+" came back; the patron may have the mail", maxField)
	}
	err := in.DB.MarkBounced(ctx, mail.ID, cut(strings.TrimSpace(cmp.Or(status, words, "undeliverable")), maxField), dead, at)
	if err != nil && !isNotFound(err) {
		return err
	}
	return nil
}

// ties reports whether a delivery report names that mail of ours by what only
// its recipient and the servers on its way have seen: its id or its reference.
func ties(m *mailbox.Message, mail store.SentMail) bool {
	ids := slices.Concat(m.InReplyTo, m.References)
	ref := ""
	if m.Report != nil {
		ids, ref = append(ids, m.Report.OriginalMessageID), m.Report.OriginalRef
	}
	return ref != "" && ref == mail.Ref || slices.Contains(ids, mail.MessageID) || mail.AliasMessageID != "" && slices.Contains(ids, mail.AliasMessageID)
}

// permanent reports whether an enhanced status code (RFC 3463) says that the
// address will not take mail later either. A failure without a code is one; a
// full mailbox (x.2.2) is none.
func permanent(status string) bool {
	return status == "" || strings.HasPrefix(status, "5.") && status != "5.2.2"
}

// aboutKey is the key by which fresh mail of one patron about the same
// requests comes together: their numbers must be named as such, and only mail
// that answers nothing has it.
func aboutKey(m *mailbox.Message, r *classifier.Reading, res classifier.Result) string {
	if res.Kind != classifier.KindPatron || !res.NeedsStaff || res.Username == "" || len(m.InReplyTo)+len(m.References) > 0 {
		return ""
	}
	var tns []int64
	for _, match := range res.Matches {
		if !match.Decided {
			continue
		}
		number := fmt.Sprint(match.TransactionNumber)
		named := slices.ContainsFunc(res.Identifiers, func(id classifier.Identifier) bool {
			return id.Type == "tn" && id.Value == number && id.Label != "" && id.InNew
		})
		if !named {
			return ""
		}
		tns = append(tns, match.TransactionNumber)
	}
	if len(tns) == 0 || len(tns) > 20 {
		return ""
	}
	return store.AboutKey(res.Username, tns)
}

// refs are the ids that the message answers, the nearest first; of a chain that
// is too long the root is kept.
func refs(m *mailbox.Message) []string {
	var out []string
	add := func(id string, most int) {
		if id = msgID(id); id != "" && !slices.Contains(out, id) && len(out) < most {
			out = append(out, id)
		}
	}
	for _, id := range m.InReplyTo {
		add(id, maxRefs-1)
	}
	for _, id := range slices.Backward(m.References) {
		add(id, maxRefs-1)
	}
	if len(m.References) > 0 {
		add(m.References[0], maxRefs)
	}
	return out
}

// msgID makes a Message-ID fit for an index: one that is absurdly long is known
// by its hash.
func msgID(id string) string {
	id = strings.TrimSpace(id)
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func keys(as []mailbox.Address) []string {
	var out []string
	for _, a := range as {
		if k := cut(a.Key(), maxID); k != "" && len(out) < maxRecipients {
			out = append(out, k)
		}
	}
	return out
}

// problems joins what could not be read.
func problems(ps ...string) string {
	ps = slices.DeleteFunc(slices.Clone(ps), func(p string) bool { return p == "" })
	return cut(strings.Join(ps, "; "), maxField)
}

// cut shortens a string to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// day is the calendar day that t names in its own zone.
func day(t time.Time) store.Date {
	if t.IsZero() {
		return store.Date{}
	}
	return store.NewDate(t.Date())
}
