package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

var screenshot = flag.String("screenshot", "", "write the demo's list to this PNG")

// TestNewcomer starts the demo as a newcomer does and has a look: the list
// fills, an ordinary mail is answered by one key, and the mail that it sent
// can be read. With -screenshot it takes the picture of the README.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	addr := freeAddr(t)
	state, err := os.MkdirTemp("", "illmail-demo-") // short, for the socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	if err := os.Chmod(state, 0o755); err != nil { // as root, Postgres walks it as another user
		t.Fatal(err)
	}
	demo := exec.Command(builtProgram(t), "demo", "--listen", addr, "--state", filepath.Join(state, "d"))
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	demo.Stdout, demo.Stderr = log, log
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		if said, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the demo said:\n%s", said)
		}
	})
	p := &product{t: t}
	p.wait("the demo answers", func() bool {
		resp, err := http.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})

	ctx := chromium(t)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	until := func(expr string) {
		t.Helper()
		p.wait(expr, func() bool {
			ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !!(`+expr+")"))
			return err == nil && ok
		})
	}
	do(chromedp.Navigate("http://"+addr+"/"), chromedp.SendKeys(chromedp.CSS("#username"), "demo"), chromedp.SendKeys(chromedp.CSS("#password"), "demo"),
		chromedp.Click(chromedp.CSS("button.primary")))
	until(`document.querySelectorAll("tr[data-id]").length >= 25`)
	if *screenshot != "" {
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(*screenshot, png, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	const renewal = `[...document.querySelectorAll("tr[data-id]")].find(r => r.textContent.includes("Asks to renew"))`
	until(renewal)
	id, err := chromedp.Run(ctx, chromedp.Evaluate[string](renewal+".dataset.id"))
	if err != nil {
		t.Fatal(err)
	}
	do(chromedp.Navigate(fmt.Sprintf("http://%s/conversations/%s", addr, id)))
	until(`document.querySelector("#body").value.length > 40`)
	do(chromedp.KeyEvent("y"))
	until(fmt.Sprintf(`location.pathname !== "/conversations/%s" && document.body.textContent.includes("Take it back")`, id))

	do(chromedp.Navigate("http://" + addr + "/sent-mail"))
	until(`/overdue/i.test(document.body.textContent)`)
}

// chromium is a tab of Debian's Chromium.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		path, err = exec.LookPath("google-chrome")
	}
	if err != nil {
		t.Fatal("Chromium is not installed; on Debian: apt install chromium")
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 900), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	return ctx
}
