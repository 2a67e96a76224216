package classifier

import (
	"encoding/json"
	"io"
	"strings"
	"time"
)

// transactionLine is a line of transactions.jsonl.
type transactionLine struct {
	TransactionNumber int64    `json:"transaction_number"`
	ILLNumber         string   `json:"ill_number"`
	RapidNumber       string   `json:"rapid_number"`
	RequestType       string   `json:"request_type"`
	ProcessType       string   `json:"process_type"`
	Status            string   `json:"status"`
	Username          string   `json:"username"`
	FirstName         string   `json:"first_name"`
	LastName          string   `json:"last_name"`
	Email             string   `json:"email"`
	OtherEmails       []string `json:"other_emails"`
	Title             string   `json:"title"`
	ArticleTitle      string   `json:"article_title"`
	Author            string   `json:"author"`
	ISSNISBN          string   `json:"issn_isbn"`
	DOI               string   `json:"doi"`
	DueDate           string   `json:"due_date"`
	CreationDate      string   `json:"creation_date"`
	StatusDate        string   `json:"status_date"`
	RenewalsAllowed   bool     `json:"renewals_allowed"`
	LendingLibrary    string   `json:"lending_library"`
	PickupLocation    string   `json:"pickup_location"`
	CancelReason      string   `json:"cancel_reason"`
}

// ReadTransactions reads one JSON object a line, with the columns of the
// transactions file. An error names the line.
func ReadTransactions(r io.Reader) ([]Transaction, error) {
	var out []Transaction
	err := eachLine(r, func(line []byte) error {
		var l transactionLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		out = append(out, Transaction{
			TransactionNumber: l.TransactionNumber, ILLNumber: l.ILLNumber, RapidNumber: l.RapidNumber, RequestType: l.RequestType, ProcessType: l.ProcessType,
			Status: l.Status, Username: l.Username, FirstName: l.FirstName, LastName: l.LastName, Email: l.Email, OtherEmails: l.OtherEmails, Title: l.Title, ArticleTitle: l.ArticleTitle,
			Author: l.Author, ISSNISBN: l.ISSNISBN, DOI: l.DOI, DueDate: day(l.DueDate), CreationDate: day(l.CreationDate), StatusDate: day(l.StatusDate),
			RenewalsAllowed: l.RenewalsAllowed, LendingLibrary: l.LendingLibrary, PickupLocation: l.PickupLocation, CancelReason: l.CancelReason,
		})
		return nil
	})
	return out, err
}

// day is the date at the start of s, or the zero Time.
func day(s string) time.Time {
	if len(s) >= 10 {
		if t, err := time.Parse("2006-01-02", s[:10]); err == nil {
			return t
		}
	}
	return time.Time{}
}

// ReadSent reads one JSON object a line: message_id, transaction_number (or
// transaction_numbers), kind, to, subject. An error names the line.
func ReadSent(r io.Reader) ([]Sent, error) {
	var out []Sent
	err := eachLine(r, func(line []byte) error {
		var l struct {
			MessageID          string  `json:"message_id"`
			TransactionNumber  int64   `json:"transaction_number"`
			TransactionNumbers []int64 `json:"transaction_numbers"`
			Kind               string  `json:"kind"`
			To                 string  `json:"to"`
			Subject            string  `json:"subject"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		tns := l.TransactionNumbers
		if l.TransactionNumber != 0 && len(tns) == 0 {
			tns = []int64{l.TransactionNumber}
		}
		out = append(out, Sent{MessageID: strings.Trim(strings.TrimSpace(l.MessageID), "<>"), TransactionNumbers: tns, Kind: l.Kind, To: l.To, Subject: l.Subject})
		return nil
	})
	return out, err
}
