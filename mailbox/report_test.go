package mailbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"illmail/mailbox"
)

// reports says what each mail in testdata/reports is: "addr action status",
// recipients in order; none for mail that is no report.
var reports = map[string]struct {
	recipients []string
	id         string
	subject    string
}{
	"address-advice":          {[]string{"rossi@lab.example failed 5.1.1"}, "", ""},
	"amazon-ses":              {[]string{"zoe@shop.example failed 5.7.1"}, "0100018f@email.amazonses.example", "Pickup"},
	"aol":                     {[]string{"bettyk55@aolmail.example failed 5.7.1"}, "aol1@healey.example", "Overdue"},
	"antivirus-gateway":       {[]string{"b.iqbal@institute.example delayed "}, "", ""},
	"bare-bilingual":          {[]string{"luc.morel@banque.example failed "}, "", ""},
	"broken-boundary":         {[]string{"noone@nowhere.example failed 5.1.1"}, "", ""},
	"challenge":               {[]string{"kolsen@mailgate.example delayed "}, "", ""},
	"challenge-guestlist":     {[]string{"noor@gatehouse.example delayed "}, "", ""},
	"chinese":                 {[]string{"liwei@post163.example failed 5.1.1"}, "", ""},
	"courier":                 {[]string{"andy@courier.example failed 5.1.1"}, "cr1@healey.example", "Damaged"},
	"curly-apostrophes":       {[]string{"hwalker@campus.example failed 5.2.2"}, "", ""},
	"domino":                  {[]string{"s.ito@notes.example failed 5.1.1"}, "", "Recall of an item"},
	"dovecot-quota":           {[]string{"nbell@dept.example failed 5.2.2"}, "dq1@healey.example", "Your request"},
	"exchange-2003":           {[]string{"ohlsson@faculty.example failed "}, "", ""},
	"exchange-55":             {[]string{"dpetri@oldcampus.example failed 5.1.1"}, "", "Your request"},
	"exchange-de":             {[]string{"e.brandt@hochschule.example failed 5.1.1"}, "", "Fernleihe überfällig"},
	"exchange-fr":             {[]string{"ldupont@fac.example failed 5.1.1"}, "", "Prêt entre bibliothèques"},
	"exchange-list":           {[]string{"B.Novak@polytech.example failed 5.1.1"}, "", "Closing hours in December"},
	"exchange-x400":           {[]string{"h.quill@museum.example failed 5.1.1"}, "", "RE: Loan of a catalogue"},
	"exchange-online":         {[]string{"mkowal3@campus.example failed 5.1.10"}, "qq81zz@healey.example", "Your article is ready (TN 412877)"},
	"exchange-text-only":      {[]string{"pvance@campus.example failed 5.2.2"}, "over.412001@healey.example", "Interlibrary loan overdue (TN 412001)"},
	"exim":                    {[]string{"hana@northlake.example failed 5.1.1"}, "ex4@healey.example", "Your book is here (TN 412600)"},
	"exim-bare":               {[]string{"kim@northlake.example failed 5.2.2", "kchoi@northlake.example failed 5.2.2"}, "ex5@healey.example", "Hello"},
	"exim-warning":            {[]string{"lee@farmail.example delayed "}, "", "Your book is here (TN 412600)"},
	"forwarded-alias":         {[]string{"vlong@alumni.example failed 5.2.2"}, "al1@healey.example", "Overdue"},
	"gateway-nested":          {[]string{"tilda@office.example failed 5.1.1"}, "n1@healey.example", "Recall"},
	"gmail":                   {[]string{"lenab44@gmail.example failed 5.1.1"}, "gm1@healey.example", "Due soon"},
	"groupwise":               {[]string{"rweber@gw.example failed 5.1.1"}, "gw1@healey.example", "Lending question"},
	"imail":                   {[]string{"fgarcia@imail.example failed 5.1.1"}, "im1@healey.example", "Hola"},
	"japanese-unattended":     {[]string{"tanaka@keitai.example failed 5.2.2"}, "jp1@healey.example", "Pickup"},
	"list-refusal":            {[]string{" failed 5.7.1"}, "", ""},
	"lone-sentence":           {[]string{"sam@tiny.example failed 5.2.2"}, "", ""},
	"mailru":                  {[]string{"olga_k@mailru.example failed 5.1.1"}, "ru1@healey.example", "Book"},
	"mdaemon":                 {[]string{"ines@corp.example failed 5.1.0"}, "md1@healey.example", ""},
	"mimecast-text":           {[]string{"t.okoro@firm.example failed 5.4.1"}, "", ""},
	"one-and-one":             {[]string{"anna@kunde.example failed 5.1.1"}, "eu1@healey.example", "Ausleihe"},
	"portuguese":              {[]string{"joana@correio.example failed 5.2.2"}, "", ""},
	"postfix-delayed":         {[]string{"tomas@slow.example delayed 4.4.1"}, "", ""},
	"postfix-user-unknown":    {[]string{"rquist7@mail.example failed 5.1.1"}, "k7w2m4dq@healey.example", "First reminder: your interlibrary loan is overdue (TN 412304)"},
	"qmail":                   {[]string{"jo.abel@riverbend.example failed 5.1.1"}, "qm77@healey.example", "Second reminder: overdue (TN 412522)"},
	"qmail-remote":            {[]string{"first@one.example failed 5.1.1", "second@two.example failed 5.1.2"}, "qm78@healey.example", "Hours"},
	"sendmail":                {[]string{"gwen@cs.oldtown.example failed 5.1.1"}, "sm1@healey.example", "Renewal granted"},
	"sendmail-5":              {[]string{"pat@vax.oldtown.example failed 5.1.1"}, "sm5@healey.example", "Scans"},
	"sendmail-several":        {[]string{"anja@one.example failed ", "bela@two.example failed 5.1.2", "carl@three.example failed 5.1.1"}, "sv1@healey.example", "Holidays"},
	"sms-gateway":             {[]string{"5550100@shortmail.example failed 5.1.1"}, "sg1@healey.example", "Your book is here"},
	"spanish":                 {[]string{"rosa@correo.example failed 5.1.1"}, "es1@healey.example", "Préstamo vencido"},
	"success":                 {[]string{"amy@campus.example delivered 2.1.5"}, "", ""},
	"surfcontrol":             {[]string{"hollyw@filter.example failed 5.1.1"}, "isp1@healey.example", "Lost item"},
	"t-online-de":             {[]string{"uwe.hansen@t-mail.example failed 5.2.2"}, "to1@healey.example", "Mahnung"},
	"yahoo":                   {[]string{"marco_b@yahoomail.example failed 5.1.1"}, "yh1@healey.example", "Pickup"},
	"not-arf":                 {},
	"not-forwarded-attached":  {},
	"not-forwarded-by-person": {},
	"not-item-undelivered":    {},
	"not-list-posting":        {},
	"not-parcel":              {},
	"not-partner":             {},
	"not-patron-mailbox-full": {},
	"not-phishing":            {},
	"not-read-receipt":        {},
	"not-reply-quoting":       {},
	"not-vacation":            {},
}

