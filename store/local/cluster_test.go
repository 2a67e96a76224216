package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// A test process becomes a user of a cluster that can be killed.
const userVar = "ILLMAIL_LOCAL_TEST_USER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(userVar); dir != "" {
		c, err := Start(context.Background(), dir, quiet)
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(c.URL())
		io.Copy(io.Discard, os.Stdin)
		if err := c.Close(); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.DiscardHandler)

// stateDir is a directory that the account of Postgres may enter: t.TempDir is
// below folders of mode 0700.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "illmail-local-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && !stopped(dir) {
			syscall.Kill(postmasterPID(t, dir), syscall.SIGQUIT)
		}
		os.RemoveAll(dir)
	})
	return dir
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var s string
	if err := conn.QueryRow(t.Context(), sql).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// spawnUser starts another process that uses the cluster, and waits until it does.
func spawnUser(t *testing.T, dir string) (kill, leave func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), userVar+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("the other process: %v %s", err, line)
	}
	kill = func() { cmd.Process.Kill(); cmd.Wait() }
	leave = func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other process left badly: %v", err)
		}
	}
	return kill, leave
}

func postmasterPID(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres/data/postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func stopped(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "postgres/data/postmaster.pid"))
	return os.IsNotExist(err)
}

func mustStart(t *testing.T, dir string) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustClose(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClusterLife(t *testing.T) {
	dir := stateDir(t)

	// Created, used, durable, in UTF-8, in a session of its own, without TCP.
	c := mustStart(t, dir)
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8", "listen_addresses": "", "full_page_writes": "on",
	} {
		if got := query(t, c.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	execute(t, c.URL(), `CREATE TABLE kept (s text); INSERT INTO kept VALUES ('yes')`)

	first := postmasterPID(t, dir)
	ours, _, _ := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
	theirs, _, _ := syscall.Syscall(syscall.SYS_GETSID, uintptr(first), 0, 0)
	if ours == theirs {
		t.Error("Postgres shares our session: Ctrl-C would reach it")
	}

	// A second user joins; the first one to leave does not stop it.
	_, leave := spawnUser(t, dir)
	mustClose(t, c)
	if stopped(dir) || postmasterPID(t, dir) != first {
		t.Fatal("Postgres was stopped under another user")
	}
	c = mustStart(t, dir)
	leave()
	if got := query(t, c.URL(), `SELECT s FROM kept`); got != "yes" {
		t.Errorf("got %q", got)
	}
	mustClose(t, c)
	if !stopped(dir) {
		t.Fatal("the last user did not stop Postgres")
	}

	// A killed user leaves it running; the next one joins and stops it.
	kill, _ := spawnUser(t, dir)
	second := postmasterPID(t, dir)
	kill()
	c = mustStart(t, dir)
	if got := postmasterPID(t, dir); got != second {
		t.Errorf("started process %d beside %d", got, second)
	}

	// A killed Postgres: the next user starts it anew, on the same data.
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stopping one that is killed: %v", err)
	}
	d := mustStart(t, dir)
	if got := query(t, d.URL(), `SELECT s FROM kept`); got != "yes" {
		t.Errorf("got %q", got)
	}
	mustClose(t, c)
	mustClose(t, d)
	if !stopped(dir) {
		t.Fatal("the last user did not stop Postgres")
	}

	// After a reboot the pid file names a process that is another program now.
	pidFile := filepath.Join(dir, "postgres/data/postmaster.pid")
	content := fmt.Sprintf("%d\n%s\n1\n5432\n%s\n\n  1 2\nready\n", os.Getpid(), filepath.Dir(pidFile), dir)
	if err := os.WriteFile(pidFile, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c = mustStart(t, dir)
	query(t, c.URL(), `SELECT s FROM kept`)
	mustClose(t, c)

	// The programs that made the cluster are gone.
	if err := os.WriteFile(filepath.Join(dir, "postgres/data/PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), dir, quiet)
	if err == nil || !strings.Contains(err.Error(), "pg_upgrade") {
		t.Errorf("got %v, want the upgrade command", err)
	}
}

func TestLongPathUsesShortSocket(t *testing.T) {
	dir := filepath.Join(stateDir(t), strings.Repeat("long", 25))
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	c := mustStart(t, dir)
	t.Cleanup(func() { os.RemoveAll(c.socket) })
	if n := len(filepath.Join(c.socket, ".s.PGSQL.5432")); n >= 107 {
		t.Errorf("the socket's path has %d bytes", n)
	}
	query(t, c.URL(), `SELECT 'up'`)
	mustClose(t, c)
}

func TestNoPostgres(t *testing.T) {
	_, err := start(t.Context(), stateDir(t), []string{t.TempDir()}, quiet)
	if err == nil {
		t.Fatal("started without programs")
	}
	for _, want := range []string{"apt install", "dnf install", "brew install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

func TestUntraversable(t *testing.T) {
	o := owner{name: "someone", uid: 12345, gid: 12345, cred: &syscall.Credential{Uid: 12345, Gid: 12345}}
	dir := stateDir(t)
	inner := filepath.Join(dir, "closed", "state")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := o.checkTraversable(inner); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(filepath.Dir(inner), 0o700); err != nil {
		t.Fatal(err)
	}
	err := o.checkTraversable(inner)
	if err == nil || !strings.Contains(err.Error(), "may not enter "+filepath.Dir(inner)) {
		t.Errorf("got %v", err)
	}
}
