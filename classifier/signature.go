package classifier

import (
	"strings"
	"unicode"

	"illmail/mailbox"
)

// footerStarts begin the line that a phone or a web mail puts under a mail.
var footerStarts = []string{
	"sent from my", "sent from mail for", "sent from outlook", "sent from yahoo", "sent from samsung", "sent from gmail", "sent from proton", "sent from mobile", "sent from mailbox", "sent from windows", "sent on the go", "this email originated from a mobile", "get outlook for", "get bluemail", "typed on my", "please excuse typos", "please excuse any typos", "please excuse my brevity", "excuse the typos", "excuse my brevity", "pardon typos", "pardon any typos", "from my iphone", "from my ipad", "from my phone", "from my android",
	"envoyé de mon", "envoyé depuis", "envoyé à partir", "obtenir outlook", "obtenez outlook", "télécharger outlook", "provenance : courrier", "enviado desde", "enviado de mi", "obtener outlook", "obtén outlook", "enviado do meu", "enviado de meu", "enviado a partir", "obter o outlook", "obtenha o outlook", "enviado pelo", "enviado por correo",
	"von meinem", "gesendet von", "diese nachricht wurde von meinem", "holen sie sich outlook", "outlook für", "outlook for ios", "outlook for android", "inviato da", "inviato dal", "ottieni outlook", "scarica outlook", "verzonden vanaf", "verstuurd vanaf", "outlook voor", "skickat från", "hämta outlook", "sendt fra", "sendt fra min", "hent outlook", "få outlook", "hanki outlook", "wysłane z", "wysłano z", "pobierz program outlook", "odesláno z", "odoslané z", "poslano z", "trimis de pe", "iphone-omról", "iphone'umdan gönderildi", "iphone’umdan gönderildi",
	"отправлено с", "отправлено из", "надіслано з", "изпратено от", "στάλθηκε από", "发自我的", "从我的", "傳送自", "從我的", "获取 outlook", "發自我的", "取得 outlook", "iphoneから", "ipadから", "androidから", "私のiphone", "나의 iphone", "내 iphone", "gửi từ", "dikirim dari", "ส่งจาก", "נשלח מ", "أرسل", "مرسل من", "voye soti", "voye nan", "mandado desde", "enviat des", "nire iphone",
}

// sentBy begin such a line only where a device or a program is named: a parcel
// is sent via a carrier, a bill by post.
var sentBy = []string{"sent from ", "sent via ", "sent with ", "sent using ", "sent by ", "sent through ", "composed on ", "written on ", "someone from mobile",
	"envoyé via ", "envoyé avec ", "enviado con ", "enviado via ", "verzonden met ", "verzonden via ", "verstuurd met ", "gesendet mit ", "gesendet über ", "lähetetty ", "elküldve "}

var devices = []string{
	"phone", "mobile", "tablet", "ipad", "ipod", "iphone", "iphon", "android", "galaxy", "samsung", "blackberry", "outlook", "yahoo", "gmail", "google", "proton", "airmail", "spark", "superhuman", " app", "webmail", "windows", "huawei", "xiaomi", "nokia", "motorola", "pixel", "droid", "device", "my cell", "handheld", "sparrow", "mailbox", "k-9", "thunderbird", "bluemail", "edison", "acompli", "inbox", "fairmail", "tutanota", "zoho", "hotmail", "aol", "mac ", "verizon", "t-mobile", "at&t", "smartphone", "my computer", "mobil", "puhelim", "telefoon", "telefon",
}

// sentStems stand at the beginning or the end of such a line.
var sentStems = []string{
	"envoyé", "expédié", "enviado", "enviada", "mandado", "gesendet", "geschickt", "verzonden", "verstuurd", "inviato", "skickat", "skickades", "sendt", "lähetetty", "wysłano", "wysłane", "wysłana", "odesláno", "odoslané", "poslano", "trimis", "küldve", "elküldve", "gönderildi", "enviat", "saadetud", "išsiųsta", "nosūtīts",
	"отправлено", "надіслано", "изпратено", "στάλθηκε", "发自", "发送", "傳送", "送信", "전송됨", "보냄", "gửi", "dikirim", "ส่ง", "נשלח", "أرسلت", "أُرسلت", "أرسل", "مرسل", "ارسال",
}

