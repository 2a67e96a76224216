package illiad

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"illmail/store"
)

// healthReading is the part that says how far a long reading is, while it lasts.
const healthReading = "reading requests"

// toldRows is how many of the rows that were left out are told in full.
const toldRows = 5

// reading is one taking in of an export or a query: how far it is, and which
// rows it left out.
type reading struct {
	db       *store.DB
	officeID int64
	what     string // "t.csv", "the query"
	log      *slog.Logger
	shown    bool
	bad      int
	first    []string
}

// progress shows how far it is on the settings page, and in the log.
func (r *reading) progress(ctx context.Context) func(done string) {
	return func(done string) {
		r.shown = true
		r.log.Info("taking in requests", "from", r.what, "done", done)
		if err := r.db.SetHealth(ctx, r.officeID, healthReading, true, r.what+": "+done); err != nil && ctx.Err() == nil {
			r.log.Warn("telling how far a reading is", "err", err)
		}
	}
}

func (r *reading) leftOut(line int, why string) {
	if r.bad++; len(r.first) < toldRows {
		r.first = append(r.first, fmt.Sprintf("line %d: %s", line, why))
	}
}

// end says which rows were left out, "" for none. The log does not repeat what
// stands in them: it may name a patron.
func (r *reading) end(ctx context.Context) (left string, err error) {
	if r.shown {
		err = r.db.ForgetHealth(context.WithoutCancel(ctx), r.officeID, healthReading)
	}
	if r.bad == 0 {
		return "", err
	}
	r.log.Warn("rows were left out; the settings page names the first", "from", r.what, "rows", r.bad)
	left = fmt.Sprintf("%d rows of %s were left out: %s", r.bad, r.what, strings.Join(r.first, "; "))
	if r.bad == 1 {
		left = fmt.Sprintf("a row of %s was left out: %s", r.what, r.first[0])
	} else if r.bad > len(r.first) {
		left += "; …"
	}
	return left, err
}

// report is how taking in a source went.
type report struct {
	trouble []string // with what to do
	left    []string // rows that were left out
	many    bool     // so many that it is a trouble
}

func (r *report) leftOut(left string, res store.ImportResult) {
	if left != "" {
		r.left = append(r.left, left)
		r.many = r.many || res.Bad*100 >= res.Rows+res.Bad
	}
}

// maxTold bounds what is told of a folder of many files.
const maxTold = 10

// save records the report as the health of "source".
func (r *report) save(ctx context.Context, db *store.DB, officeID int64) error {
	told := slices.Concat(r.trouble, r.left)
	if len(told) > maxTold {
		told = append(told[:maxTold], "…")
	}
	return db.SetHealth(ctx, officeID, "source", len(r.trouble) == 0 && !r.many, strings.Join(told, "; "))
}
