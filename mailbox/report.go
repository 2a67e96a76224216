package mailbox

import (
	"bytes"
	"strings"
)

// maxRecipients bounds the recipients that are read of one report.
const maxRecipients = 200

// parseReport reads a delivery report: by its structure where it has one
// (RFC 3464), else by the words of mail systems that write their own. It
// returns nil for any other mail, a person's answer that quotes a report and
// an abuse report (RFC 5965) included.
func parseReport(m *Message, root *entity) *Report {
	var p reportParts
	p.collect(root)
	if root.params["report-type"] == "feedback-report" || p.feedback {
		return nil
	}
	r := &Report{}
	status := p.status
	if status == nil && !saysBounce(m, &p) {
		return nil
	}
	if status == nil {
		p.collectInner()
	}
	original := p.original
	if p.inner != nil {
		status, original = p.inner.status, p.inner.original
	}
	r.readOriginal(original)
	n := splitNotice(m.Text)
	if r.OriginalMessageID == "" && r.OriginalSubject == "" {
		r.readOriginal(n.original)
	}
	r.fillOriginal(m, n)
	if status == nil && strings.Contains(strings.ToLower(n.text), "final-recipient:") {
		status = [][]byte{[]byte(n.text)} // the parts of a report pasted into one
	}
	to := originalTo(original, n.original)
	for _, s := range status {
		r.Recipients = append(r.Recipients, readStatus(s, to)...)
	}
	fallback := defaultAction(m, n)
	if len(r.Recipients) == 0 {
		r.Recipients = recipientsOfNotice(m, n, to, fallback)
	}
	for i := range r.Recipients {
		r.Recipients[i].complete(n, fallback, len(r.Recipients) == 1)
	}
	r.Recipients = uniqueRecipients(r.Recipients)
	r.Recipients = r.Recipients[:min(len(r.Recipients), maxRecipients)]
	return r
}

// reportParts are the parts of a message that matter to a report.
type reportParts struct {
	status   [][]byte     // message/delivery-status, decoded
	original []rawField   // header of the mail that is reported on
	attached []byte       // that mail, decoded
	inner    *reportParts // of that mail, where it is a report itself
	returned bool         // a message or its header is attached
	receipt  bool         // a disposition notification (RFC 8098)
	feedback bool         // an abuse report (RFC 5965)
	isReport bool         // multipart/report with report-type delivery-status
}

func (p *reportParts) collect(e *entity) {
	switch e.mediaType {
	case "multipart/report":
		p.isReport = p.isReport || strings.EqualFold(e.params["report-type"], "delivery-status")
	case "message/delivery-status", "message/global-delivery-status":
		if data := e.decoded(); len(bytes.TrimSpace(data)) > 0 {
			p.status = append(p.status, data)
		}
	case "message/disposition-notification":
		p.receipt = true
	case "message/feedback-report":
		p.feedback = true
	case "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers", "message/global-headers":
		p.returned = true
		if p.original == nil {
			p.attached = e.decoded()
			p.original = readHeader(p.attached).fields
		}
	}
	for _, c := range e.children {
		p.collect(c)
	}
}

// collectInner looks into a returned mail that is a report itself: a gateway
// reports on the report that it got. One step deep.
func (p *reportParts) collectInner() {
	for _, f := range p.original {
		if strings.EqualFold(f.name, "Content-Type") && strings.Contains(strings.ToLower(f.value), "delivery-status") {
			var inner reportParts
			root, _ := parseTree(p.attached)
			inner.collect(root)
			if inner.status != nil {
				p.inner = &inner
			}
			return
		}
	}
}

// readOriginal takes over what the header of the reported mail says.
func (r *Report) readOriginal(fields []rawField) {
	for _, f := range fields {
		switch strings.ToLower(f.name) {
		case "message-id":
			if r.OriginalMessageID == "" {
				r.OriginalMessageID = messageID(f.value)
			}
		case "references":
			if r.OriginalReferences == nil {
				r.OriginalReferences = messageIDs(f.value)
			}
		case "subject":
			if r.OriginalSubject == "" {
				r.OriginalSubject = strings.TrimSpace(decodeWords(f.value))
			}
		case "x-illmail-ref":
			if r.OriginalRef == "" {
				r.OriginalRef = strings.Join(strings.Fields(cleanText(f.value)), "")
			}
		}
	}
}

