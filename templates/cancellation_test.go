package templates

import (
	"strings"
	"testing"
)

func TestCancellationTemplate(t *testing.T) {
	for reason, want := range map[string]string{
		"":    "hold",
		"   ": "hold",

		"Cancelled by customer":                         "none",
		"Customer's request":                            "none",
		"Patron’s Request":                              "none",
		"Cancelled at patron's request":                 "none",
		"Per customer request":                          "none",
		"Patron request":                                "none",
		"At the request of the patron":                  "none",
		"User asked to cancel":                          "none",
		"No longer needed":                              "none",
		"Duplicate request":                             "none",
		"Duplicate of TN 412300":                        "none",
		"Request is a duplicate":                        "none",
		"Patron did not respond to our questions":       "cancel-citation-incomplete",
		"Incomplete citation":                           "cancel-citation-incomplete",
		"Insufficient information":                      "cancel-citation-incomplete",
		"Patron did not complete the citation":          "cancel-citation-incomplete",
		"Available locally":                             "cancel-held-here",
		"Held by our library":                           "cancel-held-here",
		"Item is owned by library":                      "cancel-held-here",
		"We own this item - on shelf":                   "cancellation",
		"Available online through the library":          "cancel-online-here",
		"Available electronically":                      "cancel-online-here",
		"Library has electronic access":                 "cancel-online-here",
		"Freely available online":                       "cancel-open-access",
		"Open access":                                   "cancel-open-access",
		"Available free on the Internet (HathiTrust)":   "cancel-open-access",
		"No lenders":                                    "cancel-no-lender",
		"Exhausted all possible sources":                "cancel-no-lender",
		"Unable to obtain":                              "cancel-no-lender",
		"No lender: online only, cannot be lent":        "cancel-no-lender",
		"In use at all libraries":                       "cancel-in-use",
		"All copies checked out":                        "cancel-in-use",
		"Could not verify citation":                     "cancel-not-verified",
		"Not found as cited":                            "cancel-not-verified",
		"Not yet published":                             "cancel-not-published",
		"Too new to borrow":                             "cancel-not-published",
		"Embargoed by publisher":                        "cancel-embargoed",
		"Textbooks are not borrowed":                    "cancel-textbook",
		"Library use only":                              "cancel-library-use-only",
		"In-library use only":                           "cancel-library-use-only",
		"Conditions were declined by the patron":        "cancel-condition-refused",
		"Cost exceeds limit":                            "cancel-over-cost",
		"Over maximum cost":                             "cancel-over-cost",
		"Copyright fee too high":                        "cancel-copyright-fee",
		"Copyright royalties exceed limit":              "cancel-copyright-fee",
		"Need by date has passed":                       "cancel-too-late",
		"Not wanted after date passed":                  "cancel-too-late",
		"Patron blocked":                                "cancel-not-eligible",
		"Not eligible for ILL service":                  "cancel-not-eligible",
		"Dissertations not available":                   "cancel-thesis-media",
		"DVD - lenders will not loan":                   "cancel-thesis-media",
		"Sent to Document Delivery":                     "cancel-to-document-delivery",
		"Other":                                         "cancellation",
		"See note":                                      "cancellation",
		"Not available electronically":                  "cancellation",
		"Not held locally":                              "cancellation",
		"The patron asked whether an e-book would do":   "cancellation",
		"Customer requested a review copy of the score": "cancellation",
	} {
		name, letter := CancellationTemplate(reason)
		got := name
		switch {
		case !letter && reason != "" && want != "hold":
			got = "none"
		case !letter:
			got = "hold"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", reason, got, want)
		}
	}
}

// What goes to patrons, by rules and as replies, is there in every language that is shipped.
func TestPatronsLettersInEveryLanguage(t *testing.T) {
	letters := []string{General, "overdue", "due_soon", "delay", "delay-in-transit", "pickup", "pickup-expiring", "delivery", "delivery-expiring",
		"recall", "claim-follow-up", "account-ending", "renewal-granted", "renewal-refused"}
	for _, c := range cancellations {
		if c.name != "" {
			letters = append(letters, c.name)
		}
	}
	for _, name := range Default().Names() {
		if strings.HasPrefix(name, "reply-") {
			letters = append(letters, name)
		}
	}
	for _, name := range letters {
		for _, language := range []string{"en", "es", "pt", "ht", "vi", "zh-Hans"} {
			if _, ok := Default().Get(name, language); !ok {
				t.Errorf("there is no letter %s in %s", name, language)
			}
		}
	}
}
