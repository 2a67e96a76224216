package triage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"illmail/classifier"
	"illmail/store"
)

// MaxLabel is how many letters a label has at most, since the list shows it.
const MaxLabel = 30

// Bounds of a routing rule.
const (
	maxRuleName   = 60
	maxRuleValues = 100
)

// RuleKinds are the kinds of mail that a rule may name. Auto-replies are none of
// them: they wait for nobody.
var RuleKinds = []string{string(classifier.KindPatron), string(classifier.KindPartner), string(classifier.KindVendor), string(classifier.KindBounce),
	string(classifier.KindSystem), string(classifier.KindBulk)}

// machineKinds are the kinds of mail that stand apart in the list, collapsed.
var machineKinds = []string{string(classifier.KindSystem), string(classifier.KindBulk), string(classifier.KindAutoReply)}

// Route returns the first rule that fits a message, nil where none does. Only
// mail that needs staff is routed, and mail of lists that a rule gives to
// somebody by naming its kind. A rule that is switched off fits nothing, one
// that names no kind no machine mail.
func Route(rules []store.RoutingRule, m store.RoutedMail) *store.RoutingRule {
	for i, r := range rules {
		if r.Enabled && fits(r, m) {
			return &rules[i]
		}
	}
	return nil
}

func fits(r store.RoutingRule, m store.RoutedMail) bool {
	named := slices.Contains(r.Kinds, m.Kind)
	calls := named && m.Kind == string(classifier.KindBulk) && (r.QueueID != nil || r.AssigneeID != nil)
	switch {
	case !m.NeedsStaff && !calls,
		len(r.Kinds) > 0 && !named,
		len(r.Kinds) == 0 && slices.Contains(machineKinds, m.Kind),
		len(r.Intents) > 0 && !slices.Contains(r.Intents, m.Intent),
		len(r.Senders) > 0 && !slices.ContainsFunc(r.Senders, func(s string) bool { return isSender(s, m.Sender) }),
		len(r.PatronStatuses) > 0 && !anyFold(r.PatronStatuses, m.PatronStatus),
		len(r.RequestStates) > 0 && !anyState(r.RequestStates, m.States),
		len(r.Pickups) > 0 && !slices.ContainsFunc(m.Pickups, func(p string) bool { return anyFold(r.Pickups, p) }):
		return false
	}
	return true
}

// isSender reports whether an address is the one that a rule names, or is of
// its domain or of one below that.
func isSender(want, addr string) bool {
	if strings.Contains(want, "@") {
		return strings.EqualFold(want, addr)
	}
	_, domain, _ := strings.Cut(strings.ToLower(addr), "@")
	return domain == want || strings.HasSuffix(domain, "."+want)
}

func anyFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}

func anyState(want, states []string) bool {
	if len(states) == 0 {
		return slices.Contains(want, store.NoRequest)
	}
	return slices.ContainsFunc(states, func(s string) bool { return slices.Contains(want, s) })
}

// route finds the rule for a message that was just understood; found are the
// requests that it may concern.
func route(rules []store.RoutingRule, f *store.Filing, found []store.TransactionWithPatron) {
	if f.Out || len(rules) == 0 {
		return
	}
	m := store.RoutedMail{Kind: f.Kind, Sender: f.FromAddr, NeedsStaff: f.NeedsStaff}
	if len(f.Intents) > 0 {
		m.Intent = f.Intents[0].Intent
	}
	for _, t := range found {
		if f.Username != "" && strings.EqualFold(t.Patron.Username, f.Username) {
			m.PatronStatus = t.Patron.PatronStatus
		}
		if slices.ContainsFunc(f.Matches, func(x store.FilingMatch) bool { return x.Decided && x.TransactionNumber == t.TransactionNumber }) {
			m.States = append(m.States, string(t.State))
			if t.PickupLocation != "" {
				m.Pickups = append(m.Pickups, t.PickupLocation)
			}
		}
	}
	if r := Route(rules, m); r != nil {
		f.RuleID, f.NeedsStaff = r.ID, true
	}
}

