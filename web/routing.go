package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"illmail/store"
	"illmail/triage"
)

// maxQueueName bounds the name of a queue: it stands in a narrow column.
const maxQueueName = 30

// routingPage is an office's own queues and the rules by which mail goes into
// them.
type routingPage struct {
	Office    *Office
	Offices   []Office
	Path      string // of this page
	Rules     []ruleRow
	Queues    []store.OfficeQueue
	Rehearsal triage.Rehearsal
	Name      string // of a queue that could not be added
	Problem   string
}

type ruleRow struct {
	store.RoutingRule
	Weekly int  // conversations of the last week that it would have placed
	Unseen bool // a rule above it fits everything, so that it is never tried
}

// routing shows the rules in their order, with what each would have done with
// last week's mail.
func (s *Server) routing(v *visit) error {
	code := v.r.PathValue("office")
	if code == "" {
		code = v.r.FormValue("office") // chosen from the menu
	}
	if code == "" && len(s.Offices) > 0 {
		code = s.Offices[0].Code
	}
	o, ok := s.offices[code]
	if !ok {
		return fmt.Errorf("the office %q: %w", code, store.ErrNotFound)
	}
	return s.showRules(v, http.StatusOK, &routingPage{Office: o})
}

func (s *Server) showRules(v *visit, status int, p *routingPage) error {
	p.Offices, p.Path = s.Offices, "/routing/"+p.Office.Code
	rules, err := s.DB.RoutingRules(v.ctx(), p.Office.ID)
	if err != nil {
		return err
	}
	if p.Rehearsal, err = s.Desk.Rehearse(v.ctx(), p.Office.ID, rules, v.now); err != nil {
		return err
	}
	closed := false
	for _, r := range rules {
		p.Rules = append(p.Rules, ruleRow{RoutingRule: r, Weekly: p.Rehearsal.Fitted[r.ID], Unseen: closed})
		closed = closed || r.Enabled && unconditional(r)
	}
	if p.Queues, err = s.DB.OfficeQueues(v.ctx(), p.Office.ID); err != nil {
		return err
	}
	return s.render(v, status, "routing", "/routing", p)
}

// unconditional reports whether a rule fits all mail of people.
func unconditional(r store.RoutingRule) bool {
	return len(r.Kinds)+len(r.Intents)+len(r.Senders)+len(r.PatronStatuses)+len(r.RequestStates)+len(r.Pickups) == 0
}

// When is the rule's conditions in words.
func (r ruleRow) When() string {
	var parts []string
	say := func(before string, list []string, word func(string) string) {
		if len(list) > 0 {
			var words []string
			for _, x := range list {
				words = append(words, word(x))
			}
			parts = append(parts, before+strings.Join(words, " or "))
		}
	}
	plain := func(x string) string { return x }
	say("", r.Kinds, func(k string) string { return wordOr(kindWords, k, "") })
	say("", r.Intents, func(i string) string { return "“" + wordOr(intentWords, i, "") + "”" })
	say("from ", r.Senders, plain)
	say("patron is ", r.PatronStatuses, plain)
	say("request is ", r.RequestStates, ruleStateWord)
	say("pickup at ", r.Pickups, plain)
	if len(parts) == 0 {
		return "All mail of people"
	}
	return strings.Join(parts, " · ")
}

// ruleStateWord is a state of a request as rules name it, in words.
func ruleStateWord(state string) string {
	if state == store.NoRequest {
		return "not known"
	}
	return wordOr(requestStateWords, store.State(state), "")
}

// changeRule moves a rule up or down, or switches it.
func (s *Server) changeRule(v *visit) error {
	o, id, err := s.ruleOf(v)
	if err != nil {
		return err
	}
	switch action := v.r.PostFormValue("action"); action {
	case "up":
		err = s.DB.MoveRoutingRule(v.ctx(), o.ID, id, -1, actor(v))
	case "down":
		err = s.DB.MoveRoutingRule(v.ctx(), o.ID, id, 1, actor(v))
	case "on", "off":
		err = s.DB.SwitchRoutingRule(v.ctx(), o.ID, id, action == "on", actor(v))
	case "delete":
		err = s.DB.DeleteRoutingRule(v.ctx(), o.ID, id, actor(v))
	default:
		err = badRequest("There is no action %q.", action)
	}
	if err != nil {
		return err
	}
	return v.redirect("/routing/" + o.Code + "?done=rules")
}

// ruleOf is the office and the rule that the address names; 0 for a new one.
func (s *Server) ruleOf(v *visit) (*Office, int64, error) {
	o, ok := s.offices[v.r.PathValue("office")]
	if !ok {
		return nil, 0, fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	if v.r.PathValue("id") == "new" {
		return o, 0, nil
	}
	id, err := pathID(v, "id")
	return o, id, err
}

// queueName reads the name of a queue and says what is wrong with it.
func queueName(v *visit) (name, problem string) {
	name = strings.Join(strings.Fields(v.r.PostFormValue("name")), " ")
	isPile := func(t tab) bool { return strings.EqualFold(t.Title, name) }
	switch {
	case name == "":
		return name, "Give the queue a name."
	case utf8.RuneCountInString(name) > maxQueueName:
		return name, fmt.Sprintf("Keep the name to %d letters: it stands beside the list.", maxQueueName)
	case slices.ContainsFunc(tabs(store.TabCounts{}), isPile):
		return name, fmt.Sprintf("“%s” is one of the piles that every office has; take another name.", name)
	}
	return name, ""
}

func (s *Server) addQueue(v *visit) error {
	o, ok := s.offices[v.r.PathValue("office")]
	if !ok {
		return fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	name, problem := queueName(v)
	if problem == "" {
		switch _, err := s.DB.AddOfficeQueue(v.ctx(), o.ID, name, actor(v)); {
		case errors.Is(err, store.ErrExists):
			problem = fmt.Sprintf("There is a queue “%s” already.", name)
		case err != nil:
			return err
		default:
			return v.redirect("/routing/" + o.Code + "?done=queue#queues")
		}
	}
	return s.showRules(v, http.StatusUnprocessableEntity, &routingPage{Office: o, Name: name, Problem: problem})
}

// changeQueue gives one of the office's queues another name, or deletes it.
func (s *Server) changeQueue(v *visit) error {
	o, ok := s.offices[v.r.PathValue("office")]
	if !ok {
		return fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	problem := ""
	switch action := v.r.PostFormValue("action"); action {
	case "rename":
		var name string
		if name, problem = queueName(v); problem == "" {
			err = s.DB.RenameOfficeQueue(v.ctx(), o.ID, id, name, actor(v))
			if errors.Is(err, store.ErrExists) {
				err, problem = nil, fmt.Sprintf("There is a queue “%s” already.", name)
			}
		}
	case "delete":
		err = s.DB.DeleteOfficeQueue(v.ctx(), o.ID, id, actor(v))
		if errors.Is(err, store.ErrConflict) {
			err, problem = nil, "A rule puts mail into this queue; change or delete that rule first."
		}
	default:
		return badRequest("There is no action %q.", action)
	}
	if err != nil {
		return err
	}
	if problem != "" {
		return s.showRules(v, http.StatusUnprocessableEntity, &routingPage{Office: o, Problem: problem})
	}
	return v.redirect("/routing/" + o.Code + "?done=queue#queues")
}
