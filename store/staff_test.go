package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"illmail/store"
	"illmail/store/storetest"
)

func TestPasswords(t *testing.T) {
	hash, err := store.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !store.CheckPassword(hash, "correct horse") || store.CheckPassword(hash, "Correct horse") {
		t.Errorf("%s does not tell right from wrong", hash)
	}
	if other, _ := store.HashPassword("correct horse"); other == hash {
		t.Error("two hashes of one password are the same")
	}
	if _, err := store.HashPassword(""); err == nil {
		t.Error("an empty password has a hash")
	}
	for _, bad := range []string{"", "plain", "$argon2id$v=19$m=19456,t=2,p=1$$", "$argon2id$v=18$m=19456,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$2b$10$x"} {
		if store.CheckPassword(bad, "") || store.CheckPassword(bad, "plain") {
			t.Errorf("the hash %q takes a password", bad)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	if _, err := db.AddStaff(ctx, store.Staff{Username: "Ana", Role: store.RoleStaff}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.AddStaff(ctx, store.Staff{Username: "ANA", Role: store.RoleStaff}, "x"); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second ana gives %v", err)
	}
	if _, err := db.AddStaff(ctx, store.Staff{Username: "max", Role: "king"}, "x"); !errors.Is(err, store.ErrBadAccount) {
		t.Errorf("a king gives %v", err)
	}
	if s, err := db.Authenticate(ctx, "ana", "correct horse", "::1", now); err != nil || s.Username != "ana" {
		t.Errorf("the right password gives %v, %v", s, err)
	}
	// A hundred guesses at once are a hundred guesses.
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 12 {
		wg.Go(func() {
			if _, err := db.Authenticate(ctx, "ana", "guess", "::1", now); errors.Is(err, store.ErrTooManyLogins) {
				mu.Lock()
				refused++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if refused < 7 {
		t.Errorf("of 12 guesses at once %d were refused unseen, want at least 7", refused)
	}
	if _, err := db.Authenticate(ctx, "ana", "correct horse", "::1", now); !errors.Is(err, store.ErrTooManyLogins) {
		t.Errorf("after the guesses the right password gives %v", err)
	}
	if _, err := db.Authenticate(ctx, "ana", "correct horse", "192.0.2.7", now); err != nil {
		t.Errorf("from elsewhere the right password gives %v", err)
	}
	if _, err := db.Authenticate(ctx, "ana", "correct horse", "::1", now.Add(16*time.Minute)); err != nil {
		t.Errorf("later the right password gives %v", err)
	}
	if _, err := db.AddStaff(ctx, store.Staff{Username: "bo", Role: store.RoleStaff}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Authenticate(ctx, "bo", "", "::1", now); !errors.Is(err, store.ErrBadLogin) {
		t.Errorf("an account without a password lets in: %v", err)
	}
}

func TestSessions(t *testing.T) {
	db := storetest.New(t)
	ctx := t.Context()
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	ana, err := db.AddStaff(ctx, store.Staff{Username: "ana", Role: store.RoleStaff}, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func() error{
		"a new password": func() error { return db.SetPassword(ctx, "ana", "battery staple") },
		"a new role":     func() error { return db.SetRole(ctx, "ana", store.RoleStudent) },
		"disabling":      func() error { return db.DisableStaff(ctx, "ana", now) },
	} {
		if err := db.EnableStaff(ctx, "ana"); err != nil {
			t.Fatal(err)
		}
		token, err := db.StartSession(ctx, ana.ID, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.SessionStaff(ctx, token, now); err != nil {
			t.Errorf("a session gives %v", err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.SessionStaff(ctx, token, now); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s leaves a session: %v", what, err)
		}
	}
	if err := db.SetPassword(ctx, "nobody", "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a password for nobody gives %v", err)
	}
}
