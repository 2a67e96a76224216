package templates

import (
	"html"
	"strconv"
	"strings"
)

// The layout is what mail programs agree on: tables for Outlook, inline styles
// because Gmail drops style sheets in some of its forms, a style sheet for
// dark mode and phones where it is read. Nothing is loaded from elsewhere.
const (
	htmlHead = `<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="x-apple-disable-message-reformatting">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (max-width: 620px) {
  .outer { padding: 0 !important; }
  .card { border-radius: 0 !important; border-left: 0 !important; border-right: 0 !important; }
  .pad { padding-left: 20px !important; padding-right: 20px !important; }
}
@media (prefers-color-scheme: dark) {
  .page { background-color: #15181c !important; }
  .card { background-color: #1f242a !important; border-color: #5b97d6 #39414a #39414a #39414a !important; }
  .text, .text p, .text li, .text h1, .text h2 { color: #e6e9ed !important; }
  .name { color: #a9cdf2 !important; }
  .text a, .foot a { color: #8fc0f5 !important; }
  .text a.button { color: #ffffff !important; }
  .line { border-color: #39414a !important; }
  .foot { color: #a3adb8 !important; }
}
[data-ogsc] .text, [data-ogsc] .text p, [data-ogsc] .text li { color: #e6e9ed !important; }
[data-ogsc] .text a { color: #8fc0f5 !important; }
</style>
<!--[if mso]><style>body, table, td, p, li, a { font-family: Arial, sans-serif !important; }</style><![endif]-->
`
	font = `font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;`

	htmlOpen = `<body class="page" style="margin:0;padding:0;background-color:#eef1f4;-webkit-text-size-adjust:100%">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="page" style="background-color:#eef1f4">
<tr><td align="center" class="outer" style="padding:24px 12px">
<!--[if mso]><table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="card" style="max-width:600px;background-color:#ffffff;border:1px solid #d5dbe1;border-top:4px solid #1f5a96;border-radius:6px">
`
	htmlBody = `<tr><td class="pad text" align="left" style="padding:20px 32px 12px;` + font + `font-size:16px;line-height:1.5;color:#1d2329">
`
	htmlFoot = `</td></tr>
<tr><td class="pad foot line" align="left" style="padding:16px 32px 24px;border-top:1px solid #d5dbe1;` + font + `font-size:13px;line-height:1.5;color:#56616c">
`
	htmlClose = `</td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
`
)

// writeHTML writes the whole document.
func writeHTML(language, subject string, body []block, office *Office, footer []string) string {
	w := &htmlWriter{}
	w.b.Grow(8 << 10)
	w.b.WriteString("<!DOCTYPE html>\n<html lang=\"")
	w.escape(language)
	w.b.WriteString("\" dir=\"ltr\">\n<head>\n<title>")
	w.escape(subject)
	w.b.WriteString("</title>\n" + htmlHead + "</head>\n" + htmlOpen)
	if name := clean(office.Name); name != "" {
		w.b.WriteString(`<tr><td class="pad name line" align="left" style="padding:18px 32px 14px;border-bottom:1px solid #d5dbe1;` + font + `font-size:15px;font-weight:bold;line-height:1.3;color:#1f5a96">`)
		w.escape(name)
		w.b.WriteString("</td></tr>\n")
	}
	w.b.WriteString(htmlBody)
	w.blocks(body)
	w.b.WriteString(htmlFoot)
	w.footer(footer, office)
	w.b.WriteString(htmlClose)
	return w.b.String()
}

type htmlWriter struct {
	b strings.Builder
}

func (w *htmlWriter) escape(s string) { w.b.WriteString(html.EscapeString(s)) }

