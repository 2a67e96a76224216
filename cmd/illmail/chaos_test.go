package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// chaosScale is how much happens, and how long things live.
type chaosScale struct {
	messages   int           // in, and as many out
	life       time.Duration // of a daemon, at most
	pgLife     time.Duration // of Postgres, at most
	pause      time.Duration // between messages that come in
	kills      int           // at least
	pgRestarts int           // at least
}

func scaleOf(messages int) chaosScale {
	if messages < 500 {
		return chaosScale{messages, 3 * time.Second, 10 * time.Second, 200 * time.Millisecond, 6, 1}
	}
	return chaosScale{messages, 8 * time.Second, 20 * time.Second, 100 * time.Millisecond, 30, 4}
}

// TestChaos kills everything, at random and again and again, while mail comes
// in and goes out, and holds the product to its promises afterwards: nothing
// lost, nothing twice. CHAOS_MESSAGES is how many messages come in and go out
// (60), CHAOS_SEED repeats the dice of a run (not its timing).
func TestChaos(t *testing.T) {
	scale := scaleOf(envNumber(t, "CHAOS_MESSAGES", 60, 20))
	seed := uint64(envNumber(t, "CHAOS_SEED", int(time.Now().UnixNano()&0xffffffff), 0))
	t.Logf("%d messages in and out; CHAOS_SEED=%d", scale.messages, seed)
	for name, files := range map[string]bool{"ServerFiles": true, "WeFile": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chaos(t, scale, seed, files)
		})
	}
}

func envNumber(t *testing.T, name string, otherwise, least int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least {
		t.Fatalf("%s is %q, not a number of at least %d", name, s, least)
	}
	return n
}