// isFooter reports whether a line is a footer: it begins as one, is short, and
// is no sentence about something else ("Sent from my desk it is easier").
func isFooter(line string) bool {
	low := strings.Trim(strings.ToLower(line), "*_<>[]()|-–—• ")
	if len(low) == 0 || runes(low) >= 110 {
		return false
	}
	for _, kind := range []string{"mail", "email", "e-mail", "message"} {
		if rest, ok := strings.CutPrefix(low, "this "+kind+" was "); ok {
			return hasAnyPrefix(rest, footerStarts)
		}
	}
	starts := hasAnyPrefix(low, footerStarts) || containsAny(low, devices...) && (hasAnyPrefix(low, sentBy) || len(strings.Fields(low)) <= 9 && (hasAnyPrefix(low, sentStems) || hasAnySuffix(strings.TrimRight(low, ". "), sentStems)))
	return starts && !containsAny(low+" ", " is ", " was ", " were ", " are ", " has ", " have ", " yesterday", " today", "?")
}

// disclaimerStarts begin what an organisation puts under every mail.
var disclaimerStarts = []string{
	"confidentiality notice", "confidentiality:", "confidential:", "this message may contain", "this message is intended", "this message and any", "this message contains confidential", "this e-mail and any", "this email and any", "this e-mail is", "this email is confidential", "this email may", "this e-mail may", "this communication", "this transmission",
	"the information contained in", "the information in this", "the contents of this", "if you are not the intended", "if you have received this", "if you received this", "if you received it in error", "disclaimer", "notice: this", "please consider the environment", "please think before", "think before you print", "before printing", "consider the environment", "save paper",
	"privileged and confidential", "legal notice", "under florida", "under state law", "public records", "email correspondence to and from", "e-mail correspondence to and from",
	"avis de confidentialité", "ce message est", "ce courriel", "ce message et", "ce message peut", "pensez à l'environnement", "pensez à l’environnement", "aviso legal", "aviso de confidencialidad", "este mensaje", "este correo", "la información contenida", "antes de imprimir", "aviso de confidencialidade", "esta mensagem", "este e-mail", "este email",
	"diese e-mail", "diese nachricht", "der inhalt dieser", "bitte denken sie an die umwelt", "questo messaggio", "le informazioni contenute", "此邮件", "本邮件", "virus-free", "this email has been checked", "get a signature like", "to unsubscribe", "you received this message because", "ref:_00", "ref:00",
}

// closings are the words before a typed name.
var closings = []string{
	"best", "best regards", "best wishes", "kind regards", "kindest regards", "warm regards", "warmly", "warmest", "regards", "thanks", "thank you", "many thanks", "thanks so much", "thanks again", "thx", "ty", "cheers", "sincerely", "yours sincerely", "sincerely yours", "yours", "yours truly", "yours faithfully", "respectfully", "cordially", "all the best", "all best", "take care", "with thanks", "with gratitude", "gratefully", "with kind regards", "with best wishes", "with good wishes", "with warm regards", "with appreciation", "in haste", "love", "peace", "ta", "br", "rgds", "greetings",
	"saludos", "un saludo", "saludos cordiales", "cordialmente", "atentamente", "atte", "gracias", "muchas gracias", "mil gracias", "un abrazo", "abrazos", "un cordial saludo",
	"cordialement", "bien cordialement", "bien à vous", "merci", "merci d'avance", "merci beaucoup", "bonne journée", "avec mes remerciements", "salutations", "sincères salutations", "respectueusement", "amicalement",
	"obrigado", "obrigada", "muito obrigado", "muito obrigada", "atenciosamente", "cumprimentos", "com os melhores cumprimentos", "abraços", "um abraço", "abs", "grato", "grata",
	"mit freundlichen grüßen", "mit freundlichen grüssen", "mit freundlichem gruß", "freundliche grüße", "freundliche grüsse", "viele grüße", "viele grüsse", "beste grüße", "liebe grüße", "herzliche grüße", "schöne grüße", "mfg", "vg", "lg", "gruß", "grüße", "danke", "vielen dank", "besten dank", "herzlichen dank", "hochachtungsvoll",
	"grazie", "cordiali saluti", "distinti saluti", "saluti", "un saluto", "mvh", "med vänlig hälsning", "vennlig hilsen", "hilsen", "met vriendelijke groet", "groeten", "pozdrawiam", "谢谢", "谢谢您", "此致", "敬礼", "祝好", "mèsi", "cảm ơn", "trân trọng", "kia ora", "nga mihi",
}

