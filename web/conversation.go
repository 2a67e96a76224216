package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"illmail/store"
	"illmail/triage"
)

// entry is one thing that happened in a conversation; one of the pointers is set.
type entry struct {
	At      time.Time
	Message *messageEntry     // mail that came, or an answer written elsewhere
	Mail    *store.StoryMail  // a reply written here, or a notice
	Note    *store.StoryNote  //
	Event   *store.StoryEvent //
}

// messageEntry is a message with what is known of it.
type messageEntry struct {
	store.StoryMessage
	Quoted  string // what the sender did not write this time; "" for none
	Matches []store.StoryMatch
	Newest  bool // the newest that came in
}

// Name is the sender as the page calls them.
func (m messageEntry) Name() string { return cmp.Or(m.FromName, m.FromAddr, "Unknown sender") }

// ToLine is to whom a message went.
func (m messageEntry) ToLine() string { return strings.Join(slices.Concat(m.ToAddrs, m.CcAddrs), ", ") }

// requestCard is a request beside the conversation.
type requestCard struct {
	store.RequestView
	ILLLink string
	Cancel  bool                 // it may be cancelled
	Renewal *triage.RenewalOffer // nil where there is nothing to renew
	Found   *store.ClaimOutcome  // of a claim that it was returned; nil until staff have said
}

type conversationPage struct {
	C           store.ConversationView
	Clock       clock
	Entries     []entry
	Requests    []requestCard
	Candidates  []store.StoryMatch // offered, not filed
	Patron      *store.Patron
	Others      []store.TransactionRef // the patron's other requests
	Away        string                 // in whose hands it is while its assignee is away
	Drafts      []store.Draft          // of colleagues
	Draft       *store.Draft           // one's own
	People      []person
	Queues      []store.OfficeQueue // of its office
	Labels      []store.LabelCount
	Newest      *messageEntry // the newest message that came in
	LastMessage int64
	LastReply   int64 // the newest reply of ours; 0 for none
	Intents     []string
	Reply       *replyForm // nil where there is nobody to answer
	Unasked     bool       // no person wrote, so a reply is offered as a link only
	Snooze      []snoozeChoice
	Tomorrow    string   // the first day until which it can be snoozed
	Supervisors []person // to whom it can be handed
	Nearby      []store.NearbyConversation
	Present     []store.Presence // who else has it open
	MayApprove  bool
	Proposals   []store.Proposal // what a system's mail says of requests
	MayLearn    bool             // nobody knows the address of Newest, and staff may say whose it is
}

// writtenByMachine reports whether nobody waits for an answer to what came in,
// and nobody has begun one.
func (p *conversationPage) writtenByMachine() bool {
	if p.Newest == nil || p.Draft != nil {
		return false
	}
	switch p.Newest.Kind {
	case "system", "auto_reply", "bounce", "bulk":
		return p.C.Kind != "patron" && p.C.Kind != "partner"
	}
	return false
}

// free reports whether the reply may go to any address.
func (p *conversationPage) free() bool { return p.C.Free() && p.Newest == nil }

// MaySplit reports whether there are several messages to take apart.
func (p *conversationPage) MaySplit() bool {
	n := 0
	for _, e := range p.Entries {
		if e.Message != nil {
			n++
		}
	}
	return n > 1
}

// draftOf is that person's draft, or nil.
func (p *conversationPage) draftOf(staff int64) *store.Draft {
	if p.Draft != nil && p.Draft.StaffID == staff {
		return p.Draft
	}
	for i := range p.Drafts {
		if p.Drafts[i].StaffID == staff {
			return &p.Drafts[i]
		}
	}
	return nil
}

type snoozeChoice struct{ Value, Title string }

// correctable are the intents to which staff may correct, in the order of the menu.
var correctable = []string{"renewal", "status", "cancel", "returned_claim", "lost_damaged", "pickup", "return_how", "file_problem", "wrong_item",
	"new_request", "amend_request", "account", "fees", "policy", "thanks", "other", "recall", "lender_conditional", "lender_unfilled", "lender_shipped",
	"lender_overdue", "lender_query", "lending_request", "delivery", "system_update", "vendor_support"}

