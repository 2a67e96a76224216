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
	Cc          string
	Subject     string
	Body        string
	Template    string // of which the text was made; "" for free words
	Why         []string
	Choices     []string // letters to choose from
	LastMessage int64    // the newest message that the writer has seen
	LastReply   int64    // the newest reply of ours that the writer has seen
	DraftAt     *time.Time
	DraftOf     *store.Draft // a colleague's draft that is being approved
	MaySendFree bool         // may send words of one's own
	Problem     string
}

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
	if prepared.To.Addr == "" {
		return nil, nil
	}
	f := s.replyTo(v, p, prepared)
	f.Subject = prepared.Subject
	switch of := q.Get("draft"); {
	case of != "":
		for _, d := range p.Drafts {
			if strconv.FormatInt(d.StaffID, 10) == of {
				f.Subject, f.Body, f.Template, f.DraftOf = d.Subject, d.Body, d.Template, &d
			}
		}
	case q.Has("template"):
		f.Template, f.Body, f.Why = letter, prepared.Body, prepared.Why
		if letter == "" {
			f.Body, f.Why = "", nil
		}
		f.Problem = missing(prepared)
	case p.Draft != nil:
		f.Subject, f.Body, f.Template, f.DraftAt = p.Draft.Subject, p.Draft.Body, p.Draft.Template, &p.Draft.UpdatedAt
	case p.C.State == "new" || p.C.State == "open" || p.C.State == "snoozed":
		f.Template, f.Body, f.Why = prepared.Template, prepared.Body, prepared.Why
	}
	return f, nil
}

// replyTo is an empty form to whom a reply goes.
func (s *Server) replyTo(v *visit, p *conversationPage, prepared triage.PreparedReply) *replyForm {
	return &replyForm{To: prepared.To.Addr, Name: prepared.To.Name, Verified: prepared.To.Verified, Known: prepared.To.Known,
		LastMessage: p.LastMessage, LastReply: p.LastReply, MaySendFree: v.staff.Role.AtLeast(store.RoleStaff),
		Choices: letterChoices(s.office(p.C.Office), p.C.Kind)}
}

// missing says why a letter could not be filled in; "" where it could.
func missing(r triage.PreparedReply) string {
	if r.Missing == "" {
		return ""
	}
	return "This letter cannot be filled in: " + r.Missing + "."
}

// letterChoices are the letters that make sense as a reply to that kind of sender.
func letterChoices(o *Office, kind string) []string {
	lender := kind == "partner" || kind == "vendor"
	return slices.DeleteFunc(o.Templates().Names(), func(name string) bool { return strings.HasPrefix(name, "lender-") != lender })
}

// reply sends what was written, keeps it as a draft, or gives it to a
// colleague. Where someone else answered or wrote meanwhile it answers 409 with
// the text still in the form.
func (s *Server) reply(v *visit) error {
	id, err := pathID(v, "id")
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return fmt.Errorf("reading the form: %w", err)
	}
	in := triage.ReplyInput{ConversationID: id, StaffID: v.staff.ID, Staff: v.staff.Username, To: strings.TrimSpace(v.r.PostFormValue("to")),
		Subject: strings.TrimSpace(v.r.PostFormValue("subject")), Body: strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n"),
		Template: v.r.PostFormValue("template")}
	if in.LastSeenMessageID, err = formID(v, "last_message"); err != nil {
		return err
	}
	if in.LastSeenReplyID, err = formID(v, "last_reply"); err != nil {
		return err
	}
	action := v.r.PostFormValue("action")
	switch action {
	case "draft", "approval":
		return s.keepDraft(v, id, in, action == "approval")
	case "send_wait", "send_close":
	default:
		return badRequest("There is no action %q.", action)
	}
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
	again := func(status int, problem string) error {
		p.Reply = s.replyTo(v, p, prepared)
		p.Reply.Cc, p.Reply.Subject, p.Reply.Body, p.Reply.Template = v.r.PostFormValue("cc"), in.Subject, in.Body, in.Template
		p.Reply.Problem = problem
		return s.render(v, status, "conversation", "/", p)
	}
	if prepared.To.Addr == "" {
		return badRequest("This conversation names nobody to answer: file it on a request first.")
	}
	if strings.TrimSpace(in.Body) == "" {
		return again(http.StatusBadRequest, "The reply is empty: write something first.")
	}
	if len(in.Body) > maxDraft {
		return again(http.StatusBadRequest, "The reply is too long for a mail.")
	}
	if in.To != "" && !strings.EqualFold(in.To, prepared.To.Addr) && !slices.Contains(prepared.To.Known, strings.ToLower(in.To)) {
		return again(http.StatusBadRequest, "That address takes no part in this conversation: choose one that does.")
	}
	if in.Cc, err = ccList(v.r.PostFormValue("cc")); err != nil {
		return again(http.StatusBadRequest, sentence(err))
	}
	if !v.staff.Role.AtLeast(store.RoleStaff) && !unedited(in, prepared) {
		return again(http.StatusForbidden, "You may send a letter as it is. What you changed goes to a colleague first: use “Ask for approval”.")
	}
	in.Then = afterReply(action, p.C.Kind)
	mailID, err := s.Desk.Reply(v.ctx(), in, v.now)
	if errors.Is(err, store.ErrConflict) {
		why := strings.TrimSuffix(err.Error(), ": "+store.ErrConflict.Error())
		return again(http.StatusConflict, "Not sent: "+why+". Read it first; your text is still here.")
	}
	if err != nil {
		return err
	}
	if of, err := formID(v, "draft_of"); err == nil && of != 0 {
		if err := s.DB.DropDraft(v.ctx(), id, of); err != nil {
			return err
		}
	}
	if action == "send_close" {
		return v.redirect(fmt.Sprintf("/?undo=%d", mailID))
	}
	return v.redirect(fmt.Sprintf("/conversations/%d?undo=%d", id, mailID))
}

