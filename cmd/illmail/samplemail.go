package main

import (
	"bytes"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"time"

	"illmail/store"
)

// sampleMail is one message that comes to the sample office. In subject and
// body, {-3} stands for the day three days ago, {+5} for the day in five days.
type sampleMail struct {
	after   time.Duration // after the start of the demo; 0: is there already
	ago     time.Duration // written so long before the demo starts (after = 0)
	from    string        // a username of samplePatrons, or "Name <address>"
	subject string
	body    string
	html    string
	headers []string // further "Name: value" lines
	files   []sampleFile
}

type sampleFile struct {
	name, contentType string
	data              []byte
}

const quotedPickup = `

On {-2}, Northfield Interlibrary Loan <ill@northfield.example.edu> wrote:

> Dear Patrick Gallagher,
>
> The following item has arrived for you and waits at the Main Desk:
>
> The Overseers' Accounts of Ludlow (TN 412463)
>
> Interlibrary Loan, Northfield Library`

var sampleMails = []sampleMail{
	// Waiting when the office opens.
	{ago: 64 * time.Hour, from: "vmorales", subject: "renewal?", body: "Hi,\n\nCan I keep \"Neighbors by Design\" for another two weeks? It is TN 412330 and I am still writing the chapter.\n\nThanks,\nVictor"},
	{ago: 63 * time.Hour, from: "ocastillo", subject: "Re: Overdue: Concrete After Empire", body: "I returned this book weeks ago, I put it in the drop box at the Main Desk around {-16}. Please check your shelves.\n\nOmar Castillo"},
	{ago: 46 * time.Hour, from: "nabdi", subject: "PDF has no page 12", body: "Hello, the scan you sent for Contact tracing with paper maps (TN 412472) is missing page 12, it jumps from 11 to 13. Could you get the page?\n\nNimo Abdi\nGraduate student, Public Health\nSent from my iPhone"},
	{ago: 45 * time.Hour, from: "pgallagher", subject: "Re: Your item is here (TN 412463)", body: "I am out of town until {+4}. Can you hold the book until then? My assistant Jo may also collect it for me." + quotedPickup},
	{ago: 44 * time.Hour, from: "qzhang", subject: "where is my article", body: "Hi, I asked for \"Nickel foams as low-cost anodes\" more than a week ago. Any idea when it will come? I need it before my group meeting on {+3}."},
	{ago: 43 * time.Hour, from: "ehartman", subject: "cancel please", body: "Hello! Please cancel my request for Hume's Garden. I found a copy in the department.\n\nElias"},
	{ago: 42 * time.Hour, from: "dreyes", subject: "Préstamo Clinical Spanish", body: "Buenos días:\n\n¿Hasta qué hora puedo recoger el libro Clinical Spanish: Cases? Salgo del hospital a las seis.\n\nGracias,\nDaniela Reyes"},
	{ago: 41 * time.Hour, from: "uweiss", subject: "wrong article", body: "Dear colleagues,\n\nthe file for request 412478 is not \"Poststempel und Zensur\" but another article of the same issue, by Lange, not Lang. Could you ask again?\n\nUlrike Weiss\n--\nProf. Dr. Ulrike Weiss\nDepartment of German, Northfield University\nOffice: Ames Hall 204, phone 555-0171"},
	{ago: 40 * time.Hour, from: "Lending Desk, Duke Branch <lending@library.dukebranch.example>", subject: "Overdue: ILL 231829 - The Generous Campus", body: "Dear borrowing library,\n\nour item \"The Generous Campus\" (your request, lender DUK) was due on {-2} and has not come back to us. Please ask your patron to return it, or let us know whether you wish to renew.\n\nThank you,\nDonna Ames\nInterlibrary Lending, DUK"},
	{ago: 39 * time.Hour, from: "Vatican Hill Theological Library ILL <ill@vhtl.example>", subject: "Conditional: Inventories of the Confraternity of Santa Chiara", body: "Hello,\n\nwe can lend Inventories of the Confraternity of Santa Chiara for use in your library only, with a fee of $25.00. Please answer by {+2} whether you accept these conditions.\n\nMarco Bellini\nVTC"},
	{ago: 38 * time.Hour, from: "RapidILL <noreply@rapidill.example>", subject: "Rapid request -27621837 unfilled", headers: []string{"Auto-Submitted: auto-generated"}, body: "Rapid #: -27621837\nCROSS REF ID: 412412\nJOURNAL TITLE: Aquatic Botany Letters\nARTICLE TITLE: Seed dispersal of Vallisneria in slow rivers\n\nThis request was returned unfilled. Reason: not on shelf."},
	{ago: 37 * time.Hour, from: "OCLC WorldShare ILL <notify@worldshare.example>", subject: "WorldShare ILL: request 231858939 is now Shipped", headers: []string{"Auto-Submitted: auto-generated"}, body: "The status of request 231858939 has changed to Shipped by UHM.\nTitle: Mangrove Roots: An Atlas\nDue date: {+29}\n\nThis is an automatic message. Do not reply."},
	{ago: 36 * time.Hour, from: "Library Weekly <news@libraryweekly.example>", subject: "Ten ideas for your reading room", headers: []string{"List-Unsubscribe: <https://libraryweekly.example/u>", "Precedence: bulk"}, body: "This week: chairs, lamps, and a webinar on discovery layers.\n\nUnsubscribe at any time."},
	{ago: 35 * time.Hour, from: "mschaefer", subject: "Automatic reply: Your interlibrary loan", headers: []string{"Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All"}, body: "I am travelling and will be back on {+8}. Mail is read irregularly."},
	{ago: 34 * time.Hour, from: "rsingh", subject: "thanks", body: "Got the renewal, thank you so much!\n\nRavi"},
	{ago: 33 * time.Hour, from: "kobrien", subject: "Re: Overdue: The Drowned Parish", body: "I am so sorry. I spilled coffee on The Drowned Parish (412287), several pages are badly stained. What do I have to pay, and should I still bring it back?\n\nKevin"},
	{ago: 32 * time.Hour, from: "ltran", subject: "How do I return a book", body: "Hi! Where do I return interlibrary loan books, can I just use the book drop at the Science Library? And do I need to keep the paper band on it?\n\nLinh"},
	{ago: 31 * time.Hour, from: "xlopez", subject: "new request", body: "Hello, could you get me this book?\n\nMaría Anzures, Escuelas de frontera, ISBN 9780306406157\n\nI could not find the form.\n\nXimena Lopez"},
	{ago: 30 * time.Hour, from: "yhaddad", subject: "Re: question about your request", body: "It is volume 14, not 41, sorry! Pages 201-219. TN 412443.\n\nYara"},
	{ago: 29 * time.Hour, from: "gwashburn", subject: "I was charged $40?", body: "My account shows a fee of $40.00 for Bequests: A Guide although I brought it back in time. Could someone look into this?\n\nGrace Washburn"},
	{ago: 28 * time.Hour, from: "Jo Alvarez <jo.alvarez@mailbox.example>", subject: "books for Prof. Gallagher", body: "Hello, I am Professor Gallagher's new research assistant. Could you renew Harvest Wages and the Parish Chest (TN 412374) for him?\n\nJo Alvarez"},
	{ago: 27 * time.Hour, from: "sfernandes", subject: "pergunta", body: "Bom dia,\n\nposso ficar com o livro Kinship Without Houses por mais três semanas? Ainda preciso dele para a tese.\n\nObrigada,\nSofia"},
	{ago: 26 * time.Hour, from: "blindqvist", subject: "how many requests can I have?", body: "Dear ILL,\n\nis there a limit on how many interlibrary loan requests a faculty member can have open at one time? A student asked me and I did not know.\n\nBritta Lindqvist"},
	{ago: 25 * time.Hour, from: "Account Team <security@library-account.example>", subject: "Your library account expires today", headers: []string{"List-Id: <blast.library-account.example>"}, body: "Your library account will be closed. Verify your password now: http://library-account.example/verify"},
	{ago: 24 * time.Hour, from: "hnakamura", subject: "Fwd: Due soon", html: "<div dir=\"ltr\">Hi, can I renew both of my CAL books? The first is due on {+3}.<br><br>Hiro<br></div><br><div class=\"gmail_quote\"><div class=\"gmail_attr\">On {-1}, Northfield Interlibrary Loan wrote:<br></div><blockquote class=\"gmail_quote\">Notes on Spin Glasses is due soon.</blockquote></div>", body: ""},
	{ago: 23 * time.Hour, from: "Mail Delivery Subsystem <mailer-daemon@mx.northfield.example.edu>", subject: "Warning: could not send message for past 4 hours", headers: []string{"Auto-Submitted: auto-replied", "Return-Path: <>"}, body: "**********************************************\n**      THIS IS A WARNING MESSAGE ONLY      **\n**  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n**********************************************\n\nThe original message was received from ill@northfield.example.edu\n\n   ----- Transcript of session follows -----\n<lending@oldmill.example>... Deferred: Connection timed out with mail.oldmill.example.\nWarning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old"},
	{ago: 22 * time.Hour, from: "LAV Prêt entre bibliothèques <peb@lav.example>", subject: "Rappel / recall: Cartes du Tendre", body: "Bonjour,\n\nA reader here needs Cartes du Tendre: Lire les salons (lender LAV). We must recall it: please return the book by {+6}.\n\nHélène Caron\nPEB, LAV"},
	{ago: 21 * time.Hour, from: "imcallister", subject: "moving office", body: "Please note that my address has changed: I am now in Tolland Hall 310, and my books should be delivered there.\n\nIona McAllister"},
	{ago: 20 * time.Hour, from: "wcarver", subject: "Varves", body: "I am afraid I cannot find Varves and Vanished Lakes. It may have been lost when we moved house. Kindly advise.\n\nW. Carver"},
	{ago: 19 * time.Hour, from: "fbianchi", subject: "file will not open", body: "Dear Interlibrary Loan, the PDF you delivered last week does not open on my computer, it says the file is damaged.", files: []sampleFile{{"screenshot.png", "image/png", samplePNG}}},
	{ago: 18 * time.Hour, from: "UTM Resource Sharing <rss@utm.example>", subject: "Clinical Spanish: Cases - not received?", body: "Good morning,\n\nWe shipped Clinical Spanish: Cases to you on {-6} by courier and would like to confirm that it has arrived. Could you check?\n\nPat Okun, UTM"},

	// Coming in while one watches.
	{after: 12 * time.Second, from: "tmbeki", subject: "Parliaments of the Street", body: "Hello, may I have three more weeks with Parliaments of the Street? My defence moved to {+20}.\n\nThandi"},
	{after: 30 * time.Second, from: "Article Exchange <noreply@articleexchange.example>", subject: "A document is available", headers: []string{"Auto-Submitted: auto-generated"}, body: "A document has been placed on Article Exchange for you.\n\nRequest: 412429\nTitle: Vaccine cold chains by bicycle\nLink: https://share.worldcat.org/ILL/articleexchange/retrievedocument?folderName=example\nPassword: demo-4711\n\nThe file is removed after 30 days or 5 views."},
	{after: 50 * time.Second, from: "jpetrov", subject: "when will it come", body: "Hi, is there any news on Price Boards and Panic? Should I ask my professor for her copy instead?\n\nJana"},
	{after: 75 * time.Second, from: "cmoreau", subject: "quick question", body: "Hello,\n\nI brought Cartes du Tendre back to the desk yesterday, but my account still lists it. Could you check?\n\nCamille"},
	{after: 100 * time.Second, from: "BRL Document Supply <docsupply@brl.example>", subject: "Please check: Harvest Wages and the Parish Chest", body: "Dear colleague,\n\nHarvest Wages and the Parish Chest came back in our statistics as damaged on its last loan. Please look at the binding when it is returned.\n\nAlan Reed, BRL"},
	{after: 130 * time.Second, from: "aokafor", subject: "thank you", body: "Just wanted to say thank you, the scans last month saved my chapter.\n\nAdaeze"},
}

