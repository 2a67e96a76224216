package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"illmail/classifier"
)

type classifierCmd struct {
	Crossval crossvalCmd      `cmd:"" help:"Judge a labelled set in five-fold cross-validation: no message by a model that saw it."`
	Build    buildModelCmd    `cmd:"" help:"Rebuild the embedded model from the training set, byte for byte."`
	Report   classifierReport `cmd:"" help:"How often staff agreed: confusion table, accuracy over what they corrected or confirmed, what it learned last."`
	Replay   classifierReplay `cmd:"" help:"Read the last weeks' mail again with another model or these rules, and show what would change; nothing does."`
}

type crossvalCmd struct {
	Set      string `help:"The labelled set: messages.jsonl and transactions.jsonl." default:"classifier/training" type:"existingdir"`
	Training string `help:"The training set." default:"classifier/training" type:"existingdir"`
	JSON     bool   `name:"json" help:"The answers, one JSON object a message, instead of the figures."`
	Misses   bool   `help:"What was wrong, too."`
	Authors  bool   `help:"Instead, judge each author of the training set by a model that saw nothing of theirs."`
}

func (c crossvalCmd) Run(e *env) error {
	set, training := os.DirFS(c.Set), os.DirFS(c.Training)
	if c.Authors {
		return c.byAuthor(e, training)
	}
	answers, err := classifier.CrossValidate(set, training, 5)
	if err != nil {
		return fmt.Errorf("cross-validating: %w", err)
	}
	if c.JSON {
		out := bufio.NewWriter(e.stdout)
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for _, a := range answers {
			if err := enc.Encode(a); err != nil {
				return fmt.Errorf("writing an answer: %w", err)
			}
		}
		return out.Flush()
	}
	labelled, records, err := classifier.ReadSet(set)
	if err != nil {
		return fmt.Errorf("reading the labelled set: %w", err)
	}
	s := classifier.ScoreAnswers(labelled, records, answers)
	if c.Misses {
		for _, m := range s.Misses {
			fmt.Fprintln(e.stdout, m)
		}
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name  string
		value any
	}{
		{"messages", s.Messages}, {"kind_accuracy", s.KindAccuracy}, {"intent_accuracy", s.IntentAccuracy}, {"intent_macro_f1", s.IntentMacroF1},
		{"sure_share", s.SureShare}, {"sure_right", s.SureRight}, {"filed_precision", s.FiledPrecision}, {"filed_recall", s.FiledRecall},
		{"offered_recall", s.Offered}, {"wrong_patron", s.WrongPatron}, {"verified_wrong", s.VerifiedWrong}, {"visible_text", s.VisibleText},
		{"missed_staff", s.MissedStaff},
	} {
		if f, ok := row.value.(float64); ok {
			fmt.Fprintf(w, "%s\t%.3f\n", row.name, f)
		} else {
			fmt.Fprintf(w, "%s\t%v\n", row.name, row.value)
		}
	}
	return w.Flush()
}

// byAuthor tells how the model does on wording that it never saw.
func (c crossvalCmd) byAuthor(e *env, training fs.FS) error {
	scores, err := classifier.LeaveAuthorOut(training)
	if err != nil {
		return fmt.Errorf("judging by author: %w", err)
	}
	share := func(n, of int) float64 { return float64(n) / float64(max(1, of)) }
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "author\tmessages\tkind\tintent\tsure\tof which right\tmissed staff")
	for _, name := range slices.Sorted(maps.Keys(scores)) {
		s := scores[name]
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%d\n", name, s.Messages, share(s.KindRight, s.Messages),
			share(s.IntentRight, s.Asked), share(s.Sure, s.Asked), share(s.SureRight, s.Sure), s.Missed)
		if c.Misses {
			for _, m := range s.Misses {
				fmt.Fprintln(w, m)
			}
		}
	}
	return w.Flush()
}

type buildModelCmd struct {
	Training string `help:"The training set." default:"classifier/training" type:"existingdir"`
	Out      string `help:"Where to write the model." default:"classifier/model.bin" type:"path"`
}

func (c buildModelCmd) Run(e *env) error {
	model, err := classifier.BuildModel(os.DirFS(c.Training))
	if err != nil {
		return fmt.Errorf("building the model: %w", err)
	}
	if err := os.WriteFile(c.Out, model, 0o644); err != nil {
		return fmt.Errorf("writing the model: %w", err)
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %d bytes\n", c.Out, len(model))
	return err
}

type classifierReport struct {
	configFlag
	Office string `help:"One office only." placeholder:"CODE"`
}

// lastLearned is how many corrections a report lists.
const lastLearned = 10

func (c classifierReport) Run(e *env) error {
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		for _, o := range offices {
			all, err := inst.db.Corrections(e.ctx, inst.offices[o.Code].ID)
			if err != nil {
				return fmt.Errorf("reading what staff confirmed: %w", err)
			}
			right := 0
			confused := map[[2]string]int{}
			for _, x := range all {
				if x.Kind == x.WasKind && x.Intent == x.WasIntent {
					right++
				} else {
					confused[[2]string{x.WasKind + " " + x.WasIntent, x.Kind + " " + x.Intent}]++
				}
			}
			fmt.Fprintf(e.stdout, "%s: model %s; staff confirmed or corrected %d messages, %d were right.\n",
				o.Code, classifier.Default().Version(), len(all), right)
			w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
			for _, k := range slices.SortedFunc(maps.Keys(confused), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
				fmt.Fprintf(w, "  said %s\tis %s\t%d\n", k[0], k[1], confused[k])
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if len(all) > 0 {
				fmt.Fprintln(e.stdout, "learned last:")
			}
			for _, x := range slices.Backward(all[max(0, len(all)-lastLearned):]) {
				fmt.Fprintf(e.stdout, "  %s  message %d, read as %s, is %s\n", x.At.In(o.location).Format("2006-01-02 15:04"),
					x.MessageID, reading(x.WasKind, x.WasIntent), reading(x.Kind, x.Intent))
			}
		}
		return nil
	})
}