var closingSet = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range closings {
		m[c] = true
	}
	return m
}()

// titleWords are what stands under a name in a signature, and nowhere at the
// end of what a person types.
var titleWords = strings.Fields(`professor prof emeritus emerita lecturer instructor dean provost director coordinator manager librarian specialist assistant associate administrator analyst engineer technician
	department dept school college university universidad université universidade universität institute institut instituto faculty library libraries bibliothek biblioteca bibliothèque bibliothek universitätsbibliothek bibliotheque center centre office division program programme unit services service laboratory lab hospital museum archives
	phd ph.d m.a ma mfa msn dnp dma j.d md rn mls mlis mba b.a bsc msc candidate student doctoral graduate undergraduate doctorando doctoranda doktorand doktorandin bolseira bolseiro fellow postdoc researcher scholar adjunct chair head lead supervisor officer interlibrary ill fernleihe préstamo prestamo prêt pret peb resource sharing access circulation acquisitions lending borrowing
	she/her he/him they/them she/they pronouns tel phone fax ext cell mobile pager room rm building bldg hall suite street ave avenue road drive box postfach raum www http https twitter linkedin orcid teléfono tél telefon`)

var titleSet = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range titleWords {
		m[w] = true
	}
	return m
}()

// cutSignature divides one answer into what was typed and the signature,
// footers and disclaimers under it. A block that looks like a signature is cut
// from the first answer and the last only, not what stands under a delimiter.
func cutSignature(seg []string, sender mailbox.Address, first, last bool) (own, cut []string) {
	end := cutDelimited(seg, sender, first)
	end = cutDisclaimer(seg, end, first)
	end = cutFooters(seg, end)
	if first || last {
		for n := 0; n < 3; n++ {
			e := cutBlock(seg, end, sender)
			if e == end {
				break
			}
			end = cutFooters(seg, e)
		}
	}
	return seg[:end], seg[end:]
}

// cutDelimited is the end of the text before a line that divides a signature
// from it: "-- " (RFC 3676 section 4.3) anywhere, its kin near the end; never
// on top of the first answer.
func cutDelimited(seg []string, sender mailbox.Address, first bool) int {
	left := 0
	for _, l := range seg {
		if l != "" {
			left++
		}
	}
	begun := !first
	for i, l := range seg {
		if l == "" {
			continue
		}
		left--
		if begun && isDelimiter(l, seg[i+1:], left, i > 0 && isClosing(seg[i-1]) && i+1 < len(seg) && nameLine(seg[i+1], sender)) {
			return i
		}
		begun = true
	}
	return len(seg)
}

// isDelimiter reports whether a line divides a signature from the text; left is
// the number of lines below that are not blank, closed whether "Best wishes"
// or the like stands right above and a name right below.
func isDelimiter(l string, below []string, left int, closed bool) bool {
	if l == "-- " {
		return true
	}
	if l == "" || strings.Trim(l, "_-=*~—– ") != "" || len(l) == 1 {
		return false
	}
	if closed {
		return true
	}
	for _, b := range below { // a signature has no line that long right on top, unless it is a disclaimer
		if b != "" {
			if runes(b) > 120 && !startsDisclaimer(b) && legalHits(b) < 2 {
				return false
			}
			break
		}
	}
	switch {
	case l == "--" || l == "—" || l == "–" || l == "---" || l == "- --" || l == "——":
		return left > 0 && left <= 12
	case len(l) >= 3:
		if left == 0 {
			return true
		}
		if left > 14 {
			return false
		}
		// a line of dashes may divide sections of what was typed
		rest := strings.ToLower(strings.Join(below, "\n"))
		return containsAny(rest, "@", "http", "www.", "tel", "phone", "intended", "confidential", "mailing list", "environment", "unsubscribe") || looksTitled(below)
	}
	return false
}

func looksTitled(lines []string) bool {
	for _, l := range lines {
		if titled(l) {
			return true
		}
	}
	return false
}

// legalWords are what disclaimers are made of.
var legalWords = []string{
	"confidential", "privileged", "intended", "recipient", "disclos", "unauthori", "prohibited", "in error", "viruses", "malware", "notify the sender", "delete",
	"vertraulich", "empfänger", "irrtümlich", "confidencia", "destinat", "por error", "confidentiel", "par erreur", "por engano", "riservat", "per errore", "vertrouwelijk", "geadresseerde", "poufn", "adresat", "konfidentiel", "fortrolig", "保密", "机密", "機密",
}

