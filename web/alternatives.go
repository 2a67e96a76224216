package web

import (
	"net/url"
	"strconv"
	"sync"

	"illmail/store"
)

// mostHelped bounds for how many requests of a page alternatives are looked for.
const mostHelped = 10

// helpCancellation fills in where else the chosen requests can be had, when the
// form is opened first, and how much of their journals the office has used.
func (s *Server) helpCancellation(v *visit, q url.Values, p *cancelPage) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	helped := 0
	today := store.DateOf(v.now, p.Office.Rules.Location)
	for i := range p.Rows {
		row := &p.Rows[i]
		if !row.Chosen {
			continue
		}
		var err error
		if row.Copyright, err = s.DB.CopyrightOf(v.ctx(), row.Transaction, today); err != nil {
			return err
		}
		if p.Office.Alternatives == nil || helped == mostHelped || q.Has("call_"+strconv.FormatInt(row.TransactionNumber, 10)) {
			continue // what staff wrote or took out stays so
		}
		helped++
		wg.Go(func() {
			row.CallNumber, row.Link = p.Office.Alternatives(v.ctx(), row.Transaction)
			row.Found = row.CallNumber != "" || row.Link != ""
		})
	}
	return nil
}
