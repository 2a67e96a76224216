package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"illmail/classifier"
	"illmail/mailbox"
)

type explainCmd struct {
	JSON          bool     `name:"json" help:"One JSON object a message."`
	Transactions  string   `help:"Transactions to match against, as JSON lines." placeholder:"F.jsonl" type:"existingfile"`
	Sent          string   `help:"Mail we had sent, as JSON lines: message_id, transaction_number, kind, to, subject." placeholder:"F.jsonl" type:"existingfile"`
	OfficeAddress []string `help:"The office's own address (may be repeated)." placeholder:"ADDRESS"`
	OfficeDomain  []string `help:"A domain of the office's patrons (may be repeated)." placeholder:"DOMAIN"`
	Partner       []string `help:"Address or domain of a known library or ILL system." placeholder:"P"`
	AuthservID    []string `name:"authserv-id" help:"Whose Authentication-Results to trust." placeholder:"ID"`
	Paths         []string `arg:"" name:"path" help:"Messages (.eml), or folders of them." type:"existingpath"`
}

func (c *explainCmd) Run(e *env) error {
	index, err := c.index()
	if err != nil {
		return err
	}
	files, err := emlFiles(c.Paths)
	if err != nil {
		return err
	}
	office := classifier.Office{Addresses: c.OfficeAddress, Domains: c.OfficeDomain, AuthservIDs: c.AuthservID, Partners: c.Partner}
	cl := classifier.Default()
	out := bufio.NewWriter(e.stdout)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("reading a message: %w", err)
		}
		r := cl.Read(mailbox.Parse(raw), office)
		res := cl.Decide(r, index.Facts(r.Keys))
		x := classifier.Explain(filepath.Base(f), r, res)
		if c.JSON {
			err = enc.Encode(x)
		} else {
			_, err = out.WriteString(explainText(x, res))
		}
		if err != nil {
			return fmt.Errorf("writing the explanation: %w", err)
		}
	}
	return out.Flush()
}

// index reads the files that stand for the records.
func (c *explainCmd) index() (*classifier.Index, error) {
	var ts []classifier.Transaction
	var sent []classifier.Sent
	if c.Transactions != "" {
		b, err := os.ReadFile(c.Transactions)
		if err != nil {
			return nil, fmt.Errorf("reading the transactions: %w", err)
		}
		if ts, err = classifier.ReadTransactions(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Transactions, err)
		}
	}
	if c.Sent != "" {
		b, err := os.ReadFile(c.Sent)
		if err != nil {
			return nil, fmt.Errorf("reading the sent mail: %w", err)
		}
		if sent, err = classifier.ReadSent(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Sent, err)
		}
	}
	return classifier.NewIndex(ts, sent, nil), nil
}

// emlFiles lists the messages that paths name: files as they are, folders by
// their .eml files, in order of name.
func emlFiles(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("looking for messages: %w", err)
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		var found []string
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".eml") {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("looking for messages: %w", err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s holds no .eml file; name a file, or a folder that holds some", p)
		}
		sort.Strings(found)
		files = append(files, found...)
	}
	return files, nil
}

func explainText(x classifier.Explanation, res classifier.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", x.File, x.Subject)
	fmt.Fprintf(&b, "  from     %s", x.From)
	if x.Username != "" {
		fmt.Fprintf(&b, " (%s", x.Username)
		if !x.SenderVerified {
			b.WriteString(", not their registered address")
		}
		b.WriteString(")")
	}
	fmt.Fprintf(&b, "\n  kind     %s: %s\n", x.Kind, strings.Join(res.KindWhy, "; "))
	for _, i := range x.Intents {
		fmt.Fprintf(&b, "  asks     %s %.2f: %s\n", i.Intent, i.P, strings.Join(i.Reasons, "; "))
	}
	for _, m := range x.Matches {
		verb := "offered"
		if m.Decided {
			verb = "filed"
		}
		fmt.Fprintf(&b, "  %-8s TN %d %.2f: %s\n", verb, m.TransactionNumber, m.Score, strings.Join(m.Evidence, "; "))
	}
	if !x.NeedsStaff {
		b.WriteString("  needs no answer\n")
	}
	for _, p := range x.Problems {
		fmt.Fprintf(&b, "  problem  %s\n", p)
	}
	for _, line := range strings.Split(strings.TrimSpace(classifier.MaskSecrets(x.VisibleText)), "\n") {
		fmt.Fprintf(&b, "  | %s\n", line)
	}
	b.WriteString("\n")
	return b.String()
}