func chaos(t *testing.T, scale chaosScale, seed uint64, files bool) {
	w := newChaosWorld(t, seed, files)
	in := newChaosIntake(w, scale.messages)
	w.smtp.onNotice = in.answered
	replies := min(scale.messages/3, in.threads/2)
	staff := newChaosStaff(w, replies)
	planner := newChaosPlanner(w, in, scale.messages-replies)

	// Calm, to begin with: an account, the first requests, the proof of Sent.
	w.p.run("secret-word\n", "user", "add", "maria", "--role", "admin", "--email", "maria@example.edu", "--password-stdin", "--config", w.p.config)
	planner.importBatch()
	if files {
		w.smtp.mu.Lock()
		w.smtp.calm = true
		w.smtp.mu.Unlock()
		w.p.run("", "check", "--config", w.p.config, "--send-test", "maria@example.edu")
		w.smtp.mu.Lock()
		w.smtp.calm = false
		w.smtp.mu.Unlock()
	}

	for _, d := range w.daemons {
		w.broken("starting a daemon", d.start())
	}
	w.until("the daemons are up", func() bool { return !slices.ContainsFunc(w.daemons, func(d *chaosDaemon) bool { return !d.up() }) })
	w.broken("signing in", staff.signIn())

	// Chaos.
	stop := make(chan struct{})
	var killers, workers sync.WaitGroup
	for i, d := range w.daemons {
		killers.Go(func() { w.live(d, w.random(uint64(10+i)), scale.life, stop) })
	}
	killers.Go(func() {
		r, life := w.random(20), scale.pgLife
		for ; w.sleep(stop, between(r, life/3, life)); life += life / 2 {
			w.broken("restarting Postgres", w.restartPostgres(r))
		}
	})
	killers.Go(func() {
		for w.sleep(stop, time.Second) {
			w.passTime()
		}
	})
	work := func(name string, fn func() error) {
		workers.Go(func() {
			if err := fn(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	var backups []string
	work("delivering mail", func() error { return in.run(scale.pause) })
	work("answering mail", func() error { return staff.run(scale.pause) })
	work("planning notices", func() error {
		for planner.next+planner.step < planner.late {
			if err := planner.batch(); err != nil {
				return err
			}
			if !w.sleep(nil, between(planner.rnd, 0, scale.life)) {
				return errBound
			}
		}
		file, err := w.backup("middle")
		backups = append(backups, file)
		return err
	})
	workers.Wait()
	t.Logf("all has come in and is answered; %d killed, Postgres %v", w.kills(), w.restarts)
	// Now all that is due gets queued, while the server lets mail wait. The
	// backup knows all of our mail, and takes for queued what goes a moment later.
	w.smtp.gate.Lock()
	err, file := planner.batch(), ""
	if err == nil {
		file, err = w.backup("queued")
	}
	w.smtp.gate.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	backups = append(backups, file)
	w.until("most mail has gone, and enough was killed", func() bool {
		return w.count(`SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')`) <= scale.messages/20 &&
			w.kills() >= scale.kills && total(w.restarts) >= scale.pgRestarts
	})
	t.Logf("most has gone; %d killed, Postgres %v", w.kills(), w.restarts)
	close(stop)
	killers.Wait()
	w.settle(in)

	f := &chaosFigures{name: fmt.Sprintf("chaos with save_sent=%q, seed %d", map[bool]string{true: "server", false: "append"}[files], seed)}
	f.say("daemons killed", w.kills())
	f.say("Postgres stopped", w.restarts)
	f.say("mischief of the SMTP servers", w.smtp.did)
	f.checkIntake(w, in)
	f.checkSending(w, planner.late, staff)
	before := w.smtp.taken()
	for i, file := range backups {
		w.resume(f, file, fmt.Sprintf("restored%d", i+1))
	}
	f.say("mails sent after two restored backups", w.smtp.taken()-before)
	f.must(w.smtp.taken() == before, "a restored backup sent mail")
	t.Log(f)
	if len(f.bad) > 0 {
		t.Errorf("%d promises are broken", len(f.bad))
	}
}

func (w *chaosWorld) kills() int {
	n := 0
	for _, d := range w.daemons {
		d.mu.Lock()
		n += d.kills
		d.mu.Unlock()
	}
	return n
}

func total(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// settle lets the world calm down: everything is killed once more, time
// passes, everything is started, until nothing is left to do. What is
// uncertain is searched for several times.
func (w *chaosWorld) settle(in *chaosIntake) {
	w.t.Helper()
	w.smtp.calmDown()
	const rounds = 3
	for range rounds {
		if err := in.run(0); err != nil { // what came back in answer to the last notices
			w.t.Fatal(err)
		}
		for _, d := range w.daemons {
			d.kill()
		}
		w.passTime()
		w.exec(`UPDATE message SET tried_at = tried_at - interval '1 minute' WHERE state = 'stored'`)
		began := column[time.Time](w, `SELECT now()`)[0]
		for _, d := range w.daemons {
			if err := d.start(); err != nil {
				w.t.Fatal(err)
			}
		}
		_, copies := in.delivered()
		w.until("all is taken in, filed, sent and looked for", func() bool {
			for _, d := range w.daemons {
				if err := d.start(); err != nil { // its port may have been taken for a moment
					w.t.Fatal(err)
				}
			}
			return w.count(`SELECT (SELECT count(*) FROM location l JOIN folder f ON f.id = l.folder_id WHERE f.role <> 'sent')
					- (SELECT count(*) FROM message WHERE state = 'stored')`) >= copies &&
				w.count(`SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending') OR sent_copy = 'owed' AND state = 'sent' AND NOT $2
					OR state = 'uncertain' AND (searched_at IS NULL OR searched_at < $1)`, began, w.files) == 0
		})
		w.t.Logf("settled once more")
	}
}

// resume starts a daemon on a restored backup: it must send nothing, since
// Sent holds mail that the backup does not know, or has not sent yet.
func (w *chaosWorld) resume(f *chaosFigures, file, name string) {
	w.t.Helper()
	for _, d := range w.daemons {
		d.kill()
	}
	url, err := w.restore(file, name)
	if err != nil {
		w.t.Fatal(err)
	}
	var waiting int
	w.ask(url, `SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')`, &waiting)
	// Who held leases when it was made is gone, and all that waited is due.
	err = w.onOther(url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM lease; UPDATE outbox SET not_before = now() WHERE state = 'queued'`)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	d := newChaosDaemon(w.daemons[0].variant(name, w.cluster.URL(), url), w.daemons[0].smtp, name)
	if err := d.start(); err != nil {
		w.t.Fatal(err)
	}
	defer d.report()
	defer d.kill()
	why := w.stopped(url, d)
	f.say("restored "+filepath.Base(file)+": mails waiting in it; sending", fmt.Sprintf("%d; stopped: %.50s…", waiting, why))
}

// chaosPlanner imports requests and asks for notices, with processes that are
// killed, and two at a time.
type chaosPlanner struct {
	w     *chaosWorld
	in    *chaosIntake
	rnd   *rand.Rand
	late  int // patrons with overdue items
	next  int // the first of them that is not imported
	step  int
	today string
	files int
}

func newChaosPlanner(w *chaosWorld, in *chaosIntake, late int) *chaosPlanner {
	return &chaosPlanner{w: w, in: in, rnd: w.random(5), late: late, step: max(1, late/4), today: time.Now().Format(time.DateOnly)}
}

// importBatch imports the next patrons' requests, as often as it takes.
func (p *chaosPlanner) importBatch() {
	now := time.Now()
	last := min(p.next+p.step, p.late)
	csv := filepath.Join(filepath.Dir(p.w.p.config), fmt.Sprintf("export%d.csv", p.files))
	p.files++
	write(p.w.t, csv, p.in.transactions(p.today, now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(0, 0, 60).Format(time.DateOnly), p.next, last))
	p.retry("import", "--config", p.w.p.config, "transactions", csv)
	p.next = last
}

// retry runs a command until it succeeds; Postgres may be away.
func (p *chaosPlanner) retry(args ...string) {
	for p.w.ctx.Err() == nil {
		if _, err := p.w.p.try("", args...); err == nil {
			return
		}
		p.w.sleep(nil, 100*time.Millisecond)
	}
}

// batch imports and runs: one run is killed in the middle, then two race.
func (p *chaosPlanner) batch() error {
	p.importBatch()
	run := []string{"notices", "run", "--config", p.w.p.config, "--on", p.today}
	cmd := exec.Command(p.w.p.binary, run...)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.w.sleep(nil, between(p.rnd, 0, 300*time.Millisecond))
	_ = cmd.Process.Kill() // it may be through
	_ = cmd.Wait()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { p.retry(run...) })
	}
	wg.Wait()
	return p.w.ctx.Err()
}
