package notices

import (
	"testing"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
)

func TestFilesGoWithAReply(t *testing.T) {
	p := newPost(t, mailtest.SMTPOptions{})
	jane, err := p.db.AddStaff(p.ctx, store.Staff{Username: "jane", Role: store.RoleStaff}, "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	conv := p.write(100, "patron0", "fees", p.now)
	if err := p.db.SaveDraft(p.ctx, store.Draft{ConversationID: conv, StaffID: jane.ID, Body: "Yes."}, p.now); err != nil {
		t.Fatal(err)
	}
	pdf := "%PDF-1.7\r\n\x00\xff binary"
	id, err := p.db.AttachFile(p.ctx, conv, jane.ID, store.FileData{File: store.File{Name: "résumé.pdf", ContentType: "application/pdf"}, Data: []byte(pdf)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.db.AnswerConversation(p.ctx, store.Answer{NewReply: store.NewReply{OfficeID: p.office.ID, ConversationID: conv, StaffID: jane.ID, Staff: "jane",
		Recipient: "patron0@example.edu", Subject: "Re: it", BodyText: "Yes.", MessageID: mailbox.NewMessageID("example.edu")}, Then: store.ItemDone, Files: []int64{id}}); err != nil {
		t.Fatal(err)
	}
	p.send(p.worker("one"))
	mails := p.smtp.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mailbox.Parse(mails[0].Raw)
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "résumé.pdf" || m.Attachments[0].ContentType != "application/pdf" {
		t.Fatalf("it carries %+v", m.Attachments)
	}
	if _, data, err := mailbox.Part(mails[0].Raw, m.Attachments[0].Path); err != nil || string(data) != pdf {
		t.Errorf("the file arrived as %q, %v", data, err)
	}
}
