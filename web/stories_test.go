package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"illmail/store"
)

func conv(id int64) string { return fmt.Sprintf("/conversations/%d", id) }

func TestListShowsWhoWhatWhichAndSinceWhen(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	a := b.get("/").status(200).has("Jordan Doe", "Graduate", "Asks to renew", "The Making of the English Working Class", "412304", "1 day overdue",
		"I am still working on chapter three", "unverified", "2 possible requests", "by tomorrow", "Reach this patron another way.")
	a.hasNot("Scholarly News", "Automatic reply", "OCLC WorldShare", "Thanks so much", "<script>alert")
	// What names a date comes first, then who has waited longest.
	order := []string{"BXM Lending", "Interlibrary Services, Arizona", "Wei Zhang", "Unknown Reader", "Meera Patel", "Sam Wright", "Jordan Doe", "Kathleen O’Brien"}
	last := -1
	for _, name := range order {
		at := strings.Index(a.body, `<span class="name">`+name)
		if at < last {
			t.Errorf("%s stands too high", name)
		}
		last = at
	}
	b.get("/?tab=machine").status(200).has("OCLC WorldShare ILL").hasNot("Jordan Doe")
	b.get("/?tab=done").status(200).has("Scholarly News", "Thanks so much")
	b.get("/?intent=recall").status(200).has("Lender recalls it", "Interlibrary Services, Arizona").hasNot("Jordan Doe")
	b.get("/?kind=partner").status(200).has("BXM Lending").hasNot("Jordan Doe")
	b.get("/?tab=nonsense").status(400)
	b.get("/?after=nonsense").status(400)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	b.get("/?q=thomps").status(200).has("<mark>Thomps</mark>on", "Jordan Doe")
	b.get("/?q=412304").status(200).has("Jordan Doe", "TN 412304").hasNot("Kathleen")
	b.get("/?q=215412790").status(200).has("BXM Lending")
	b.get("/?q=mpatel").status(200).has("Meera Patel", "Thanks so much").hasNot("Jordan Doe")
	b.get("/?q=Wei+Zhang").status(200).has("Says it was returned")
	b.get("/?q=zzzz").status(200).has("Nothing was found")
	b.get("/?q=%25%26%21%3A%2A").status(200).has("Nothing was found")
	b.get("/?q=%3Cscript%3E").status(200).hasNot("<script>")
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.talks["renewal"]
	page := b.get(conv(id)).status(200).has("Could I keep the Thompson", "Quoted text", "says “keep … for another two weeks”", "TN in the subject", "97 %",
		"Customs in Common", "Move it here", "XFF", "Hello Jordan", "Best wishes,\nTom Weber")
	sent := b.post(conv(id)+"/reply", "last_message", page.field("last_message"), "last_reply", page.field("last_reply"), "template", page.field("template"),
		"subject", "Re: Overdue\r\nBcc: all@example.edu", "cc", "desk@example.edu", "body", "Dear Jordan,\r\nwe have asked the lender.\r\nTom", "action", "send_wait").status(303)
	mails, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{})
	if err != nil || len(mails) != 1 {
		t.Fatalf("%d mails, %v", len(mails), err)
	}
	m, err := s.db.OutboxMail(t.Context(), mails[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case m.Recipient != "jdoe3@example.edu", m.State != store.OutboxQueued, m.InReplyTo != "renewal@test", len(m.Cc) != 1 || m.Cc[0] != "desk@example.edu":
		t.Errorf("the reply is %+v", m)
	case strings.ContainsAny(m.Subject, "\r\n"):
		t.Errorf("the subject %q has a line break", m.Subject)
	case m.BodyText != "Dear Jordan,\nwe have asked the lender.\nTom":
		t.Errorf("the text is %q", m.BodyText)
	}
	b.get(sent.location).status(200).has("Take it back", "we have asked the lender", "Waiting for patron")
	b.get("/?tab=waiting_patron").status(200).has("Jordan Doe")

	// Ten seconds to think again.
	b.post(fmt.Sprintf("%s/undo/%d", conv(id), m.ID)).status(303)
	if m, err = s.db.OutboxMail(t.Context(), m.ID); err != nil || m.State != store.OutboxCancelled {
		t.Errorf("taken back, the reply is %s, %v", m.State, err)
	}
	b.get(conv(id)).status(200).has("we have asked the lender", "Your draft of")
	b.get("/").status(200).has("Jordan Doe")
}

