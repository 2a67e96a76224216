//go:build !race

package classifier

import (
	"bytes"
	"testing"
)

// Training shares no state that could race and takes minutes under the race
// detector: make test runs this file without it, in a step of its own.

func TestEmbeddedModelIsTheRebuiltOne(t *testing.T) {
	built, err := BuildModel(training(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(built, modelBytes) {
		t.Fatal("model.bin is not what the training set, the lexicon and the code give; run: go generate ./classifier")
	}
}

// TestFigures guards what the classifier reaches in cross-validation a little
// below the measured values, and prints them.
func TestFigures(t *testing.T) {
	answers, err := CrossValidate(training(t), training(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	set, transactions, err := ReadSet(training(t))
	if err != nil {
		t.Fatal(err)
	}
	s := ScoreAnswers(set, transactions, answers)
	t.Logf("kind %.3f, intent %.3f, macro-F1 %.3f, sure %.3f of which right %.3f, filed %.3f recall %.3f offered %.3f, wrong patron %d, verified wrong %d, visible text %.3f, missed staff %d",
		s.KindAccuracy, s.IntentAccuracy, s.IntentMacroF1, s.SureShare, s.SureRight, s.FiledPrecision, s.FiledRecall, s.Offered, s.WrongPatron, s.VerifiedWrong, s.VisibleText, s.MissedStaff)
	for _, f := range []struct {
		name       string
		got, least float64
	}{
		{"kind accuracy", s.KindAccuracy, 0.96}, {"intent accuracy", s.IntentAccuracy, 0.88}, {"macro-F1", s.IntentMacroF1, 0.88}, {"sure share", s.SureShare, 0.6}, {"sure right", s.SureRight, 0.97},
		{"filed precision", s.FiledPrecision, 0.985}, {"filed recall", s.FiledRecall, 0.85}, {"offered", s.Offered, 0.97}, {"visible text", s.VisibleText, 0.97},
	} {
		if f.got < f.least {
			t.Errorf("%s fell to %.3f, below %.3f", f.name, f.got, f.least)
		}
	}
	if s.WrongPatron+s.VerifiedWrong+s.MissedStaff > 0 {
		t.Errorf("wrong patron %d, verified wrong %d, missed staff %d: each must be 0", s.WrongPatron, s.VerifiedWrong, s.MissedStaff)
	}
}
