package templates

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// minimal is as little as a real request may bring: no names, no office but
// its address, one item with a number and a due date.
func minimal() Data {
	return Data{
		Office: Office{Name: "ILL", Address: "ill@example.edu"},
		Items:  []Item{{TransactionNumber: 7, DueDate: day(2026, time.November, 20), DaysOverdue: 1}},
		Today:  day(2026, time.November, 21),
	}
}

func TestEveryLetterRenders(t *testing.T) {
	for _, tpl := range Default().All() {
		for name, d := range map[string]Data{"sample": Sample(), "minimal": minimal()} {
			t.Run(fileName(tpl.Name, tpl.Language)+"/"+name, func(t *testing.T) {
				r, err := tpl.Render(d)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.HTML) > 30<<10 {
					t.Errorf("the HTML has %d bytes", len(r.HTML))
				}
				if strings.Contains(r.HTML, "src=") || strings.Contains(r.HTML, "url(") {
					t.Error("the HTML loads something")
				}
				for _, s := range []string{r.Subject, r.Text, r.HTML} {
					if strings.Contains(s, "{{") || strings.ContainsFunc(s, func(c rune) bool { return c >= firstMark || c == edge }) {
						t.Errorf("a tag or a mark is left in %q", s)
					}
					if strings.Contains(s, "  \n") || strings.Contains(s, " ,") || strings.Contains(s, "()") {
						t.Errorf("a hole is left in %q", s)
					}
				}
				if strings.Contains(r.Text, "**") || strings.Contains(r.Text, "](") {
					t.Errorf("Markdown is left in the text:\n%s", r.Text)
				}
				if r.Language != tpl.Language {
					t.Errorf("language %q", r.Language)
				}
				for l := range strings.Lines(r.Text) {
					if width(strings.TrimRight(l, "\n")) > textWidth && strings.Contains(strings.TrimSpace(l), " ") {
						t.Errorf("a line of %d columns: %q", width(l), l)
					}
				}
				if strings.HasPrefix(tpl.Name, "lender-") && strings.Contains(r.Subject+r.Text+r.HTML, "Jordan") {
					t.Error("the lender is told the patron's name")
				}
			})
		}
	}
}

func TestRepliesNeedNoItem(t *testing.T) {
	d := minimal()
	d.Items = nil
	for _, name := range Default().Names() {
		if !strings.HasPrefix(name, "reply-") {
			continue
		}
		if _, err := Default().Render(name, "en", d); err != nil {
			t.Error(err)
		}
	}
}

