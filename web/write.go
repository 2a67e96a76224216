package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"illmail/mailbox"
	"illmail/store"
	"illmail/triage"
)

// writePage is a mail that staff write first. Nothing is stored before it is
// sent or saved.
type writePage struct {
	Office   *Office
	Kind     string // to whom: patron, partner, vendor, colleague
	Kinds    []kindChoice
	Origin   int64
	Forward  *store.StoryMessage
	Requests []store.RequestView
	triage.Begun
	Outside     bool
	MaySendFree bool
	NoAddress   string // why it is not known where the lender reads its mail, and what to do
}

// kindChoice is a link to the same page for another reader.
type kindChoice struct{ Kind, Title, URL string }

var writeKinds = []kindChoice{{Kind: "patron", Title: "Patron"}, {Kind: "partner", Title: "Lender"}, {Kind: "vendor", Title: "Vendor"}, {Kind: "colleague", Title: "Colleague"}}

// beginning reads of the address or the form what is to be written: out of
// which conversation, about which requests, to whom.
func (s *Server) beginning(v *visit, q url.Values) (triage.Beginning, *Office, error) {
	b := triage.Beginning{Kind: q.Get("to_kind"), Staff: v.staff.Name()}
	if !slices.ContainsFunc(writeKinds, func(k kindChoice) bool { return k.Kind == b.Kind }) {
		return b, nil, badRequest("Say to whom it goes.")
	}
	code := q.Get("office")
	for name, to := range map[string]*int64{"from": &b.Origin, "forward": &b.Forward} {
		if text := q.Get(name); text != "" {
			var err error
			if *to, err = number(text); err != nil {
				return b, nil, err
			}
		}
	}
	if b.Origin != 0 {
		st, err := s.DB.ReadStory(v.ctx(), b.Origin)
		if err != nil {
			return b, nil, err
		}
		code = st.Conversation.Office
		for _, m := range st.Matches {
			if m.Decided && !slices.Contains(b.Requests, m.TransactionID) {
				b.Requests = append(b.Requests, m.TransactionID)
			}
		}
	}
	o, ok := s.offices[code]
	if !ok {
		return b, nil, fmt.Errorf("the office: %w", store.ErrNotFound)
	}
	b.OfficeID = o.ID
	if q.Has("tn") {
		b.Requests = nil
		tns, err := numbers(q["tn"])
		if err != nil {
			return b, nil, err
		}
		ts, err := s.DB.TransactionsByNumber(v.ctx(), o.ID, tns)
		if err != nil {
			return b, nil, err
		}
		for _, t := range ts {
			b.Requests = append(b.Requests, t.ID)
		}
	}
	if b.Forward == 0 && len(b.Requests) == 0 && b.Kind == "patron" {
		return b, nil, badRequest("File the conversation on a request first: then it is known who the patron is.")
	}
	return b, o, nil
}

func (s *Server) writePage(v *visit) error {
	q := v.r.URL.Query()
	b, o, err := s.beginning(v, q)
	if err != nil {
		return err
	}
	p := writePage{Office: o, Kind: b.Kind, Origin: b.Origin, Outside: triage.Outside(b.Kind), MaySendFree: v.staff.Role.AtLeast(store.RoleStaff)}
	if p.Begun, err = s.Desk.Begin(v.ctx(), b, v.now); err != nil {
		return severalPatrons(err)
	}
	p.Forward = p.Begun.Forwarded
	if p.Requests, err = s.DB.ReadRequests(v.ctx(), b.Requests); err != nil {
		return err
	}
	if p.Kind == "partner" && p.To == "" {
		p.NoAddress = noAddress(p.Requests)
	}
	for _, k := range writeKinds {
		q.Set("to_kind", k.Kind)
		k.URL = "/write?" + q.Encode()
		p.Kinds = append(p.Kinds, k)
	}
	return s.render(v, http.StatusOK, "write", "/", p)
}

// noAddress says why it is not known where the lender of the requests reads
// its mail, and what to do.
func noAddress(requests []store.RequestView) string {
	lender := ""
	for _, r := range requests {
		if r.LendingLibrary != "" {
			lender = r.LendingLibrary
		}
	}
	switch {
	case len(requests) == 0:
		return "The conversation is filed on no request, so the lender is not known: type the address."
	case lender == "":
		return "The request names no lender yet: type the address."
	}
	return "The lender directory has no address for " + lender + ": type it. Addresses are learned from mail that staff file, and read from a list by illmail import lenders."
}

