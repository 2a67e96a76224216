package local

import (
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the account that Postgres runs as. cred is nil when that is our own.
type owner struct {
	name string
	uid  int
	gid  int
	cred *syscall.Credential
}

// chooseOwner says whom the cluster in data belongs to, or shall belong to.
func chooseOwner(state, data string) (owner, error) {
	self := os.Geteuid()
	if self != 0 {
		if uid, ok := ownerOf(data); ok && uid != self {
			return owner{}, fmt.Errorf("the database in %s belongs to the user with id %d; run illmail as that user or as root", data, uid)
		}
		return owner{uid: self, gid: os.Getegid()}, nil
	}
	for _, path := range []string{data, state} {
		if uid, ok := ownerOf(path); ok && uid != 0 {
			u, err := osuser.LookupId(strconv.Itoa(uid))
			if err != nil {
				return owner{}, fmt.Errorf("%s belongs to user id %d, which has no account; give it to one with `chown -R postgres %s`", path, uid, path)
			}
			return credentials(u)
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := osuser.Lookup(name); err == nil {
			return credentials(u)
		}
	}
	return owner{}, fmt.Errorf("as root Postgres refuses to run, and there is no user postgres; add one with `useradd --system postgres`, or run illmail as a plain user")
}

func credentials(u *osuser.User) (owner, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return owner{}, fmt.Errorf("reading the account %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return owner{}, fmt.Errorf("reading the account %s: %w", u.Username, err)
	}
	return owner{u.Username, int(uid), int(gid), &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// give makes path the owner's.
func (o owner) give(path string) error {
	if o.cred == nil {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}

// checkTraversable refuses a path with a folder above it that the owner may not enter.
func (o owner) checkTraversable(path string) error {
	if o.cred == nil {
		return nil
	}
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", dir, err)
		}
		st := fi.Sys().(*syscall.Stat_t)
		bit := os.FileMode(0o001)
		switch {
		case int(st.Uid) == o.uid:
			bit = 0o100
		case int(st.Gid) == o.gid:
			bit = 0o010
		}
		if fi.Mode().Perm()&bit == 0 {
			return fmt.Errorf("the database would run as user %s, who may not enter %s; choose a state_dir outside of it, such as /var/lib/illmail, or run `chmod a+x %s`", o.name, dir, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func ownerOf(path string) (uid int, ok bool) {
	fi, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return int(fi.Sys().(*syscall.Stat_t).Uid), true
}
