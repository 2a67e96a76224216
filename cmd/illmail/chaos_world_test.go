package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"illmail/mailbox/mailtest"
	"illmail/store/local"
)

// chaosBound ends a chaos run that hangs; it is no measure.
const chaosBound = 25 * time.Minute

// chaosWorld is what a chaos run happens in: a Dovecot, a Postgres that can be
// killed, and three daemons on one database, each with a bad SMTP server.
type chaosWorld struct {
	t       *testing.T
	ctx     context.Context // ends with the bound, or where the world itself breaks
	abort   context.CancelFunc
	seed    uint64
	files   bool // the SMTP servers file in Sent what they take
	dovecot *mailtest.Dovecot
	smtp    *badSMTP
	daemons []*chaosDaemon
	p       *product // for commands beside the daemons

	pgDir    string
	cluster  *local.Cluster
	pg       sync.RWMutex // written by who stops Postgres
	restarts map[string]int
	connMu   sync.Mutex
	conn     *pgx.Conn // of the test itself; nil: none
}

func newChaosWorld(t *testing.T, seed uint64, files bool) *chaosWorld {
	ctx, cancel := context.WithTimeout(t.Context(), chaosBound)
	t.Cleanup(cancel)
	w := &chaosWorld{t: t, ctx: ctx, abort: cancel, seed: seed, files: files, restarts: map[string]int{}}
	// t.TempDir is below folders that the account of Postgres may not enter.
	dir, err := os.MkdirTemp("", "illmail-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	w.pgDir = dir
	if w.cluster, err = local.Start(ctx, dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.disconnect()
		if err := w.cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	w.dovecot = mailtest.StartDovecot(t)
	w.smtp = newBadSMTP(w)

	saveSent := "append"
	if files {
		saveSent = "server"
	}
	first := w.smtp.start(t)
	// Its own schedule stays quiet: the notices of this run are asked for.
	now := time.Now()
	w.p = buildProductOn(t, w.cluster.URL(), &w.dovecot.Box, first, fmt.Sprintf("schedule = \"0 3 1 %d *\"\n", int(now.AddDate(0, 6, 0).Month())))
	w.p = w.p.variant("chaos", "max_per_minute = 0", "max_per_minute = 0\nconnections = 2\nsave_sent = \""+saveSent+"\"",
		`username = "`, `folder = ["INBOX", "Junk"]`+"\nusername = \"")
	port := fmt.Sprintf("port = %d\n", first.Port)
	for i := range 3 {
		smtp := first
		if i > 0 {
			smtp = w.smtp.start(t)
		}
		v := w.p.variant(fmt.Sprintf("daemon%d", i+1), port, fmt.Sprintf("port = %d\n", smtp.Port))
		w.daemons = append(w.daemons, newChaosDaemon(v, smtp, fmt.Sprintf("daemon%d", i+1)))
	}
	t.Cleanup(func() {
		for _, d := range w.daemons {
			d.kill()
			d.report()
		}
	})
	return w
}

// random is a source of its own for an actor, which follows from the seed.
func (w *chaosWorld) random(actor uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, actor)) }

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)+1))
}

