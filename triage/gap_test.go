package triage_test

import (
	"strings"
	"testing"
	"time"

	"illmail/store"
	"illmail/templates"
	"illmail/triage"
)

// TestPreparedPromisesNothingUntrue: a letter that goes with one key says
// nothing that was not done, and asks nothing that the mail says.
func TestPreparedPromisesNothingUntrue(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX",
		mail("renew@x", jane, "Renewal", "Can I please renew TN 412304 for two more weeks?"),
		mail("cancel@x", jane, "Cancel", "Please cancel my request TN 412522, I no longer need it."),
		mail("back@x", "asmith@example.edu", "Returned", "I returned TN 412777 last Thursday at the front desk."),
		mail("unknown@x", jane, "Status", "Where is my request TN 498765? It has been two weeks."))
	b.take()
	for id, c := range map[string]struct{ has, hasNot string }{
		"renew@x":   {"We will ask the lending library", "in time"},
		"cancel@x":  {"we are cancelling this", "have cancelled"},
		"back@x":    {"If you know the day or the place and have not told us yet", "Gothic"},
		"unknown@x": {triage.Gap, "please send it"},
	} {
		p := b.prepared(b.line(id), "")
		if body := strings.Join(strings.Fields(p.Body), " "); !strings.Contains(body, c.has) || strings.Contains(body, c.hasNot) {
			t.Errorf("%s: %s\n%s", id, p.Template, p.Body)
		}
	}
	// Where the lender was asked already, the letter says so.
	tx, err := b.db.TransactionByNumber(t.Context(), b.office.ID, 412304)
	if err != nil {
		t.Fatal(err)
	}
	l := b.line("renew@x")
	if _, err := b.db.RecordRequestAction(t.Context(), store.RequestAction{TransactionID: tx.ID, ConversationID: l.ID, Action: store.ActionRenewal}, b.anna); err != nil {
		t.Fatal(err)
	}
	if p := b.prepared(l, ""); !strings.Contains(p.Body, "We have asked the lending library") {
		t.Errorf("asked already: %s", p.Body)
	}
}

func TestGapIsFilledBeforeItGoes(t *testing.T) {
	b := newBench(t)
	b.deliver("INBOX",
		mail("a@x", jane, "A question", "How many books may a graduate student borrow through interlibrary loan at once? What is your policy?"),
		mail("one@x", "asmith@example.edu", "Renewal", "Can I please renew TN 412777 for two more weeks?"),
		mail("two@x", "asmith@example.edu", "Re: Renewal", "And please cancel my request TN 412777 if you cannot, I no longer need it.", "In-Reply-To: <one@x>"))
	b.take()
	l := b.line("a@x")
	p := b.prepared(l, "reply-policy")
	if !strings.Contains(p.Body, triage.Gap) || len(p.Notes) == 0 {
		t.Fatalf("the letter has no gap: %+v", p)
	}
	in := triage.ReplyInput{ConversationID: l.ID, StaffID: b.anna.StaffID, Staff: b.anna.Name, Body: p.Body, Template: p.Template, Then: store.ItemDone,
		LastSeenMessageID: p.LastSeenMessageID}
	if _, err := b.desk.Reply(t.Context(), in, time.Now()); err == nil {
		t.Error("a letter with a gap was queued")
	}
	in.Body = strings.Replace(p.Body, triage.Gap, "As many as you like.", 1)
	if _, err := b.desk.Reply(t.Context(), in, time.Now()); err != nil {
		t.Error(err)
	}
	if p := b.prepared(b.line("two@x"), ""); !strings.Contains(p.Body, triage.Gap) || !strings.Contains(strings.Join(p.Notes, " "), "more than one thing") {
		t.Errorf("two wishes: %+v", p)
	}
}

// The patron's language is used once it is approved; until then staff are told.
func TestPreparedSaysWhichLanguageItLacks(t *testing.T) {
	b := newBench(t)
	patrons := store.ImportRow{Line: 1, Patron: store.Patron{Username: "jdoe3", FirstName: "Jane", LastName: "Doe", Email: jane, Language: "es-MX"},
		Transaction: store.Transaction{TransactionNumber: 412304, RequestType: "Loan", ProcessType: "Borrowing", Status: "Checked Out to Customer",
			State: store.StateOnLoan, Title: "The Ecology of Tidal Marshes", DueDate: store.NewDate(2026, 11, 20), RenewalsAllowed: true}}
	if _, err := b.db.Import(t.Context(), b.office.ID, func(yield func(store.ImportRow, error) bool) { yield(patrons, nil) }, store.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	b.deliver("INBOX", mail("a@x", jane, "Renewal", "Can I please renew TN 412304 for two more weeks?"))
	b.take()
	p := b.prepared(b.line("a@x"), "")
	if p.Language != "en" || !strings.Contains(strings.Join(p.Notes, " "), "No approved Spanish version") || strings.Contains(p.Body, triage.Gap) {
		t.Errorf("%+v", p)
	}
	// Once someone of the office has approved the language, the reply is in it.
	set := templates.Default().Enable("es")
	b.desk.Offices[0].Templates = func() *templates.Set { return set }
	p = b.prepared(b.line("a@x"), "")
	if p.Language != "es" || !strings.Contains(p.Body, "Le preguntaremos a la biblioteca que lo prestó") || strings.Contains(strings.Join(p.Notes, " "), "Spanish") {
		t.Errorf("with Spanish approved: %+v", p)
	}
}