// sampleAnswer is a mail that answers one of ours once it went out.
type sampleAnswer struct {
	to   string // username
	kind string // of our mail
	wait time.Duration
	body string // "" with bounce
	auto bool
	// bounce: a delivery report in the name of the mail system.
	bounce bool
}

var sampleAnswers = []sampleAnswer{
	{to: "aokafor", kind: "overdue", wait: 20 * time.Second, body: "Oh no. I left Salt Roads in the Main Desk drop box on Friday. The other one I would like to keep for another week, if that is possible?\n\nAdaeze"},
	{to: "blindqvist", kind: "due_soon", wait: 35 * time.Second, body: "Could you please renew this for three weeks?\n\nB. Lindqvist"},
	{to: "jpetrov", kind: "overdue", wait: 8 * time.Second, bounce: true},
	{to: "imcallister", kind: "delay", wait: 5 * time.Second, auto: true, body: "I am away on field work and back on {+5}. For urgent matters please call the department."},
	{to: "ocastillo", kind: "cancellation", wait: 45 * time.Second, body: "Is there perhaps another edition that you can get? Anything from after 1990 would do.\n\nOmar"},
}

// sampleThanks answers a staff reply to a patron.
const sampleThanks = "Thank you, that helps!\n\n"

// fillDays replaces {+n} and {-n} by days in words.
func fillDays(s string, today store.Date) string {
	for n := -30; n <= 30; n++ {
		s = strings.ReplaceAll(s, fmt.Sprintf("{%+d}", n), longDate(today.AddDays(n)))
	}
	return s
}

