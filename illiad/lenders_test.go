package illiad

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"illmail/store/storetest"
)

func TestImportLenders(t *testing.T) {
	db := storetest.New(t)
	o := newOffice(t, db)
	dir := t.TempDir()
	csv, jsonl := filepath.Join(dir, "lenders.csv"), filepath.Join(dir, "lenders.jsonl")
	write(t, csv, "LenderString;LibraryName;EMailAddress;Domains\n"+
		"xff;Biblioth\xe8que de l'Est;ILL@xff.example.org, loans@xff.example.org;xff.example.org\n"+
		"BXM;NULL;ill@bxm.example.com;\n"+
		";;ill@nobody.example;\n"+
		"GMA;Anyone;;gmail.com\n"+
		"OWN;Ours;;example.edu\n"+
		"TLD;Too wide;;edu\n"+
		"BAD;No address;ill at bad;\n"+
		"two columns;only\n", time.Hour)
	write(t, jsonl, `{"symbol":"BXM","name":"","addresses":["ill@bxm.example.com","lending@bxm.example.com"],"domains":"bxm.example.com"}`+"\nnonsense\n", time.Hour)
	for i, want := range []string{"2 2 6", "2 0 6"} {
		var told []int
		read, changed, left, err := ImportLenders(t.Context(), db, o.ID, csv, []string{"example.edu"}, func(line int, _ string) { told = append(told, line) })
		if got := fmt.Sprint(read, changed, left); got != want || err != nil || !cmp.Equal(told, []int{4, 5, 6, 7, 8, 9}) {
			t.Errorf("run %d: %s, told %v, %v", i, got, told, err)
		}
	}
	if read, changed, left, err := ImportLenders(t.Context(), db, o.ID, jsonl, nil, nil); read != 1 || changed != 1 || left != 1 || err != nil {
		t.Errorf("%d %d %d %v", read, changed, left, err)
	}
	list, err := db.Lenders(t.Context(), o.ID)
	if err != nil || len(list) != 2 || list[0].Symbol != "BXM" || len(list[0].Addresses) != 2 || list[1].Name != "Bibliothèque de l'Est" ||
		!cmp.Equal(list[1].Addresses, []string{"ill@xff.example.org", "loans@xff.example.org"}) {
		t.Errorf("got %+v, %v", list, err)
	}
	for addr, want := range map[string]int{"someone@library.xff.example.org": 1, "Lending@BXM.example.com": 1, "ill@example.org": 0} {
		if found, err := db.LendersByAddress(t.Context(), o.ID, addr); len(found) != want || err != nil {
			t.Errorf("%s: %+v, %v", addr, found, err)
		}
	}
	if _, _, _, err := ImportLenders(t.Context(), db, o.ID, filepath.Join(dir, "none"), nil, nil); err == nil {
		t.Error("a missing file is no directory")
	}
}
