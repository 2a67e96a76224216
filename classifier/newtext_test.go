package classifier

import (
	"strings"
	"testing"

	"illmail/mailbox"
)

func TestNewText(t *testing.T) {
	ana := mailbox.Address{Name: "Ana Ruiz", Addr: "aruiz@example.edu"}
	for _, c := range []struct{ name, text, want string }{
		{"plain", "Please renew.\n\nAna", "Please renew.\n\nAna"},
		{"gmail", "Yes please.\n\nOn Mon, Jul 27, 2026 at 4:10 PM Healey Library ILL <ill@healey.example.edu>\nwrote:\n\n> Dear Ana\n> text\n", "Yes please."},
		{"outlook", "Thanks.\n\n________________________________\nFrom: Healey ILL <ill@healey.example.edu>\nSent: Monday, July 27, 2026\nTo: Ana Ruiz\nSubject: Overdue\n\nDear Ana", "Thanks."},
		{"outlook without a line", "Thanks.\n\nFrom: Healey ILL <ill@healey.example.edu>\nSent: Monday, July 27, 2026\nTo: Ana Ruiz\nSubject: Overdue\n\nDear Ana", "Thanks."},
		{"inline", "On 9/17/26, Lee wrote:\n> Which one?\n\nThe first.\n\n> By when?\n\nFriday.\n\n> Lee", "The first.\n\nFriday."},
		{"bottom", "On Sat, Sep 19, 2026 at 1:10 PM Healey <ill@healey.example.edu> wrote:\n> Dear Ana,\n> text\n\nUnderstood.", "Understood."},
		{"phone", "can i keep it\n\nSent from my iPhone", "can i keep it"},
		{"delimiter", "Please renew.\n\nAna\n\n-- \nAna Ruiz\nHistory", "Please renew.\n\nAna"},
		{"block", "Please renew.\n\nAna\n\nAna Ruiz\nAssociate Professor, History\nOld Hall 2 | 555-0142", "Please renew.\n\nAna"},
		{"closing stays", "Please renew.\n\nBest wishes,\nAna Ruiz\nProfessor of History", "Please renew.\n\nBest wishes,\nAna Ruiz"},
		{"banner", "[EXTERNAL EMAIL] Do not click links or open attachments unless you recognize the sender.\n\nPlease renew.", "Please renew."},
		{"disclaimer", "Please renew.\n\nAna\n\nCONFIDENTIALITY NOTICE: This message may contain privileged information.", "Please renew.\n\nAna"},
		{"spanish", "Gracias, lo devuelvo hoy.\n\nEl lun, 27 jul 2026 a las 16:10, Healey (<ill@healey.example.edu>) escribió:\n\n> Estimada Ana", "Gracias, lo devuelvo hoy."},
		{"french", "Merci.\n\nLe lun. 27 juil. 2026 à 16:10, Healey <ill@healey.example.edu> a écrit :\n\n> Chère Ana", "Merci."},
		{"portuguese", "Obrigada.\n\nEm seg., 27 de jul. de 2026 às 16:10, Healey <ill@healey.example.edu> escreveu:\n\n> Cara Ana", "Obrigada."},
		{"german", "Danke.\n\nAm Mo., 27. Juli 2026 um 16:10 Uhr schrieb Healey <ill@healey.example.edu>:\n\n> Liebe Ana", "Danke."},
		{"german outlook", "Danke.\n\nVon: Healey <ill@healey.example.edu>\nGesendet: Montag, 27. Juli 2026\nAn: Ana\nBetreff: Mahnung\n\nLiebe Ana", "Danke."},
		{"chinese", "谢谢，我明天还。\n\n在 2026年7月27日，Healey <ill@healey.example.edu> 写道：\n\n> 您好", "谢谢，我明天还。"},
		{"original message", "Ok.\n\n-----Original Message-----\nFrom: Healey\nDear Ana", "Ok."},
		{"forwarded only", "---------- Forwarded message ---------\nFrom: Healey <ill@healey.example.edu>\nDate: Mon\nSubject: x\n\nDear Ana", ""},
		{"empty", "", ""},
	} {
		got, rest := NewText(c.text, ana)
		if got != c.want {
			t.Errorf("%s: new text %q, want %q", c.name, got, c.want)
		}
		for _, w := range []string{"Dear Ana", "Liebe Ana", "> By when?"} {
			if strings.Contains(c.text, w) && !strings.Contains(rest, w) {
				t.Errorf("%s: %q is in neither part", c.name, w)
			}
		}
	}
}

