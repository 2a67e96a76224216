package triage

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"illmail/mailbox"
	"illmail/store"
)

// ReplyInput is a reply as staff wrote it.
type ReplyInput struct {
	ConversationID int64
	StaffID        int64
	Staff          string // username
	// LastSeenMessageID is the item's LastMessageID on the page (0: whatever
	// there is), LastSeenReplyID the newest reply of ours on it (0: none).
	LastSeenMessageID int64
	LastSeenReplyID   int64
	To                string // "" is Recipient.Addr; else an address of the conversation
	Cc                []string
	Subject           string            // "" is that of the conversation, with "Re: "
	Body              string            // plain text
	Template          string            // of which it was made, "" for none
	Then              store.ItemState   // done, waiting_partner, or waiting_patron where empty
	Files             []int64           // files of the draft that go with it
	Cancels           []store.Cancelled // requests of whose cancellation it tells; nil: by the letter and its words
	DraftOf           int64             // the colleague whose draft is approved by this; 0: nobody
}

// Recipient is to whom a reply goes.
type Recipient struct {
	Name string
	Addr string
	// Verified: Addr is the patron's registered address, or one that staff
	// confirmed, or a known lender's. A letter to anyone else must not tell of
	// requests, whoever the message says it is from.
	Verified bool
	// Typed: staff wrote first and typed the address; no directory has it.
	Typed    bool
	PatronID int64    // whose borrowing the conversation is about; 0 where unknown
	Known    []string // other addresses of the conversation that may be chosen
}

// Recipient returns to whom a reply to the conversation goes: the sender of
// the last message that came in. Its Reply-To is used only where it is the
// same person, or of the same domain.
func (d *Desk) Recipient(ctx context.Context, conversationID int64) (Recipient, error) {
	st, err := d.DB.ReadStory(ctx, conversationID)
	if err != nil {
		return Recipient{}, err
	}
	o, err := d.office(st.Conversation.OfficeID)
	if err != nil {
		return Recipient{}, err
	}
	r, _, err := d.recipient(ctx, o, st)
	return r, err
}

// recipient also returns the message that is answered; nil where none came in.
func (d *Desk) recipient(ctx context.Context, o *Office, st *store.Story) (Recipient, *store.StoryMessage, error) {
	var r Recipient
	patronAddrs := []string{}
	if id := st.Conversation.PatronID; id != nil {
		p, err := d.DB.PatronByID(ctx, *id)
		if err != nil {
			return r, nil, err
		}
		others, err := d.DB.PatronAddresses(ctx, *id)
		if err != nil {
			return r, nil, err
		}
		r.PatronID = p.ID
		if p.Email != "" {
			patronAddrs = append(patronAddrs, strings.ToLower(p.Email))
		}
		patronAddrs = append(patronAddrs, others...)
		r.Name, r.Addr = p.Name(), p.Email
	}
	var last *store.StoryMessage
	for i, m := range slices.Backward(st.Messages) {
		if m.Direction == "in" && m.Kind != "bounce" && m.Kind != "auto_reply" && m.FromAddr != "" && !o.own(m.FromAddr) {
			last = &st.Messages[i]
			break
		}
	}
	if last != nil {
		r.Name, r.Addr = last.FromName, last.FromAddr
		replyTo, err := d.DB.ReplyTo(ctx, last.ID)
		if err != nil {
			return r, nil, err
		}
		if replyTo != "" && !o.own(replyTo) && (domainOf(replyTo) == domainOf(last.FromAddr) ||
			slices.Contains(patronAddrs, replyTo) && slices.Contains(patronAddrs, strings.ToLower(last.FromAddr))) {
			r.Addr = replyTo
		}
	}
	begun := last == nil && st.Conversation.Free()
	if begun {
		if to := cmp.Or(lastRecipient(st), st.Conversation.ToAddr); to != "" && !strings.EqualFold(to, r.Addr) {
			r.Name, r.Addr = "", to
		}
	}
	if r.Verified = slices.Contains(patronAddrs, strings.ToLower(r.Addr)); !r.Verified && r.Addr != "" {
		lenders, err := d.DB.LendersByAddress(ctx, o.ID, strings.ToLower(r.Addr))
		if err != nil {
			return r, nil, err
		}
		r.Verified = len(lenders) > 0 && last != nil && last.Kind == "partner"
		if begun { // staff themselves said to whom
			r.Verified, r.Typed = true, len(lenders) == 0
		}
	}
	known := slices.Clone(patronAddrs)
	for _, m := range st.Messages {
		if m.Direction == "in" && m.FromAddr != "" && m.Kind != "bounce" {
			known = append(known, m.FromAddr)
		}
	}
	for _, a := range known {
		if a = strings.ToLower(a); !strings.EqualFold(a, r.Addr) && !o.own(a) && !slices.Contains(r.Known, a) {
			r.Known = append(r.Known, a)
		}
	}
	return r, last, nil
}

