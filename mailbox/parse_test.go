package mailbox_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gomessage "github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	gomail "github.com/emersion/go-message/mail"
	"github.com/google/go-cmp/cmp"

	"illmail/mailbox"
)

// crlf makes a mail of a literal that is easy to read.
func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n"))
}

const typicalMail = `
Return-Path: <jdoe3@example.edu>
Received: from mail.example.edu (mail.example.edu [192.0.2.1])
	by mx.healey.example with ESMTPS id abc123
	for <ill@healey.example>; Mon, 23 Nov 2026 09:14:03 -0500
Authentication-Results: mx.healey.example; dmarc=pass header.from=example.edu
Message-ID: <CAF1@mail.example.edu>
In-Reply-To: <k7w2@healey.example>
References: <root@healey.example>
 <k7w2@healey.example>
From: =?UTF-8?Q?Jos=C3=A9_D=C3=ADaz?= <jdoe3@Example.EDU>
To: "Healey Library, ILL" <ill@healey.example>, Front Desk <desk@healey.example>
Cc: prof@example.edu
Subject: =?utf-8?B?UmU6IFlvdXIgbG9hbiDigJMg?= =?utf-8?B?VE4gNDEyMzA0?=
Date: Mon, 23 Nov 2026 09:14:00 -0500 (EST)
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble

--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes
Content-Transfer-Encoding: quoted-printable

Could I keep it for =
another two weeks? =20
Caf=C3=A9 closes.

> You wrote =20
> this.
--inner
Content-Type: text/html; charset=utf-8

<p>Could I keep it?</p><img src="cid:logo@x">
--inner--
--outer
Content-Type: application/pdf; name="../../etc/passwd"
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
 filename*0*=utf-8''Kapitel%20%C3%BCber;
 filename*1=" Ethik.pdf"

JVBERi0xLjQ=
--outer
Content-Type: image/png
Content-ID: <logo@x>
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--outer
Content-Type: message/rfc822

Subject: an older mail
From: x@example.org

text of the older mail, TN 999999
--outer--
epilogue
`

func TestParse(t *testing.T) {
	m := mailbox.Parse(crlf(typicalMail))
	date := time.Date(2026, 11, 23, 9, 14, 0, 0, time.FixedZone("", -5*3600))
	if !m.Date.Equal(date) {
		t.Errorf("Date = %v", m.Date)
	}
	want := &mailbox.Message{
		MessageID:  "CAF1@mail.example.edu",
		InReplyTo:  []string{"k7w2@healey.example"},
		References: []string{"root@healey.example", "k7w2@healey.example"},
		From:       []mailbox.Address{{Name: "José Díaz", Addr: "jdoe3@example.edu"}},
		To:         []mailbox.Address{{Name: "Healey Library, ILL", Addr: "ill@healey.example"}, {Name: "Front Desk", Addr: "desk@healey.example"}},
		Cc:         []mailbox.Address{{Addr: "prof@example.edu"}},
		ReturnPath: "jdoe3@example.edu",
		Subject:    "Re: Your loan – TN 412304",
		Text:       "Could I keep it for another two weeks? Café closes.\n\n> You wrote this.",
		HTML:       "<p>Could I keep it?</p><img src=\"cid:logo@x\">",
		Attachments: []mailbox.Attachment{
			{Name: "Kapitel über Ethik.pdf", ContentType: "application/pdf", Size: 8, Path: "2"},
			{Name: "part-3.png", ContentType: "image/png", Size: 8, Inline: true, ContentID: "logo@x", Path: "3"},
			{Name: "an older mail.eml", ContentType: "message/rfc822", Size: 80, Path: "4"},
		},
	}
	got := *m
	got.Date, got.Fields, got.ContentHash = time.Time{}, nil, [32]byte{}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Error(diff)
	}
	if got := m.Get("authentication-results"); got != "mx.healey.example; dmarc=pass header.from=example.edu" {
		t.Errorf("Get = %q", got)
	}
	a, data, err := mailbox.Part(crlf(typicalMail), "2")
	if err != nil || a.Name != "Kapitel über Ethik.pdf" || string(data) != "%PDF-1.4" {
		t.Errorf("Part = %+v %q %v", a, data, err)
	}
	for _, path := range []string{"1", "1.1", "5", "", "../2"} {
		if _, _, err := mailbox.Part(crlf(typicalMail), path); err == nil {
			t.Errorf("Part(%q) gave no error", path)
		}
	}
}

