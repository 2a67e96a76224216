package web

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
	"illmail/store"
	"illmail/triage"
)

// TestRulesWithoutJavaScript makes a queue and rules, previews, orders, switches
// and deletes them, and is told what is wrong.
func TestRulesWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ana, tom, lin := s.signIn(t, "ana"), s.signIn(t, "tom"), s.signIn(t, "lin")
	for _, b := range []*browser{tom, lin} { // supervisors only, on the server
		b.get("/").status(200).hasNot(`href="/routing"`)
		for _, path := range []string{"/routing", "/routing/healey", "/routing/healey/new"} {
			b.get(path).status(403)
		}
		for _, path := range []string{"/routing/healey/new", "/routing/healey/new/save", "/routing/healey/1/change", "/routing/healey/queues", "/routing/healey/queues/1/change"} {
			b.post(path, "name", "x", "label", "x", "action", "delete").status(403)
		}
	}
	if rules, err := s.db.RoutingRules(t.Context(), s.office.ID); err != nil || len(rules) > 0 {
		t.Fatalf("there are rules: %+v, %v", rules, err)
	}

	ana.get("/routing").status(200).has("No rules yet", `href="/routing"`)
	for name, want := range map[string]string{"": "Give the queue a name", "unassigned": "one of the piles that every office has", strings.Repeat("n", 31): "Keep the name to 30 letters"} {
		ana.post("/routing/healey/queues", "name", name).status(422).has(want)
	}
	ana.post("/routing/healey/queues", "name", "Faculty <b>").status(303)
	ana.post("/routing/healey/queues", "name", "faculty <B>").status(422).has("There is a queue “faculty &lt;B&gt;” already.")
	queues, err := s.db.OfficeQueues(t.Context(), s.office.ID)
	if err != nil || len(queues) != 1 {
		t.Fatal(queues, err)
	}
	queue := fmt.Sprint(queues[0].ID)
	ana.post("/routing/healey/queues/"+queue+"/change", "action", "rename", "name", "Faculty").status(303)

	// What cannot be is refused, and the form keeps what was typed.
	for _, c := range []struct{ field, value, want string }{
		{"name", " ", "Give the rule a name"},
		{"senders", "everybody", "“everybody” is neither an address nor a domain"},
		{"queue", "", "Say what happens to the mail"},
		{"queue", "9999", "The queue is not there any more"},
		{"assignee", "9999", "There is no such account"},
		{"kind", "auto_reply", "There is no sender of the kind"},
		{"intent", "world_peace", "There is no intent"},
		{"state", "lent", "There is no state"},
	} {
		form := map[string]string{"name": "Kept as typed", "queue": queue, "enabled": "yes"}
		form[c.field] = c.value
		var pairs []string
		for k, x := range form {
			pairs = append(pairs, k, x)
		}
		for _, path := range []string{"/routing/healey/new", "/routing/healey/new/save"} {
			ana.post(path, pairs...).status(422).has(html.EscapeString(c.want))
		}
	}

	// The preview tells of the week's mail and saves nothing.
	faculty := []string{"name", "Faculty mail", "enabled", "yes", "status", "Faculty", "statuses", "Emeritus, Dean", "queue", queue, "assignee", fmt.Sprint(s.staff["tom"].ID), "label", "first"}
	a := ana.post("/routing/healey/new", faculty...).status(200).has("not saved yet", "Meera Patel", "PDF missing pages", "Distinction", "in no queue, with nobody", "Tom Weber",
		`value="Dean" checked`, `value="Faculty" checked`, "<strong>2</strong> of")
	a.hasNot("Wei Zhang", "Thanks!")
	if rules, err := s.db.RoutingRules(t.Context(), s.office.ID); err != nil || len(rules) > 0 {
		t.Fatalf("the preview saved %+v, %v", rules, err)
	}
	if to := ana.post("/routing/healey/new/save", faculty...).status(303).location; !strings.HasPrefix(to, "/routing/healey?done=rules#rule-") {
		t.Errorf("saving leads to %s", to)
	}
	ana.post("/routing/healey/new/save", "name", "The rest", "enabled", "yes", "label", "rest", "place", "1").status(303)
	ana.get("/routing").status(200).has("All mail of people", "never tried", "patron is Faculty or Emeritus or Dean", "to Tom Weber")
	rules, err := s.db.RoutingRules(t.Context(), s.office.ID)
	if err != nil || len(rules) != 2 || rules[0].Name != "The rest" {
		t.Fatalf("the rules are %+v, %v", rules, err)
	}
	rest, fac := fmt.Sprintf("/routing/healey/%d", rules[0].ID), fmt.Sprintf("/routing/healey/%d", rules[1].ID)
	ana.post(rest+"/change", "action", "down").status(303)
	ana.get("/routing").status(200).hasNot("never tried")
	ana.post("/routing/healey/queues/"+queue+"/change", "action", "delete").status(422).has("A rule puts mail into this queue")

	// Mail that was here is not moved; what comes is, if the real intake says so.
	tom.get("/?tab=queue&queue=" + queue).status(200).has("Nothing waits in this queue.")
	s.intake(t, "From: Meera Patel <mpatel@example.edu>\nTo: ill@healey.example.edu\nSubject: TN 412655\nMessage-ID: <keep@test>\n\nMay I keep TN 412655 for two more weeks?\n")
	page := tom.get("/?tab=queue&queue="+queue).status(200).has("Meera Patel", "two more weeks", ">first</span>", `<span class="face" title="Tom Weber">`)
	_, path, _ := strings.Cut(page.body, `class="open" href="`)
	path, _, _ = strings.Cut(path, `"`)
	tom.get(path).status(200).has("<strong>Rule</strong> Faculty mail: put into Faculty, assigned to tom, labelled first", "rule Faculty mail", `>Faculty</a>`)
	tom.get("/").status(200).has(`<span class="pill good-ish">Faculty</span>`, "Faculty (1)", "first (1)")
	tom.get("/?label=first").status(200).has("two more weeks").hasNot("Jordan Doe")
	tom.get("/?queue=none").status(200).has("Jordan Doe").hasNot("two more weeks")
	tom.get("/?queue=x").status(400)
	tom.get("/?tab=queue&queue=999").status(404)

	// By hand, one by one and many at once.
	lin.post(path+"/place", "queue", "", "label", "").status(303)
	tom.get("/?tab=queue&queue=" + queue).status(200).hasNot("two more weeks")
	lin.post(path+"/place", "queue", queue, "label", strings.Repeat("l", 31)).status(400)
	rows := rowValues(tom.get("/").status(200).body)
	tom.post("/bulk", "row", rows[0], "row", rows[1], "action", "move", "queue", queue, "back", "/").status(303)
	if k, err := s.db.OfficeQueues(t.Context(), 0); err != nil || k[0].Waiting != 2 {
		t.Errorf("the queues are %+v, %v", k, err)
	}

	ana.post(fac+"/change", "action", "off").status(303)
	ana.get(fac).status(200).has("The rule is switched off.", "Delete")
	ana.post(fac+"/save", "name", "Older", "label", "x", "version", "1").status(409).has("Someone changed this rule")
	ana.post(fac+"/change", "action", "delete").status(303)
	ana.get(fac).status(404)
	ana.post("/routing/healey/queues/"+queue+"/change", "action", "delete").status(303)
	tom.get("/").status(200).hasNot("Faculty (")
}

