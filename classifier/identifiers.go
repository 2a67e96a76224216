package classifier

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Types of identifiers.
const (
	idTN       = "tn"
	idILL      = "ill_number"
	idRapid    = "rapid_number"
	idCrossRef = "cross_ref"
	idDOI      = "doi"
	idISBN     = "isbn"
	idISSN     = "issn"
	idBarcode  = "barcode"
	idPMID     = "pmid"
	idOCLC     = "oclc"
	idExchange = "article_exchange"
	idPassword = "password"
	idDate     = "date"
	idAmount   = "amount"
	idNumber   = "number" // bare, or of something else: never a match by itself
)

// maxIdentifiers bounds what one part of a mail may name.
const maxIdentifiers = 200

// maxScan bounds how much of a text is searched for identifiers, in bytes.
const maxScan = 64 << 10

var (
	doiPattern      = regexp.MustCompile(`\b10\.\d{4,9}/[^\s"'<>,;)\]}|]+`)
	urlPattern      = regexp.MustCompile(`https?://[^\s<>"')\]]+`)
	passwordPattern = regexp.MustCompile(`(?i)\b(password|passwort|kennwort|passcode|pass code|contraseña|contrasena|clave de acceso|mot de passe|senha|wachtwoord|mật khẩu|密码|密碼)(\s+(?:is|ist|es|est|para|for)\b[^:\n]{0,30})?\s*[:：=]?\s*([^\s,;<>"']{4,64})`)
	amountPattern   = regexp.MustCompile(`(?i)(?:US\s?\$|\$|€|£|\b(?:USD|EUR|GBP|CAD|AUD|CHF)\s?)\s?(\d[\d.,]*\d|\d)|\b(\d[\d.,]*\d|\d)\s?(?:€|£|\b(?:USD|EUR|euros?|dollars|dólares|GBP|CAD|AUD|CHF|Euro|bucks)\b)`)
)

// labels before a number, longest first where one contains another.
var numberLabels = []struct {
	words string // folded, as it ends before the number
	typ   string
}{
	{"cross ref id", idCrossRef}, {"cross reference id", idCrossRef}, {"crossref id", idCrossRef},
	{"illiad tn", idTN}, {"transaction number", idTN}, {"transaction no", idTN}, {"transaction", idTN}, {"trans", idTN}, {"tn", idTN}, {"illiad", idTN}, {"value", idTN}, {"your reference", idTN}, {"your ref", idTN}, {"ihre referenz", idTN}, {"your ref no", idTN},
	{"rapid request", idRapid}, {"rapid code", idRapid}, {"rapid id", idRapid}, {"rapid number", idRapid}, {"rapid", idRapid}, {"rapidx", idRapid},
	{"ill number", idILL}, {"ill no", idILL}, {"ill request", idILL}, {"ill", idILL}, {"oclc request", idILL}, {"request id", idILL}, {"worldshare", idILL}, {"wsill", idILL}, {"your request", idILL}, {"our request", idILL}, {"our no", idILL}, {"our loan", idILL}, {"your loan", idILL}, {"loan", idILL}, {"loan number", idILL}, {"overdue", idILL}, {"recall", idILL}, {"borrowing request", idILL}, {"demande", idILL}, {"solicitud", idILL}, {"pedido", idILL}, {"prestamo", idILL}, {"bestellung", idILL}, {"bestellnummer", idILL}, {"bestellnr", idILL}, {"fernleihe", idILL}, {"oclc ill", idILL}, {"renewal denied", idILL},
	{"oclc", idOCLC}, {"ocn", idOCLC}, {"accession no", idOCLC}, {"oclc number", idOCLC}, {"oclc no", idOCLC}, {"worldcat", idOCLC},
	{"pmid", idPMID}, {"pubmed id", idPMID}, {"pubmed", idPMID},
	{"isbn", idISBN}, {"isbn 13", idISBN}, {"isbn 10", idISBN}, {"issn", idISSN}, {"eissn", idISSN},
	{"barcode", idBarcode}, {"bar code", idBarcode}, {"codigo de barras", idBarcode}, {"strichcode", idBarcode},
	// what is no request's number
	{"phone", ""}, {"tel", ""}, {"telephone", ""}, {"telefono", ""}, {"telefon", ""}, {"fax", ""}, {"cell", ""}, {"mobile", ""}, {"ext", ""}, {"extension", ""}, {"call", ""}, {"pager", ""}, {"text", ""}, {"whatsapp", ""}, {"zip", ""}, {"box", ""}, {"postfach", ""}, {"room", ""}, {"rm", ""}, {"locker", ""},
	{"id", idNumber}, {"student id", idNumber}, {"id number", idNumber}, {"student number", idNumber}, {"student", idNumber}, {"university id", idNumber}, {"campus id", idNumber}, {"emplid", idNumber}, {"card", idNumber}, {"card number", idNumber}, {"matrikelnummer", idNumber}, {"carne", idNumber}, {"badge", idNumber}, {"netid", idNumber}, {"patron id", idNumber},
	{"invoice", idNumber}, {"inv", idNumber}, {"invoice no", idNumber}, {"invoice number", idNumber}, {"factura", idNumber}, {"facture", idNumber}, {"fatura", idNumber}, {"rechnung", idNumber}, {"receipt", idNumber}, {"receipts", idNumber}, {"receipts no", idNumber}, {"recibo", idNumber}, {"case", idNumber}, {"case number", idNumber}, {"ticket", idNumber}, {"incident", idNumber}, {"inc", idNumber}, {"wo", idNumber}, {"work order", idNumber}, {"order", idNumber}, {"order number", idNumber}, {"order no", idNumber}, {"po", idNumber}, {"p o", idNumber}, {"purchase order", idNumber}, {"report number", idNumber}, {"case no", idNumber}, {"prb", idNumber}, {"account", idNumber}, {"customer", idNumber}, {"tracking", idNumber}, {"tracking number", idNumber}, {"sendungsnummer", idNumber}, {"ups", idNumber}, {"course", idNumber}, {"crn", idNumber}, {"section", idNumber}, {"ref", idNumber},
	{"interlibrary loan request", idTN}, {"request number", idTN}, {"request no", idTN}, {"request", idTN}, {"req", idTN}, {"requests", idTN}, {"numero de solicitud", idTN}, {"numero de pedido", idTN}, {"anfrage", idTN},
}