func TestContentHash(t *testing.T) {
	base := mailbox.Parse(crlf(typicalMail)).ContentHash
	lf := mailbox.Parse([]byte(typicalMail)).ContentHash
	trace := mailbox.Parse(append([]byte("Received: by another.example\r\nX-Spam-Score: 1\r\n"), crlf(typicalMail)...)).ContentHash
	recoded := mailbox.Parse(crlf(strings.Replace(typicalMail, "Content-Transfer-Encoding: base64\nContent-Disposition: attachment", "Content-Transfer-Encoding: 7bit\nContent-Disposition: attachment", 1)))
	if base != lf || base != trace {
		t.Error("line ends or trace fields change the hash")
	}
	if base == recoded.ContentHash {
		t.Error("other content has the same hash")
	}
	for _, change := range [][2]string{{"two weeks", "two days"}, {"09:14:00", "09:14:01"}, {"jdoe3@Example", "jdoe4@Example"}, {"VE4gNDEyMzA0", "VE4gNDEyMzA1"}, {"JVBERi0xLjQ", "JVBERi0xLjU"}} {
		if mailbox.Parse(crlf(strings.Replace(typicalMail, change[0], change[1], 1))).ContentHash == base {
			t.Errorf("%q for %q does not change the hash", change[1], change[0])
		}
	}
}

