package mailtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"illmail/mailbox"
)

// Dovecot is a running Dovecot of our own, whose users have the folders INBOX,
// Sent (with the attribute \Sent) and Junk.
type Dovecot struct {
	Box    // of one user
	dir    string
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{} // closed when the process has ended
}

// NewDovecot starts a Dovecot on a free port of 127.0.0.1. It runs as the
// present user, as root as "nobody". The error names the package to install
// where there is no Dovecot.
func NewDovecot() (*Dovecot, error) { return newDovecot("", "") }

// StartDovecotWithTokens starts a Dovecot that ends with the test and takes,
// beside the password, an access token that the introspection at that address
// (RFC 7662) knows, by the one mechanism named: xoauth2 or oauthbearer.
func StartDovecotWithTokens(t TB, introspection, mechanism string) *Dovecot {
	t.Helper()
	d, err := newDovecot(introspection, mechanism)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func newDovecot(introspection, mechanism string) (*Dovecot, error) {
	bin, version, err := findDovecot()
	if err != nil {
		return nil, err
	}
	// A directory of the test's own may be closed to "nobody", and its name too
	// long for a socket.
	dir, err := os.MkdirTemp("", "illmail-dovecot-")
	if err != nil {
		return nil, fmt.Errorf("making Dovecot's directory: %w", err)
	}
	// Between choosing a free port and Dovecot's taking it, another may take it.
	for range 5 {
		var d *Dovecot
		if d, err = startDovecot(bin, version, dovecotSettings{Dir: dir, Introspection: introspection, Mechanism: mechanism}); err == nil {
			return d, nil
		}
	}
	os.RemoveAll(dir)
	return nil, err
}

// StartDovecot starts a Dovecot that ends with the test.
func StartDovecot(t TB) *Dovecot {
	t.Helper()
	d, err := NewDovecot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// Close stops Dovecot and removes its mail.
func (d *Dovecot) Close() error {
	d.stop()
	return os.RemoveAll(d.dir)
}

func (d *Dovecot) stop() {
	d.stdin.Close()
	select {
	case <-d.exited:
	case <-time.After(10 * time.Second):
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) // its whole process group
		<-d.exited
	}
}

// untilEOF runs Dovecot ($0) until its input ends: with us, however we end.
const untilEOF = `exec 3<&0
"$0" -F -c "$1" 3<&- </dev/null & dovecot=$!
(read _ <&3; kill $dovecot) & watch=$!
wait $dovecot
kill $watch 2>/dev/null`

// User is the box of another user; any name will do.
func (d *Dovecot) User(name string) *Box {
	b := d.Box
	b.Username = name
	return &b
}

// Maildir is where the messages of a folder of d.Box lie as files, in its
// "cur" and "new".
func (d *Dovecot) Maildir(folder string) string {
	m := filepath.Join(d.dir, "home", d.Username, "Maildir")
	if folder == "INBOX" {
		return m
	}
	return filepath.Join(m, "."+folder)
}

func findDovecot() (bin, version string, err error) {
	bin, err = exec.LookPath("dovecot")
	if err != nil {
		for _, p := range []string{"/usr/sbin/dovecot", "/usr/local/sbin/dovecot"} {
			if _, serr := os.Stat(p); serr == nil {
				bin, err = p, nil
			}
		}
	}
	if err != nil {
		return "", "", errors.New("Dovecot is not installed: apt-get install dovecot-imapd, and leave its own service stopped")
	}
	out, err := exec.Command(bin, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("asking Dovecot for its version: %w", err)
	}
	return bin, strings.TrimSpace(string(out)), nil
}

type dovecotSettings struct {
	Dir, Username, Password, User, Group string
	UID, GID, Port                       int
	Introspection, Mechanism             string // of access tokens; "" for none
}

func startDovecot(bin, version string, set dovecotSettings) (*Dovecot, error) {
	dir := set.Dir
	set.Username, set.Password, set.UID, set.GID = "ill@healey.example.edu", "secret", os.Getuid(), os.Getgid()
	me, err := user.Current()
	if err == nil && set.UID == 0 {
		me, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("finding a user for Dovecot: %w", err)
	}
	set.User = me.Username
	set.UID, _ = strconv.Atoi(me.Uid)
	set.GID, _ = strconv.Atoi(me.Gid)
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return nil, fmt.Errorf("finding Dovecot's group: %w", err)
	}
	set.Group = group.Name
	if set.Port, err = freePort(); err != nil {
		return nil, err
	}

	tmpl := dovecot23
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("reading Dovecot's version %q: %w", version, err)
	}
	if major > 2 || minor >= 4 {
		tmpl = dovecot24
	}
	var conf bytes.Buffer
	if err := template.Must(template.New("dovecot.conf").Parse(tmpl+dovecotCommon)).Execute(&conf, set); err != nil {
		return nil, fmt.Errorf("writing dovecot.conf: %w", err)
	}
	confFile := filepath.Join(dir, "dovecot.conf")
	if err := os.WriteFile(confFile, conf.Bytes(), 0o644); err != nil {
		return nil, fmt.Errorf("writing dovecot.conf: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "oauth2.conf"), fmt.Appendf(nil, dovecotOAuth, set.Introspection), 0o644); err != nil {
		return nil, fmt.Errorf("writing oauth2.conf: %w", err)
	}
	for _, sub := range []string{"run", "state", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("making Dovecot's directories: %w", err)
		}
	}
	cmd := exec.Command("/bin/sh", "-c", untilEOF, bin, confFile)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting Dovecot: %w", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the test alone, which then stops it
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(set.UID), Gid: uint32(set.GID)}
		err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(p, set.UID, set.GID)
		})
		if err != nil {
			return nil, fmt.Errorf("giving Dovecot its directories: %w", err)
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting Dovecot: %w", err)
	}
	d := &Dovecot{
		Box: Box{
			Host: "127.0.0.1", Port: set.Port, Security: mailbox.None,
			Username: set.Username, Password: set.Password,
		},
		dir: dir, cmd: cmd, stdin: stdin, exited: make(chan struct{}),
	}
	go func() {
		cmd.Wait()
		close(d.exited)
	}()
	if err := d.awaitGreeting(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "dovecot.log"))
		d.stop()
		return nil, fmt.Errorf("starting Dovecot %s: %w\n%s", version, err, log)
	}
	return d, nil
}