// fillOriginal takes from the report's own header what its original did not
// say: mail systems put the id into In-Reply-To or References and the subject
// behind "Undeliverable:".
func (r *Report) fillOriginal(m *Message, n notice) {
	if r.OriginalMessageID == "" {
		r.OriginalMessageID = n.messageID
	}
	if r.OriginalMessageID == "" && len(m.InReplyTo) > 0 {
		r.OriginalMessageID = m.InReplyTo[0]
	}
	if r.OriginalMessageID == "" && len(m.References) > 0 {
		r.OriginalMessageID = m.References[len(m.References)-1]
	}
	if r.OriginalSubject == "" {
		r.OriginalSubject = n.subject
	}
	if before, after, ok := cutAny(m.Subject, ":", "："); ok && r.OriginalSubject == "" && containsAny(strings.ToLower(before), undeliverablePrefixes) {
		r.OriginalSubject = strings.TrimSpace(after)
	}
}

func cutAny(s string, seps ...string) (before, after string, ok bool) {
	for _, sep := range seps {
		if before, after, ok = strings.Cut(s, sep); ok {
			return before, after, true
		}
	}
	return s, "", false
}

// originalTo lists whom the reported mail was written to, lower case.
func originalTo(headers ...[]rawField) []string {
	for _, fields := range headers {
		var to []string
		for _, f := range fields {
			if strings.EqualFold(f.name, "To") || strings.EqualFold(f.name, "Cc") || strings.EqualFold(f.name, "X-Envelope-To") {
				for _, a := range parseAddresses(f.value) {
					if strings.Contains(a.Addr, "@") && len(to) < maxRecipients {
						to = append(to, a.Key())
					}
				}
			}
		}
		if len(to) > 0 {
			return to
		}
	}
	return nil
}

// readStatus reads the per-recipient fields of a message/delivery-status
// (RFC 3464 section 2.3). Groups that no empty line parts are told apart by
// their recipient fields.
func readStatus(data []byte, to []string) []Recipient {
	var (
		out      []Recipient
		cur      Recipient
		final    string
		original string
		open     bool
	)
	flush := func() {
		if open && len(out) < maxRecipients {
			cur.Addr = chooseRecipient(final, original, to)
			out = append(out, cur)
		}
		cur, final, original, open = Recipient{}, "", "", false
	}
	for rest := data; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if len(bytes.TrimSpace(line)) == 0 {
			flush()
			continue
		}
		name, ok := fieldName(bytes.TrimLeft(line, " \t>"))
		if !ok {
			continue
		}
		value := string(bytes.TrimSpace(line[bytes.IndexByte(line, ':')+1:]))
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			var more []byte
			more, rest = cutLine(rest)
			if len(bytes.TrimSpace(more)) == 0 {
				break
			}
			if len(value) < 4<<10 {
				value += " " + string(bytes.TrimSpace(more))
			}
		}
		value = cleanText(decodeUnknown([]byte(value)))
		switch strings.ToLower(name) {
		case "final-recipient":
			if final != "" {
				flush()
			}
			open, final = true, typedAddress(value)
		case "original-recipient":
			if original != "" {
				flush()
			}
			open, original = true, typedAddress(value)
		case "action":
			if cur.Action == "" {
				cur.Action = readAction(value)
			}
		case "status":
			if cur.Status == "" {
				cur.Status = enhancedCode(value)
			}
		case "diagnostic-code":
			if cur.Diagnostic == "" {
				if typ, text, ok := strings.Cut(value, ";"); ok && len(typ) < 20 {
					value = text
				}
				cur.Diagnostic = oneLine(value)
			}
		}
	}
	flush()
	return out
}

// typedAddress is the address of "rfc822; jdoe@example.org".
func typedAddress(value string) string {
	if typ, addr, ok := strings.Cut(value, ";"); ok && !strings.Contains(typ, "@") {
		value = addr
	}
	value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
	return cleanAddr(strings.Trim(value, `"' `))
}

