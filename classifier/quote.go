package classifier

import (
	"regexp"
	"strings"
)

// messageNouns name a mail in the languages of separators such as
// "-----Original Message-----" and "-------- Oprindelig besked --------".
var messageNouns = []string{
	"message", "e-mail", "email", "appointment", "forwarded", "mensaje", "reenviado", "mensagem", "encaminhada", "réexpédié", "transféré", "transmis", "courriel", "nachricht", "termin", "weitergeleitet", "messaggio", "inoltrato", "bericht", "doorgestuurd",
	"meddelande", "vidarebefordrat", "meddelelse", "melding", "besked", "videresendt", "viesti", "sõnum", "wiadomość", "wiadomosc", "zpráva", "správa", "üzenet", "mesaj", "mesajul", "ileti", "poruka", "sporočilo", "laiškas", "ziņojums", "missatge", "μήνυμα",
	"сообщение", "письмо", "повідомлення", "съобщение", "הודעה", "رسالة", "thư gốc", "tin nhắn", "pesan", "原始邮件", "原始郵件", "原始信件", "回复的原邮件", "转发", "轉寄", "轉發", "邮件原件", "元のメッセージ", "転送", "원본", "메시지", "ข้อความ", "reply separator",
}

// originalWords begin such a separator where it is left open on its right.
var originalWords = []string{
	"original message", "original appointment", "forwarded message", "forwarded by", "mensaje original", "mensaje reenviado", "message d'origine", "message d’origine", "message original", "message transféré", "message transmis",
	"mensagem original", "mensagem encaminhada", "ursprüngliche nachricht", "originalnachricht", "weitergeleitete nachricht", "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht", "doorgestuurd bericht",
	"reply above this line", "reply message", "your message of", "previous message",
}

// beginForwarded begin a line under which all is history.
var beginForwarded = []string{
	"begin forwarded message", "début du message réexpédié", "début du message transféré", "inicio del mensaje reenviado", "inizio messaggio inoltrato", "anfang der weitergeleiteten", "início da mensagem reencaminhada", "início da mensagem encaminhada",
	"original message processed by", "start på videresendt", "vidarebefordrat brev", "begin doorgestuurd bericht", "please do not write below this line",
}

// replyAbove stand on the line that a ticket system asks to answer above.
var replyAbove = []string{
	"type your reply above", "reply above this line", "write your reply above", "reply above the line", "write above this line", "respond above this line", "reply above ---", "escriba su respuesta por encima", "escriba su respuesta encima", "répondre au-dessus de cette ligne", "saisissez votre réponse au-dessus", "écrivez votre réponse au-dessus",
	"oberhalb dieser linie", "oberhalb dieser zeile", "über dieser linie", "über dieser zeile", "acima desta linha", "sopra questa riga", "boven deze lijn", "boven deze regel", "ovanför den här raden", "over denne linje", "请在此行上方",
}

// headerNames are the labels of the block that Outlook and others put over the
// mail that is answered.
var headerNames = labels(`from sent date to cc bcc subject reply-to importance attachments sent_on sent_by sent_at received on_behalf_of priority
	von gesendet datum an betreff kopie gesendet_am de enviado fecha para asunto el enviado_el envoyé envoye date à a objet date_d'envoi date_d’envoi pour cc data assunto enviada enviada_em enviado_em enviado_a da inviato oggetto a inviato_il per data_invio
	van verzonden aan onderwerp datum_verzonden verstuurd från skickat till ämne kopia fra sendt til emne dato kopi lähettäjä lähetetty päiväys vastaanottaja aihe kopio od wysłano wysłane do temat dw odesláno komu předmět kopie odoslané predmet komu kia
	feladó küldve küldés_ideje címzett tárgy dátum másolat expéditeur destinataire remitente destinatario remetente destinatário mittente kimden gönderildi gönderilme_tarihi kime konu tarih gönderen către trimis subiect dată de_la kome poslano šalje naslov zadeva saatja saadetud saaja teema
	发件人 发件时间 发送时间 发送日期 收件人 抄送 主题 日期 时间 寄件者 寄件人 傳送時間 寄件日期 收件者 收件人 主旨 副本 主題 日付 差出人 送信日時 送信者 送信元 宛先 件名 từ ngày đến chủ_đề gửi tới nan lè sijè 보낸_사람 보낸사람 보낸_날짜 보낸날짜 날짜 받는_사람 받는사람 제목 참조 발신 수신
	от отправлено кому тема дата копия від надіслано відправлено мета από προς θέμα ημερομηνία στάλθηκε מאת נשלח אל נושא תאריך من إلى الموضوع التاريخ`)

// fromNames are the labels of the author of the mail that is answered.
var fromNames = labels(`from von de da van från fra od lähettäjä feladó 发件人 寄件者 寄件人 差出人 送信者 送信元 보낸_사람 보낸사람 발신 từ от від kimden gönderen de_la expéditeur remitente remetente mittente šalje saatja από מאת من`)

// timeNames are labels that can begin the block, too.
var timeNames = labels(`sent date subject gesendet datum enviado envoyé fecha data dato 日期 发送时间 дата`)

// certainNames stand in no list that people write: who has one of them beside
// another label has a header.
var certainNames = labels(`sent subject sent_on gesendet betreff enviado asunto enviado_el envoyé envoye objet enviada assunto enviada_em enviado_em inviato oggetto verzonden onderwerp skickat ämne sendt emne lähetetty aihe wysłano wysłane temat odesláno předmět odoslané predmet
	küldve tárgy gönderildi konu trimis subiect poslano 发送时间 发件时间 收件人 主题 傳送時間 收件者 主旨 送信日時 宛先 件名 chủ_đề 받는_사람 받는사람 보낸_날짜 제목 отправлено тема надіслано θέμα נושא الموضوع`)