// conversation shows the whole story, the requests beside it and a reply ready to be sent.
func (s *Server) conversation(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	p, err := s.readConversation(v, id)
	if err != nil {
		return err
	}
	if p.C.MergedInto != nil {
		return v.redirect(fmt.Sprintf("/conversations/%d", *p.C.MergedInto))
	}
	if p.Reply, err = s.newReplyForm(v, p); err != nil {
		return err
	}
	if q := v.r.URL.Query(); p.Reply != nil && p.writtenByMachine() && !q.Has("answer") && !q.Has("template") && !q.Has("draft") {
		p.Reply, p.Unasked = nil, true
	}
	return s.render(v, http.StatusOK, "conversation", "/", p)
}

// readConversation gathers all of the page but the reply.
func (s *Server) readConversation(v *visit, id int64) (*conversationPage, error) {
	st, err := s.DB.ReadStory(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	p := &conversationPage{C: st.Conversation, Clock: s.clock(v, st.Conversation.Office), Intents: correctable}
	p.Entries, p.Newest = entries(st)
	if p.C.LastMessageID != nil {
		p.LastMessage = *p.C.LastMessageID
	} else if p.Newest != nil {
		p.LastMessage = p.Newest.ID
	}
	if err := s.fillBeside(v, p, st); err != nil {
		return nil, err
	}
	if err := s.offerRenewals(v, p); err != nil {
		return nil, err
	}
	if p.Proposals, err = s.DB.Proposals(v.ctx(), p.C.ID); err != nil {
		return nil, err
	}
	for _, d := range st.Drafts {
		if d.StaffID == v.staff.ID {
			p.Draft = &d
		} else {
			p.Drafts = append(p.Drafts, d)
		}
	}
	hands, err := s.hands(v)
	if err != nil {
		return nil, err
	}
	p.Away = standing(hands, p.Clock, p.C.AssignedTo, p.C.Assignee, v.staff.ID)
	if p.People, err = s.people(v); err != nil {
		return nil, err
	}
	own, err := s.ownPiles(v)
	if err != nil {
		return nil, err
	}
	p.Queues = slices.DeleteFunc(slices.Clone(own.Queues), func(q store.OfficeQueue) bool { return q.OfficeID != p.C.OfficeID })
	if p.Labels, err = s.DB.ListLabels(v.ctx()); err != nil {
		return nil, err
	}
	p.LastReply = triage.LastReplyID(st)
	p.Snooze = s.snoozeChoices(p.Clock)
	p.Tomorrow = store.DateOf(v.now, p.Clock.office.Rules.Location).AddDays(1).String()
	for _, x := range p.People {
		if x.Role.AtLeast(store.RoleSupervisor) && x.ID != v.staff.ID {
			p.Supervisors = append(p.Supervisors, x)
		}
	}
	var requests []int64
	for _, r := range p.Requests {
		requests = append(requests, r.ID)
	}
	patron := int64(0)
	if p.C.PatronID != nil && v.staff.Role.AtLeast(store.RoleStaff) {
		patron = *p.C.PatronID
	}
	if err := s.DB.Look(v.ctx(), id, v.staff.ID); err != nil {
		return nil, err
	}
	if p.Present, err = s.DB.Present(v.ctx(), []int64{id}, v.staff.ID); err != nil {
		return nil, err
	}
	if p.Nearby, err = s.DB.Nearby(v.ctx(), id, patron, requests); err != nil {
		return nil, err
	}
	p.MayApprove = v.staff.Role.AtLeast(store.RoleStaff)
	if p.Newest != nil && p.MayApprove {
		if p.MayLearn, err = s.learnable(v, p.Newest.StoryMessage, st.Conversation.OfficeID); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// learnable reports whether nobody knows yet whose the sender's address is.
func (s *Server) learnable(v *visit, m store.StoryMessage, officeID int64) (bool, error) {
	if m.FromAddr == "" || m.SenderVerified {
		return false, nil
	}
	patrons, err := s.DB.PatronsByAddress(v.ctx(), officeID, m.FromAddr)
	if err != nil || len(patrons) > 0 {
		return false, err
	}
	lenders, err := s.DB.LendersByAddress(v.ctx(), officeID, m.FromAddr)
	return len(lenders) == 0, err
}

// entries puts everything that happened in order.
func entries(st *store.Story) (list []entry, newest *messageEntry) {
	ours := make(map[int64]bool)
	for i := range st.Mails {
		m := &st.Mails[i]
		ours[m.ID] = true
		list = append(list, entry{At: orTime(m.SentAt, m.CreatedAt), Mail: m})
	}
	for _, m := range st.Messages {
		if m.OutboxID != nil && ours[*m.OutboxID] {
			continue // the copy in Sent of a mail that is shown already
		}
		e := &messageEntry{StoryMessage: m, Quoted: quoted(m.BodyText, m.NewText)}
		for _, mm := range st.Matches {
			if mm.MessageID == m.ID {
				e.Matches = append(e.Matches, mm)
			}
		}
		if m.Direction == "in" {
			newest = e
		}
		list = append(list, entry{At: m.InternalDate, Message: e})
	}
	if newest != nil {
		newest.Newest = true
	}
	for i := range st.Notes {
		list = append(list, entry{At: st.Notes[i].CreatedAt, Note: &st.Notes[i]})
	}
	for i := range st.Events {
		if e := st.Events[i]; e.Actor == "intake" && e.What == string(store.ItemNew) {
			continue // the mail itself says so
		}
		list = append(list, entry{At: st.Events[i].At, Event: &st.Events[i]})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return a.At.Compare(b.At) })
	return list, newest
}

func orTime(t *time.Time, or time.Time) time.Time {
	if t != nil {
		return *t
	}
	return or
}

// quoted is what of a body stands beyond the new text: the history, the
// signature. Where the two do not fit together it is the whole body.
func quoted(body, fresh string) string {
	body, fresh = strings.TrimSpace(body), strings.TrimSpace(fresh)
	if rest, ok := strings.CutPrefix(body, fresh); ok {
		return strings.TrimSpace(rest)
	}
	return body
}

// fillBeside reads the requests, the candidates and the patron.
func (s *Server) fillBeside(v *visit, p *conversationPage, st *store.Story) error {
	var filed []int64
	for _, m := range st.Matches {
		if m.Decided && !slices.Contains(filed, m.TransactionID) {
			filed = append(filed, m.TransactionID)
		}
	}
	for _, m := range st.Matches {
		known := slices.Contains(filed, m.TransactionID) ||
			slices.ContainsFunc(p.Candidates, func(c store.StoryMatch) bool { return c.TransactionID == m.TransactionID })
		if !m.Decided && !known && len(p.Candidates) < 6 {
			p.Candidates = append(p.Candidates, m)
		}
	}
	patron := p.C.PatronID
	if len(filed) > 0 {
		reqs, err := s.DB.ReadRequests(v.ctx(), filed)
		if err != nil {
			return err
		}
		for _, r := range reqs {
			p.Requests = append(p.Requests, requestCard{RequestView: r, Cancel: offerCancel(r.Transaction) && v.staff.Role.AtLeast(store.RoleStaff), ILLLink: s.requestURL(r.Office, strconv.FormatInt(r.TransactionNumber, 10))})
		}
		outcomes, err := s.DB.ClaimOutcomes(v.ctx(), filed)
		if err != nil {
			return err
		}
		for i, r := range p.Requests {
			if at := slices.IndexFunc(outcomes, func(o store.ClaimOutcome) bool { return o.TransactionID == r.ID }); at >= 0 {
				p.Requests[i].Found = &outcomes[at]
			}
		}
		if patron == nil && len(reqs) > 0 && p.C.Kind == "patron" {
			patron = &reqs[0].PatronID
		}
	}
	if patron == nil {
		return nil
	}
	page, err := s.DB.ReadPatronPage(v.ctx(), *patron)
	if err != nil {
		return err
	}
	p.Patron = &page.Patron
	if !v.staff.Role.AtLeast(store.RoleStaff) {
		return nil // what else a patron reads is not for student assistants
	}
	for _, r := range page.Requests {
		if !slices.Contains(filed, r.ID) {
			p.Others = append(p.Others, r)
		}
	}
	return nil
}

// snoozeChoices are the days until which a conversation is put off, open days only.
func (s *Server) snoozeChoices(c clock) []snoozeChoice {
	today := store.DateOf(c.now, c.office.Rules.Location)
	var list []snoozeChoice
	add := func(title string, d store.Date) {
		for i := 0; i < 30 && !c.office.Rules.Calendar.IsOpen(d); i++ {
			d = d.AddDays(1)
		}
		if len(list) == 0 || list[len(list)-1].Value < d.String() {
			list = append(list, snoozeChoice{d.String(), title + " (" + d.Time().Format("Mon, Jan 2") + ")"})
		}
	}
	add("Tomorrow", today.AddDays(1))
	add("In three days", today.AddDays(3))
	add("In a week", today.AddDays(7))
	add("In two weeks", today.AddDays(14))
	return list
}
