package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"illmail/mailbox"
)

// chaosFigures is what came of a run.
type chaosFigures struct {
	name string
	rows [][2]string
	bad  []string
}

func (f *chaosFigures) say(what string, value any) {
	f.rows = append(f.rows, [2]string{what, fmt.Sprint(value)})
}

// must notes a broken promise where ok is false.
func (f *chaosFigures) must(ok bool, format string, args ...any) {
	if !ok {
		f.bad = append(f.bad, fmt.Sprintf(format, args...))
	}
}

func (f *chaosFigures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", f.name)
	for _, r := range f.rows {
		fmt.Fprintf(&b, "  %-58s %s\n", r[0], r[1])
	}
	for _, s := range f.bad {
		fmt.Fprintf(&b, "  BROKEN: %s\n", s)
	}
	return b.String()
}

// checkIntake holds what came in against what was delivered.
func (f *chaosFigures) checkIntake(w *chaosWorld, in *chaosIntake) {
	mails, copies := in.delivered()
	type stored struct {
		Token        string
		State        string
		Conversation int64
	}
	rows := rowsOf(w, rowToStruct[stored], `
		SELECT coalesce(substring(subject FROM 'm\d{6}$'), subject) AS token, state, coalesce(conversation_id, 0) AS conversation
		FROM message WHERE direction = 'in'`)
	thread := map[string]int{}
	for _, m := range mails {
		thread[m.token] = m.thread
	}
	n := map[string]int{}
	ofThread, ofConversation := map[int]map[int64]bool{}, map[int64]map[int]bool{}
	aside := 0
	for _, r := range rows {
		n[r.Token]++
		if r.State != "filed" {
			aside++
		}
		t, known := thread[r.Token]
		f.must(known, "a message %q is stored that nobody sent", r.Token)
		put(ofThread, t, r.Conversation)
		put(ofConversation, r.Conversation, t)
	}
	lost, doubled := 0, 0
	for _, m := range mails {
		switch {
		case n[m.token] == 0:
			lost++
		case n[m.token] > 1:
			doubled++
		}
	}
	split, mixed := 0, 0
	for _, c := range ofThread {
		split += len(c) - 1
	}
	for _, t := range ofConversation {
		mixed += len(t) - 1
	}
	locations := w.count(`SELECT count(*) FROM location l JOIN folder f ON f.id = l.folder_id WHERE f.role <> 'sent' AND l.outcome = 'stored'`)
	f.say("messages delivered (copies in folders)", fmt.Sprintf("%d (%d)", len(mails), copies))
	f.say("messages stored (locations)", fmt.Sprintf("%d (%d)", len(rows), locations))
	f.say("messages lost, stored twice, not filed", fmt.Sprintf("%d, %d, %d", lost, doubled, aside))
	f.say("threads, conversations", fmt.Sprintf("%d, %d", len(ofThread), len(ofConversation)))
	f.say("conversations doubled, mixed up", fmt.Sprintf("%d, %d", split, mixed))
	f.must(lost == 0 && doubled == 0 && len(rows) == len(mails), "messages stored is not messages delivered")
	f.must(locations == copies, "%d locations of %d copies", locations, copies)
	f.must(aside == 0, "%d messages were not filed, though nothing is wrong with them", aside)
	f.must(split == 0 && mixed == 0, "conversations are doubled or mixed up")
	out, err := w.p.try("", "ledger", "--config", w.p.config)
	f.must(err == nil, "the ledger does not balance: %v", err)
	f.say("ledger", map[bool]string{true: "balances", false: out}[err == nil])
}

func put[A, B comparable](m map[A]map[B]bool, a A, b B) {
	if m[a] == nil {
		m[a] = map[B]bool{}
	}
	m[a][b] = true
}

var overdueRE = regexp.MustCompile(`\bTitle (5\d{5})\b`)
var conversationRE = regexp.MustCompile(`\(conversation (\d+)\)`)

// told counts by its request or conversation how often each was told of.
func told(letters []*mailbox.Message) (items map[int]int, replies map[int64]int) {
	items, replies = map[int]int{}, map[int64]int{}
	for _, m := range letters {
		if c := conversationRE.FindStringSubmatch(m.Text); c != nil {
			id, _ := strconv.ParseInt(c[1], 10, 64)
			replies[id]++
			continue
		}
		inThis := map[string]bool{}
		for _, tn := range overdueRE.FindAllStringSubmatch(m.Text, -1) {
			inThis[tn[1]] = true
		}
		for tn := range inThis {
			n, _ := strconv.Atoi(tn)
			items[n]++
		}
	}
	return items, replies
}

