package web

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

func TestWhoLooksAndWrites(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.now = time.Now().In(s.now.Location())
	tom, ana := s.signIn(t, "tom"), s.signIn(t, "ana")
	id := s.talks["pickup"]
	tom.get(conv(id)).status(200).hasNot("is viewing this")
	ana.get(conv(id)).status(200).has("Tom Weber is viewing this").hasNot("Ana Ruiz is viewing")
	ana.get("/").status(200).has("Tom Weber looks")
	tom.get("/").status(200).has("Ana Ruiz looks").hasNot("Tom Weber looks")
	tom.post(conv(id)+"/draft", "quiet", "1", "subject", "Re: x", "body", "Yes, of").status(204)
	ana.get(conv(id)).status(200).has("Tom Weber is writing an answer")
	ana.get("/").status(200).has("Tom Weber writes")
}

func TestPresenceIsLive(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.now = time.Now().In(s.now.Location())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.server.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	ana := s.signIn(t, "ana")
	id := s.talks["pickup"]
	c := openChrome(t)
	c.do(chromedp.Navigate(s.site.URL+"/login"), chromedp.SendKeys(chromedp.CSS("#username"), "tom"), chromedp.SendKeys(chromedp.CSS("#password"), samplePassword),
		chromedp.Click(chromedp.CSS("button.primary")))
	c.until(settled + `document.querySelector("tr[data-id]")`)
	c.do(chromedp.Navigate(s.site.URL + conv(id)))
	c.until(settled + `document.querySelector("[data-present]")?.textContent === ""`)
	ana.get(conv(id)).status(200)
	c.until(`document.querySelector("[data-present]").textContent.includes("Ana Ruiz is viewing this")`)
	ana.post(conv(id)+"/draft", "quiet", "1", "subject", "Re: x", "body", "Yes, of").status(204)
	c.until(`document.querySelector("[data-present]").textContent.includes("Ana Ruiz is writing an answer")`)
	if err := s.db.LookAway(t.Context(), id, s.staff["ana"].ID); err != nil {
		t.Fatal(err)
	}
	c.until(`document.querySelector("[data-present]").textContent === ""`)
	// Who leaves the page is gone for the others.
	c.do(chromedp.Navigate(s.site.URL + "/"))
	c.until(settled + `document.querySelector("tr[data-id]")`)
	for {
		list, err := s.db.Present(t.Context(), []int64{id}, s.staff["ana"].ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return
		}
		select {
		case <-c.ctx.Done():
			t.Fatalf("%+v is still there", list)
		case <-time.After(30 * time.Millisecond):
		}
	}
}
