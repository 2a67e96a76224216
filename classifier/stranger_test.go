package classifier

import (
	"slices"
	"strings"
	"testing"

	"illmail/mailbox"
)

// TestOnlyPartiesFile says, sender by sender, whose mail is filed by itself and
// whose is only offered, however much of the request it names.
func TestOnlyPartiesFile(t *testing.T) {
	ts := []Transaction{
		{TransactionNumber: 412304, ILLNumber: "228104417", RequestType: "Loan", Status: "Checked Out to Customer", Username: "jdoe3", FirstName: "Jane", LastName: "Doe",
			Email: "jane.doe@example.edu", OtherEmails: []string{"jane@home.example"}, Title: "The Ecology of Tidal Marshes", Author: "Anne Corwin", LendingLibrary: "QZX",
			DOI: "10.1234/tidal", CreationDate: day("2026-10-01"), StatusDate: day("2026-10-10"), DueDate: day("2026-11-30")},
	}
	sent := []Sent{{MessageID: "kq2h5x7c@healey.example.edu", TransactionNumbers: []int64{412304}, Kind: "overdue", To: "jane.doe@example.edu"}}
	lenders := []Lender{{Symbol: "QZX", Name: "Quarry", Addresses: []string{"ill@quarry.example"}, Domains: []string{"lib.quarry.example"}}, {Symbol: "", Addresses: []string{"no-reply@oclc.example"}}}
	x := NewIndex(ts, sent, lenders)
	o := Office{Addresses: []string{"ill@healey.example.edu"}, Domains: []string{"example.edu"}, AuthservIDs: []string{"mx.example.edu"}, Partners: []string{"rapidill.example", "ill@coastal.example"}}

	const (
		wish     = "Please renew TN 412304, The Ecology of Tidal Marshes by Anne Corwin. I need it for two more weeks.\r\n\r\nJane Doe"
		plain    = "Could I renew my book? I need it for two more weeks.\r\n\r\nJane Doe"
		answers  = "In-Reply-To: <kq2h5x7c@healey.example.edu>\r\n"
		fails    = "Authentication-Results: mx.example.edu; dmarc=fail header.from=example.edu\r\n"
		overdue  = "Our overdue notice: the book is long overdue, please return it to our library as soon as possible.\r\n\r\n"
		title    = overdue + "The Ecology of Tidal Marshes, Anne Corwin, due 30 November 2026\r\n\r\nInterlibrary Lending, Coastal College Library"
		tn       = overdue + "Your TN: 412304\r\nTitle: The Ecology of Tidal Marshes\r\n\r\nInterlibrary Lending, Coastal College Library"
		number   = overdue + "It is our ILL 228104417.\r\n\r\nInterlibrary Lending, Coastal College Library"
		both     = overdue + "It is our ILL 228104417, The Ecology of Tidal Marshes.\r\n\r\nInterlibrary Lending, Coastal College Library"
		delivery = "Your document order is ready for download.\r\nDOI: 10.1234/tidal\r\nTitle: The Ecology of Tidal Marshes\r\nThis is an automatic message, do not reply."
	)
	for _, c := range []struct {
		name, from, header, text string
		filed                    bool
	}{
		{"the patron", "Jane Doe <jane.doe@example.edu>", "", wish, true},
		{"an address that staff confirmed", "jane@home.example", "", wish, true},
		{"the account at the institution", "jdoe3@example.edu", "", wish, true},
		{"the patron's name, elsewhere", "Jane Doe <jane.doe@elsewhere.example>", "", wish, false},
		{"the patron's name, and the only request", "Jane Doe <jane.doe@elsewhere.example>", "", plain, false},
		{"the patron's name under the mail", "jd99@elsewhere.example", "", wish, false},
		{"the patron's name, with our mail in hand", "Jane Doe <jane.doe@elsewhere.example>", answers, "Re: yes, please renew it.", true},
		{"a stranger with our mail in hand", "Mallory Grim <m@elsewhere.example>", answers, "Please renew it.", false},
		{"From that authentication speaks against", "Jane Doe <jane.doe@example.edu>", fails, wish, false},
		{"the same by a forger's own field", "Jane Doe <jane.doe@example.edu>", "Authentication-Results: mx.elsewhere.example; dmarc=fail header.from=example.edu\r\n", wish, true},
		{"two authors", "Jane Doe <jane.doe@example.edu>, m@elsewhere.example", "", wish, false},
		{"a second From", "Jane Doe <jane.doe@example.edu>", "From: m@elsewhere.example\r\n", wish, false},
		{"a stranger who forwards", "m@elsewhere.example", "Subject: Fwd: renewal\r\n", "FYI\r\n\r\n---------- Forwarded message ---------\r\nFrom: Jane Doe <jane.doe@example.edu>\r\nSubject: renewal\r\n\r\n" + wish, false},
		{"the desk that forwards", "Circulation Desk <circ@healey.example.edu>", "Subject: Fwd: renewal\r\n", "FYI\r\n\r\n---------- Forwarded message ---------\r\nFrom: Jane Doe <jane.doe@example.edu>\r\nSubject: renewal\r\n\r\n" + wish, true},
		{"another patron who forwards", "asmith@example.edu", "Subject: Fwd: renewal\r\n", "FYI\r\n\r\n---------- Forwarded message ---------\r\nFrom: Jane Doe <jane.doe@example.edu>\r\nSubject: renewal\r\n\r\n" + wish, false},
		{"an assistant with number, title and name", "asmith@example.edu", "Cc: jane.doe@example.edu\r\n", "Please renew TN 412304, The Ecology of Tidal Marshes, for Jane Doe.", false},
		{"another patron in a library's words", "asmith@example.edu", "", title, false},
		{"the office's own system", "ILL alerts <alerts@ill.healey.example.edu>", "Auto-Submitted: auto-generated\r\n", delivery, true},
		{"a stranger's automatic answer", "Jane Doe <jane.doe@elsewhere.example>", "Subject: Automatic reply: TN 412304\r\nAuto-Submitted: auto-replied\r\n", "I am away until December 20.\r\n\r\nJane Doe", false},

		{"an unknown library, by title, author and date", "Lending <ill@coastal2.example>", "", title, false},
		{"an unknown library, by our number and the title", "Lending <ill@coastal2.example>", "", tn, false},
		{"an unknown library, by their number alone", "Lending <ill@coastal2.example>", "", number, false},
		{"an unknown library, by their number and the title", "Lending <ill@coastal2.example>", "", both, true},
		{"an unknown library that knows the lender", "Lending <ill@coastal2.example>", "", title + " (QZX)", true},
		{"the lender, by its address", "Lending <ill@quarry.example>", "", title, true},
		{"the lender, by its domain", "Lending <maria@lib.quarry.example>", "", title, true},
		{"a library of the configuration", "Lending <ill@coastal.example>", "", title, true},
		{"one that only copies the lender", "Lending <ill@coastal2.example>", "Cc: ill@quarry.example\r\n", title, false},
		{"the lender's address, which authentication speaks against", "Lending <ill@quarry.example>",
			"Authentication-Results: mx.example.edu; dmarc=fail header.from=quarry.example\r\n", both, false},
		{"an unknown system, by DOI and title", "Document Delivery <noreply@docs.example>", "Auto-Submitted: auto-generated\r\n", delivery, false},
		{"a system of the configuration", "RapidILL <noreply@sys.rapidill.example>", "Auto-Submitted: auto-generated\r\n", delivery, true},
	} {
		subject := "Subject: about an item\r\n"
		if strings.HasPrefix(c.header, "Subject:") {
			subject = ""
		}
		raw := "From: " + c.from + "\r\nTo: ill@healey.example.edu\r\nMessage-ID: <1@elsewhere.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 -0500\r\n" + subject + c.header + "\r\n" + c.text + "\r\n"
		cl := Default()
		r := cl.Read(mailbox.Parse([]byte(raw)), o)
		res := cl.Decide(r, x.Facts(r.Keys))
		if got := slices.Equal(decided(res), []int64{412304}); got != c.filed {
			t.Errorf("%s (%s): filed %v, want %v; %+v", c.name, res.Kind, got, c.filed, res.Matches)
		}
		if !c.filed && len(res.Matches) == 0 && c.header != answers && res.Kind != KindAutoReply {
			t.Errorf("%s (%s): not even offered", c.name, res.Kind)
		}
		if res.SenderVerified != (c.filed && mailbox.Parse([]byte(raw)).Author().Key() == "jane.doe@example.edu") {
			t.Errorf("%s: verified %v", c.name, res.SenderVerified)
		}
	}
}

