package web

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"illmail/store"
)

// axeVersion is the axe-core that judges the pages; axeSum is the SHA-512 of its package.
const (
	axeVersion = "4.14.1"
	axeSum     = "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
)

// look is a page as somebody comes to see it: its path, and what is done there.
type look struct {
	name, path string
	do         string // JavaScript; "" for nothing
	then       string // what is true once that is done
}

// notPages are the routes under GET that answer with no page of ours, and why.
var notPages = map[string]string{
	"GET /login/oidc":                 "leads to the provider",
	"GET " + CallbackPath:             "leads back from the provider",
	"GET /healthz":                    "JSON",
	"GET /events":                     "a stream of events",
	"GET /files/{id}":                 "a download",
	"GET /messages/{id}/raw":          "a download",
	"GET /messages/{id}/parts/{path}": "a download",
	"GET /messages/{id}/html":         "the sender's own markup",
	"GET /templates/{office}/new":     "leads to the editor",
}

// looks are all pages by the route that answers with them, and the states in
// which they look different.
func (s *sample) looks() map[string][]look {
	at := func(name string) string { return conv(s.talks[name]) }
	list := []look{{name: "search", path: "/?tab=all&q=Gravitation"}, {name: "empty search", path: "/?tab=all&q=nothing+like+it"}, {name: "filter", path: "/?tab=all&intent=recall"},
		{name: "queue", path: "/?tab=queue&queue=1"}, {name: "saved view", path: "/?label=first&queue=1"}}
	for _, t := range tabs(store.TabCounts{}) {
		list = append(list, look{name: t.Name, path: "/?tab=" + t.Name})
	}
	list = append(list, look{name: "the keys", path: "/", do: `document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }))`, then: `document.querySelector("#keys").open`},
		look{name: "ticked", path: "/", do: `document.querySelector(".c-tick input").click()`, then: `document.querySelector(".bulkbar.on")`},
		look{name: "not found", path: "/conversations/99999999"})
	var talks []look
	for _, name := range []string{"renewal", "returned", "file", "private", "recall", "bounce", "system"} {
		talks = append(talks, look{name: name, path: at(name)})
	}
	talks = append(talks, look{name: "answer anyway", path: at("system") + "?answer=1"}, look{name: "draft to approve", path: at("pickup")}, look{name: "refused reply", path: at("new"),
		do:   `document.querySelector("#body").value = " \n"; document.querySelector("#body").required = false; document.querySelector("button[value=send_wait]").click()`,
		then: `location.pathname.endsWith("/reply") && document.querySelector("#reply .problem")`},
		look{name: "reply that tells of a patron", path: at("recall"),
			do:   `document.querySelector("#body").value = "Wei Zhang has it still."; document.querySelector("button[value=send_wait]").click()`,
			then: `location.pathname.endsWith("/reply") && document.querySelector("#reply .problem")`})
	return map[string][]look{
		"GET /login": {{name: "sign-in", path: "/login"}, {name: "refused", path: "/login",
			do:   `document.querySelector("#username").value = "ana"; document.querySelector("#password").value = "wrong"; document.querySelector("button.primary").click()`,
			then: `document.querySelector("#problem")`}},
		"GET /away": {{name: "who is away", path: "/away"}, {name: "to one who is away", path: at("file"),
			do:   fmt.Sprintf(`const to = document.querySelector("#assign-to"); to.value = "%d"; to.form.requestSubmit(to.form.querySelector("button:last-of-type"))`, s.staff["tom"].ID),
			then: `document.querySelector("[name=anyway]")`}},
		"GET /{$}":                list,
		"GET /conversations/{id}": talks,
		"GET /cancel": {{name: "cancel", path: "/cancel?office=healey&tn=412790"}, {name: "its letter", path: "/cancel?office=healey&tn=412790",
			do:   `document.querySelector("#letter").selectedIndex = 1; document.querySelector(".sendbar button").click()`,
			then: `document.querySelector("#body")`}},
		"GET /write": {{name: "to the patron", path: "/write?office=healey&tn=412304&to_kind=patron"}, {name: "to the lender", path: "/write?office=healey&tn=412304&to_kind=partner"},
			{name: "forward", path: fmt.Sprintf("/write?from=%d&forward=%d&to_kind=vendor", s.talks["html"], s.msgs["html"])}},
		"GET /messages/{id}":                    {{name: "kept aside", path: fmt.Sprintf("/messages/%d", s.msgs["aside"])}},
		"GET /offices/{code}/transactions/{tn}": {{name: "request with notices", path: "/offices/healey/transactions/412304"}, {name: "bare request", path: "/offices/healey/transactions/412790"}},
		"GET /notices":                          {{name: "today", path: "/notices"}, {name: "another day", path: "/notices?on=" + s.day(2).String()}},
		"GET /notices/rules":                    {{name: "rules", path: "/notices/rules?office=healey"}},
		"GET /outbox":                           {{name: "outbox", path: "/outbox"}, {name: "uncertain", path: "/outbox?state=uncertain"}, {name: "failed", path: "/outbox?state=failed"}},
		"GET /outbox/{id}":                      {{name: "a mail", path: fmt.Sprintf("/outbox/%d", s.msgs["outbox"])}},
		"GET /outbox/{id}/html":                 {{name: "its HTML", path: fmt.Sprintf("/outbox/%d/html", s.msgs["outbox"])}},
		"GET /writebacks":                       {{name: "not written back", path: "/writebacks"}},
		"GET /templates":                        {{name: "templates", path: "/templates"}},
		"GET /templates/{office}/{name}/{language}": {{name: "editor", path: "/templates/healey/overdue/en"}, {name: "a version", path: s.version}, {name: "with an error", path: "/templates/healey/overdue/en",
			do:   `document.querySelector("#source").value = "Subject: x\n\n{{patron.nmae}}"; document.querySelector("#source").dispatchEvent(new Event("input", { bubbles: true }))`,
			then: `document.querySelector("#problems")`}},
		"GET /templates/{office}/{name}/{language}/html": {{name: "a letter's HTML", path: "/templates/healey/overdue/en/html"}},
		"GET /routing":          {{name: "rules", path: "/routing"}},
		"GET /routing/{office}": {{name: "an office's rules", path: "/routing/healey"}},
		"GET /routing/{office}/{id}": {{name: "a rule", path: "/routing/healey/1"}, {name: "a new rule", path: "/routing/healey/new"}, {name: "a rule that cannot be", path: "/routing/healey/1",
			do:   `document.querySelector("#senders").value = "everybody"; document.querySelector("button.primary").click()`,
			then: `document.querySelector("#tried .problem")`}},
		"GET /stats":    {{name: "figures", path: "/stats"}},
		"GET /settings": {{name: "settings", path: "/settings"}},
	}
}

