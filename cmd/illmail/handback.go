package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"time"
)

type handbackCmd struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
	Format string `help:"csv." enum:"csv" default:"csv"`
}

func (c handbackCmd) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		w := csv.NewWriter(e.stdout)
		_ = w.Write([]string{"office", "transaction_number", "username", "kind", "rung", "cycle", "state", "sent_at", "to", "message_id", "smtp_reply", "template"}) // Error below tells
		for _, o := range offices {
			rows, err := inst.db.Handback(e.ctx, inst.offices[o.Code].ID)
			if err != nil {
				return fmt.Errorf("reading what was sent: %w", err)
			}
			for _, r := range rows {
				sent := ""
				if r.SentAt != nil {
					sent = r.SentAt.In(o.location).Format(time.RFC3339)
				}
				_ = w.Write([]string{o.Code, strconv.FormatInt(r.TransactionNumber, 10), r.Username, string(r.Kind),
					strconv.Itoa(r.Rung), r.Cycle.String(), r.State, sent, r.Recipient, r.MessageID, r.SMTPReply, r.Template})
			}
		}
		w.Flush()
		return w.Error()
	})
}
