package main

import (
	"fmt"

	"illmail/illiad"
)

type importCmd struct {
	configFlag
	Office string `help:"The office, where the configuration has several." placeholder:"CODE"`
	Full   bool   `help:"The file holds every open request: what vanished from it is closed."`
	What   string `arg:"" help:"transactions, or lenders: the directory of the libraries that lend to the office." enum:"transactions,lenders"`
	File   string `arg:"" help:".csv or .jsonl." type:"existingfile"`
}

func (c importCmd) Run(e *env) error {
	return c.withRecords(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		if len(offices) > 1 {
			return usageError("the configuration has several offices; say whose requests these are with --office CODE")
		}
		o := offices[0]
		if c.What == "lenders" {
			return c.lenders(e, inst, o)
		}
		states, err := o.states()
		if err != nil {
			return err
		}
		res, err := illiad.ImportFile(e.ctx, inst.db, inst.offices[o.Code].ID, c.File, states, illiad.FileOptions{
			Full:     c.Full,
			Bad:      func(line int, why string) { fmt.Fprintf(e.stderr, "%s:%d: %s\n", c.File, line, why) },
			Progress: func(done string) { fmt.Fprintln(e.stderr, done) },
		})
		if err != nil {
			return fmt.Errorf("importing %s: %w", c.File, err)
		}
		fmt.Fprintf(e.stdout, "%s: %d added, %d updated, %d unchanged, %d closed, %d bad rows left out.\n",
			o.Code, res.Added, res.Updated, res.Unchanged, res.Closed, res.Bad)
		if res.ShrunkFrom > 0 {
			fmt.Fprintf(e.stderr, "illmail: the export has %d open requests and the last had %d; nothing was closed. Confirm it on the settings page if that is right.\n",
				res.ShrunkTo, res.ShrunkFrom)
		}
		return nil
	})
}

// lenders takes in the directory of the libraries that lend to the office.
func (c importCmd) lenders(e *env, inst *installation, o *OfficeConfig) error {
	read, changed, bad, err := illiad.ImportLenders(e.ctx, inst.db, inst.offices[o.Code].ID, c.File, o.Domains,
		func(line int, why string) { fmt.Fprintf(e.stderr, "%s:%d: %s\n", c.File, line, why) })
	if err != nil {
		return fmt.Errorf("importing %s: %w", c.File, err)
	}
	fmt.Fprintf(e.stdout, "%s: %d lenders read, %d added or changed, %d bad rows left out.\n", o.Code, read, changed, bad)
	return nil
}