// TestNewTextOfPrograms has the shapes in which mail programs, gateways and
// ticket systems set off what is answered. "Keep" stands for what was written,
// "gone" for what was not.
func TestNewTextOfPrograms(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"text right above", "Keep this.\nOn Tue, Nov 3, 2026 at 9:15 AM \"Healey ILL\" <\nill@healey.example.edu> wrote:\n\n> gone"},
		{"text right above, unmarked", "Keep this.\nDen 3 november 2026 09:15:20, Healey ILL (ill@healey.example.edu) skrev:\n\ngone"},
		{"on the line of the text", "Keep this, thanks! On Tue, Nov 3, 2026 at 9:15 AM, ill@healey.example.edu wrote:\n> gone"},
		{"on the line of the last text", "Keep this,\nand this-one --- On Tue, Nov 3, 2026 at 9:15 AM, ill@healey.example.edu wrote:\n> gone"},
		{"name folded", "Keep this.\n\nOn Nov 3, 2026, at 9:15 AM, Healey <\n77aa3c01f5@bounces.healey.example.edu>\nwrote:\n\ngone"},
		{"without an address", "Keep this.\n\nOn Tuesday, November 3, 2026, 09:15:22 AM GMT+1, Healey Library wrote:\n\ngone"},
		{"name and address alone", "Keep this.\n\nhealey <ill@healey.example.edu> wrote:\n\ngone\n"},
		{"dashes around", "Keep this?\n\n---- On Tue, 03 Nov 2026 09:15:22 -0500 ill@healey.example.edu wrote ----\n\ngone"},
		{"dashes, no address", "Keep this.\n\n------On 11/03/2026 9:15 AM, Healey Library wrote-----\n\ngone"},
		{"date and name first, no verb", "Keep this.\n2026/11/3 Healey ILL <ill@healey.example.edu>\n\n> gone"},
		{"date, zone, folded address", "Keep this.\n\n2026-11-03 9:15 GMT-05:00 Healey ILL <\nill@healey.example.edu>:\n\n> gone"},
		{"German, author first", "Keep this.\n\nHealey ILL <ill@healey.example.edu> schrieb am Di., 3.\nNov. 2026, 09:15:\n\n> gone"},
		{"German, no address", "Keep this.\n\nAm 03.11.2026 um 09:15 schrieb Fernleihe Healey:\n\ngone"},
		{"Dutch", "Keep this.\n\nOp 03-11-2026 9:15 schreef Healey ILL <ill@healey.example.edu>:\n\ngone"},
		{"Dutch, at length", "Keep this.\n\nOp 3-nov.-2026, om 09:15 heeft Healey ILL <ill@healey.example.edu> het volgende geschreven:\n\ngone"},
		{"Danish", "Keep this.\n\nDen tir. 3. nov. 2026 kl. 09.15 skrev Healey ILL <\nill@healey.example.edu>:\n\n> gone"},
		{"Norwegian", "Keep this.\n\ntir. 3. nov. 2026 kl. 09:15 skrev Healey ILL <ill@healey.example.edu>:\n\ngone"},
		{"Finnish", "Keep this.\n\nti 3. marraskuuta 2026 klo 9.15 Healey ILL\n<ill@healey.example.edu> kirjoitti:\n\ngone"},
		{"Italian", "Keep this.\n\nIl giorno mar 3 nov 2026 alle ore 09:15 Healey ILL <\nill@healey.example.edu> ha scritto:\n\n> gone"},
		{"Polish", "Keep this.\n\nwt., 3 lis 2026 o 09:15 Healey ILL <ill@healey.example.edu> napisał(a):\n\n> gone"},
		{"Czech", "Keep this.\n\nút 3. 11. 2026 v 9:15 odesílatel Healey ILL <ill@healey.example.edu>\nnapsal:\n\n> gone"},
		{"Hungarian", "Keep this.\n\nHealey ILL <ill@healey.example.edu> ezt írta (időpont: 2026. nov. 3., K, 9:15):\n\n> gone"},
		{"Russian, no verb", "Keep this.\n\nвт, 3 нояб. 2026 г. в 09:15, Healey ILL <ill@healey.example.edu>:\n\ngone"},
		{"Turkish", "Keep this.\n\nHealey ILL <ill@healey.example.edu>, 3 Kas 2026 Sal, 09:15 tarihinde şunu yazdı:\n\n> gone"},
		{"Japanese", "Keep this.\n\n2026年11月3日(火) 9:15 Healey ILL <ill@healey.example.edu>:\n\n> gone"},
		{"Korean", "Keep this.\n\n2026년 11월 3일 (화) 오전 9:15, Healey ILL <ill@healey.example.edu>님이 작성:\n\n> gone"},
		{"Vietnamese", "Keep this.\n\nVào Th 3, 3 thg 11, 2026 vào lúc 09:15 Healey ILL <ill@healey.example.edu>\nđã viết:\n\n> gone"},
		{"Catalan, no verb", "Keep this.\n\nMissatge de Healey ILL <ill@healey.example.edu> del dia dt., 3 de nov. 2026 a les 9:15:\n\n> gone"},
		{"Notes", "Keep this.\n\nHealey ILL/Libraries/EXU wrote on 11/03/2026 09:15:22 AM:\n\n> gone"},
		{"GroupWise", "Keep this.\n\n>>> Healey ILL <ill@healey.example.edu> 11/3/2026 9:15 AM >>>\ngone\ngone"},
		{"Danish separator", "Keep this.\n\n-------- Oprindelig besked --------\nFra: Healey ILL <ill@healey.example.edu>\nDato: 03.11.2026 09.15\nTil: Ana\nEmne: gone"},
		{"German separator", "Keep this.\n\n-----Antwort Nachricht-----\n\ngone"},
		{"Chinese separator", "Keep this.\n\n------------------ 原始邮件 ------------------\n发件人: \"Healey\"<ill@healey.example.edu>;\n\ngone"},
		{"Swedish block right below", "Keep this.\nFrån: Healey ILL [mailto:ill@healey.example.edu]\nSkickat: den 3 november 2026 09:15\nTill: Ana Ruiz\nÄmne: gone\n\ngone"},
		{"bold block, folded author", "Keep this.\n\n*From:* Healey ILL [mailto:\nill@healey.example.edu]\n*Sent:* Tuesday, November 3, 2026 9:15 AM\n*To:* Ana Ruiz\n*Subject:* gone\n\ngone"},
		{"double bold block", "Keep this.\n\n**From:** Healey ILL <ill@healey.example.edu> **On Behalf Of** Loans\n**Sent:** 3 November 2026 09:15\n**To:** Ana Ruiz\n\ngone"},
		{"block with the time first", "Keep this.\n\nDate: Tue, 3 Nov 2026 09:15:22 -0500\nTo: aruiz@example.edu\n\ngone"},
		{"block in one line", "Keep this.\n\nFrom: Healey ILL <ill@healey.example.edu> Sent: Tuesday, November 3, 2026 To: Ana Ruiz Subject: gone\n\ngone"},
		{"block with blank lines between", "Keep this.\n\nDe : Healey ILL <ill@healey.example.edu>\n\nEnvoyé : mardi 3 novembre 2026 09:15\n\nÀ : Ana Ruiz\n\nObjet : gone\n\ngone"},
		{"Chinese block", "Keep this.\n\n发件人： Healey <ill@healey.example.edu>\n日期： 2026年11月3日 星期二 上午9:15\n收件人： Ana\n主题： gone\n\ngone"},
		{"ticket system", "Keep this.\n\n##- Please type your reply above this line -##\n\ngone"},
		{"ticket system's own mail", "##- Please type your reply above this line -##\n\nKeep this."},
		{"wrapped quotation", "Keep this.\n\nOn 11/3/2026 9:15 AM, Healey wrote:\n> gone gone gone gone gone gone gone gone gone gone gone gone gone gone\ngone and gone.\n> gone"},
		{"address wrapped in the quotation", "Keep this.\n\nOn 11/3/2026 9:15 AM, Healey wrote:\n> gone (https://ill.example.edu/renew?\nid=gone)\n>"},
		{"disclaimer under its heading", "Keep this.\n\nDisclaimer\n\nWhat gone says is confidential and intended for its recipient. You are hereby notified that disclosure is prohibited.\n\nThis email has been scanned by gone."},
		{"signature under a quotation", "Keep this.\n\n> gone\n\n-- \ngone"},
		{"list footer under a quotation", "Keep this.\n\n> gone\n_______________________________________________\ngone mailing list\ngone@lists.example.edu"},
		{"quotation on the line of its header", "Keep this.\n\nOn Tue, Nov 3, 2026 at 9:15 AM, Healey ILL<ill@healey.example.edu> wrote:   Dear gone,\ngone"},
		{"quotation on that line, marked", "Keep this.\n\nOn Tue, Nov 3, 2026 9:15 AM, ill@healey.example.edu wrote:> gone\ngone"},
		{"banner in brackets", "[This message was sent from outside, gone]\n\nKeep this."},
		{"phone in full", "Keep this.\n\nThis message was sent from my phone gone"},
		{"phone in Dutch", "Keep this.\nVerzonden vanuit Outlook voor iOS gone"},
		{"phone in Hungarian", "Keep this.\n\ngone iPhone-omról küldve"},
		{"phone in Arabic", "Keep this.\n\nأُرسلت من الـ iPhone gone"},
		{"Arabic digits", "Keep this.\n\nفي الثلاثاء، ٣ نوفمبر ٢٠٢٦، ٩:١٥ ص Healey <ill@healey.example.edu> كتب:\n\ngone"},
		{"author alone", "Keep this.\n\nFrom: Healey ILL <ill@healey.example.edu>\n\ngone"},
		{"hyphens of another kind", "Keep this.\n\n‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\n\ngone"},
		{"Czech separator", "Keep this.\n\n---------- Původní e-mail ----------\nOd: Healey <ill@healey.example.edu>\nDatum: 3. 11. 2026 9:15\n\ngone"},
		{"marked with directions", "Keep this.\n\n\u202bOn Tue, Nov 3, 2026 at 9:15 AM \u202aHealey\u202c\u200e <\u202aill@healey.example.edu\u202c\u200e> wrote:\u202c\n\ngone"},
		{"a converter without colons", "Keep this.\n\nOriginal Message processed by a gateway\nRe: gone\nFrom gone"},
		{"all of it quoted", "> Keep this."},
	} {
		got, rest := NewText(c.text, mailbox.Address{Name: "Ana Ruiz", Addr: "aruiz@example.edu"})
		if !strings.HasPrefix(got, "Keep this") || strings.Contains(got, "gone") || strings.ContainsAny(got, "@<") {
			t.Errorf("%s: new text %q", c.name, got)
		}
		if n := strings.Count(c.text, "gone"); strings.Count(rest, "gone") != n {
			t.Errorf("%s: the rest is %q", c.name, rest)
		}
	}
}