func TestReplyIsRefusedWhenSomethingCame(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	tom, ana := s.signIn(t, "tom"), s.signIn(t, "ana")
	id := s.talks["pickup"]
	page := tom.get(conv(id)).status(200)
	reply := func(b *browser, text, action string) *answer {
		return b.post(conv(id)+"/reply", "last_message", page.field("last_message"), "last_reply", page.field("last_reply"), "subject", "Re: x", "body", text, "action", action)
	}
	reply(ana, "Of course, with a note.", "send_close").status(303)
	reply(tom, "No, sorry.", "send_wait").status(409).has("Ana Ruiz has answered", "No, sorry.", "Of course, with a note.")
	reply(ana, "Of course, twice.", "send_wait").status(409)
	mails, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{})
	if err != nil || len(mails) != 1 {
		t.Errorf("%d mails, %v; want one", len(mails), err)
	}

	// A colleague took it before.
	tom.post(conv(s.talks["new"])+"/assign", "to", fmt.Sprint(s.staff["tom"].ID), "was", "").status(303)
	ana.post(conv(s.talks["new"])+"/assign", "to", fmt.Sprint(s.staff["ana"].ID), "was", "").status(409).has("A colleague was quicker")
}

func TestBadRepliesAreExplained(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	path := conv(s.talks["file"]) + "/reply"
	for _, c := range []struct {
		field, value, want string
	}{
		{"body", "  ", "The reply is empty"},
		{"cc", "a@example.edu\r\nBcc: b@example.edu", "“Bcc:” in Cc is not an e-mail address"},
		{"cc", "Meera <mpatel@example.edu>", "is not an e-mail address"},
		{"to", "stranger@example.com", "takes no part"},
		{"action", "explode", "There is no action"},
		{"last_message", "x", "is no number"},
	} {
		fields := map[string]string{"subject": "Re: x", "body": "The words.", "action": "send_wait"}
		fields[c.field] = c.value
		var pairs []string
		for k, v := range fields {
			pairs = append(pairs, k, v)
		}
		b.post(path, pairs...).status(400).has(c.want)
	}
	if mails, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{}); err != nil || len(mails) != 0 {
		t.Errorf("%d mails, %v; want none", len(mails), err)
	}
}