// finding is a rule of axe-core that a node breaks.
type finding struct {
	Rule, Help, Node string
}

// axeRun judges the document as it stands. Only the colours differ between the schemes.
const axeRun = `axe.run(document, { iframes: false, resultTypes: ["violations"], runOnly: %s }).then((r) => JSON.stringify(
	r.violations.flatMap((v) => v.nodes.map((n) => ({ Rule: v.id, Help: v.help + (n.any[0] ? ": " + n.any[0].message : ""), Node: n.html.slice(0, 200) })))))`

// Every page passes axe-core (WCAG 2.1 A and AA, and its best practices), light
// and dark, on a desk and, with everything opened, on a phone.
func TestAxe(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	s := newSample(t)
	s.furnish(t)
	looks := s.looks()
	patterns := map[string]bool{}
	for _, rt := range s.server.routes() {
		patterns[rt.pattern] = true
		if strings.HasPrefix(rt.pattern, "GET ") && notPages[rt.pattern] == "" && looks[rt.pattern] == nil {
			t.Errorf("no look at %s: add one to looks, or say in notPages why it is no page", rt.pattern)
		}
	}
	c := openChrome(t)
	c.bears = []string{"responded with a status of 4"} // the pages that refuse are looked at, too
	ana := s.signIn(t, "ana")
	judge := func(t *testing.T, pattern string, l look) {
		c := &chrome{t: t, ctx: c.ctx}
		if !patterns[pattern] {
			t.Error("there is no such route")
		}
		rules := map[string]string{"light": `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]`, "dark": `["color-contrast"]`}
		c.do(c.as("light"), chromedp.EmulateViewport(1280, 900))
		if strings.HasSuffix(pattern, "/html") {
			// A mail has no landmarks, and its policy lets no script run: the same markup is judged without it.
			rules["light"] = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]`
			page, err := json.Marshal(ana.get(l.path).status(200).body)
			if err != nil {
				t.Fatal(err)
			}
			c.do(chromedp.Navigate("about:blank"), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.open(); document.write(%s); document.close()`, page)))
		} else {
			c.do(chromedp.Navigate(s.site.URL + l.path))
		}
		c.until(settled + "true")
		if l.do != "" {
			c.do(chromedp.Evaluate[chromedp.Void](`(() => { ` + l.do + ` })()`))
			c.until(settled + l.then)
		}
		c.do(chromedp.Evaluate[chromedp.Void](axe + ";0"))
		for _, width := range []int64{1280, 390} {
			c.do(chromedp.EmulateViewport(width, 900))
			if width == 390 {
				c.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d) => { d.open = true })`))
			}
			for scheme, rules := range rules {
				c.do(c.as(scheme))
				said, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](fmt.Sprintf(axeRun, rules), chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatalf("running axe: %v", err)
				}
				var found []finding
				if err := json.Unmarshal([]byte(said), &found); err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					t.Errorf("%s, %d wide: %s: %s\n\t%s", scheme, width, f.Rule, f.Help, f.Node)
				}
			}
		}
	}
	judgeAll := func(pattern string) {
		for _, l := range looks[pattern] {
			t.Run(strings.TrimPrefix(pattern, "GET ")+" "+l.name, func(t *testing.T) { judge(t, pattern, l) })
		}
	}
	judgeAll("GET /login")
	c.do(chromedp.Navigate(s.site.URL+"/login"), chromedp.SendKeys(chromedp.CSS("#username"), "ana"),
		chromedp.SendKeys(chromedp.CSS("#password"), samplePassword), chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `document.querySelector("tr[data-id]")`)
	for _, pattern := range slices.Sorted(maps.Keys(looks)) {
		if pattern != "GET /login" {
			judgeAll(pattern)
		}
	}
}

// as lets the pages be seen in a scheme of colours, and nothing move.
func (c *chrome) as(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

// furnish fills the corners: notices in every state, a draft to approve, mail
// kept aside, a patron whom no mail reaches, what was not written back, and a
// letter with versions.
func (s *sample) furnish(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	s.plan(t)
	held, err := s.db.ListOutbox(ctx, store.OutboxFilter{State: store.OutboxHeld})
	if err != nil || len(held) < 3 {
		t.Fatalf("%d held, %v", len(held), err)
	}
	s.msgs["outbox"] = held[0].ID
	if _, err := s.db.ReleaseMails(ctx, s.office.ID, []int64{held[0].ID, held[1].ID}, "tom"); err != nil {
		t.Fatal(err)
	}
	s.send(t, func(ctx context.Context, m store.OutboxMail, holder string) error {
		if m.ID == held[0].ID {
			return s.db.FinishUncertain(ctx, m.ID, holder, "the connection died after the final dot")
		}
		return s.db.FinishFailed(ctx, m.ID, holder, "550 no such user", false, s.now)
	})
	folder, err := s.db.EnsureFolder(ctx, s.office.ID, "INBOX", store.FolderInbox)
	if err != nil {
		t.Fatal(err)
	}
	const raw = "Subject: odd\r\n\r\nodd mail"
	if _, err := s.db.Receive(ctx, folder, []store.Incoming{{UIDValidity: 77, UID: 1, InternalDate: s.now, Size: int64(len(raw)), Body: strings.NewReader(raw)}}); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.db.ClaimUnfiled(ctx, s.office.ID, time.Minute, 10)
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	s.msgs["aside"] = claimed[0].ID
	if err := s.db.FilingFailed(ctx, claimed[0].ID, "the reader stumbled", true); err != nil {
		t.Fatal(err)
	}
	tx, err := s.db.TransactionByNumber(ctx, s.office.ID, 412733)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.MarkUndeliverable(ctx, tx.PatronID, "swright@example.edu", "5.1.1", "intake"); err != nil {
		t.Fatal(err)
	}
	if err := s.db.QueueWriteBack(ctx, store.WriteBack{OfficeID: s.office.ID, TransactionID: tx.ID, Kind: "route", Payload: "Renewal Requested", Cause: "action 1"}); err != nil {
		t.Fatal(err)
	}
	w, err := s.db.ClaimWriteBack(ctx, s.office.ID, time.Now(), time.Minute)
	if err != nil || w == nil {
		t.Fatalf("%+v, %v", w, err)
	}
	if err := s.db.SettleWriteBack(ctx, w, "failed", "ILLiad refused it", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.db.SetHealth(ctx, s.office.ID, "imap:INBOX", false, "The server refuses the log-in; check the password."); err != nil {
		t.Fatal(err)
	}
	lin, ana := s.signIn(t, "lin"), s.signIn(t, "ana")
	lin.post(conv(s.talks["pickup"])+"/draft", "body", "Yes, with a note from you.").status(303)
	lin.post(conv(s.talks["pickup"])+"/reply", "body", "Yes, with a note from you.", "action", "approval").status(303)
	ana.post(conv(s.talks["html"])+"/note", "body", "Look at this one.").status(303)
	ana.post(conv(s.talks["conditional"])+"/state", "action", "snooze", "until", "answer", "last_message", fmt.Sprint(s.msgs["conditional"])).status(303)
	ana.post("/routing/healey/queues", "name", "Faculty").status(303)
	ana.post("/routing/healey/new/save", "name", "Faculty", "enabled", "yes", "status", "Faculty", "senders", "example.edu", "queue", "1", "label", "first").status(303)
	ana.post("/routing/healey/new/save", "name", "The rest", "label", "rest").status(303)
	ana.post(conv(s.talks["file"])+"/place", "queue", "1", "label", "first").status(303)
	ana.post("/views", "name", "Faculty first", "query", "label=first&queue=1", "shared", "yes").status(303)
	today := store.DateOf(s.now, s.now.Location())
	ana.post("/away", "staff", fmt.Sprint(s.staff["tom"].ID), "from", today.String(), "until", today.AddDays(3).String(), "cover", fmt.Sprint(s.staff["ana"].ID)).status(303)
	ana.post("/templates/healey/overdue/en/publish", "source", goodWords, "was", "0").status(303)
	s.version = strings.Split(lin.post("/templates/healey/overdue/en/propose", "source", strings.Replace(goodWords, "bring it back", "return it", 1)).status(303).location, "&")[0]
}

// axeSource is the script of axe-core, which npm fetches once into the cache of
// whoever runs the tests.
func axeSource(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "illmail-test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	script, err := readAxe(kept)
	if err == nil {
		return script
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal("npm is not installed, which fetches axe-core; on Debian: apt install npm")
	}
	fresh, err := os.MkdirTemp(dir, "fetch")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	cmd := exec.CommandContext(t.Context(), npm, "pack", "--silent", "--ignore-scripts", "axe-core@"+axeVersion)
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm cannot fetch axe-core: %v\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(fresh, filepath.Base(kept)), kept); err != nil {
		t.Fatal(err)
	}
	if script, err = readAxe(kept); err != nil {
		t.Fatal(err)
	}
	return script
}

// readAxe reads axe.min.js out of its package, where that is the one we know.
func readAxe(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != axeSum {
		return "", fmt.Errorf("%s has the SHA-512 %s, not the one of axe-core %s", file, got, axeVersion)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%s holds no axe.min.js", file)
		}
		if err != nil {
			return "", err
		}
		if h.Name == "package/axe.min.js" {
			b, err := io.ReadAll(files)
			return string(b), err
		}
	}
}
