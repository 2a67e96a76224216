package notices

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"illmail/store"
	"illmail/store/storetest"
)

// outboxModel is one mail of which the machine tries everything that staff,
// daemons and runs may try, in any order.
type outboxModel struct {
	*world
	rt     *rapid.T
	id     int64
	state  store.OutboxState
	claim  string // who holds a claim that stands
	holder string // who holds the sending lease
	begun  int    // times it was handed over
	ended  int    // times an outcome became known, or staff decided
}

const longTime = time.Hour

// try runs an action and compares its success with what the model allows.
func (m *outboxModel) try(what string, allowed bool, err error) bool {
	m.Helper()
	if err != nil && !errors.Is(err, store.ErrConflict) {
		m.Fatalf("%s: %v", what, err)
	}
	if allowed != (err == nil) {
		m.Fatalf("%s from %s (claim of %q, lease of %q): %v", what, m.state, m.claim, m.holder, err)
	}
	return err == nil
}

func (m *outboxModel) daemon() string {
	return rapid.SampledFrom([]string{"one", "two"}).Draw(m.rt, "daemon")
}

func (m *outboxModel) actions() map[string]func(*rapid.T) {
	in := func(states ...store.OutboxState) bool { return slices.Contains(states, m.state) }
	return map[string]func(*rapid.T){
		"lease": func(t *rapid.T) {
			d := m.daemon()
			ok, err := m.db.AcquireLease(m.ctx, m.office.ID, store.SendingLease, d, longTime)
			if err != nil || ok != (m.holder == "" || m.holder == d) {
				m.Fatalf("lease for %s, held by %q: %v, %v", d, m.holder, ok, err)
			}
			if ok {
				m.holder = d
			}
		},
		"lose the lease": func(t *rapid.T) {
			if err := m.db.ReleaseLease(m.ctx, m.office.ID, store.SendingLease, m.holder); err != nil {
				m.Fatal(err)
			}
			m.holder = ""
		},
		"claim": func(t *rapid.T) {
			d := m.daemon()
			mails, err := m.db.ClaimMails(m.ctx, m.office.ID, d, 5, longTime)
			if err != nil {
				m.Fatal(err)
			}
			if want := in(store.OutboxQueued) && m.holder == d && m.claim != d; want != (len(mails) == 1) {
				m.Fatalf("%s claimed %d mails from %s (claim of %q, lease of %q)", d, len(mails), m.state, m.claim, m.holder)
			}
			if len(mails) == 1 {
				m.claim = d
			}
		},
		"begin": func(t *rapid.T) {
			d := m.daemon()
			if m.try("begin", in(store.OutboxQueued) && m.claim == d && m.holder == d, m.db.BeginSending(m.ctx, m.id, d)) {
				m.state = store.OutboxSending
				m.begun++
			}
		},
		"sent": func(t *rapid.T) {
			d := m.daemon()
			if m.try("sent", in(store.OutboxSending, store.OutboxUncertain) && m.claim == d, m.db.FinishSent(m.ctx, m.id, d, "250 ok", false, m.at("2026-11-24"))) {
				m.state, m.claim = store.OutboxSent, ""
				m.ended++
			}
		},
		"refused": func(t *rapid.T) {
			d := m.daemon()
			if m.try("refused", in(store.OutboxSending, store.OutboxQueued) && m.claim == d, m.db.FinishFailed(m.ctx, m.id, d, "550 no", false, m.at("2026-11-24"))) {
				m.state, m.claim = store.OutboxFailed, ""
			}
		},
		"deferred": func(t *rapid.T) {
			d := m.daemon()
			was := m.state
			if m.try("deferred", in(store.OutboxSending, store.OutboxQueued) && m.claim == d, m.db.Requeue(m.ctx, m.id, d, "451 later", 0, true)) {
				if was == store.OutboxSending {
					m.ended++
				}
				m.state, m.claim = store.OutboxQueued, ""
			}
		},
		"lost": func(t *rapid.T) {
			d := m.daemon()
			if m.try("lost", in(store.OutboxSending) && m.claim == d, m.db.FinishUncertain(m.ctx, m.id, d, "EOF")) {
				m.state = store.OutboxUncertain
			}
		},
		"expire": func(t *rapid.T) {
			n, err := m.db.ExpireSending(m.ctx, m.office.ID, 0)
			if err != nil || (n == 1) != in(store.OutboxSending) {
				m.Fatalf("expired %d from %s: %v", n, m.state, err)
			}
			if n == 1 {
				m.state = store.OutboxUncertain
			}
		},
		"found": func(t *rapid.T) {
			if m.try("found", in(store.OutboxUncertain), m.db.SettleFound(m.ctx, m.id, "")) {
				m.state, m.claim = store.OutboxSent, ""
				m.ended++
			}
		},
		"absent": func(t *rapid.T) {
			if m.try("absent", false, m.db.SettleAbsent(m.ctx, m.id, 2)) { // never searched for
				m.Fatal("queued again")
			}
		},
		"staff: it went": func(t *rapid.T) {
			if m.try("confirm", in(store.OutboxUncertain), m.db.ConfirmSent(m.ctx, m.id, "jane")) {
				m.state, m.claim = store.OutboxSent, ""
				m.ended++
			}
		},
		"staff: again": func(t *rapid.T) {
			if m.try("again", in(store.OutboxUncertain), m.db.SendAgain(m.ctx, m.id, "jane")) {
				m.state, m.claim = store.OutboxQueued, ""
				m.ended++
			}
		},
		"staff: cancel": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
				return // it ends most histories
			}
			if m.try("cancel", in(store.OutboxHeld, store.OutboxQueued, store.OutboxUncertain), m.db.CancelMail(m.ctx, m.id, "jane", "phoned")) {
				m.state, m.claim = store.OutboxCancelled, ""
			}
		},
		"staff: hold": func(t *rapid.T) {
			if m.try("hold", in(store.OutboxQueued), m.db.HoldMail(m.ctx, m.id, "jane", "wait")) {
				m.state, m.claim = store.OutboxHeld, ""
			}
		},
		"staff: release": func(t *rapid.T) {
			n, err := m.db.ReleaseMails(m.ctx, m.office.ID, []int64{m.id}, "jane")
			if err != nil || (n == 1) != in(store.OutboxHeld) {
				m.Fatalf("released %d from %s: %v", n, m.state, err)
			}
			if n == 1 {
				m.state = store.OutboxQueued
			}
		},
		"run": func(t *rapid.T) {
			m.run("2026-11-24", Options{})
			if in(store.OutboxHeld, store.OutboxQueued) {
				m.claim = "" // what was claimed may have been written anew
			}
		},
		"": func(t *rapid.T) { // after each
			got, err := m.db.OutboxMail(m.ctx, m.id)
			if err != nil || got.State != m.state {
				m.Fatalf("the mail is %s, want %s (%v)", got.State, m.state, err)
			}
			if rows := m.outbox(""); len(rows) != 2 {
				m.Fatalf("a run made another mail: %s", mails(rows))
			}
			if m.begun-m.ended > 1 {
				m.Fatalf("handed over %d times, and only %d times was it known what came of it", m.begun, m.ended)
			}
			events, err := m.db.Events(m.ctx, "outbox", m.id)
			if err != nil || len(events) == 0 {
				m.Fatalf("no events: %v", err)
			}
		},
	}
}

func TestOutboxStates(t *testing.T) {
	checks(t, 40)
	db := storetest.New(t)
	var n atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, t.Context(), db, fmt.Sprintf("office%d", n.Add(1)), testRules(t)).started()
		if err := db.ReleaseLease(w.ctx, w.office.ID, store.SendingLease, "test"); err != nil {
			rt.Fatal(err)
		}
		w.load(request(11, "ann", store.StateOnLoan, "2026-11-23"))
		w.run("2026-11-24", Options{})
		m := &outboxModel{world: w, rt: rt, id: w.outbox(store.OutboxQueued)[0].ID, state: store.OutboxQueued}
		rt.Repeat(m.actions())
	})
}
