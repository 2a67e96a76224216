package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// CandidateKeys are the keys by which a message may lead to transactions. All
// words are in lower case.
type CandidateKeys struct {
	TNs        []int64
	ILLNumbers []string
	Rapid      []string // digits only
	DOIs       []string
	ISSNISBNs  []string // digits and X only, X in upper case
	Addresses  []string
	Usernames  []string
	LastNames  []string
	TitleWords []string // likely rarest first
}

// TransactionWithPatron is a candidate for a message.
type TransactionWithPatron struct {
	Transaction
	Patron         Patron
	OtherAddresses []string // learned addresses of the patron
}

const (
	// patronRequests bounds how many requests of one known patron are candidates.
	patronRequests = 200
	// namesakes bounds how many patrons a last name may bring in, and
	// namesakeRequests how many requests of each.
	namesakes        = 30
	namesakeRequests = 30
	// sharedNumber bounds how many requests one ISSN, ISBN or DOI may bring in:
	// a journal's can be on thousands.
	sharedNumber = 50
	byTitle      = 50
	// rareWords is how many words of a mail are looked for in titles; some of
	// them are in none, which costs nothing.
	rareWords = 8
)

// Candidates returns what the keys lead to: the transactions with those
// numbers, and of the patrons whom they, an address or a username name, all
// that is open and what is recent; a last name brings in less. Only where no
// number and no patron was found are the rarest title words searched. In no
// order, each once.
func (db *DB) Candidates(ctx context.Context, officeID int64, k CandidateKeys) ([]TransactionWithPatron, error) {
	ts, known, err := db.candidatesByKey(ctx, officeID, k)
	if err != nil {
		return nil, err
	}
	if !known && len(k.TitleWords) > 0 {
		more, err := db.candidatesByTitle(ctx, officeID, k.TitleWords)
		if err != nil {
			return nil, err
		}
		for _, t := range more {
			if !slices.ContainsFunc(ts, func(o Transaction) bool { return o.ID == t.ID }) {
				ts = append(ts, t)
			}
		}
	}
	return db.withPatrons(ctx, ts)
}

// candidatesByKey asks for all exact keys in one query. known is true where a
// number or a person was hit, and not just a namesake or a shared title.
func (db *DB) candidatesByKey(ctx context.Context, officeID int64, k CandidateKeys) (ts []Transaction, known bool, err error) {
	rows, err := db.pool.Query(ctx, `
		WITH hit AS MATERIALIZED (
			SELECT id, patron_id FROM transaction WHERE office_id = @office AND transaction_number = ANY(@tns)
			UNION
			SELECT id, patron_id FROM transaction WHERE office_id = @office AND ill_number <> '' AND ill_number = ANY(@ills)
			UNION
			SELECT id, patron_id FROM transaction WHERE office_id = @office AND rapid_number <> ''
				AND ltrim(regexp_replace(rapid_number, '\D', '', 'g'), '0') = ANY(@rapids)
		), shared AS MATERIALIZED (
			(SELECT id FROM transaction WHERE office_id = @office AND doi <> '' AND lower(doi) = ANY(@dois) LIMIT @shared)
			UNION
			(SELECT id FROM transaction WHERE office_id = @office AND issn_isbn <> ''
				AND upper(regexp_replace(issn_isbn, '[^0-9Xx]', '', 'g')) = ANY(@issns) LIMIT @shared)
		), person AS MATERIALIZED (
			SELECT id FROM patron WHERE office_id = @office AND lower(email) = ANY(@addresses)
			UNION
			SELECT patron_id FROM patron_address WHERE office_id = @office AND address = ANY(@addresses)
			UNION
			SELECT id FROM patron WHERE office_id = @office AND lower(username) = ANY(@usernames)
			UNION
			(SELECT DISTINCT patron_id FROM hit LIMIT 20)
		), namesake AS MATERIALIZED (
			SELECT id FROM patron WHERE office_id = @office AND lower(last_name) = ANY(@names)
			EXCEPT SELECT id FROM person
			LIMIT @namesakes
		), found AS (
			SELECT id FROM hit
			UNION
			SELECT id FROM shared
			UNION
			SELECT t.id FROM person p CROSS JOIN LATERAL (
				SELECT id FROM transaction WHERE patron_id = p.id ORDER BY transaction_number DESC LIMIT @requests) t
			UNION
			SELECT t.id FROM person p CROSS JOIN LATERAL (
				SELECT id FROM transaction WHERE patron_id = p.id AND closed_at IS NULL AND state NOT IN `+settled+` LIMIT @requests) t
			UNION
			SELECT t.id FROM namesake p CROSS JOIN LATERAL (
				SELECT id FROM transaction WHERE patron_id = p.id ORDER BY transaction_number DESC LIMIT @namesake_requests) t
		)
		SELECT `+of("t", transactionColumns)+`, EXISTS (SELECT FROM hit) OR EXISTS (SELECT FROM person) AS known
		FROM found JOIN transaction t USING (id)`,
		pgx.NamedArgs{
			"office": officeID, "tns": k.TNs, "ills": k.ILLNumbers, "rapids": k.Rapid, "dois": k.DOIs, "issns": k.ISSNISBNs,
			"addresses": k.Addresses, "usernames": k.Usernames, "names": k.LastNames,
			"shared": sharedNumber, "namesakes": namesakes, "requests": patronRequests, "namesake_requests": namesakeRequests,
		})
	if err != nil {
		return nil, false, fmt.Errorf("looking for candidates: %w", err)
	}
	type candidate struct {
		Transaction
		Known bool
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[candidate])
	if err != nil {
		return nil, false, fmt.Errorf("looking for candidates: %w", err)
	}
	for _, c := range found {
		ts, known = append(ts, c.Transaction), known || c.Known
	}
	return ts, known, nil
}

