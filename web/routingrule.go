package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"illmail/store"
	"illmail/triage"
)

// routingRulePage is one rule as it is edited, and what the office's rules would have
// done with last week's mail if it were saved.
type routingRulePage struct {
	Office    *Office
	Clock     clock
	Path      string // of this page
	Rule      store.RoutingRule
	Of        int // rules that there are with this one
	Tried     bool
	Problems  []string
	Queues    []store.OfficeQueue
	People    []store.Staff
	Kinds     []choice
	Intents   []choice
	States    []choice
	Statuses  []choice // of patrons
	Pickups   []choice
	Labels    []string // that there are
	Rehearsal triage.Rehearsal
	Placed    []triage.Placed // by this rule first, of Rehearsal
	Others    int             // of Placed, by other rules
	Unshown   int             // more than Placed shows
}

// choice is a value of a condition.
type choice struct {
	Value, Title string
	On           bool
}

// choices are values with their words; those in on are ticked.
func choices(values, on []string, word func(string) string) (list []choice) {
	for _, x := range values {
		list = append(list, choice{x, word(x), slices.ContainsFunc(on, func(o string) bool { return strings.EqualFold(o, x) })})
	}
	return list
}

// Ticked counts what of a condition is ticked.
func (p *routingRulePage) Ticked(list []choice) (n int) {
	for _, c := range list {
		if c.On {
			n++
		}
	}
	return n
}

// Senders are the senders of the rule as they are typed.
func (p *routingRulePage) Senders() string { return strings.Join(p.Rule.Senders, ", ") }

// Fitted is how many conversations the rule would have placed.
func (p *routingRulePage) Fitted() int { return p.Rehearsal.Fitted[p.Rule.ID] }

// Places are the places in the order that the rule may have.
func (p *routingRulePage) Places() (list []int) {
	for i := range p.Of {
		list = append(list, i+1)
	}
	return list
}

// ruleStates are the states of a request that a rule may name.
var ruleStates = []string{string(store.StateOpen), string(store.StateSent), string(store.StateInTransit), string(store.StateOnShelf), string(store.StateOnLoan),
	string(store.StateInHands), string(store.StateReturned), string(store.StateDelivered), string(store.StateFinished), string(store.StateCancelledStaff),
	string(store.StateCancelledPatron), string(store.StateClaimsReturned), string(store.StateLost), string(store.StateUnknown), store.NoRequest}

// shownPlaced bounds the table of a preview.
const shownPlaced = 40

// editRule shows a rule, and what it does.
func (s *Server) editRule(v *visit) error {
	p, rules, err := s.readRule(v)
	if err != nil {
		return err
	}
	if err := s.fillRule(v, p); err != nil {
		return err
	}
	return s.showRule(v, http.StatusOK, p, rules)
}

// readRule reads the rule that the address names, and all of the office's.
func (s *Server) readRule(v *visit) (*routingRulePage, []store.RoutingRule, error) {
	o, id, err := s.ruleOf(v)
	if err != nil {
		return nil, nil, err
	}
	rules, err := s.DB.RoutingRules(v.ctx(), o.ID)
	if err != nil {
		return nil, nil, err
	}
	p := &routingRulePage{Office: o, Clock: s.clock(v, o.Code), Path: "/routing/" + o.Code + "/" + v.r.PathValue("id"), Of: len(rules)}
	if id == 0 {
		p.Of++
		p.Rule = store.RoutingRule{OfficeID: o.ID, Position: p.Of, Enabled: true}
		return p, rules, nil
	}
	at := slices.IndexFunc(rules, func(r store.RoutingRule) bool { return r.ID == id })
	if at < 0 {
		return nil, nil, fmt.Errorf("the rule: %w", store.ErrNotFound)
	}
	p.Rule = rules[at]
	return p, rules, nil
}

// typedRule puts what the form says in place of the rule, and checks it.
func (s *Server) typedRule(v *visit, p *routingRulePage) error {
	if err := v.r.ParseForm(); err != nil {
		return badRequest("The form could not be read.")
	}
	form := v.r.PostForm
	split := func(name string) []string {
		return strings.FieldsFunc(form.Get(name), func(r rune) bool { return r == ',' || r == ';' || r == '\n' })
	}
	r := &p.Rule
	r.Name, r.Label, r.Enabled = form.Get("name"), form.Get("label"), form.Get("enabled") != ""
	r.Kinds, r.Intents, r.RequestStates = form["kind"], form["intent"], form["state"]
	r.Senders = split("senders")
	r.PatronStatuses = slices.Concat(form["status"], split("statuses"))
	r.Pickups = slices.Concat(form["pickup"], split("pickups"))
	place, err := formID(v, "place")
	if err != nil {
		return err
	}
	if r.Position = int(place); r.Position < 1 || r.Position > p.Of {
		r.Position = p.Of
	}
	version, err := formID(v, "version")
	if err != nil {
		return err
	}
	r.Version, p.Tried = int(version), true
	queue, err := formID(v, "queue")
	if err != nil {
		return err
	}
	assignee, err := formID(v, "assignee")
	if err != nil {
		return err
	}
	r.QueueID, r.AssigneeID, r.Queue, r.Assignee, r.AssigneeOff = nil, nil, "", "", false
	if queue != 0 {
		r.QueueID = &queue
	}
	if assignee != 0 {
		r.AssigneeID = &assignee
	}
	p.Problems = triage.CheckRule(r)
	for _, i := range r.Intents {
		if kindOfIntent(i) == "" {
			p.Problems = append(p.Problems, fmt.Sprintf("There is no intent “%s”.", i))
		}
	}
	for _, st := range r.RequestStates {
		if !slices.Contains(ruleStates, st) {
			p.Problems = append(p.Problems, fmt.Sprintf("There is no state “%s”.", st))
		}
	}
	return s.fillRule(v, p)
}

