// Package storetest gives each test a migrated Postgres database of its own.
//
// All test processes of an account share one private cluster under the
// temporary directory. Each holds it through a keeper, a second process of the
// same test program, which leaves when the test process has ended in whatever
// way; the last keeper stops Postgres. A database is a copy of a template that
// is named after the text of the migrations, and is dropped when its test ends.
package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"illmail/store"
	"illmail/store/local"
)

// keeperVar marks a process as a keeper; its value is the state directory.
const keeperVar = "ILLMAIL_STORETEST_KEEPER"

// templateLock is the advisory lock under which one process prepares templates.
const templateLock = 4211903

func init() {
	if dir := os.Getenv(keeperVar); dir != "" {
		os.Exit(keep(dir))
	}
}

// keep uses the cluster until standard input ends, which it does with the test
// process. Its first line of output is the URL or the error.
func keep(dir string) int {
	c, err := local.Start(context.Background(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println("error: " + err.Error())
		return 1
	}
	fmt.Println(c.URL())
	io.Copy(io.Discard, os.Stdin)
	if err := c.Close(); err != nil {
		return 1
	}
	return 0
}

var clusterURL = sync.OnceValues(func() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the test program: %w", err)
	}
	cmd := exec.Command(exe)
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("illmail-test-%d", os.Geteuid()))
	cmd.Env = append(os.Environ(), keeperVar+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // outlives Ctrl-C, to stop Postgres
	if _, err := cmd.StdinPipe(); err != nil {           // closed by our end, in whatever way
		return "", fmt.Errorf("starting the keeper: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("starting the keeper: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting the keeper: %w", err)
	}
	keeper = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	line = strings.TrimSpace(line)
	if msg, ok := strings.CutPrefix(line, "error: "); ok {
		return "", errors.New(msg)
	}
	if err != nil {
		return "", fmt.Errorf("hearing from the keeper: %w", err)
	}
	// Nothing of a test must survive a crash of the machine.
	return line + "&synchronous_commit=off", nil
})

// keeper is kept reachable: its standard input closes when it is collected.
//
//lint:ignore U1000 it is there to be held, not to be read
var keeper *exec.Cmd

var databases atomic.Int64

// New returns a migrated and otherwise empty database, closed and dropped when
// the test ends.
func New(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), URL(t))
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// URL is like New for a test that runs the program itself.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, "TEMPLATE ")
}

// EmptyURL returns the address of a database without any table, dropped when the test ends.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

func create(t testing.TB, from string) string {
	t.Helper()
	base, err := clusterURL()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	err = admin(t.Context(), base, func(ctx context.Context, conn *pgx.Conn) error {
		for range 3 {
			clause := ""
			if from != "" {
				template, err := template(ctx, base, conn)
				if err != nil {
					return err
				}
				clause = from + template
			}
			_, err := conn.Exec(ctx, `CREATE DATABASE `+name+` `+clause)
			var pgErr *pgconn.PgError
			if errors.As(err, &pgErr) && pgErr.Code == "3D000" {
				continue // a package built from another schema dropped the template
			}
			return err
		}
		return errors.New("the template vanishes again and again")
	})
	if err != nil {
		t.Fatalf("storetest: creating a database: %v", err)
	}
	t.Cleanup(func() {
		err := admin(context.Background(), base, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`)
			return err
		})
		if err != nil {
			t.Errorf("storetest: dropping %s: %v", name, err)
		}
	})
	return onDatabase(base, name)
}

func admin(ctx context.Context, base string, fn func(context.Context, *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, onDatabase(base, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return fn(ctx, conn)
}

var prepared atomic.Bool

// template returns the name of the template, built where it is missing. Built
// means renamed: one whose builder died has another name.
func template(ctx context.Context, base string, conn *pgx.Conn) (string, error) {
	name := "template_" + store.SchemaChecksum()[:16]
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		return "", err
	}
	if exists && prepared.Load() {
		return name, nil
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return "", err
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, templateLock)
	if err := dropStale(ctx, conn, name); err != nil {
		return "", err
	}
	prepared.Store(true)
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
		return name, err
	}
	const building = "template_building"
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+building); err != nil {
		return "", err
	}
	db, err := store.Open(ctx, onDatabase(base, building))
	if err != nil {
		return "", err
	}
	err = db.Migrate(ctx)
	db.Close()
	if err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, `ALTER DATABASE `+building+` RENAME TO `+name)
	return name, err
}

// dropStale drops what killed test processes left behind, and the templates of
// other schemas.
func dropStale(ctx context.Context, conn *pgx.Conn, keep string) error {
	rows, err := conn.Query(ctx, `SELECT datname::text FROM pg_database WHERE datname ~ '^(test|template)_' AND datname <> $1`, keep)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		var pid, n int
		if _, err := fmt.Sscanf(name, "test_%d_%d", &pid, &n); err == nil && syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		if _, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			var pgErr *pgconn.PgError
			if errors.As(err, &pgErr) && pgErr.Code == "55006" {
				continue // another test copies it just now
			}
			return err
		}
	}
	return nil
}

func onDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // made by local.Cluster
	}
	u.Path = "/" + name
	return u.String()
}
