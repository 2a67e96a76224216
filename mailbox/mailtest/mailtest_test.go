package mailtest

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServersKeepWhatIsAppended(t *testing.T) {
	mem := StartIMAP(t, IMAPOptions{})
	dovecot := StartDovecot(t)
	for name, box := range map[string]*Box{"memory": &mem.Box, "dovecot": &dovecot.Box} {
		t.Run(name, func(t *testing.T) {
			raw := "Subject: hello\r\n\r\nbody\r\n"
			for range 2 {
				if err := box.Append("INBOX", []byte(raw), time.Now(), `\Seen`); err != nil {
					t.Fatal(err)
				}
			}
			if err := box.Append("New Folder", []byte(raw), time.Now()); err != nil {
				t.Fatal(err)
			}
			got, err := box.Messages("INBOX")
			if err != nil || len(got) != 2 {
				t.Fatalf("Messages: %d, %v", len(got), err)
			}
			if string(got[0].Raw) != raw || !strings.Contains(strings.Join(got[0].Flags, " "), "Seen") {
				t.Errorf("got %q with flags %v", got[0].Raw, got[0].Flags)
			}
			if err := box.Delete("INBOX", got[0].UID); err != nil {
				t.Fatal(err)
			}
			if n, err := box.Count("INBOX"); err != nil || n != 1 {
				t.Errorf("Count after Delete: %d, %v", n, err)
			}
		})
	}
}