func (d *Dovecot) awaitGreeting() error {
	var last error
	for range 200 {
		conn, err := net.DialTimeout("tcp", d.Addr(), time.Second)
		if err == nil {
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			greeting := make([]byte, 4)
			_, err = conn.Read(greeting)
			conn.Close()
			if err == nil {
				return nil
			}
		}
		last = err
		select {
		case <-d.exited:
			return errors.New("it ended at once")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return last
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// Dovecot runs wholly as one plain user: nothing changes its user or root
// directory. Mail on a test's disk need not survive a power cut.
const dovecotCommon = `
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login {{.Mechanism}}
default_internal_user = {{.User}}
default_internal_group = {{.Group}}
default_login_user = {{.User}}
mail_uid = {{.UID}}
mail_gid = {{.GID}}
first_valid_uid = 1
mail_fsync = never
mail_max_userip_connections = 100
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    auto = create
    special_use = \Sent
  }
  mailbox Junk {
    auto = create
    special_use = \Junk
  }
}
service imap-login {
  chroot =
  process_min_avail = 1
  inet_listener imap {
    port = {{.Port}}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
`

const dovecot23 = `
service imap-login {
  service_count = 0
}
disable_plaintext_auth = no
mail_location = maildir:{{.Dir}}/home/%u/Maildir
{{if .Mechanism}}passdb {
  driver = oauth2
  mechanisms = {{.Mechanism}}
  args = {{.Dir}}/oauth2.conf
}
{{end}}passdb {
  driver = static
  args = password={{.Password}}
  mechanisms = plain login
}
userdb {
  driver = static
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}/home/%u
}
`

const dovecot24 = `
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
service imap-login {
  restart_request_count = unlimited
}
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {{.Dir}}/home/%{user}/Maildir
{{if .Mechanism}}oauth2 {
  introspection_mode = post
  introspection_url = {{.Introspection}}
  force_introspection = yes
  username_attribute = username
  active_attribute = active
  active_value = true
}
{{end}}passdb static {
  password = {{.Password}}
}
userdb static {
  fields {
    uid = {{.UID}}
    gid = {{.GID}}
    home = {{.Dir}}/home/%{user}
  }
}
`

// dovecotOAuth is the file that Dovecot 2.3 keeps apart; 2.4 has it in its
// configuration, and no passdb for it.
const dovecotOAuth = `introspection_mode = post
introspection_url = %s
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
`
