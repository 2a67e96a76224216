package classifier

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"illmail/mailbox"
)

// training is the labelled sets in the repository.
func training(t testing.TB) fs.FS {
	t.Helper()
	return os.DirFS("training")
}

func TestModelBytes(t *testing.T) {
	m := defaultModel()
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again Model
	if err := again.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if again.Version() != m.Version() || m.Version() == "" {
		t.Errorf("version %q became %q", m.Version(), again.Version())
	}
	for _, n := range []int{0, 5, 16, 40, len(data) / 2, len(data) - 1} {
		if err := again.UnmarshalBinary(data[:n]); err == nil {
			t.Errorf("a model cut to %d bytes was read without an error", n)
		}
	}
}

var office = Office{Addresses: []string{"ill@healey.example.edu"}, Domains: []string{"example.edu"}}

func loan(tn int64, user, first, last, title, author, status string) Transaction {
	return Transaction{TransactionNumber: tn, ILLNumber: "23" + onlyDigits(time.Unix(tn, 0).Format("0405")) + "000", RequestType: "Loan", Status: status, Username: user, FirstName: first, LastName: last,
		Email: user + "@example.edu", Title: title, Author: author, CreationDate: day("2026-10-01"), StatusDate: day("2026-10-10"), DueDate: day("2026-11-30"), LendingLibrary: "QZX"}
}

func mail(from, name, subject, text string) *mailbox.Message {
	l := Labelled{ID: "t1", From: labelledAddress{name, from}, Subject: subject, Text: text}
	return l.Message()
}

func understand(m *mailbox.Message, ts ...Transaction) Result {
	c := Default()
	r := c.Read(m, office)
	return c.Decide(r, NewIndex(ts, nil, nil).Facts(r.Keys))
}

func decided(res Result) (out []int64) {
	for _, m := range res.Matches {
		if m.Decided {
			out = append(out, m.TransactionNumber)
		}
	}
	return out
}

func TestNumberOfAStrangerDecidesNothing(t *testing.T) {
	res := understand(mail("x@elsewhere.example", "Somebody Else", "cancel", "Please cancel TN 350001."),
		loan(350001, "jdoe3", "Jane", "Doe", "Capital", "Karl Marx", "Request Sent"))
	if got := decided(res); len(got) > 0 {
		t.Errorf("filed on %v, though the sender is no party", got)
	}
	if res.SenderVerified || !res.NeedsStaff {
		t.Errorf("verified %v, needs staff %v", res.SenderVerified, res.NeedsStaff)
	}
	if len(res.Matches) == 0 {
		t.Error("the request whose number is quoted is not even offered")
	}
}

func TestTransposedNumberGoesByTitle(t *testing.T) {
	res := understand(mail("jdoe3@example.edu", "Jane Doe", "renewal", "Please renew TN 350010, Imagined Communities. I need it two more weeks."),
		loan(350001, "jdoe3", "Jane", "Doe", "Imagined Communities", "Benedict Anderson", "Checked Out to Customer"),
		loan(350010, "jdoe3", "Jane", "Doe", "The Great Transformation", "Karl Polanyi", "Checked Out to Customer"))
	if got := decided(res); len(got) != 1 || got[0] != 350001 {
		t.Errorf("filed on %v, want the request with that title", got)
	}
	// the number of another patron
	res = understand(mail("jdoe3@example.edu", "Jane Doe", "renewal", "Please renew TN 350010, Imagined Communities. I need it two more weeks."),
		loan(350001, "jdoe3", "Jane", "Doe", "Imagined Communities", "Benedict Anderson", "Checked Out to Customer"),
		loan(350010, "asmith", "Al", "Smith", "The Great Transformation", "Karl Polanyi", "Checked Out to Customer"))
	if got := decided(res); len(got) != 1 || got[0] != 350001 || res.Username != "jdoe3" || !res.SenderVerified {
		t.Errorf("filed on %v for %q, verified %v", got, res.Username, res.SenderVerified)
	}
}

func TestTwoPatronsOfOneName(t *testing.T) {
	res := understand(mail("wei.zhang@freemail.example", "Wei Zhang", "renewal", "Could I renew my book? I need it for two more weeks."),
		loan(350001, "wzhang3", "Wei", "Zhang", "Imagined Communities", "Benedict Anderson", "Checked Out to Customer"),
		loan(350002, "wzhang7", "Wei", "Zhang", "The Great Transformation", "Karl Polanyi", "Checked Out to Customer"))
	if got := decided(res); len(got) > 0 || res.Username != "" || res.SenderVerified {
		t.Errorf("filed on %v for %q", got, res.Username)
	}
	if len(res.Matches) < 2 {
		t.Errorf("offers %d requests, want those of both", len(res.Matches))
	}
}

