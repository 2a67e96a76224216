package local

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	user     = "illmail" // superuser of the cluster
	database = "illmail"
	port     = "5432" // names the socket only: nothing listens on TCP

	// maxSocketPath keeps below sockaddr_un's 104 bytes on macOS and 108 on Linux.
	maxSocketPath = 103

	// startTimeout bounds a start that has to replay its log after a crash.
	startTimeout = 5 * time.Minute
	stopTimeout  = time.Minute
)

// Cluster is a running private Postgres that this process uses.
type Cluster struct {
	home   string // STATE/postgres
	socket string // folder of the Unix socket
	owner  owner
	users  lockFile      // held shared
	ended  chan struct{} // closed when a Postgres of which we are the parent was reaped; nil where we are not
	log    *slog.Logger
}

// Start joins the cluster of stateDir, or creates and starts it. The caller
// closes it; Postgres stops when the last user in any process has.
func Start(ctx context.Context, stateDir string, log *slog.Logger) (*Cluster, error) {
	return start(ctx, stateDir, searchPath(), log)
}

func start(ctx context.Context, stateDir string, dirs []string, log *slog.Logger) (_ *Cluster, err error) {
	stateDir, err = filepath.Abs(stateDir)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	perm := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		perm = 0o711 // the account that Postgres runs as must pass
	}
	if err := os.MkdirAll(stateDir, perm); err != nil {
		return nil, fmt.Errorf("creating the state directory: %w", err)
	}
	if stateDir, err = filepath.EvalSymlinks(stateDir); err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	c := &Cluster{home: filepath.Join(stateDir, "postgres"), log: log}
	bin, err := chooseBinaries(dirs, c.data())
	if err != nil {
		return nil, err
	}
	if c.owner, err = chooseOwner(stateDir, c.data()); err != nil {
		return nil, err
	}
	if err := c.owner.checkTraversable(stateDir); err != nil {
		return nil, err
	}
	if err := c.folder(c.home); err != nil {
		return nil, err
	}
	if c.socket, err = c.socketFolder(); err != nil {
		return nil, err
	}

	turn, err := openLock(filepath.Join(c.home, "start.lock"), c.owner)
	if err != nil {
		return nil, err
	}
	defer turn.close()
	if err := turn.wait(ctx, syscall.LOCK_EX); err != nil {
		return nil, err
	}
	if c.users, err = openLock(filepath.Join(c.home, "users.lock"), c.owner); err != nil {
		return nil, err
	}
	// Nobody holds it exclusively without holding start.lock, so this never waits.
	if err := c.users.wait(ctx, syscall.LOCK_SH); err != nil {
		c.users.close()
		return nil, err
	}
	if err := c.run(ctx, bin); err != nil {
		if last, _ := c.users.try(syscall.LOCK_EX); last {
			err = errors.Join(err, c.stop())
		}
		c.users.close()
		return nil, err
	}
	return c, nil
}

// URL is the database's address for store.Open.
func (c *Cluster) URL() string { return c.url(database) }

func (c *Cluster) url(db string) string {
	q := url.Values{"host": {c.socket}, "port": {port}, "user": {user}, "sslmode": {"disable"}}
	return "postgres:///" + db + "?" + q.Encode()
}

// Close ends this process's use of the cluster and stops Postgres when nobody
// else uses it. Connections must be closed before.
func (c *Cluster) Close() error {
	defer c.users.close()
	turn, err := openLock(filepath.Join(c.home, "start.lock"), c.owner)
	if err != nil {
		return err
	}
	defer turn.close()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := turn.wait(ctx, syscall.LOCK_EX); err != nil {
		return err
	}
	last, err := c.users.try(syscall.LOCK_EX)
	if err != nil || !last {
		return err
	}
	return c.stop()
}

func (c *Cluster) data() string    { return filepath.Join(c.home, "data") }
func (c *Cluster) pidFile() string { return filepath.Join(c.data(), "postmaster.pid") }

// folder makes sure of a private folder of the owner's.
func (c *Cluster) folder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("creating the database's folder: %w", err)
	}
	if err := c.owner.give(path); err != nil {
		return fmt.Errorf("giving the database's folder to %s: %w", c.owner.name, err)
	}
	return nil
}

