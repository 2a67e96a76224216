package classifier

import (
	"hash/fnv"
	"io/fs"
	"strings"
)

// CrossValidate judges each message of a labelled set by a model that did not
// see it: five folds by message; what the training set has beside that set
// always trains. set holds messages.jsonl and transactions.jsonl; training the
// training set. The answers are those that "illmail explain" would give.
func CrossValidate(set, training fs.FS, folds int) ([]Explanation, error) {
	ts, err := readTrainingSet(training)
	if err != nil {
		return nil, err
	}
	judged, records, err := ReadSet(set)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for i := range judged {
		ids[judged[i].ID+"\x00"+judged[i].Text] = true
	}
	kept := map[string][]Labelled{}
	for name, ms := range ts.messages {
		for i := range ms {
			if !ids[ms[i].ID+"\x00"+ms[i].Text] {
				kept[name] = append(kept[name], ms[i])
			}
		}
	}
	ts.messages = kept
	x := indexOfSet(judged, records)
	rest := featuresOfAll(ts.examples())
	own := examplesOf(judged, x, "judged")
	features := featuresOfAll(own)
	cal := calibrate(rest) // on nothing of what is judged
	out := make([]Explanation, len(judged))
	for fold := range folds {
		train := append([]example(nil), rest...)
		for i := range judged {
			if foldOf(judged[i].ID, folds) != fold {
				train = append(train, features[i])
			}
		}
		c := &Classifier{model: trainOn(train, nil, cal)}
		for i := range judged {
			if foldOf(judged[i].ID, folds) == fold {
				r := own[i].Reading
				out[i] = Explain(judged[i].ID+".eml", r, c.Decide(r, own[i].Facts))
			}
		}
	}
	return out, nil
}

// foldOf deals messages out by their id.
func foldOf(id string, folds int) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % uint32(folds))
}

// ReadSet reads messages.jsonl and transactions.jsonl of a labelled set.
func ReadSet(set fs.FS) ([]Labelled, []Transaction, error) {
	f, err := set.Open("messages.jsonl")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	ms, err := ReadLabelled(f)
	if err != nil {
		return nil, nil, err
	}
	g, err := set.Open("transactions.jsonl")
	if err != nil {
		return nil, nil, err
	}
	defer g.Close()
	ts, err := ReadTransactions(g)
	return ms, ts, err
}

// indexOfSet is an index over the records of a set and the notices that its
// messages answer.
func indexOfSet(ms []Labelled, ts []Transaction) *Index {
	emails := map[int64]string{}
	for _, t := range ts {
		emails[t.TransactionNumber] = t.Email
	}
	return NewIndex(ts, sentOf(ms, emails), nil)
}

// LeaveAuthorOut judges the messages of each author of the training set by a
// model that saw nothing of that author, and counts.
func LeaveAuthorOut(training fs.FS) (map[string]AuthorScore, error) {
	ts, err := readTrainingSet(training)
	if err != nil {
		return nil, err
	}
	all := ts.examples()
	features := featuresOfAll(all)
	out := map[string]AuthorScore{}
	for _, name := range trainingFiles {
		var train []example
		for _, f := range features {
			if f.author != name {
				train = append(train, f)
			}
		}
		c := &Classifier{model: trainOn(train, nil, calibrate(train))}
		var s AuthorScore
		for i := range all {
			if features[i].author != name {
				continue
			}
			res := c.Decide(all[i].Reading, all[i].Facts)
			s.count(i, res, all[i])
		}
		out[name] = s
	}
	return out, nil
}

// AuthorScore counts right answers on the messages of one author.
type AuthorScore struct {
	Messages, KindRight int
	Asked, IntentRight  int
	Sure, SureRight     int
	Missed              int
	Misses              []string // for reading, not for tuning
}

func (s *AuthorScore) count(i int, res Result, e Example) {
	s.Messages++
	if res.Kind == e.Kind {
		s.KindRight++
	} else {
		s.Misses = append(s.Misses, e.Reading.Message.MessageID+" kind "+string(res.Kind)+" for "+string(e.Kind))
	}
	needs := e.Kind != KindBulk && e.Kind != KindAutoReply && !(len(e.Intents) > 0 && e.Intents[0] == Thanks)
	if needs && !res.NeedsStaff {
		s.Missed++
	}
	if len(e.Intents) == 0 || res.Kind != e.Kind {
		if len(e.Intents) > 0 {
			s.Asked++
		}
		return
	}
	s.Asked++
	got := Intent("")
	p := 0.0
	if len(res.Intents) > 0 {
		got, p = res.Intents[0].Intent, res.Intents[0].P
	}
	if got == e.Intents[0] {
		s.IntentRight++
	} else {
		s.Misses = append(s.Misses, strings.TrimSuffix(e.Reading.Message.MessageID, "@mail.example")+" "+string(got)+" for "+string(e.Intents[0]))
	}
	if p >= Sure {
		s.Sure++
		if indexOf(e.Intents, got) >= 0 {
			s.SureRight++
		} else {
			s.Misses[len(s.Misses)-1] += " SURE"
		}
	}
}
