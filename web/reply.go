package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"illmail/store"
	"illmail/triage"
)

// replyForm is a reply that is being written.
type replyForm struct {
	To          string
	Name        string
	Verified    bool     // To is the registered address, or of a known partner
	Known       []string // other addresses of the conversation
	Free        bool     // To may be any address: staff write first, to somebody who is no patron
	Outside     bool     // what is sent must not tell of patrons
	Private     []string // what of a patron stands in it all the same
	Chosen      string   // of Known, to whom it goes instead; "" for To
	Cc          string
	Subject     string
	Body        string
	Files       []store.File
	Template    string // of which the text was made; "" for free words
	Why         []string
	Notes       []string // what to know before the letter goes
	Choices     []string // letters to choose from
	LastMessage int64    // the newest message that the writer has seen
	LastReply   int64    // the newest reply of ours that the writer has seen
	DraftAt     *time.Time
	DraftOf     *store.Draft // a colleague's draft that is being approved
	MaySendFree bool         // may send words of one's own
	Problem     string
}

// Unfinished reports a letter with a gap that must be filled before it goes.
func (f *replyForm) Unfinished() bool { return strings.Contains(f.Body, triage.Gap) }

// newReplyForm is the form as it is first shown: one's draft, a colleague's
// that asks for approval, the letter that was chosen, or the prepared answer.
func (s *Server) newReplyForm(v *visit, p *conversationPage) (*replyForm, error) {
	q := v.r.URL.Query()
	letter := q.Get("template")
	if letter != "" && !slices.Contains(letterChoices(s.office(p.C.Office), p.C.Kind), letter) {
		return nil, badRequest("There is no letter called %q for this sender.", letter)
	}
	prepared, err := s.Desk.Prepared(v.ctx(), p.C.ID, letter, v.staff.Name(), v.now)
	if err != nil {
		return nil, err
	}
	if prepared.To.Addr == "" && !p.free() {
		return nil, nil
	}
	f := s.replyTo(v, p, prepared)
	f.Subject = prepared.Subject
	switch of := q.Get("draft"); {
	case of != "":
		for _, d := range p.Drafts {
			if strconv.FormatInt(d.StaffID, 10) == of {
				f.take(d)
				f.DraftOf = &d
			}
		}
	case q.Has("template"):
		f.Template, f.Body, f.Why, f.Notes = letter, prepared.Body, prepared.Why, prepared.Notes
		if letter == "" {
			f.Body, f.Why, f.Notes = "", nil, nil
		}
		if p.Draft != nil { // another letter, with the files and to the people that were chosen
			f.Files, f.Cc, f.Chosen = p.Draft.Files, p.Draft.Cc, p.Draft.Recipient
		}
		f.Problem = missing(prepared)
	case p.Draft != nil:
		f.take(*p.Draft)
		f.DraftAt = &p.Draft.UpdatedAt
	case p.C.State == "new" || p.C.State == "open" || p.C.State == "snoozed":
		f.Template, f.Body, f.Why, f.Notes, f.Problem = prepared.Template, prepared.Body, prepared.Why, prepared.Notes, missing(prepared)
	}
	return f, nil
}

// replyTo is an empty form to whom a reply goes.
func (s *Server) replyTo(v *visit, p *conversationPage, prepared triage.PreparedReply) *replyForm {
	return &replyForm{Free: p.free(), Outside: triage.Outside(p.C.Kind), To: prepared.To.Addr, Name: prepared.To.Name, Verified: prepared.To.Verified, Known: prepared.To.Known,
		LastMessage: p.LastMessage, LastReply: p.LastReply, MaySendFree: v.staff.Role.AtLeast(store.RoleStaff),
		Choices: letterChoices(s.office(p.C.Office), p.C.Kind)}
}

// take fills a draft into the form.
func (f *replyForm) take(d store.Draft) {
	f.Chosen, f.Cc, f.Subject, f.Body, f.Template, f.Files = d.Recipient, d.Cc, d.Subject, d.Body, d.Template, d.Files
}

