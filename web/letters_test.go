package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"illmail/store"
)

const goodWords = "Subject: Please bring it back\r\n\r\nDear {{patron.first_name}}, **{{item.title}}** is late.\r\n"

func TestTemplates(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "lin")
	b.get("/templates").status(200).has("Overdue", "Letters to lenders").hasNot("Wait for approval")
	path := "/templates/healey/overdue/en"
	b.get(path).status(200).has("{{item.title}}", "Healey Library Interlibrary Loan", "The words that come with the program are in force").hasNot("Approve these words")
	b.get(path + "/html").status(200).has("<html")
	b.post(path, "source", "Subject: Hello {{patron.nmae}}\n\nText\n").status(422).has("Line 1, column 16: unknown field", "did you mean {{patron.name}}?", "Subject: Hello {{patron.nmae}}")
	b.post(path, "source", goodWords).status(200).has("Dear Jordan")
	b.post(path, "source", goodWords, "tn", "412655").status(200).has("Dear Meera", "Distinction: A Social Critique")
	b.post(path, "source", goodWords, "tn", "999").status(400).has("There is no request 999")
	frame := b.post(path+"/html", "source", "Subject: x\n\n"+"{{item.title}} here", "tn", "412811").status(200).has("<html", "Ways of Seeing here")
	if policy := frame.header.Get("Content-Security-Policy"); policy != framePolicy {
		t.Errorf("the frame's policy is %q", policy)
	}
	b.post(path+"/html", "source", "no subject").status(200).has("cannot be sent")
	for _, bad := range []string{"/templates/nowhere/overdue/en", "/templates/healey/No%20letter/en", "/templates/healey/overdue/e", path + "?version=1", path + "/html?version=1"} {
		b.get(bad).status(404)
	}
	b.get("/templates/healey/new?name=Films&language=en").status(400)
	at := b.get("/templates/healey/new?name=overdue-films&language=en").status(303).location
	b.get(at).status(200).has("There is no such letter in force yet", "Hello {{patron.first_name or &#34;there&#34;}}")
}

// A letter is proposed by a student, refused, mended, approved, replaced and
// restored; what goes out follows.
func TestALetterIsProposedAndApproved(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	lin, tom, ana := s.signIn(t, "lin"), s.signIn(t, "tom"), s.signIn(t, "ana")
	path := "/templates/healey/overdue/en"
	subject := func() string {
		t.Helper()
		l, _ := s.server.offices["healey"].Templates().Lookup("overdue", "en")
		line, _, _ := strings.Cut(l.Source, "\n")
		return line
	}
	before := subject()
	lin.post(path+"/propose", "source", strings.Replace(goodWords, "item.title", "item.titel", 1)).status(422).has("Line 3, column 31", "did you mean {{item.title}}?")
	lin.post(path+"/propose", "source", strings.Replace(goodWords, "Please bring it back", strings.Repeat("x", 101), 1)).status(422).has("at most 100")
	if all, err := s.db.TemplateVersions(t.Context(), s.office.ID, "overdue", "en"); err != nil || len(all) != 0 {
		t.Fatalf("what was refused is kept: %v, %v", all, err)
	}
	kept := lin.post(path+"/propose", "source", goodWords).status(303).location
	lin.get(kept).status(200).has("draft", "Version 1, by lin", "Changes against the words that come with the program", "Dear Jordan").hasNot("<button>Approve")
	if subject() != before {
		t.Fatal("a draft goes out")
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(kept, path+"?version="), "&")

	// Only supervisors approve, whatever a form says.
	for _, b := range []*browser{lin, tom} {
		for _, action := range []string{"/approve", "/restore", "/publish"} {
			b.post(path+action, "version", version, "was", "0", "source", goodWords).status(403)
		}
		b.post("/templates/healey/languages", "language", "es", "action", "approve").status(403)
	}
	ana.get("/templates").status(200).has("Wait for approval", kept[:strings.Index(kept, "&")])
	page := ana.get(kept).status(200).has("<button>Approve")
	ana.post(path+"/approve", "version", version, "was", "77").status(409)
	ana.post(path+"/approve", "version", "77", "was", "0").status(404)
	ana.post(path+"/approve", "version", version, "was", page.field("was")).status(303)
	if subject() != "Subject: Please bring it back" {
		t.Errorf("approved, the letter is %q", subject())
	}
	ana.get(path).status(200).has("Version 1 is in force, approved by ana", "in force</span>")
	ana.get("/templates").status(200).hasNot("Wait for approval")

	// Two supervisors who looked at the same version: the later one is told.
	page = ana.get(path).status(200)
	second := strings.Replace(goodWords, "Please bring it back", "It is time", 1)
	ana.post(path+"/publish", "source", second, "was", page.field("was")).status(303)
	ana.post(path+"/publish", "source", "Subject: Third\n\nText.\n", "was", page.field("was")).status(409)
	if subject() != "Subject: It is time" {
		t.Errorf("the letter is %q", subject())
	}
	ana.get(path+"?version="+version).status(200).has("Changes against version 2, which is in force", "Subject: Please bring it back", "<button>Restore")
	page = ana.get(path).status(200)
	ana.post(path+"/restore", "version", version, "was", page.field("was")).status(303)
	if subject() != "Subject: Please bring it back" {
		t.Errorf("restored, the letter is %q", subject())
	}
	page = ana.get(path).status(200).has("Version 3 is in force")
	ana.post(path+"/restore", "was", page.field("was")).status(303)
	if subject() != before {
		t.Errorf("with the program's own words, it is %q", subject())
	}
}

