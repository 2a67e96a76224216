package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"illmail/store"
)

type queueCmd struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
	JSON   bool   `name:"json" help:"One JSON object a conversation."`
	All    bool   `help:"Answered and closed conversations, too."`
}

func (c queueCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(w, "ID\tWAITING SINCE\tFROM\tASKS\tTN\tSUBJECT\tASSIGNED")
		}
		for _, o := range offices {
			q := store.QueueQuery{OfficeID: inst.offices[o.Code].ID, Location: o.location}
			if c.All {
				q.States = []store.ItemState{store.ItemNew, store.ItemOpen, store.ItemWaitingPatron, store.ItemWaitingPartner, store.ItemSnoozed, store.ItemDone}
			}
			for {
				lines, err := inst.db.QueueLines(e.ctx, q)
				if err != nil {
					return fmt.Errorf("reading the list: %w", err)
				}
				if len(lines) == 0 {
					break
				}
				for _, l := range lines {
					if c.JSON {
						if err := enc.Encode(l); err != nil {
							return fmt.Errorf("writing the list: %w", err)
						}
						continue
					}
					asks := l.Kind
					if l.Intent != "" {
						asks += ": " + l.Intent
					}
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.WaitingSince.Format("Mon Jan 2 15:04"), l.From, asks,
						numbers(l.Transactions), oneLine(l.Subject, 50), l.AssignedTo)
				}
				q.After = &lines[len(lines)-1]
			}
		}
		return w.Flush()
	})
}

// numbers joins transaction numbers with blanks.
func numbers(tns []int64) string {
	s := make([]string, len(tns))
	for i, n := range tns {
		s[i] = fmt.Sprint(n)
	}
	return strings.Join(s, " ")
}

// oneLine shortens a text to n characters on one line.
func oneLine(s string, n int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return string(r)
}

// dayFlag reads a --from, --to or --on flag; "" is the fallback.
func dayFlag(name, value string, fallback store.Date) (store.Date, error) {
	if value == "" {
		return fallback, nil
	}
	d, err := store.ParseDate(value)
	if err != nil {
		return d, usageError(fmt.Sprintf("--%s: %v", name, err))
	}
	return d, nil
}

type ledgerCmd struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
	From   string `help:"The first day; 13 days ago where absent." placeholder:"YYYY-MM-DD"`
	To     string `help:"The last day; today where absent." placeholder:"YYYY-MM-DD"`
	JSON   bool   `name:"json" help:"One JSON object a day and mailbox."`
}

func (c ledgerCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(e.stdout)
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		if !c.JSON {
			fmt.Fprintln(w, "day\tmailbox\theld\tfiled\twaiting\tlisted\tkept aside\tignored\tmissing\t")
		}
		balanced := true
		for _, o := range offices {
			today := store.DateOf(time.Now(), o.location)
			from, err := dayFlag("from", c.From, today.AddDays(-13))
			if err != nil {
				return err
			}
			to, err := dayFlag("to", c.To, today)
			if err != nil {
				return err
			}
			rows, err := inst.db.Ledger(e.ctx, inst.offices[o.Code].ID, from, to, o.location)
			if err != nil {
				return fmt.Errorf("reading the ledger: %w", err)
			}
			for _, r := range rows {
				balanced = balanced && r.Balanced
				if c.JSON {
					if err := enc.Encode(r); err != nil {
						return fmt.Errorf("writing the ledger: %w", err)
					}
					continue
				}
				fmt.Fprintf(w, "%s\t%s %s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.Day, r.Office, r.Mailbox,
					r.Held, r.Filed, r.Waiting, r.Listed, r.KeptAside, r.Ignored, r.Missing)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if !balanced {
			fmt.Fprintln(e.stderr, "illmail: the ledger does not add up: see the column missing, and illmail check for the mailbox")
			return exitStatus(1)
		}
		return nil
	})
}