// sleep returns false when stop was closed, or the run's bound has come.
func (w *chaosWorld) sleep(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-w.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// until polls until ok, and ends the test where that never comes.
func (w *chaosWorld) until(what string, ok func() bool) {
	w.t.Helper()
	for !ok() {
		if w.ctx.Err() != nil {
			w.ctx = context.WithoutCancel(w.ctx) // for the last look
			w.t.Fatalf("waited in vain until %s: %s", what, w.standing())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// standing is where things stand, for people.
func (w *chaosWorld) standing() string {
	return strings.Join(column[string](w, `
		SELECT 'mail ' || state || ': ' || count(*) FROM outbox GROUP BY state
		UNION ALL SELECT 'copies owed: ' || count(*) FROM outbox WHERE sent_copy = 'owed' AND state = 'sent'
		UNION ALL SELECT 'messages ' || state || ': ' || count(*) FROM message WHERE direction = 'in' GROUP BY state
		UNION ALL SELECT 'lease ' || name || ': ' || holder || ' for ' || until - now() FROM lease
		UNION ALL SELECT 'health ' || part || ': ' || ok || ' ' || detail FROM health
		UNION ALL SELECT 'sending stopped: ' || sending_stopped FROM office`), "\n")
}

// onDB runs fn on a connection to the run's database, one at a time and while
// nobody stops Postgres.
func (w *chaosWorld) onDB(fn func(context.Context, *pgx.Conn) error) (err error) {
	w.pg.RLock()
	defer w.pg.RUnlock()
	w.connMu.Lock()
	defer w.connMu.Unlock()
	if w.conn == nil || w.conn.IsClosed() {
		if w.conn, err = pgx.Connect(w.ctx, w.cluster.URL()); err != nil {
			return err
		}
	}
	return fn(w.ctx, w.conn)
}

func (w *chaosWorld) disconnect() {
	w.connMu.Lock()
	defer w.connMu.Unlock()
	if w.conn != nil {
		w.conn.Close(context.WithoutCancel(w.ctx))
		w.conn = nil
	}
}

// onOther runs fn on another database.
func (w *chaosWorld) onOther(url string, fn func(context.Context, *pgx.Conn) error) error {
	conn, err := pgx.Connect(w.ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(w.ctx))
	return fn(w.ctx, conn)
}

// broken ends the run where err is not nil: not the product's fault.
func (w *chaosWorld) broken(what string, err error) {
	w.t.Helper()
	if err != nil && w.ctx.Err() == nil {
		w.t.Errorf("%s: %v", what, err)
		w.abort()
	}
}

// exec runs statements on the run's database.
func (w *chaosWorld) exec(sql string, args ...any) {
	err := w.onDB(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
	w.broken(sql, err)
}

// column returns the first column of a query on the run's database.
func column[T any](w *chaosWorld, sql string, args ...any) []T {
	w.t.Helper()
	return rowsOf(w, pgx.RowTo[T], sql, args...)
}

func rowsOf[T any](w *chaosWorld, scan pgx.RowToFunc[T], sql string, args ...any) []T {
	w.t.Helper()
	var list []T
	err := w.onDB(func(ctx context.Context, conn *pgx.Conn) (err error) {
		rows, _ := conn.Query(ctx, sql, args...)
		list, err = pgx.CollectRows(rows, scan)
		return err
	})
	w.broken(sql, err)
	return list
}

// ask reads one value from the database at url.
func (w *chaosWorld) ask(url, sql string, into any) {
	w.t.Helper()
	err := w.onOther(url, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(into) })
	w.broken(sql, err)
}

func (w *chaosWorld) count(sql string, args ...any) int {
	w.t.Helper()
	if c := column[int](w, sql, args...); len(c) == 1 {
		return c[0]
	}
	return -1 // the error is told
}

// restartPostgres stops Postgres in one of three ways and starts it again.
func (w *chaosWorld) restartPostgres(r *rand.Rand) error {
	w.pg.Lock()
	defer w.pg.Unlock()
	w.disconnect()
	how, signal := "fast shutdown", syscall.Signal(0)
	switch r.IntN(3) {
	case 0:
		how, signal = "immediate shutdown", syscall.SIGQUIT
	case 1:
		how, signal = "SIGKILL", syscall.SIGKILL
	}
	if signal != 0 {
		b, err := os.ReadFile(filepath.Join(w.pgDir, "postgres/data/postmaster.pid"))
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(b), "\n")
		pid, err := strconv.Atoi(first)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, signal); err != nil {
			return err
		}
	}
	if err := w.cluster.Close(); err != nil {
		return err
	}
	// Not bounded: a cluster that is half started would be left running.
	c, err := local.Start(context.WithoutCancel(w.ctx), w.pgDir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	w.cluster = c
	w.restarts[how]++
	return nil
}

// chaosDaemon is one `illmail serve`, killed and started again.
type chaosDaemon struct {
	*product
	name string
	smtp *mailtest.SMTP // only this daemon's

	mu    sync.Mutex
	cmd   *exec.Cmd // nil: not running
	done  chan struct{}
	log   bytes.Buffer
	gone  []string // processes that are dead and whose mail is settled, as owners of leases
	kills int
}

func newChaosDaemon(p *product, smtp *mailtest.SMTP, name string) *chaosDaemon {
	return &chaosDaemon{product: p, smtp: smtp, name: name}
}

// start starts the process if it does not run.
func (d *chaosDaemon) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd != nil {
		select {
		case <-d.done: // it left by itself: Postgres was away
			d.buryLocked()
		default:
			return nil
		}
	}
	cmd := exec.Command(d.binary, "serve", "--config", d.config)
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		cmd.Wait()
		close(done)
	}()
	d.cmd, d.done = cmd, done
	return nil
}

// kill sends SIGKILL and waits until the process is gone and what it had
// handed over is settled at the SMTP server.
func (d *chaosDaemon) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd == nil {
		return
	}
	if d.cmd.Process.Kill() == nil {
		d.kills++
	}
	<-d.done
	d.buryLocked()
}