func (w *htmlWriter) blocks(blocks []block) {
	for i := range blocks {
		b := &blocks[i]
		switch b.kind {
		case paragraph:
			if isButton(b.inlines) {
				w.button(&b.inlines[0].children[0])
				continue
			}
			w.b.WriteString(`<p style="margin:0 0 16px">`)
			w.inlines(b.inlines)
			w.b.WriteString("</p>\n")
		case heading:
			tag := "h" + strconv.Itoa(min(b.level, 2))
			w.b.WriteString("<" + tag + ` style="margin:8px 0 12px;font-size:18px;line-height:1.3">`)
			w.inlines(b.inlines)
			w.b.WriteString("</" + tag + ">\n")
		case list:
			tag := "ul"
			if b.ordered {
				tag = "ol"
			}
			w.b.WriteString("<" + tag + " style=\"margin:0 0 16px;padding:0 0 0 22px\">\n")
			for _, it := range b.children {
				w.b.WriteString(`<li style="margin:0 0 10px">`)
				w.item(it.children)
				w.b.WriteString("</li>\n")
			}
			w.b.WriteString("</" + tag + ">\n")
		case quote:
			w.b.WriteString(`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 16px"><tr><td class="text line" style="padding:12px 0 0 14px;border-left:4px solid #d5dbe1">` + "\n")
			w.blocks(b.children)
			w.b.WriteString("</td></tr></table>\n")
		case rule:
			w.b.WriteString(`<hr class="line" style="border:0;border-top:1px solid #d5dbe1;margin:20px 0">` + "\n")
		}
	}
}

// item writes what is in a list item; a single paragraph needs no <p>.
func (w *htmlWriter) item(blocks []block) {
	if len(blocks) > 0 && blocks[0].kind == paragraph {
		w.inlines(blocks[0].inlines)
		blocks = blocks[1:]
	}
	w.blocks(blocks)
}

// isButton reports a paragraph that is one link in bold: **[Open it]({{item.link}})**.
func isButton(in []inline) bool {
	return len(in) == 1 && in[0].kind == strong && len(in[0].children) == 1 && in[0].children[0].kind == link
}

// button is a link in a coloured cell, which Outlook draws, too.
func (w *htmlWriter) button(n *inline) {
	w.b.WriteString(`<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:4px 0 20px"><tr><td bgcolor="#1f5a96" style="border-radius:4px;mso-padding-alt:11px 22px"><a class="button" href="`)
	w.escape(n.text)
	w.b.WriteString(`" style="display:inline-block;padding:11px 22px;color:#ffffff;font-weight:bold;text-decoration:none">`)
	w.inlines(n.children)
	w.b.WriteString("</a></td></tr></table>\n")
}

func (w *htmlWriter) inlines(in []inline) {
	for i := range in {
		n := &in[i]
		switch n.kind {
		case text:
			w.escape(n.text)
		case space:
			w.b.WriteByte('\n')
		case lineBreak:
			w.b.WriteString("<br>\n")
		case strong:
			w.wrap("strong", n.children)
		case emphasis:
			w.wrap("em", n.children)
		case code:
			w.wrap("code", n.children)
		case link:
			w.b.WriteString(`<a href="`)
			w.escape(n.text)
			w.b.WriteString(`" style="color:#1f5a96">`)
			w.inlines(n.children)
			w.b.WriteString("</a>")
		}
	}
}

func (w *htmlWriter) wrap(tag string, children []inline) {
	w.b.WriteString("<" + tag + ">")
	w.inlines(children)
	w.b.WriteString("</" + tag + ">")
}

// footer writes who the letter is from; the office's own addresses can be
// followed, others are plain text.
func (w *htmlWriter) footer(lines []string, office *Office) {
	for i, l := range lines {
		if i > 0 {
			w.b.WriteString("<br>\n")
		}
		href := ""
		switch {
		case l == "":
		case l == clean(office.URL) && isWebAddress(l):
			href = l
		case l == clean(office.Address) && strings.Contains(l, "@"):
			href = "mailto:" + l
		}
		if href == "" {
			w.escape(l)
			continue
		}
		w.b.WriteString(`<a href="`)
		w.escape(href)
		w.b.WriteString(`" style="color:#1f5a96">`)
		w.escape(l)
		w.b.WriteString("</a>")
	}
}