// TestNewTextKeeps has what looks like history or a signature and is neither.
func TestNewTextKeeps(t *testing.T) {
	for _, text := range []string{
		"On Tuesday I wrote to you: the book never came.\n\nCould you look again?",
		"On 3 March 2026 I wrote:\n\nThe scan lacks page 12.\n\nNobody answered.",
		"On the whole this is fine.\n\nOn another matter: page 4 is missing.\nOn average you need three days.",
		"As Benjamin wrote in 1936:\n\nEven the most perfect reproduction lacks one thing.\n\nI need that essay.",
		"From: the desk of nobody in particular\n\nPlease renew my book.",
		"I will be travelling, so please hold it.\n\nFrom: Boston\nTo: Lisbon\nDate: 12 May 2026\n\nThanks",
		"Please scan these pages.\n\nFrom: 112\nTo: 140\n\nThat is all of chapter 4.",
		"With regards to the fine, I paid it.\n\nBest regards to your colleague, who found it.\n\nWill you lift the block?",
		"The card was sent from my old address.\n\nThe mail was sent from my phone at noon and never arrived.\n\nCan you check?",
		"Here is my list:\n\n----\n\n1. Capital, vol. 1\n2. Capital, vol. 2\n\n----\n\nThe second is urgent.",
		"These dates are on the slips:\n\n2026-11-03 09:15\n11/03/2026 at 9:15 AM\n03.11.2026 09:15\n\nWhich of them counts?",
		"Sent from my desk this is easier than it was by phone.",
		"The book is on its way.\n\nSent via FedEx, tracking 7712 0034.",
		"Two parts.\n\n---\n\nThis second part is no signature: it has sentences that run on for as long as anybody may like to write them, and then some more of them.\n\nDo you agree?",
		"Thank you!\n----------\nTitle: Capital, vol. 2\nAuthor: Marx",
		"This message is about the second volume.\n\nIt came without its index.",
		"I need three things:\n\n* the article\n* the date: 12 May 2026\n* the bill\n\nThanks for all of it.",
	} {
		if got, rest := NewText(text, mailbox.Address{Name: "Ana Ruiz", Addr: "aruiz@example.edu"}); got != text {
			t.Errorf("%q\nwas cut to %q\nand %q", text, got, rest)
		}
	}
}