func severalPatrons(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return conflict("These requests are of several patrons: write to each of them by themselves.")
	}
	return err
}

// write opens the conversation and keeps the mail as its draft; then it is a
// reply like any other, and sent as one.
func (s *Server) write(v *visit) error {
	done, err := readForm(v)
	if err != nil {
		return err
	}
	defer done()
	b, _, err := s.beginning(v, v.r.PostForm)
	if err != nil {
		return err
	}
	in, err := s.readReply(v, 0)
	if err != nil {
		return err
	}
	if in.DraftOf, in.detach, in.Files, in.owner = 0, 0, nil, v.staff.ID; in.action == "detach" {
		in.action = "attach"
	}
	begun, err := s.Desk.Begin(v.ctx(), b, v.now)
	if err != nil {
		return severalPatrons(err)
	}
	id, err := s.Desk.Start(v.ctx(), b, in.To, in.Subject, actor(v), v.now)
	if err != nil {
		return severalPatrons(err)
	}
	in.ConversationID = id
	// Without words there is a draft all the same: files may come with it.
	if err := s.Desk.SaveDraft(v.ctx(), store.Draft{ConversationID: id, StaffID: v.staff.ID, Recipient: in.To, Cc: in.cc, Subject: in.Subject, Body: in.Body,
		WantsApproval: in.action == "approval"}, v.now); err != nil {
		return err
	}
	ids, problem, err := s.keepUploads(v, id, v.staff.ID)
	if err != nil {
		return err
	}
	in.Files = ids
	if begun.Forwarded != nil && problem == "" {
		if ids, problem, err = s.keepParts(v, id, begun.Forwarded); err != nil {
			return err
		}
		in.Files = append(in.Files, ids...)
	}
	switch {
	case in.action == "send_wait" || in.action == "send_close" || problem != "":
		return s.send(v, in, problem)
	case in.action == "approval":
		return v.toConversation(id, "approval")
	case v.r.PostFormValue("quiet") != "":
		v.w.Header().Set("Location", fmt.Sprintf("/conversations/%d", id))
		v.w.WriteHeader(http.StatusCreated)
		for _, f := range in.Files { // the form names them from now on
			fmt.Fprintln(v.w, f)
		}
		return nil
	}
	return s.toDraft(v, in, "draft")
}

// keepParts attaches the parts of a forwarded message that were ticked.
func (s *Server) keepParts(v *visit, conversation int64, m *store.StoryMessage) (ids []int64, problem string, err error) {
	wanted := v.r.PostForm["part"]
	if len(wanted) == 0 {
		return nil, "", nil
	}
	raw, more, err := s.DB.ReadRaw(v.ctx(), m.ID, maxRaw)
	if err != nil {
		return nil, "", err
	}
	if more {
		return nil, "That message is too big to be forwarded with its files; download them and attach what is needed.", nil
	}
	for _, path := range wanted {
		part, data, err := mailbox.Part(raw, path)
		if err != nil {
			return ids, "", fmt.Errorf("reading a part (%v): %w", err, store.ErrNotFound)
		}
		name := strings.TrimSpace(part.Name)
		if name == "" {
			name = "attachment"
		}
		id, err := s.Desk.Attach(v.ctx(), conversation, v.staff.ID, store.FileData{File: store.File{Name: name, ContentType: part.ContentType}, Data: data})
		if errors.Is(err, store.ErrTooMuch) {
			return ids, tooBig(name), nil
		}
		if err != nil {
			return ids, "", err
		}
		ids = append(ids, id)
	}
	return ids, "", nil
}

// private says what of patrons stands in a mail to another house.
func (s *Server) private(v *visit, p *conversationPage, in written) ([]string, error) {
	var requests []int64
	for _, r := range p.Requests {
		requests = append(requests, r.ID)
	}
	patron := int64(0)
	if p.C.PatronID != nil {
		patron = *p.C.PatronID
	}
	texts := []string{in.Subject, in.Body}
	if d := p.draftOf(in.owner); d != nil {
		for _, f := range d.Files {
			texts = append(texts, f.Name)
		}
	}
	return s.Desk.Private(v.ctx(), requests, patron, texts...)
}
