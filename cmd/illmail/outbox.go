package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"illmail/store"
)

type outboxCmd struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
	JSON   bool   `name:"json" help:"One JSON object a mail."`
	State  string `help:"Only mails in this state: ${enum}." enum:",held,queued,sending,sent,failed,uncertain,cancelled" default:""`
}

func (c outboxCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(w, "ID\tSTATE\tKIND\tTO\tTN\tSENT\tREASON OR ANSWER")
		}
		for _, o := range offices {
			rows, err := inst.db.ListOutbox(e.ctx, store.OutboxFilter{OfficeID: inst.offices[o.Code].ID, State: store.OutboxState(c.State)})
			if err != nil {
				return fmt.Errorf("reading the outbox: %w", err)
			}
			for _, r := range rows {
				if c.JSON {
					if err := enc.Encode(r); err != nil {
						return fmt.Errorf("writing the outbox: %w", err)
					}
					continue
				}
				sent, why := "", r.Reason
				if r.SentAt != nil {
					sent = r.SentAt.In(o.location).Format("Jan 2 15:04")
				}
				if why == "" {
					why = r.SMTPReply
				}
				kind := string(r.Kind)
				if r.Rung > 0 {
					kind = fmt.Sprintf("%s %d", kind, r.Rung)
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.State, kind, r.To, numbers(r.Transactions), sent, oneLine(why, 60))
			}
		}
		return w.Flush()
	})
}
