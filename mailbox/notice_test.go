package mailbox_test

import (
	"strings"
	"testing"

	"illmail/mailbox"
)

// TestReportsInWords: the shapes of reports without structure, each from one
// mail system or its like, and whose address they speak of.
func TestReportsInWords(t *testing.T) {
	tests := []struct{ from, subject, want, body string }{
		{"Mail Delivery System <postmaster@x.example>", "Delivery Failure", "u@t.example", "--- The following addresses had delivery problems ---\n\n<u@t.example>   (User unknown u@t.example)\n\n--------------Original message follows\nFrom: ill@healey.example\n"},
		{"InterScan MSS <postmaster@x.example>", "Mail could not be delivered", "u@t.example", "Sent >>> RCPT TO:<u@t.example>\nReceived <<< 550 5.1.1 <u@t.example>... user unknown\n\nUnable to deliver message to <u@t.example>\n\n************************     Begin Message     ************************\nReceived: x\n"},
		{"<Postmaster@ez.example>", "Mail System Error - Returned Mail", "u@t.example", "The user(s) account is temporarily over quota.\n\n<u@t.example>\n"},
		{"postmaster@x.example", "Unable to deliver", "u@t.example", "Unable to deliver message to the following address(es).\n\nu@t.example:\nThis user doesn't have an account\n\n--- Original message follows.\n\nReturn-Path: <ill@healey.example>\n"},
		{"mailer-daemon@mail.z.example", "Undelivered Mail Returned to Sender", "u@t.example", "This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error. \n\nu@t.example Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <u@t.example>... User Unknown\n\n\n Received:from mail.z.example by mx.z.example\nTo: u@t.example"},
		{"postmaster@mobile.example", "Undeliverable Message", "5551234567@mobile.example", "Message could not be delivered to mobile.\nError: No valid recipients for this MM\n\nFrom: ill@healey.example\nTo: 5551234567@mobile.example\nSubject: x\n"},
		{"MAILER-DAEMON@ah.example", "FAILURE NOTICE :", "u@t.example", "  ----- The following addresses had permanent fatal errors -----\n\n>>> u@t.example <u@t.example>\n\n  ----- original message -----\n\nReceived: x\n"},
		{"postmaster@james.example", "Re: Nyaaan", "u@t.example", "Hi. This is the James mail server at james.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.  Below\nI include the list of recipients and the reason why I was unable to deliver\nyour message.\n\nMessage details:\n  Subject: Nyaaan\n  Sent date: Thu Apr 29 01:20:50 JST 2010\n  MAIL FROM: ill@healey.example\n  RCPT TO: u@t.example\n  From: ILL <ill@healey.example>\n  To: u@t.example\n  Size (in bytes): 1024\n"},
		{"no-reply@app.mobile-net.example", "Undelivered Mail Returned to Sender", "u@t.example", "Your mail sent on: Thu, 29 Apr 2010 11:04:47 +0900\n    Could not be delivered to: <u@t.example>\n    As their mailbox is full.\n"},
		{"Notes Postmaster <postmaster@n.example>", "Undeliverable message", "u@t.example", "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\nu@t.example\n\n\n------- Returned Message --------\n\nReceived: x\nTo: u@t.example"},
		{"Mail Administrator <postmaster@m.example>", "failure notice", "u@t.example", "u@t.example\n-------server message\n550 5.1.1 unknown user <u@t.example>\n\n-------original message\nReceived: x\n"},
		{"postmaster@biglobe.example", "Returned mail: undelivered", "u@t.example", "   ----- The following addresses had delivery problems -----\nu@t.example\n\n   ----- Non-delivered information -----\nThe number of messages in recipient's mailbox exceeded the local limit.\n\n  --- Original message follows.\nReceived: x\n"},
		{"mailer-daemon@g.example", "Mail delivery failed: returning message to sender", "u@t.example", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to\none or more of its recipients. This is a permanent error.\nThe following address failed:\n\n\"u@t.example\":\n550 5.1.1 <u@t.example>... User Unknown\n\n--- The header of the original message is following. ---\n\nReceived: x\n"},
		{"Mailer Daemon <MAILER-DAEMON@o.example>", "Delivery status notification: error", "u@t.example", "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\nu@t.example: 550 5.2.2 <u@t.example>... Mailbox Full\n\n    Below is a copy of the original message:\n\nReceived: x\n"},
		{"Mail Delivery Service <surf@s.example>", "Delivery report", "u@t.example", "Your message could not be sent.\nA transcript of the attempts to send the message follows.\nThe number of attempts made: 1\nAddressed To: u@t.example\n\nThu 29 Apr 2010 23:34:45 +0900\nFailed to send to identified host,\nt.example: [192.0.2.5], 550 5.1.1 <u@t.example>... User unknown\n--- Message non-deliverable.\n"},
		{"MAILER-DAEMON@f.example", "Message delivery has failed", "u@t.example", "Unable to deliver message to: <u@t.example>\nDelivery failed for the following reason:\nServer mx22.t.example[192.0.2.222] failed with: 550 <u@t.example> No such user here\n\nThis has been a permanent failure.  No further delivery attempts will be made.\n\nReceived: x"},
		{"Internet Mail Delivery <postmaster@ims.example>", "Delivery Notification: Delivery has failed", "u@t.example", "This report relates to a message you sent with the following header fields:\n\n  Return-path: <ill@healey.example>\n  Received: from x\n  Message-id: <CD8@healey.example>\n  Date: Thu, 29 Apr 2010 23:34:45 +0000\n  To: list@healey.example\n  Subject: Nyaan\n\nYour message cannot be delivered to the following recipients:\n\n  Recipient address: u@t.example\n  Reason: Remote SMTP server has rejected address\n"},
		{"Postmaster <postmaster@mm.example>", "Undeliverable Mail: \"Nyaan\"", "u@t.example", "Your message:\n   From:    ill@healey.example\n   Subject: Nyaan\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected: \n    u@t.example\n\nAdditional Information\n======================\nOriginal Sender:    <ill@healey.example>\nSender-MTA:         <10.11.12.13>\n"},
		{"Postmaster@is.example", "Undeliverable Mail", "u@t.example", "User mailbox exceeds allowed size: u@t.example\n\nOriginal message follows.\n\nReceived: x\n"},
		{"MAILER-DAEMON@sg.example", "Undelivered Mail Returned to Sender", "u@t.example", "I'm sorry to have to tell you that your message was not able to be delivered to one of its intended recipients.\n\nIf you require assistance with this, please contact support@sg.example.\n\n550 5.1.1 <u@t.example>... User Unknown\n"},
		{"<postmaster@cs.example>", "Undeliverable message", "u@t.example", "? EMDNRF - Your message could not be delivered for the following reason:\n\n\"User's mailbox is full: <u@t.example>\nUnable to deliver mail.\"\n\n--- Returned message ---\n\nSender: ill@healey.example\n"},
		{"postmaster@ms.example", "Nondeliverable mail", "u@t.example", "------Transcript of session follows -------\nu@t.example\nThe user's email name is not found.\n\nReceived: x\n"},
		{"MAILER-DAEMON@x.example (Mail Delivery Subsystem)", "Returned mail: Host unknown (Name server: t.exmple: host not found)", "u@t.exmple", "The original message was received at Thu, 1 Jan 2004 10:00:00 -0500\nfrom root@localhost\n\n   ----- The following addresses had permanent fatal errors -----\nu@t.exmple\n    (expanded from: <ml-members@healey.example>)\n\n   ----- Transcript of session follows -----\n550 5.1.2 u@t.exmple... Host unknown (Name server: t.exmple: host not found)\n"},
		{"Mail Delivery Subsystem <mailer-daemon@gmail.example>", "Delivery Status Notification (Failure)", "u@t.example", "** Message blocked **\n\nYour message to u@t.example has been blocked. See technical details below for more information.\n\nLEARN MORE\nThe response was:\n\n550 5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited mail.\n"},
		{"MAILER-DAEMON@y.example", "Failure Notice", "u@t.example", "Sorry, we were unable to deliver your message to the following address.\n\n<u@t.example>:\nNo MX or A records for t.example\n\n--- Below this line is a copy of the message.\n\nReceived: x\n"},
		{"Mailer-Daemon@ci.example", "mail failed, returning to sender", "u@t.example", "|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n <u@t.example> ... unknown host\n|------------------------- Message text follows: ------------------------|\nReceived: x\n"},
		{"mailer-daemon@tr.example", "Undeliverable: your mail", "u@t.example", "A message could not be delivered to:\n    u@t.example\nSubject: hello\n"},
		{"Postmaster@merc.example", "Postmaster notify: delivery failure.", "u@t.example", "Your message was not delivered to the following recipients:\n\nu@t.example\n    550 unknown user\n"},
		{"MDaemon@md.example", "Warning: u@t.example - User unknown!", "u@t.example", "The following data may contain sections which represent BASE64 encoded\nfile attachments. \n\nu@t.example - no such user here.\n\nThere is no user by that name at this server.\n"},
		{"\"Mail Delivery System\" <postmaster@sy.example>", "Mail Security: undeliverable message", "u@t.example", "Your message to u@t.example was not delivered: the mailbox does not exist.\n"},
		{"SYSTEM@hm.example", "Message undeliverable: Overdue", "u@t.example", "Your message did not reach some or all of the intended recipients.\n\n   Sent: Thu, 1 Jan 2026 10:00:00 -0500\n   Subject: Overdue\n\nThe following recipient(s) could not be reached:\n\nu@t.example\n   Error Type: SMTP\n   Remote server (192.0.2.5) issued an error.\n   hMailServer sent: RCPT TO:<u@t.example>\n   Remote server replied: 550 5.1.1 unknown\n\nhMailServer\n"},
		{"MailEnable Postmaster <postmaster@me.example>", "Message Delivery Failure", "u@t.example", "MailEnable: Message Delivery Failure.\n\nMessage could not be delivered to some recipients.\nThe following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:u@t.example]\n\tReason: Remote SMTP Server Returned: 550 no such user\n\nMessage headers follow:\n\nReceived: x\n"},
		{"Kerio <postmaster@ke.example>", "Delivery failed", "u@t.example", "Your message to the following recipients\n\n<u@t.example>\n\nwas not delivered for the following reason: mailbox does not exist\n"},
		{"info@companion.example", "Undeliverable: address no longer valid", "", "The e-mail address you wrote your message to is no longer valid. Please use new@companion.example.\n"},
		{"postmaster@cn.example", "系统退信/Systems bounce", "u@t.example", "尊敬的用户，您好：\n很抱歉您发送的邮件被退回，以下是该退信的相关信息：\n\n被退回邮件 主 题：Overdue\n无法发送到 u@t.example\n退信原因 收件人邮件地址（u@t.example）不存在，邮件无法送达。\nhost t.example[192.0.2.5] said: 550 Mailbox not found\n"},
		{"postmaster@de.example", "Zustellung fehlgeschlagen: Mahnung", "u@t.example", "Die folgende Nachricht konnte nicht an u@t.example zugestellt werden:\n\nDer Empfänger ist unbekannt.\n\nReceived: x\n"},
		{"postmaster@se.example", "Olevererbart: Re: bok", "u@t.example", "Din meddelande till u@t.example kunde inte levereras.\n\nDiagnostisk information för administratörer:\n\nu@t.example\n#550 5.1.1 RESOLVER.ADR.RecipNotFound ##\n"},
	}
	for _, tt := range tests {
		m := mailbox.Parse([]byte("From: " + tt.from + "\nTo: ill@healey.example\nSubject: " + tt.subject + "\nDate: Mon, 23 Nov 2026 18:10:00 +0000\nContent-Type: text/plain; charset=utf-8\n\n" + tt.body))
		if m.Report == nil {
			t.Errorf("%s, %q is not seen as a report", tt.from, tt.subject)
			continue
		}
		var got []string
		for _, rc := range m.Report.Recipients {
			got = append(got, rc.Addr)
		}
		if strings.Join(got, " ") != tt.want || !m.Report.Failed() {
			t.Errorf("%s, %q is about %q, want %q", tt.from, tt.subject, got, tt.want)
		}
	}
}
