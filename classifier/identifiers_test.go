package classifier

import (
	"strings"
	"testing"
	"time"
)

var monday = time.Date(2026, 11, 16, 10, 0, 0, 0, time.UTC)

func TestFindIdentifiers(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // type=value, sorted as found; "" for none
	}{
		{"Interlibrary loan overdue (TN 348195)", "tn=348195"},
		{"TN: 348195", "tn=348195"},
		{"ILLIAD TN#412304", "tn=412304"},
		{"my request 412304 please", "tn=412304"},
		{"#412304", "tn=412304"},
		{"CROSS REF ID: 896737", "cross_ref=896737"},
		{"Rapid #: -27621837", "rapid_number=27621837"},
		{"RAPID-21742023", "rapid_number=21742023"},
		{"-23496420CROSS REF ID:708350", "ill_number=23496420 cross_ref=708350"},
		{"ILL# 228104417", "ill_number=228104417"},
		{"Request ID 232498969", "ill_number=232498969"},
		{"OCLC #1478809", "oclc=1478809"},
		{"PMID: 28746222", "pmid=28746222"},
		{"doi:10.1042/csb0001002. Thanks", "doi=10.1042/csb0001002"},
		{"ISBN 978-0-486-80903-8", "isbn=9780486809038"},
		{"ISBN 0-201-03804-8", "isbn=0201038048"},
		{"The Journal (0033-5533)", "issn=00335533"},
		{"barcode 35112 00448 7719", "barcode=35112004487719"},
		{"my ID number is 351204", "number=351204"},
		{"Invoice #INV-348865", "number=348865"},
		{"ticket INC0351277", "number=0351277"},
		{"call me at 555-210-2200 or (555) 010-3321", ""},
		{"+1 555 013 9911", ""},
		{"Springfield, MA 01101", "number=01101"},
		{"HIST 214", ""},
		{"https://ill.healey.example.edu/illiad.dll?Action=10&Form=75&Value=349539", "tn=349539"},
		{"Password: p4LinDen", "password=••••"},
		{"a fee of $46.50", "amount=$46.50"},
		{"11,50 € bitte", "amount=11,50 €"},
		{"due 11/30/2026", "date=2026-11-30"},
		{"until Friday", "date=2026-11-20"},
		{"bis zum 2.12. bitte", "date=2026-12-02"},
		{"9月28日到期", "date=2026-09-28"},
		{"hasta el 15 de diciembre", "date=2026-12-15"},
	} {
		var got []string
		for _, id := range FindIdentifiers(c.text, monday) {
			got = append(got, id.Type+"="+id.Value)
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%q: found %q, want %q", c.text, g, c.want)
		}
	}
}

func TestMaskSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"Password: p4LinDen.": "Password: ••••",
		"see https://share.worldcat.org/ILL/articleexchange/file?x=7fK2": "see https://share.worldcat.org/…",
		"get it at https://rapidx.rapidill.example/get?id=1 now":         "get it at https://rapidx.rapidill.example/… now",
		"I forgot my password, help":                                     "I forgot my password, help",
		"nothing here":                                                   "nothing here",
	} {
		if got := MaskSecrets(in); got != want {
			t.Errorf("MaskSecrets(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAnswerBy(t *testing.T) {
	for text, want := range map[string]string{
		"Please respond by 11/27/2026":                                          "2026-11-27",
		"I need it before December 1.":                                          "2026-12-01",
		"It was due on October 1, 2026.":                                        "",
		"Thank you!":                                                            "",
		"I am out of town until November 29, could you hold it?":                "",
		"I need it before my group meeting on Saturday, November 28.":           "2026-11-28",
		"We met before. The book of November 28 is nice.":                       "",
		"Before I forget: the reading group starts on Friday, November 27.":     "",
		"The library is closed until November 30. Please answer by December 2.": "2026-12-02",
	} {
		got := ""
		if d := answerBy(text, monday); !d.IsZero() {
			got = d.Format("2006-01-02")
		}
		if got != want {
			t.Errorf("answerBy(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzIdentifiers(f *testing.F) {
	f.Add("TN 348195, ISBN 978-0-486-80903-8, Password: x1, 10.1000/x, $5, until Friday, 2.12.")
	f.Add("1 2 3 4 5 6 7 8 9 0 - - - 11111111111111111111111111111111")
	f.Add("月1月2日 12/31 99/99 \xff\xf0 password:\x00")
	f.Fuzz(func(t *testing.T, text string) {
		for _, id := range FindIdentifiers(text, monday) {
			if id.Type == "" || id.Value == "" {
				t.Fatalf("an identifier without type or value in %q", text)
			}
		}
		MaskSecrets(text)
		findDates(text, time.Time{})
	})
}
