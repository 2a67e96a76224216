package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postmaster returns the process that runs on our data directory. A pid file
// whose number another program got after a reboot is removed, since Postgres
// would refuse to start; one whose process is gone is left for Postgres, which
// reads there whether children of the killed postmaster still live.
func (c *Cluster) postmaster() (pid int, running bool, err error) {
	b, err := os.ReadFile(c.pidFile())
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading postmaster.pid: %w", err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(first))
	if err == nil && c.owns(pid) {
		return pid, true, nil
	}
	if err == nil && (syscall.Kill(pid, 0) == syscall.ESRCH || unreaped(pid)) {
		return 0, false, nil
	}
	c.log.Warn("removing a stale postmaster.pid", "pid", pid)
	if err := os.Remove(c.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, false, fmt.Errorf("removing a stale postmaster.pid: %w", err)
	}
	return 0, false, nil
}

// owns reports whether pid is a postmaster on our data directory: its command
// line, which it never rewrites, names it. Where nothing tells the command line
// (no /proc, no ps) a living process counts as ours: taking a running
// postmaster's pid file away would make it shut down.
func (c *Cluster) owns(pid int) bool {
	if pid <= 1 || syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil { // no /proc: macOS
		line, err = exec.Command("ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	}
	if err != nil {
		return syscall.Kill(pid, 0) != syscall.ESRCH
	}
	return bytes.Contains(line, []byte("postgres")) && bytes.Contains(line, []byte(c.data()))
}

// unreaped reports whether pid is a killed child of ours that nobody has waited
// for yet: its number is taken, but it is no other program.
func unreaped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name may hold anything
	return bytes.HasPrefix(after, []byte("Z"))
}

// awaitAnswer waits until the postmaster takes connections; ready is false when it ended instead.
func (c *Cluster) awaitAnswer(ctx context.Context, pid int) (ready bool, err error) {
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return true, conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return false, fmt.Errorf("waiting for Postgres: %w", err)
		}
		if !c.owns(pid) {
			return false, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends Postgres: a fast shutdown, in which open transactions are rolled back.
func (c *Cluster) stop() error {
	pid, running, err := c.postmaster()
	if err != nil || !running {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping Postgres: %w", err)
	}
	// One that is killed meanwhile leaves its pid file.
	for end := time.Now().Add(stopTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !c.owns(pid) {
			if c.ended != nil {
				<-c.ended
			}
			return nil
		}
	}
	return fmt.Errorf("the private Postgres (process %d) is still shutting down; it ends by itself", pid)
}
