package classifier

// Explanation is one line of "illmail explain --json".
type Explanation struct {
	File           string            `json:"file"`
	Kind           Kind              `json:"kind"`
	KindReasons    []string          `json:"kind_reasons"`
	Intents        []IntentScore     `json:"intents"`
	Matches        []Match           `json:"matches"`
	Username       string            `json:"username"`
	SenderVerified bool              `json:"sender_verified"`
	NeedsStaff     bool              `json:"needs_staff"`
	VisibleText    string            `json:"visible_text"`
	From           string            `json:"from"`
	Subject        string            `json:"subject"`
	Attachments    int               `json:"attachments"`
	Text           string            `json:"text"`
	Identifiers    []Identifier      `json:"identifiers"`
	Bounce         []ExplainedBounce `json:"bounce,omitempty"`
	Problems       []string          `json:"problems"`
	AwayUntil      string            `json:"away_until,omitempty"` // YYYY-MM-DD
	AnswerBy       string            `json:"answer_by,omitempty"`  // YYYY-MM-DD
}

// ExplainedBounce is one recipient that a bounce names.
type ExplainedBounce struct {
	Recipient string `json:"recipient"`
	Status    string `json:"status"`
	Action    string `json:"action"`
}

// Explain puts a result into the form of "illmail explain --json"; its lists
// are never null.
func Explain(file string, r *Reading, res Result) Explanation {
	m := r.Message
	e := Explanation{
		File: file, Kind: res.Kind, KindReasons: orEmpty(res.KindWhy), Intents: orEmpty(res.Intents), Matches: orEmpty(res.Matches),
		Username: res.Username, SenderVerified: res.SenderVerified, NeedsStaff: res.NeedsStaff, VisibleText: res.NewText,
		From: m.Author().Key(), Subject: m.Subject, Attachments: len(m.Attachments), Text: m.Text,
		Identifiers: orEmpty(res.Identifiers), Problems: orEmpty(m.Problems),
	}
	if res.Kind == KindBounce && m.Report != nil {
		for _, rc := range m.Report.Recipients {
			e.Bounce = append(e.Bounce, ExplainedBounce{Recipient: rc.Addr, Status: rc.Status, Action: rc.Action})
		}
	}
	if !res.AwayUntil.IsZero() {
		e.AwayUntil = res.AwayUntil.Format("2006-01-02")
	}
	if !res.AnswerBy.IsZero() {
		e.AnswerBy = res.AnswerBy.Format("2006-01-02")
	}
	return e
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