// A number that a stranger quotes never files the mail by itself.
func TestStrangerWithANumberDoesNotFile(t *testing.T) {
	x := NewIndex([]Transaction{{TransactionNumber: 412304, RequestType: "Loan", Status: "Checked Out to Customer",
		Username: "jdoe3", FirstName: "Jo", LastName: "Doe", Email: "jdoe3@example.edu", Title: "Salt Roads"}}, nil, nil)
	for _, from := range []string{"someone@elsewhere.example", "Lending <lending@library.example>", "noreply@systems.example"} {
		for _, body := range []string{"Where is TN 412304? When is it due?", "TN: 412304\nStatus: please confirm the due date."} {
			raw := "From: " + from + "\r\nTo: ill@healey.example.edu\r\nSubject: question\r\nMessage-ID: <1@elsewhere.example>\r\n\r\n" + body + "\r\n"
			c := Default()
			r := c.Read(mailbox.Parse([]byte(raw)), Office{Addresses: []string{"ill@healey.example.edu"}, Domains: []string{"example.edu"}})
			for _, m := range c.Decide(r, x.Facts(r.Keys)).Matches {
				if m.Decided {
					t.Errorf("from %s, %q: filed on TN %d by %v", from, body, m.TransactionNumber, m.Evidence)
				}
			}
		}
	}
}

// TestMachinesAreNoPatrons: what a machine wrote asks nothing for a patron, from
// whose address it may come.
func TestMachinesAreNoPatrons(t *testing.T) {
	x := NewIndex([]Transaction{loan(350001, "jdoe3", "Jane", "Doe", "Salt Roads", "", "Checked Out to Customer")}, nil, nil)
	for _, c := range []struct {
		header string
		want   bool
	}{{"", true}, {"Auto-Submitted: no\r\n", true}, {"Auto-Submitted: auto-generated\r\n", false}} {
		m := mailbox.Parse([]byte("From: Jane Doe <jdoe3@example.edu>\r\nTo: ill@healey.example.edu\r\nSubject: Overdue: Salt Roads\r\n" + c.header +
			"\r\nSalt Roads was due yesterday. May I keep it for another week, please?\r\n"))
		r := Default().Read(m, office)
		if res := Default().Decide(r, x.Facts(r.Keys)); (res.Kind == KindPatron) != c.want {
			t.Errorf("with %q it is %s: %v", c.header, res.Kind, res.KindWhy)
		}
	}
}
