package mailbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"html"
	"strconv"
	"strings"
)

// Bounds of what a Message carries as text; the raw bytes hold the rest.
const (
	maxText = 1 << 20
	maxHTML = 2 << 20
)

// place says where in the structure a part stands.
type place int

const (
	placeBody  place = iota // text here is text of the body
	placeAlt                // one of several forms of the same text
	placeFile               // whatever it is, it goes along as a file
	placeImage              // beside the root of multipart/related
)

// segment is a piece of the body in one form or two.
type segment struct{ text, html string }

// leaf is a part without parts, for the content hash.
type leaf struct {
	mediaType string
	data      []byte
}

// bodyReader sorts the parts of a message into body and attachments.
type bodyReader struct {
	tree        *tree
	segments    []segment
	attachments []Attachment
	leaves      []leaf
}

// read sorts one part and what it contains.
func (b *bodyReader) read(e *entity, at place) {
	if len(e.children) == 0 {
		b.leaf(e, at)
		return
	}
	switch e.mediaType {
	case "multipart/alternative":
		b.alternative(e)
	case "multipart/related":
		root := relatedRoot(e)
		for _, c := range e.children {
			if c == root {
				b.read(c, at)
			} else {
				b.read(c, placeImage)
			}
		}
	case "multipart/report", "multipart/signed":
		for i, c := range e.children {
			if i == 0 {
				b.read(c, placeBody)
			} else {
				b.read(c, placeFile)
			}
		}
	case "multipart/encrypted":
		b.tree.problem("The message is encrypted; only its recipient's own mail program can show it.")
		for _, c := range e.children {
			b.read(c, placeFile)
		}
	default:
		for _, c := range e.children {
			if at == placeAlt {
				b.read(c, placeBody)
			} else {
				b.read(c, at)
			}
		}
	}
}

// alternative takes the text and the HTML form of one text for one segment
// (RFC 2046 section 5.1.4); what is neither goes along as a file.
func (b *bodyReader) alternative(e *entity) {
	before := len(b.segments)
	for _, c := range e.children {
		b.read(c, placeAlt)
	}
	var one segment
	for _, s := range b.segments[before:] {
		if strings.TrimSpace(one.text) == "" {
			one.text = s.text
		}
		if one.html == "" {
			one.html = s.html
		} else if s.html != "" {
			one.html += "\n" + s.html
		}
	}
	b.segments = append(b.segments[:before], one)
}

// relatedRoot is the part that the others belong to (RFC 2387 section 3.2).
func relatedRoot(e *entity) *entity {
	if start := strings.Trim(e.params["start"], "<> "); start != "" {
		for _, c := range e.children {
			if contentID(c) == start {
				return c
			}
		}
	}
	return e.children[0]
}

func contentID(e *entity) string {
	return strings.Trim(cleanText(getField(e.fields, "Content-ID")), "<> ")
}

// leaf sorts a part that has no parts.
func (b *bodyReader) leaf(e *entity, at place) {
	data := e.decoded()
	if at != placeFile && e.disposition != "attachment" && b.bodyText(e, at, data) {
		return
	}
	if at == placeAlt && strings.HasPrefix(e.mediaType, "text/") && e.filename == "" && e.mediaType != "text/calendar" {
		return // a further form of the same text, such as text/x-amp-html
	}
	if e.mediaType == "application/pkcs7-mime" && e.params["smime-type"] != "signed-data" {
		b.tree.problem("The message is encrypted; only its recipient's own mail program can show it.")
	}
	b.leaves = append(b.leaves, leaf{e.mediaType, data})
	b.attachments = append(b.attachments, Attachment{
		Name:        attachmentName(e, data),
		ContentType: e.mediaType,
		Size:        len(data),
		Inline:      e.disposition == "inline" || at == placeImage && e.disposition == "",
		ContentID:   contentID(e),
		Path:        e.path,
	})
}

// bodyText takes a part as text of the body if it is one.
func (b *bodyReader) bodyText(e *entity, at place, data []byte) bool {
	isHTML := e.mediaType == "text/html" || e.mediaType == "text/enriched" || e.mediaType == "text/richtext" || e.mediaType == "application/xhtml+xml"
	if !isHTML && e.mediaType != "text/plain" {
		return false
	}
	if e.filename != "" && (len(b.segments) > 0 || at == placeImage) {
		return false
	}
	text, ok := decodeCharset(e.params["charset"], data)
	if !ok && strings.ContainsRune(text, '\uFFFD') {
		b.tree.problem("Some characters of the text cannot be read: the sender's mail program named the wrong character set.")
	}
	text = cleanText(normalizeLines(text))
	b.leaves = append(b.leaves, leaf{e.mediaType, []byte(strings.TrimSpace(text))})
	if !isHTML && looksLikeHTML(text) {
		isHTML = true
	}
	switch {
	case isHTML && strings.TrimSpace(text) != "":
		b.segments = append(b.segments, segment{html: text})
	case !isHTML:
		if strings.EqualFold(e.params["format"], "flowed") {
			text = unflow(text, strings.EqualFold(e.params["delsp"], "yes"))
		}
		b.segments = append(b.segments, segment{text: text})
	}
	return true
}

