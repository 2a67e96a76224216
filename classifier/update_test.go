package classifier

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"illmail/mailbox"
)

func TestReadUpdate(t *testing.T) {
	const (
		worldshare = "WorldShare ILL <no-reply@worldshare.example>"
		rapid      = "RapidILL <noreply@rapidill.example>"
		exchange   = "OCLC Article Exchange <articleexchange@oclc.example>"
	)
	for name, c := range map[string]struct {
		from, subject, body string
		kind                Kind
		want                *Update
	}{
		"unfilled": {worldshare, "Request 232498969 is Unfilled", "The status of a borrowing request has changed.\n\nRequest ID 232498969\nNew status: UNFILLED\nLender string exhausted (5 of 5)\nReasons: In use (3), Not on shelf (1)\n",
			KindSystem, &Update{Kind: UpdateUnfilled, Reason: "In use (3), Not on shelf (1)"}},
		"end of the string": {worldshare, "[Staff alert] Request 228271903 has reached the end of the lender string", "Request 228271903 has been answered \"No\" by all potential lenders.\nStatus: Unfilled\n", KindSystem, &Update{Kind: UpdateUnfilled}},
		"rapid unfilled": {rapid, "Unfilled: RAPID-22190533", "Your Rapid request could not be filled.\n\nReason history: not on shelf (GRB); lacking issue (TWN)\n",
			KindSystem, &Update{Kind: UpdateUnfilled, Reason: "not on shelf (GRB); lacking issue (TWN)"}},
		"conditional": {worldshare, "Request 233411383 is Conditional", "A lender has responded with a condition.\n\nLender: OLT\nCondition: Please send only via courier\nRespond by: 2026-11-22\n",
			KindSystem, &Update{Kind: UpdateConditional, Lender: "OLT", Reason: "Please send only via courier"}},
		"shipped":  {worldshare, "Request 233145888 has shipped", "Request ID 233145888\nNew status: SHIPPED by LKS 2026-10-29\nDue: 2026-12-30    Renewals: 1\n", KindSystem, &Update{Kind: UpdateShipped, Lender: "LKS", Due: day("2026-12-30")}},
		"recalled": {worldshare, "RECALL Request 232803435", "ITEM RECALLED\n\nLender: FMS\nOriginal due date: 2026-11-30\nNew due date: 2026-11-23\n", KindSystem, &Update{Kind: UpdateRecalled, Lender: "FMS", Due: day("2026-11-23")}},
		"renewed":  {worldshare, "Renewal approved 232807365", "Request ID 232807365\nRenewal: APPROVED by EOB\nNew due date 2027-01-05\n", KindSystem, &Update{Kind: UpdateRenewalOK, Lender: "EOB", Due: day("2027-01-05")}},
		"denied": {worldshare, "Renewal denied 232548592", "Renewal: DENIED by IGN\nLender note: on hold for class use\nDue date remains 2026-10-27\n",
			KindSystem, &Update{Kind: UpdateRenewalDenied, Lender: "IGN", Reason: "on hold for class use"}},
		"filled": {worldshare, "Request 233426229", "Your request has been filled.\nStatus: Received electronically\nLender: UBX\n", KindSystem, &Update{Kind: UpdateFilled, Lender: "UBX"}},
		"file": {exchange, "Article Exchange: document available for request 233170230", "BRQ has supplied a document for your request.\n\nURL: https://share.worldcat.org/ILL/articleexchange/x?f=1.\nPassword: 9dWqa7\n\nThe document can be viewed 5 times and will be deleted after 30 days (2026-11-30).\n",
			KindSystem, &Update{Kind: UpdateFileReady, Lender: "BRQ", URL: "https://share.worldcat.org/ILL/articleexchange/x?f=1", Password: "9dWqa7", Expires: day("2026-11-30")}},
		"file with pass": {exchange, "Document for request 228263338", "Lender HVN has uploaded the file for your request.\nLink: https://files.xchange.example/d/aa01ZZp\nPass: Tq8-rover\n",
			KindSystem, &Update{Kind: UpdateFileReady, Lender: "HVN", URL: "https://files.xchange.example/d/aa01ZZp", Password: "Tq8-rover"}},
		"rapid file": {rapid, "Rapid delivery RAPID-21953261", "Document delivered\n\nSupplied by: TQB  in 20.1 hours\n\nhttps://rapidx.rapidill.example/get?id=1\n", KindSystem, &Update{Kind: UpdateFileReady, Lender: "TQB", URL: "https://rapidx.rapidill.example/get?id=1"}},
		"a lender's link": {"Ann <ill@lender.example>", "Your request 233170230", "Here it is:\nhttps://share.worldcat.org/ILL/articleexchange/y\nPassword: abc12\n",
			KindPartner, &Update{Kind: UpdateFileReady, URL: "https://share.worldcat.org/ILL/articleexchange/y", Password: "abc12"}},
		"print only": {rapid, "Rapid delivery RAPID-1", "Document delivered\nhttps://rapidx.rapidill.example/get?id=2\nUnder our license we are not permitted to provide the PDF to your patron; please print it.\n",
			KindSystem, &Update{Kind: UpdateFileReady, URL: "https://rapidx.rapidill.example/get?id=2", PrintOnly: true}},
		"a lender's print only": {"Ann <ill@lender.example>", "Article attached", "Please note: electronic delivery is not permitted by the publisher.\n", KindPartner, &Update{PrintOnly: true}},

		"digest":              {"Tipasa <tipasa-noreply@oclc.example>", "Your Tipasa daily summary", "Conditional: 1\nRecalled: 0\n", KindSystem, nil},
		"rapid digest":        {rapid, "Rapid digest 2026-11-19", "Rapid daily delivery digest, 2 document(s)\n", KindSystem, nil},
		"overdue":             {worldshare, "Overdue reminder: 231866201", "Status: OVERDUE (lender UBX)\nDue 2026-09-17\n", KindSystem, nil},
		"expiry":              {exchange, "Article Exchange: request 232935336 expires in 5 days", "Reminder: a document supplied for your request has not been downloaded.\n", KindSystem, nil},
		"lending":             {worldshare, "New lending request 233401122", "You have received a new lending request.\n", KindSystem, nil},
		"complete":            {worldshare, "Request 232347120 is Complete", "Lender EOB has marked the item RETURNED / COMPLETE on 2026-09-25.\n", KindSystem, nil},
		"a patron's words":    {"Jo <jdoe3@example.edu>", "unfilled", "My request is unfilled, conditional and recalled. print only, license\n", KindPatron, nil},
		"somebody's shipping": {"Shop <noreply@shop.example>", "Your order has shipped", "It was shipped by UPS.\n", KindSystem, nil},
		"asks for a thesis":   {"Lorna <lorna@lender.example>", "Thesis", "It shows as print only. Do you lend theses, or could you scan a chapter?\n", KindPartner, nil},
	} {
		m := mailbox.Parse([]byte("From: " + c.from + "\r\nSubject: " + c.subject + "\r\n\r\n" + strings.ReplaceAll(c.body, "\n", "\r\n")))
		if d := cmp.Diff(c.want, ReadUpdate(m, c.kind, c.body)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}
