package notices

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"illmail/mailbox"
	"illmail/store"
)

// Planner finds what is due in an office's records and queues it.
type Planner struct {
	DB  *store.DB
	Log *slog.Logger // nil: nothing is logged
}

// Options say how a plan or a run came about.
type Options struct {
	// Named: a person named the day. Then records of any age will do, the run
	// needs no approval, and its mails go even if today is closed.
	Named bool
	// Fire is the fire of a schedule that the run is, committed with it; nil: none.
	Fire *store.Fire
}

// Result is what a run did.
type Result struct {
	Lines   []PlanLine
	Queued  int  // mails
	Waiting int  // mails that wait for approval
	Held    int  // notices held
	Skipped int  // notices skipped
	Done    bool // false: another daemon had run this fire already
}

// Plan says what would be sent on that day and what would not, and why,
// judging the records as they are. It stores nothing.
func (p *Planner) Plan(ctx context.Context, o *Office, on store.Date, now time.Time, opts Options) ([]PlanLine, error) {
	key, err := p.DB.Secret(ctx, store.RefSecret)
	if err != nil {
		return nil, err
	}
	var lines []PlanLine
	err = p.DB.PreviewNotices(ctx, o.ID, func(n *store.NoticeTx) error {
		r := &run{tx: n, office: o, key: key, opts: opts, now: now}
		if err := r.decide(ctx, on); err != nil {
			return err
		}
		for i := range r.groups {
			r.write(&r.groups[i])
		}
		lines = r.lines()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("planning notices of %s: %w", o.Code, err)
	}
	return lines, nil
}

// maxRetries is how often a run starts anew because what it decided about
// changed under it.
const maxRetries = 3

// Run plans for that day and queues what is to go, or puts it up for approval.
// What waited from earlier runs is decided anew. Run twice, it changes nothing.
func (p *Planner) Run(ctx context.Context, o *Office, on store.Date, now time.Time, opts Options) (Result, error) {
	if o.Rules.Mode == ModeOff {
		return Result{Done: true}, p.recordOnly(ctx, opts.Fire)
	}
	key, err := p.DB.Secret(ctx, store.RefSecret)
	if err != nil {
		return Result{}, err
	}
	var res Result
	for try := 1; ; try++ {
		err = p.DB.RunNotices(ctx, o.ID, func(n *store.NoticeTx) error {
			r := &run{tx: n, office: o, key: key, opts: opts, now: now, store: true}
			res, err = r.run(ctx, on)
			return err
		})
		if !errors.Is(err, store.ErrConflict) || try == maxRetries {
			break
		}
	}
	if err != nil {
		return Result{}, fmt.Errorf("planning notices of %s: %w", o.Code, err)
	}
	if p.Log != nil && res.Done {
		p.Log.Info("notices planned", "office", o.Code, "day", on.String(), "queued", res.Queued, "for_approval", res.Waiting, "held", res.Held, "skipped", res.Skipped)
	}
	return res, nil
}

// ReturnsProcessed plans today's notices at once and lets the day's overdue
// ones go that wait for approval: the morning's returns are in the records. It
// returns how many mails go.
func (p *Planner) ReturnsProcessed(ctx context.Context, o *Office, now time.Time, staff string) (int, error) {
	res, err := p.Run(ctx, o, o.today(now), now, Options{})
	if err != nil {
		return 0, err
	}
	held, err := p.DB.ListOutbox(ctx, store.OutboxFilter{OfficeID: o.ID, State: store.OutboxHeld, Kind: store.KindOverdue})
	if err != nil {
		return 0, err
	}
	var ids []int64
	for _, m := range held {
		if m.Reason == waitsForApproval {
			ids = append(ids, m.ID)
		}
	}
	n, err := p.DB.ReleaseMails(ctx, o.ID, ids, staff)
	return res.Queued + n, err
}

func (p *Planner) recordOnly(ctx context.Context, fire *store.Fire) error {
	if fire == nil {
		return nil
	}
	_, err := p.DB.RecordFire(ctx, *fire)
	return err
}

// run is one plan in the making.
type run struct {
	tx      *store.NoticeTx
	office  *Office
	key     []byte
	opts    Options
	now     time.Time
	store   bool // else a preview
	day     Day
	facts   []store.NoticeFacts
	started bool
	missed  bool
	waiting map[int64]store.WaitingMail
	groups  []group
	others  []item // held, skipped, told and passed notices
}

// group is one mail in the making.
type group struct {
	kind     store.NoticeKind
	items    []item
	letter   letter
	outboxID int64             // the waiting mail that it takes the place of
	state    store.OutboxState // held or queued
	reason   string            // why it is held
}

// decide loads what can fall due and decides each.
func (r *run) decide(ctx context.Context, on store.Date) error {
	info, err := r.tx.Office(ctx)
	if err != nil {
		return err
	}
	r.office = r.office.ClosedOn(info.ClosedDays)
	rules := r.office.Rules
	r.started, r.missed = info.Started, info.MissedFires
	r.day = Day{Date: on, Paused: info.NoticesPaused}
	if !r.opts.Named && !rules.Live {
		var imported time.Time
		if info.ImportedAt != nil {
			imported = *info.ImportedAt
		}
		r.day.Stale = rules.stale(on, info.DataDate, imported, r.now)
	}
	ids, err := r.tx.Candidates(ctx, rules.bands(on))
	if err != nil {
		return err
	}
	if r.facts, err = r.tx.Facts(ctx, ids); err != nil {
		return err
	}
	r.facts = r.office.untold(r.facts)
	type mailKey struct {
		kind     store.NoticeKind
		id       int64  // of the patron; of the transaction where there is no digest
		template string // "" = that of a cancellation's reason
		rule     string // where it has a mode, or people who get a copy
	}
	at := map[mailKey]int{}
	for i := range r.facts {
		f := &r.facts[i]
		for _, d := range Decide(r.day, rules, f) {
			it := item{facts: f, Decision: d}
			if d.Action != Send {
				r.others = append(r.others, it)
				continue
			}
			k := mailKey{kind: d.Kind, id: f.Patron.ID}
			if d.rule.Template != "" { // else the letters of one kind become one
				k.template = d.rule.Template
			}
			if d.rule.Mode != "" || len(d.rule.Cc) > 0 {
				k.rule = d.rule.Name
			}
			if !rules.Digest {
				k.id = f.Transaction.ID
			}
			g, ok := at[k]
			if !ok {
				g = len(r.groups)
				at[k] = g
				r.groups = append(r.groups, group{kind: d.Kind})
			}
			r.groups[g].items = append(r.groups[g].items, it)
		}
	}
	return nil
}

// write renders a group's letter; where that does not work out, its notices
// are held for that reason and the group is left empty.
func (r *run) write(g *group) {
	var err error
	if g.letter, err = writeLetter(r.office, r.key, r.day.Date, g.kind, g.items); err == nil {
		return
	}
	for _, it := range g.items {
		it.Action, it.State, it.SendOn, it.Reason = Hold, store.NoticeHeld, store.Date{}, fmt.Sprintf("the letter cannot be written: %v", err)
		r.others = append(r.others, it)
	}
	g.items = nil
}

// saveChunk is how many mails are rendered and written at a time, so that
// memory does not grow with a run.
const saveChunk = 250

func (r *run) run(ctx context.Context, on store.Date) (Result, error) {
	if f := r.opts.Fire; f != nil {
		first, err := r.tx.RecordFire(ctx, *f)
		if err != nil || !first {
			return Result{}, err
		}
	}
	mails, err := r.tx.LockWaiting(ctx)
	if err != nil {
		return Result{}, err
	}
	r.waiting = make(map[int64]store.WaitingMail, len(mails))
	for _, m := range mails {
		r.waiting[m.ID] = m
	}
	if err := r.decide(ctx, on); err != nil {
		return Result{}, err
	}
	r.approve()
	for chunk := range slices.Chunk(r.groups, saveChunk) {
		var planned []store.PlannedMail
		for i := range chunk {
			g := &chunk[i]
			if r.write(g); len(g.items) > 0 {
				planned = append(planned, r.planned(g))
			}
			g.letter.Text, g.letter.HTML = "", ""
		}
		if err := r.tx.SaveMails(ctx, planned); err != nil {
			return Result{}, err
		}
	}
	var records []store.DecidedNotice
	for _, it := range r.others {
		records = append(records, r.decided(it))
	}
	if err := r.tx.Record(ctx, records); err != nil {
		return Result{}, err
	}
	if err := r.cancelRest(ctx); err != nil {
		return Result{}, err
	}
	if err := r.raiseHeld(ctx); err != nil {
		return Result{}, err
	}
	if r.missed {
		if err := r.tx.SettleMissedFires(ctx); err != nil {
			return Result{}, err
		}
	}
	res := Result{Lines: r.lines(), Done: true}
	for _, g := range r.groups {
		switch {
		case len(g.items) == 0:
		case g.state == store.OutboxQueued:
			res.Queued++
		default:
			res.Waiting++
		}
	}
	for _, it := range r.others {
		switch it.State {
		case store.NoticeHeld:
			res.Held++
		case store.NoticeSkipped:
			res.Skipped++
		}
	}
	return res, nil
}

// Why a mail is held where nothing is unusual about it: the next run holds it
// for the same reason again.
const (
	waitsForApproval = "waits for approval"
	firstNotices     = "the first notices of this office: waits for approval"
)

// approve says of each group whether it goes or waits for approval. What
// waited for approval goes on waiting; what was approved goes.
func (r *run) approve() {
	fresh := 0
	used := map[int64]bool{}
	for i := range r.groups {
		g := &r.groups[i]
		approved, why := true, ""
		rule := &g.items[0].rule
		for _, it := range g.items {
			m, rung, ok := r.waitingMail(it.facts, g.kind)
			if ok && g.outboxID == 0 && !used[m.ID] {
				g.outboxID = m.ID
				used[m.ID] = true
			}
			approved = approved && ok && m.State == store.OutboxQueued && rung == it.Rung
			switch {
			case ok && m.State == store.OutboxHeld:
				why = m.Reason
			case !ok && r.missed && it.DueOn.Before(r.day.Date) && why == "":
				why = "a run was missed: waits for approval"
			}
		}
		confirm := g.items[0].Confirm
		switch {
		case approved, r.opts.Named && confirm == "":
			g.state = store.OutboxQueued
			continue
		case confirm != "":
			why = confirm
		case why != "":
		case !r.started:
			why = firstNotices
		case cmp.Or(rule.Mode, r.office.Rules.Mode) == ModeApprove:
			why = waitsForApproval
		}
		g.state, g.reason = store.OutboxQueued, why
		if why != "" {
			g.state = store.OutboxHeld
		} else {
			fresh++
		}
	}
	limit := r.office.Rules.MaxPerRun
	if limit == 0 || fresh <= limit || r.opts.Named {
		return
	}
	for i := range r.groups {
		if g := &r.groups[i]; g.state == store.OutboxQueued && g.outboxID == 0 {
			g.state, g.reason = store.OutboxHeld, fmt.Sprintf("%d mails in one run, more than max_per_run = %d: waits for approval", fresh, limit)
		}
	}
}

// waitingMail is the mail in which a notice of that kind about the transaction
// waits, and the rung that it tells.
func (r *run) waitingMail(f *store.NoticeFacts, kind store.NoticeKind) (m store.WaitingMail, rung int, ok bool) {
	for _, n := range f.Notices {
		if n.Kind == kind && n.OutboxID != nil && n.Waits() && n.State == store.NoticePlanned {
			m, ok = r.waiting[*n.OutboxID]
			return m, n.Rung, ok
		}
	}
	return m, 0, false
}

func (r *run) planned(g *group) store.PlannedMail {
	p := &g.items[0].facts.Patron
	m := store.PlannedMail{
		OutboxID: g.outboxID, State: g.state, Kind: g.kind, Rung: g.items[0].Rung, PatronID: p.ID,
		Recipient: p.Email, RecipientName: p.Name(), Subject: g.letter.Subject, BodyText: g.letter.Text, BodyHTML: g.letter.HTML,
		Cc: copies(r.office, g.kind, g.items), Ref: g.letter.ref, Template: g.letter.template, Reason: g.reason,
	}
	if g.outboxID == 0 {
		m.MessageID = mailbox.NewMessageID(r.office.domain())
	}
	if r.opts.Named {
		m.DecidedFor = r.day.Date
	}
	for _, it := range g.items {
		m.Notices = append(m.Notices, r.decided(it))
	}
	return m
}

func (r *run) decided(it item) store.DecidedNotice {
	d := store.DecidedNotice{
		TransactionID: it.facts.Transaction.ID, Kind: it.Kind, Rung: it.Rung, Cycle: it.Cycle,
		State: it.State, Reason: it.Reason, Days: it.Days, PlannedOn: r.day.Date,
	}
	if it.State == store.NoticeHeld {
		d.HeldSince = heldSince(it, r.day.Date)
	}
	return d
}

// heldSince is since when a notice is held without a break: a higher rung that
// takes the place of a lower one has been held for as long as that.
func heldSince(it item, today store.Date) store.Date {
	since := today
	for _, n := range it.facts.Notices {
		if n.Kind == it.Kind && n.Cycle == it.Cycle && n.State == store.NoticeHeld && n.HeldSince.Before(since) {
			since = n.HeldSince
		}
	}
	return since
}

// cancelRest cancels waiting mails that no group took over.
func (r *run) cancelRest(ctx context.Context) error {
	for _, g := range r.groups {
		if len(g.items) > 0 {
			delete(r.waiting, g.outboxID)
		}
	}
	byReason := map[string][]int64{}
	for _, it := range r.others {
		if m, _, ok := r.waitingMail(it.facts, it.Kind); ok {
			byReason[it.Reason] = append(byReason[it.Reason], m.ID)
			delete(r.waiting, m.ID)
		}
	}
	for id := range r.waiting {
		byReason["planned anew in another mail"] = append(byReason["planned anew in another mail"], id)
	}
	for why, ids := range byReason {
		if err := r.tx.CancelMails(ctx, ids, why); err != nil {
			return err
		}
	}
	return nil
}

// heldTooLong is the number of open days after which a hold is a supervisor's matter.
const heldTooLong = 5

func (r *run) raiseHeld(ctx context.Context) error {
	var ids []int64
	for _, it := range r.others {
		if it.ConversationID == 0 {
			continue
		}
		held := r.office.Rules.Calendar.OpenDaysBetween(heldSince(it, r.day.Date), r.day.Date)
		if held > heldTooLong && !slices.Contains(ids, it.ConversationID) {
			ids = append(ids, it.ConversationID)
		}
	}
	return r.tx.RaiseHeld(ctx, ids, r.day.Date, "notices have been held for more than five open days: for the supervisor")
}
