package classifier

import (
	"testing"

	"illmail/mailbox"
)

// TestWordsAloneMakeNoMachine: people write about bounces and absences; what
// they want must come before a person. What machines write of either is theirs.
func TestWordsAloneMakeNoMachine(t *testing.T) {
	const lee = "From: Lee Wong <lwong@example.edu>\nTo: ill@healey.example.edu\n"
	tests := []struct {
		name, raw string
		machine   Kind // "" for a person
	}{
		{"asks for a file anew", lee + "Subject: mailbox full\n\nHi, my mailbox was full and I think your email with the PDF was returned. Please send it again.", ""},
		{"forwards a report", lee + "Subject: FW: Undeliverable: Your book is ready\n\nFYI\n\n________________________________\nFrom: Microsoft Outlook\nSubject: Undeliverable: Your book is ready\n\nYour message to mark@example.edu couldn't be delivered.", ""},
		{"answers a report", lee + "Subject: RE: Undelivered Mail Returned to Sender\n\nIt works again, please send the scan once more.", ""},
		{"is on leave and wants something", lee + "Subject: On leave until January\n\nI am on leave until January and need my three loans extended.", ""},
		{"is away and asks", lee + "Subject: overdue notice\n\nI will be out of office next week. Can I keep the book until December 4?", ""},
		{"answers an auto-reply", lee + "Subject: Re: Automatic reply: Renewal\n\nOK, then I'll wait until the office opens again on Monday.", ""},

		{"a bounce", "From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\n<lwong@example.edu>: 550 5.1.1 no such user", KindBounce},
		{"an absence", lee + "Subject: Re: Overdue\n\nThank you for your message. I am currently out of the office and will reply when I return on Monday.", KindAutoReply},
		{"an answer by a machine", "Return-Path: <>\n" + lee + "Subject: Re: Overdue\n\nSleeping.", KindAutoReply},
		{"a complaint", "From: feedback@provider.example\nSubject: FW: Overdue\nContent-Type: multipart/report; report-type=feedback-report; boundary=x\n\n--x\n\nThis is an abuse report.\n--x\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n--x--", KindSystem},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := understand(mailbox.Parse([]byte(tt.raw)))
			if tt.machine != "" && res.Kind != tt.machine {
				t.Errorf("kind %s (%v), want %s", res.Kind, res.KindWhy, tt.machine)
			}
			if tt.machine == "" && (res.Kind == KindBounce || res.Kind == KindAutoReply || !res.NeedsStaff) {
				t.Errorf("kind %s (%v), needs staff %v", res.Kind, res.KindWhy, res.NeedsStaff)
			}
		})
	}
}
