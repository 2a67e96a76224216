package triage

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"illmail/mailbox"
	"illmail/store"
)

// TestPanicIsTheMessagesOwn: without a database understand panics, as it might
// over some message.
func TestPanicIsTheMessagesOwn(t *testing.T) {
	in := &Intake{Log: slog.New(slog.DiscardHandler)}
	if _, err := in.understandSafely(context.Background(), store.Unfiled{ID: 1, Attempts: 1}, nil); err == nil || !strings.Contains(err.Error(), "stumbled") {
		t.Errorf("err = %v", err)
	}
	if _, err := in.understandSafely(context.Background(), store.Unfiled{ID: 1, Attempts: maxClaims + 1}, nil); err == nil || !strings.Contains(err.Error(), "never finished") {
		t.Errorf("a message that was begun too often: %v", err)
	}
}

func TestColumnsAreBounded(t *testing.T) {
	long := strings.Repeat("ö", 1_000_000)
	m := &mailbox.Message{MessageID: long, Subject: long, Text: long, From: []mailbox.Address{{Name: long, Addr: long}}, Problems: []string{long, long}}
	for range 3000 {
		m.To = append(m.To, mailbox.Address{Addr: long[:100]})
		m.References = append(m.References, long[:2+2*len(m.References)])
		m.Attachments = append(m.Attachments, mailbox.Attachment{Name: long[:100]})
	}
	m.InReplyTo = []string{"nearest@x", m.References[0]}
	f := plainFiling(store.Unfiled{}, m)
	if len(f.MessageID) > maxID || len(f.Subject) > maxField || len(f.BodyText) > maxText || len(f.FromName) > maxField || len(f.FromAddr) > maxID ||
		len(f.Problem) > maxField || len(f.To) > maxRecipients || len(f.Refs) > maxRefs || len(f.Attachments) > maxParts {
		t.Errorf("something is unbounded: %d %d %d %d %d %d", len(f.MessageID), len(f.Subject), len(f.BodyText), len(f.To), len(f.Refs), len(f.Attachments))
	}
	if f.Refs[0] != "nearest@x" || f.Refs[1] != m.References[0] {
		t.Errorf("the nearest reference is not first: %q", f.Refs[:2])
	}
	for _, r := range f.Refs {
		if len(r) > maxID {
			t.Fatalf("an id of %d bytes", len(r))
		}
	}
}

func TestPermanent(t *testing.T) {
	for status, want := range map[string]bool{"": true, "5.1.1": true, "5.7.1": true, "5.2.2": false, "4.4.1": false} {
		if got := permanent(status); got != want {
			t.Errorf("%q is permanent: %v", status, got)
		}
	}
}
