package web

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"illmail/store"
)

// chrome is a person with JavaScript, and a keyboard.
type chrome struct {
	t     *testing.T
	ctx   context.Context
	bears []string // complaints of the browser that are none
}

// openChrome starts Chromium; any exception or refused resource fails the test,
// but for forms that say what is wrong with them.
func openChrome(t *testing.T) *chrome {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("Chromium is not installed; on Debian: apt install chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.DisableGPU)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	c := &chrome{t: t, ctx: ctx}
	c.do(chromedp.Navigate("about:blank"))
	complaints := make(chan string, 100)
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" {
				select {
				case complaints <- m.String():
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		for {
			select {
			case m := <-complaints:
				bears := append([]string{"status of 422"}, c.bears...) // a form, and the page says why
				if slices.ContainsFunc(bears, func(s string) bool { return strings.Contains(m, s) }) {
					continue
				}
				t.Errorf("the browser complains: %s", m)
			default:
				return
			}
		}
	})
	return c
}

func (c *chrome) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.ctx, steps...); err != nil {
		c.t.Fatal(err)
	}
}

// until waits until a JavaScript expression is true; it bears a page that is
// just being left.
func (c *chrome) until(expr string) {
	c.t.Helper()
	for {
		ok, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool]("!!("+expr+")"))
		if err == nil && ok {
			return
		}
		select {
		case <-c.ctx.Done():
			c.t.Fatalf("it never came true that %s: %v", expr, err)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// key presses keys where the focus is.
func (c *chrome) key(keys string) {
	c.t.Helper()
	c.do(chromedp.KeyEvent(keys))
}

const settled = `document.readyState === "complete" && `

func TestAnswerByKeyboardWhileMailArrives(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.server.Desk.Undo = time.Hour // a slow machine must not take the time to undo away
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.server.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	c := openChrome(t)

	c.do(chromedp.Navigate(s.site.URL+"/"), chromedp.SendKeys(chromedp.CSS("#username"), "tom"), chromedp.SendKeys(chromedp.CSS("#password"), samplePassword),
		chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `document.querySelectorAll("tr[data-id]").length === 10`)

	// A mail arrives while one watches, perhaps before the stream is open: the
	// list changes by itself.
	s.receive(t, []sampleMail{{name: "live", from: "Nora Live", addr: "nora@example.edu", subject: "Live", text: "This came just now.", kind: "patron", intent: "status", p: .8}})
	c.until(`document.body.textContent.includes("Nora Live")`)

	// The keys: help, the next row, its conversation.
	c.key("?")
	c.until(`document.querySelector("#keys").open`)
	c.do(chromedp.Click(chromedp.CSS("#keys button")))
	c.until(`!document.querySelector("#keys").open`)
	id := s.talks["pickup"]
	row := fmt.Sprintf(`tr[data-id="%d"]`, id)
	for range 20 {
		c.key("j")
		at, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector('%s').classList.contains("here")`, row)))
		if err != nil {
			t.Fatal(err)
		}
		if at {
			break
		}
	}
	c.key("\r")
	c.until(settled + fmt.Sprintf(`location.pathname === "/conversations/%d"`, id))

	// What one types is saved.
	c.key("r")
	c.until(`document.activeElement.id === "body"`)
	c.until(`(document.querySelector("#body").value = "") === ""`)
	c.do(chromedp.SendKeys(chromedp.CSS("#body"), "Yes, with a note from you."))
	c.until(`document.querySelector("[data-saved]").textContent === "Draft saved"`)
	for saved := ""; saved != "Yes, with a note from you."; { // a slow typist's draft is saved in between, too
		st, err := s.db.ReadStory(t.Context(), id)
		if err != nil || len(st.Drafts) != 1 || c.ctx.Err() != nil {
			t.Fatalf("the drafts are %+v, %v, %v", st.Drafts, err, c.ctx.Err())
		}
		saved = st.Drafts[0].Body
		time.Sleep(30 * time.Millisecond)
	}

	// The mail's own formatting opens in a frame.
	c.do(chromedp.Click(chromedp.CSS("details[data-frame] summary")))
	c.until(`document.querySelector("details[data-frame] iframe").getAttribute("sandbox").includes("allow-popups")`)

	// A colleague's note arrives meanwhile and disturbs nothing; a newer mail is told.
	if err := s.db.AddNote(t.Context(), id, "look", store.Actor{Name: "ana"}); err != nil {
		t.Fatal(err)
	}
	// One key sends it and leads to what comes next; another takes it back.
	c.key("\x1b")
	c.until(`document.activeElement.id !== "body"`)
	next, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](`document.querySelector("#reply [name=next]").value`))
	if err != nil || next == "0" || next == fmt.Sprint(id) {
		t.Fatalf("after it comes %q, %v", next, err)
	}
	c.key("y")
	c.until(settled + fmt.Sprintf(`location.pathname === "/conversations/%s" && document.body.textContent.includes("Take it back")`, next))
	mails, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{})
	if err != nil || len(mails) != 1 || mails[0].To != "kobrien@example.edu" {
		t.Fatalf("the outbox is %+v, %v", mails, err)
	}
	c.key("z")
	c.until(settled + fmt.Sprintf(`location.pathname === "/conversations/%d" && document.querySelector("#body")?.value.startsWith("Yes, with a note")`, id))

	// Close leads on, too, and is undone.
	c.key("e")
	c.until(settled + fmt.Sprintf(`location.pathname === "/conversations/%s" && document.body.textContent.includes("Closed.")`, next))
	c.key("z")
	c.until(settled + fmt.Sprintf(`location.pathname === "/conversations/%d" && document.body.textContent.includes("Undone.")`, id))
}

// A letter is chosen by a part of its name; a machine's mail has a form only
// for whoever asks for one.
func TestLettersByName(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	c := openChrome(t)
	c.do(chromedp.Navigate(s.site.URL+"/login?to="+conv(s.talks["private"])), chromedp.SendKeys(chromedp.CSS("#username"), "tom"), chromedp.SendKeys(chromedp.CSS("#password"), samplePassword),
		chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `document.querySelector("#template[list]")`)
	c.key("l")
	c.until(`document.activeElement.id === "template"`)
	c.until(`(document.querySelector("#template").value = "") === ""`) // the key itself, which no keyboard would write there
	c.do(chromedp.SendKeys(chromedp.CSS("#template"), "place a"))
	c.key("\r")
	c.until(settled + `location.search === "?template=reply-new-request" && document.querySelector("#template").value === "How to place a request" && document.querySelector("#body").value !== ""`)

	c.do(chromedp.Navigate(s.site.URL + conv(s.talks["system"])))
	c.until(settled + `document.querySelector("a[data-key=r]") && !document.querySelector("#body")`)
	c.key("r")
	c.until(settled + `document.querySelector("#body")`)
}

func TestPhoneWidth(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.plan(t)
	c := openChrome(t)
	c.do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.site.URL+"/login"), chromedp.SendKeys(chromedp.CSS("#username"), "ana"),
		chromedp.SendKeys(chromedp.CSS("#password"), samplePassword), chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `document.querySelector("tr[data-id]")`)
	for _, path := range []string{"/", conv(s.talks["renewal"]), conv(s.talks["private"]), fmt.Sprintf("/write?from=%d&forward=%d&to_kind=vendor", s.talks["html"], s.msgs["html"]),
		"/cancel?office=healey&tn=412790", "/offices/healey/transactions/412304", "/notices", "/outbox", "/outbox/1", "/templates",
		"/templates/healey/overdue/en", "/stats", "/settings", "/away", "/routing", "/routing/healey/new", "/?tab=kept_aside"} {
		c.do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.site.URL+path))
		c.until(settled + "document.querySelector('main')")
		for _, width := range []int64{390, 320} { // 320: a desk's window of 1280 at 400 %, WCAG 1.4.10
			c.do(chromedp.EmulateViewport(width, 844))
			wide, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](`document.querySelectorAll("details").forEach((d) => { d.open = true }), [...document.querySelectorAll("main *, .side *")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1 &&
			!e.closest(".wide, .vh, pre, [hidden], thead")).map((e) => e.tagName + "." + e.className).slice(0, 3).join(", ")`))
			if err != nil {
				t.Fatal(err)
			}
			if wide = strings.TrimSpace(wide); wide != "" {
				t.Errorf("%s is wider than %d: %s", path, width, wide)
			}
		}
	}
}