// afterReply is where a conversation goes once it is answered.
func afterReply(action, kind string) store.ItemState {
	switch {
	case action == "send_close":
		return store.ItemDone
	case kind == "partner" || kind == "vendor" || kind == "system":
		return store.ItemWaitingPartner
	}
	return store.ItemWaitingPatron
}

// unedited reports whether a reply is a letter just as it was prepared, to
// nobody else.
func unedited(in triage.ReplyInput, prepared triage.PreparedReply) bool {
	return in.Template != "" && in.Template == prepared.Template && len(in.Cc) == 0 &&
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
	in := triage.ReplyInput{ConversationID: id, StaffID: v.staff.ID, Subject: v.r.PostFormValue("subject"),
		Body: strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n"), Template: v.r.PostFormValue("template")}
	if v.r.PostFormValue("quiet") == "" {
		return s.keepDraft(v, id, in, false)
	}
	if err := s.storeDraft(v, in, false); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) keepDraft(v *visit, id int64, in triage.ReplyInput, approval bool) error {
	if approval && strings.TrimSpace(in.Body) == "" {
		return badRequest("The draft is empty: write something first.")
	}
	if err := s.storeDraft(v, in, approval); err != nil {
		return err
	}
	if approval {
		return v.toConversation(id, "approval")
	}
	return v.toConversation(id, "draft")
}

func (s *Server) storeDraft(v *visit, in triage.ReplyInput, approval bool) error {
	if len(in.Body) > maxDraft || len(in.Subject) > 1000 {
		return badRequest("That is too long for a mail.")
	}
	if strings.TrimSpace(in.Body) == "" {
		return s.DB.DropDraft(v.ctx(), in.ConversationID, v.staff.ID)
	}
	return s.Desk.SaveDraft(v.ctx(), store.Draft{ConversationID: in.ConversationID, StaffID: v.staff.ID, Subject: in.Subject, Body: in.Body,
		Template: in.Template, WantsApproval: approval}, v.now)
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
	st, err := s.DB.ReadStory(v.ctx(), id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(st.Drafts, func(d store.Draft) bool { return d.StaffID == of && d.WantsApproval })
	if i < 0 {
		return conflict("This draft does not ask for approval any more.")
	}
	d := st.Drafts[i]
	d.WantsApproval = false
	if err := s.Desk.SaveDraft(v.ctx(), d, v.now); err != nil {
		return err
	}
	why := strings.TrimSpace(v.r.PostFormValue("why"))
	if err := s.Desk.Note(v.ctx(), id, fmt.Sprintf("Draft of %s sent back. %s", d.Staff, why), actor(v)); err != nil {
		return err
	}
	return v.toConversation(id, "sentback")
}
