package main

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayImport is the table of rooms (README, "The rooms"): which folders of ours
// a folder may import. Subfolders belong to their room.
var mayImport = map[string][]string{
	"mailbox":     {},
	"templates":   {},
	"store":       {},
	"classifier":  {"mailbox"},
	"illiad":      {"store"},
	"triage":      {"mailbox", "classifier", "templates", "store"},
	"notices":     {"mailbox", "templates", "store"},
	"web":         {"triage", "notices", "templates", "classifier", "mailbox", "store"},
	"cmd/illmail": {"mailbox", "templates", "store", "classifier", "illiad", "triage", "notices", "web"},
}

// wireLibraries may be imported by one room only, so that its types stay there.
var wireLibraries = map[string]string{
	"github.com/jackc/pgx/":       "store",
	"github.com/emersion/go-imap": "mailbox",
	"github.com/wneessen/go-mail": "mailbox",
	"github.com/emersion/go-smtp": "mailbox",
}

func roomOf(path string) string {
	if strings.HasPrefix(path, "cmd/illmail") {
		return "cmd/illmail"
	}
	room, _, _ := strings.Cut(path, "/")
	return room
}

func TestImportsKeepToTheRooms(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return fs.SkipDir
		}
		pkg, err := build.ImportDir(path, 0)
		if err != nil {
			return nil // no Go files here
		}
		rel = filepath.ToSlash(rel)
		room := roomOf(rel)
		allowed, ok := mayImport[room]
		if !ok {
			t.Errorf("%s holds Go code, but is no room of the design", rel)
			return nil
		}
		seen[room] = true
		for _, imp := range pkg.Imports {
			if other, ours := strings.CutPrefix(imp, "illmail/"); ours {
				if o := roomOf(other); o != room && !slices.Contains(allowed, o) {
					t.Errorf("%s imports %s: %s may import %v only", rel, imp, room, allowed)
				}
			}
			for lib, owner := range wireLibraries {
				if strings.HasPrefix(imp, lib) && room != owner {
					t.Errorf("%s imports %s: only %s may", rel, imp, owner)
				}
			}
		}
		for _, imp := range append(pkg.TestImports, pkg.XTestImports...) {
			if imp == "illmail/triage" && room == "notices" || imp == "illmail/notices" && room == "triage" {
				t.Errorf("a test of %s imports %s: the two meet in rows", rel, imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range mayImport {
		if _, err := os.Stat(filepath.Join(root, room)); err == nil && !seen[room] {
			t.Errorf("%s was not checked", room)
		}
	}
}