func TestAllMyBooks(t *testing.T) {
	res := understand(mail("jdoe3@example.edu", "Jane Doe", "renewals", "Please renew all my books, I need them for two more weeks."),
		loan(350001, "jdoe3", "Jane", "Doe", "Imagined Communities", "Benedict Anderson", "Checked Out to Customer"),
		loan(350002, "jdoe3", "Jane", "Doe", "The Great Transformation", "Karl Polanyi", "Checked Out to Customer"),
		loan(350003, "jdoe3", "Jane", "Doe", "Capital", "Karl Marx", "Request Finished"))
	if got := decided(res); len(got) != 2 {
		t.Errorf("filed on %v, want the two that are on loan", got)
	}
	if len(res.Intents) == 0 || res.Intents[0].Intent != Renewal || len(res.Intents[0].Reasons) == 0 {
		t.Errorf("intents %+v", res.Intents)
	}
}

func TestPartnerByTheirNumber(t *testing.T) {
	tr := loan(350001, "jdoe3", "Jane", "Doe", "Imagined Communities", "Benedict Anderson", "Checked Out to Customer")
	tr.ILLNumber = "228104417"
	res := understand(mail("ill@lib.northgate.example", "Northgate ILL", "RECALL - ILL 228104417", "Please recall Imagined Communities from your patron, it is needed for course reserve here.\n\nMaureen"), tr)
	if res.Kind != KindPartner || len(res.Intents) == 0 || res.Intents[0].Intent != Recall {
		t.Errorf("kind %s, intents %+v", res.Kind, res.Intents)
	}
	if got := decided(res); len(got) != 1 {
		t.Errorf("filed on %v", got)
	}
	if res.Username != "" {
		t.Errorf("the mail of a library belongs to %q", res.Username)
	}
}

func TestLearnFromCorrections(t *testing.T) {
	c := Default()
	m := mail("jdoe3@example.edu", "Jane Doe", "frobnicate", "The frobnicator of the zorgle wants its flange.")
	r := c.Read(m, office)
	var examples []Example
	for range 6 {
		examples = append(examples, Example{Reading: r, Kind: KindPatron, Intents: []Intent{ReturnHow}})
	}
	learned := c.Learn(examples)
	res := learned.Decide(r, Facts{})
	if res.Kind != KindPatron || res.Intents[0].Intent != ReturnHow {
		t.Errorf("after six corrections: %s %+v", res.Kind, res.Intents)
	}
	if learned.Version() == c.Version() || learned.Version() != c.Learn(examples).Version() {
		t.Error("the version does not name what was learned")
	}
}

func FuzzDecide(f *testing.F) {
	f.Add("TN 350001", "please renew Imagined Communities, both books, until Friday?", "Jane Doe")
	f.Add("Re: Fwd: [EXT]", "\xff\x00 “ 《 » ' ’ ? ? ?", "")
	f.Add("", strings.Repeat("the book ", 200), "Doe, Jane")
	c := Default()
	ts := []Transaction{loan(350001, "jdoe3", "Jane", "Doe", "Imagined Communities", "Benedict Anderson", "Checked Out to Customer"), loan(350002, "jdoe3", "Jane", "Doe", "It", "", "Request Sent"), {}}
	x := NewIndex(ts, nil, nil)
	f.Fuzz(func(t *testing.T, subject, text, name string) {
		m := &mailbox.Message{Subject: subject, Text: text, From: []mailbox.Address{{Name: name, Addr: "jdoe3@example.edu"}}, Date: monday}
		r := c.Read(m, office)
		res := c.Decide(r, x.Facts(r.Keys))
		Explain("x.eml", r, res)
		for _, i := range res.Intents {
			if !(i.P >= 0 && i.P <= 1) {
				t.Fatalf("probability %v", i.P)
			}
		}
	})
}

// BenchmarkUnderstand is parse, new text, kind and intents of one message of
// the development set, on one core.
func BenchmarkUnderstand(b *testing.B) {
	set, _, err := ReadSet(training(b))
	if err != nil {
		b.Fatal(err)
	}
	var raw [][]byte
	for i := range set {
		raw = append(raw, set[i].Raw())
	}
	c := Default()
	for i := 0; b.Loop(); i++ {
		r := c.Read(mailbox.Parse(raw[i%len(raw)]), office)
		c.Decide(r, Facts{})
	}
}