var labelTypes = func() map[string]string {
	m := make(map[string]string, len(numberLabels))
	for _, l := range numberLabels {
		m[l.words] = l.typ
	}
	return m
}()

// FindIdentifiers is what a text names, in its order. ref is the day to which
// "Friday" refers.
func FindIdentifiers(text string, ref time.Time) []Identifier {
	if len(text) > maxScan {
		text = text[:maxScan]
	}
	var out []Identifier
	taken := make([]bool, 0)
	take := func(a, b int) {
		if len(taken) == 0 {
			taken = make([]bool, len(text)+1)
		}
		for i := a; i < b && i < len(taken); i++ {
			taken[i] = true
		}
	}
	free := func(a int) bool { return len(taken) == 0 || !taken[a] }
	add := func(typ, value, label string) {
		if len(out) < maxIdentifiers {
			out = append(out, Identifier{Type: typ, Value: value, Label: label})
		}
	}

	if strings.Contains(text, "10.") {
		for _, loc := range doiPattern.FindAllStringIndex(text, 20) {
			add(idDOI, strings.ToLower(strings.TrimRight(text[loc[0]:loc[1]], ".:…*_")), "")
			take(loc[0], loc[1])
		}
	}
	if strings.Contains(text, "://") {
		for _, loc := range urlPattern.FindAllStringIndex(text, 50) {
			u := text[loc[0]:loc[1]]
			low := strings.ToLower(u)
			switch {
			case strings.Contains(low, "articleexchange") || strings.Contains(low, "xchange."):
				add(idExchange, maskLink(u), "")
			case strings.Contains(low, "illiad"):
				if k := strings.Index(low, "value="); k >= 0 {
					if n := leadingDigits(u[k+6:]); len(n) >= 5 && len(n) <= 8 {
						add(idTN, n, "Value=")
					}
				}
			}
			take(loc[0], loc[1])
		}
	}
	for _, loc := range passwordLocs(text) {
		add(idPassword, "••••", text[loc[2]:loc[3]])
		take(loc[6], loc[7])
	}
	if strings.ContainsAny(text, "$€£") || containsAny(text, "USD", "EUR", "euro", "dollar", "dólar", "CAD", "GBP", "CHF", "bucks") {
		for _, loc := range amountPattern.FindAllStringIndex(text, 30) {
			if free(loc[0]) {
				add(idAmount, strings.Join(strings.Fields(text[loc[0]:loc[1]]), " "), "")
				take(loc[0], loc[1])
			}
		}
	}
	for _, d := range findDates(text, ref) {
		if free(d.start) {
			add(idDate, d.day.Format("2006-01-02"), d.before)
			take(d.start, d.end)
		}
	}

	for i := 0; i < len(text); {
		c := text[i]
		if c < '0' || c > '9' || !free(i) {
			i++
			continue
		}
		// a run of digits with the blanks and hyphens inside it
		j, n := i, 0
		for j < len(text) && free(j) {
			d := text[j]
			if d >= '0' && d <= '9' {
				n++
				j++
				continue
			}
			if (d == '-' || d == ' ') && j+1 < len(text) && text[j+1] >= '0' && text[j+1] <= '9' && n < 24 {
				j++
				continue
			}
			break
		}
		run := text[i:j]
		if n >= 3 {
			numberRun(text, i, j, run, n, add)
		}
		i = j
	}
	return out
}