func TestALanguageStaysOffUntilItIsApproved(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ana := s.signIn(t, "ana")
	language := func() string {
		t.Helper()
		l, _ := s.server.offices["healey"].Templates().Lookup("overdue", "es")
		return l.Language
	}
	ana.get("/templates/healey/overdue/es").status(200).has("Nobody has approved this language")
	if got := language(); got != "en" {
		t.Fatalf("nobody approved it, and a letter goes out in %s", got)
	}
	for _, bad := range []string{"en", "xx", ""} {
		ana.post("/templates/healey/languages", "language", bad, "action", "approve").status(400)
	}
	ana.post("/templates/healey/languages", "language", "es", "action", "x").status(400)
	ana.post("/templates/healey/languages", "language", "es", "action", "approve").status(303)
	if got := language(); got != "es" {
		t.Errorf("approved, a letter goes out in %s", got)
	}
	ana.get("/templates").status(200).has("Stop<span")
	ana.get("/templates/healey/overdue/es").status(200).hasNot("Nobody has approved this language")
	ana.post("/templates/healey/languages", "language", "es", "action", "stop").status(303)
	if got := language(); got != "en" {
		t.Errorf("stopped, a letter goes out in %s", got)
	}
}

// The story of an editor in a real browser: the preview follows the keys, what
// is wrong is told by its place, the HTML shows in its frame, and what is
// approved is in force.
func TestEditorInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	c := openChrome(t)
	path := "/templates/healey/overdue/en"
	c.do(chromedp.Navigate(s.site.URL+"/login?to="+path), chromedp.SendKeys(chromedp.CSS("#username"), "ana"), chromedp.SendKeys(chromedp.CSS("#password"), samplePassword),
		chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + fmt.Sprintf(`location.pathname === %q`, path))
	write := func(source string) {
		t.Helper()
		c.until(fmt.Sprintf(`(() => { const e = document.querySelector("#source"); e.value = %q; e.dispatchEvent(new Event("input", { bubbles: true })); return true })()`, source))
	}
	write("Subject: Late\n\nDear {{patron.first_nam}}.\n")
	c.until(`document.querySelector("#problems")?.textContent.includes("Line 3, column 6") && document.querySelector("#problems").textContent.includes("did you mean {{patron.first_name}}?")`)
	c.do(chromedp.Click(chromedp.CSS(`button[formaction$="/publish"]`)))
	c.until(settled + `location.pathname.endsWith("/publish") && document.querySelector("#problems") && document.querySelector("#source").value.includes("first_nam}")`)

	write("Subject: Late\n\nDear {{patron.first_name}}, look here.\n")
	c.until(`document.querySelector("#tried .letter")?.textContent.includes("Dear Jordan, look here.")`)
	// The frame can be asked for more than once; the page stays.
	for range 2 {
		c.do(chromedp.Click(chromedp.CSS(`button[formtarget="preview"]`)))
		c.until(`window.frames.length === 1 && location.pathname.endsWith("/publish")`)
	}
	c.do(chromedp.Click(chromedp.CSS(`button[formaction$="/publish"]`)))
	c.until(settled + fmt.Sprintf(`location.pathname === %q && document.body.textContent.includes("Version 1 is in force")`, path))
	inForce, err := s.db.TemplatesInForce(t.Context(), s.office.ID)
	if err != nil || len(inForce) != 1 || inForce[0].ApprovedBy != "ana" || inForce[0].State != store.TemplateApproved || time.Since(inForce[0].CreatedAt) > time.Hour {
		t.Fatalf("in force is %+v, %v", inForce, err)
	}
}
