package mailbox_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"illmail/mailbox"
)

func TestTextOfHTML(t *testing.T) {
	tests := []struct{ name, html, want string }{
		{"blocks", "<div>one</div><div>two<br>three</div><p>four</p><p>five</p>", "one\ntwo\nthree\n\nfour\n\nfive"},
		{"empty lines of divs", "<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"},
		{"white space", "  a\n  <b> b </b>  c&nbsp;&nbsp;d ", "a b c d"},
		{"Outlook paragraphs", `<p class="MsoNormal">one</p><p class="MsoNormal">two</p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">three</p>`, "one\ntwo\nthree"},
		{"head, style, script", "<html><head><title>t</title><style>x{}</style></head><body><script>alert(1)</script>text<style>y</style></body>", "text"},
		{"head without end", "<head><meta charset=utf-8><p>text", "text"},
		{"comments", "a<!-- b --><!--[if mso]><p>c</p><![endif]-->d", "ad"},
		{"hidden", `<div style="display:none;font-size:1px">preview</div><span style="mso-hide: all">x</span><p hidden>y</p><div style="FONT-SIZE: 0px"><p>z</p></div>shown`, "shown"},
		{"not hidden", `<span style="font-size:0.9em;max-height:0.5em">shown</span>`, "shown"},
		{"lists", "<ul><li>one<li><p>two</p></li></ul><ol><li>first</li><li>second<ul><li>inner</li></ul></li></ol>", "- one\n- two\n\n1. first\n2. second\n  - inner"},
		{"table", "<table><tr><th>TN:</th><td>412304</td></tr><tr><td><p>Title:</p></td><td><p>The Power Elite</p></td></tr></table>", "TN:\t412304\nTitle:\tThe Power Elite"},
		{"link with its own text", `<a href="https://ill.example.edu/x">https://ill.example.edu/x</a> and <a href="https://ill.example.edu/">ill.example.edu</a>`, "https://ill.example.edu/x and ill.example.edu"},
		{"link with other text", `Get <a href="https://share.worldcat.example/ILL/articleexchange?a=1&amp;b=2">the article</a>.`, "Get the article <https://share.worldcat.example/ILL/articleexchange?a=1&b=2>."},
		{"safe link", `<a href="https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fshare.worldcat.example%2Fx&amp;data=05">file</a>`, "file <https://share.worldcat.example/x>"},
		{"mail address", `<a href="mailto:jdoe@example.edu?subject=x">Jane</a>`, "Jane <jdoe@example.edu>"},
		{"other links", `<a href="javascript:alert(1)">x</a><a href="#top">y</a><a href="https://x.example"><img src=x></a>`, "xy"},
		{"pre", "<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"},
		{"pre-wrap", `<div style="white-space: pre-wrap">a` + "\n" + `b</div>`, "a\nb"},
		{"gmail quote", `<div dir="ltr">Thanks</div><br><div class="gmail_quote"><div class="gmail_attr">On Mon, X wrote:<br></div><blockquote class="gmail_quote"><div>one</div><div><br></div><blockquote>two</blockquote></blockquote></div>`,
			"Thanks\n\nOn Mon, X wrote:\n> one\n>\n> > two"},
		{"Apple quote", `yes<div><br><blockquote type="cite"><div>On Nov 9, X wrote:</div><br><div>q</div></blockquote></div>after`, "yes\n\n> On Nov 9, X wrote:\n>\n> q\nafter"},
		{"Outlook web", `<div>yes</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> ILL<br><b>Subject:</b> x</div><div>quoted</div>`,
			"yes\n\n> ________________________________\n> From: ILL\n> Subject: x\n> quoted"},
		{"Outlook desktop", `<div class="WordSection1"><p class="MsoNormal">yes</p><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"><p class="MsoNormal"><b>From:</b> ILL</p></div><p class="MsoNormal">quoted</p></div>`,
			"yes\n\n> From: ILL\n> quoted"},
		{"a rule that is none of Outlook's", `<div style="border-top:solid 1pt;padding:3pt">Total: 3</div><p>more</p>`, "Total: 3\n\nmore"},
		{"Yahoo", `<div>yes</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>On Monday X wrote:</div><div>q</div></div>`, "yes\n> On Monday X wrote:\n> q"},
		{"Spark", `<div name="messageBodySection">yes</div><div name="messageReplySection">On 3 Nov 2026, X wrote:<br>q</div>`, "yes\n> On 3 Nov 2026, X wrote:\n> q"},
		{"an answer to an answer in Outlook web", `<div>yes</div><div id="x_appendonsend"></div><div id="x_divRplyFwdMsg"><b>From:</b> ILL</div>q`, "yes\n\n> From: ILL\n> q"},
		{"indented", `<div>one</div><blockquote style="margin: 0 0 0 40px; border: none; padding: 0px;"><div>two</div></blockquote><div>three</div>`, "one\ntwo\nthree"},
		{"unclosed", "<div><p>a<b>b", "ab"},
		{"stray ends", "</div>a</p>b</blockquote>c</a>", "a\nb\nc"},
		{"entities", "1 &lt; 2 &amp; 3 &eacute; &#x4e2d; &nosuch;", "1 < 2 & 3 é 中 &nosuch;"},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mailbox.TextOfHTML(tt.html)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTextOfDeepHTML ends soon, however elements nest: with work that grew by
// the square it would run into the time limit of the tests.
func TestTextOfDeepHTML(t *testing.T) {
	const n = 150_000
	for _, unit := range []string{"<a href='http://x.example/'>", "<div>", "<blockquote>x", "<table><tr><td>x", "<ul><li>x", "<span hidden>"} {
		end := "</" + strings.FieldsFunc(unit, func(r rune) bool { return r == '<' || r == '>' || r == ' ' })[0] + ">"
		text := mailbox.TextOfHTML(strings.Repeat(unit, n) + strings.Repeat("text ", n) + strings.Repeat(end, n) + "<p>end")
		if !strings.Contains(text, "text text") != strings.Contains(unit, "hidden") {
			t.Errorf("%s: %.100q", unit, text)
		}
	}
}

func FuzzTextOfHTML(f *testing.F) {
	f.Add("<div><p>a<table><tr><td>x<td><blockquote><ul><li><a href=http://x>y</a></ul></div>")
	f.Add("<pre>\n\n a</pre><hr id=zwchr><p style='display:none'><plaintext>")
	f.Add("<a href=http://x.example><a href=mailto:y>z</a></a><blockquote style='border:none;margin:0 0 0 40px'>a<div name=messageReplySection>b")
	f.Add("<head><title></head><body hidden><svg><script>")
	f.Fuzz(func(t *testing.T, html string) {
		text := mailbox.TextOfHTML(html)
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("not clean: %q", text)
		}
		if len(text) > 100*len(html)+100 {
			t.Errorf("%d bytes of text out of %d of HTML", len(text), len(html))
		}
	})
}

func TestSafeHTML(t *testing.T) {
	keep := []struct{ html, want string }{
		{`<p style="color: red">Hi <b>there</b></p>`, `<p style="color: red">Hi <b>there</b></p>`},
		{`<a href="https://x.example/a?b=1">x</a>`, `<a href="https://x.example/a?b=1" rel="nofollow noreferrer noopener" target="_blank">x</a>`},
		{`<img src="cid:logo@x" alt="logo">`, `<img src="cid:logo@x" alt="logo">`},
		{`<blockquote type="cite">q</blockquote>`, `<blockquote type="cite">q</blockquote>`},
		{`<table border="1"><tr><td colspan="2">x</td></tr></table>`, `<table border="1"><tr><td colspan="2">x</td></tr></table>`},
	}
	for _, tt := range keep {
		if diff := cmp.Diff(tt.want, mailbox.SafeHTML(tt.html)); diff != "" {
			t.Errorf("%s\n%s", tt.html, diff)
		}
	}
	// None of these may leave anything that runs or is fetched.
	hostile := []string{
		`<script>alert(1)</script>`, `<img src="https://evil.example/t.gif">`, `<img src="//evil.example/t.gif">`, `<img srcset="https://evil.example/t.gif 1x">`, `<img src=x onerror=evil()>`,
		`<div style="background:url(https://evil.example/t.gif)">x</div>`, `<div style="background-color:red;list-style:url('https://evil.example')">x</div>`,
		`<p style="width:expression(evil())">x</p>`, `<p style="color:\75rl(https://evil.example)">x</p>`, `<font color="red" style="font-family:url(https://evil.example)">x</font>`,
		`<form action="https://evil.example"><input name=a><button>go</button></form>`, `<meta http-equiv=refresh content="0;url=https://evil.example">`, `<base href="https://evil.example">`,
		`<link rel=stylesheet href="https://evil.example/a.css">`, `<style>@import url(https://evil.example)</style>`, `<iframe src="https://evil.example"></iframe>`, `<object data="https://evil.example"></object>`,
		`<svg><image href="https://evil.example/x"/></svg>`, `<video poster="https://evil.example"><source src="https://evil.example"></video>`, `<audio src="https://evil.example">`,
		`<a href="javascript:evil()">x</a>`, `<a href="data:text/html,<script>evil()</script>">x</a>`, `<a href="vbscript:evil()">x</a>`, `<a ping="https://evil.example" href="mailto:a@x.example">x</a>`,
		`<table background="https://evil.example/t.gif"><tr><td background="https://evil.example/t.gif">x</td></tr></table>`, `<body background="https://evil.example/t.gif">x</body>`,
		`<img src="data:image/svg+xml;base64,PHN2Zz4=">`, `<div id="login" class="btn" name="evil">x</div>`, `<math><mtext><img src=x onerror=evil()></mtext></math>`,
		`<noscript><img src="https://evil.example"></noscript>`, `<template><script>evil()</script></template>`,
	}
	for _, html := range hostile {
		got := strings.ToLower(mailbox.SafeHTML(html))
		for _, bad := range []string{"evil", "script", "<form", "<input", "<svg", "<style", "onerror", "url(", "svg+xml", "background=", "id=", "class="} {
			if strings.Contains(got, bad) {
				t.Errorf("%s\nleaves %s", html, got)
			}
		}
	}
}
