package classifier

import (
	"testing"

	"illmail/mailbox"
)

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