func TestGolden(t *testing.T) {
	one := Sample()
	one.Items = one.Items[1:]
	one.Letter = 1
	one.Extra = nil
	set := Default().Enable("es", "pt", "ht", "vi", "zh-Hans")
	for _, c := range []struct {
		file, name, language string
		data                 Data
	}{
		{"overdue", "overdue", "en", Sample()},
		{"overdue-one", "overdue", "en", one},
		{"overdue-minimal", "overdue", "en", minimal()},
		{"overdue.es", "overdue", "es-MX", one},
		{"overdue.zh-Hans", "overdue", "zh-CN", Sample()},
		{"due_soon.pt", "due_soon", "pt", one},
		{"pickup.ht", "pickup", "ht", one},
		{"delay.vi", "delay", "vi", one},
		{"delivery", "delivery", "en", one},
		{"cancellation", "cancellation", "en", Sample()},
		{"cancel-held-here", "cancel-held-here", "en", one},
		{"reply-renewal-asked", "reply-renewal-asked", "en", one},
		{"lender-returned", "lender-returned", "en", one},
	} {
		t.Run(c.file, func(t *testing.T) {
			r, err := set.Render(c.name, c.language, c.data)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.file+".txt", "Subject: "+r.Subject+"\n\n"+r.Text)
			golden(t, c.file+".html", r.HTML)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s has changed (-want +got); look at it and run go test -update:\n%s", path, diff)
	}
}

func mustParse(t testing.TB, source string) *Template {
	t.Helper()
	tpl, err := Parse("test", "en", source)
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func TestRenderText(t *testing.T) {
	d := Sample()
	d.Note = "one\ntwo\n\n\n\nthree"
	for _, c := range []struct{ name, body, want string }{
		{"each merges lists", "{{#each items}}\n1. {{item.transaction_number}}\n{{/each}}", "1. 412304\n2. 412522\n"},
		{"item outside each is the first", "{{item.transaction_number}}", "412304\n"},
		{"item after each is the first", "{{#each items}}\nx\n{{/each}}\n{{item.transaction_number}}", "x\n\nx\n\n412304\n"},
		{"inline if", "a{{#if stern}} b{{else}} c{{/if}}, {{#if not many}}d{{else}}e{{/if}}", "a b, e\n"},
		{"if across emphasis", "**{{#if many}}a.**{{else}}b.**{{/if}} c", ""},
		{"emphasis inside if", "{{#if many}}**a.**{{else}}**b.**{{/if}}c", "a.c\n"},
		{"nested blocks", "{{#if items}}\n{{#each items}}\n- {{#if item.stern}}stern{{else}}mild{{/if}}\n{{/each}}\n{{else}}\nnone\n{{/if}}", "- stern\n- mild\n"},
		{"fallback", `{{extra.nothing or "some"}}|{{extra.nothing or ""}}|`, "some||\n"},
		{"plural", "{{count | days}}, {{#each items}}x{{/each}}", ""},
		{"days", "{{item.days_overdue | days}} {{#if item.days_left}}{{item.days_left}}{{/if}}", "21 days 14\n"},
		{"short date", "{{item.due_date | short}}", "Nov 2, 2026\n"},
		{"words keep their lines", "{{note}}", "one\ntwo\n\nthree\n"},
		{"empty paragraph goes", "a\n\n{{#if not items}}b{{/if}}\n\nc", "a\n\nc\n"},
		{"link", "[sign in]({{office.url}}) <https://example.org/x> [{{office.url}}]({{office.url}}) [mail](mailto:{{office.address}}) [{{office.phone}}](tel:{{office.phone}})",
			"sign in (https://illiad.healey.example.edu/) https://example.org/x\nhttps://illiad.healey.example.edu/ mail (ill@healey.example.edu) +1 555 010\n0199\n"},
		{"path of a link", "[x]({{office.url}}/r?t={{item.title}})", "x (https://illiad.healey.example.edu/r?t=The%20Sea%20Around%20Us)\n"},
		{"heading, quote, rule", "# Head\n\n> said\n> so\n\n---\n\nend", "Head\n====\n\n> said so\n\n" + strings.Repeat("-", 40) + "\n\nend\n"},
		{"escapes", `5 \* 3 &amp; 1\. x`, "5 * 3 & 1. x\n"},
		{"nested list", "- a\n  - b\n- c", "- a\n\n  - b\n\n- c\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tpl, err := Parse("test", "en", "Subject: s\n\n"+c.body+"\n")
			if c.want == "" {
				if err == nil {
					t.Fatal("is accepted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := tpl.Render(d)
			if err != nil {
				t.Fatal(err)
			}
			got, _, _ := strings.Cut(r.Text, "\n-- \n")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEmptyFieldIsRefused(t *testing.T) {
	d := minimal()
	d.Items[0].DueDate = time.Time{}
	_, err := Default().Render("overdue", "en", d)
	var empty *EmptyFieldError
	if !errors.As(err, &empty) || empty.Field != "item.due_date" {
		t.Errorf("got %v", err)
	}
	d.Items = nil
	if _, err := Default().Render("pickup", "en", d); !errors.As(err, &empty) {
		t.Errorf("a letter about nothing: %v", err)
	}
	if _, err := Default().Render("no-such", "en", d); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestLinkMustBeAnAddress(t *testing.T) {
	tpl := mustParse(t, "Subject: s\n\n[open]({{item.link}})\n")
	for link, ok := range map[string]bool{
		"https://example.org/a?b=c&d": true, "http://example.org": true,
		"javascript:alert(1)": false, "//example.org": false, "example.org": false, "https://": false,
		"https://example.org/\"onclick=": false, "data:text/html,x": false, "https://bank.example@evil.example/": false,
	} {
		d := minimal()
		d.Items[0].Link = link
		r, err := tpl.Render(d)
		if (err == nil) != ok {
			t.Errorf("%q: %v, %q", link, err, r.Text)
		}
	}
}

func TestSubjectIsOneShortLine(t *testing.T) {
	d := Sample()
	d.Items = d.Items[:1]
	d.Items[0].Title = "A very long title\r\nBcc: everyone@example.org " + strings.Repeat("that goes on and on ", 20)
	r, err := Default().Render("overdue", "en", d)
	if err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(r.Subject)); n > maxSubject || strings.ContainsAny(r.Subject, "\r\n") {
		t.Errorf("%d characters: %q", n, r.Subject)
	}
	if !strings.Contains(r.Subject, "…") || !strings.HasSuffix(r.Subject, "(TN 412304) - second reminder") {
		t.Errorf("the title must give way, not the number: %q", r.Subject)
	}
}

func TestDatesInEveryLanguage(t *testing.T) {
	d := day(2026, time.November, 23)
	for tag, want := range map[string][3]string{
		"en":      {"Monday, November 23, 2026", "1 day", "3 days"},
		"en-GB":   {"Monday, November 23, 2026", "1 day", "3 days"},
		"es":      {"lunes 23 de noviembre de 2026", "1 día", "3 días"},
		"pt-BR":   {"segunda-feira, 23 de novembro de 2026", "1 dia", "3 dias"},
		"ht":      {"lendi 23 novanm 2026", "1 jou", "3 jou"},
		"vi":      {"thứ Hai, ngày 23 tháng 11 năm 2026", "1 ngày", "3 ngày"},
		"zh-Hans": {"2026年11月23日星期一", "1天", "3天"},
		"zh_CN":   {"2026年11月23日星期一", "1天", "3天"},
		"fr":      {"2026-11-23", "1", "3"},
	} {
		l := languageOf(tag)
		if got := [3]string{l.long(d), l.days(1), l.days(3)}; got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}

func TestSternWordsStandOnSternItemsOnly(t *testing.T) {
	d := Sample()
	r, err := Default().Render("overdue", "en", d)
	if err != nil {
		t.Fatal(err)
	}
	items := strings.Split(r.Text, "\n- ")
	if !strings.Contains(items[1], "return this item at once") || strings.Contains(items[2], "return this item at once") {
		t.Errorf("stern words are not where they belong:\n%s", r.Text)
	}
	for i := range d.Items {
		d.Items[i].Stern = false
	}
	if r, err = Default().Render("overdue", "en", d); err != nil || strings.Contains(r.Text, "at once") {
		t.Errorf("%v:\n%s", err, r.Text)
	}
}

func TestSetLanguages(t *testing.T) {
	s := Default()
	used := func(s *Set, name, language string) string {
		tpl, ok := s.Lookup(name, language)
		if !ok {
			return "none"
		}
		return tpl.Language
	}
	approved := s.Enable("es", "zh-Hans")
	mexican, err := Parse("delay", "es-MX", "Subject: s\n\nhola\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set                  *Set
		name, language, want string
	}{
		{s, "overdue", "es", "en"},
		{s, "overdue", "", "en"},
		{s, "overdue", "en-US", "en"},
		{approved, "overdue", "es", "es"},
		{approved, "overdue", "es-MX", "es"},
		{approved, "overdue", "ES_mx", "es"},
		{approved, "overdue", "pt", "en"},
		{approved, "overdue", "zh-CN", "zh-Hans"},
		{approved, "overdue", "zh", "zh-Hans"},
		{approved, "overdue", "zh-TW", "en"},
		{approved, "reply-thanks", "es-MX", "es"},
		{approved, "lender-returned", "es", "en"},
		{approved, "no-such", "es", "none"},
		{approved.With(mexican), "delay", "es-MX", "es"},
		{approved.With(mexican).Enable("es-MX"), "delay", "es-MX", "es-MX"},
	} {
		if got := used(c.set, c.name, c.language); got != c.want {
			t.Errorf("%s in %q: %s, want %s", c.name, c.language, got, c.want)
		}
	}
	if used(s, "overdue", "es") != "en" {
		t.Error("Enable changed the set it was called on")
	}
}

func TestSetWith(t *testing.T) {
	own, err := Parse("overdue", "en", "Subject: s\n\nown\n")
	if err != nil {
		t.Fatal(err)
	}
	s := Default().With(own)
	if tpl, _ := s.Lookup("overdue", "en"); tpl != own {
		t.Error("the office's own letter is not used")
	}
	if tpl, _ := Default().Lookup("overdue", "en"); tpl == own {
		t.Error("With changed the default set")
	}
	if len(s.All()) != len(Default().All()) || !slices.IsSorted(s.Names()) {
		t.Error("names")
	}
}

// TestCoreSetIsTranslated keeps the languages that are offered whole.
func TestCoreSetIsTranslated(t *testing.T) {
	for _, language := range []string{"es", "pt", "ht", "vi", "zh-Hans"} {
		for _, name := range []string{"overdue", "due_soon", "delay", "cancellation", "pickup", "delivery", "renewal-granted", "renewal-refused"} {
			if _, ok := Default().Get(name, language); !ok {
				t.Errorf("there is no %s", fileName(name, language))
			}
		}
	}
}

func TestLenderLettersHaveNoPatronFields(t *testing.T) {
	for _, tpl := range Default().All() {
		if strings.HasPrefix(tpl.Name, "lender-") && strings.Contains(tpl.Source, "patron.") {
			t.Errorf("%s names the patron", tpl.Name)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	tpl, _ := Default().Lookup("overdue", "en")
	d := Sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tpl.Render(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	tpl, _ := Default().Lookup("overdue", "en")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(tpl.Name, tpl.Language, tpl.Source); err != nil {
			b.Fatal(err)
		}
	}
}