// fillRule reads what the form offers, and names the queue and the assignee.
func (s *Server) fillRule(v *visit, p *routingRulePage) error {
	var err error
	if p.Queues, err = s.DB.OfficeQueues(v.ctx(), p.Office.ID); err != nil {
		return err
	}
	all, err := s.DB.ListStaff(v.ctx())
	if err != nil {
		return err
	}
	r := &p.Rule
	for _, one := range all {
		chosen := r.AssigneeID != nil && *r.AssigneeID == one.ID
		if one.DisabledAt == nil || chosen {
			p.People = append(p.People, one)
		}
		if chosen {
			r.Assignee, r.AssigneeOff = one.Name(), one.DisabledAt != nil
		}
	}
	if r.AssigneeID != nil && r.Assignee == "" {
		p.Problems = append(p.Problems, "There is no such account to give it to.")
	}
	for _, q := range p.Queues {
		if r.QueueID != nil && *r.QueueID == q.ID {
			r.Queue = q.Name
		}
	}
	if r.QueueID != nil && r.Queue == "" {
		p.Problems = append(p.Problems, "The queue is not there any more; choose another one.")
		r.QueueID = nil
	}
	labels, err := s.DB.ListLabels(v.ctx())
	if err != nil {
		return err
	}
	for _, l := range labels {
		p.Labels = append(p.Labels, l.Label)
	}
	return nil
}

// showRule fills in the choices and the preview.
func (s *Server) showRule(v *visit, status int, p *routingRulePage, rules []store.RoutingRule) error {
	r := p.Rule
	statuses, err := s.DB.PatronStatuses(v.ctx(), p.Office.ID)
	if err != nil {
		return err
	}
	pickups, err := s.DB.PickupLocations(v.ctx(), p.Office.ID)
	if err != nil {
		return err
	}
	plain := func(x string) string { return x }
	p.Statuses = choices(withOwn(statuses, r.PatronStatuses), r.PatronStatuses, plain)
	p.Pickups = choices(withOwn(pickups, r.Pickups), r.Pickups, plain)
	p.Kinds = choices(triage.RuleKinds, r.Kinds, func(k string) string { return wordOr(kindWords, k, "") })
	p.Intents = choices(ruleIntents, r.Intents, func(i string) string { return wordOr(intentWords, i, "") })
	p.States = choices(ruleStates, r.RequestStates, ruleStateWord)
	if len(p.Problems) > 0 {
		return s.render(v, http.StatusUnprocessableEntity, "routingrule", "/routing", p)
	}
	rules = slices.DeleteFunc(slices.Clone(rules), func(o store.RoutingRule) bool { return o.ID == r.ID })
	rules = slices.Insert(rules, min(r.Position-1, len(rules)), r)
	if p.Rehearsal, err = s.Desk.Rehearse(v.ctx(), p.Office.ID, rules, v.now); err != nil {
		return err
	}
	var others []triage.Placed
	for _, one := range p.Rehearsal.Placed {
		if one.Rule.ID == r.ID {
			p.Placed = append(p.Placed, one)
		} else {
			others = append(others, one)
		}
	}
	p.Others = len(others)
	p.Placed = append(p.Placed, others...)
	if n := len(p.Placed) - shownPlaced; n > 0 {
		p.Placed, p.Unshown = p.Placed[:shownPlaced], n
	}
	return s.render(v, status, "routingrule", "/routing", p)
}

// ruleIntents are the intents that a rule may name: those of mail that waits for
// staff.
var ruleIntents = slices.DeleteFunc(slices.Clone(correctable), func(i string) bool { return i == "thanks" })

// withOwn is a list of values with those of the rule that it lacks.
func withOwn(list, own []string) []string {
	for _, x := range own {
		if !slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, x) }) {
			list = append(list, x)
		}
	}
	return list
}

// tryRule shows what a rule would have done, without saving it.
func (s *Server) tryRule(v *visit) error {
	p, rules, err := s.readRule(v)
	if err != nil {
		return err
	}
	if err := s.typedRule(v, p); err != nil {
		return err
	}
	return s.showRule(v, http.StatusOK, p, rules)
}

// saveRule keeps a rule: it holds for the mail that comes from now on.
func (s *Server) saveRule(v *visit) error {
	p, rules, err := s.readRule(v)
	if err != nil {
		return err
	}
	if err := s.typedRule(v, p); err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		return s.showRule(v, http.StatusUnprocessableEntity, p, rules)
	}
	switch id, err := s.DB.SaveRoutingRule(v.ctx(), p.Rule, actor(v)); {
	case errors.Is(err, store.ErrConflict):
		return conflict("Someone changed this rule while you edited it, so nothing was saved. Look at it again first.")
	case err != nil:
		return err
	default:
		return v.redirect("/routing/" + p.Office.Code + "?done=rules#rule-" + strconv.FormatInt(id, 10))
	}
}
