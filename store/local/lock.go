package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockFile is an open file that flock(2) locks; the kernel unlocks it when the
// process dies. Go opens it close-on-exec, so Postgres never inherits it.
type lockFile struct{ f *os.File }

func openLock(path string, o owner) (lockFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return lockFile{}, fmt.Errorf("opening the lock file: %w", err)
	}
	if err := o.give(path); err != nil {
		f.Close()
		return lockFile{}, fmt.Errorf("giving the lock file to %s: %w", o.name, err)
	}
	return lockFile{f}, nil
}

// try locks without waiting; ok is false where another holds it.
func (l lockFile) try(how int) (ok bool, err error) {
	for {
		err := syscall.Flock(int(l.f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("locking %s: %w", l.f.Name(), err)
		}
	}
}

// wait locks, waiting until it may or ctx ends.
func (l lockFile) wait(ctx context.Context, how int) error {
	for {
		ok, err := l.try(how)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for another illmail to start or stop the database: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// close unlocks.
func (l lockFile) close() { l.f.Close() }
