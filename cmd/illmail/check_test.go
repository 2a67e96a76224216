package main

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"illmail/store"
	"illmail/store/storetest"
)

// TestCheckMissesColleaguesAnswers: patrons answer mails that Sent does not
// hold, as with a shared mailbox whose delegates' copies go elsewhere; one copy
// that is there says that it is set right.
func TestCheckMissesColleaguesAnswers(t *testing.T) {
	ctx, db := t.Context(), storetest.New(t)
	office, err := db.EnsureOffice(ctx, store.Office{Code: "healey", Name: "Healey", Address: "ill@healey.example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(0)
	file := func(role store.FolderRole, f store.Filing) {
		t.Helper()
		folder, err := db.EnsureFolder(ctx, office.ID, string(role), role)
		if err != nil {
			t.Fatal(err)
		}
		uid++
		raw := fmt.Sprintf("Subject: %d\r\n\r\nx", uid)
		if _, err := db.Receive(ctx, folder, []store.Incoming{{UIDValidity: 1, UID: uid, InternalDate: time.Now(), Size: int64(len(raw)), Body: strings.NewReader(raw)}}); err != nil {
			t.Fatal(err)
		}
		claimed, err := db.ClaimUnfiled(ctx, office.ID, time.Minute, 1)
		if err != nil || len(claimed) != 1 {
			t.Fatal(claimed, err)
		}
		f.ID, f.MessageID, f.Subject, f.ContentHash = claimed[0].ID, fmt.Sprintf("m%d@x", uid), "Re: my book", []byte{byte(uid)}
		if filed, err := db.FileMessages(ctx, office.ID, []string{office.Address}, []store.Filing{f}); err != nil || filed[0].Err != nil {
			t.Fatal(filed, err)
		}
	}
	o := &OfficeConfig{Code: "healey", Address: office.Address}
	o.OAuth.Provider, o.IMAP.Auth = "microsoft", "xoauth2"
	says := func() (string, int) {
		t.Helper()
		var out bytes.Buffer
		c := &checker{e: &env{ctx: ctx, stdout: &out}}
		if err := c.colleagues(ctx, &installation{db: db, offices: map[string]store.Office{"healey": office}}, o); err != nil {
			t.Fatal(err)
		}
		return out.String(), c.bad
	}
	const setting = "-MessageCopyForSentAsEnabled $true"
	if out, bad := says(); bad != 0 || !strings.Contains(out, setting) {
		t.Errorf("with an empty Sent: %s", out)
	}
	for n := range strangersAnswered {
		file(store.FolderInbox, store.Filing{Kind: "patron", FromAddr: "jdoe@example.edu", NeedsStaff: true, Refs: []string{fmt.Sprintf("outlook%d@prod.outlook.example", n)}})
	}
	if out, bad := says(); bad != 1 || !strings.Contains(out, setting) || !strings.Contains(out, "3 mails") {
		t.Errorf("with answers to what nobody has: %s", out)
	}
	file(store.FolderInbox, store.Filing{Kind: "patron", FromAddr: "jdoe@example.edu", NeedsStaff: true, Refs: []string{"m1@x"}})
	if out, bad := says(); bad != 1 || !strings.Contains(out, "3 mails") {
		t.Errorf("with an answer to what is here: %s", out)
	}
	file(store.FolderSent, store.Filing{Out: true, FromAddr: office.Address, To: []string{"jdoe@example.edu"}})
	if out, bad := says(); bad != 0 || strings.Contains(out, setting) {
		t.Errorf("with a colleague's answer in Sent: %s", out)
	}
}

// TestCheckAsksTheProvider: what is wrong with the OpenID provider is said in words.
func TestCheckAsksTheProvider(t *testing.T) {
	site := httptest.NewServer(nil)
	defer site.Close()
	described := &oidctest.Server{}
	described.SetIssuer(site.URL)
	site.Config.Handler = described
	for issuer, want := range map[string]string{
		site.URL:             "ok    sign-in with Example University: " + site.URL + " describes itself; it must know the redirect address https://ill.example.edu/login/oidc/callback",
		site.URL + "/":       "FAIL  sign-in with Example University: it calls itself \"" + site.URL + "\"; write oidc.issuer just so",
		site.URL + "/tenant": "FAIL  sign-in with Example University: there is no description under " + site.URL + "/tenant/.well-known/openid-configuration",
		"http://127.0.0.1:1": "FAIL  sign-in with Example University: its description cannot be read",
	} {
		cfg, err := parseConfig("c.toml", []byte(fmt.Sprintf("%s\n[web]\nbase_url = \"https://ill.example.edu/\"\n[oidc]\nname = \"Example University\"\nissuer = %q\nclient_id = \"illmail\"\n", goodConfig, issuer)))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		(&checker{e: &env{ctx: t.Context(), stdout: &out}}).provider(cfg)
		if !strings.Contains(out.String(), want) {
			t.Errorf("of %s is said\n%swant\n%s", issuer, &out, want)
		}
	}
}