func TestDeskWork(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.talks["private"]

	b.post(conv(id)+"/note", "body", "He called <b>twice</b>.").status(303)
	b.get(conv(id)).status(200).has("He called &lt;b&gt;twice&lt;/b&gt;.", "sender not verified")

	b.post(conv(id)+"/match", "message", fmt.Sprint(s.msgs["private"]), "tn", "412790", "action", "file").status(303)
	b.get(conv(id)).status(200).has("Not about this request", "Genome: The Autobiography of a Species in 23 Chapters")
	b.post(conv(id)+"/match", "message", fmt.Sprint(s.msgs["private"]), "tn", "999999", "action", "file").status(400).has("There is no request 999999")
	b.post(conv(id)+"/match", "message", fmt.Sprint(s.msgs["private"]), "tn", "412790", "action", "remove").status(303)
	b.get(conv(id)).status(200).has("Not filed on a request yet.", "sam.wright.1@mail.example.org is the patron's")

	// Whoever files may say whose address it is; a student's word is not enough.
	for _, who := range []string{"lin", "tom"} {
		s.signIn(t, who).post(conv(id)+"/match", "message", fmt.Sprint(s.msgs["private"]), "tn", "412790", "action", "file", "learn", "patron").status(303)
		if p, err := s.db.PatronsByAddress(t.Context(), s.office.ID, "sam.wright.1@mail.example.org"); err != nil || len(p) > 0 != (who == "tom") {
			t.Errorf("after the word of %s the address is of %+v, %v", who, p, err)
		}
	}
	b.get(conv(id)).hasNot("is the lender's")

	b.post(conv(id)+"/intent", "message", fmt.Sprint(s.msgs["private"]), "intent", "pickup").status(303)
	b.get("/?intent=pickup").status(200).has("Sam Wright")
	b.post(conv(id)+"/intent", "message", fmt.Sprint(s.msgs["private"]), "intent", "nonsense").status(400)

	until := s.day(9)
	b.post(conv(id)+"/state", "action", "snooze", "until", until.String()).status(303)
	b.get("/?tab=snoozed").status(200).has("Sam Wright", until.Time().Format("Jan 2"))
	b.post(conv(id)+"/state", "action", "snooze", "until", s.day(-1).String()).status(400)

	b.post(conv(id)+"/state", "action", "close").status(303)
	b.get("/?tab=done").status(200).has("Sam Wright")
	b.post(conv(id)+"/state", "action", "reopen").status(303)
	b.get("/").status(200).has("Genome book")

	b.get(conv(s.talks["returned"])).status(200).has("Overdue notices are held until you record what you found")
	tn, err := s.db.TransactionByNumber(t.Context(), s.office.ID, 412866)
	if err != nil {
		t.Fatal(err)
	}
	b.post(conv(s.talks["returned"])+"/claim", "transaction", fmt.Sprint(tn.ID), "outcome", "found").status(303)
	b.get("/offices/healey/transactions/412866").status(200).has("claim of return: found")
	b.get(conv(s.talks["returned"])).status(200).has("<strong>Found here</strong>, recorded by tom", "Change this").hasNot("Overdue notices are held until")
	b.post(conv(s.talks["returned"])+"/claim", "transaction", fmt.Sprint(tn.ID), "outcome", "not_found").status(303)
	b.get(conv(s.talks["returned"])).status(200).has("<strong>Not found</strong>, recorded by tom")
}

func TestBulk(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	page := b.get("/?tab=machine").status(200)
	b.post("/bulk", "row", page.field("row"), "action", "close", "back", "/?tab=machine").status(303)
	b.get("/?tab=machine").status(200).hasNot("OCLC WorldShare ILL")

	rows := rowValues(b.get("/").status(200).body)
	stale := fmt.Sprintf("%d-1-0", s.talks["file"]) // its newest message was another one
	b.post("/bulk", "row", stale, "row", rows[0], "action", "close").status(409).has("1 conversation changed while you were looking")
	b.get("/").status(200).has("File does not work")
	b.post("/bulk", "action", "close").status(400)
	b.post("/bulk", "row", "x", "action", "close").status(400)
	b.post("/bulk", "row", rows[1], "action", "assign", "to", fmt.Sprint(s.staff["tom"].ID)).status(303)
	b.get("/?tab=mine").status(200).has("Interlibrary Services, Arizona")
}

func rowValues(body string) (rows []string) {
	for _, part := range strings.Split(body, `name="row" value="`)[1:] {
		value, _, _ := strings.Cut(part, `"`)
		rows = append(rows, value)
	}
	return rows
}

