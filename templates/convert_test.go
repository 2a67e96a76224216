package templates

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		problems       []string
	}{
		{
			name: "text",
			in: "Subject: Overdue: <#LoanTitle>\r\n\r\nDear <#User.FirstName> <#Users.LastName>,\r\n\r\nTitle: <#Transaction.LoanTitle>\r\nAuthor: <#TRANSACTIONS.LOANAUTHOR>\r\nDue: <#DueDate>\r\n\r\n" +
				"* Return it to:\r\n<#LocalInfo.LibraryName>\r\nTN <#TransactionNumber> [urgent] 5_6\r\n",
			want: "Subject: Overdue: {{item.title}}\n\nDear {{patron.first_name or \"there\"}} {{patron.last_name or \"\"}},\n\n" +
				"Title: {{item.title}}\\\nAuthor: {{item.author or \"\"}}\\\nDue: {{item.due_date}}\n\n" +
				"\\* Return it to:\\\n{{office.name or \"\"}}\\\nTN {{item.transaction_number}} \\[urgent\\] 5\\_6\n",
		},
		{
			name: "HTML",
			in: "Subject: Ready: <#PhotoArticleTitle>\n<html><head><style>p{color:red}</style><title>x</title></head><body><p>Dear&nbsp;<#FirstName>,</p>" +
				"<p>Your <b>article </b>is here:<br><i>&lt;#Transaction.PhotoJournalTitle&gt;</i></p><ul><li>one</li><li>two *</li></ul>" +
				"<p><a href=\"<#Transaction.ArticleExchangeUrl>\">Open it</a> or <a href=\"https://example.edu/a?b=c\">sign in</a> or <a href=\"/x\">here</a>.</p></body></html>",
			want: "Subject: Ready: {{item.title}}\n\nDear {{patron.first_name or \"there\"}},\n\n" +
				"Your **article** is here:\\\n*{{item.journal or \"\"}}*\n\n- one\n\n- two \\*\n\n" +
				"[Open it](<{{item.link or \"\"}}>) or [sign in](<https://example.edu/a?b=c>) or here.\n",
		},
		{
			name:     "unknown tags and no subject",
			in:       "Title <#Transaction.LoanTitel>\nand <#Foo>, <#LoanTitle>",
			want:     "Subject: Your request: {{item.title}} (TN {{item.transaction_number}})\n\nTitle {{Transaction.LoanTitel}}\\\nand {{Foo}}, {{item.title}}\n",
			problems: []string{"line 1, column 1: there is no subject", "line 1, column 7: ILLiad's <#Transaction.LoanTitel> has no field here; did you mean {{item.title}}?", "line 2, column 5: ILLiad's <#Foo> has no field here"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, problems := Convert(c.in)
			if diff := cmp.Diff(c.want, source); diff != "" {
				t.Error(diff)
			}
			if len(problems) != len(c.problems) {
				t.Fatalf("problems: %v", problems)
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), c.problems[i]) {
					t.Errorf("got %q, want %q", p, c.problems[i])
				}
			}
			tpl, err := Parse("converted", "en", source)
			if (err != nil) != (len(c.problems) > 1) {
				t.Fatalf("Parse: %v", err)
			}
			if err == nil {
				if _, err := tpl.Render(Sample()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// FuzzConvert: what is converted without an unknown tag can be saved, unless
// its subject is too long or there is nothing in it.
func FuzzConvert(f *testing.F) {
	f.Add("Subject: a\n\nDear <#FirstName>,\n- 1. x\n    y\n```\n# z ~~~\n<div>")
	f.Add("<p>a <b>b<br></b> <i> </i>* &amp; &lt;b&gt;</p><hr><ol><li>1<ul><li>2</ol><h1>x\ny</h1><a href='javascript:x'>c</a>")
	f.Add("Subject: x\n\n<a href=\"https://u@example.org/<#Note>\">a]b</a> {{item}} }} {{{\n===\n---\n|\n[x]: y")
	f.Add("Subject: x\n\n<#LoanTitle> <# LoanTitle > &lt;#Transaction.DueDate&gt;\n\t\ttabs\n+ a\n1) b")
	f.Fuzz(func(t *testing.T, in string) {
		source, problems := Convert(in)
		if len(problems) > 0 || len(source) > maxSource {
			return
		}
		if _, err := Parse("converted", "en", source); err != nil {
			for _, p := range err.(Problems) {
				if p.Line > 1 && !strings.Contains(p.Text, "bad link") && !strings.Contains(p.Text, "nothing under") {
					t.Errorf("%q became %q: %v", in, source, p)
				}
			}
		}
	})
}