// TestParseBroken: mail as the world sends it.
func TestParseBroken(t *testing.T) {
	const head = "From: a@example.edu\nSubject: x\nDate: Mon, 23 Nov 2026 09:14:00 -0500\n"
	tests := []struct {
		name, raw string
		text      string
		check     func(*mailbox.Message) string // what is wrong, or ""
	}{
		{name: "8-bit for 8bit", raw: head + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8-bit\n\ngrüß dich", text: "grüß dich"},
		{name: "garbage header line", raw: "From: a@example.edu\nthis is no field\nSubject: x\n\nbody", text: "body", check: func(m *mailbox.Message) string {
			if m.Subject != "x" || len(m.Problems) != 1 {
				return fmt.Sprint(m.Subject, m.Problems)
			}
			return ""
		}},
		{name: "mbox line", raw: ">From a@example.edu Mon Nov 23 09:14:00 2026\n" + head + "\nbody", text: "body", check: subjectX},
		{name: "leading empty lines", raw: "\r\n\r\n" + head + "\nbody", text: "body", check: subjectX},
		{name: "body without empty line", raw: "Subject: x\nHello, where is my book\nI asked for it\nlast week\n", text: "Hello, where is my book\nI asked for it\nlast week", check: subjectX},
		{name: "no header", raw: "just some words", text: "just some words"},
		{name: "empty", raw: "", text: ""},
		{name: "bare CR", raw: strings.ReplaceAll(head+"\nbody\nmore", "\n", "\r"), text: "body\nmore", check: subjectX},
		{name: "NUL", raw: head + "\nbo\x00dy\x07", text: "body"},
		{name: "boundary missing", raw: head + "Content-Type: multipart/mixed\n\n--abc\nContent-Type: text/plain\n\nhello\n--abc--\n", text: "hello", check: hasProblem},
		{name: "boundary wrong", raw: head + "Content-Type: multipart/mixed; boundary=zzz\n\n--abc\nContent-Type: text/plain\n\nhello\n--abc--\n", text: "hello", check: hasProblem},
		{name: "boundary never closed", raw: head + "Content-Type: multipart/mixed; boundary=abc\n\n--abc\nContent-Type: text/plain\n\nhello\n", text: "hello", check: hasProblem},
		{name: "no parts at all", raw: head + "Content-Type: multipart/mixed; boundary=abc\n\nhello", text: "hello", check: hasProblem},
		{name: "boundary that starts another", raw: head + "Content-Type: multipart/mixed; boundary=ab\n\n--ab\nContent-Type: multipart/alternative; boundary=abc\n\n--abc\n\nhello\n--abc--\n--ab--\n", text: "hello"},
		{name: "us-ascii that is windows-1252", raw: head + "Content-Type: text/plain; charset=us-ascii\n\nna\xefve \x93quote\x94", text: "naïve “quote”"},
		{name: "utf-8 that is windows-1252", raw: head + "Content-Type: text/plain; charset=utf-8\n\nM\xfcller, gr\xfc\xdfe", text: "Müller, grüße"},
		{name: "latin1 that is utf-8", raw: head + "Content-Type: text/plain; charset=iso-8859-1\n\nMüller", text: "Müller"},
		{name: "gb2312", raw: head + "Content-Type: text/plain; charset=gb2312\n\n\xc4\xfa\xba\xc3\xa3\xac\xce\xd2\xcf\xeb\xd0\xf8\xbd\xe8", text: "您好，我想续借"},
		{name: "gbk without a word of it", raw: head + "\n\xc4\xfa\xba\xc3\xa3\xac\xce\xd2\xcf\xeb\xd0\xf8\xbd\xe8\xd5\xe2\xb1\xbe\xca\xe9\xa1\xa3", text: "您好，我想续借这本书。"},
		{name: "big5", raw: head + "Content-Type: text/plain; charset=big5\n\n\xb1z\xa6n", text: "您好"},
		{name: "iso-2022-jp", raw: head + "Content-Type: text/plain; charset=ISO-2022-JP\n\n\x1b$B$3$s$K$A$O\x1b(B", text: "こんにちは"},
		{name: "iso-2022-jp undeclared", raw: head + "\n\x1b$B$3$s$K$A$O\x1b(B", text: "こんにちは"},
		{name: "koi8-r", raw: head + "Content-Type: text/plain; charset=koi8-r\n\n\xeb\xce\xc9\xc7\xc1", text: "Книга"},
		{name: "koi8-r undeclared", raw: head + "\n\xeb\xce\xc9\xc7\xc1 \xcf \xcd\xd5\xda\xd9\xcb\xc5", text: "Книга о музыке"},
		{name: "unknown charset", raw: head + "Content-Type: text/plain; charset=x-klingon\n\nabc", text: "abc"},
		{name: "html labelled plain", raw: head + "Content-Type: text/plain\n\n<html><body><p>Hi</p></body></html>", text: "Hi"},
		{name: "html only", raw: head + "Content-Type: text/html\n\n<p>Hi <b>there</b></p>", text: "Hi there"},
		{name: "mangled type", raw: head + "Content-Type: text\n\nhello", text: "hello"},
		{name: "html with a plain footer", raw: head + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>The question</p>\n--b\nContent-Type: text/plain\n\n-- \nlist footer\n--b--\n", text: "The question\n\n-- \nlist footer", check: func(m *mailbox.Message) string {
			if !strings.Contains(m.HTML, "list footer") {
				return "the footer is missing in the HTML"
			}
			return ""
		}},
		{name: "base64 with junk", raw: head + "Content-Transfer-Encoding: base64\n\naGVs\n*bG8=\n\n--\nfooter!", text: "hello"},
		{name: "two base64 texts", raw: head + "Content-Transfer-Encoding: base64\n\naGVsbG8=\nIHdvcmxk", text: "hello world"},
		{name: "quoted-printable with loose =", raw: head + "Content-Transfer-Encoding: quoted-printable\n\n1 = 1 =E9=\nt=E9 =XY=", text: "1 = 1 été =XY"},
		{name: "encoded-word across lines", raw: "Subject: =?utf-8?Q?R=C3=\n =A9servation?= =?utf-8?Q?_du_livre?=\n\nx", text: "x", check: func(m *mailbox.Message) string {
			return diffString("Réservation du livre", m.Subject)
		}},
		{name: "character cut between encoded-words", raw: "Subject: =?utf-8?B?w4M=?= =?utf-8?B?44E=?= =?utf-8?B?gg==?=\n\nx", text: "x", check: func(m *mailbox.Message) string {
			return diffString("Ãあ", m.Subject)
		}},
		{name: "raw 8-bit subject", raw: "Subject: Pr\xeat entre biblioth\xe8ques\n\nx", text: "x", check: func(m *mailbox.Message) string {
			return diffString("Prêt entre bibliothèques", m.Subject)
		}},
		{name: "blanks in an encoded-word", raw: "Subject: =?utf-8?Q?Caf=C3=A9 is open?=\n\nx", text: "x", check: func(m *mailbox.Message) string {
			return diffString("Café is open", m.Subject)
		}},
		{name: "ids without brackets", raw: "Message-ID: abc@x.example\nIn-Reply-To: def@x.example\nReferences: junk <one@x> more,<two@x <three@x>\n\nx", text: "x", check: func(m *mailbox.Message) string {
			return cmp.Diff([]string{"abc@x.example", "def@x.example", "one@x", "two@x", "three@x"}, append(append([]string{m.MessageID}, m.InReplyTo...), m.References...))
		}},
		{name: "impossible date", raw: "Date: Fri, 31 Feb 2026 25:61:00 +0000\n\nx", text: "x", check: func(m *mailbox.Message) string {
			if !m.Date.IsZero() {
				return m.Date.String()
			}
			return hasProblem(m)
		}},
		{name: "path in a name", raw: head + "Content-Type: application/pdf; name=\"..\\\\..\\\\C:\\\\x\\\\ev\u202eil.pdf\"\n\nx", text: "", check: func(m *mailbox.Message) string {
			return diffString("evil.pdf", m.Attachments[0].Name)
		}},
		{name: "path traversal in a disposition", raw: head + "Content-Type: application/pdf\nContent-Disposition: attachment; filename=\"../../etc/passwd\"\n\nx", text: "", check: func(m *mailbox.Message) string {
			return diffString("passwd", m.Attachments[0].Name)
		}},
		{name: "tnef", raw: head + "Content-Type: application/ms-tnef; name=winmail.dat\n\nx", text: "", check: func(m *mailbox.Message) string {
			return diffString("winmail.dat", m.Attachments[0].Name)
		}},
		{name: "encrypted", raw: head + "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx", text: "", check: hasProblem},
		{name: "text attachment", raw: head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=notes.txt\n\nnot the body\n--b--", text: "body"},
		{name: "null return path", raw: "Return-Path: <>\nSubject: x\n\nx", text: "x", check: func(m *mailbox.Message) string { return diffString("<>", m.ReturnPath) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mailbox.Parse([]byte(tt.raw))
			if m.Text != tt.text {
				t.Errorf("Text = %q, want %q", m.Text, tt.text)
			}
			if tt.check != nil {
				if wrong := tt.check(m); wrong != "" {
					t.Error(wrong)
				}
			}
			checkSane(t, m)
		})
	}
}

func subjectX(m *mailbox.Message) string { return diffString("x", m.Subject) }

func hasProblem(m *mailbox.Message) string {
	if len(m.Problems) == 0 {
		return "no problem was named"
	}
	return ""
}

func diffString(want, got string) string {
	if want != got {
		return fmt.Sprintf("got %q, want %q", got, want)
	}
	return ""
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		field string
		want  []mailbox.Address
	}{
		{`jane@example.edu`, []mailbox.Address{{Addr: "jane@example.edu"}}},
		{`Doe, Jane <jane@example.edu>, x@example.org`, []mailbox.Address{{Name: "Doe, Jane", Addr: "jane@example.edu"}, {Addr: "x@example.org"}}},
		{`"Doe, \"JJ\" Jane" <Jane@EXAMPLE.edu>`, []mailbox.Address{{Name: `Doe, "JJ" Jane`, Addr: "Jane@example.edu"}}},
		{`jane@example.edu (Jane Doe)`, []mailbox.Address{{Name: "Jane Doe", Addr: "jane@example.edu"}}},
		{`=?iso-8859-1?Q?M=FCller=2C_J=F6rg?= <j@example.de>`, []mailbox.Address{{Name: "Müller, Jörg", Addr: "j@example.de"}}},
		{`"=?utf-8?B?5byg5Lyf?=" <zw@example.cn>`, []mailbox.Address{{Name: "张伟", Addr: "zw@example.cn"}}},
		{`undisclosed-recipients:;`, nil},
		{`Staff: a@x.example, B <b@x.example>; c@x.example`, []mailbox.Address{{Addr: "a@x.example"}, {Name: "B", Addr: "b@x.example"}, {Addr: "c@x.example"}}},
		{`<@relay.example:jane@example.edu>`, []mailbox.Address{{Addr: "jane@example.edu"}}},
		{`<mailto:jane@example.edu>`, []mailbox.Address{{Addr: "jane@example.edu"}}},
		{`'jane@example.edu' <jane@example.edu>`, []mailbox.Address{{Name: "jane@example.edu", Addr: "jane@example.edu"}}},
		{`MAILER-DAEMON`, []mailbox.Address{{Name: "MAILER-DAEMON"}}},
		{`Jane <jane@example.edu`, []mailbox.Address{{Name: "Jane", Addr: "jane@example.edu"}}},
		{`"Jane <jane@example.edu>`, []mailbox.Address{{Name: "Jane", Addr: "jane@example.edu"}}},
		{``, nil},
		{`,,;<>`, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, mailbox.Parse([]byte("To: "+tt.field+"\n\nx")).To); diff != "" {
			t.Errorf("%s\n%s", tt.field, diff)
		}
	}
}