// candidatesByTitle finds requests with at least two of the rarest words, or
// where there are none with one of them; best first.
func (db *DB) candidatesByTitle(ctx context.Context, officeID int64, words []string) ([]Transaction, error) {
	common, err := db.commonTitleWords(ctx)
	if err != nil {
		return nil, err
	}
	var rare []string
	for _, w := range words {
		w = strings.ToLower(cleanText(w))
		if _, isCommon := common[w]; !isCommon && len(w) > 2 && !slices.Contains(rare, w) && !strings.ContainsAny(w, `'\`) {
			rare = append(rare, w)
		}
		if len(rare) == rareWords {
			break
		}
	}
	if len(rare) == 0 {
		return nil, nil
	}
	var pairs []string
	for i, a := range rare {
		for _, b := range rare[i+1:] {
			pairs = append(pairs, "('"+a+"' & '"+b+"')")
		}
	}
	anyOf := "'" + strings.Join(rare, "' | '") + "'"
	// The rank is over at most 500 rows: words that are rare elsewhere may be common here.
	const search = `
		SELECT ` + transactionColumns + ` FROM (
			SELECT * FROM transaction WHERE office_id = $1 AND search @@ $2::text::tsquery LIMIT 500) t
		ORDER BY ts_rank(search, $3::text::tsquery) DESC, transaction_number DESC LIMIT $4`
	if len(pairs) > 0 {
		found, err := db.transactions(ctx, search, officeID, strings.Join(pairs, " | "), anyOf, byTitle)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	// "The Generous Campus" has one word that is not everywhere.
	return db.transactions(ctx, search, officeID, anyOf, anyOf, byTitle)
}

// titleWords caches which words of titles are common.
type titleWords struct {
	mu     sync.Mutex
	common map[string]float32 // share of the requests that have it
	readAt time.Time
}

// commonTitleWords asks the planner's statistics, which know the commonest
// words without counting, now and then.
func (db *DB) commonTitleWords(ctx context.Context) (map[string]float32, error) {
	db.titles.mu.Lock()
	defer db.titles.mu.Unlock()
	if db.titles.common != nil && time.Since(db.titles.readAt) < 10*time.Minute {
		return db.titles.common, nil
	}
	rows, err := db.pool.Query(ctx, `
		SELECT word, share
		FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS s(word, share)
		WHERE schemaname = current_schema AND tablename = 'transaction' AND attname = 'search' AND share > 0.003 AND word IS NOT NULL
			AND share * (SELECT reltuples FROM pg_class WHERE oid = 'transaction'::regclass) > 100 -- in a small table nothing is common`)
	if err != nil {
		return nil, fmt.Errorf("reading the commonest title words: %w", err)
	}
	common := map[string]float32{}
	var word string
	var share float32
	if _, err := pgx.ForEachRow(rows, []any{&word, &share}, func() error { common[word] = share; return nil }); err != nil {
		return nil, fmt.Errorf("reading the commonest title words: %w", err)
	}
	db.titles.common, db.titles.readAt = common, time.Now()
	return common, nil
}

// withPatrons adds the patrons, who are few.
func (db *DB) withPatrons(ctx context.Context, ts []Transaction) ([]TransactionWithPatron, error) {
	if len(ts) == 0 {
		return nil, nil
	}
	type patronRow struct {
		Patron
		OtherAddresses []string
	}
	seen := map[int64]patronRow{}
	var ids []int64
	for _, t := range ts {
		if _, ok := seen[t.PatronID]; !ok {
			seen[t.PatronID] = patronRow{}
			ids = append(ids, t.PatronID)
		}
	}
	rows, err := db.pool.Query(ctx, `
		SELECT `+patronColumns+`, ARRAY(SELECT address FROM patron_address a WHERE a.patron_id = patron.id ORDER BY address) AS other_addresses
		FROM patron WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading the candidates' patrons: %w", err)
	}
	patrons, err := pgx.CollectRows(rows, pgx.RowToStructByName[patronRow])
	if err != nil {
		return nil, fmt.Errorf("reading the candidates' patrons: %w", err)
	}
	for _, p := range patrons {
		seen[p.ID] = p
	}
	out := make([]TransactionWithPatron, len(ts))
	for i, t := range ts {
		p := seen[t.PatronID]
		out[i] = TransactionWithPatron{t, p.Patron, p.OtherAddresses}
	}
	return out, nil
}
