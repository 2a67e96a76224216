package triage

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"illmail/classifier"
	"illmail/store"
	"illmail/templates"
)

// Gap stands in a prepared letter where nobody but staff can know the answer.
// A letter in which it stands is not sent.
const Gap = "[[ Write the answer here ]]"

// secondWish is the probability from which a further wish of a mail needs an
// answer of its own.
const secondWish = 0.2

// gaps are the reasons, in words, why a letter does not answer by itself what
// the conversation asks; nil where it does. told are the requests of which the
// letter tells, filed all that may be told of.
func gaps(letter, intent string, st *store.Story, last *store.StoryMessage, filed, told []store.RequestView) []string {
	var why []string
	switch {
	case letter == "reply-policy", letter == "reply-other" && (!asksAboutRequest(intent) || len(filed) > 0):
		why = append(why, "This letter has no answer of its own: write it.")
	case letter == "reply-other" && last != nil && namesRequest(st, last):
		why = append(why, "The mail names a request that is not known, or that this address may not be told of: look for it first.")
	case letter == "reply-status" && intent == "pickup":
		why = append(why, "The mail is about picking up, and nothing is on the shelf yet.")
	}
	if asked := wishes(st); len(asked) > 1 {
		why = append(why, fmt.Sprintf("The mail asks more than one thing (%s): the letter answers the first at most.", strings.ReplaceAll(strings.Join(asked, ", "), "_", " ")))
	}
	if len(told) > 0 && len(told) < len(filed) {
		why = append(why, fmt.Sprintf("The letter is right for %d of the %d requests only.", len(told), len(filed)))
	}
	if last != nil && len(filed) > 0 {
		for _, n := range otherRequests(st, last, filed) {
			why = append(why, fmt.Sprintf("The mail may speak of request %s too, of which the letter does not tell.", n))
		}
	}
	if letter == cancelConfirmed && last != nil {
		for _, r := range told {
			if !slices.ContainsFunc(st.Matches, func(m store.StoryMatch) bool { return m.MessageID == last.ID && m.Decided && m.TransactionID == r.ID }) {
				why = append(why, fmt.Sprintf("Request %d is of an older mail: take it out unless it is to be cancelled too.", r.TransactionNumber))
			}
		}
	}
	return why
}

// otherRequests are the numbers of requests that a mail names, beside those
// that are told of.
func otherRequests(st *store.Story, m *store.StoryMessage, told []store.RequestView) []string {
	var list []string
	add := func(n string) {
		if !slices.Contains(list, n) && !slices.ContainsFunc(told, func(r store.RequestView) bool { return fmt.Sprint(r.TransactionNumber) == n || r.ILLNumber == n }) {
			list = append(list, n)
		}
	}
	for _, id := range named(m) {
		if id.Label != "" && (id.Type == "tn" || id.Type == "ill_number") {
			add(id.Value)
		}
	}
	for _, s := range st.Matches {
		if s.MessageID == m.ID && !s.Decided && s.DecidedBy == "" && slices.ContainsFunc(s.Evidence, namesIt) {
			add(fmt.Sprint(s.TransactionNumber))
		}
	}
	return list
}

// namesIt reports evidence that a mail itself names a request.
func namesIt(evidence string) bool {
	return strings.HasPrefix(evidence, "names its ") && evidence != "names its author" && evidence != "names its date"
}

// named are the identifiers in a mail's subject and new text.
func named(m *store.StoryMessage) []classifier.Identifier {
	return append(classifier.FindIdentifiers(m.Subject, m.InternalDate), classifier.FindIdentifiers(m.NewText, m.InternalDate)...)
}

var quotedWords = regexp.MustCompile(`["“«„].{4,}["”»“]`)

// namesRequest reports whether a mail seems to say already which request it
// means: it has a number of one, words in quotation marks, or something of the
// records fits.
func namesRequest(st *store.Story, m *store.StoryMessage) bool {
	return quotedWords.MatchString(m.Subject+"\n"+m.NewText) ||
		slices.ContainsFunc(named(m), func(id classifier.Identifier) bool { return id.Type != "date" && id.Type != "amount" }) ||
		slices.ContainsFunc(st.Matches, func(s store.StoryMatch) bool { return s.MessageID == m.ID })
}

// wishes are what the patron's mails since our last answer ask, each once.
func wishes(st *store.Story) []string {
	var answered time.Time
	for _, m := range st.Mails {
		if m.ConversationID != nil && m.StaffID != nil && m.State != string(store.OutboxCancelled) && m.CreatedAt.After(answered) {
			answered = m.CreatedAt
		}
	}
	var list []string
	for _, m := range st.Messages {
		if m.Direction == "out" {
			list = nil
		}
		if m.Direction != "in" || m.Kind != "patron" || m.InternalDate.Before(answered) {
			continue
		}
		for n, i := range m.Intents {
			if n > 0 && (i.P < secondWish || m.Intents[0].P == 1) || i.Intent == "thanks" || i.Intent == "other" || slices.Contains(list, i.Intent) {
				continue
			}
			list = append(list, i.Intent)
		}
	}
	return list
}

// renewalFacts says whether the lender was asked already for all of these
// requests, and why staff must look first; "" where they need not.
func (d *Desk) renewalFacts(ctx context.Context, requests []store.RequestView, now time.Time) (asked bool, why string, err error) {
	n := 0
	for _, r := range requests {
		_, already, err := d.DB.RenewalsAsked(ctx, r.ID)
		if err != nil {
			return false, "", err
		}
		if already {
			n++
			continue
		}
		offer, err := d.OfferRenewal(ctx, r.Transaction, now)
		if err != nil {
			return false, "", err
		}
		if offer != nil && offer.Why != "" {
			return false, fmt.Sprintf("The lender may not be asked for %d: %s.", r.TransactionNumber, offer.Why), nil
		}
	}
	if n > 0 && n < len(requests) {
		why = "For some of these the lender was asked already, for others not."
	}
	return n > 0 && n == len(requests), why, nil
}

// otherLanguage says that a letter is not in the language that was wanted; ""
// where it is.
func otherLanguage(wanted, got string) string {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(wanted)), "-")
	if base == "" || base == "en" || got != "en" {
		return ""
	}
	return fmt.Sprintf("No approved %s version of this letter; English is used.", templates.LanguageName(wanted))
}