func TestDates(t *testing.T) {
	tests := map[string]string{
		"Mon, 23 Nov 2026 09:14:00 -0500":       "2026-11-23T14:14:00Z",
		"23 Nov 2026 09:14 -0500 (EST)":         "2026-11-23T14:14:00Z",
		"Mon, 23 Nov 26 09:14:00 EST":           "2026-11-23T14:14:00Z",
		"Mon Nov 23 09:14:00 2026":              "2026-11-23T09:14:00Z",
		"Mon Nov 23 09:14:00 EST 2026":          "2026-11-23T14:14:00Z",
		"2026-11-23T09:14:00-05:00":             "2026-11-23T14:14:00Z",
		"2026-11-23 09:14:00 -0500":             "2026-11-23T14:14:00Z",
		"Mon, 23-Nov-2026 09:14:00 GMT":         "2026-11-23T09:14:00Z",
		"Mon, 23 November 2026 09:14:00.123 +0": "2026-11-23T09:14:00Z",
		"Mon, 23 Nov 2026 09:14:60 +0000":       "2026-11-23T09:14:59Z",
		"Mon, 23 Nov 2026 09:14:00 +9900":       "2026-11-23T09:14:00Z",
		"Mon, 23 Nov 0026 09:14:00 +0000":       "",
		"yesterday":                             "",
		"Mon, 32 Nov 2026 09:14:00 +0000":       "",
		"Mon, 23 Foo 2026 09:14:00 +0000":       "",
	}
	for in, want := range tests {
		m := mailbox.Parse([]byte("Date: " + in + "\n\nx"))
		got := ""
		if !m.Date.IsZero() {
			got = m.Date.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestParseBounds: mail made to hurt is read in time and space that its size
// allows. The test itself would not come to an end otherwise.
func TestParseBounds(t *testing.T) {
	nested := "Content-Type: multipart/mixed; boundary=b\n\n"
	var deep strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&deep, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
	}
	tests := map[string]string{
		"depth":        "Content-Type: multipart/mixed; boundary=b0\n\n" + deep.String(),
		"parts":        nested + strings.Repeat("--b\n\nx\n", 300_000),
		"fields":       strings.Repeat("X: y\n", 500_000) + "\nbody",
		"long field":   "Subject: " + strings.Repeat("=?utf-8?q?", 500_000) + "\n\nx",
		"folds":        "Subject: x\n" + strings.Repeat(" y\n", 1_000_000) + "\nx",
		"addresses":    "To: " + strings.Repeat("a,", 1_000_000) + "\n\nx",
		"colons":       "To: " + strings.Repeat(":", 1_000_000) + "\n\nx",
		"comments":     "To: " + strings.Repeat("(", 1_000_000) + "\n\nx",
		"brackets":     "References: " + strings.Repeat("<", 1_000_000) + "\n\nx",
		"params":       "Content-Type: text/plain; " + strings.Repeat("a*1=b;", 300_000) + "\n\nx",
		"delimiters":   nested + strings.Repeat("--b-", 2_000_000),
		"tags":         "Content-Type: text/html\n\n" + strings.Repeat("<div>", 1_000_000) + "x" + strings.Repeat("</p>", 1_000_000),
		"quotes":       "Content-Type: text/html\n\n" + strings.Repeat("<blockquote>x<br><br>", 300_000),
		"quote marks":  "Content-Type: text/plain; format=flowed\n\n" + strings.Repeat(">", 3_000_000) + "x",
		"report":       "From: mailer-daemon@x.example\nReturn-Path: <>\nSubject: failure notice\n\n" + strings.Repeat("a@b.example: 550 no ", 200_000),
		"status":       "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n" + strings.Repeat("Final-Recipient: rfc822; a@b.example\n x\n", 300_000),
		"long status":  "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nDiagnostic-Code: x\n" + strings.Repeat(" x\n", 1_000_000),
		"attachment":   "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 57))+"\r\n", 400_000),
		"qp":           "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", 3_000_000),
		"utf-7":        "Content-Type: text/plain; charset=utf-7\n\n" + strings.Repeat("+AAA", 500_000),
		"garbage":      strings.Repeat("no field\n", 500_000),
		"disposition":  "Content-Disposition: attachment; filename=\"" + strings.Repeat("../", 500_000) + "x\"\nContent-Type: application/pdf\n\nx",
		"links":        "Content-Type: text/html\n\n" + strings.Repeat("<a href=http://x.example>", 300_000),
		"table":        "Content-Type: text/html\n\n" + strings.Repeat("<table><tr><td>x", 300_000),
		"away":         "Auto-Submitted: auto-replied\n\n" + strings.Repeat("until ", 500_000),
		"mbox forever": strings.Repeat(">From x\n", 500_000),
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			m := mailbox.Parse([]byte(raw))
			checkSane(t, m)
			if len(m.Text) > 1<<20 || len(m.Fields) > 2000 || len(m.Attachments) > 1000 {
				t.Errorf("text %d, fields %d, attachments %d", len(m.Text), len(m.Fields), len(m.Attachments))
			}
		})
	}
}