// numberRun names the numbers of a run of digits, blanks and hyphens.
func numberRun(text string, i, j int, run string, n int, add func(typ, value, label string)) {
	glued := i > 0 && (text[i-1] >= 'a' && text[i-1] <= 'z' || text[i-1] >= 'A' && text[i-1] <= 'Z')
	label, typ, known := labelBefore(text, i)
	tail := byte(0)
	if j < len(text) {
		tail = text[j]
	}
	plain := onlyDigits(run)
	if (tail == 'x' || tail == 'X') && (n == 9 || n == 7) {
		plain += "X"
	}
	switch {
	case known && typ == idISBN || len(plain) == 13 && (strings.HasPrefix(plain, "978") || strings.HasPrefix(plain, "979")):
		if len(plain) == 10 || len(plain) == 13 {
			add(idISBN, plain, label)
			return
		}
	case known && typ == idISSN || len(plain) == 8 && strings.Contains(run, "-") && strings.IndexByte(run, '-') == 4 && !glued && issnValid(plain):
		if len(plain) == 8 {
			add(idISSN, plain, label)
			return
		}
	case len(plain) == 10 && !strings.Contains(run, " ") && isbn10Valid(plain) && !known:
		add(idISBN, plain, label)
		return
	}
	if phoneLike(text, i, j, run, n) {
		return
	}
	// without the blanks: each number by itself
	parts := strings.FieldsFunc(run, func(r rune) bool { return r == ' ' })
	if len(parts) == 1 && strings.Contains(run, "-") && !(known && typ == idRapid) {
		parts = strings.Split(run, "-")
		if len(parts) == 2 && len(parts[1]) <= 3 && len(parts[0]) >= 6 { // "40077215-001"
			parts = parts[:1]
		}
	}
	if known && typ == idBarcode && n >= 10 && n <= 16 || !known && len(parts) == 1 && n == 14 {
		add(idBarcode, onlyDigits(run), label)
		return
	}
	for k, p := range parts {
		p = onlyDigits(p)
		if len(p) < 5 || len(p) > 12 {
			continue
		}
		if k > 0 && len(parts) > 2 && len(p) < 6 {
			continue
		}
		t := typ
		switch {
		case !known && glued:
			t = idNumber // INV348865, A2261884507
		case !known && len(p) >= 8:
			t = idILL
			if len(p) > 10 {
				t = idNumber
			}
		case !known:
			t = idNumber
		case typ == "":
			continue
		case typ == idILL && len(p) <= 7 && len(p) >= 6:
			t = idTN
		case typ == idTN && len(p) >= 8 && len(p) <= 10:
			t = idILL
		case (typ == idTN || typ == idILL) && len(p) < 6:
			t = idNumber
		}
		add(t, p, label)
	}
}

// labelBefore is the label that names the number at byte i, and its type.
func labelBefore(text string, i int) (label, typ string, known bool) {
	from := max(0, i-48)
	for from < i && text[from]&0xC0 == 0x80 {
		from++
	}
	seg := text[from:i]
	if k := strings.LastIndexByte(seg, '\n'); k >= 0 {
		if strings.TrimSpace(seg[k:]) != "" {
			seg = seg[k+1:]
		}
	}
	words := wordsOf(fold(seg))
	for k, w := range words { // extraction may drop the blank before a label: "23496420CROSS REF ID"
		if t := strings.TrimLeft(w, "0123456789"); t != "" {
			words[k] = t
		}
	}
	end := len(words)
	for end > 0 && filler[words[end-1]] {
		end--
	}
	for n := 3; n >= 1; n-- {
		for _, e := range []int{len(words), end} {
			if e-n < 0 {
				continue
			}
			l := strings.Join(words[e-n:e], " ")
			if t, ok := labelTypes[l]; ok {
				return l, t, true
			}
		}
	}
	if strings.HasSuffix(strings.TrimRight(seg, " "), "#") {
		return "#", idTN, true
	}
	return "", "", false
}

