package web

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"illmail/notices"
	"illmail/store"
)

// request adds or changes a request of Jordan Doe.
func (s *sample) request(t *testing.T, tn int64, title string, state store.State, status string) {
	t.Helper()
	row := store.ImportRow{Patron: store.Patron{Username: "jdoe3", FirstName: "Jordan", LastName: "Doe", Email: "jdoe3@example.edu"},
		Transaction: store.Transaction{TransactionNumber: tn, RequestType: "Loan", ProcessType: "Borrowing", Title: title, State: state, Status: status, StatusDate: s.day(0), CancelReason: "free online"}}
	seq := iter.Seq2[store.ImportRow, error](func(yield func(store.ImportRow, error) bool) { yield(row, nil) })
	if _, err := s.db.Import(t.Context(), s.office.ID, seq, store.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (s *sample) routed(t *testing.T) int {
	t.Helper()
	n, err := s.db.QueueActions(t.Context(), s.office.ID, s.now.Add(-time.Hour), false, store.Routes{Cancelled: "Cancelled by ILL Staff"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCancelTwoRequestsWithAlternatives(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.server.Desk.Undo = time.Hour // however slow the machine is
	s.request(t, 501001, "Whigs and Hunters", store.StateOpen, "Awaiting Request Processing")
	s.request(t, 501002, "The Poverty of Theory", store.StateOpen, "Awaiting Request Processing")
	b := s.signIn(t, "tom")
	s.signIn(t, "lin").get("/cancel?office=healey&tn=501001").status(403)
	from := s.talks["renewal"]
	b.get("/offices/healey/transactions/501001").status(200).has("/cancel?office=healey&amp;tn=501001")
	page := b.get(fmt.Sprintf("/cancel?office=healey&tn=501001&from=%d", from)).status(200).has("Whigs and Hunters", "The Poverty of Theory", "Open access")
	page.hasNot("The Making of the English Working Class") // it is on loan

	form := []string{"office", "healey", "from", fmt.Sprint(from), "last_message", page.field("last_message"), "last_reply", page.field("last_reply"), "patron_of", "501001",
		"tn", "501001", "tn", "501002", "letter", "cancel-open-access", "link_501001", "https://archive.example.org/whigs", "call_501002", "HX39.5 .T5",
		"other_edition", "the reprint of 1995", "purchase", "1", "note", "We hope that this helps."}
	shown := b.post("/cancel", append(form, "action", "show")...).status(200).has("2 of your requests are free to read online", "https://archive.example.org/whigs",
		"call number HX39.5 .T5", "the reprint of 1995", "suggest that the library buys it", "We hope that this helps.", "Cancel and send")
	_, body, _ := strings.Cut(shown.body, `rows="16" required>`)
	body, _, _ = strings.Cut(body, "</textarea>")
	send := append(form, "subject", "Free online", "body", body, "action", "send")
	b.post("/cancel", append(form, "action", "send")...).status(400).has("Read the letter first")
	b.post("/cancel", "office", "healey", "tn", "501001", "letter", "cancel-open-access", "link_501001", "javascript:alert(1)", "action", "show").status(400)
	s.outbox(t, 0)

	// Taken back, nothing is told or routed.
	b.post("/cancel", send...).status(303)
	m := s.outbox(t, 1)[0]
	if n := s.routed(t); m.To != "jdoe3@example.edu" || n != 0 {
		t.Errorf("it goes to %s, and %d are routed before it cannot be taken back", m.To, n)
	}
	b.get("/offices/healey/transactions/501002").status(200).has("Cancellation notice", "in a letter of tom")
	b.post(fmt.Sprintf("%s/undo/%d", conv(from), m.ID)).status(303)
	b.get("/offices/healey/transactions/501002").status(200).has("Nothing so far.")

	page = b.get(conv(from)).status(200)
	for i := 0; i < len(send); i += 2 {
		if send[i] == "last_reply" {
			send[i+1] = page.field("last_reply")
		}
	}
	s.server.Desk.Undo = time.Nanosecond
	b.post("/cancel", send...).status(303)
	if n := s.routed(t); n != 2 {
		t.Errorf("%d are routed, want 2", n)
	}
	b.post("/cancel", append(form, "subject", "x", "body", "y", "action", "send")...).status(409).has("answered meanwhile")
	b.post("/cancel", "office", "healey", "tn", "501001", "letter", "cancel-open-access", "subject", "x", "body", "y", "action", "send").status(409).has("a cancellation letter about request 501001 went already")

	// The ILL system follows; the planner tells nobody a second time.
	s.send(t, func(ctx context.Context, m store.OutboxMail, holder string) error {
		return s.db.FinishSent(ctx, m.ID, holder, "250 ok", false, s.now)
	})
	s.request(t, 501001, "Whigs and Hunters", store.StateCancelledStaff, "Cancelled by ILL Staff")
	s.request(t, 501002, "The Poverty of Theory", store.StateCancelledStaff, "Cancelled by ILL Staff")
	for _, days := range []int{0, 1, 3} {
		lines, err := s.server.Planner.Plan(t.Context(), s.server.Offices[0].Office, s.day(days), s.now, notices.Options{Named: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.Username == "jdoe3" && l.Kind == store.KindCancellation && l.Decision != notices.Skip {
				t.Errorf("in %d days: %+v", days, l)
			}
		}
	}
}

func TestWhatIsOrderedBecomesATask(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	form := []string{"office", "healey", "tn", "412790", "letter", "cancel-no-lender", "subject", "Sorry", "body", "We could not get Genome (TN 412790).", "action", "send"}
	b.post("/cancel", "office", "healey", "tn", "412790", "letter", "cancel-no-lender", "action", "show").status(200).has("cancel it in ILLiad and OCLC first")
	a := b.post("/cancel", form...).status(303)
	s.outbox(t, 0)
	b.get("/?tab=mine").status(200).has("cancel 412790 in ILLiad and OCLC first")
	page := b.get(a.location).status(200).has("Kept as a task", "We could not get Genome")

	// Done there, the draft is sent: it counts, and nothing is routed.
	id, _, _ := strings.Cut(strings.TrimPrefix(a.location, "/conversations/"), "?")
	b.post("/conversations/"+id+"/reply", "template", page.field("template"), "subject", "Sorry", "body", "We could not get Genome (TN 412790).", "action", "send_close").status(303)
	if m := s.outbox(t, 1)[0]; m.To != "swright@example.edu" {
		t.Errorf("it goes to %s", m.To)
	}
	b.get("/offices/healey/transactions/412790").status(200).has("Cancellation notice", "in a letter of tom")
	if n := s.routed(t); n != 0 {
		t.Errorf("%d are routed", n)
	}
	b.post("/cancel", append(form, "done", "1")...).status(409).has("went already")
	b.post("/cancel", "office", "healey", "tn", "412304", "letter", "cancel-no-lender", "action", "show").status(409).has("cannot be cancelled any more")
	b.post("/cancel", "office", "healey", "tn", "412790", "letter", "overdue", "action", "show").status(404)
}

func TestConfirmedCancellationIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.request(t, 501001, "Whigs and Hunters", store.StateOpen, "Awaiting Request Processing")
	s.request(t, 501003, "Customs", store.StateSent, "Request Sent")
	s.request(t, 50100, "Protest and Survive", store.StateOpen, "Awaiting Request Processing") // its number begins the others
	s.receive(t, []sampleMail{{name: "no-need", from: "Jordan Doe", addr: "jdoe3@example.edu", verified: true, user: "jdoe3", subject: "Please cancel", text: "I need neither any more.", kind: "patron", intent: "cancel", p: .95, tns: []int64{501001, 501003, 50100}}})
	b := s.signIn(t, "tom")
	id := s.talks["no-need"]
	s.server.Desk.Undo = time.Nanosecond
	page := b.get(conv(id)).status(200).has("501001", "501003")
	if got := page.field("template"); got != "reply-cancel-confirmed" {
		t.Fatalf("the letter is %q", got)
	}
	letter, err := s.server.Desk.Prepared(t.Context(), id, "", "Tom Weber", s.now)
	if err != nil {
		t.Fatal(err)
	}
	b.post(conv(id)+"/reply", "last_message", page.field("last_message"), "last_reply", "0", "template", letter.Template, "subject", letter.Subject,
		"body", "As you asked, we are cancelling 501001 and 501003.", "action", "send_close").status(303)
	// What the letter does not name is left alone; what nobody works on is routed; what is ordered stays on the list.
	if n := s.routed(t); n != 1 {
		t.Errorf("%d are routed, want 1", n)
	}
	b.get("/?tab=mine").status(200).has("cancel 501003 in ILLiad and OCLC").hasNot("cancel 501001")
	b.get("/offices/healey/transactions/501003").status(200).has("Cancellation notice", "in a letter of tom")
}

func TestCancelAsksForTheReason(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	b.post("/cancel", "office", "healey", "tn", "412790", "letter", "", "note", "So sorry about it.", "action", "show").
		status(422).has("Pick a reason", "So sorry about it.", `value="412790" checked`, `name="letter" required`)
}

func TestOnlyWhatIsToComeCanBeCancelled(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.request(t, 501004, "Albion", store.StateFinished, "Request Finished")
	b := s.signIn(t, "tom")
	b.get("/offices/healey/transactions/412790").status(200).has("/cancel?office=healey&amp;tn=412790")
	b.get("/offices/healey/transactions/412811").status(200).hasNot("/cancel?") // cancelled
	b.get("/offices/healey/transactions/501004").status(200).hasNot("/cancel?") // finished
}