// cutDisclaimer is the end of the text before the first paragraph, below
// others, that is a disclaimer: what follows it is of the same kind.
func cutDisclaimer(seg []string, end int, first bool) int {
	for i := 0; i < end; i++ {
		if seg[i] == "" || i > 0 && seg[i-1] != "" || i == 0 && first {
			continue
		}
		if !startsDisclaimer(seg[i]) {
			continue
		}
		hits := 0
		for n, j := 0, i; j < end && n < 12; j++ { // a heading stands alone sometimes
			if seg[j] == "" && n > 1 {
				break
			}
			if seg[j] != "" {
				n++
				hits += legalHits(seg[j])
			}
		}
		if hits >= 2 {
			return i
		}
	}
	return end
}

// legalHits counts the legalWords in a line.
func legalHits(l string) int {
	hits := 0
	low := strings.ToLower(l)
	for _, w := range legalWords {
		if strings.Contains(low, w) {
			hits++
		}
	}
	return hits
}

func startsDisclaimer(l string) bool {
	return hasAnyPrefix(strings.TrimLeft(strings.ToLower(l[:min(len(l), 120)]), "*_-–—. |>[(♻🌳"), disclaimerStarts)
}

// cutFooters is the end of the text without phone footers and disclaimers.
func cutFooters(seg []string, end int) int {
	for {
		for end > 0 && strings.TrimSpace(seg[end-1]) == "" {
			end--
		}
		if end == 0 {
			return 0
		}
		if isFooter(seg[end-1]) {
			end--
			continue
		}
		// a disclaimer runs over some lines to the end of its paragraph
		cutTo := -1
		for i, n := end-1, 0; i >= 0 && n < 14 && seg[i] != ""; i, n = i-1, n+1 {
			if startsDisclaimer(seg[i]) {
				cutTo = i
			}
		}
		if cutTo < 0 || cutTo == 0 {
			return end
		}
		end = cutTo
	}
}

// cutBlock is the end of the text without the last paragraph's signature block.
func cutBlock(seg []string, end int, sender mailbox.Address) int {
	from := end
	for from > 0 && strings.TrimSpace(seg[from-1]) != "" {
		from--
	}
	p := seg[from:end]
	if len(p) == 0 || len(p) > 10 {
		return end
	}
	for _, l := range p {
		if runes(l) > 90 {
			return end
		}
	}
	// the typed closing stays, and the name under it
	k := -1
	for i, l := range p {
		if isClosing(l) {
			k = i
		}
	}
	if k >= 0 {
		keep := k + 2
		if strings.Contains(strings.TrimRight(p[k], ",.! "), ",") { // "Thanks, Ana" on one line
			keep = k + 1
			if keep < len(p) && !nameLine(p[keep], sender) && sigLines(p[keep:]) == 0 {
				return end
			}
		}
		if keep >= len(p) {
			return end
		}
		extra := p[keep:]
		if len(extra) == 1 && runes(extra[0]) <= 5 { // a library's symbol under the name
			return end
		}
		if sigLines(extra) == len(extra) {
			return from + keep
		}
		return end
	}
	if from == 0 {
		// a text of one paragraph: a name on a line of its own with titles under it
		for i := 1; i < len(p); i++ {
			if nameLine(p[i], sender) && i+1 < len(p) && sigLines(p[i+1:]) == len(p)-i-1 && looksTitled(p[i+1:]) {
				return i + 1
			}
		}
		return end
	}
	if nameLine(p[0], sender) {
		if len(p) == 1 {
			if titled(stripName(p[0])) || contact(p[0]) || strings.Contains(p[0], " | ") {
				return from
			}
			return end
		}
		if sigLines(p[1:]) == len(p)-1 {
			if len(p) == 2 && runes(p[1]) <= 5 {
				return end
			}
			return from
		}
		return end
	}
	// a block of titles, addresses and places without the name
	strong := 0
	for _, l := range p {
		if contact(l) || titled(l) {
			strong++
		}
	}
	if strong > 0 && strong*2 >= len(p) && sigLines(p) == len(p) {
		return from
	}
	return end
}

