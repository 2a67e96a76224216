package illiad

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"illmail/store"
)

// ErrUnreadable says that what was pushed is no JSON of the form that is asked for.
var ErrUnreadable = errors.New("the body must be one JSON object, a list of objects, or one object after another")

// Push takes in the requests that another system sends: JSON objects with the
// columns of a transactions file, as a list or one after another. Unlike in a
// file, what an object does not name stays as it is. Bad is told of rows by
// their number, from 1. The same push twice changes nothing.
func Push(ctx context.Context, db *store.DB, officeID int64, body io.Reader, states *StateMap, opts store.ImportOptions) (store.ImportResult, error) {
	opts.Actor = "push"
	return db.Import(ctx, officeID, pushed(body, states), opts)
}

func pushed(body io.Reader, states *StateMap) iter.Seq2[store.ImportRow, error] {
	return func(yield func(store.ImportRow, error) bool) {
		var before earlier
		n := 0
		for object, err := range objects(body) {
			n++
			if err != nil {
				yield(store.ImportRow{}, fmt.Errorf("reading row %d: %w", n, err))
				return
			}
			row := store.ImportRow{Line: n}
			err := fillObject(&row, object)
			if err == nil {
				before.complete(&row, object)
			}
			if finish(&row, states, err); row.Problem == "" {
				before.remember(row)
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// objects reads JSON objects that stand alone, one after another or in lists.
func objects(body io.Reader) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		d := json.NewDecoder(body)
		d.UseNumber()
		for {
			var value any
			switch err := d.Decode(&value); {
			case err == io.EOF:
				return
			case err != nil:
				var syntax *json.SyntaxError
				if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
					err = fmt.Errorf("%w: %w", ErrUnreadable, err)
				}
				yield(nil, err)
				return
			}
			list, isList := value.([]any)
			if !isList {
				list = []any{value}
			}
			for _, v := range list {
				object, ok := v.(map[string]any)
				if !ok {
					yield(nil, ErrUnreadable)
					return
				}
				if !yield(object, nil) {
					return
				}
			}
		}
	}
}

// earlier remembers the rows of one push: of one request or patron a later row
// need not repeat what an earlier one said.
type earlier struct {
	requests map[int64]store.ImportRow
	patrons  map[string]store.ImportRow
}

// complete fills in what earlier rows named and this one does not.
func (e *earlier) complete(row *store.ImportRow, object map[string]any) {
	named := *row
	request, again := e.requests[named.Transaction.TransactionNumber]
	patron, known := e.patrons[named.Patron.Username]
	if !again && !known {
		return
	}
	row.Transaction, row.Patron = request.Transaction, patron.Patron
	if fillObject(row, object) != nil { // it went well before
		*row = named
		return
	}
	row.Absent = slices.DeleteFunc(row.Absent, func(column string) bool {
		if patronColumn(column) {
			return known && !slices.Contains(patron.Absent, column)
		}
		return again && !slices.Contains(request.Absent, column)
	})
}

func (e *earlier) remember(row store.ImportRow) {
	if e.requests == nil {
		e.requests, e.patrons = map[int64]store.ImportRow{}, map[string]store.ImportRow{}
	}
	e.requests[row.Transaction.TransactionNumber] = row
	e.patrons[row.Patron.Username] = row
}

func patronColumn(name string) bool {
	switch name {
	case "first_name", "last_name", "email", "language", "patron_status", "department", "site", "account_ends", "alternate_email":
		return true
	}
	return false
}
