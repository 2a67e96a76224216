package mailbox_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"illmail/mailbox"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(typicalMail))
	f.Add(crlf(typicalMail))
	f.Add([]byte("Content-Type: multipart/report; report-type=delivery-status; boundary=\n\n--\n"))
	f.Add([]byte("Subject: =?utf-7?Q?+AGE-?=\nDate: 1 Jan\nFrom: <<>>,\"\n\n\xff\xfe"))
	f.Add([]byte("Content-Type: text/html; charset=big5\nContent-Transfer-Encoding: base64\n\nPHA+"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := mailbox.Parse(raw)
		checkSane(t, m)
		m.AutoReply()
		m.Bulk()
		m.AutoSubmitted()
		m.AuthResults([]string{"", "mx"})
		if m.ContentHash != mailbox.Parse(raw).ContentHash {
			t.Error("two hashes of the same mail")
		}
		for _, a := range m.Attachments {
			got, data, err := mailbox.Part(raw, a.Path)
			if err != nil || len(data) != a.Size {
				t.Errorf("part %s: %+v, %d bytes of %d, %v", a.Path, got, len(data), a.Size, err)
			}
		}
	})
}

func FuzzReport(f *testing.F) {
	files, _ := filepath.Glob("testdata/reports/*.eml")
	for _, file := range files {
		f.Add(readFile(f, file))
	}
	for _, broken := range []string{
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nFinal-Recipient:\nAction\nStatus: 5..1\n\n : x\nOriginal-Recipient: ;;@\n",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/report; report-type=delivery-status; boundary=c\n\n--c\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; x@y.example\n--c\nContent-Type: message/rfc822\n\nContent-Type: multipart/report; delivery-status\n",
		"\nc=US;dda:SMTP=a@b.example;smtp=@;=smtp=rfc822=@@x smtp=\nRCPT TO: \nRecipient: [SMTP:]\n550 \n554 a@b.example",
		"X-Failed-Recipients: ,;<>@, a@b.example,, \"\n\n’’ wasn’t delivered to @.@",
		"Subject: Re: :: (delivery failed)\n\n**\nYour message could not be delivered to\na@b.example",
	} {
		f.Add([]byte(broken))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := mailbox.Parse(append([]byte("From: mailer-daemon@x.example\nReturn-Path: <>\nSubject: failure notice\n"), raw...))
		checkSane(t, m)
		if m.Report != nil && (len(m.Report.Recipients) == 0 || len(m.Report.Recipients) > 200) {
			t.Errorf("a report about %d recipients", len(m.Report.Recipients))
		}
	})
}

// FuzzSafeHTML reads what is left of a mail's HTML as a browser does: nothing
// in it runs, is sent or is fetched.
func FuzzSafeHTML(f *testing.F) {
	f.Add("<p style=\"color:red;background:url(https://x.example)\">a<img src=https://x.example/t.gif onerror=a()><a href=javascript:a()>b")
	f.Add("<svg><style><img src=x onerror=a()></style></svg><math><mtext><table><mglyph><style><img src=x onerror=a()>")
	f.Add("<noscript><p title=\"</noscript><img src=x onerror=a()>\"><textarea></textarea><iframe srcdoc='<script>'>")
	f.Add("<img src=\"data:image/png;base64,AAAA\"><img src=cid:a@b><a href=\" https://x.example\">c</a><font color=red>")
	never := []string{"script", "style", "iframe", "object", "embed", "svg", "math", "form", "input", "button", "link", "meta", "base", "video", "audio", "source", "frame", "frameset", "template"}
	f.Fuzz(func(t *testing.T, in string) {
		out := mailbox.SafeHTML(in)
		z := html.NewTokenizer(strings.NewReader(out))
		for z.Next() != html.ErrorToken {
			tok := z.Token()
			if tok.Type != html.StartTagToken && tok.Type != html.SelfClosingTagToken {
				continue
			}
			if slices.Contains(never, tok.Data) {
				t.Fatalf("%q leaves <%s>: %q", in, tok.Data, out)
			}
			for _, a := range tok.Attr {
				v := strings.ToLower(strings.TrimSpace(a.Val))
				bad := strings.HasPrefix(a.Key, "on") || a.Key == "srcset" || a.Key == "srcdoc" || a.Key == "background" || a.Key == "id" || a.Key == "name" ||
					a.Key == "src" && !strings.HasPrefix(v, "cid:") && !strings.HasPrefix(v, "data:image/") ||
					a.Key == "href" && !slices.ContainsFunc([]string{"http:", "https:", "mailto:", "cid:"}, func(s string) bool { return strings.HasPrefix(v, s) }) ||
					a.Key == "style" && (strings.Contains(v, "url") || strings.Contains(v, "expression") || strings.Contains(v, "\\"))
				if bad {
					t.Fatalf("%q leaves %s=%q: %q", in, a.Key, a.Val, out)
				}
			}
		}
	})
}

