package templates

import "testing"

func TestDefaultParses(t *testing.T) {
	for _, tpl := range Default().All() {
		r, err := tpl.Render(Sample())
		if err != nil {
			t.Errorf("%s: %v", tpl.Name, err)
		}
		if tpl.Name == "overdue" {
			t.Log(r.Subject + "\n" + r.Text)
		}
	}
}
