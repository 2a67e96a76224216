package notices

import (
	"slices"

	"illmail/store"
)

// PlanLine is one notice of a plan as `illmail notices plan --json` tells it.
type PlanLine struct {
	Office       string           `json:"office"`
	Kind         store.NoticeKind `json:"kind"`
	Rung         int              `json:"rung"` // the highest among the items
	Username     string           `json:"username"`
	To           string           `json:"to"`
	Transactions []int64          `json:"transactions"`
	Decision     Action           `json:"decision"`
	Reason       string           `json:"reason"`
	Subject      string           `json:"subject"`
	SendOn       store.Date       `json:"send_on"` // "" where the day is not known, or never comes

	Patron  string     `json:"-"` // the name; "" where the export gives none
	Items   []PlanItem `json:"-"`
	ByStaff bool       `json:"-"` // staff hold it until they release it
}

// PlanItem is a request that a notice of a plan tells of.
type PlanItem struct {
	TransactionNumber int64
	TransactionID     int64
	Cycle             store.Date
}

// lines tells the plan, without the lower rungs that a letter passes.
func (r *run) lines() []PlanLine {
	lines := make([]PlanLine, 0, len(r.groups)+len(r.others))
	for _, g := range r.groups {
		if len(g.items) == 0 {
			continue
		}
		l := r.line(g.items[0])
		l.Subject, l.Reason, l.Transactions, l.Items = g.letter.Subject, groupReason(g.items), nil, nil
		if g.items[0].Confirm != "" && g.state != store.OutboxQueued {
			l.Decision, l.SendOn = Hold, store.Date{} // nothing makes it go but the word of staff
		}
		for _, it := range g.items {
			l.Transactions = append(l.Transactions, it.facts.Transaction.TransactionNumber)
			l.Items = append(l.Items, it.planItem())
		}
		slices.Sort(l.Transactions)
		lines = append(lines, l)
	}
	for _, it := range r.others {
		if it.State != store.NoticePassed {
			lines = append(lines, r.line(it))
		}
	}
	return lines
}

func (r *run) line(it item) PlanLine {
	return PlanLine{
		Office: r.office.Code, Kind: it.Kind, Rung: it.Rung, Username: it.facts.Patron.Username, To: it.facts.Patron.Email,
		Transactions: []int64{it.facts.Transaction.TransactionNumber}, Decision: it.Action, Reason: it.Reason, SendOn: it.SendOn,
		Patron: it.facts.Patron.Name(), Items: []PlanItem{it.planItem()}, ByStaff: it.ByStaff,
	}
}

func (it *item) planItem() PlanItem {
	t := &it.facts.Transaction
	return PlanItem{TransactionNumber: t.TransactionNumber, TransactionID: t.ID, Cycle: it.Cycle}
}
