package notices

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"illmail/mailbox/mailtest"
	"illmail/store"
)

// watched is a post whose second address is told after eight office hours.
func watched(t *testing.T) (*post, *Alarm) {
	t.Helper()
	p := newPost(t, mailtest.SMTPOptions{})
	p.office.Rules.Hours, p.office.Rules.Calendar = officeRules(t).Hours, officeRules(t).Calendar
	p.office.Unanswered = &Unanswered{Address: "head@example.edu", After: 8 * time.Hour, Every: time.Hour, Pages: "https://ill.example.edu"}
	return p, &Alarm{DB: p.db, Offices: []*Office{p.office}, Log: slog.New(slog.DiscardHandler)}
}

func (p *post) clock(d string, hour, minute int) time.Time {
	return day(d).At(hour, minute, p.office.Rules.Location)
}

// tell asks the alarm and returns whether it queued a mail.
func (p *post) tell(a *Alarm, now time.Time) bool {
	p.t.Helper()
	id, err := a.Tell(p.ctx, p.office, now)
	if err != nil {
		p.t.Fatal(err)
	}
	return id != 0
}

func TestSecondAddressIsTold(t *testing.T) {
	p, a := watched(t)
	p.load(request(412304, "jordan", store.StateOnLoan, "2026-12-20"), request(412305, "wei", store.StateOnLoan, "2026-12-20"), request(412306, "sam", store.StateOnLoan, "2026-12-20"))
	first := p.write(412304, "jordan", "renewal", p.clock("2026-11-23", 15, 0))
	for _, c := range []struct {
		at   time.Time
		want bool
	}{
		{p.clock("2026-11-24", 14, 59), false}, // seven office hours and 59 minutes
		{p.clock("2026-11-24", 17, 0), false},  // long enough, and closed
		{p.clock("2026-11-25", 8, 59), false},
		{p.clock("2026-11-25", 9, 0), true},
		{p.clock("2026-11-25", 9, 1), false},
	} {
		if got := p.tell(a, c.at); got != c.want {
			t.Fatalf("at %s it is told: %v, want %v", c.at, got, c.want)
		}
	}
	// The next one waits for its turn: one mail an hour at most.
	second := p.write(412305, "wei", "status", p.clock("2026-11-24", 9, 10))
	if p.tell(a, p.clock("2026-11-25", 9, 59)) {
		t.Error("two mails within an hour")
	}
	if !p.tell(a, p.clock("2026-11-25", 10, 0)) {
		t.Error("the second conversation is not told")
	}
	p.now = p.clock("2026-11-25", 10, 0)
	if err := p.db.PauseNotices(p.ctx, p.office.ID, true, "jane"); err != nil { // which are letters to patrons
		t.Fatal(err)
	}
	p.send(p.worker("one"))
	got := p.smtp.Mails()
	if len(got) != 2 {
		t.Fatalf("the server took %d mails", len(got))
	}
	for i, id := range []int64{first, second} {
		raw := string(got[i].Raw)
		for _, want := range []string{"To: head@example.edu", "Subject: 1 conversation waits for an answer", fmt.Sprintf("https://ill.example.edu/conversations/%d\r\n", id), "Auto-Submitted: auto-generated"} {
			if !strings.Contains(raw, want) {
				t.Errorf("the mail lacks %q:\n%s", want, raw)
			}
		}
		for _, secret := range []string{"ordan", "wei", "Book", "4123", "about"} {
			if strings.Contains(raw, secret) {
				t.Errorf("the mail tells %q:\n%s", secret, raw)
			}
		}
	}
	if rows := p.outbox(store.OutboxSent); len(rows) != 3 { // the first of all is older
		t.Errorf("the outbox is %+v", rows)
	}
	// A search for the one in Sent never finds the other, and it is nobody's letter.
	refs := map[string]bool{}
	for _, m := range got {
		_, ref, _ := strings.Cut(string(m.Raw), "X-Illmail-Ref: ")
		refs[strings.Fields(ref)[0]] = true
	}
	if len(refs) != 2 {
		t.Errorf("the references are %v", refs)
	}
	for _, tn := range []int64{412304, 412305} {
		page, err := p.db.ReadRequest(p.ctx, p.office.Code, tn)
		if err != nil || len(page.Notices) != 0 {
			t.Errorf("of request %d was told %+v, %v", tn, page.Notices, err)
		}
	}
	for _, id := range []int64{first, second} {
		if st, err := p.db.ReadStory(p.ctx, id); err != nil || len(st.Mails) != 0 {
			t.Errorf("the story holds %+v, %v", st.Mails, err)
		}
	}
	// Days later nothing is told again; a new waiting is.
	if p.tell(a, p.clock("2026-12-01", 12, 0)) {
		t.Error("the same is told again")
	}
	p.answer(first, "jordan", "")
	p.write(412304, "jordan", "renewal", p.clock("2026-11-30", 9, 0))
	if !p.tell(a, p.clock("2026-12-01", 12, 0)) {
		t.Error("a new waiting is not told")
	}
}

