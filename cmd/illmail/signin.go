package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"illmail/mailbox"
	"illmail/store"
)

// This file keeps the sign-ins by device code: who has signed in for which
// office, under which key that is kept, and until when it is good.

type signinCmd struct {
	configFlag
	Office string `help:"The office whose mailbox is entered." placeholder:"CODE"`
}

// Run begins a sign-in, says where it is completed, and waits for it.
func (c signinCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		if len(offices) > 1 {
			return usageError("there are several offices: name one by --office CODE")
		}
		o := offices[0]
		if o.OAuth.Flow != flowDevice || o.grants == nil {
			return usageError(fmt.Sprintf("office %s does not sign in by device code: set auth = \"xoauth2\" and flow = \"device_code\" first", o.Code))
		}
		if err := o.grants.makeKey(); err != nil {
			return err
		}
		begun, err := mailbox.SignInByDevice(e.ctx, o.oauth())
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "Go to %s before %s, enter the code %s and sign in as someone who may open %s.\n",
			begun.URL, begun.Expires.In(o.location).Format("15:04"), begun.Code, o.IMAP.Username)
		grant, err := begun.Wait(e.ctx)
		if err != nil {
			return err
		}
		if err := o.grants.save(e.ctx, grant, time.Now()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "Signed in. Run illmail check to see that the mailbox opens.\n")
		return err
	})
}

const flowDevice = "device_code"

// grants keeps one office's grant in the database, encrypted (AES-256-GCM)
// under a key that lies in a file. The office's code is authenticated with it:
// a row of one office is of no use to another.
type grants struct {
	db       *store.DB
	officeID int64
	code     string
	keyFile  string
}

// makeKey makes the key where there is none.
func (g *grants) makeKey() error {
	f, err := os.OpenFile(g.keyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making the key of the sign-ins: %w", err)
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails
	if _, err = f.Write(key); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("making the key of the sign-ins: %w", err)
	}
	return nil
}

func (g *grants) cipher() (cipher.AEAD, error) {
	key, err := os.ReadFile(g.keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the sign-ins: %w; where it is lost, run illmail signin", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%s is no key of 32 bytes: %w", g.keyFile, err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (g *grants) seal(grant mailbox.Grant, now time.Time) (store.SignIn, error) {
	aead, err := g.cipher()
	if err != nil {
		return store.SignIn{}, err
	}
	s := store.SignIn{OfficeID: g.officeID, Token: aead.Seal(nil, nil, []byte(grant.RefreshToken), []byte(g.code)), UsedAt: now}
	if !grant.Ends.IsZero() {
		s.EndsAt = &grant.Ends
	}
	return s, nil
}

func (g *grants) open(s store.SignIn) (mailbox.Grant, error) {
	aead, err := g.cipher()
	if err != nil {
		return mailbox.Grant{}, err
	}
	token, err := aead.Open(nil, nil, s.Token, []byte(g.code))
	if err != nil {
		return mailbox.Grant{}, fmt.Errorf("the sign-in of office %s was kept under another key than %s: run illmail signin", g.code, g.keyFile)
	}
	grant := mailbox.Grant{RefreshToken: string(token)}
	if s.EndsAt != nil {
		grant.Ends = *s.EndsAt
	}
	return grant, nil
}

func (g *grants) save(ctx context.Context, grant mailbox.Grant, now time.Time) error {
	s, err := g.seal(grant, now)
	if err != nil {
		return err
	}
	return g.db.SaveSignIn(ctx, s)
}

// use is mailbox.OAuthConfig.UseGrant.
func (g *grants) use(ctx context.Context, exchange func(mailbox.Grant) (mailbox.Grant, error)) error {
	err := g.db.UseSignIn(ctx, g.officeID, func(s store.SignIn) (store.SignIn, error) {
		old, err := g.open(s)
		if err != nil {
			return s, err
		}
		fresh, err := exchange(old)
		if err != nil {
			return s, err
		}
		return g.seal(fresh, time.Now())
	})
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("nobody has signed in yet: run illmail signin")
	}
	return err
}

const (
	// idleLife is how long a refresh token that is not used lives, where the
	// provider does not say: Microsoft's 90 days.
	idleLife = 90 * 24 * time.Hour
	// announced is how long before its end a token or a secret is told of.
	announced = 14 * 24 * time.Hour
)

// loginEnds says how the office's log-in by token stands: ok is false where it
// has run out or will within a fortnight, and detail what to do. both are
// empty where nothing runs out.
func (o *OfficeConfig) loginEnds(ctx context.Context, now time.Time) (part string, ok bool, detail string, err error) {
	var ends time.Time
	var what, do string
	switch {
	case o.grants != nil:
		part, what, do = "sign-in", "sign-in of the mailbox", "run illmail signin"
		s, err := o.grants.db.ReadSignIn(ctx, o.grants.officeID)
		if errors.Is(err, store.ErrNotFound) {
			return part, false, "Nobody has signed in for the mailbox yet: run illmail signin.", nil
		}
		if err != nil {
			return part, false, "", err
		}
		ends = s.UsedAt.Add(idleLife)
		if s.EndsAt != nil {
			ends = *s.EndsAt
		}
	case o.OAuth.secretEnds != (time.Time{}):
		part, what, do = "client-secret", "client secret of the mailbox's log-in", "make a new one, put it into client_secret_file and correct client_secret_expires"
		ends = o.OAuth.secretEnds
	default:
		return "", true, "", nil
	}
	day := ends.In(o.location).Format("Monday, January 2, 2006")
	switch {
	case !now.Before(ends):
		return part, false, fmt.Sprintf("The %s ran out on %s: %s.", what, day, do), nil
	case ends.Sub(now) < announced:
		return part, false, fmt.Sprintf("The %s still works, but runs out on %s: %s before.", what, day, do), nil
	}
	return part, true, "good until " + day, nil
}

// watchLogins records once an hour how the log-ins by token stand.
func (d *daemon) watchLogins(ctx context.Context) error {
	for {
		for i := range d.inst.cfg.Offices {
			o := &d.inst.cfg.Offices[i]
			part, ok, detail, err := o.loginEnds(ctx, time.Now())
			if err == nil && part != "" {
				err = d.inst.db.SetHealth(ctx, d.inst.offices[o.Code].ID, part, ok, detail)
			}
			if err != nil && ctx.Err() == nil {
				d.log.Warn("looking when the log-in ends", "office", o.Code, "err", err)
			}
		}
		select {
		case <-time.After(time.Hour):
		case <-ctx.Done():
			return nil
		}
	}
}

// keyFileOf is where the key of the sign-ins lies.
func (c *Config) keyFileOf(o *OfficeConfig) string {
	if o.OAuth.KeyFile != "" || c.StateDir == "" {
		return o.OAuth.KeyFile
	}
	return filepath.Join(c.StateDir, "signin.key")
}