// socketFolder is STATE/postgres/run, or where that is too long for a socket's
// name, a folder under /tmp that is named after it.
func (c *Cluster) socketFolder() (string, error) {
	dir := filepath.Join(c.home, "run")
	if len(filepath.Join(dir, ".s.PGSQL."+port+".lock")) > maxSocketPath {
		sum := sha256.Sum256([]byte(dir))
		dir = filepath.Join("/tmp", "illmail-"+hex.EncodeToString(sum[:8]))
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("creating the socket's folder: %w", err)
	}
	// /tmp is everybody's: another account's folder of that name is refused, and so is a symbolic link.
	fi, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("looking at the socket's folder: %w", err)
	}
	st := fi.Sys().(*syscall.Stat_t)
	if !fi.IsDir() || (int(st.Uid) != c.owner.uid && int(st.Uid) != os.Geteuid()) {
		return "", fmt.Errorf("%s does not belong to the database's user; remove it", dir)
	}
	if err := c.owner.give(dir); err != nil {
		return "", fmt.Errorf("giving the socket's folder to %s: %w", c.owner.name, err)
	}
	return dir, nil
}

// command is one of Postgres's programs as the owner, in a session of its own.
func (c *Cluster) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = c.home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.owner.cred}
	return cmd
}

// run makes the cluster answer: joined, or created and started.
func (c *Cluster) run(ctx context.Context, bin binaries) error {
	if _, err := os.Stat(filepath.Join(c.data(), "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := c.create(ctx, bin); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for try := 1; ; try++ {
		pid, running, err := c.postmaster()
		if err == nil && !running {
			pid, err = c.spawn(bin)
		}
		if err != nil {
			return err
		}
		ready, err := c.awaitAnswer(ctx, pid)
		if err != nil {
			return err
		}
		if ready {
			return c.createDatabase(ctx)
		}
		// It ended instead: a joined one was shutting down, or the children of a
		// killed one still hold its shared memory, for a moment.
		reason := c.startLog()
		passing := strings.Contains(reason, "shared memory") || strings.Contains(reason, "lock file")
		if (!passing && try == 3) || try == 50 {
			return fmt.Errorf("starting Postgres: %s; its log is in %s", cmp.Or(reason, "it ends at once"), filepath.Join(c.data(), "log"))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting Postgres: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// create runs initdb beside the final place and renames, so that a half-made
// cluster is never taken for one.
func (c *Cluster) create(ctx context.Context, bin binaries) error {
	c.log.Info("creating the database", "dir", c.data(), "postgres", bin.major)
	fresh := c.data() + ".new"
	var out []byte
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} { // macOS and old systems lack the first
		if err := os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("removing a half-made database: %w", err)
		}
		out, err = c.command(bin.path("initdb"), "-D", fresh, "-U", user, "-A", "trust", "-E", "UTF8", "--locale="+locale).CombinedOutput()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("creating the database: %w: %s", err, lastLine(out))
	}
	conf, err := os.OpenFile(filepath.Join(fresh, "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("writing the database's settings: %w", err)
	}
	_, err = conf.WriteString(settings)
	if err = errors.Join(err, conf.Close()); err != nil {
		return fmt.Errorf("writing the database's settings: %w", err)
	}
	if err := os.Rename(fresh, c.data()); err != nil {
		return fmt.Errorf("putting the database in place: %w", err)
	}
	return nil
}

// settings keep a week of logs, and nothing on the network.
const settings = `
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
max_wal_size = 2GB
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
`

// spawn starts Postgres and leaves it to itself; it outlives us when others use it.
func (c *Cluster) spawn(bin binaries) (pid int, err error) {
	out, err := os.Create(filepath.Join(c.home, "start.log"))
	if err != nil {
		return 0, fmt.Errorf("creating start.log: %w", err)
	}
	defer out.Close()
	cmd := c.command(bin.path("postgres"), "-D", c.data(), "-k", c.socket, "-p", port)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting Postgres: %w", err)
	}
	ended := make(chan struct{})
	go func() { // reaps it, whoever stops it
		defer close(ended)
		cmd.Wait()
	}()
	c.ended = ended
	return cmd.Process.Pid, nil
}

// startLog is the last thing that stopped Postgres, in its own words: from
// start.log, or from the newest log once its collector took over.
func (c *Cluster) startLog() string {
	files, _ := filepath.Glob(filepath.Join(c.data(), "log", "*.log"))
	slices.SortFunc(files, func(a, b string) int { return modTime(a).Compare(modTime(b)) })
	last := ""
	for _, f := range append(files[max(0, len(files)-1):], filepath.Join(c.home, "start.log")) {
		b, _ := os.ReadFile(f)
		for line := range strings.Lines(string(b)) {
			if _, after, ok := strings.Cut(line, "FATAL:"); ok {
				last = strings.TrimSpace(after)
			}
		}
	}
	return last
}

func modTime(path string) time.Time {
	fi, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}

// createDatabase creates ours where it is missing.
func (c *Cluster) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the private database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&exists); err != nil {
		return fmt.Errorf("looking for the database: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+database); err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	return nil
}

func lastLine(b []byte) string {
	s := strings.TrimSpace(string(b))
	return s[strings.LastIndexByte(s, '\n')+1:]
}
