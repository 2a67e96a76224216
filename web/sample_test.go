package web

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"illmail/notices"
	"illmail/store"
	"illmail/store/storetest"
	"illmail/templates"
	"illmail/triage"
)

// sample is an office with requests, mail and staff, and its pages.
type sample struct {
	db     *store.DB
	office store.Office
	now    time.Time
	server *Server
	site   *httptest.Server
	talks  map[string]int64 // conversations by the name of their message
	msgs   map[string]int64 // messages by name
	staff  map[string]store.Staff

	version string // page of a version of a letter, see furnish
}

const samplePassword = "correct horse"

type sampleMail struct {
	name, from, addr, subject, text, quoted string
	kind, intent                            string
	p                                       float64
	reasons                                 []string
	user                                    string
	tns, offers                             []int64
	verified                                bool
	ago                                     time.Duration
	answerBy                                int // days from today
	note                                    string
	raw                                     string // in place of the plain one
	attachments                             []store.AttachmentView
	done                                    bool // does not need staff
	refs                                    []string
	update                                  *store.FilingUpdate
	printOnly                               bool
}

// newSample makes an office whose clock stands at a Wednesday, 10:20 in New York.
func newSample(t testing.TB) *sample {
	t.Helper()
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	s := &sample{db: storetest.New(t), now: time.Now().In(loc), talks: map[string]int64{}, msgs: map[string]int64{}, staff: map[string]store.Staff{}}
	ctx := t.Context()
	if s.office, err = s.db.EnsureOffice(ctx, store.Office{Code: "healey", Name: "Healey Library Interlibrary Loan", Address: "ill@healey.example.edu"}); err != nil {
		t.Fatal(err)
	}
	for _, st := range []store.Staff{
		{Username: "ana", FullName: "Ana Ruiz", Role: store.RoleAdmin, Email: "ana@example.edu"},
		{Username: "tom", FullName: "Tom Weber", Role: store.RoleStaff, Email: "tom@example.edu"},
		{Username: "lin", FullName: "Lin Chen", Role: store.RoleStudent, Email: "lin@example.edu"},
	} {
		got, err := s.db.AddStaff(ctx, st, samplePassword)
		if err != nil {
			t.Fatal(err)
		}
		s.staff[st.Username] = got
	}
	s.importRequests(t)
	s.receive(t, sampleMails())
	rules := notices.DefaultRules(loc)
	rules.Mode = notices.ModeApprove
	letter := templates.Office{Name: s.office.Name, Address: s.office.Address, Phone: "617 555 0142", Hours: "Monday to Friday, 9 am to 5 pm",
		URL: "https://ill.example.edu", ReturnTo: "the service desk on the first floor"}
	letters, err := notices.ReadLetters(ctx, s.db, s.office.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.server, err = New(Config{DB: s.db, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
		Desk:    &triage.Desk{DB: s.db, Offices: []triage.Office{{Office: s.office, Domains: []string{"example.edu"}, Location: loc, Letter: letter}}},
		Planner: &notices.Planner{DB: s.db},
		Offices: []Office{{Office: &notices.Office{ID: s.office.ID, Code: s.office.Code, Name: s.office.Name, Address: s.office.Address, Letter: letter, Rules: &rules, Templates: letters.Set}, Letters: letters,
			RequestURL: "https://illiad.example.edu/request/{tn}"}},
		Settings: []SettingsGroup{{Title: "Notices", Rows: []Setting{{"How they go", "once staff release them"}}}}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s.site = httptest.NewServer(s.server)
	t.Cleanup(s.site.Close)
	return s
}

func (s *sample) day(n int) store.Date { return store.DateOf(s.now, s.now.Location()).AddDays(n) }

func (s *sample) importRequests(t testing.TB) {
	t.Helper()
	people := []store.Patron{
		{Username: "jdoe3", FirstName: "Jordan", LastName: "Doe", Email: "jdoe3@example.edu", PatronStatus: "Graduate", Department: "History", AccountEnds: s.day(6)},
		{Username: "mpatel", FirstName: "Meera", LastName: "Patel", Email: "mpatel@example.edu", PatronStatus: "Faculty", Department: "Sociology"},
		{Username: "swright", FirstName: "Sam", LastName: "Wright", Email: "swright@example.edu", PatronStatus: "Undergraduate", Department: "Biology"},
		{Username: "kobrien", FirstName: "Kathleen", LastName: "O’Brien", Email: "kobrien@example.edu", PatronStatus: "Staff", Department: "Art"},
		{Username: "wzhang", FirstName: "Wei", LastName: "Zhang", Email: "wzhang@example.edu", PatronStatus: "Graduate", Department: "Physics"},
	}
	type request struct {
		tn                    int64
		who                   int
		title, author, lender string
		article               string
		state                 store.State
		status                string
		due                   int // days from today; 0 = none
		moved                 int // days ago
		reason                string
	}
	var rows []store.ImportRow
	for i, r := range []request{
		{412304, 0, "The Making of the English Working Class", "E. P. Thompson", "XFF", "", store.StateOnLoan, "Checked Out to Customer", -1, 30, ""},
		{412522, 0, "Customs in Common", "E. P. Thompson", "BXM", "", store.StateOnLoan, "Checked Out to Customer", 12, 20, ""},
		{412655, 1, "Distinction: A Social Critique of the Judgement of Taste", "Pierre Bourdieu", "HLS", "", store.StateOnLoan, "Checked Out to Customer", 5, 16, ""},
		{412701, 1, "American Journal of Sociology", "", "", "The Strength of Weak Ties", store.StateDelivered, "Delivered to Web", 0, 2, ""},
		{412733, 2, "The Eighth Day of Creation", "Horace Freeland Judson", "MUQ", "", store.StateOnLoan, "Checked Out to Customer", -8, 40, ""},
		{412790, 2, "Genome: The Autobiography of a Species in 23 Chapters", "Matt Ridley", "", "", store.StateSent, "Request Sent", 0, 12, ""},
		{412811, 3, "Ways of Seeing", "John Berger", "", "", store.StateCancelledStaff, "Cancelled by ILL Staff", 0, 1, "No lender could be found"},
		{412840, 3, "On Photography", "Susan Sontag", "NYP", "", store.StateOnShelf, "Customer Notified via E-Mail", 0, 3, ""},
		{412866, 4, "Gravitation", "Charles Misner; Kip Thorne; John Wheeler", "AZU", "", store.StateOnLoan, "Checked Out to Customer", -15, 50, ""},
	} {
		tr := store.Transaction{TransactionNumber: r.tn, RequestType: "Loan", ProcessType: "Borrowing", Status: r.status, State: r.state, Title: r.title,
			Author: r.author, ArticleTitle: r.article, LendingLibrary: r.lender, ILLNumber: fmt.Sprint(215000000 + r.tn), CreationDate: s.day(-60),
			StatusDate: s.day(-r.moved), RenewalsAllowed: r.tn%2 == 0, PickupLocation: "Healey Library", CancelReason: r.reason}
		if r.due != 0 {
			tr.DueDate = s.day(r.due)
		}
		if r.article != "" {
			tr.RequestType = "Article"
		}
		rows = append(rows, store.ImportRow{Line: i + 2, Patron: people[r.who], Transaction: tr})
	}
	seq := iter.Seq2[store.ImportRow, error](func(yield func(store.ImportRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	})
	if _, err := s.db.Import(t.Context(), s.office.ID, seq, store.ImportOptions{Bad: func(line int, why string) { t.Errorf("line %d: %s", line, why) }}); err != nil {
		t.Fatal(err)
	}
}

func sampleMails() []sampleMail {
	notice := "\n\nOn Mon, Healey Library wrote:\n> Dear Jordan Doe,\n> The Making of the English Working Class (TN 412304) was due yesterday."
	return []sampleMail{
		{name: "renewal", from: "Jordan Doe", addr: "jdoe3@example.edu", subject: "Re: Overdue: The Making of the English Working Class", quoted: notice, verified: true,
			text: "Hello,\n\nI am still working on chapter three. Could I keep the Thompson for another two weeks?\n\nThanks,\nJordan", kind: "patron", intent: "renewal", p: .94,
			reasons: []string{"says “keep … for another two weeks”", "answers overdue notice 1"}, user: "jdoe3", tns: []int64{412304}, offers: []int64{412522}, ago: 5 * time.Hour},
		{name: "returned", from: "Wei Zhang", addr: "wzhang@example.edu", subject: "Gravitation", verified: true, text: "I returned this book last Thursday at the front desk, why do I still get reminders?",
			kind: "patron", intent: "returned_claim", p: .91, reasons: []string{"says “I returned this book”"}, user: "wzhang", tns: []int64{412866}, ago: 50 * time.Hour},
		{name: "file", from: "Meera Patel", addr: "mpatel@example.edu", subject: "PDF missing pages", verified: true, text: "Pages 1364 to 1370 are missing in the scan of Granovetter’s article. Could you ask for them?",
			kind: "patron", intent: "file_problem", p: .97, user: "mpatel", tns: []int64{412701}, ago: 26 * time.Hour,
			attachments: []store.AttachmentView{{Name: "scan.pdf", ContentType: "application/pdf", Size: 482311, Path: "2"}}},
		{name: "private", from: "Sam W.", addr: "sam.wright.1@mail.example.org", subject: "my book", text: "hi, where is my Genome book? it has been ages", kind: "patron", intent: "status", p: .82,
			user: "swright", offers: []int64{412790, 412733}, ago: 3 * time.Hour},
		{name: "recall", from: "Interlibrary Services, Arizona", addr: "ill@library.example.net", subject: "RECALL: Gravitation, ILL 215412866", text: "One of our faculty needs this volume. Please return it by the end of next week.",
			kind: "partner", intent: "recall", p: .96, tns: []int64{412866}, ago: 90 * time.Minute, answerBy: 2},
		{name: "conditional", from: "BXM Lending", addr: "lending@bxm.example.com", subject: "Conditional 215412790", text: "We can supply Genome for a fee of $25, library use only. Please answer within three days.",
			kind: "partner", intent: "lender_conditional", p: .93, tns: []int64{412790}, ago: 20 * time.Hour, answerBy: 1},
		{name: "pickup", from: "Kathleen O’Brien", addr: "kobrien@example.edu", subject: "Picking up Sontag", verified: true, text: "Can my assistant collect On Photography for me tomorrow?", kind: "patron", intent: "pickup", p: .9,
			user: "kobrien", tns: []int64{412840}, ago: 40 * time.Minute},
		{name: "html", from: "Meera Patel", addr: "mpatel@example.edu", subject: "Distinction", verified: true, text: "I no longer need Distinction & would like to return it. How?", kind: "patron", intent: "return_how", p: .7,
			user: "mpatel", tns: []int64{412655}, ago: 15 * time.Minute,
			raw: "From: Meera Patel <mpatel@example.edu>\r\nTo: ill@healey.example.edu\r\nSubject: Distinction\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
				"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=\"steal()\">I no longer need <b>Distinction</b></p><script>alert(1)</script><img src=\"https://track.example.com/p.gif\">\r\n" +
				"--b\r\nContent-Type: text/html; name=\"page.html\"\r\nContent-Disposition: attachment; filename=\"page.html\"\r\n\r\n<script>alert(2)</script>\r\n--b--\r\n",
			attachments: []store.AttachmentView{{Name: "page.html", ContentType: "text/html", Size: 26, Path: "2"}}},
		{name: "new", from: "Unknown Reader", addr: "reader@nowhere.example", subject: "Request", text: "Do you have the diaries of Samuel Pepys, volume 4?", kind: "patron", intent: "new_request", p: .66, ago: 30 * time.Hour},
		{name: "bounce", from: "Mail Delivery System", addr: "mailer-daemon@example.edu", subject: "Undelivered Mail Returned to Sender", text: "<swright@example.edu>: user unknown", kind: "bounce", user: "swright",
			tns: []int64{412733}, ago: 7 * time.Hour, note: "Reach this patron another way."},
		{name: "system", from: "OCLC WorldShare ILL", addr: "noreply@oclc.example", subject: "Request 215412790: Unfilled", text: "Your request was unfilled by MUQ.", kind: "system", intent: "system_update", p: .99,
			tns: []int64{412790}, ago: 2 * time.Hour},
		{name: "away", from: "Jordan Doe", addr: "jdoe3@example.edu", subject: "Automatic reply: Overdue", verified: true, text: "I am away until Monday.", kind: "auto_reply", user: "jdoe3", ago: 28 * time.Hour, done: true},
		{name: "bulk", from: "Scholarly News", addr: "news@lists.example.com", subject: "This week in publishing", text: "Ten new journals you will love.", kind: "bulk", ago: 9 * time.Hour, done: true},
		{name: "thanks", from: "Meera Patel", addr: "mpatel@example.edu", subject: "Thanks!", verified: true, text: "Thanks so much, the article arrived.", kind: "patron", intent: "thanks", p: .98, user: "mpatel", ago: 4 * 24 * time.Hour, done: true},
	}
}

// receive takes messages in as the two commits do.
func (s *sample) receive(t testing.TB, mails []sampleMail) {
	t.Helper()
	ctx := t.Context()
	folder, err := s.db.EnsureFolder(ctx, s.office.ID, "INBOX", "inbox")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(mails, func(a, b sampleMail) int { return int(b.ago - a.ago) })
	for _, m := range mails {
		raw := m.raw
		if raw == "" {
			raw = fmt.Sprintf("From: %s <%s>\r\nTo: ill@healey.example.edu\r\nSubject: %s\r\nMessage-ID: <%s@test>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s%s\r\n", m.from, m.addr, m.subject, m.name, m.text, m.quoted)
		}
		in := store.Incoming{UIDValidity: 7, UID: uint32(len(s.msgs) + 1), InternalDate: s.now.Add(-m.ago), Size: int64(len(raw)), Body: strings.NewReader(raw)}
		if _, err := s.db.Receive(ctx, folder, []store.Incoming{in}); err != nil {
			t.Fatal(err)
		}
		stored, err := s.db.ClaimUnfiled(ctx, s.office.ID, time.Hour, 10)
		if err != nil || len(stored) != 1 {
			t.Fatalf("claiming %s: %d, %v", m.name, len(stored), err)
		}
		f := store.Filing{ID: stored[0].ID, MessageID: m.name + "@test", SentAt: s.now.Add(-m.ago), FromName: m.from, FromAddr: m.addr,
			To: []string{s.office.Address}, Subject: m.subject, BodyText: m.text + m.quoted, NewText: m.text, Kind: m.kind, NeedsStaff: !m.done, SenderVerified: m.verified,
			Username: m.user, Note: m.note, Refs: m.refs, Update: m.update, PrintOnly: m.printOnly, Attachments: m.attachments, Reasons: []string{"written by a person"}}
		if m.intent != "" {
			f.Intents = []store.IntentView{{Intent: m.intent, P: m.p, Reasons: m.reasons}}
		}
		for _, tn := range m.tns {
			f.Matches = append(f.Matches, store.FilingMatch{TransactionNumber: tn, Score: .97, Decided: true, Evidence: []string{"TN in the subject", "sender is the patron"}})
		}
		for i, tn := range m.offers {
			f.Matches = append(f.Matches, store.FilingMatch{TransactionNumber: tn, Score: .5 - .1*float64(i), Evidence: []string{"the title’s words"}})
		}
		if m.answerBy != 0 {
			f.AnswerBy = s.day(m.answerBy)
		}
		filed, err := s.db.FileMessages(ctx, s.office.ID, []string{s.office.Address}, []store.Filing{f})
		if err != nil || filed[0].Err != nil {
			t.Fatalf("filing %s: %v, %v", m.name, err, filed)
		}
		s.msgs[m.name], s.talks[m.name] = stored[0].ID, filed[0].ConversationID
	}
}

// plan makes the notices of today, which wait for approval.
func (s *sample) plan(t testing.TB) notices.Result {
	t.Helper()
	o := s.server.Offices[0].Office
	r, err := s.server.Planner.Run(t.Context(), o, store.DateOf(s.now, s.now.Location()), s.now, notices.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// send moves a queued mail on as the dispatcher does.
func (s *sample) send(t testing.TB, finish func(ctx context.Context, m store.OutboxMail, holder string) error) {
	t.Helper()
	if ok, err := s.db.AcquireLease(t.Context(), s.office.ID, store.SendingLease, "test", time.Hour); err != nil || !ok {
		t.Fatalf("taking the sending lease: %v, %v", ok, err)
	}
	mails, err := s.db.ClaimMails(t.Context(), s.office.ID, "test", 100, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		if err := s.db.BeginSending(t.Context(), m.ID, "test"); err != nil {
			t.Fatal(err)
		}
		if err := finish(t.Context(), m, "test"); err != nil {
			t.Fatal(err)
		}
	}
}

// signIn returns a browser in which that person is signed in.
func (s *sample) signIn(t testing.TB, username string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, site: s.site.URL, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if username != "" {
		b.post("/login", "username", username, "password", samplePassword).status(303)
	}
	return b
}
