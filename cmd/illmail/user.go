package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"illmail/store"
)

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add an account."`
	List    userListCmd    `cmd:"" help:"List accounts."`
	Passwd  userPasswdCmd  `cmd:"" help:"Set an account's password."`
	Disable userDisableCmd `cmd:"" help:"Close an account; its sessions end."`
}

type userAddCmd struct {
	configFlag
	Name          string `arg:"" help:"The name to sign in with."`
	Role          string `help:"What the account may do." enum:"student,staff,supervisor,admin" default:"staff"`
	Email         string `help:"The person's own address." placeholder:"ADDRESS"`
	FullName      string `help:"The name that signs replies." placeholder:"NAME"`
	PasswordStdin bool   `help:"Read the password from standard input." xor:"password"`
	NoPassword    bool   `help:"No password: the person signs in by [oidc] only." xor:"password"`
}

func (c userAddCmd) Run(e *env) error {
	password := ""
	if !c.NoPassword {
		var err error
		if password, err = readPassword(e, c.PasswordStdin); err != nil {
			return err
		}
	}
	return c.withRecords(e, func(inst *installation) error {
		s := store.Staff{Username: strings.ToLower(c.Name), FullName: c.FullName, Email: c.Email, Role: store.Role(c.Role)}
		s, err := inst.db.AddStaff(e.ctx, s, password)
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("there is an account %s already; illmail user passwd %[1]s sets its password", strings.ToLower(c.Name))
		}
		if err != nil {
			return fmt.Errorf("adding the account %s: %w", c.Name, err)
		}
		_, err = fmt.Fprintf(e.stdout, "%s can sign in now, as %s.\n", s.Username, s.Role)
		return err
	})
}

type userListCmd struct{ configFlag }

func (c userListCmd) Run(e *env) error {
	return c.withRecords(e, func(inst *installation) error {
		all, err := inst.db.ListStaff(e.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tROLE\tEMAIL\tSTATE")
		for _, s := range all {
			state := "active"
			if s.DisabledAt != nil {
				state = "disabled since " + s.DisabledAt.Format(time.DateOnly)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Username, s.Role, s.Email, state)
		}
		return w.Flush()
	})
}

type userPasswdCmd struct {
	configFlag
	Name          string `arg:"" help:"The account."`
	PasswordStdin bool   `help:"Read the password from standard input."`
}

func (c userPasswdCmd) Run(e *env) error {
	password, err := readPassword(e, c.PasswordStdin)
	if err != nil {
		return err
	}
	return c.withRecords(e, func(inst *installation) error {
		return inst.db.SetPassword(e.ctx, strings.ToLower(c.Name), password)
	})
}

type userDisableCmd struct {
	configFlag
	Name string `arg:"" help:"The account."`
}

func (c userDisableCmd) Run(e *env) error {
	return c.withRecords(e, func(inst *installation) error {
		return inst.db.DisableStaff(e.ctx, strings.ToLower(c.Name), time.Now())
	})
}

// leastPassword is the shortest password that is taken, in bytes (NIST SP
// 800-63B asks for eight characters).
const leastPassword = 8

// readPassword asks for a password at the terminal, or reads a line of
// standard input.
func readPassword(e *env, stdin bool) (string, error) {
	password, err := askPassword(e, stdin)
	if err == nil && len(password) < leastPassword {
		return "", usageError(fmt.Sprintf("the password is too short: take %d characters or more", leastPassword))
	}
	return password, err
}

func askPassword(e *env, stdin bool) (string, error) {
	if !stdin {
		f, ok := e.stdin.(*os.File)
		if !ok || !term.IsTerminal(int(f.Fd())) {
			return "", usageError("no terminal to ask for the password at; give it on standard input with --password-stdin")
		}
		fmt.Fprint(e.stderr, "Password: ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.stderr)
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		return string(b), nil
	}
	s := bufio.NewScanner(e.stdin)
	if !s.Scan() || s.Text() == "" {
		return "", usageError("standard input holds no password")
	}
	return s.Text(), nil
}