func TestStudents(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	lin, tom := s.signIn(t, "lin"), s.signIn(t, "tom")
	lin.get("/").status(200).hasNot(`name="row"`)
	for _, path := range []string{"/bulk", "/notices/pause", "/notices/release", "/notices/sending", "/outbox/1/cancel", "/settings/staff", "/settings/staff/tom",
		conv(s.talks["file"]) + "/sendback", conv(s.talks["file"]) + "/claim", fmt.Sprintf("/messages/%d/retry", s.msgs["file"])} {
		lin.post(path).status(403).has("Not allowed")
	}
	lin.get(fmt.Sprintf("/messages/%d/raw", s.msgs["file"])).status(403)
	tom.post("/settings/staff", "username", "eve").status(403)
	tom.post("/notices/sending", "office", "healey").status(403)

	// What else a patron reads is not theirs to see.
	id := s.talks["renewal"]
	lin.get(conv(id)).status(200).hasNot("due " + s.day(12).Time().Format("Jan 2")).hasNot("other request")
	lin.get("/offices/healey/transactions/412304").status(200).hasNot("Customs in Common")
	tom.get("/offices/healey/transactions/412304").status(200).has("Customs in Common")

	// Their own words go to a colleague first; a letter as it is may go.
	page := lin.get(conv(id)).status(200)
	fields := []string{"last_message", page.field("last_message"), "last_reply", "0", "template", page.field("template"), "subject", page.field("subject")}
	lin.post(conv(id)+"/reply", append(fields, "body", "Keep it as long as you like!", "action", "send_wait")...).status(403).has("Ask for approval", "Keep it as long as you like!")
	lin.post(conv(id)+"/reply", append(fields, "body", "Keep it as long as you like!", "action", "approval")...).status(303)
	tom.get(conv(id)).status(200).has("asks for approval of this draft", "Keep it as long as you like!")
	tom.post(conv(id)+"/sendback", "of", fmt.Sprint(s.staff["lin"].ID), "why", "Ask the lender first.").status(303)
	lin.get(conv(id)).status(200).has("Ask the lender first.", "Your draft of")
	letter, err := s.server.Desk.Prepared(t.Context(), id, page.field("template"), "Lin Chen", s.now)
	if err != nil {
		t.Fatal(err)
	}
	lin.post(conv(id)+"/reply", append(fields, "cc", "friend@example.edu", "body", letter.Body, "action", "send_wait")...).status(403)
	lin.post(conv(id)+"/reply", append(fields, "body", letter.Body, "action", "send_wait")...).status(303)
}

func TestApprovedDraftGoes(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	lin, tom := s.signIn(t, "lin"), s.signIn(t, "tom")
	id := s.talks["new"]
	lin.post(conv(id)+"/reply", "subject", "Re: Request", "body", "We have volume 4 here.", "action", "approval").status(303)
	page := tom.get(fmt.Sprintf("%s?draft=%d", conv(id), s.staff["lin"].ID)).status(200).has("You are looking at the draft of Lin Chen")
	tom.post(conv(id)+"/reply", "last_message", page.field("last_message"), "last_reply", "0", "draft_of", page.field("draft_of"), "subject", "Re: Request",
		"body", "We have volume 4 here.", "action", "send_close").status(303)
	st, err := s.db.ReadStory(t.Context(), id)
	if err != nil || len(st.Drafts) != 0 || len(st.Mails) != 1 || st.Conversation.State != "done" {
		t.Errorf("drafts %d, mails %d, state %s, %v", len(st.Drafts), len(st.Mails), st.Conversation.State, err)
	}
}

func TestForeignHTMLIsFenced(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	id := s.msgs["html"]
	a := b.get(fmt.Sprintf("/messages/%d/html", id)).status(200).has("<b>Distinction</b>").hasNot("<script", "onclick", "track.example.com")
	csp := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"sandbox", "default-src 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy of the frame lacks %q: %s", want, csp)
		}
	}
	if strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("the frame may too much: %s", csp)
	}
	a = b.get(fmt.Sprintf("/messages/%d/parts/2", id)).status(200).has("alert(2)")
	if d := a.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename=") || !strings.Contains(d, "page.html") {
		t.Errorf("the attachment is answered as %q", d)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Errorf("the attachment is a %q", ct)
	}
	b.get(fmt.Sprintf("/messages/%d/parts/9.9", id)).status(404)
	b.get(fmt.Sprintf("/messages/%d/raw", id)).status(200).has("Content-Type: multipart/mixed")
	b.get("/messages/999999/html").status(404)
}

