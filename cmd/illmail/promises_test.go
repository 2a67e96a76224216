package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromisesNameTests fails where docs/promises.md names a test that is gone.
func TestPromisesNameTests(t *testing.T) {
	doc, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z]+)`").FindAllStringSubmatch(string(doc), -1)
	if len(named) < 50 {
		t.Errorf("only %d tests are named", len(named))
	}
	sources := map[string]string{}
	for _, n := range named {
		dir, test := n[1], n[2]
		if _, ok := sources[dir]; !ok {
			var all strings.Builder
			files, _ := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(b)
			}
			sources[dir] = all.String()
		}
		if !strings.Contains(sources[dir], "\nfunc "+test+"(") {
			t.Errorf("there is no %s in %s", test, dir)
		}
	}
}