// TestNewTextOfHugeMail: what is written above and below two hundred thousand
// quoted lines is found, and lines without end do no harm.
func TestNewTextOfHugeMail(t *testing.T) {
	history := strings.Repeat("> a line that somebody quoted\n", 200_000)
	if got, _ := NewText("Above.\n\nOn 11/3/2026 9:15 AM, Healey wrote:\n"+history+"\nBelow.", mailbox.Address{}); got != "Above.\n\nBelow." {
		t.Errorf("%.100q", got)
	}
	for _, unit := range []string{"-- \n", "____\n", "On 11/3/2026 9:15\n", "x On 11/3/2026 9:15 AM, a@b.example wrote:\n> y\n", "From: a@b.example\n\n", "confidential:\n\n", "> y\nx\n", "a ", "To: x\nFrom: y\n", "word On 11/3/2026 ", "___ tel\n\n"} {
		NewText("Above.\n"+strings.Repeat(unit, 1<<20/len(unit)), mailbox.Address{Name: "A B"})
	}
}

func FuzzNewText(f *testing.F) {
	f.Add("Hi\n\nOn Mon, Jul 27 X <a@b.c> wrote:\n> y\n\nz\n-- \nme")
	f.Add("From: a\nTo: b\nSubject: c\n\n\n")
	f.Add(">\n>\n\n--\n____\n-----Original Message-----")
	f.Add("word On 11/3/2026 9:15 AM, a@b.c wrote:\n> y\n>>> A <a@b.c> 11/3/2026 >>>\nz")
	f.Add("##- Please type your reply above this line -##\n> a (http://b\nc)\n>\n\nDisclaimer\n\nconfidential recipient")
	f.Add("Von: a Gesendet: b An: c@d.e Betreff: f\n--- besked ---\nÀ :\n\nObjet :\n")
	f.Add("在\n写道：\n> 你\n\xff\xfe\x00")
	f.Fuzz(func(t *testing.T, text string) {
		own, rest := NewText(text, mailbox.Address{Name: text, Addr: text})
		if len(own)+len(rest) > 4*len(text)+16 {
			t.Fatalf("%d bytes became %d and %d", len(text), len(own), len(rest))
		}
	})
}
