package mailbox_test

import (
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
)

// mailOf builds a plain mail from header lines and a text.
func mailOf(header, text string) *mailbox.Message {
	if !strings.Contains(header, "From:") {
		header = "From: Kim Abara <kabara@example.edu>\n" + header
	}
	return mailbox.Parse([]byte(header + "\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n"))
}

func TestAutoReply(t *testing.T) {
	tests := []struct {
		name, header, text string
		want               bool
	}{
		{"rfc 3834", "Auto-Submitted: auto-replied\nSubject: Re: Overdue", "Away.", true},
		{"auto-submitted vacation", "Auto-Submitted: auto-generated (vacation)\nSubject: Out of office: Overdue", "x", true},
		{"x-autoreply", "X-Autoreply: yes\nSubject: Re: x", "We have it.", true},
		{"precedence", "Precedence: auto_reply\nSubject: Re: x", "Closed.", true},
		{"exchange", "X-Auto-Response-Suppress: All\nSubject: Automatic reply: Overdue (TN 412304)", "I am away.", true},
		{"german subject", "Subject: Abwesenheitsnotiz: Mahnung", "Ich bin ab Montag wieder da.", true},
		{"french subject", "Subject: =?utf-8?Q?R=C3=A9ponse_automatique=C2=A0:_Pr=C3=AAt?=", "Absent.", true},
		{"spanish subject", "Subject: =?utf-8?Q?Respuesta_autom=C3=A1tica:_Pr=C3=A9stamo?=", "Fuera.", true},
		{"chinese subject", "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSNOiDlgqzov5g=?=", "我在出差", true},
		{"no header at all", "Subject: Re: Interlibrary loan overdue", "Thank you for your email. I am currently out of the office with limited access to email and will respond when I return on Monday.", true},
		{"no header, german", "Subject: AW: Fernleihe", "Guten Tag, ich bin bis zum 4.12. nicht im Büro. In dringenden Fällen wenden Sie sich bitte an das Sekretariat.", true},
		{"left the place", "Subject: I no longer work here: Re: notice", "This mailbox will be closed soon.", true},
		{"ticket opened", "Auto-Submitted: auto-generated\nSubject: [Ticket #48815] We got your request", "This is an automatic confirmation.", true},
		{"vacation program", "Precedence: bulk\nSubject: Re: test", "I am currently out of the office.", true},
		{"notes client", "Subject: Jim Smith is out of the office.", "I will be out of the office from 2010/12/28 to 2011/01/03. I will respond to your message when I return.", true},
		{"helpdesk without headers", "Subject: [#2213] Re: Question", "Your request (#2213) has been received and is being reviewed by our support staff.", true},
		{"null path, in answer", "Return-Path: <>\nIn-Reply-To: <q1@healey.example>\nSubject: Re: Overdue", "Asleep.", true},
		{"null path, thanks", "Return-Path: <>\nPrecedence: bulk\nSubject: Thank you for your e-mail", "You will hear from me; I reply as soon as I find the time.", true},
		{"made by a rule, in answer", "Auto-Submitted: auto-generated\nSubject: re: Overdue", "Seen at the desk.", true},
		{"away until, no header", "Subject: Away until June 2", "No mail for me until then; what came in I will answer after my return.", true},
		{"curly apostrophe", "Subject: Re: Pickup", "Thanks for your e-mail. I’m currently at sea, on leave until the 9th.", true},
		{"travelling", "Subject: Re: Overdue", "I will be travelling in the Alps from 3 July with sporadic access to the net; to what you wrote I will reply by and by.", true},
		{"polish of exchange", "Subject: =?utf-8?Q?Odpowied=C5=BA_automatyczna:_Zwrot?=", "Wracam w maju.", true},
		{"polish", "Precedence: junk\nSubject: [Automatyczna =?utf-8?Q?odpowied=C5=BA?=] Zwrot", "Wszystko w swoim czasie.", true},

		{"read receipt", "Subject: Read: Overdue\nFrom: a@example.edu", "", true},

		{"suppress header alone", "X-Auto-Response-Suppress: All\nSubject: Question", "Where is my book?", false},
		{"auto-submitted no", "Auto-Submitted: no\nSubject: Question", "Where is my book?", false},
		{"patron on leave", "Subject: On leave until January", "Dear ILL, I am on leave until January and need my three loans extended. Thank you!", false},
		{"patron away from campus", "Subject: away from campus", "I'm away from campus this term. Could you mail the scans to my home address instead?", false},
		{"list posting in answer", "Auto-Submitted: auto-generated\nList-Id: <ill.lists.example>\nIn-Reply-To: <q@lists.example>\nSubject: Re: [ILL] hours", "We close at five.", false},
		{"complaint", "Content-Type: multipart/report; report-type=feedback-report; boundary=x\nSubject: FW: Overdue", "This is an abuse report.", false},
		{"answer to an auto-reply", "Subject: Re: Automatic reply: Overdue", "Thanks, I returned it.", false},
		{"person mentions absence", "Subject: Renewal", "Hi, I'm out of the office until Monday. Could you renew the book for me? Thanks", false},
		{"person away, asks to hold", "Subject: pickup", "I am out of town this week, please hold the book for me at the desk. Thank you for your message!", false},
		{"system notice", "Auto-Submitted: auto-generated\nSubject: Request 232895851 received\nFrom: no-reply@worldshare.example", "Status of request 232895851: Received. Due date 2026-12-18.", false},
		{"quoted auto-reply", "Subject: Re: question", "Who is this person?\n\n> This is an automatic reply. I am out of the office.", false},
		{"vacation reading", "Subject: books for my vacation", "Can I take the loan on vacation with me?", false},
		{"away, thanks for a notice", "Subject: Re: pickup", "I'm out of town until Monday. Thanks for letting me know!", false},
		{"away, somebody else comes", "Subject: Re: pickup", "Sorry, I'm away until Thursday. My roommate will come by.", false},
		{"returned before the vacation", "Subject: Re: TN 412304", "Thank you for your email. I returned this last week before going on vacation. Please check the shelves.", false},
		{"away, and comes by", "Subject: Re: Pickup", "I will be out of the office until Thursday, I'll come by then. Thank you for your message.", false},
		{"lender closes, to many", "Subject: Closed next week", "Dear colleagues, our office is closed from Dec 24 to Jan 1. We will answer after our return.", false},
		{"lender thanks", "Subject: We received your book", "We received your book today, many thanks.", false},
		{"lender closes", "Subject: Closed next week", "Dear colleagues, our library is closed Dec 24-Jan 1. Please mark us as non-supplier. Thanks, Ann", false},
		{"asks for an automatic thing", "Subject: hello", "Did my request go through? I got no automatic confirmation.", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mailOf(tt.header, tt.text)
			got, why := m.AutoReply()
			if got != tt.want || got != (why != "") {
				t.Errorf("AutoReply() = %v, %q", got, why)
			}
			if got && !m.AutoSubmitted() {
				t.Error("an auto-reply that no machine made")
			}
		})
	}
}