// checkSane holds for every Message.
func checkSane(t testing.TB, m *mailbox.Message) {
	t.Helper()
	ok := func(what string, list ...string) {
		for _, s := range list {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("%s is not clean text: %.80q", what, s)
			}
		}
	}
	ok("text", m.Text, m.HTML, m.Subject, m.MessageID, m.ReturnPath)
	ok("ids", append(append([]string{}, m.InReplyTo...), m.References...)...)
	ok("problems", m.Problems...)
	for _, f := range m.Fields {
		ok("field", f.Name, f.Value)
	}
	for _, list := range [][]mailbox.Address{m.From, m.To, m.Cc, m.ReplyTo} {
		for _, a := range list {
			ok("address", a.Name, a.Addr)
		}
	}
	for _, a := range m.Attachments {
		ok("attachment", a.Name, a.ContentType, a.ContentID, a.Path)
		if a.Name == "" || a.Name == "." || a.Name == ".." || strings.ContainsAny(a.Name, "/\\\n\r") || a.ContentType == "" || a.Path == "" {
			t.Errorf("attachment %+v", a)
		}
	}
	if m.Report != nil {
		ok("report", m.Report.OriginalMessageID, m.Report.OriginalSubject, m.Report.OriginalRef)
		for _, rc := range m.Report.Recipients {
			ok("recipient", rc.Addr, rc.Status, rc.Action, rc.Diagnostic)
			switch rc.Action {
			case "failed", "delayed", "delivered", "relayed", "expanded":
			default:
				t.Errorf("action %q", rc.Action)
			}
		}
	}
}