// chooseRecipient decides between the address that failed and the one the mail
// was sent to, where a forwarding changed it: what the sender wrote is the one
// that is known here.
func chooseRecipient(final, original string, to []string) string {
	if strings.Contains(original, "@") && (!strings.Contains(final, "@") || contains(to, strings.ToLower(original))) {
		return original
	}
	if final == "" {
		final = original
	}
	if final != "" && !strings.Contains(final, "@") {
		for _, a := range to { // a bare local part
			if strings.HasPrefix(a, strings.ToLower(final)+"@") {
				return a
			}
		}
		if len(to) == 1 {
			return to[0]
		}
	}
	return final
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func readAction(value string) string {
	value = strings.ToLower(value)
	for _, a := range []string{"failed", "delayed", "delivered", "relayed", "expanded"} {
		if strings.HasPrefix(value, a) {
			return a
		}
	}
	if strings.HasPrefix(value, "fail") {
		return "failed"
	}
	return ""
}

// complete fills in what the report says elsewhere or only in words.
func (rc *Recipient) complete(n notice, fallback string, only bool) {
	if rc.Diagnostic == "" && (rc.Action == "" || rc.Action == "failed" || rc.Action == "delayed") {
		rc.Diagnostic = n.diagnostic(rc.Addr, only)
	}
	vague := rc.Status == "" || strings.HasSuffix(rc.Status, ".0.0")
	if code := enhancedCode(rc.Diagnostic); code != "" && vague && (rc.Status == "" || code[0] == rc.Status[0]) {
		rc.Status = code
	}
	if rc.Action == "" {
		switch {
		case fallback == "failed" && strings.HasPrefix(rc.Status, "2"):
			rc.Action = "delivered"
		default:
			rc.Action = fallback
		}
	}
	if rc.Status == "" && rc.Action == "failed" {
		if rc.Status = statusOfWords(strings.ToLower(rc.Diagnostic)); rc.Status == "" && only {
			rc.Status = statusOfWords(strings.ToLower(n.text))
		}
	}
}

// enhancedCode finds an enhanced status code (RFC 3463) in text, not a piece
// of an IP address or a version.
func enhancedCode(s string) string {
	for i := 0; i+4 < len(s); i++ {
		if (s[i] != '5' && s[i] != '4' && s[i] != '2') || s[i+1] != '.' || i > 0 && (isDigit(s[i-1]) || s[i-1] == '.' || s[i-1] == '-') {
			continue
		}
		j := i + 2
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		if j == i+2 || j > i+5 || j >= len(s) || s[j] != '.' {
			continue
		}
		k := j + 1
		for k < len(s) && isDigit(s[k]) {
			k++
		}
		if k == j+1 || k > j+4 || k+1 < len(s) && s[k] == '.' && isDigit(s[k+1]) {
			continue
		}
		return s[i:k]
	}
	return ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// replyCode finds an SMTP reply code of the 4yz and 5yz kind at the start of
// a word: "550 no such user".
func replyCode(s string) string {
	for i := 0; i+3 <= len(s); i++ {
		if (s[i] == '5' || s[i] == '4') && s[i+1] >= '0' && s[i+1] <= '5' && isDigit(s[i+2]) &&
			(i == 0 || strings.IndexByte(" :'\"(#[=<>\t", s[i-1]) >= 0) && (i+3 == len(s) || strings.IndexByte(" -#'\":,)\t.", s[i+3]) >= 0) {
			return s[i : i+3]
		}
	}
	return ""
}

// oneLine is text on one line, of bounded length.
func oneLine(s string) string {
	return cutUTF8(strings.Join(strings.Fields(s), " "), 500)
}

func uniqueRecipients(list []Recipient) []Recipient {
	seen := make(map[string]bool, len(list))
	out := list[:0]
	for _, rc := range list {
		key := strings.ToLower(rc.Addr)
		if !seen[key] {
			seen[key] = true
			out = append(out, rc)
		}
	}
	return out
}