// missing says why a letter could not be filled in; "" where it could.
func missing(r triage.PreparedReply) string {
	if r.Missing == "" {
		return ""
	}
	return "This template cannot be filled in: " + r.Missing + "."
}

// letterChoices are the letters that make sense as a reply to that kind of sender.
func letterChoices(o *Office, kind string) []string {
	lender := kind == "partner" || kind == "vendor"
	return slices.DeleteFunc(o.Templates().Names(), func(name string) bool { return strings.HasPrefix(name, "lender-") != lender })
}

// written is a reply as the form sent it.
type written struct {
	triage.ReplyInput
	cc     string // as typed
	action string
	detach int64 // the file to take off; 0: none
	owner  int64 // whose draft it is: one's own, or that of DraftOf
}

// readReply reads the form of a reply.
func (s *Server) readReply(v *visit, id int64) (written, error) {
	in := written{ReplyInput: triage.ReplyInput{ConversationID: id, StaffID: v.staff.ID, Staff: v.staff.Username, To: strings.TrimSpace(v.r.PostFormValue("to")),
		Subject: strings.TrimSpace(v.r.PostFormValue("subject")), Body: strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n"),
		Template: v.r.PostFormValue("template")}, cc: strings.TrimSpace(v.r.PostFormValue("cc")), action: v.r.PostFormValue("action"), owner: v.staff.ID}
	for name, to := range map[string]*int64{"last_message": &in.LastSeenMessageID, "last_reply": &in.LastSeenReplyID, "draft_of": &in.DraftOf, "detach": &in.detach} {
		var err error
		if *to, err = formID(v, name); err != nil {
			return in, err
		}
	}
	if in.DraftOf != 0 {
		if !v.staff.Role.AtLeast(store.RoleStaff) {
			return in, forbidden("Only staff may change or approve a colleague’s draft.")
		}
		in.owner = in.DraftOf
	}
	if in.detach != 0 {
		in.action = "detach"
	}
	if len(in.Body) > maxDraft || len(in.Subject) > 1000 || len(in.cc) > 2000 {
		return in, badRequest("That is too long for a mail.")
	}
	var err error
	in.Files, err = formFiles(v)
	return in, err
}

// reply sends what was written, keeps it as a draft, or gives it to a
// colleague. Where someone else answered or wrote meanwhile it answers 409 with
// the text still in the form.
func (s *Server) reply(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	done, err := readForm(v)
	if err != nil {
		return err
	}
	defer done()
	in, err := s.readReply(v, id)
	if err != nil {
		return err
	}
	problem := ""
	if in.action != "send_wait" && in.action != "send_close" || len(uploaded(v)) > 0 {
		if err := s.storeDraft(v, in, in.action == "approval"); err != nil {
			return err
		}
		var ids []int64
		if ids, problem, err = s.keepUploads(v, id, in.owner); err != nil {
			return err
		}
		in.Files = append(in.Files, ids...)
	}
	if problem == "" {
		switch in.action {
		case "send_wait", "send_close":
		case "draft", "attach", "switch":
			return s.toDraft(v, in, "draft")
		case "detach":
			if err := s.Desk.Detach(v.ctx(), id, in.owner, in.detach); err != nil {
				return err
			}
			return s.toDraft(v, in, "draft")
		case "approval":
			if strings.TrimSpace(in.Body) == "" {
				return badRequest("The draft is empty: write something first.")
			}
			return v.toConversation(id, "approval")
		default:
			return badRequest("There is no action %q.", in.action)
		}
	}
	return s.send(v, in, problem)
}

