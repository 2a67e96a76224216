package templates

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

// hostile is what a value may hold when somebody means harm, or merely writes
// a title of a book.
var hostile = []string{
	"</td></tr></table><script>alert(1)</script>",
	"<a href=\"https://evil.example/\">click</a>",
	"<img src=x onerror=alert(1)>",
	"[click](https://evil.example/)",
	"![x](https://evil.example/x.png)",
	"<https://evil.example/>",
	"[x]: https://evil.example/",
	"**bold** _it_ `code` # head\n\n- item\n1. item\n> quote\n\n---\n\n    code",
	"{{patron.email}} {{#if many}}",
	"x\r\nBcc: all@example.org\r\n\r\nbody",
	"x\x00\x1b[31m\u2028y\u2029z\u0085",
	"\u202egnp.exe\u202c \u2066x\u2069 \ufeff",
	"\xff\xfe\xf0\x9f",
	"\" onmouseover=\"alert(1)\" '",
	"&lt;b&gt; &amp; &#60;script&#62; &#x3c;",
	"--> ]]> <!-- <![endif]-->",
	"\U000F0000\U000F0001\U0001D100",
	"-- \nForged Office\nPhone 1",
	strings.Repeat("A very long title ", 40),
	strings.Repeat("馆", 300),
	"",
	" ",
}

// withValue puts v wherever a value can stand, and an address where only an
// address is taken. The office's own settings are not values: they are its word.
func withValue(v, link string) Data {
	item := Item{
		TransactionNumber: 412304, ILLNumber: v, Title: v, ArticleTitle: v, Author: v, RequestType: v, Lender: v,
		Status: v, Reason: v, PickupLocation: v, CallNumber: v, Link: link, Password: v,
		DueDate: day(2026, time.November, 20), NewDueDate: day(2026, time.December, 1),
		StatusDate: day(2026, time.November, 1), ExpiresOn: day(2026, time.December, 7),
		DaysOverdue: 3, DaysLeft: 4, DaysWaiting: 5, Stern: true, RenewalsAllowed: true,
	}
	return Data{
		Office: Office{Name: "ILL", Address: "ill@example.edu", URL: "https://ill.example.edu/", Hours: v, Phone: v, ReturnTo: v},
		Patron: Patron{FirstName: v, LastName: v, Name: v, Username: v, Email: v, Status: v},
		Items:  []Item{item, item},
		Letter: 2, Today: day(2026, time.November, 23), Staff: v, Lender: Lender{Symbol: v, Name: v}, Note: v,
		Extra: map[string]string{"closed_note": v, "alternatives": v, "cost": v, "tracking": v, "invoice": v, "policy": v, "returned_on": v},
	}
}

// everything uses values in all the places that a template has.
const everything = `Subject: {{item.title}}: {{patron.name or "x"}} {{note or "y"}}

# {{item.title}}

Hello **{{patron.first_name or "there"}}** and *{{patron.last_name or "there"}}*, [{{patron.name or "you"}}](https://example.edu/p/{{patron.username or "u"}}?t={{item.title}}#{{item.author or "a"}})

> {{note or "no note"}}

{{#each items}}
- **{{item.title}}** ` + "`{{item.author or \"a\"}}`" + ` [open]({{item.link}}) {{item.password or "-"}}\
  {{#if item.stern}}[mail {{patron.email or "m"}}](mailto:{{patron.email or "m@example.edu"}}){{/if}}
{{/each}}

**[Open {{item.title}}]({{office.url}}r/{{item.ill_number or "n"}})**

{{extra.alternatives or "none"}}
`

// elements lists the start tags of a document with their attributes, without
// the line breaks that a value of several lines makes. The values of href are
// listed by themselves.
func elements(t testing.TB, doc string) (tags, hrefs []string) {
	root, err := html.Parse(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch {
		case n.Type == html.CommentNode:
			tags = append(tags, "<!--"+n.Data+"-->")
		case n.Type == html.ElementNode && n.Data != "br":
			tag := n.Data
			for _, a := range n.Attr {
				if a.Key == "href" {
					hrefs = append(hrefs, a.Val)
					tag += " href"
					continue
				}
				tag += " " + a.Key + "=" + a.Val
			}
			tags = append(tags, tag)
		}
	}
	return tags, hrefs
}

