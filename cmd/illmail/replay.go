package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"illmail/classifier"
	"illmail/triage"
)

type classifierReplay struct {
	configFlag
	Office  string `help:"One office only." placeholder:"CODE"`
	Days    int    `help:"The mail of so many days." default:"21"`
	Model   string `help:"A model made by classifier build, instead of this program's own." type:"existingfile"`
	Learned bool   `help:"With what the office's staff taught it; on what they taught it is then right by itself."`
	JSON    bool   `name:"json" help:"One JSON object a message that would change."`
}

func (c classifierReplay) Run(e *env) error {
	model := classifier.Default()
	if c.Model != "" {
		data, err := os.ReadFile(c.Model)
		if err != nil {
			return fmt.Errorf("reading the model: %w", err)
		}
		m := &classifier.Model{}
		if err := m.UnmarshalBinary(data); err != nil {
			return fmt.Errorf("%s: %w; make one with illmail classifier build --out", c.Model, err)
		}
		model = model.With(m)
	}
	return c.with(e, func(inst *installation) error {
		offices, err := inst.pick(c.Office)
		if err != nil {
			return err
		}
		for _, o := range offices {
			in := &triage.Intake{DB: inst.db, Office: inst.triageOffice(o), Classifier: model, Log: e.log}
			use := model
			if c.Learned {
				if use, err = in.Learned(e.ctx); err != nil {
					return fmt.Errorf("learning from corrections: %w", err)
				}
			}
			if err := c.replay(e, o.Code, in, use); err != nil {
				return err
			}
		}
		return nil
	})
}

// changedLine is one message that would be understood otherwise.
type changedLine struct {
	Office          string  `json:"office"`
	Message         int64   `json:"message"`
	Subject         string  `json:"subject"`
	WasKind         string  `json:"was_kind"`
	Kind            string  `json:"kind"`
	WasIntent       string  `json:"was_intent"`
	Intent          string  `json:"intent"`
	WasTransactions []int64 `json:"was_transactions"`
	Transactions    []int64 `json:"transactions"`
	StaffSaidKind   string  `json:"staff_said_kind,omitempty"`
	StaffSaidIntent string  `json:"staff_said_intent,omitempty"`
}

func (c classifierReplay) replay(e *env, office string, in *triage.Intake, model *classifier.Classifier) error {
	var all, kind, intent, filed, said, wasRight, isRight int
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	err := in.Replay(e.ctx, time.Now().AddDate(0, 0, -c.Days), model, func(r triage.Replayed) error {
		all++
		if r.Kind != r.Was.Kind {
			kind++
		}
		if r.Intent != r.Was.Intent {
			intent++
		}
		if !slices.Equal(r.TransactionNumbers, r.Was.TransactionNumbers) {
			filed++
		}
		if judged, was, is := r.Judged(); judged {
			said++
			wasRight += one(was)
			isRight += one(is)
		}
		if r.Same() {
			return nil
		}
		if c.JSON {
			return enc.Encode(changedLine{office, r.Was.ID, r.Was.Subject, r.Was.Kind, r.Kind, r.Was.Intent, r.Intent,
				r.Was.TransactionNumbers, r.TransactionNumbers, r.Was.SaidKind, r.Was.SaidIntent})
		}
		var what []string
		if r.Kind != r.Was.Kind || r.Intent != r.Was.Intent {
			what = append(what, fmt.Sprintf("%s → %s", reading(r.Was.Kind, r.Was.Intent), reading(r.Kind, r.Intent)))
		}
		if !slices.Equal(r.TransactionNumbers, r.Was.TransactionNumbers) {
			what = append(what, fmt.Sprintf("requests %v → %v", r.Was.TransactionNumbers, r.TransactionNumbers))
		}
		if r.Was.SaidKind != "" {
			what = append(what, "staff said "+reading(r.Was.SaidKind, r.Was.SaidIntent))
		}
		_, err := fmt.Fprintf(e.stdout, "%d  %s  %q: %s\n", r.Was.ID, r.Was.InternalDate.Format(time.DateOnly), r.Was.Subject, strings.Join(what, "; "))
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the mail of %s again: %w", office, err)
	}
	if c.JSON {
		return nil
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %d messages of %d days read again by model %s: %d of another kind, %d of another intent, %d filed elsewhere. Of %d that staff judged %d were right and %d are now. Nothing was changed.\n",
		office, all, c.Days, model.Version(), kind, intent, filed, said, wasRight, isRight)
	return err
}

// reading is a kind with its intent.
func reading(kind, intent string) string { return strings.TrimSpace(kind + " " + intent) }

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