// TestParseAgrees compares well-formed mail with what go-message reads.
func TestParseAgrees(t *testing.T) {
	files, _ := filepath.Glob("testdata/reports/*.eml")
	raws := map[string][]byte{"typical": crlf(typicalMail)}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		raws[f] = raw
	}
	compared := 0
	for name, raw := range raws {
		r, err := gomail.CreateReader(bytes.NewReader(raw))
		if err != nil {
			continue
		}
		m := mailbox.Parse(raw)
		if subject, err := r.Header.Subject(); err == nil && strings.TrimSpace(subject) != m.Subject {
			t.Errorf("%s: subject %q, go-message %q", name, m.Subject, subject)
		}
		if id, err := r.Header.MessageID(); err == nil && id != m.MessageID {
			t.Errorf("%s: id %q, go-message %q", name, m.MessageID, id)
		}
		if date, err := r.Header.Date(); err == nil && !date.IsZero() && date.Format("MST")[0] == '-' && !date.Equal(m.Date) {
			t.Errorf("%s: date %v, go-message %v", name, m.Date, date)
		}
		if from, err := r.Header.AddressList("From"); err == nil && len(from) > 0 && !strings.EqualFold(from[0].Address, m.Author().Addr) {
			t.Errorf("%s: from %v, go-message %v", name, m.Author(), from[0])
		}
		for {
			p, err := r.NextPart()
			if err == io.EOF {
				break
			}
			if err != nil && !gomessage.IsUnknownCharset(err) {
				break
			}
			h, inline := p.Header.(*gomail.InlineHeader)
			if typ := "text/plain"; !inline || func() bool { typ, _, _ = h.ContentType(); return typ != "text/plain" }() {
				continue
			}
			body, err := io.ReadAll(p.Body)
			if err != nil || len(strings.Fields(string(body))) == 0 {
				continue
			}
			compared++
			word := strings.Fields(string(body))
			if last := word[len(word)-1]; !strings.Contains(m.Text, last) {
				t.Errorf("%s: the text lacks %q, which go-message reads", name, last)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d texts were compared", compared)
	}
}

func BenchmarkParse(b *testing.B) {
	html := "<html><body>" + strings.Repeat("<p class=MsoNormal><span style='font-size:11.0pt;font-family:\"Calibri\",sans-serif'>Could I keep the book for another two weeks?</span></p>\n", 20) + "</body></html>"
	raws := map[string][]byte{
		"plain":  []byte("From: Jane Doe <jane@example.edu>\nTo: ill@healey.example\nSubject: Re: overdue (TN 412304)\nDate: Mon, 23 Nov 2026 09:14:00 -0500\nMessage-ID: <a@b>\nContent-Type: text/plain; charset=utf-8\n\n" + strings.Repeat("Could I keep the book for another two weeks?\n", 100)),
		"html":   []byte("From: Jane Doe <jane@example.edu>\nSubject: Re: overdue\nContent-Type: text/html; charset=utf-8\n\n" + html),
		"mixed":  crlf(typicalMail),
		"bounce": readFile(b, "testdata/reports/postfix-user-unknown.eml"),
	}
	for name, raw := range raws {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				mailbox.Parse(raw)
			}
		})
	}
}