// filler stands between a label and its number.
var filler = map[string]bool{"number": true, "no": true, "nr": true, "num": true, "n": true, "numero": true, "nummer": true, "is": true, "id": true, "request": true, "ist": true, "es": true, "est": true, "the": true, "of": true, "was": true, "for": true, "and": true, "code": true, "o": true, "ref": true}

// wordsOf is the words of a folded text, letters and digits only.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
	})
}

// phoneLike tells a phone number by its shape.
func phoneLike(text string, i, j int, run string, n int) bool {
	if n < 7 || n > 15 {
		return false
	}
	before := byte(0)
	if i > 0 {
		before = text[i-1]
	}
	if before == '+' {
		return true
	}
	if before == '(' || i > 1 && before == ' ' && text[i-2] == ')' || j < len(text) && text[j] == ')' && n <= 4 {
		return n >= 7
	}
	groups := strings.FieldsFunc(run, func(r rune) bool { return r == '-' || r == ' ' || r == '.' })
	if !strings.Contains(run, "-") {
		return false
	}
	switch len(groups) {
	case 2:
		return len(groups[0]) == 3 && len(groups[1]) == 4
	case 3:
		return len(groups[0]) == 3 && len(groups[1]) == 3 && len(groups[2]) == 4 || len(groups[0]) == 3 && len(groups[1]) == 2 && len(groups[2]) == 4
	case 4:
		return groups[0] == "1" && len(groups[1]) == 3
	}
	return false
}

func onlyDigits(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

func leadingDigits(s string) string {
	k := 0
	for k < len(s) && s[k] >= '0' && s[k] <= '9' {
		k++
	}
	return s[:k]
}

// issnValid checks the last digit of an ISSN (ISO 3297).
func issnValid(s string) bool {
	if len(s) != 8 {
		return false
	}
	sum := 0
	for k := 0; k < 7; k++ {
		if s[k] < '0' || s[k] > '9' {
			return false
		}
		sum += int(s[k]-'0') * (8 - k)
	}
	check := (11 - sum%11) % 11
	return check == 10 && s[7] == 'X' || s[7] == byte('0'+check) && check < 10
}

// isbn10Valid checks the last digit of an ISBN of ten digits (ISO 2108).
func isbn10Valid(s string) bool {
	if len(s) != 10 {
		return false
	}
	sum := 0
	for k := 0; k < 10; k++ {
		d := int(s[k] - '0')
		if s[k] == 'X' && k == 9 {
			d = 10
		}
		if d < 0 || d > 10 {
			return false
		}
		sum += d * (10 - k)
	}
	return sum%11 == 0
}

// tnOf is the identifier as a transaction number, or 0.
func tnOf(id Identifier) int64 {
	switch id.Type {
	case idTN, idCrossRef, idNumber, idILL, idRapid:
		if len(id.Value) >= 5 && len(id.Value) <= 9 {
			n, _ := strconv.ParseInt(id.Value, 10, 64)
			return n
		}
	}
	return 0
}

// passwordLocs finds "password: x" where x looks like a secret.
func passwordLocs(text string) [][]int {
	low := strings.ToLower(text)
	if !containsAny(low, "pass", "kennwort", "contras", "clave", "senha", "wachtwoord", "mật khẩu", "密码", "密碼") {
		return nil
	}
	var out [][]int
	for _, loc := range passwordPattern.FindAllStringSubmatchIndex(text, 20) {
		secret := strings.TrimRight(text[loc[6]:loc[7]], ".")
		between := text[loc[3]:loc[6]]
		if strings.ContainsAny(between, ":：=") || digits(secret) > 0 {
			out = append(out, loc)
		}
	}
	return out
}

// maskLink is a link without the part that opens the file.
func maskLink(u string) string {
	k := strings.Index(u, "://")
	if k < 0 {
		return "…"
	}
	if e := strings.IndexByte(u[k+3:], '/'); e >= 0 {
		return u[:k+3+e] + "/…"
	}
	return u
}

// MaskSecrets replaces passwords and the part of an Article Exchange link that
// opens the file, for a text that goes to a list or a log.
func MaskSecrets(s string) string {
	if strings.Contains(s, "://") {
		s = urlPattern.ReplaceAllStringFunc(s, func(u string) string {
			if containsAny(strings.ToLower(u), exchangeHosts...) {
				return maskLink(u)
			}
			return u
		})
	}
	locs := passwordLocs(s)
	for k := len(locs) - 1; k >= 0; k-- {
		s = s[:locs[k][6]] + "••••" + s[locs[k][7]:]
	}
	return s
}
