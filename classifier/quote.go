package classifier

import (
	"regexp"
	"strings"
)

// wroteWords end an attribution line ("On …, X wrote:") in the languages whose
// mail programs we know.
var wroteWords = []string{
	"wrote", "writes", "escribió", "escribio", "a écrit", "a ecrit", "escreveu", "schrieb", "schreef", "ha scritto", "scrisse", "skrev", "kirjoitti", "napisał", "napisal", "napísal", "napsal",
	"написал", "пишет", "написав", "a scris", "yazdı", "yazmış", "írta", "đã viết", "da viet", "menulis", "έγραψε", "كتب", "写道", "写到", "寫道", "のメール", "書きました", "작성", "a scritto", "va escriure", "escrigué", "te ekri", "ekri",
}

// startWords begin an attribution line.
var startWords = []string{
	"on ", "le ", "el ", "em ", "am ", "op ", "il ", "den ", "på ", "w dniu", "dnia ", "pe ", "vào ", "a(z) ", "dne ", "på ", "no dia", "quoting ", "at ", "in reply to", "van: ", "nan ", "ngày ", "2", "-----", "在", "于", "mon,", "tue,", "wed,", "thu,", "fri,", "sat,", "sun,", "il giorno", "le lun", "in data", "da: ",
}

// attributionAt is the number of lines of an attribution that begins at line
// i, or 0. Mail programs fold it over up to four lines.
func attributionAt(lines []string, i int) int {
	first := strings.ToLower(strings.TrimLeft(lines[i], "*_ "))
	if len(first) > 400 {
		return 0
	}
	starts := hasAnyPrefix(first, startWords)
	joined := ""
	for n := 1; n <= 4 && i+n <= len(lines); n++ {
		l := lines[i+n-1]
		if l == "" || strings.HasPrefix(l, ">") {
			return 0
		}
		if n > 1 {
			joined += " "
		}
		joined += strings.ToLower(l)
		if len(joined) > 400 {
			return 0
		}
		end := strings.TrimRight(joined, "* _")
		colon := strings.HasSuffix(end, ":") || strings.HasSuffix(end, "：")
		wrote := wroteAt(end)
		if !colon && !(wrote && endsWithWrote(end)) {
			continue
		}
		quoted := quoteFollows(lines, i+n)
		dated := digits(joined) >= 3
		addressed := strings.Contains(joined, "@") || strings.Contains(joined, "<")
		switch {
		case wrote && starts && (dated || addressed || quoted):
			return n
		case wrote && (addressed && dated || quoted):
			return n
		case !wrote && colon && quoted && n <= 2 && (addressed || dated && starts):
			return n
		}
		if n == 1 && colon {
			return 0
		}
	}
	// "2013/11/1 John Smith <john@example.org>" without any verb, before a quotation
	if digits(first) >= 5 && strings.Contains(first, "@") && strings.HasSuffix(first, ">") && quoteFollows(lines, i+1) {
		return 1
	}
	return 0
}

