package templates

import (
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	const head = "Subject: s\n\n"
	for _, c := range []struct{ name, source, want string }{
		{"unknown field", head + "Due {{item.due_dat}}.", "line 3, column 5: unknown field {{item.due_dat}}; did you mean {{item.due_date}}?"},
		{"unknown field without its part", head + "{{due_dat}}", "line 3, column 1: unknown field {{due_dat}}; did you mean {{item.due_date}}?"},
		{"unknown field in a condition", head + "{{#if mani}}x{{/if}}", "line 3, column 1: unknown field {{mani}}; did you mean {{many}}?"},
		{"nothing near", head + "{{xyzzy}}", "line 3, column 1: unknown field {{xyzzy}}"},
		{"columns count characters", head + "Día {{nott}}", "line 3, column 5: unknown field {{nott}}; did you mean {{note}}?"},
		{"bad name of extra", head + "{{extra.A-b}}", "line 3, column 1: {{extra.A-b}} is not a field"},
		{"unknown block", head + "{{#iff many}}", "line 3, column 1: unknown block {{#iff many}}; did you mean {{#if}}?"},
		{"each of what", head + "{{#each item}}\n{{/each}}", "line 3, column 1: {{#each item}}: only {{#each items}} is known"},
		{"unclosed if", head + "a\n\n{{#if many}}\nb\n", "line 5, column 1: {{#if}} is never closed"},
		{"unclosed each", head + "{{#each items}}\n- a\n", "line 3, column 1: {{#each items}} is never closed"},
		{"unclosed inline if", head + "a {{#if many}} b\n\nc", "line 3, column 3: {{#if}} is not closed"},
		{"crossed blocks", head + "{{#if many}}\n{{#each items}}\n{{/if}}\n{{/each}}\n", "line 5, column 1: {{/if}} stands where {{#each items}} of line 4 is still open"},
		{"stray else", head + "{{else}}\na", "line 3, column 1: {{else}} closes nothing"},
		{"stray inline end", head + "a {{/if}} b", "line 3, column 3: {{/if}} closes nothing"},
		{"two elses", head + "{{#if many}}\na\n{{else}}\nb\n{{else}}\nc\n{{/if}}", "line 7, column 1: {{else}} stands where"},
		{"inline each", head + "a {{#each items}}b{{/each}}", "line 3, column 3: {{#each items}} must stand on a line of its own"},
		{"each in each", head + "{{#each items}}\n{{#each items}}\na\n{{/each}}\n{{/each}}", "line 4, column 1: {{#each items}} cannot stand inside another one"},
		{"unclosed tag", head + "a {{item.title b", "line 3, column 3: {{ is not closed"},
		{"yes or no as text", head + "{{many}}", "line 3, column 1: {{many}} is a yes or no"},
		{"days of a title", head + "{{item.title | days}}", "line 3, column 1: {{item.title}} is not a number of days"},
		{"short of a title", head + "{{item.title | short}}", "line 3, column 1: {{item.title}} is not a date"},
		{"unknown form", head + "{{item.due_date | shrt}}", "line 3, column 1: unknown form “| shrt”; did you mean"},
		{"long subject", "Subject: " + strings.Repeat("a", 60) + "{{#if many}}" + strings.Repeat("b", 41) + "{{else}}c{{/if}}\n\nx", "line 1, column 101: the subject has 101 characters"},
		{"empty subject", "Subject: \n\nx", "line 1, column 1: the subject is empty"},
		{"no subject", "Hello\n\nx", "line 1, column 1: the first line is “Subject: …”"},
		{"nothing", "", "line 1, column 1: there is no subject"},
		{"other heading", "Subject: s\nCc: a@example.org\n\nx", "line 2, column 1: unknown heading “Cc:”"},
		{"empty letter", "Subject: s\n\n", "there is nothing under the subject"},
		{"javascript", head + "a [b](javascript:alert(1)) c", "line 3, column 3: bad link: \"javascript:alert(1)\" must begin with https://"},
		{"relative link", head + "[b](/renew)", "line 3, column 1: bad link: \"/renew\" must begin with"},
		{"link to a value", head + "[b]({{item.title}})", "line 3, column 1: bad link: {{item.title}} is not an address"},
		{"host from a value", head + "[b](https://x{{item.title}}/)", "line 3, column 1: bad link: a field cannot be part of the host name"},
		{"empty link", head + "[b]()", "line 3, column 1: bad link: it goes nowhere"},
		{"link with a name", head + "[b](https://a@example.org/)", "line 3, column 1: bad link:"},
		{"mail to nobody", head + "[b](mailto:)", "line 3, column 1: bad link: write mailto:"},
		{"condition in a link", head + "[b](https://example.org/{{#if many}}a{{/if}})", "line 3, column 25: {{#if}} cannot stand inside the address"},
		{"html", head + "a <b>x</b>", "line 3, column 3: HTML is not allowed"},
		{"html block", head + "<div>\nx\n</div>", "line 3, column 1: HTML is not allowed"},
		{"picture", head + "![x](https://example.org/x.png)", "pictures are not allowed"},
		{"code", head + "a\n\n    b", "a line that is indented by four blanks becomes program code"},
		{"fence", head + "```\nb\n```", "FencedCodeBlock is not allowed"},
		{"control character", head + "a\x07b", "line 3, column 2: the character U+0007 cannot stand"},
		{"mark", head + "a\U000F0000b", "line 3, column 2: the character U+F0000 cannot stand"},
		{"not UTF-8", head + "a\xffb", "line 3, column 2: the character U+FFFD cannot stand"},
		{"too big", head + strings.Repeat("a", maxSource), "line 1, column 1: a template may have at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("test", "en", c.source)
			if err == nil {
				t.Fatal("is accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestParseNamesEverything(t *testing.T) {
	_, err := Parse("test", "en", "Subject: {{titel}}\r\n\r\n{{nott}}\r\n\r\n[x](y)\r\n")
	ps, ok := err.(Problems)
	if !ok || len(ps) != 3 || ps[0].Line != 1 || ps[1].Line != 3 || ps[2].Line != 5 {
		t.Errorf("got %v", err)
	}
}

func TestParseNameAndLanguage(t *testing.T) {
	for _, c := range []struct {
		name, language string
		ok             bool
	}{
		{"overdue", "en", true}, {"due_soon", "zh-Hans", true},
		{"../etc", "en", false}, {"Overdue", "en", false}, {"", "en", false}, {"overdue", "", false}, {"overdue", "e/n", false},
	} {
		if _, err := Parse(c.name, c.language, "Subject: s\n\nx"); (err == nil) != c.ok {
			t.Errorf("%q, %q: %v", c.name, c.language, err)
		}
	}
}

func TestFileNames(t *testing.T) {
	for _, tpl := range Default().All() {
		name, language, ok := SplitFileName(fileName(tpl.Name, tpl.Language))
		if !ok || name != tpl.Name || language != tpl.Language {
			t.Errorf("%s, %s became %s, %s", tpl.Name, tpl.Language, name, language)
		}
	}
	for _, bad := range []string{"overdue", "overdue.txt", ".md", "a.b.c.md", "../x.md"} {
		if _, _, ok := SplitFileName(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tpl := range Default().All()[:10] {
		f.Add(tpl.Source)
	}
	f.Add("Subject: {{#if many}}a{{else}}b\n\n**{{#if many}}*a**{{/if}} [x]({{item.link}}{{note}})\n> - {{#each items}}\n")
	f.Add("Subject: s\n\n[x]: https://example.org/{{note}}\n\n[x] ![y][x] <a@b.c> `{{note}}`\n")
	f.Fuzz(func(t *testing.T, source string) {
		tpl, err := Parse("fuzz", "en", source)
		if err != nil {
			for _, p := range err.(Problems) {
				if p.Line < 1 || p.Col < 1 || p.Text == "" {
					t.Errorf("a problem without a place: %v", p)
				}
			}
			return
		}
		r, err := tpl.Render(Sample())
		if err == nil && (r.Subject == "" || strings.ContainsAny(r.Subject, "\r\n")) {
			t.Errorf("subject %q", r.Subject)
		}
		_, _ = tpl.Render(minimal())
		_, _ = tpl.Render(Data{})
	})
}

// fileName is what a letter is called as a file, which SplitFileName reads.
func fileName(name, language string) string {
	if language == "en" {
		return name + ".md"
	}
	return name + "." + language + ".md"
}

func TestCheckTriesTheLetter(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"overdue", "Subject: Late\n\nHello {{patron.first_name}}.\n", ""},
		{"overdue", "Subject: Late\n\nDue {{item.due_dat}}.\n", "line 3, column 5: "},
		{"lender-returned", "Subject: Returned\n\nWe sent it back.\n\nIt was for {{patron.first_name}}.\n", "line 5, column 12: the letter lender-returned (en) needs {{patron.first_name}}"},
	} {
		_, err := Check(c.name, "en", c.source)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, l := range Default().All() {
		if _, err := Check(l.Name, l.Language, l.Source); err != nil {
			t.Errorf("%s: %v", FileName(l.Name, l.Language), err)
		}
	}
}