func TestNoticesAreReleasedAndHeld(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	s.plan(t)
	page := b.get("/notices").status(200).has("Waiting for approval", "Ways of Seeing", "a conversation with the patron is open (renewal)")
	waiting, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{State: store.OutboxHeld})
	if err != nil || len(waiting) == 0 {
		t.Fatalf("%d waiting, %v", len(waiting), err)
	}
	_ = page
	form := []string{"office", "healey"}
	for _, m := range waiting[1:] {
		form = append(form, "mail", fmt.Sprint(m.ID))
	}
	b.post("/notices/release", form...).status(303)
	b.post("/notices/release", form...).status(409)
	b.post("/notices/release", "office", "healey").status(400)
	b.post(fmt.Sprintf("/outbox/%d/cancel", waiting[0].ID)).status(303)
	b.post(fmt.Sprintf("/outbox/%d/cancel", waiting[0].ID)).status(409)
	b.get("/notices").status(200).hasNot("Waiting for approval")

	b.post("/notices/pause", "office", "healey", "action", "pause").status(303)
	b.get("/notices").status(200).has("Notices are paused")
	b.post("/notices/pause", "office", "healey", "action", "resume").status(303)
	b.get("/notices").status(200).hasNot("Notices are paused")
	b.get("/notices?on=" + s.day(1).String()).status(200)
	b.get("/notices?on=yesterday").status(400)
	b.get("/notices?on=" + s.day(-1).String()).status(400)
	b.get("/notices?office=nowhere").status(400)
}

func TestUncertainMailsAreSettledByStaff(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	s.plan(t)
	held, err := s.db.ListOutbox(t.Context(), store.OutboxFilter{State: store.OutboxHeld})
	if err != nil || len(held) < 3 {
		t.Fatalf("%d held, %v", len(held), err)
	}
	var ids []int64
	for _, m := range held {
		ids = append(ids, m.ID)
	}
	if _, err := s.db.ReleaseMails(t.Context(), s.office.ID, ids, "tom"); err != nil {
		t.Fatal(err)
	}
	s.send(t, func(ctx context.Context, m store.OutboxMail, holder string) error {
		return s.db.FinishUncertain(ctx, m.ID, holder, "the connection died after the final dot")
	})
	b.get("/outbox?state=uncertain").status(200).has("It was sent", "Send again", "Do not send")
	b.get("/").status(200).has(`title="Uncertain: please check">` + fmt.Sprint(len(ids)))
	b.post(fmt.Sprintf("/outbox/%d/confirm", ids[0])).status(303)
	b.post(fmt.Sprintf("/outbox/%d/again", ids[1])).status(303)
	b.post(fmt.Sprintf("/outbox/%d/cancel", ids[2])).status(303)
	for i, want := range []store.OutboxState{store.OutboxSent, store.OutboxQueued, store.OutboxCancelled} {
		if m, err := s.db.OutboxMail(t.Context(), ids[i]); err != nil || m.State != want {
			t.Errorf("mail %d is %s, want %s; %v", ids[i], m.State, want, err)
		}
	}
	b.post(fmt.Sprintf("/outbox/%d/again", ids[0])).status(409).has("moved on")
	b.get(fmt.Sprintf("/outbox/%d", ids[0])).status(200).has("confirmed by tom", "Message-ID")
	html := b.get(fmt.Sprintf("/outbox/%d/html", ids[0])).status(200)
	if csp := html.header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") {
		t.Errorf("the frame's policy is %q", csp)
	}

	// The proof of notice names address, Message-ID and what became of it.
	told, err := s.db.ReadMail(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	b.get(fmt.Sprintf("/offices/healey/transactions/%d", told.Numbers[0])).status(200).has(told.Recipient, told.MessageID, "Sent", "Proof of notice by Healey Library", "requests as of ")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	ana, tom := s.signIn(t, "ana"), s.signIn(t, "tom")
	if err := s.db.SetHealth(t.Context(), s.office.ID, "imap:INBOX", false, "The server refuses the log-in; check the password."); err != nil {
		t.Fatal(err)
	}
	tom.get("/settings").status(200).has("Incoming mail (INBOX)", "needs attention", "check the password").hasNot("Staff accounts", "once staff release them")
	ana.get("/settings").status(200).has("Staff accounts", "How they go", "once staff release them")
	ana.post("/settings/staff", "username", "eve", "full_name", "Eve Moss", "role", "staff", "password", "long enough").status(303)
	ana.post("/settings/staff", "username", "eve", "role", "staff", "password", "long enough").status(409)
	ana.post("/settings/staff", "username", "e v", "role", "staff", "password", "long enough").status(400)
	ana.post("/settings/staff", "username", "max", "role", "king", "password", "long enough").status(400)
	ana.post("/settings/staff", "username", "max", "role", "staff", "password", "short").status(400)
	ana.post("/settings/staff/ana", "action", "disable").status(400)
	ana.post("/settings/staff/tom", "action", "role", "role", "student").status(303)
	tom.get("/").status(303) // a change of role ends the sessions
	ana.post("/settings/staff/tom", "action", "disable").status(303)
	tom.post("/login", "username", "tom", "password", samplePassword).status(401)
	ana.post("/settings/staff/tom", "action", "enable").status(303)
	tom.post("/login", "username", "tom", "password", samplePassword).status(303)
	tom.post("/settings/password", "old", "wrong", "new", "another one").status(400)
	tom.post("/settings/password", "old", samplePassword, "new", "another one").status(303)
	tom.get("/").status(303)
	tom.post("/login", "username", "tom", "password", "another one").status(303)
}