// labels is a set of words; a low line stands for a blank.
func labels(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[strings.ReplaceAll(w, "_", " ")] = true
	}
	return m
}

// headerLabel is the label of a line "Label: value", lower case, or "".
func headerLabel(line string) string {
	line = strings.TrimLeft(line, "*_ >\t")
	k := strings.IndexAny(line, ":：")
	if k <= 0 || k > 40 {
		return ""
	}
	l := strings.ToLower(strings.Trim(line[:k], "*_ \t"))
	if headerNames[l] {
		return l
	}
	return ""
}

// historyAt reports whether everything from line i on is history: a separator,
// or the head of the mail that is answered.
func (p *page) historyAt(i int) bool {
	t := p.lines[i]
	if len(t) < 200 && separates(t) {
		return true
	}
	if len(t) >= 3 && (t[0] == '_' || t[0] == '-' || t[0] == '=' || t[0] == '*') && strings.Trim(t, "_-=* ") == "" {
		k := p.next(i + 1)
		return k < len(p.lines) && (len(t) >= 10 && headerBlock(p.lines, k) || headerFields(p.lines, k).labels >= 3)
	}
	return headerBlock(p.lines, i) || p.loneAuthor(i) || leadsQuote(t)
}

// loneAuthor tells a header of nothing but "From: Jane Doe <jdoe@example.edu>",
// a paragraph of its own under others.
func (p *page) loneAuthor(i int) bool {
	l := strings.TrimRight(p.lines[i], "*_ ")
	return i > 0 && p.lines[i-1] == "" && (i+1 == len(p.lines) || p.lines[i+1] == "") && p.next(0) < i &&
		strings.HasSuffix(l, ">") && strings.Contains(l, "@") && fromNames[headerLabel(l)]
}

// separates reports whether a line parts a mail from the one that it answers
// or hands on.
func separates(t string) bool {
	low := strings.ToLower(t)
	if hasAnyPrefix(low, beginForwarded) || asksReplyAbove(low) {
		return true
	}
	inner := strings.Trim(low, "-=*_#~—–‐― \t")
	left := low[:max(0, strings.Index(low, inner))]
	right := low[len(left)+len(inner):]
	ruled := func(s string) bool { return runes(strings.Trim(s, " *\t")) >= 2 }
	if inner == "" || !ruled(left) || len(strings.Fields(inner)) > 8 {
		return false
	}
	if hasAnyPrefix(inner, originalWords) {
		return true
	}
	if !ruled(right) || len(strings.Fields(inner)) > 4 {
		return false
	}
	return containsAny(inner, messageNouns...)
}

// asksReplyAbove reports whether a line, in lower case, is the mark of a ticket
// system above which the answer is to be written.
func asksReplyAbove(low string) bool {
	return len(low) < 200 && containsAny(low, replyAbove...) && (strings.ContainsAny(low[:1], "-#=*_~—[<") || len(strings.Fields(low)) <= 9)
}

// headerRun is what was found of a block of header fields.
type headerRun struct {
	labels    int  // different ones
	certain   bool // one of certainNames among them
	addressed bool // a value has an address
	dated     bool // a value has a date and a time
}

// headerFields reads the block of header fields that begins at line i. A field
// may be folded over three lines, and some converters put blank lines between.
func headerFields(lines []string, i int) headerRun {
	var r headerRun
	var seen []string
	folded, blank := 0, false
	for j, n := i, 0; j < len(lines) && n < 14; j++ {
		l := lines[j]
		if l == "" {
			blank = true
			if j > i+24 {
				break
			}
			continue
		}
		n++
		name := headerLabel(l)
		switch {
		case name == "" && (blank || folded == 2 || j == i):
			n = 14
			continue
		case name == "":
			folded++
		default:
			folded = 0
			if !containsExactly(seen, name) {
				seen = append(seen, name)
			}
			r.certain = r.certain || certainNames[name]
		}
		blank = false
		r.addressed = r.addressed || strings.Contains(l, "@")
		if t := stampOf(l[:min(len(l), 200)]); t.dated() && t.clock {
			r.dated = true
		}
	}
	r.labels = len(seen)
	return r
}

func containsExactly(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// headerBlock reports whether a block of header fields begins at line i, the
// first of them naming an author or a time. Lists that people write ("From:",
// "To:", "Date:" of a journey) have no address and no subject.
func headerBlock(lines []string, i int) bool {
	if i >= len(lines) || len(lines[i]) == 0 {
		return false
	}
	first := headerLabel(lines[i])
	if !fromNames[first] && !timeNames[first] {
		return first != "" && mostlyHeader(headerFields(lines, i))
	}
	if oneLineHeader(lines[i]) {
		return true
	}
	r := headerFields(lines, i)
	switch {
	case r.labels >= 3:
		return r.certain || r.addressed
	case r.labels == 2:
		return r.addressed && r.dated || r.certain && (r.addressed || r.dated || fromNames[first])
	}
	return false
}

// mostlyHeader is for blocks that begin with "To:" or the like.
func mostlyHeader(r headerRun) bool { return r.labels >= 4 && r.certain && r.addressed }

// oneLineHeader tells "From: X <x@example.org> Sent: Monday To: Y Subject: Z",
// which some converters make of the block.
func oneLineHeader(l string) bool {
	if len(l) > 600 || !strings.Contains(l, "@") {
		return false
	}
	n := 0
	for _, w := range strings.Fields(l) {
		if strings.HasSuffix(w, ":") && headerLabel(w) != "" {
			n++
		}
	}
	return n >= 3
}

var mailInText = regexp.MustCompile(`[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}`)