// Reply queues an answer and returns its outbox row. It is refused with
// store.ErrConflict and a sentence where something came in meanwhile.
func (d *Desk) Reply(ctx context.Context, in ReplyInput, now time.Time) (int64, error) {
	if strings.TrimSpace(in.Body) == "" {
		return 0, fmt.Errorf("the reply is empty: write something first")
	}
	if strings.Contains(in.Body, Gap) {
		return 0, fmt.Errorf("the letter still has a gap: write the answer in place of %s", Gap)
	}
	st, err := d.DB.ReadStory(ctx, in.ConversationID)
	if err != nil {
		return 0, err
	}
	o, err := d.office(st.Conversation.OfficeID)
	if err != nil {
		return 0, err
	}
	to, last, err := d.recipient(ctx, o, st)
	if err != nil {
		return 0, err
	}
	if in.To != "" && !strings.EqualFold(in.To, to.Addr) {
		if last != nil || !st.Conversation.Free() {
			if !slices.Contains(to.Known, strings.ToLower(in.To)) {
				return 0, fmt.Errorf("%s takes no part in this conversation: choose an address that does", in.To)
			}
		} else if a, err := mail.ParseAddress(in.To); err != nil || a.Address != in.To {
			return 0, fmt.Errorf("%q is not an e-mail address", in.To)
		}
		to.Addr, to.Name = in.To, ""
	}
	if to.Addr == "" {
		return 0, fmt.Errorf("this conversation names nobody to answer: file it on a request first")
	}
	for _, c := range in.Cc {
		if a, err := mail.ParseAddress(c); err != nil || a.Address != c {
			return 0, fmt.Errorf("%q in Cc is not an e-mail address", c)
		}
	}
	key, err := d.DB.Secret(ctx, store.RefSecret)
	if err != nil {
		return 0, err
	}
	r := store.NewReply{
		OfficeID: o.ID, ConversationID: in.ConversationID, PatronID: to.PatronID, StaffID: in.StaffID, Staff: in.Staff,
		Recipient: to.Addr, RecipientName: to.Name, Cc: in.Cc, Subject: subjectLine(in.Subject, st, last), BodyText: in.Body,
		MessageID: mailbox.NewMessageID(domainOf(o.Address)), Template: in.Template, NotBefore: now.Add(d.undo()),
		SeenMessageID: in.LastSeenMessageID,
	}
	// Two replies of a day about the same requests must not be taken for each
	// other when Sent is searched: the id tells them apart.
	local, _, _ := strings.Cut(r.MessageID, "@")
	r.Ref = mailbox.SignRef(key, "reply", 0, now.UTC().Format(time.DateOnly)+"-"+refSafe(local), filedOn(st))
	if last != nil && last.MessageID != "" {
		r.InReplyTo = last.MessageID
		if r.Refs, err = d.DB.Thread(ctx, last.ID); err != nil {
			return 0, err
		}
	} else if m := lastMail(st); m != nil {
		r.InReplyTo, r.Refs = m.MessageID, []string{m.MessageID} // we write again, to our own mail
	}
	then := in.Then
	if then == "" {
		then = store.ItemWaitingPatron
	}
	if then != store.ItemDone && then != store.ItemWaitingPatron && then != store.ItemWaitingPartner {
		return 0, fmt.Errorf("%q is no state after a reply", then)
	}
	cancels, err := d.tells(ctx, st, to, in)
	if err != nil {
		return 0, err
	}
	return d.DB.AnswerConversation(ctx, store.Answer{NewReply: r, SeenReplyID: in.LastSeenReplyID, Then: then, Files: in.Files, DraftOf: in.DraftOf,
		Cancels: cancels, Today: store.DateOf(now, o.location())})
}

func (d *Desk) undo() time.Duration {
	if d.Undo == 0 {
		return 10 * time.Second
	}
	return d.Undo
}

// UndoReply takes a reply back as long as it has not begun to go; its text
// becomes a draft again. store.ErrConflict where it is too late.
func (d *Desk) UndoReply(ctx context.Context, outboxID int64, actor store.Actor) error {
	return d.DB.UndoReply(ctx, outboxID, actor.Name)
}

// subjectLine is one line: nothing in it can become another header field.
func subjectLine(given string, st *store.Story, last *store.StoryMessage) string {
	s := given
	if strings.TrimSpace(s) == "" {
		s = st.Conversation.Subject
		if last != nil {
			s = last.Subject
		}
		if !strings.HasPrefix(strings.ToLower(s), "re:") && (last != nil || st.Conversation.ToKind == "") {
			s = "Re: " + s
		}
	}
	return cut(oneLine(s), 250)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func refSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// LastReplyID is the newest reply of ours in a conversation, for
// ReplyInput.LastSeenReplyID; 0 for none.
func LastReplyID(st *store.Story) int64 {
	id := int64(0)
	for _, m := range st.Mails {
		if m.Kind == string(store.KindReply) && m.ConversationID != nil && *m.ConversationID == st.Conversation.ID && m.State != string(store.OutboxCancelled) {
			id = max(id, m.ID)
		}
	}
	return id
}

// lastMail is the newest mail of ours in a conversation; nil where there is none.
func lastMail(st *store.Story) *store.StoryMail {
	id := LastReplyID(st)
	for i := range st.Mails {
		if st.Mails[i].ID == id {
			return &st.Mails[i]
		}
	}
	return nil
}

// lastRecipient is to whom the newest mail of ours went; "" where there is none.
func lastRecipient(st *store.Story) string {
	if m := lastMail(st); m != nil {
		return m.Recipient
	}
	return ""
}

// filedOn are the numbers of the requests on which a conversation is filed.
func filedOn(st *store.Story) []int64 {
	var tns []int64
	for _, m := range st.Matches {
		if m.Decided && !slices.Contains(tns, m.TransactionNumber) {
			tns = append(tns, m.TransactionNumber)
		}
	}
	slices.Sort(tns)
	return tns
}
