package templates

import (
	"strings"
	"time"
)

// Sample returns made-up data in which every field is filled: for previews.
func Sample() Data {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	return Data{
		Office: Office{
			Name:     "Healey Library Interlibrary Loan",
			Address:  "ill@healey.example.edu",
			Phone:    "+1 555 010 0199",
			Hours:    "Monday to Friday, 9 am to 5 pm",
			URL:      "https://illiad.healey.example.edu/",
			ReturnTo: "the service desk on the first floor of Healey Library",
		},
		Patron: Patron{
			FirstName: "Jordan", LastName: "Doe", Username: "jdoe3",
			Email: "jdoe3@example.edu", Status: "Graduate", AccountEnds: day(2026, time.December, 18),
		},
		Items: []Item{
			{
				TransactionNumber: 412304, ILLNumber: "217733101",
				Title: "The Sea Around Us", Author: "Carson, Rachel", RequestType: "Loan",
				Lender: "XFF", Status: "Checked Out to Customer", Reason: "Found on our own shelves",
				PickupLocation: "Healey Library, first floor", CallNumber: "GC21 .C3",
				Link: "https://share.example.org/a/9f31c2", Password: "Kw7-rain",
				DueDate: day(2026, time.November, 2), NewDueDate: day(2026, time.December, 4),
				StatusDate: day(2026, time.October, 5), ExpiresOn: day(2026, time.December, 7),
				DaysOverdue: 21, DaysLeft: 14, DaysWaiting: 10, Views: 5, Stern: true, RenewalsAllowed: true,
			},
			{
				TransactionNumber: 412522, ILLNumber: "217733467",
				Title: "Journal of Coastal Research", ArticleTitle: "Tides & Storm Surges: A Review <1950-2000>",
				Author: "Okafor, Chidi", RequestType: "Article",
				Lender: "BOS", Status: "Checked Out to Customer", Reason: "No lender could supply it",
				PickupLocation: "Healey Library, first floor", CallNumber: "GB451 .J6",
				Link: "https://share.example.org/a/77b0e4", Password: "Qp2-moss",
				DueDate: day(2026, time.November, 22), NewDueDate: day(2026, time.December, 20),
				StatusDate: day(2026, time.November, 9), ExpiresOn: day(2026, time.December, 7),
				DaysOverdue: 1, DaysLeft: 14, DaysWaiting: 10,
			},
		},
		Letter: 2,
		Today:  day(2026, time.November, 23),
		Staff:  "Maria Lopez",
		Lender: Lender{Symbol: "XFF", Name: "Franklin State University"},
		Note:   "We looked on the shelf twice.\nThe copy that came has no page 14.",
		Extra: map[string]string{
			"closed_note":  "The library is closed from November 26 to 29.",
			"term_note":    "All interlibrary loans end with the term, on December 18.",
			"alternatives": "The second edition is on our own shelves.",
			"cost":         "$35.00",
			"tracking":     "1Z 999 AA1 01 2345 6784",
			"invoice":      "INV-2026-118",
		},
	}
}

// SampleFor is Sample for that letter: one to lenders has no patron.
func SampleFor(name string) Data {
	d := Sample()
	if strings.HasPrefix(name, "lender-") {
		d.Patron = Patron{}
	}
	return d
}