// toDraft goes back to the form, to the draft that is being written there; or on
// to the next person at this desk.
func (s *Server) toDraft(v *visit, in written, done string) error {
	if in.action == "switch" {
		return s.leave(v, fmt.Sprintf("/conversations/%d", in.ConversationID))
	}
	of := ""
	if in.DraftOf != 0 {
		of = fmt.Sprintf("&draft=%d", in.DraftOf)
	}
	return v.redirect(fmt.Sprintf("/conversations/%d?done=%s%s#reply", in.ConversationID, done, of))
}

// send queues a reply, or shows the form again where it has a problem.
func (s *Server) send(v *visit, in written, problem string) error {
	id := in.ConversationID
	p, err := s.readConversation(v, id)
	if err != nil {
		return err
	}
	if !slices.Contains(s.office(p.C.Office).Templates().Names(), in.Template) {
		in.Template = ""
	}
	prepared, err := s.Desk.Prepared(v.ctx(), id, in.Template, v.staff.Name(), v.now)
	if err != nil {
		return err
	}
	var private []string
	again := func(status int, problem string) error {
		f := s.replyTo(v, p, prepared)
		f.Private = private
		f.Chosen, f.Cc, f.Subject, f.Body, f.Template, f.Problem = in.To, in.cc, in.Subject, in.Body, in.Template, problem
		if d := p.draftOf(in.owner); d != nil {
			f.Files = d.Files
			if in.DraftOf != 0 {
				f.DraftOf = d
			}
		}
		p.Reply = f
		return s.render(v, status, "conversation", "/", p)
	}
	if problem != "" {
		return again(http.StatusBadRequest, problem)
	}
	if prepared.To.Addr == "" && (in.To == "" || !p.free()) {
		if p.free() {
			return again(http.StatusBadRequest, "Enter the address it goes to.")
		}
		return badRequest("This conversation names nobody to answer: file it on a request first.")
	}
	if strings.TrimSpace(in.Body) == "" {
		return again(http.StatusBadRequest, "The reply is empty: write something first.")
	}
	if strings.Contains(in.Body, triage.Gap) {
		return again(http.StatusUnprocessableEntity, "Not sent: something is still missing. Write the answer in place of "+triage.Gap+".")
	}
	if p.free() {
		if to, err := ccList(in.To); err != nil || len(to) > 1 {
			return again(http.StatusBadRequest, fmt.Sprintf("“%s” is not an e-mail address.", in.To))
		}
	} else if in.To != "" && !strings.EqualFold(in.To, prepared.To.Addr) && !slices.Contains(prepared.To.Known, strings.ToLower(in.To)) {
		return again(http.StatusBadRequest, "That address takes no part in this conversation: choose one that does.")
	}
	if in.Cc, err = ccList(in.cc); err != nil {
		return again(http.StatusBadRequest, sentence(err))
	}
	if !v.staff.Role.AtLeast(store.RoleStaff) && !unedited(in.ReplyInput, prepared) {
		return again(http.StatusForbidden, "You can send a template as it is. What you changed goes to a colleague for approval: use “Ask for approval”.")
	}
	if triage.Outside(p.C.Kind) && v.r.PostFormValue("anyway") == "" {
		found, err := s.private(v, p, in)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			private = found
			return again(http.StatusUnprocessableEntity, "Not sent: it goes outside the library and names a patron. Take that out, or check “Send it anyway”.")
		}
	}
	in.Then = afterReply(in.action, p.C.Kind)
	mailID, err := s.Desk.Reply(v.ctx(), in.ReplyInput, v.now)
	if errors.Is(err, store.ErrConflict) {
		why := strings.TrimSuffix(err.Error(), ": "+store.ErrConflict.Error())
		return again(http.StatusConflict, "Not sent: "+why+". Read it first; your text is still here.")
	}
	if err != nil {
		return err
	}
	to := fmt.Sprintf("/conversations/%d", id)
	if in.action == "send_close" {
		to = "/"
	}
	return s.goOn(v, to, fmt.Sprintf("undo=%d", mailID))
}