func normalizeLines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// looksLikeHTML sees through a text/plain label over an HTML page.
func looksLikeHTML(text string) bool {
	head := strings.TrimLeft(text[:min(len(text), 200)], " \t\n")
	head = strings.ToLower(head[:min(len(head), 15)])
	return strings.HasPrefix(head, "<html") || strings.HasPrefix(head, "<!doctype html")
}

// finish writes body and attachments into m.
func (b *bodyReader) finish(m *Message) {
	var texts, htmls []string
	anyHTML := false
	for _, s := range b.segments {
		anyHTML = anyHTML || s.html != ""
	}
	for _, s := range b.segments {
		if len(s.html) > maxHTML {
			s.html = cutUTF8(s.html, maxHTML)
			b.tree.problem("The text is longer than is shown; its end was left out.")
		}
		text := s.text
		if strings.TrimSpace(text) == "" && s.html != "" {
			text = TextOfHTML(s.html)
		}
		if text = strings.Trim(text, "\n"); strings.TrimSpace(text) != "" {
			texts = append(texts, text)
		}
		switch {
		case s.html != "":
			htmls = append(htmls, s.html)
		case anyHTML && strings.TrimSpace(s.text) != "":
			// The page shows the HTML: what came as text only must not be missing there.
			htmls = append(htmls, `<pre style="white-space: pre-wrap">`+html.EscapeString(s.text)+"</pre>")
		}
	}
	m.Text = strings.Join(texts, "\n\n")
	m.HTML = strings.Join(htmls, "\n")
	if len(m.Text) > maxText || len(m.HTML) > maxHTML {
		m.Text, m.HTML = cutUTF8(m.Text, maxText), cutUTF8(m.HTML, maxHTML)
		b.tree.problem("The text is longer than is shown; its end was left out.")
	}
	m.Attachments = b.attachments
	for i, a := range m.Attachments {
		if a.ContentID != "" && strings.Contains(m.HTML, "cid:"+a.ContentID) {
			m.Attachments[i].Inline = true
		}
	}
}

// cutUTF8 shortens s to at most n bytes, never inside a character.
func cutUTF8(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// attachmentName is the cleaned name of a part, or one made up from its type.
func attachmentName(e *entity, data []byte) string {
	if name := cleanName(e.filename); name != "" {
		return name
	}
	switch e.mediaType {
	case "message/rfc822", "message/global":
		subject := cleanName(strings.ReplaceAll(decodeWords(getField(readHeader(data).fields, "Subject")), "/", "-"))
		if subject == "" {
			subject = "message"
		}
		return subject + ".eml"
	case "text/rfc822-headers":
		return "headers.txt"
	case "message/delivery-status":
		return "delivery-status.txt"
	case "message/feedback-report":
		return "feedback-report.txt"
	case "message/disposition-notification":
		return "disposition-notification.txt"
	}
	return "part-" + strings.ReplaceAll(e.path, ".", "-") + extensions[e.mediaType]
}

// extensions for parts that came without a name.
var extensions = map[string]string{
	"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/tiff": ".tif",
	"text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "text/calendar": ".ics", "application/zip": ".zip",
	"application/ms-tnef": ".dat", "application/pkcs7-signature": ".p7s", "application/pgp-signature": ".asc",
}

// contentHash is the hash of From, Date, Subject and the decoded parts, the
// same for any transfer encoding, line ends or header fields added on the way.
func contentHash(m *Message, leaves []leaf) [32]byte {
	h := sha256.New()
	write := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, a := range m.From {
		write([]byte(a.Key()))
	}
	date := ""
	if !m.Date.IsZero() {
		date = strconv.FormatInt(m.Date.Unix(), 10)
	}
	write([]byte(date))
	write([]byte(strings.Join(strings.Fields(m.Subject), " ")))
	for _, l := range leaves {
		data := l.data
		if strings.HasPrefix(l.mediaType, "message/") || strings.HasPrefix(l.mediaType, "text/") {
			data = bytes.TrimSpace(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
		}
		write([]byte(l.mediaType))
		write(data)
	}
	return [32]byte(h.Sum(nil))
}