// checkRender renders tpl with a harmless and with the given value and
// compares the two.
func checkRender(t testing.TB, tpl *Template, v, link string) {
	t.Helper()
	// Fields that come to nothing take other branches.
	tameValue, tameLink := "tame", "https://share.example.org/a"
	if clean(v) == "" {
		tameValue = ""
	}
	if clean(link) == "" {
		tameLink = ""
	}
	tame, wild := withValue(tameValue, tameLink), withValue(v, link)
	want, err := tpl.Render(tame)
	var empty *EmptyFieldError
	if errors.As(err, &empty) && tameLink == "" {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := tpl.Render(wild)
	if err != nil {
		if isWebAddress(clean(link)) {
			t.Fatalf("%q: %v", v, err)
		}
		return
	}
	if s := got.Subject; s == "" || strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxSubject {
		t.Fatalf("%q makes the subject %q", v, s)
	}
	if !utf8.ValidString(got.Text) || !utf8.ValidString(got.HTML) || strings.ContainsAny(got.Text+got.HTML, "\r\x00\x1b") {
		t.Fatalf("%q brings control characters", v)
	}
	wantTags, wantLinks := elements(t, want.HTML)
	gotTags, gotLinks := elements(t, got.HTML)
	if !slices.Equal(wantTags, gotTags) {
		t.Fatalf("%q changes the elements of %s:\n%q\n%q", v, tpl.Name, wantTags, gotTags)
	}
	for i, l := range gotLinks {
		u, err := url.Parse(l)
		if err != nil {
			t.Fatalf("%q makes the link %q", v, l)
		}
		w, _ := url.Parse(wantLinks[i])
		if l == clean(link) {
			continue // the address that {{item.link}} is meant to hold
		}
		if u.Scheme != w.Scheme || u.Host != w.Host || u.User != nil ||
			strings.Count(u.EscapedPath(), "/") != strings.Count(w.EscapedPath(), "/") || len(u.Query()) != len(w.Query()) {
			t.Fatalf("%q turns the link %q into %q", v, wantLinks[i], l)
		}
	}
	if n := strings.Count(got.Text, "\n-- \n"); n != 1 {
		t.Fatalf("%q makes %d signatures", v, n)
	}
}

func TestHostileValues(t *testing.T) {
	templates := append(Default().All(), mustParse(t, everything))
	for _, v := range hostile {
		for _, tpl := range templates {
			checkRender(t, tpl, v, "https://share.example.org/a?b=c&d=<x>"[:35])
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, v := range hostile {
		f.Add(v, "https://share.example.org/a")
	}
	f.Add("a", "javascript:alert(1)")
	f.Add("a", "https://example.org/\" onclick=\"x")
	templates := []*Template{mustParse(f, everything)}
	for _, name := range []string{"overdue", "delivery", "cancellation", "reply-fees", "lender-invoice-disputed"} {
		tpl, _ := Default().Lookup(name, "en")
		templates = append(templates, tpl)
	}
	f.Fuzz(func(t *testing.T, v, link string) {
		for _, tpl := range templates {
			checkRender(t, tpl, v, link)
		}
	})
}

// TestRandomValues mixes the hostile values with each other and with noise.
func TestRandomValues(t *testing.T) {
	tpl := mustParse(t, everything)
	delivery, _ := Default().Lookup("delivery", "en")
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()), 1, 4).Draw(r, "parts")
		v := strings.Join(parts, rapid.SampledFrom([]string{"", " ", "\n", "](", "\n\n"}).Draw(r, "between"))
		for _, tpl := range []*Template{tpl, delivery} {
			checkRender(t, tpl, v, "https://share.example.org/a")
		}
	})
}