// CheckRule brings a rule into its normal form and says in sentences what is
// wrong with it; nothing is wrong where there are none.
func CheckRule(r *store.RoutingRule) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	r.Name, r.Label = strings.Join(strings.Fields(r.Name), " "), strings.Join(strings.Fields(r.Label), " ")
	for _, list := range []*[]string{&r.Intents, &r.Kinds, &r.Senders, &r.PatronStatuses, &r.RequestStates, &r.Pickups} {
		*list = tidy(*list)
		if len(*list) > maxRuleValues {
			say("At most %d values for one condition; split the rule.", maxRuleValues)
			*list = (*list)[:maxRuleValues]
		}
	}
	if r.Name == "" {
		say("Give the rule a name: it is what people read in a conversation when they ask why it stands where it does.")
	}
	if n := utf8.RuneCountInString(r.Name); n > maxRuleName {
		say("The name has %d letters; keep it to %d.", n, maxRuleName)
	}
	if n := utf8.RuneCountInString(r.Label); n > MaxLabel {
		say("The label has %d letters; keep it to %d, since the list shows it.", n, MaxLabel)
	}
	for i, s := range r.Senders {
		s = strings.TrimPrefix(strings.ToLower(s), "@")
		r.Senders[i] = s
		local, domain, isAddress := strings.Cut(s, "@")
		if !isAddress {
			domain = s
		}
		if isAddress && local == "" || strings.ContainsAny(s, "*<>()\"' \t/") || strings.Contains(domain, "@") || !dotted(domain) {
			say("“%s” is neither an address nor a domain: write anna@library.example, or library.example for everybody there.", s)
		}
	}
	for _, k := range r.Kinds {
		if !slices.Contains(RuleKinds, k) {
			say("There is no sender of the kind “%s”.", k)
		}
	}
	if r.QueueID == nil && r.AssigneeID == nil && r.Label == "" {
		say("Say what happens to the mail: a queue, a colleague, a label, or several of them.")
	}
	return problems
}

// dotted reports whether s is made of at least two labels of a domain.
func dotted(s string) bool {
	labels := strings.Split(s, ".")
	return len(labels) > 1 && !slices.Contains(labels, "")
}

// tidy trims the values of a condition and leaves out what is empty or twice.
func tidy(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.Join(strings.Fields(s), " "); s != "" && !anyFold(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// rehearsalDays is how far back a rehearsal looks, rehearsalMail how many
// messages it judges at most.
const (
	rehearsalDays = 7
	rehearsalMail = 2000
)

// Rehearsal is what rules would have done with the mail of the last week.
type Rehearsal struct {
	Days          int
	Messages      int // that were judged
	More          bool
	Conversations int           // of them
	Fitted        map[int64]int // conversations by the rule that would have placed them last
	Placed        []Placed      // the newest first
}

// Placed is a conversation that rules would have placed, beside where it is now.
type Placed struct {
	Mail     store.RoutedMail // the mail that the rule fitted
	Rule     store.RoutingRule
	Queue    string // "" for none, as of the next two
	Assignee string
	Label    string
}

// Same reports whether the conversation is there already.
func (p Placed) Same() bool {
	return p.Queue == p.Mail.Queue && p.Assignee == p.Mail.Assignee && p.Label == p.Mail.Label
}

// Rehearse lets rules judge the mail of the office's last seven days in the
// order in which it came, as if no colleague had touched it. Requests count as
// they are now. It changes nothing.
func (d *Desk) Rehearse(ctx context.Context, officeID int64, rules []store.RoutingRule, now time.Time) (Rehearsal, error) {
	mail, err := d.DB.RoutedMail(ctx, officeID, now.AddDate(0, 0, -rehearsalDays), rehearsalMail+1)
	if err != nil {
		return Rehearsal{}, err
	}
	h := Rehearsal{Days: rehearsalDays, More: len(mail) > rehearsalMail, Fitted: map[int64]int{}}
	mail = mail[:min(len(mail), rehearsalMail)]
	h.Messages = len(mail)
	talks := map[int64]*Placed{}
	for _, m := range slices.Backward(mail) {
		p := talks[m.ConversationID]
		if p == nil {
			p = &Placed{}
			talks[m.ConversationID] = p
		}
		r := Route(rules, m)
		if r == nil || p.Assignee != "" { // who has it keeps it
			continue
		}
		p.Mail, p.Rule = m, *r
		if r.QueueID != nil {
			p.Queue = r.Queue
		}
		if r.AssigneeID != nil && !r.AssigneeOff {
			p.Assignee = r.Assignee
		}
		if r.Label != "" {
			p.Label = r.Label
		}
	}
	h.Conversations = len(talks)
	for _, p := range talks {
		if p.Mail.ConversationID != 0 {
			h.Fitted[p.Rule.ID]++
			h.Placed = append(h.Placed, *p)
		}
	}
	slices.SortFunc(h.Placed, func(a, b Placed) int { return b.Mail.At.Compare(a.Mail.At) })
	return h, nil
}