func TestEveryPageOpens(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.plan(t)
	for _, who := range []string{"lin", "tom", "ana"} {
		b := s.signIn(t, who)
		for _, id := range s.talks {
			b.get(conv(id)).status(200)
		}
		for _, tab := range tabs(store.TabCounts{}) {
			b.get("/?tab=" + tab.Name).status(200)
		}
		for _, path := range []string{"/outbox?state=sent", "/outbox?state=failed", "/stats", "/stats?from=2026-01-01&to=2026-12-31", "/notices", "/settings", "/templates"} {
			b.get(path).status(200)
		}
	}
	s.signIn(t, "").get("/healthz").status(200).has(`"database"`)

	// What will not work for long stands above the list, before it happens.
	const dying = "The sign-in of the mailbox still works, but runs out on Thursday"
	if err := s.db.SetHealth(t.Context(), s.office.ID, "sign-in", false, dying); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/settings"} {
		s.signIn(t, "tom").get(path).status(200).has(dying)
	}
	const row = "line 7: jdoe3@example.edu is twice in it"
	if err := s.db.SetHealth(t.Context(), s.office.ID, "source", false, row); err != nil {
		t.Fatal(err)
	}
	s.signIn(t, "tom").get("/settings").status(200).has("jdoe3@example.edu is twice")
	s.signIn(t, "").get("/healthz").status(200).has(dying).has(`"source"`).hasNot("jdoe3")
}

func TestEventsTellOfChanges(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); s.server.Run(ctx) }()
	told := make(chan string, 1)
	go func() { told <- b.stream(ctx, "/events", "event: change") }()
	// Until the stream is open a change may be missed: so change until told.
	for {
		if err := s.db.AddNote(ctx, s.talks["file"], "look", store.Actor{Name: "tom"}); err != nil {
			t.Fatal(err)
		}
		select {
		case problem := <-told:
			if problem != "" {
				t.Error(problem)
			}
			cancel()
			<-done
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestRecallShowsTheClaim: before a recall is released one sees that its item
// is said to be back, until somebody has looked.
func TestRecallShowsTheClaim(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	b := s.signIn(t, "tom")
	s.plan(t)
	const claim = `The patron says that <span class="num">412866</span> was returned`
	b.get("/notices").status(200).has("Waiting for approval", claim, conv(s.talks["returned"]))
	tn, err := s.db.TransactionByNumber(t.Context(), s.office.ID, 412866)
	if err != nil {
		t.Fatal(err)
	}
	b.post(conv(s.talks["returned"])+"/claim", "transaction", fmt.Sprint(tn.ID), "outcome", "not_found").status(303)
	b.get("/notices").status(200).has("Waiting for approval").hasNot(claim)
}