// samplePNG is a picture of one grey point.
var samplePNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\nIDATx\x9cch\x00\x00\x00\x82\x00\x81\xddCj\xa2\x00\x00\x00\x00IEND\xaeB`\x82")

// compose writes the mail as it would come from another system, which is why
// it does not use the composer of our own mail.
func (m sampleMail) compose(id string, date time.Time, today store.Date) []byte {
	from := m.from
	for _, p := range samplePatrons {
		if p.username == from {
			from = fmt.Sprintf("%s <%s>", mime.QEncoding.Encode("utf-8", p.name()), p.email())
		}
	}
	if name, addr, ok := strings.Cut(from, " <"); ok && strings.ContainsAny(name, ",'") || !isASCII(from) {
		if isASCII(name) {
			name = `"` + name + `"`
		} else {
			name = mime.QEncoding.Encode("utf-8", name)
		}
		from = name + " <" + addr
	}
	var b bytes.Buffer
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	head("From", from)
	head("To", "Northfield Interlibrary Loan <"+sampleAddress+">")
	head("Date", date.Format(time.RFC1123Z))
	head("Subject", mime.QEncoding.Encode("utf-8", fillDays(m.subject, today)))
	head("Message-ID", "<"+id+">")
	for _, h := range m.headers {
		b.WriteString(h + "\r\n")
	}
	head("MIME-Version", "1.0")

	text, kind := m.body, "text/plain"
	if text == "" && m.html != "" {
		text, kind = m.html, "text/html"
	}
	text = strings.ReplaceAll(fillDays(text, today), "\n", "\r\n") + "\r\n"
	if len(m.files) == 0 {
		head("Content-Type", kind+"; charset=utf-8")
		head("Content-Transfer-Encoding", "quoted-printable")
		b.WriteString("\r\n")
		writeQuotedPrintable(&b, text)
		return b.Bytes()
	}
	w := multipart.NewWriter(&b)
	head("Content-Type", "multipart/mixed; boundary="+w.Boundary())
	b.WriteString("\r\n")
	part, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
	qp := quotedprintable.NewWriter(part)
	_, _ = qp.Write([]byte(text))
	_ = qp.Close()
	for _, f := range m.files {
		part, _ := w.CreatePart(textproto.MIMEHeader{
			"Content-Type":              {f.contentType},
			"Content-Disposition":       {fmt.Sprintf("attachment; filename=%q", f.name)},
			"Content-Transfer-Encoding": {"8bit"}})
		_, _ = part.Write(f.data)
	}
	_ = w.Close()
	return b.Bytes()
}

func writeQuotedPrintable(b *bytes.Buffer, text string) {
	qp := quotedprintable.NewWriter(b)
	_, _ = qp.Write([]byte(text)) // a bytes.Buffer takes everything
	_ = qp.Close()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
