package store

import (
	"context"
	"fmt"
	"strconv"
)

// CopyrightUse is how many articles of one journal, published in the five years
// before they were asked for, an office received in a calendar year: the count
// of the CONTU guidelines.
type CopyrightUse struct {
	Year  int
	Count int
}

// CopyrightOf counts for the journal of an article, by ISSN or else by its
// title, in the calendar year of that day. It returns nil where the records do
// not say: the request is no article of the last five years, or the office's
// export gives no received dates.
func (db *DB) CopyrightOf(ctx context.Context, t Transaction, on Date) (*CopyrightUse, error) {
	asked := on
	if !t.CreationDate.IsZero() {
		asked = t.CreationDate
	}
	published, err := strconv.Atoi(lastYear(t.PublicationYear))
	if t.RequestType != "Article" || t.ProcessType != "Borrowing" || err != nil || published < asked.Time().Year()-5 || t.ISSNISBN == "" && t.Title == "" {
		return nil, nil
	}
	use := CopyrightUse{Year: on.Time().Year()}
	var dated bool
	// The two ways to the journal have an index each.
	journal := `upper(regexp_replace(issn_isbn, '[^0-9Xx]', '', 'g')) = upper(regexp_replace($2, '[^0-9Xx]', '', 'g')) AND issn_isbn <> ''`
	name := t.ISSNISBN
	if name == "" {
		journal, name = `search @@ phraseto_tsquery('simple', $2) AND lower(title) = lower($2)`, t.Title
	}
	err = db.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM transaction WHERE office_id = $1 AND request_type = 'Article' AND received_date IS NOT NULL),
			(SELECT count(*) FROM transaction
			 WHERE office_id = $1 AND `+journal+` AND request_type = 'Article' AND process_type = 'Borrowing'
				AND received_date >= make_date($3, 1, 1) AND received_date < make_date($3 + 1, 1, 1)
				AND substring(publication_year from '((?:19|20)[0-9]{2})[^0-9]*$')::int >= extract(year FROM coalesce(creation_date, received_date)) - 5)`,
		t.OfficeID, name, use.Year).Scan(&dated, &use.Count)
	if err != nil {
		return nil, fmt.Errorf("counting articles of a journal: %w", err)
	}
	if !dated {
		return nil, nil
	}
	return &use, nil
}

// lastYear is the last year that a text names: "2023-2024" is 2024.
func lastYear(s string) string {
	for i := len(s) - 4; i >= 0; i-- {
		y := s[i : i+4]
		if n, err := strconv.Atoi(y); err == nil && n >= 1900 && n < 2100 {
			return y
		}
	}
	return ""
}
