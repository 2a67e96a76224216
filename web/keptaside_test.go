package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/store"
)

// What was kept aside can be downloaded and tried again; what the server could
// not give can be asked for again.
func TestKeptAside(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ctx := t.Context()
	folder, err := s.db.EnsureFolder(ctx, s.office.ID, "INBOX", store.FolderInbox)
	if err != nil {
		t.Fatal(err)
	}
	const raw = "Subject: odd\r\n\r\nodd <b>mail</b>"
	_, err = s.db.Receive(ctx, folder, []store.Incoming{
		{UIDValidity: 77, UID: 1, InternalDate: s.now, Size: int64(len(raw)), Body: strings.NewReader(raw)},
		{UIDValidity: 77, UID: 2, InternalDate: s.now, Size: 10, Problem: "NO [SERVERBUG] Internal error"},
	})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := s.db.ClaimUnfiled(ctx, s.office.ID, time.Minute, 10)
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	if err := s.db.FilingFailed(ctx, claimed[0].ID, "the reader stumbled", true); err != nil {
		t.Fatal(err)
	}
	aside, err := s.db.ListKeptAside(ctx, s.office.ID, 10)
	if err != nil || len(aside) != 2 {
		t.Fatal(aside, err)
	}
	b := s.signIn(t, "tom")
	b.get("/?tab=kept_aside").status(200).has("the reader stumbled", "SERVERBUG")
	for _, m := range aside {
		at := fmt.Sprintf("/messages/%d", m.ID)
		if m.ID == claimed[0].ID {
			b.get(at).status(200).has("Download the original", "Try to file it again", "odd &lt;b&gt;mail")
			b.get(at + "/raw").status(200).has(raw)
		} else {
			b.get(at).status(200).has("Ask the mail server for it again").hasNot("Download the original")
		}
		b.post(at + "/retry").status(303)
	}
	if claimed, err = s.db.ClaimUnfiled(ctx, s.office.ID, time.Minute, 10); err != nil || len(claimed) != 1 {
		t.Errorf("to be filed again: %+v, %v", claimed, err)
	}
	if uids, err := s.db.FetchAgain(ctx, folder, 77); err != nil || !slices.Equal(uids, []uint32{2}) {
		t.Errorf("to be fetched again: %v, %v", uids, err)
	}
}