// afterReply is where a conversation goes once it is answered.
func afterReply(action, kind string) store.ItemState {
	switch {
	case action == "send_close":
		return store.ItemDone
	case kind == "partner" || kind == "vendor" || kind == "system" || kind == "colleague":
		return store.ItemWaitingPartner
	}
	return store.ItemWaitingPatron
}

// unedited reports whether a reply is a letter just as it was prepared, to
// nobody else.
func unedited(in triage.ReplyInput, prepared triage.PreparedReply) bool {
	return in.Template != "" && in.Template == prepared.Template && !prepared.To.Typed && len(in.Cc) == 0 && len(in.Files) == 0 &&
		(in.To == "" || strings.EqualFold(in.To, prepared.To.Addr)) &&
		strings.TrimSpace(in.Body) == strings.TrimSpace(prepared.Body) && in.Subject == strings.TrimSpace(prepared.Subject)
}

// ccList reads addresses that are separated by commas or blanks; names in
// front of them are not taken, so nothing but an address reaches a header.
func ccList(text string) ([]string, error) {
	var list []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
		a, err := mail.ParseAddress(word)
		if err != nil || a.Address != word {
			return nil, fmt.Errorf("“%s” in Cc is not an e-mail address", word)
		}
		if len(list) == 10 {
			return nil, errors.New("at most ten addresses in Cc")
		}
		list = append(list, word)
	}
	return list, nil
}

// saveDraft keeps what someone is writing. The script calls it as one types
// and wants no page.
func (s *Server) saveDraft(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	in, err := s.readReply(v, id)
	if err != nil {
		return err
	}
	asks := false
	if v.r.PostFormValue("quiet") != "" { // what is typed after one asked does not take the question back
		if asks, err = s.DB.AsksApproval(v.ctx(), id, v.staff.ID); err != nil {
			return err
		}
	}
	if err := s.storeDraft(v, in, asks); err != nil {
		return err
	}
	if v.r.PostFormValue("quiet") == "" {
		return s.toDraft(v, in, "draft")
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// storeDraft keeps a draft; one without text and files is thrown away. A
// colleague's that is being approved goes on asking for it.
func (s *Server) storeDraft(v *visit, in written, approval bool) error {
	if in.DraftOf != 0 {
		if err := s.asksApproval(v, in.ConversationID, in.DraftOf); err != nil {
			return err
		}
		approval = true
	}
	if strings.TrimSpace(in.Body) == "" && len(in.Files) == 0 && len(uploaded(v)) == 0 && in.DraftOf == 0 {
		return s.DB.DropDraft(v.ctx(), in.ConversationID, v.staff.ID)
	}
	return s.Desk.SaveDraft(v.ctx(), store.Draft{ConversationID: in.ConversationID, StaffID: in.owner, Recipient: in.To, Cc: in.cc,
		Subject: in.Subject, Body: in.Body, Template: in.Template, WantsApproval: approval}, v.now)
}

// asksApproval is an error where a colleague's draft does not ask for approval any more.
func (s *Server) asksApproval(v *visit, conversation, of int64) error {
	asks, err := s.DB.AsksApproval(v.ctx(), conversation, of)
	if err != nil {
		return err
	}
	if !asks {
		return conflict("This draft does not ask for approval any more.")
	}
	return nil
}

// maxDraft is how many bytes the text of a reply may have.
const maxDraft = 200_000

// sendBack gives a draft back to who wrote it, with a reason.
func (s *Server) sendBack(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	of, err := formID(v, "of")
	if err != nil {
		return err
	}
	why := strings.TrimSpace(v.r.PostFormValue("why"))
	if len(why) > 2000 {
		return badRequest("Say in a sentence or two what to change.")
	}
	if err := s.Desk.SendBack(v.ctx(), id, of, why, actor(v)); errors.Is(err, store.ErrConflict) {
		return conflict("This draft does not ask for approval any more.")
	} else if err != nil {
		return err
	}
	return v.toConversation(id, "sentback")
}
