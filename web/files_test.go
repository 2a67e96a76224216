package web

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"illmail/store"
)

// upload posts a form with one file.
func (b *browser) upload(path, name, content string, pairs ...string) *answer {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(pairs); i += 2 {
		if err := form.WriteField(pairs[i], pairs[i+1]); err != nil {
			b.t.Fatal(err)
		}
	}
	w, err := form.CreateFormFile("upload", name)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		b.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.site+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

func (s *sample) outbox(t *testing.T, want int) []store.OutboxRow {
	t.Helper()
	mails, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{})
	if err != nil || len(mails) != want {
		t.Fatalf("%d mails, %v; want %d", len(mails), err, want)
	}
	return mails
}

func (s *sample) files(t *testing.T, outbox int64) string {
	t.Helper()
	files, err := s.db.OutboxFiles(t.Context(), outbox)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, f := range files {
		words = append(words, f.Name+"="+string(f.Data))
	}
	return strings.Join(words, " ")
}

func TestFilesOfAReply(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.talks["file"]
	page := b.get(conv(id)).status(200)
	form := func(extra ...string) []string {
		return append([]string{"last_message", page.field("last_message"), "last_reply", page.field("last_reply"), "subject", "Re: x", "body", "Here it is.", "cc", "desk@example.edu"}, extra...)
	}
	b.upload(conv(id)+"/reply", "scan <1>.html", "<script>alert(1)</script>", form("action", "attach")...).status(303)
	page = b.get(conv(id)).status(200).has("scan &lt;1&gt;.html", "Here it is.", `value="desk@example.edu"`)
	first := page.field("file")

	a := b.get("/files/" + first).status(200).has("<script>alert(1)</script>")
	if d := a.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment;") {
		t.Errorf("a file is answered as %q", d)
	}
	if ct, sniff := a.header.Get("Content-Type"), a.header.Get("X-Content-Type-Options"); ct != "application/octet-stream" || sniff != "nosniff" {
		t.Errorf("a file is a %q, %q", ct, sniff)
	}
	b.get("/files/999").status(404)

	// One that is taken off does not go, nor does one that another tab took off.
	b.upload(conv(id)+"/reply", "wrong.txt", "no", form("action", "attach")...).status(303)
	st, err := s.db.ReadStory(t.Context(), id)
	if err != nil || len(st.Drafts) != 1 || len(st.Drafts[0].Files) != 2 {
		t.Fatalf("the drafts are %+v, %v", st.Drafts, err)
	}
	second := fmt.Sprint(st.Drafts[0].Files[1].ID)
	b.post(conv(id)+"/reply", form("file", first, "file", second, "detach", second)...).status(303)
	b.post(conv(id)+"/reply", form("file", first, "file", second, "action", "send_wait")...).status(409).has("A file was taken off meanwhile"[2:], "Here it is.")

	// What is chosen when one presses Send goes too.
	b.upload(conv(id)+"/reply", "late.txt", "two", form("file", first, "action", "send_wait")...).status(303)
	m := s.outbox(t, 1)[0]
	if got := s.files(t, m.ID); got != "scan <1>.html=<script>alert(1)</script> late.txt=two" {
		t.Errorf("the mail carries %q", got)
	}
	b.get(conv(id)).status(200).has(`download>late.txt`)
	b.get(fmt.Sprintf("/outbox/%d", m.ID)).status(200).has(`download>late.txt`)

	// Taken back, the draft has them again, and the people.
	b.post(fmt.Sprintf("%s/undo/%d", conv(id), m.ID)).status(303)
	if st, err = s.db.ReadStory(t.Context(), id); err != nil || len(st.Drafts) != 1 || len(st.Drafts[0].Files) != 2 || st.Drafts[0].Cc != "desk@example.edu" {
		t.Errorf("taken back, the drafts are %+v, %v", st.Drafts, err)
	}
}

func TestTooBigAFileKeepsTheText(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.talks["file"]
	b.upload(conv(id)+"/reply", "big.bin", strings.Repeat("x", store.MaxFileBytes+1), "subject", "Re: x", "body", "My words.", "action", "send_wait").status(400).
		has("“big.bin” was not attached", "My words.")
	s.outbox(t, 0)
}

func TestApprovedDraftGoesWithItsFiles(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	lin, tom := s.signIn(t, "lin"), s.signIn(t, "tom")
	id := s.talks["new"]
	of := fmt.Sprint(s.staff["lin"].ID)
	lin.upload(conv(id)+"/reply", "shelf.txt", "PR3618", "subject", "Re: Request", "body", "We have it.", "action", "approval").status(303)
	page := tom.get(conv(id)+"?draft="+of).status(200).has("shelf.txt", "You are looking at the draft of Lin Chen")
	// Tom adds a word and a file: it is still Lin's draft.
	tom.upload(conv(id)+"/reply", "map.txt", "3rd floor", "draft_of", of, "file", page.field("file"), "subject", "Re: Request", "body", "We have it here.", "action", "attach").status(303)
	lin.get(conv(id)).status(200).has("We have it here.", "map.txt")
	lin.post(conv(id)+"/reply", "draft_of", of, "subject", "x", "body", "y", "action", "send_wait").status(403)
	st, err := s.db.ReadStory(t.Context(), id)
	if err != nil || len(st.Drafts) != 1 || !st.Drafts[0].WantsApproval || len(st.Drafts[0].Files) != 2 {
		t.Fatalf("the drafts are %+v, %v", st.Drafts, err)
	}
	page = tom.get(conv(id) + "?draft=" + of).status(200)
	form := []string{"last_message", page.field("last_message"), "last_reply", "0", "draft_of", of, "subject", "Re: Request", "body", "We have it here.", "action", "send_close"}
	for _, f := range st.Drafts[0].Files {
		form = append(form, "file", fmt.Sprint(f.ID))
	}
	tom.post(conv(id)+"/reply", form...).status(303)
	if got := s.files(t, s.outbox(t, 1)[0].ID); got != "shelf.txt=PR3618 map.txt=3rd floor" {
		t.Errorf("the mail carries %q", got)
	}
	if st, err = s.db.ReadStory(t.Context(), id); err != nil || len(st.Drafts) != 0 {
		t.Errorf("sent, the drafts are %+v, %v", st.Drafts, err)
	}
}
