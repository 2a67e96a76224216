package mailbox_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
	"illmail/mailbox/mailtest"
)

func TestSentFolderFilesOnceAndFinds(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		s := &mailbox.SentFolder{Account: box.Account()}
		defer s.Close()
		o := notice(1)
		raw, err := mailbox.Compose(o)
		if err != nil {
			t.Fatal(err)
		}
		if found, _, err := s.Find(t.Context(), o.MessageID, o.Ref); found || err != nil {
			t.Fatalf("found before it was filed: %v, %v", found, err)
		}
		for range 2 {
			if err := s.Append(t.Context(), raw, o.Date); err != nil {
				t.Fatal(err)
			}
		}
		got, err := box.Messages("Sent")
		if err != nil || len(got) != 1 {
			t.Fatalf("Sent holds %d messages, %v", len(got), err)
		}
		if string(got[0].Raw) != string(raw) || !slices.ContainsFunc(got[0].Flags, func(f string) bool { return strings.EqualFold(f, `\Seen`) }) {
			t.Errorf("filed with flags %v:\n%s", got[0].Flags, got[0].Raw)
		}
		found, id, err := s.Find(t.Context(), o.MessageID, "")
		if !found || id != o.MessageID || err != nil {
			t.Errorf("Find by Message-ID: %v %q %v", found, id, err)
		}
		// A part of an id is another id.
		if found, _, err := s.Find(t.Context(), strings.TrimPrefix(o.MessageID, "n"), "ref-"); found || err != nil {
			t.Errorf("Find by a part: %v, %v", found, err)
		}
		// A provider that replaces the Message-ID leaves the X-Illmail-Ref.
		other := strings.Replace(strings.Replace(string(raw), o.MessageID, "ABC123@provider.example", 1), "ref-1", "ref-2", 1)
		if err := box.Append("Sent", []byte(other), time.Now()); err != nil {
			t.Fatal(err)
		}
		found, id, err = s.Find(t.Context(), "n2@healey.example.edu", "ref-2")
		if !found || id != "ABC123@provider.example" || err != nil {
			t.Errorf("Find by X-Illmail-Ref: %v %q %v", found, id, err)
		}
	})
}

func TestSentFolderIsFoundByAttributeThenByName(t *testing.T) {
	s := &mailbox.SentFolder{Account: dovecotBox(t).Account()}
	defer s.Close()
	if name, err := s.FindSent(t.Context()); name != "Sent" || err != nil {
		t.Errorf("Dovecot: %q, %v", name, err)
	}
	names, err := s.Folders(t.Context())
	slices.Sort(names)
	if want := []string{"INBOX", "Junk", "Sent"}; !slices.Equal(names, want) || err != nil {
		t.Errorf("folders %v, %v", names, err)
	}
	srv := mailtest.StartIMAP(t, mailtest.IMAPOptions{Folders: []string{"INBOX", "Sent Items"}})
	m := &mailbox.SentFolder{Account: srv.Account()}
	defer m.Close()
	if name, err := m.FindSent(t.Context()); name != "Sent Items" || err != nil {
		t.Errorf("without the attribute: %q, %v", name, err)
	}
}

func TestSentFolderIsMadeWhereItIsMissing(t *testing.T) {
	onServers(t, func(t *testing.T, box *mailtest.Box) {
		s := &mailbox.SentFolder{Account: box.Account(), Name: "ILL sent"}
		defer s.Close()
		raw, err := mailbox.Compose(notice(1))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Append(t.Context(), raw, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := box.Count("ILL sent"); n != 1 || err != nil {
			t.Errorf("%d filed, %v", n, err)
		}
	})
}

func TestSentFolderSurvivesALostConnection(t *testing.T) {
	f := newFake()
	deaths := 0
	f.other = func(l *mailtest.Line) {
		if l.Command == "NOOP" && deaths == 0 {
			deaths++
			l.HangUp()
		}
	}
	srv := mailtest.StartScripted(t, f.script)
	s := &mailbox.SentFolder{Account: srv.Account(), Name: "INBOX"}
	defer s.Close()
	for range 2 {
		if _, err := s.Folders(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if deaths != 1 {
		t.Error("the connection was not asked whether it lives")
	}
}