// isClosing reports whether a line is a closing phrase, alone or with a name.
func isClosing(l string) bool {
	low := strings.ToLower(strings.TrimRight(l, ",.!:;-–— 🙂😊)"))
	if closingSet[low] {
		return true
	}
	if k := strings.IndexAny(low, ",!.-–"); k > 0 && runes(low) < 45 {
		return closingSet[strings.TrimSpace(low[:k])] && len(strings.Fields(low[k:])) <= 4
	}
	return false
}

// sigLines counts lines that may be of a signature: short, and no sentence.
func sigLines(lines []string) int {
	n := 0
	for _, l := range lines {
		low := " " + strings.ToLower(l) + " "
		sentence := strings.HasSuffix(l, "?") || strings.HasSuffix(l, "!") || strings.HasSuffix(l, ".") && len(strings.Fields(l)) > 5 && !contact(l) ||
			describesRequest(l) || containsAny(low, " i ", " i'", " i’", " you ", " please ", " we ", " my ", " is ", " are ", " was ", " can ", " will ") && !contact(l)
		if !sentence && runes(l) <= 90 {
			n++
		}
	}
	return n
}

// requestLabels begin lines about a request, which stand under a name as often
// as above it.
var requestLabels = labels(`title author journal article volume vol issue year pages isbn issn doi oclc tn request ill ill_number ill_# patron due due_date lender borrower barcode status titel autor verfasser zeitschrift band título revista autores titre auteur revue titolo autore`)

// describesRequest reports whether a line is "Title: …" or another of
// requestLabels with more behind it than a library's symbol.
func describesRequest(l string) bool {
	k := strings.IndexByte(l[:min(len(l), 24)], ':')
	return k > 0 && runes(strings.TrimSpace(l[k+1:])) > 5 && requestLabels[strings.ToLower(strings.Trim(l[:k], "*_ "))]
}

// titled reports whether a line has a word of a position or an institution.
func titled(l string) bool {
	for _, w := range strings.FieldsFunc(strings.ToLower(l), func(r rune) bool {
		return !unicode.IsLetter(r) && r != '.' && r != '/'
	}) {
		if titleSet[strings.Trim(w, "./")] || titleSet[strings.TrimRight(w, ".")] {
			return true
		}
	}
	return false
}

// contact reports whether a line has an address of any kind.
func contact(l string) bool {
	low := strings.ToLower(l)
	if containsAny(low, "@", "http", "www.", " | ", "•", "·") {
		return true
	}
	return digits(l) >= 7 && digits(l)*2 >= len(l)/2 || containsAny(low, "tel.", "tel:", "phone", "fax", "ext.", "ext ") && digits(l) >= 3
}

// nameLine reports whether a line is a person's name: the sender's, or two to
// four capitalised words.
func nameLine(l string, sender mailbox.Address) bool {
	core := stripAfterComma(l)
	words := strings.Fields(strings.Trim(core, "*_-–— ."))
	if len(words) == 0 || len(words) > 5 || runes(core) > 45 || strings.ContainsAny(core, ":=") {
		return false
	}
	have := map[string]bool{}
	for _, w := range strings.FieldsFunc(fold(sender.Name), notLetter) {
		have[w] = true
	}
	hits := 0
	for _, w := range words {
		for _, part := range strings.FieldsFunc(fold(w), notLetter) {
			if len(part) > 1 && have[part] {
				hits++
			}
		}
	}
	if hits > 0 && len(words)-hits <= 2 {
		return true
	}
	if len(words) < 2 {
		return false
	}
	for _, w := range words {
		r := []rune(strings.Trim(w, ".()"))
		if len(r) == 0 || !unicode.IsUpper(r[0]) && !namePart[strings.ToLower(w)] {
			return false
		}
	}
	return !titled(core)
}

var namePart = map[string]bool{"de": true, "da": true, "do": true, "dos": true, "del": true, "la": true, "van": true, "von": true, "der": true, "den": true, "di": true, "al": true, "bin": true, "y": true, "e": true}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// stripAfterComma is the line up to the degree or the position: "Karim Nasser, MFA".
func stripAfterComma(l string) string {
	if k := strings.IndexAny(l, ",(|"); k > 0 {
		return l[:k]
	}
	return l
}

func stripName(l string) string {
	if k := strings.IndexAny(l, ",(|"); k > 0 {
		return l[k:]
	}
	return ""
}
