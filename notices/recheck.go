package notices

import (
	"context"
	"fmt"
	"time"

	"illmail/store"
)

// recheck judges a claimed mail once more, on the records as they are now:
// what was returned, renewed, cancelled, asked about, told by hand or bounced
// meanwhile is taken out, and the rest is written anew. ok is false where
// nothing is to be sent now.
func (w *worker) recheck(ctx context.Context, m store.OutboxMail) (_ store.OutboxMail, ok bool, err error) {
	switch m.Kind {
	case store.KindReply:
		return m, true, nil
	case store.KindUnanswered:
		return w.recheckUnanswered(ctx, m)
	}
	closed, err := w.DB.ClosedDays(ctx, w.office.ID)
	if err != nil {
		return m, false, err
	}
	o := w.office.ClosedOn(closed)
	day := Day{Date: m.DecidedFor}
	named := !m.DecidedFor.IsZero()
	if !named {
		if day.Date = o.today(w.now()); !o.Rules.Calendar.IsOpen(day.Date) {
			opens := o.Rules.Calendar.NextOpen(day.Date).At(8, 0, o.Rules.Location)
			return m, false, w.DB.Requeue(ctx, m.ID, w.Owner, day.Date.String()+" is a closed day", opens.Sub(w.now()), false)
		}
	}
	rows, err := w.DB.OutboxNotices(ctx, m.ID)
	if err != nil {
		return m, false, err
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.TransactionID
	}
	facts, err := w.DB.NoticeFacts(ctx, ids)
	if err != nil {
		return m, false, err
	}
	switch wait, err := w.refresh(ctx, day.Date, named || m.Kind == store.KindCancellation, facts); {
	case err != nil:
		return m, false, err
	case wait != "":
		return m, false, w.DB.Requeue(ctx, m.ID, w.Owner, wait, askAgain, false)
	}
	if o.Refresher != nil {
		if facts, err = w.DB.NoticeFacts(ctx, ids); err != nil {
			return m, false, err
		}
	}
	facts = o.untold(facts)
	byID := make(map[int64]*store.NoticeFacts, len(facts))
	for i := range facts {
		byID[facts[i].Transaction.ID] = &facts[i]
	}
	var items []item
	var kept []store.NoticeRow
	var drops []store.DroppedNotice
	changed := false
	for _, r := range rows {
		d, why := stillDue(day, o.Rules, byID[r.TransactionID], r)
		if why != "" {
			drops = append(drops, store.DroppedNotice{ID: r.ID, Reason: why})
			continue
		}
		p := byID[r.TransactionID].Patron
		changed = changed || d.Days != r.Days || p.Email != m.Recipient
		r.Days, r.Reason = d.Days, d.Reason
		items = append(items, item{facts: byID[r.TransactionID], Decision: d})
		kept = append(kept, r)
	}
	if len(drops) == 0 && !changed && len(kept) > 0 {
		return m, true, nil
	}
	if len(kept) > 0 {
		key, err := w.DB.Secret(ctx, store.RefSecret)
		if err != nil {
			return m, false, err
		}
		l, err := writeLetter(o, key, day.Date, m.Kind, items)
		if err != nil {
			return m, false, w.DB.Requeue(ctx, m.ID, w.Owner, err.Error(), time.Hour, true)
		}
		p := items[0].facts.Patron
		m.Rung, m.Recipient, m.RecipientName = items[0].Rung, p.Email, p.Name()
		m.Ref, m.Template = l.ref, l.template
		if m.EditedFrom == "" || m.EditedFrom != l.Text {
			m.Subject, m.BodyText, m.BodyHTML = l.Subject, l.Text, l.HTML
		}
		if m.EditedFrom != "" && m.EditedFrom != l.Text {
			m.State, m.Reason, m.EditedFrom = store.OutboxHeld, "edited by hand, but what it tells has changed since: look at it again", ""
		}
	}
	if err := w.DB.RewriteClaimed(ctx, m, drops, kept); err != nil {
		return m, false, err
	}
	return m, len(kept) > 0 && m.State != store.OutboxHeld, nil
}

// stillDue returns the decision by which the notice still goes, or why it does
// not.
func stillDue(day Day, rules *Rules, f *store.NoticeFacts, r store.NoticeRow) (Decision, string) {
	if f == nil {
		return Decision{}, "the request is gone"
	}
	for _, d := range Decide(day, rules, f) {
		if d.Kind != r.Kind || d.Cycle != r.Cycle || d.State == store.NoticePassed {
			continue
		}
		switch {
		case d.Rung > r.Rung:
			return d, fmt.Sprintf("rung %d is due in its place", d.Rung)
		case d.Rung < r.Rung:
		case d.Action == Send:
			return d, ""
		default:
			return d, d.Reason
		}
	}
	return Decision{}, notDue
}

const (
	// askPatience is how long the answer about one mail's requests may take:
	// replies wait behind it.
	askPatience = time.Minute
	// askPause is how long nothing is asked after an answer that took askSlow
	// and then did not come.
	askPause = time.Minute
	askSlow  = 5 * time.Second
)

// refresh fetches the mail's requests anew. It returns why the mail must wait,
// or "": an ILL system that is there and cannot be asked, or records that are
// too old to go by. anyAge: records of any age will do.
func (w *worker) refresh(ctx context.Context, day store.Date, anyAge bool, facts []store.NoticeFacts) (wait string, err error) {
	rules := w.office.Rules
	var asked error
	if w.office.Refresher != nil {
		if asked = w.ask(ctx, facts); asked == nil {
			return "", nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	switch {
	case asked != nil && rules.Live:
		return fmt.Sprintf("the ILL system could not be asked: %v", asked), nil
	case anyAge:
		return "", nil
	case asked != nil && rules.MaxAge == 0:
		return fmt.Sprintf("the ILL system could not be asked: %v", asked), nil
	}
	office, err := w.DB.OfficeByID(ctx, w.office.ID)
	if err != nil {
		return "", err
	}
	var imported time.Time
	if office.ImportedAt != nil {
		imported = *office.ImportedAt
	}
	wait = rules.stale(day, office.DataDate, imported, w.now())
	if wait != "" && asked != nil {
		wait = fmt.Sprintf("%s, and the ILL system could not be asked: %v", wait, asked)
	}
	return wait, nil
}

// ask fetches the requests anew, unless that was slow and in vain just now: an
// ILL system that hangs must not hold up replies once a notice.
func (w *worker) ask(ctx context.Context, facts []store.NoticeFacts) error {
	w.mu.Lock()
	vain, from := w.askedInVain, w.askFrom
	w.mu.Unlock()
	began := time.Now()
	if vain != nil && began.Before(from) {
		return vain
	}
	tns := make([]int64, len(facts))
	for i, f := range facts {
		tns[i] = f.Transaction.TransactionNumber
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	err := w.office.Refresher.Refresh(ctx, w.office.ID, tns)
	if ended := time.Now(); err != nil && ended.Sub(began) >= askSlow {
		w.mu.Lock()
		w.askedInVain, w.askFrom = err, ended.Add(askPause)
		w.mu.Unlock()
	}
	return err
}
