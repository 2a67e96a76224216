package illiad

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"slices"
	"strings"

	"illmail/store"
)

// lenderColumns are the names that each column of a directory of lenders may
// have, those of ILLiad's LenderAddresses among them, as plain reduces them.
var lenderColumns = struct{ symbol, name, addresses, domains []string }{
	symbol:    []string{"symbol", "lenderstring", "oclcsymbol", "lender"},
	name:      []string{"name", "libraryname"},
	addresses: []string{"addresses", "address", "emails", "email", "emailaddress", "alternateemail"},
	domains:   []string{"domains", "domain"},
}

// publicMail are domains at which anybody may have an address: they say
// nothing of a library.
var publicMail = []string{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "aol.com", "icloud.com",
	"me.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "mail.com", "proton.me", "protonmail.com", "qq.com", "163.com", "126.com", "mail.ru", "yandex.ru"}

// ImportLenders takes in a directory of lenders: CSV with a header or one JSON
// object a line, with symbol, name, addresses and domains (several are parted
// by a semicolon, a comma or blanks). What is known of a lender already stays. A
// bad row is told by its line and left out; domains of the office's own patrons
// and of public mail providers are refused. A second run changes nothing.
func ImportLenders(ctx context.Context, db *store.DB, officeID int64, path string, own []string, bad Bad) (read, changed, left int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("opening the directory of lenders: %w", err)
	}
	defer f.Close()
	var list []store.Lender
	tell := func(line int, why string) {
		left++
		if bad != nil {
			bad(line, why)
		}
	}
	err = readLenders(&lineReader{r: decode(f)}, tell, func(line int, l store.Lender) {
		if why := unfitLender(l, own); why != "" {
			tell(line, why)
			return
		}
		l.OfficeID = officeID
		list = append(list, l)
	})
	if err != nil {
		return 0, 0, left, fmt.Errorf("reading the directory of lenders: %w", err)
	}
	changed, err = db.SaveLenders(ctx, list)
	return len(list), changed, left, err
}

// readLenders yields the rows of a directory.
func readLenders(lines *lineReader, bad Bad, yield func(line int, l store.Lender)) error {
	first, err := lines.first()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(strings.TrimSpace(first), "{") {
		lines.unread([]string{first})
		return readLenderCSV(lines, sniffComma(first), bad, yield)
	}
	for line := first; ; {
		if strings.TrimSpace(line) != "" {
			l, err := lenderOfJSON(valid(line))
			if err != nil {
				bad(lines.n, fmt.Sprintf("it is no JSON object on one line: %v", err))
			} else {
				yield(lines.n, l)
			}
		}
		var err error
		if line, err = lines.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func readLenderCSV(lines *lineReader, comma byte, bad Bad, yield func(line int, l store.Lender)) error {
	c := &csvReader{lines: lines, comma: comma}
	header, _, err := c.record()
	if err != nil {
		return fmt.Errorf("its first line: %w", err)
	}
	for i := range header {
		header[i] = plain(valid(header[i]))
	}
	if !slices.ContainsFunc(header, func(n string) bool {
		return slices.Contains(lenderColumns.symbol, n) || slices.Contains(lenderColumns.name, n)
	}) {
		return errors.New("its first line has neither a column symbol nor a column name; it must name the columns: symbol, name, addresses, domains")
	}
	return c.each(len(header), func(record []string, line int, why string) error {
		if why != "" {
			bad(line, why)
			return nil
		}
		var l store.Lender
		for i, name := range header {
			setLender(&l, name, valid(record[i]))
		}
		yield(line, l)
		return nil
	})
}

func lenderOfJSON(line string) (l store.Lender, err error) {
	var object map[string]any
	if err := json.Unmarshal([]byte(line), &object); err != nil {
		return l, err
	}
	for name, v := range object {
		switch v := v.(type) {
		case string:
			setLender(&l, plain(name), v)
		case []any:
			for _, x := range v {
				if s, ok := x.(string); ok {
					setLender(&l, plain(name), s)
				}
			}
		}
	}
	return l, nil
}

func setLender(l *store.Lender, column, value string) {
	value = strings.TrimSpace(value)
	if value == "NULL" {
		value = ""
	}
	several := func() []string {
		return strings.FieldsFunc(value, func(c rune) bool { return c == ';' || c == ',' || c == ' ' || c == '\n' || c == '\t' })
	}
	switch {
	case slices.Contains(lenderColumns.symbol, column):
		l.Symbol = strings.ToUpper(value)
	case slices.Contains(lenderColumns.name, column):
		l.Name = value
	case slices.Contains(lenderColumns.addresses, column):
		l.Addresses = append(l.Addresses, several()...)
	case slices.Contains(lenderColumns.domains, column):
		for _, d := range several() {
			l.Domains = append(l.Domains, strings.ToLower(strings.TrimPrefix(d, "@")))
		}
	}
}

// unfitLender says why a row cannot be taken: what it names makes its senders
// known lenders, and must not let just anybody in.
func unfitLender(l store.Lender, own []string) string {
	if l.Symbol == "" && l.Name == "" {
		return "it has neither a symbol nor a name"
	}
	for _, a := range l.Addresses {
		if at, err := mail.ParseAddress(a); err != nil || at.Address != a {
			return fmt.Sprintf("%q is not an e-mail address", a)
		}
	}
	for _, d := range l.Domains {
		switch {
		case !strings.Contains(strings.Trim(d, "."), ".") || strings.ContainsAny(d, "@/:"):
			return fmt.Sprintf("%q is not a domain of a library; write it as library.example.edu", d)
		case slices.Contains(publicMail, d):
			return fmt.Sprintf("anybody may have an address at %q; give the library's addresses instead", d)
		case slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(o, d) || strings.HasSuffix(strings.ToLower(o), "."+d) }):
			return fmt.Sprintf("%q is the domain of the office's own patrons; give the library's addresses instead", d)
		}
	}
	return ""
}