// FuzzAuthResults: whatever a sender writes, their own fields never make a mail
// pass that the office's host let fall, nor one that it said nothing of.
func FuzzAuthResults(f *testing.F) {
	f.Add("mx.healey.example; dmarc=pass header.from=example.edu", true)
	f.Add("spf=pass smtp.mailfrom=example.edu; dkim=pass header.d=example.edu", false)
	f.Add("mx.healey.exam\aple; dmarc=pass", false)
	f.Add("mx.hea(a)ley.example; dmarc=pass", false)
	f.Add("=?utf-8?q?mx.healey.example?=; dmarc=pass", false)
	f.Add("mx.healey.example (; dmarc=fail) 1; dmarc=pass (\"header.from=evil.example", true)
	f.Fuzz(func(t *testing.T, forged string, judged bool) {
		forged = strings.Join(strings.Fields(forged), " ") // one field: what else it may break is FuzzParse's
		id, _, _ := strings.Cut(forged, ";")
		if !judged && strings.Contains(strings.ToLower(id), "mx.healey.example") {
			return // a host that strips no such fields must not be trusted by that name
		}
		head := "Authentication-Results: " + forged + "\r\n"
		want := mailbox.VerdictNone
		if judged {
			head, want = "Authentication-Results: mx.healey.example; dmarc=fail header.from=example.edu\r\n"+head, mailbox.VerdictFail
		}
		m := mailbox.Parse([]byte(head + "From: a@example.edu\r\n\r\nx"))
		if got := m.AuthResults([]string{"mx.healey.example"}); got != want {
			t.Errorf("%q, judged %v: %s, want %s", forged, judged, got, want)
		}
	})
}

// FuzzRef: only what was signed is believed, and it reads back as it was.
func FuzzRef(f *testing.F) {
	key := []byte("0123456789abcdef0123456789abcdef")
	f.Add("overdue.1.2026-11-23.412304,412522.AAAAAAAAAAAAAAAA", int64(412304), 3)
	f.Add(mailbox.SignRef([]byte("another key"), "overdue", 1, "2026-11-23", []int64{412304}), int64(1), 70)
	f.Fuzz(func(t *testing.T, forged string, tn int64, n int) {
		if r, ok := mailbox.VerifyRef(key, forged); ok {
			t.Errorf("%q was believed: %+v", forged, r)
		}
		tns := slices.Repeat([]int64{max(tn, 1)}, max(0, min(n, 200)))
		signed := mailbox.SignRef(key, "overdue", n, "2026-11-23", tns)
		r, ok := mailbox.VerifyRef(key, signed)
		if !ok || r.Rung != n || len(r.TransactionNumbers)+r.More != len(tns) || len(r.TransactionNumbers) > 0 && r.TransactionNumbers[0] != tns[0] {
			t.Errorf("%q reads as %+v, %v", signed, r, ok)
		}
		if _, ok := mailbox.VerifyRef([]byte("another key"), signed); ok {
			t.Errorf("%q was believed under another key", signed)
		}
	})
}