func TestReports(t *testing.T) {
	files, err := filepath.Glob("testdata/reports/*.eml")
	if err != nil || len(files) != len(reports) {
		t.Fatalf("%d files, %d expectations (%v)", len(files), len(reports), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".eml")
		t.Run(name, func(t *testing.T) {
			want, ok := reports[name]
			if !ok {
				t.Fatal("nothing is said of this file")
			}
			m := mailbox.Parse(readFile(t, file))
			if m.Report == nil {
				if want.recipients != nil {
					t.Fatal("not seen as a report")
				}
				return
			}
			var got []string
			for _, rc := range m.Report.Recipients {
				got = append(got, rc.Addr+" "+rc.Action+" "+rc.Status)
				if rc.Action == "failed" && rc.Diagnostic == "" {
					t.Error("no diagnostic for", rc.Addr)
				}
			}
			if diff := cmp.Diff(want.recipients, got); diff != "" {
				t.Error(diff)
			}
			if m.Report.OriginalMessageID != want.id || m.Report.OriginalSubject != want.subject {
				t.Errorf("original %q %q, want %q %q", m.Report.OriginalMessageID, m.Report.OriginalSubject, want.id, want.subject)
			}
			if auto, why := m.AutoReply(); auto {
				t.Errorf("also an auto-reply: %s", why)
			}
			if !m.AutoSubmitted() {
				t.Error("not seen as made by a machine")
			}
			failed := strings.Contains(strings.Join(want.recipients, "\n"), " failed ")
			if m.Report.Failed() != failed {
				t.Errorf("Failed() = %v", !failed)
			}
		})
	}
}

func TestReportCarriesRef(t *testing.T) {
	m := mailbox.Parse(readFile(t, "testdata/reports/postfix-user-unknown.eml"))
	if got := m.Report.OriginalRef; got != "overdue.1.2026-11-22.412304.Zm9vYmFy" {
		t.Errorf("OriginalRef = %q", got)
	}
	if diff := cmp.Diff([]string{"aa11@healey.example", "bb22@mail.example"}, m.Report.OriginalReferences); diff != "" {
		t.Error(diff)
	}
	want := []string{"delivery-status.txt message/delivery-status", "headers.txt text/rfc822-headers"}
	var got []string
	for _, a := range m.Attachments {
		got = append(got, a.Name+" "+a.ContentType)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