func TestBulk(t *testing.T) {
	tests := []struct {
		name, header string
		want         bool
	}{
		{"list", "List-Id: <ill-talk.lists.example>", true},
		{"newsletter", "List-Unsubscribe: <https://news.example/u>", true},
		{"precedence bulk", "Precedence: bulk", true},
		{"feedback id", "Feedback-ID: 77:mailer", true},
		{"vacation by gmail", "Precedence: bulk\nAuto-Submitted: auto-replied", false},
		{"person", "Subject: hello", false},
		{"first class", "Precedence: first-class", false},
	}
	for _, tt := range tests {
		if got, why := mailOf(tt.header, "Text").Bulk(); got != tt.want || got != (why != "") {
			t.Errorf("%s: Bulk() = %v, %q", tt.name, got, why)
		}
	}
}

func TestAwayUntil(t *testing.T) {
	sent := time.Date(2026, 11, 23, 9, 14, 0, 0, time.FixedZone("", -5*3600)) // a Monday
	tests := []struct{ text, want string }{
		{"I am away and back on Monday, 30 November.", "2026-11-30"},
		{"Out of the office until 12/1.", "2026-12-01"},
		{"I will be out from November 23 to November 27.", "2026-11-27"},
		{"Out of office from Monday, November 23, through Friday, December 4, 2026, with no access to email.", "2026-12-04"},
		{"On leave until January 11, 2027.", "2027-01-11"},
		{"I'm on leave through January 11.", "2027-01-11"},
		{"I'll be back in the office on the 30th.", "2026-11-30"},
		{"Away today, back tomorrow.", "2026-11-24"},
		{"I am out Monday and Tuesday and will answer on Wednesday.", "2026-11-25"},
		{"The office is closed November 25-29.", "2026-11-29"},
		{"I will be away Nov. 24 - Dec. 2. I return Dec. 3rd.", "2026-12-03"},
		{"I return 2026-12-07.", "2026-12-07"},
		{"Ich bin bis zum 4. Dezember nicht im Büro.", "2026-12-04"},
		{"Ich bin vom 23.11. bis 27.11.2026 abwesend.", "2026-11-27"},
		{"Ich bin ab dem 30.11. wieder erreichbar.", "2026-11-30"},
		{"Estaré fuera de la oficina hasta el 12 de diciembre.", "2026-12-12"},
		{"Estaré ausente del 23 al 27 de noviembre. Regreso el lunes 30 de noviembre.", "2026-11-30"},
		{"Je suis absent jusqu'au 4 décembre inclus.", "2026-12-04"},
		{"Absente du 23 au 27 novembre, de retour le lundi 30/11.", "2026-11-30"},
		{"Estarei de férias até 05/12/2026.", "2026-12-05"},
		{"Volto no dia 7 de dezembro.", "2026-12-07"},
		{"我在休假，12月3日返回。", "2026-12-03"},

		{"I am away from my desk.", ""},
		{"I check it on Tuesdays and Fridays only.", ""},
		{"This mailbox is monitored Monday through Friday 8-4:30.", ""},
		{"Back on March 3, 2019.", ""},
		{"Call 555-210-2200 or write before 12/1.", ""},
		{"until 31/31", ""},
		{"Until then,", ""},
	}
	for _, tt := range tests {
		day, ok := mailbox.AwayUntil(tt.text, sent)
		got := ""
		if ok {
			got = day.Format("2006-01-02")
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
	if _, ok := mailbox.AwayUntil("back on Monday", time.Time{}); ok {
		t.Error("a day was read relative to no date")
	}
}

func FuzzAwayUntil(f *testing.F) {
	f.Add("back on Monday, 30 November")
	f.Add("from 23.11. bis 4.12.2026, until the 31st, 12月3日, 2026-02-30 – to")
	f.Add("jusqu'au 12 1/1/1/1 - - to au al until until")
	sent := time.Date(2026, 11, 23, 9, 14, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		day, ok := mailbox.AwayUntil(text, sent)
		if ok && (day.Before(sent.Truncate(24*time.Hour)) || day.After(sent.AddDate(2, 0, 1))) {
			t.Errorf("away until %v", day)
		}
	})
}

func TestAuthResults(t *testing.T) {
	const host = "mx.healey.example"
	tests := []struct {
		name, header string
		trusted      string
		want         mailbox.AuthVerdict
	}{
		{"dmarc pass", "Authentication-Results: mx.healey.example; dkim=pass header.d=example.edu; dmarc=pass header.from=example.edu", host, mailbox.VerdictPass},
		{"dmarc fail", "Authentication-Results: mx.healey.example; spf=pass smtp.mailfrom=evil.example; dmarc=fail header.from=example.edu", host, mailbox.VerdictFail},
		{"aligned dkim", "Authentication-Results: mx.healey.example 1;\n dkim=pass (2048-bit key; unprotected) header.d=mail.example.edu header.s=a", host, mailbox.VerdictPass},
		{"aligned spf", "Authentication-Results: mx.healey.example; spf=pass smtp.mailfrom=bounce@example.edu", host, mailbox.VerdictPass},
		{"other domain's dkim", "Authentication-Results: mx.healey.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=evil.example", host, mailbox.VerdictNone},
		{"spf fail", "Authentication-Results: mx.healey.example; spf=fail smtp.mailfrom=example.edu", host, mailbox.VerdictFail},
		{"untrusted host", "Authentication-Results: mx.evil.example; dmarc=pass header.from=example.edu", host, mailbox.VerdictNone},
		{"forgery below ours", "Authentication-Results: mx.healey.example; dmarc=fail header.from=example.edu\nAuthentication-Results: mx.healey.example; dmarc=pass header.from=example.edu", host, mailbox.VerdictFail},
		{"microsoft", "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=example.edu; dkim=pass (signature was verified)\n header.d=example.edu;dmarc=pass action=none\n header.from=example.edu;compauth=pass reason=100", "", mailbox.VerdictPass},
		{"microsoft not trusted", "Authentication-Results: dmarc=pass header.from=example.edu", host, mailbox.VerdictNone},
		{"without id, not topmost", "Authentication-Results: mx.evil.example; none\nAuthentication-Results: dmarc=pass header.from=example.edu", "", mailbox.VerdictNone},
		{"public suffix", "Authentication-Results: mx.healey.example; dkim=pass header.d=edu", host, mailbox.VerdictNone},
		{"dmarc of another from", "Authentication-Results: mx.healey.example; dmarc=pass header.from=evil.example", host, mailbox.VerdictNone},
		{"no field", "Subject: x", host, mailbox.VerdictNone},
		{"two authors", "From: a@example.edu, b@evil.example\nAuthentication-Results: mx.healey.example; dmarc=pass header.from=example.edu", host, mailbox.VerdictNone},
	}
	for _, tt := range tests {
		if got := mailOf(tt.header, "x").AuthResults([]string{tt.trusted}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