// checkSending holds what the servers took and Sent holds against the outbox.
func (f *chaosFigures) checkSending(w *chaosWorld, late int, staff *chaosStaff) {
	type mail struct {
		ID        int64
		Kind      string
		State     string
		MessageID string
		Reply     int64
	}
	rows := rowsOf(w, rowToStruct[mail], `SELECT id, kind, state, message_id, coalesce(conversation_id, 0) AS reply FROM outbox ORDER BY id`)
	letters := w.smtp.letters()
	accepted := map[string]int{}
	for _, m := range letters {
		accepted[m.MessageID]++
	}
	sentCopies := map[string]int{}
	inSent, err := w.dovecot.Messages("Sent")
	f.must(err == nil, "reading Sent: %v", err)
	for _, s := range inSent {
		sentCopies[mailbox.Parse(s.Raw).MessageID]++
	}

	states, kinds := map[string]int{}, map[string]int{}
	uncertainTaken, wrong := 0, 0
	known := map[string]bool{}
	for _, r := range rows {
		states[r.State]++
		known[r.MessageID] = true
		n := accepted[r.MessageID]
		if r.State != "cancelled" {
			kinds[r.Kind]++
		}
		switch r.State {
		case "sent":
			if n != 1 {
				wrong++
			}
			f.must(sentCopies[r.MessageID] == 1, "mail %d was sent, and Sent holds %d copies", r.ID, sentCopies[r.MessageID])
		case "failed", "cancelled":
			if n != 0 {
				wrong++
			}
		case "uncertain":
			uncertainTaken += n
		default:
			f.must(false, "mail %d is still %s", r.ID, r.State)
		}
	}
	test := 0 // the mail of check --send-test
	for _, m := range letters {
		if !known[m.MessageID] {
			test++
		}
	}
	f.say("mails due: notices, replies", fmt.Sprintf("%d, %d", kinds["overdue"], kinds["reply"]))
	f.say("mails sent, refused by 5xx, uncertain (of which taken)",
		fmt.Sprintf("%d, %d, %d (%d)", states["sent"], states["failed"], states["uncertain"], uncertainTaken))
	f.say("mails cancelled, of all in the outbox", fmt.Sprintf("%d, %d", states["cancelled"], len(rows)))
	f.say("accepted by the SMTP servers, most per Message-ID", fmt.Sprintf("%d, %d", len(letters)-test, most(accepted)))
	f.say("copies in Sent, most per mail", fmt.Sprintf("%d, %d", len(inSent), most(sentCopies)))
	f.must(most(accepted) <= 1, "a Message-ID was accepted %d times", most(accepted))
	f.must(most(sentCopies) <= 1, "Sent holds %d copies of one mail", most(sentCopies))
	f.must(wrong == 0, "of %d mails the records say otherwise than the servers", wrong)
	f.must(test <= map[bool]int{true: 1, false: 0}[w.files], "%d mails were sent that the outbox does not know", test)

	f.checkTold(w, late, staff, letters)
	if w.files {
		f.must(states["uncertain"] == 0, "%d mails are uncertain, though Sent knows", states["uncertain"])
		return
	}
	listed := len(lines[outboxJSON](w.p, "outbox", "--state", "uncertain"))
	f.say("uncertain mails that `illmail outbox` lists", listed)
	f.must(listed == states["uncertain"], "%d uncertain mails, %d of them listed", states["uncertain"], listed)
}

// checkTold: everybody was told once of everything, whatever its Message-ID.
func (f *chaosFigures) checkTold(w *chaosWorld, late int, staff *chaosStaff, letters []*mailbox.Message) {
	items, replies := told(letters)
	type notice struct {
		TN    int
		Mails int
		State string
	}
	due := map[int]notice{}
	for _, n := range rowsOf(w, rowToStruct[notice], `
		SELECT t.transaction_number AS tn, count(*) AS mails, max(o.state) AS state
		FROM notice n JOIN transaction t ON t.id = n.transaction_id JOIN outbox o ON o.id = n.outbox_id
		WHERE n.state = 'planned' AND o.state <> 'cancelled' GROUP BY t.transaction_number`) {
		due[n.TN] = n
	}
	missing, twice, unplanned := 0, 0, 0
	judge := func(state string, n int) {
		switch {
		case n > 1:
			twice++
		case n == 0 && state == "sent":
			missing++
		}
	}
	for n := range late {
		for i := range loans(n) {
			tn := overdueTN + 2*n + i
			if due[tn].Mails != 1 {
				unplanned++
				f.must(unplanned > 5, "the notice about TN %d is in %d mails", tn, due[tn].Mails)
			}
			judge(due[tn].State, items[tn])
		}
	}
	type reply struct {
		Conversation int64
		Mails        int
		State        string
	}
	byConversation := map[int64]reply{}
	for _, r := range rowsOf(w, rowToStruct[reply], `
		SELECT substring(body_text FROM '\(conversation (\d+)\)')::bigint AS conversation, count(*) AS mails, max(state) AS state
		FROM outbox WHERE kind = 'reply' GROUP BY 1`) {
		byConversation[r.Conversation] = r
	}
	for _, id := range staff.done {
		if byConversation[id].Mails != 1 {
			unplanned++
			f.must(unplanned > 5, "conversation %d has %d replies", id, byConversation[id].Mails)
		}
		judge(byConversation[id].State, replies[id])
	}
	f.say("forms posted for the replies, second clicks included", staff.forms)
	f.say("requests and conversations told twice, not told, not due", fmt.Sprintf("%d, %d, %d", twice, missing, unplanned))
	f.must(twice == 0, "%d were told twice", twice)
	f.must(missing == 0, "%d were not told, though the mail counts as sent", missing)
	f.must(unplanned == 0, "%d are not in one mail each", unplanned)
}

func most[K comparable](m map[K]int) int {
	n := 0
	for _, v := range m {
		n = max(n, v)
	}
	return n
}

func rowToStruct[T any](row pgx.CollectableRow) (T, error) { return pgx.RowToStructByName[T](row) }

// stopped waits until sending is stopped on a restored database and the daemon
// there has looked at its outbox, and returns why it is stopped.
func (w *chaosWorld) stopped(url string, d *chaosDaemon) (why string) {
	w.until("sending is stopped on the restored database", func() bool {
		w.ask(url, `SELECT sending_stopped FROM office`, &why)
		return why != ""
	})
	w.until("the daemon there has looked at its outbox", func() bool {
		holder := ""
		w.ask(url, `SELECT coalesce((SELECT holder FROM lease WHERE name = 'sending' AND until > now()), '')`, &holder)
		return strings.Contains(holder, fmt.Sprintf("-%d-", d.cmd.Process.Pid))
	})
	return why
}
