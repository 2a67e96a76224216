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

func FuzzNewText(f *testing.F) {
	f.Add("Hi\n\nOn Mon, Jul 27 X <a@b.c> wrote:\n> y\n\nz\n-- \nme")
	f.Add("From: a\nTo: b\nSubject: c\n\n\n")
	f.Add(">\n>\n\n--\n____\n-----Original Message-----")
	f.Add("在\n写道：\n> 你\n\xff\xfe\x00")
	f.Fuzz(func(t *testing.T, text string) {
		own, rest := NewText(text, mailbox.Address{Name: text, Addr: text})
		if len(own)+len(rest) > 4*len(text)+16 {
			t.Fatalf("%d bytes became %d and %d", len(text), len(own), len(rest))
		}
	})
}