// intake takes a mail in by IMAP, classifier and rules, as the daemon does.
func (s *sample) intake(t *testing.T, raw string) {
	t.Helper()
	imap := mailtest.StartIMAP(t, mailtest.IMAPOptions{})
	if err := imap.Append("INBOX", []byte(strings.ReplaceAll(raw, "\n", "\r\n")), s.now); err != nil {
		t.Fatal(err)
	}
	in := &triage.Intake{DB: s.db, Office: s.server.Desk.Offices[0]}
	// Another folder than the sample's own mail came from: its UIDs begin anew.
	w := &mailbox.Watcher{Account: imap.Account(), Folder: "INBOX", Sink: aside{in}, Start: "all"}
	if err := w.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := in.FileStored(t.Context()); err != nil || n != 1 {
		t.Fatalf("filed %d, %v", n, err)
	}
}

// aside takes in under the name of a folder of its own.
type aside struct{ *triage.Intake }

func (a aside) Marks(ctx context.Context, _ string) (mailbox.Marks, error) {
	return a.Intake.Marks(ctx, "Aside")
}

func (a aside) SetMarks(ctx context.Context, _ string, m mailbox.Marks) error {
	return a.Intake.SetMarks(ctx, "Aside", m)
}

func (a aside) Receive(ctx context.Context, msgs []mailbox.Fetched) error {
	for i := range msgs {
		msgs[i].Folder = "Aside"
	}
	return a.Intake.Receive(ctx, msgs)
}

func TestSavedViewsWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ana, tom, lin := s.signIn(t, "ana"), s.signIn(t, "tom"), s.signIn(t, "lin")
	tom.get("/").status(200).hasNot("Save view")
	a := tom.get("/?tab=needs_answer&kind=partner&sort=newest").status(200).has("Save view").hasNot("For the whole office")
	query := html.UnescapeString(a.field("query"))
	if q, err := url.ParseQuery(query); err != nil || q.Get("kind") != "partner" || q.Get("sort") != "newest" || q.Has("tab") {
		t.Errorf("what is saved is %q", query)
	}
	if strings.Index(a.body, "Interlibrary Services, Arizona") > strings.Index(a.body, "BXM Lending") {
		t.Error("the newest does not come first")
	}
	tom.post("/views", "name", "", "query", query).status(400).has("Give the view a name.")
	tom.post("/views", "name", "x", "query", "tab=mine&after=1&evil=1").status(400).has("no filter to be saved")
	tom.post("/views", "name", "Lenders", "query", query, "shared", "yes").status(403).has("A supervisor shares")
	to := tom.post("/views", "name", "Lenders", "query", query+"&evil=%22%3E").status(303).location
	tom.get(to).status(200).has(`<h1>Lenders`, `aria-current="page" class="quiet"><span>Lenders`, "BXM Lending", "Only you have this view.").hasNot("evil", "Jordan Doe")
	lin.get("/").status(200).hasNot("<span>Lenders")

	ana.post("/views", "name", "Recalls", "query", "intent=recall", "shared", "yes").status(303)
	lin.get("/").status(200).has("<span>Recalls", "Shared by Ana Ruiz")
	lin.get("/?intent=recall").status(200).has("Ana Ruiz shares this view", "Keep it as your own").hasNot("Rename")
	views, err := s.db.SavedViews(t.Context(), s.staff["tom"].ID)
	if err != nil || len(views) != 2 {
		t.Fatal(views, err)
	}
	own, shared := fmt.Sprintf("/views/%d", views[0].ID), fmt.Sprintf("/views/%d", views[1].ID)
	tom.post(shared, "action", "delete").status(404)
	ana.post(own, "action", "delete").status(404) // nobody else's business
	tom.post(own, "action", "rename", "name", "Other libraries", "back", "/?kind=partner&sort=newest").status(303)
	tom.get("/").status(200).has("<span>Other libraries")
	ana.post(shared, "action", "delete", "back", "//evil.example").status(303)
	tom.post(own, "action", "delete", "back", "/").status(303)
	tom.get("/").status(200).hasNot("<h2>Views</h2>")
}

// TestRuleInTheBrowser makes a rule with a live preview; then mail comes in by
// the real intake and stands in the queue, with the assignee, before one's eyes.
func TestRuleInTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	if _, err := s.db.AddOfficeQueue(t.Context(), s.office.ID, "Faculty", store.Actor{Name: "ana"}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.server.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	c := openChrome(t)
	c.do(chromedp.Navigate(s.site.URL+"/login?to=/routing"), chromedp.SendKeys(chromedp.CSS("#username"), "ana"), chromedp.SendKeys(chromedp.CSS("#password"), samplePassword),
		chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `location.pathname === "/routing"`)
	c.do(chromedp.Click(chromedp.CSS(`a[href="/routing/healey/new"]`)))
	c.until(settled + `document.querySelector("#name")`)
	c.do(chromedp.SendKeys(chromedp.CSS("#name"), "Faculty mail"))
	c.until(`document.querySelector("#tried").textContent.includes("Say what happens to the mail")`) // it follows what one types
	c.until(`(document.querySelectorAll("details").forEach((d) => { d.open = true }), true)`)
	c.do(chromedp.Click(chromedp.CSS(`input[name=status][value=Faculty]`)), chromedp.SendKeys(chromedp.CSS("#queue"), "Faculty"), chromedp.SendKeys(chromedp.CSS("#assignee"), "Tom"))
	c.until(`/placed 2 of/.test(document.querySelector("#tried").textContent) && document.querySelector("#tried").textContent.includes("Tom Weber")`)
	c.do(chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `location.pathname === "/routing/healey" && document.body.textContent.includes("Faculty mail")`)

	c.do(chromedp.Click(chromedp.CSS(`.piles a[href*="tab=queue"]`)))
	c.until(settled + `document.body.textContent.includes("Nothing waits in this queue.")`)
	s.intake(t, "From: Meera Patel <mpatel@example.edu>\nTo: ill@healey.example.edu\nSubject: TN 412655\nMessage-ID: <keep@test>\n\nMay I keep TN 412655 for two more weeks?\n")
	c.until(`document.querySelector("tr[data-id] .face")?.title === "Tom Weber" && document.querySelector(".piles [aria-current] b")?.textContent === "1"`)

	// Another queue and label by hand, with the keyboard.
	c.key("j")
	c.key("o")
	c.until(settled + `document.querySelector("details.menu[data-key=m]")`)
	c.key("m")
	c.until(`document.activeElement.id === "place-queue"`)
	c.do(chromedp.SendKeys(chromedp.CSS("#place-label"), "rush\r"))
	c.until(settled + `document.querySelector(".facts").textContent.includes("rush")`)
	c.do(chromedp.Navigate(s.site.URL + "/?label=rush"))
	c.until(settled + `document.querySelectorAll("tr[data-id]").length === 1`)

	// The filter gets a name and stands beside the list.
	c.do(chromedp.Click(chromedp.CSS("details.toright summary")), chromedp.SendKeys(chromedp.CSS("#view-name"), "In a hurry\r"))
	c.until(settled + `document.querySelector(".piles [aria-current]")?.textContent.trim() === "In a hurry" && document.querySelector("h1").textContent.includes("In a hurry")`)
}