func TestSecondAddressOnceForTwoDaemons(t *testing.T) {
	p, _ := watched(t)
	p.load(request(412304, "jordan", store.StateOnLoan, "2026-12-20"))
	p.write(412304, "jordan", "renewal", p.clock("2026-11-20", 9, 0))
	p.now = p.clock("2026-11-24", 12, 0)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		a := &Alarm{DB: p.db, Offices: []*Office{p.office}, Log: slog.New(slog.DiscardHandler)}
		wg.Go(func() { _, errs[i] = a.Tell(p.ctx, p.office, p.now) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	one, two := p.worker("one"), p.worker("two")
	wg.Go(func() { p.send(one) })
	wg.Go(func() { p.send(two) })
	wg.Wait()
	if got := len(p.smtp.Mails()); got != 1 {
		t.Errorf("the server took %d mails, want one", got)
	}
}

func TestSecondAddressHearsOnlyWhatStillWaits(t *testing.T) {
	p, a := watched(t)
	ctx := p.ctx
	var conv []int64
	for i, who := range []string{"jordan", "wei", "sam"} {
		p.load(request(int64(412304+i), who, store.StateOnLoan, "2026-12-20"))
		conv = append(conv, p.write(int64(412304+i), who, "renewal", p.clock("2026-11-23", 9+i, 0)))
	}
	staff := map[string]store.Staff{}
	for _, name := range []string{"ana", "tom"} {
		s, err := p.db.AddStaff(ctx, store.Staff{Username: name, Role: store.RoleStaff}, "")
		if err != nil {
			t.Fatal(err)
		}
		staff[name] = s
	}
	jane := store.Actor{Name: "jane"}
	p.now = p.clock("2026-11-24", 12, 0)
	if !p.tell(a, p.now) {
		t.Fatal("nothing is told")
	}
	// One is taken before the mail goes, and then it is too late for the day.
	if err := p.db.Assign(ctx, conv[0], staff["ana"].ID, 0, jane); err != nil {
		t.Fatal(err)
	}
	p.now = p.clock("2026-11-24", 17, 30)
	p.send(p.worker("one"))
	if len(p.smtp.Mails()) != 0 || len(p.outbox(store.OutboxQueued)) != 1 {
		t.Fatalf("at night the outbox is %+v", p.outbox(""))
	}
	if err := p.db.Requeue(ctx, p.outbox(store.OutboxQueued)[0].ID, "", "", 0, false); err != nil { // the night is over
		t.Fatal(err)
	}
	p.now = p.clock("2026-11-25", 9, 0)
	p.send(p.worker("one"))
	raw := string(p.smtp.Mails()[0].Raw)
	if !strings.Contains(raw, "Subject: 2 conversations wait for an answer") || strings.Contains(raw, fmt.Sprintf("/conversations/%d\r\n", conv[0])) {
		t.Errorf("the mail is\n%s", raw)
	}

	// Who has it goes away and nobody stands in: it is in nobody's hands, and was not told.
	if p.tell(a, p.clock("2026-11-25", 12, 0)) {
		t.Error("what someone has is told")
	}
	if err := p.db.AddAbsence(ctx, store.Absence{StaffID: staff["ana"].ID, CoverID: staff["tom"].ID, From: day("2026-11-25"), Until: day("2026-11-30"), EnteredBy: "ana"}); err != nil {
		t.Fatal(err)
	}
	if p.tell(a, p.clock("2026-11-25", 12, 0)) {
		t.Error("what a cover sees to is told")
	}
	if err := p.db.DisableStaff(ctx, "tom", p.now); err != nil {
		t.Fatal(err)
	}
	if !p.tell(a, p.clock("2026-11-25", 12, 0)) {
		t.Error("what nobody sees to is not told")
	}
	// All of it is answered before the mail goes.
	p.answer(conv[0], "jordan", "")
	p.now = p.clock("2026-11-25", 12, 1)
	p.send(p.worker("one"))
	var last store.OutboxRow
	for _, r := range p.outbox("") {
		if r.Kind == store.KindUnanswered {
			last = r
		}
	}
	if last.State != store.OutboxCancelled {
		t.Errorf("it is %+v", last)
	}
}
