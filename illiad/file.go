package illiad

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
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
// a line, in UTF-8, UTF-16 or Windows-1252. A row that cannot be taken has a
// Problem; an error ends the file: it cannot be read, or is no transactions file.
func Read(r io.Reader, name string, states *StateMap) iter.Seq2[store.ImportRow, error] {
	return func(yield func(store.ImportRow, error) bool) {
		lines := &lineReader{r: decode(r)}
		err := readRows(lines, states, func(row store.ImportRow) bool { return yield(row, nil) })
		if err != nil {
			yield(store.ImportRow{}, fmt.Errorf("reading %s: %w", name, err))
		}
	}
}

// errStop: the receiver wants no more.
var errStop = errors.New("stop")

func readRows(lines *lineReader, states *StateMap, yield func(store.ImportRow) bool) error {
	first, err := lines.first()
	if err != nil {
		return err
	}
	lines.unread([]string{first})
	if strings.HasPrefix(strings.TrimSpace(first), "{") {
		err = readJSON(lines, states, yield)
	} else {
		err = readCSV(lines, states, yield)
	}
	if err == errStop {
		return nil
	}
	return err
}

func readCSV(lines *lineReader, states *StateMap, yield func(store.ImportRow) bool) error {
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
	at := columns(header)
	if missing := lacks(at); missing != "" {
		return fmt.Errorf("its first line has no column %s; it must name the columns, at least transaction_number, username and status", missing)
	}
	return c.each(len(header), func(record []string, line int, why string) error {
		row := store.ImportRow{Line: line, Problem: why}
		if why == "" {
			finish(&row, states, fill(&row, at, func(i int) string { return valid(record[i]) }))
		}
		if !yield(row) {
			return errStop
		}
		return nil
	})
}

func readJSON(lines *lineReader, states *StateMap, yield func(store.ImportRow) bool) error {
	for {
		s, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil && err != errLongLine {
			return err
		}
		row := store.ImportRow{Line: lines.n}
		if err != nil {
			row.Problem = err.Error()
		} else if strings.TrimSpace(s) == "" {
			continue
		} else {
			readObject(&row, valid(s), states)
		}
		row.Absent = nil // a file is whole: what it does not name is empty
		if !yield(row) {
			return errStop
		}
	}
}

// readObject sets the row to what the line says, its Problem where it says
// nothing that can be taken.
func readObject(row *store.ImportRow, line string, states *StateMap) {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	err := d.Decode(&object)
	if err == nil && object == nil {
		err = errors.New("it is null")
	}
	if err == nil && d.More() {
		err = errors.New("something follows the object")
	}
	if err != nil {
		row.Problem = fmt.Sprintf("it is no JSON object on one line: %v", err)
		return
	}
	finish(row, states, fillObject(row, object))
}

// finish checks what was filled in; of what cannot be taken only the number
// and the reason are kept.
func finish(row *store.ImportRow, states *StateMap, err error) {
	if err == nil {
		err = complete(row, states)
	}
	if err == nil {
		return
	}
	*row = store.ImportRow{Line: row.Line, Problem: err.Error(), Transaction: store.Transaction{TransactionNumber: row.Transaction.TransactionNumber}}
}

// fillObject sets the fields that the object names; null is "". It notes in the
// row what the object does not name.
func fillObject(r *store.ImportRow, object map[string]any) error {
	names := slices.Sorted(maps.Keys(object)) // of two spellings of a name always the same is first
	at := columns(names)
	r.Absent = absent(at)
	var nested error
	err := fill(r, at, func(i int) string {
		switch v := object[names[i]].(type) {
		case nil:
			return ""
		case string:
			return v
		case []any, map[string]any:
			nested = fmt.Errorf("%s is no single value", names[i])
			return ""
		default: // json.Number, bool
			return fmt.Sprint(v)
		}
	})
	return cmp.Or(err, nested)
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
	Full     bool              // what is missing in it is closed
	Bad      Bad               // nil = nobody is told
	Progress func(done string) // nil = nobody is told
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
	return db.Import(ctx, officeID, Read(r, name, states), store.ImportOptions{Full: opts.Full, Bad: opts.Bad, Progress: opts.Progress})
}
