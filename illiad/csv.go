package illiad

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// maxRecord bounds a row: one that is longer has a quotation mark that is
	// never closed, and must not swallow the rest of the file.
	maxRecord      = 1 << 20
	maxRecordLines = 500
)

var (
	errOpenQuote = errors.New("a quotation mark is not closed, or not at the end of its column")
	errLongLine  = fmt.Errorf("the line is longer than %d MB", maxRecord>>20)
)

// lineReader hands out lines, without their ends, and takes them back.
type lineReader struct {
	r    *bufio.Reader
	back []string // to be handed out again, last first
	n    int      // number of the line handed out last, from 1
}

// first returns the first line with something on it, which says what kind of
// file it is.
func (l *lineReader) first() (string, error) {
	for {
		line, err := l.next()
		switch {
		case err == io.EOF:
			return "", errors.New("it is empty")
		case err != nil:
			return "", fmt.Errorf("its first line: %w", err)
		case strings.TrimSpace(line) != "":
			return line, nil
		}
	}
}

// next returns io.EOF after the last line. Of a line that is longer than a
// record may be nothing is kept: its error is errLongLine, and the next call
// goes on after it.
func (l *lineReader) next() (string, error) {
	if n := len(l.back); n > 0 {
		line := l.back[n-1]
		l.back = l.back[:n-1]
		l.n++
		return line, nil
	}
	line, err := l.r.ReadSlice('\n')
	if err == nil || err == io.EOF && len(line) > 0 {
		l.n++
		return trimEnd(line), nil
	}
	if err != bufio.ErrBufferFull {
		return "", err
	}
	long := slices.Clone(line)
	for err == bufio.ErrBufferFull {
		if line, err = l.r.ReadSlice('\n'); len(long) <= maxRecord {
			long = append(long, line...)
		}
	}
	if err != nil && err != io.EOF {
		return "", err
	}
	l.n++
	if len(long) > maxRecord {
		return "", errLongLine
	}
	return trimEnd(long), nil
}

func trimEnd(line []byte) string {
	return string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'}))
}

// unread takes back the lines, of which the first is handed out next.
func (l *lineReader) unread(lines []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		l.back = append(l.back, lines[i])
	}
	l.n -= len(lines)
}

// csvReader reads records with quoted fields, which may hold line breaks. Unlike
// encoding/csv it recovers from a quotation mark that is never closed, with the
// line after it.
type csvReader struct {
	lines *lineReader
	comma byte
}

// record returns the fields and the line on which they begin. After
// errOpenQuote and errLongLine the next call goes on with the line after that one.
func (c *csvReader) record() (fields []string, line int, err error) {
	first, err := c.lines.next()
	line = c.lines.n
	if err != nil {
		return nil, line, err
	}
	if strings.IndexByte(first, '"') < 0 {
		return strings.Split(first, string(c.comma)), line, nil
	}
	var more []string
	size := len(first)
	p := csvParser{comma: c.comma}
	p.feed(first)
	for p.quoted && !p.broken && len(more) < maxRecordLines && size < maxRecord {
		next, err := c.lines.next()
		if err == io.EOF {
			break
		}
		if err == errLongLine {
			p.broken = true
			more = append(more, "") // it is read, and counts as a line
			break
		}
		if err != nil {
			return nil, line, err
		}
		more = append(more, next)
		size += len(next)
		p.field.WriteByte('\n')
		p.feed(next)
	}
	if p.quoted || p.broken {
		c.lines.unread(more)
		return nil, line, errOpenQuote
	}
	return append(p.fields, p.field.String()), line, nil
}

// csvParser splits a record. A quotation mark within a field that does not
// begin with one is a character like any other. Anything after a closing one
// means that it closed nothing: an earlier one stood alone, and rows between
// the two must not be swallowed.
type csvParser struct {
	comma  byte
	fields []string
	field  strings.Builder
	quoted bool // inside quotation marks
	closed bool // after the closing one
	broken bool
}

func (p *csvParser) feed(line string) {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case p.quoted && c == '"' && i+1 < len(line) && line[i+1] == '"':
			p.field.WriteByte('"')
			i++
		case p.quoted && c == '"':
			p.quoted, p.closed = false, true
		case p.quoted:
			p.field.WriteByte(c)
		case c == p.comma:
			p.fields = append(p.fields, p.field.String())
			p.field.Reset()
			p.closed = false
		case p.closed && c != ' ':
			p.broken = true
			return
		case p.closed:
		case c == '"' && p.field.Len() == 0:
			p.quoted = true
		default:
			p.field.WriteByte(c)
		}
	}
}

// sniffComma says what separates the columns of a header.
func sniffComma(header string) byte {
	best, most := byte(','), 0
	for _, c := range []byte{',', ';', '\t', '|'} {
		if n := strings.Count(header, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// each calls do with each row of so many columns until do returns an error,
// which it hands on. Of a row that cannot be read so there is no record, and
// why says the reason. Blank lines are passed over.
func (c *csvReader) each(columns int, do func(record []string, line int, why string) error) error {
	for {
		record, line, err := c.record()
		why := ""
		switch {
		case err == io.EOF:
			return nil
		case err == errOpenQuote, err == errLongLine:
			why = err.Error()
		case err != nil:
			return err
		case len(record) == 1 && strings.TrimSpace(record[0]) == "":
			continue
		}
		for len(record) > columns && record[len(record)-1] == "" {
			record = record[:len(record)-1]
		}
		if why == "" && len(record) != columns { // a stray comma would put values into wrong columns
			why = fmt.Sprintf("there are %d columns where the first line has %d; put values that hold the separator into quotation marks", len(record), columns)
		}
		if why != "" {
			record = nil
		}
		if err := do(record, line, why); err != nil {
			return err
		}
	}
}
