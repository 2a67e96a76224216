package illiad

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"illmail/store"
)

// Bad is told of a row that cannot be taken, by its line and in a sentence.
type Bad func(line int, why string)

// Read yields the rows of a transactions file: CSV with a header (comma,
// semicolon, tab or bar; quoted fields may hold line breaks) or one JSON object
// a line, in UTF-8, UTF-16 or Windows-1252. A bad row is told and skipped; an
// error ends it: the file cannot be read, or is no transactions file.
func Read(r io.Reader, name string, states *StateMap, bad Bad) iter.Seq2[store.ImportRow, error] {
	return func(yield func(store.ImportRow, error) bool) {
		if bad == nil {
			bad = func(int, string) {}
		}
		lines := &lineReader{r: decode(r)}
		err := readRows(lines, states, bad, func(row store.ImportRow) bool { return yield(row, nil) })
		if err != nil {
			yield(store.ImportRow{}, fmt.Errorf("reading %s: %w", name, err))
		}
	}
}

// errStop: the receiver wants no more.
var errStop = errors.New("stop")

func readRows(lines *lineReader, states *StateMap, bad Bad, yield func(store.ImportRow) bool) error {
	var first string
	for strings.TrimSpace(first) == "" {
		var err error
		if first, err = lines.next(); err == io.EOF {
			return errors.New("it is empty")
		} else if err != nil {
			return err
		}
	}
	lines.unread([]string{first})
	var err error
	if strings.HasPrefix(strings.TrimSpace(first), "{") {
		err = readJSON(lines, states, bad, yield)
	} else {
		err = readCSV(lines, states, bad, yield)
	}
	if err == errStop {
		return nil
	}
	return err
}

func readCSV(lines *lineReader, states *StateMap, bad Bad, yield func(store.ImportRow) bool) error {
	first, err := lines.next()
	if err != nil {
		return err
	}
	c := &csvReader{lines: lines}
	if sep, ok := strings.CutPrefix(first, "sep="); ok && len(sep) == 1 { // Excel's own line
		c.comma = sep[0]
	} else {
		c.comma = sniffComma(first)
		lines.unread([]string{first})
	}
	header, _, err := c.record()
	if err != nil {
		return fmt.Errorf("its first line: %w", err)
	}
	places := columns(header)
	if missing := lacks(places); missing != "" {
		return fmt.Errorf("its first line has no column %s; it must name the columns, at least transaction_number, username and status", missing)
	}
	return c.each(len(header), bad, func(record []string, line int) error {
		row := store.ImportRow{Line: line}
		err := fill(&row, places, func(i int) string { return valid(record[i]) })
		if err == nil {
			err = complete(&row, states)
		}
		if err != nil {
			bad(line, err.Error())
			return nil
		}
		if !yield(row) {
			return errStop
		}
		return nil
	})
}

func readJSON(lines *lineReader, states *StateMap, bad Bad, yield func(store.ImportRow) bool) error {
	for {
		s, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(s) == "" {
			continue
		}
		row := store.ImportRow{Line: lines.n}
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(valid(s)))
		d.UseNumber()
		if err = d.Decode(&object); err != nil {
			bad(lines.n, fmt.Sprintf("it is no JSON object on one line: %v", err))
			continue
		}
		err = fillObject(&row, object)
		if err == nil {
			err = complete(&row, states)
		}
		if err != nil {
			bad(lines.n, err.Error())
			continue
		}
		row.Absent = nil // a file is whole: what it does not name is empty
		if !yield(row) {
			return errStop
		}
	}
}

// fillObject sets the fields that the object names; null is "". It notes in the
// row what the object does not name.
func fillObject(r *store.ImportRow, object map[string]any) error {
	names := make([]string, 0, len(object))
	values := make([]string, 0, len(object))
	for k, v := range object {
		names = append(names, k)
		switch v := v.(type) {
		case nil:
			values = append(values, "")
		case string:
			values = append(values, v)
		default: // json.Number, bool; a list or an object is no value of ours
			values = append(values, fmt.Sprint(v))
		}
	}
	places := columns(names)
	r.Absent = absent(places)
	return fill(r, places, func(i int) string { return values[i] })
}

// decode returns UTF-8 where a byte order mark, or NUL bytes in the first
// letters, say that it is UTF-16; a UTF-8 mark is dropped.
func decode(r io.Reader) *bufio.Reader {
	b := bufio.NewReaderSize(r, 1<<16)
	head, _ := b.Peek(4)
	var e encoding.Encoding
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		b.Discard(3)
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		e = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	case len(head) == 4 && head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0:
		e = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case len(head) == 4 && head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0:
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	if e != nil {
		return bufio.NewReaderSize(e.NewDecoder().Reader(b), 1<<16)
	}
	return b
}

// valid returns s, read as Windows-1252 where it is no UTF-8: text in that
// encoding hardly ever happens to be.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out
}

// FileOptions say how a transactions file is taken in.
type FileOptions struct {
	Full     bool           // what is missing in it is closed
	Bad      Bad            // nil = nobody is told
	Progress func(rows int) // nil = nobody is told
}

// ImportFile takes in the transactions file at path, whole or not at all but
// for its bad rows. A second run changes nothing.
func ImportFile(ctx context.Context, db *store.DB, officeID int64, path string, states *StateMap, opts FileOptions) (store.ImportResult, error) {
	f, err := os.Open(path)
	if err != nil {
		return store.ImportResult{}, fmt.Errorf("opening the transactions file: %w", err)
	}
	defer f.Close()
	return importRows(ctx, db, officeID, f, path, states, opts)
}

func importRows(ctx context.Context, db *store.DB, officeID int64, r io.Reader, name string, states *StateMap, opts FileOptions) (store.ImportResult, error) {
	unread := 0
	tell := func(line int, why string) {
		unread++
		if opts.Bad != nil {
			opts.Bad(line, why)
		}
	}
	res, err := db.Import(ctx, officeID, Read(r, name, states, tell), store.ImportOptions{Full: opts.Full, Bad: opts.Bad, Progress: opts.Progress})
	res.Bad += unread
	return res, err
}
