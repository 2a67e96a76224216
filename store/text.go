package store

import "strings"

// cleanText makes s fit for Postgres, which refuses NUL and invalid UTF-8, and
// trims it.
func cleanText(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
}