func (d *chaosDaemon) buryLocked() {
	for d.smtp.Open() > 0 {
		time.Sleep(time.Millisecond)
	}
	d.gone = append(d.gone, fmt.Sprintf("-%d-[A-Z0-9]{8}$", d.cmd.Process.Pid))
	d.cmd = nil
}

// killed are the owners of leases and claims that are gone for good.
func (d *chaosDaemon) killed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.gone...)
}

// report shows what a failed test wants to know, and fails one that need not
// have failed but where the program stumbled.
func (d *chaosDaemon) report() {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := d.log.String()
	if strings.Contains(text, "panic") || strings.Contains(text, "DATA RACE") {
		d.t.Errorf("%s stumbled", d.name)
	}
	if d.t.Failed() {
		const most = 30_000
		d.t.Logf("the end of the log of %s:\n%s", d.name, text[max(0, len(text)-most):])
	}
}

// live kills and restarts a daemon at random until stop; it leaves it running.
// Now and then one dies before it is up. Lives grow longer, so that the slowest
// machine gets done.
func (w *chaosWorld) live(d *chaosDaemon, r *rand.Rand, life time.Duration, stop <-chan struct{}) {
	for ; ; life += life / 4 {
		young := r.IntN(6) == 0
		for !young && !d.up() {
			if !w.sleep(stop, 100*time.Millisecond) {
				return
			}
			w.broken("starting a daemon", d.start())
		}
		for end := time.Now().Add(between(r, 0, life)); time.Now().Before(end); {
			w.broken("starting a daemon", d.start()) // it may leave by itself where Postgres is away
			if !w.sleep(stop, 100*time.Millisecond) {
				return
			}
		}
		d.kill()
		if !w.sleep(stop, between(r, 0, life/4)) {
			return
		}
	}
}

// up reports whether the pages answer.
func (d *chaosDaemon) up() bool {
	resp, err := http.Get("http://" + d.listen + "/healthz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// passTime is what waiting does, without the wait: leases of processes that
// are gone run out; mail that one of them was sending has been sending for
// more than 15 minutes, and mail of unknown outcome was last looked for some
// minutes ago; what waits for its time is due. Nothing of a living process
// ages while it works on it.
func (w *chaosWorld) passTime() {
	gone := []string{"never"}
	for _, d := range w.daemons {
		gone = append(gone, d.killed()...)
	}
	dead := strings.Join(gone, "|")
	w.exec(`UPDATE lease SET until = now() - interval '1 second' WHERE until > now() AND holder ~ $1`, dead)
	w.exec(`UPDATE outbox SET sending_at = sending_at - interval '16 minutes'
		WHERE (state = 'sending' AND claimed_by ~ $1 OR state = 'uncertain') AND sending_at > now() - interval '15 minutes'`, dead)
	w.exec(`UPDATE outbox SET searched_at = searched_at - interval '6 minutes' WHERE state = 'uncertain' AND searched_at > now() - interval '5 minutes'`)
	w.exec(`WITH due AS (UPDATE outbox SET not_before = now() WHERE state = 'queued' AND not_before > now() RETURNING office_id)
		SELECT pg_notify('illmail', 'outbox ' || office_id) FROM due LIMIT 1`)
}

// backup dumps the database as an administrator would.
func (w *chaosWorld) backup(name string) (string, error) {
	w.pg.RLock()
	defer w.pg.RUnlock()
	file := filepath.Join(filepath.Dir(w.p.config), name+".dump")
	out, err := exec.CommandContext(w.ctx, postgresProgram("pg_dump"), "--format=custom", "--file="+file, "--dbname="+w.cluster.URL()).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pg_dump: %w: %s", err, out)
	}
	return file, nil
}

// restore puts a backup into a database of its own and returns its address.
func (w *chaosWorld) restore(file, name string) (string, error) {
	err := w.onDB(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `CREATE DATABASE `+name)
		return err
	})
	if err != nil {
		return "", err
	}
	url := strings.Replace(w.cluster.URL(), "/illmail?", "/"+name+"?", 1)
	out, err := exec.CommandContext(w.ctx, postgresProgram("pg_restore"), "--exit-on-error", "--dbname="+url, file).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pg_restore: %w: %s", err, out)
	}
	return url, nil
}

// postgresProgram finds a program of Postgres where packages put it.
func postgresProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return name // its error names it
	}
	return found[len(found)-1]
}

var errBound = errors.New("the bound of the run has come")
