package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"illmail/store"
)

// TestChangeOfUser: one form signs out and leads back to the same page, where
// the draft is that was being written.
func TestChangeOfUser(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	s.signIn(t, "lin").get("/login").status(303)
	id := s.talks["pickup"]
	page := b.get(conv(id)+"?done=noted").status(200).has(`form="draft" name="action" value="switch"`, `name="to" value="`+conv(id)+`"`)
	a := b.post(conv(id)+"/reply", "last_message", page.field("last_message"), "last_reply", page.field("last_reply"), "template", page.field("template"),
		"subject", "Re: x", "body", "Half a sentence", "action", "switch").status(303)
	login := b.get(a.location).status(200).has("Tom Weber").hasNot("Lin Chen")
	if to := login.field("to"); to != conv(id) {
		t.Errorf("it leads back to %q", to)
	}
	b.get(conv(id)).status(303)

	// Ana comes, at the same page; what Tom writes is not hers.
	b.post("/login", "username", "ana", "password", samplePassword, "to", conv(id)).status(303)
	b.get(conv(id)).status(200).has("Ana Ruiz", "is writing an answer", "Half a sentence")
	a = b.post("/switch", "to", "/outbox?state=sent").status(303)
	if a.location != "/login?to=%2Foutbox%3Fstate%3Dsent" {
		t.Errorf("it leads to %q", a.location)
	}
	// Both are offered, the last one first; a choice leaves the password to be typed.
	login = b.get(a.location).status(200)
	if ana, tom := strings.Index(login.body, "user=ana"), strings.Index(login.body, "user=tom"); ana < 0 || tom < ana {
		t.Errorf("ana is offered at %d, tom at %d", ana, tom)
	}
	b.get("/login?user=tom&to=%2Foutbox").status(200).has(`name="username" value="tom"`, `aria-current="true"`)
	b.post("/login", "username", "tom", "password", "wrong", "to", conv(id)).status(401).has("user=ana")
	b.post("/login", "username", "tom", "password", samplePassword, "to", conv(id)).status(303)
	b.get(conv(id)).status(200).has("Half a sentence", "Your draft of")

	// Nowhere else is it known who works here, and it leads to pages of ours only.
	s.signIn(t, "").get("/login?user=ana").status(200).hasNot("Ana Ruiz", "Tom Weber")
	if a := b.post("/switch", "to", "https://evil.example/").status(303); a.location != "/login" {
		t.Errorf("it leads to %q", a.location)
	}
	if err := s.db.DisableStaff(t.Context(), "ana", s.now); err != nil {
		t.Fatal(err)
	}
	b.get("/login").status(200).has("Tom Weber").hasNot("Ana Ruiz")
	s.now = s.now.Add(store.DeskLife + 1)
	b.get("/login").status(200).hasNot("Tom Weber")
}

// TestPIN: it does only in a browser in which its owner proved who they are, for
// some hours and some tries.
func TestPIN(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	for _, pin := range []string{"123", "1234567", "12a4", "١٢٣٤"} {
		b.post("/settings/pin", "password", samplePassword, "pin", pin).status(400)
	}
	b.post("/settings/pin", "password", "wrong", "pin", "4711").status(400)
	b.post("/settings/pin", "password", samplePassword, "pin", "4711").status(303)
	by := func(b *browser, secret string, want int) {
		t.Helper()
		b.post("/login", "username", "tom", "password", secret).status(want)
	}
	b.post("/switch").status(303)
	b.get("/login?user=tom").status(200).has("Password or PIN")
	b.get("/login?user=ana").status(200).hasNot("or PIN")
	by(b, "4712", 401)
	by(b, "4711", 303)
	b.get("/").status(200).has("Tom Weber")
	b.post("/login", "username", "ana", "password", "4711").status(401)

	// Elsewhere it is nothing, nor where somebody else signed in.
	by(s.signIn(t, ""), "4711", 401)
	by(s.signIn(t, "lin"), "4711", 401)

	s.now = s.now.Add(16 * time.Minute) // each of these was a wrong password, too
	// After three wrong ones in a row the password is asked for.
	for range 3 {
		by(b, "0000", 401)
	}
	s.now = s.now.Add(16 * time.Minute)
	by(b, "4711", 401)
	b.get("/login").status(303)
	b.post("/switch").status(303)
	b.get("/login?user=tom").status(200).hasNot("or PIN")
	by(b, samplePassword, 303)
	by(b, "4711", 303)

	// So it is after twelve hours, however often the PIN was used; and after a change of access.
	s.now = s.now.Add(11 * time.Hour)
	by(b, "4711", 303)
	s.now = s.now.Add(2 * time.Hour)
	by(b, "4711", 401)
	by(b, samplePassword, 303)
	if err := s.db.SetRole(t.Context(), "tom", store.RoleSupervisor); err != nil {
		t.Fatal(err)
	}
	by(b, "4711", 401)
	by(b, samplePassword, 303)
	b.post("/settings/pin", "password", samplePassword, "pin", "").status(303)
	by(b, "4711", 401)
}

func TestChangeOfUserByOneKey(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	c := openChrome(t)
	id := s.talks["pickup"]
	signIn := func(name string) {
		t.Helper()
		c.until(settled + `location.pathname === "/login" && document.querySelector("#password")`)
		c.do(chromedp.SendKeys(chromedp.CSS("#username"), name), chromedp.SendKeys(chromedp.CSS("#password"), samplePassword), chromedp.Click(chromedp.CSS("form button.primary")))
		c.until(settled + fmt.Sprintf(`location.pathname === %q`, conv(id)))
	}
	c.do(chromedp.Navigate(s.site.URL + conv(id)))
	signIn("tom")
	// A letter that one only looks at makes no draft.
	c.key("U")
	signIn("ana")
	st, err := s.db.ReadStory(t.Context(), id)
	if err != nil || len(st.Drafts) != 0 {
		t.Fatalf("the drafts are %+v, %v", st.Drafts, err)
	}
	// What one types is kept, however fast the next person comes.
	c.key("r")
	c.until(`document.activeElement.id === "body"`)
	c.until(`(document.querySelector("#body").value = "") === ""`)
	c.do(chromedp.SendKeys(chromedp.CSS("#body"), "Half a sentence"))
	c.key("\x1b")
	c.until(`document.activeElement.id !== "body"`)
	c.key("U")
	// The one before is chosen by the keyboard: Enter on the name, then the password.
	c.until(settled + `document.querySelectorAll(".desk a").length === 2 && document.activeElement.matches(".desk a")`)
	c.do(chromedp.Click(chromedp.CSS(`.desk a[href*="user=tom"]`)))
	c.until(settled + `document.querySelector("#username").value === "tom" && document.activeElement.id === "password"`)
	c.key(samplePassword + "\r")
	c.until(settled + fmt.Sprintf(`location.pathname === %q && document.body.textContent.includes("Tom Weber")`, conv(id)))
	if st, err = s.db.ReadStory(t.Context(), id); err != nil || len(st.Drafts) != 1 || st.Drafts[0].Body != "Half a sentence" || st.Drafts[0].StaffID != s.staff["ana"].ID {
		t.Fatalf("the drafts are %+v, %v", st.Drafts, err)
	}
}