func wroteAt(s string) bool {
	for _, w := range wroteWords {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// endsWithWrote tells "… <x@example.org> wrote" without its colon.
func endsWithWrote(s string) bool {
	for _, w := range wroteWords {
		if strings.HasSuffix(s, w) && strings.Contains(s, "@") {
			return true
		}
	}
	return false
}

func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// originalWords name the separator "-----Original Message-----".
var originalWords = []string{
	"original message", "original appointment", "forwarded message", "forwarded by", "forwarded", "mensaje original", "mensaje reenviado", "message d'origine", "message d’origine", "message original", "message transféré", "message transmis",
	"mensagem original", "mensagem encaminhada", "ursprüngliche nachricht", "originalnachricht", "weitergeleitete nachricht", "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht", "doorgestuurd bericht",
	"originalt meddelande", "opprinnelig melding", "original meddelelse", "wiadomość oryginalna", "исходное сообщение", "原始邮件", "原始信件", "转发", "轉寄", "元のメッセージ", "reply message", "reply above this line", "your message of", "thư gốc", "previous message", "reply separator",
}

var beginForwarded = []string{
	"begin forwarded message", "début du message réexpédié", "inicio del mensaje reenviado", "inizio messaggio inoltrato", "anfang der weitergeleiteten", "início da mensagem reencaminhada", "início da mensagem encaminhada",
	"please type your reply above", "please reply above this line", "##- please type your reply above", "--- reply above", "please do not write below this line",
}

// headerNames are the labels of the block that Outlook and others put over the
// mail that is answered.
var headerNames = map[string]bool{}

func init() {
	for _, w := range strings.Fields("from sent date to cc subject reply-to importance attachments von gesendet datum an betreff de enviado fecha para asunto el envoyé envoye date à objet cc data assunto enviada enviada_em enviado_em enviado_el da inviato oggetto a van verzonden aan onderwerp från skickat till ämne fra sendt til emne od wysłano do temat 发件人 发送时间 收件人 抄送 主题 寄件者 傳送時間 收件者 主旨 日期 差出人 送信日時 宛先 件名 từ ngày đến chủ_đề gửi nan lè sijè 보낸_사람 날짜 받는_사람 제목 от отправлено кому тема") {
		headerNames[strings.ReplaceAll(w, "_", " ")] = true
	}
}

// fromNames are the labels that can begin such a block.
var fromNames = map[string]bool{"from": true, "von": true, "de": true, "da": true, "van": true, "från": true, "fra": true, "od": true, "发件人": true, "寄件者": true, "差出人": true, "보낸 사람": true, "từ": true, "от": true, "sent": true, "date": true, "subject": true, "gesendet": true, "enviado": true, "envoyé": true}

// headerLabel is the label of a line "Label: value", lower case, or "".
func headerLabel(line string) string {
	line = strings.TrimLeft(line, "*_ >")
	k := strings.IndexAny(line, ":：")
	if k <= 0 || k > 30 {
		return ""
	}
	l := strings.ToLower(strings.Trim(line[:k], "*_ "))
	if headerNames[l] {
		return l
	}
	return ""
}

// historyAt reports whether everything from line i on is history: a separator,
// or the head of the mail that is answered.
func historyAt(lines []string, i int) bool {
	t := lines[i]
	low := strings.ToLower(t)
	if len(t) >= 4 && len(t) < 120 && (t[0] == '-' || t[0] == '=' || t[0] == '*' || t[0] == '_' || t[0] == '#') {
		inner := strings.Trim(low, "-=*_# ")
		if inner != low && len(inner) > 0 && len(inner) < 60 {
			for _, w := range originalWords {
				if strings.HasPrefix(inner, w) {
					return true
				}
			}
		}
		if strings.Trim(t, "_-=") == "" && len(t) >= 10 && headerBlock(lines, next(lines, i+1)) {
			return true
		}
	}
	if hasAnyPrefix(low, beginForwarded) {
		return true
	}
	return headerBlock(lines, i)
}

func next(lines []string, i int) int {
	for i < len(lines) && lines[i] == "" {
		i++
	}
	return i
}

// headerBlock reports whether a block of at least two header lines begins at
// line i, the first of them naming an author or a time.
func headerBlock(lines []string, i int) bool {
	if i >= len(lines) {
		return false
	}
	first := headerLabel(lines[i])
	if first == "" || !fromNames[first] {
		return false
	}
	seen := map[string]bool{first: true}
	for j, n := i+1, 0; j < len(lines) && n < 6; j++ {
		if lines[j] == "" {
			// some converters put blank lines between the fields
			if len(seen) >= 2 {
				break
			}
			continue
		}
		n++
		if l := headerLabel(lines[j]); l != "" {
			seen[l] = true
		}
	}
	value := lines[i][strings.IndexAny(lines[i], ":：")+1:]
	return len(seen) >= 3 || len(seen) == 2 && (strings.Contains(value, "@") || first == "from" || first == "von" || first == "发件人")
}

var mailInText = regexp.MustCompile(`[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}`)
