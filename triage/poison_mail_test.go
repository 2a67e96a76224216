package triage_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"illmail/mailbox"
	"illmail/store"
)

// TestPoisonMail delivers what is built to break a reader, between two plain
// mails, through a real IMAP server: each is on the list, whole or with a note,
// can be downloaded as it came, and spares the others.
func TestPoisonMail(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	var packed bytes.Buffer // 64 MB of zeros in some 60 kB
	z := zip.NewWriter(&packed)
	f, err := z.Create("scan.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, zeros{}, 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	head := func(id, more string) string {
		return "From: " + jane + "\nTo: " + officeAddr + "\nSubject: poison\nDate: Mon, 23 Nov 2026 09:00:00 -0500\nMessage-ID: <" + id + ">\n" + more
	}
	deep := head("deep@x", "")
	for i := range 500 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	var forwards strings.Builder // a mail in a mail in a mail
	for range 500 {
		forwards.WriteString("Content-Type: message/rfc822\n\nSubject: inner\n")
	}
	var fields strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&fields, "X-%d: x\n", i)
	}
	raws := map[string]string{
		"before@x":  mail("before@x", jane, "Renewal", "Please renew TN 412304."),
		"huge@x":    head("huge@x", "\n") + "Please renew TN 412304.\n" + strings.Repeat("A line of a very large message, fifty bytes long.\n", 1<<20),
		"deep@x":    deep,
		"forward@x": head("forward@x", forwards.String()) + "\nx\n",
		"fields@x":  head("fields@x", fields.String()) + "\nPlease renew TN 412304.\n",
		"zip@x": head("zip@x", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nPlease renew TN 412304.\n--b\n"+
			"Content-Type: application/zip\nContent-Disposition: attachment; filename=scan.zip\nContent-Transfer-Encoding: base64\n\n") +
			base64.StdEncoding.EncodeToString(packed.Bytes()) + "\n--b--\n",
		"charset@x": head("charset@x", "Content-Type: text/plain; charset=x-no-such\n\n") + "Please renew TN 412304. \xff\xfe\x00\n",
		"after@x":   mail("after@x", jane, "Renewal", "Please renew TN 412304."),
	}
	for _, id := range []string{"before@x", "huge@x", "deep@x", "forward@x", "fields@x", "zip@x", "charset@x", "after@x"} {
		b.deliver("INBOX", raws[id])
	}
	b.take()
	seen := map[string]store.StoryMessage{}
	for _, l := range b.list() {
		st, err := b.db.ReadStory(ctx, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range st.Messages {
			seen[m.MessageID] = m
		}
	}
	for id, raw := range raws {
		m, ok := seen[id]
		if !ok {
			t.Errorf("%s is not on the list", id)
			continue
		}
		got, _, err := b.db.ReadRaw(ctx, m.ID, 100<<20)
		want := strings.ReplaceAll(raw, "\n", "\r\n")
		switch {
		case err != nil:
			t.Errorf("%s: %v", id, err)
		case id == "huge@x":
			if !m.Truncated || m.Problem == "" || m.Size != int64(len(want)) || !strings.HasPrefix(want, string(got)) || len(got) > 1<<20 || !strings.Contains(m.NewText, "renew TN 412304") {
				t.Errorf("huge: truncated %v, %d of %d bytes, problem %q, text %.60q", m.Truncated, len(got), m.Size, m.Problem, m.NewText)
			}
		case string(got) != want:
			t.Errorf("%s cannot be downloaded as it came: %d bytes of %d", id, len(got), len(want))
		}
	}
	if m := seen["zip@x"]; len(m.Attachments) != 1 || m.Attachments[0].Size != int64(packed.Len()) {
		t.Errorf("the packed file is shown as %+v", m.Attachments)
	}
	if part, data, err := mailbox.Part([]byte(raws["zip@x"]), seen["zip@x"].Attachments[0].Path); err != nil || !bytes.Equal(data, packed.Bytes()) || part.Name != "scan.zip" {
		t.Errorf("the packed file is downloaded as %d bytes, %v", len(data), err)
	}
	for _, id := range []string{"before@x", "after@x", "zip@x", "fields@x", "charset@x"} {
		if m := seen[id]; !strings.Contains(m.NewText, "renew TN 412304") {
			t.Errorf("%s reads as %.80q", id, m.NewText)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
