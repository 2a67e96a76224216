package mailbox

import (
	"net/url"
	"strings"
)

// unwrapLink returns the address that a mail gateway hid behind its own
// (Microsoft Safe Links, Proofpoint URL Defense 2 and 3), else s itself.
func unwrapLink(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	switch host := strings.ToLower(u.Hostname()); {
	case strings.HasSuffix(host, ".safelinks.protection.outlook.com"):
		return webLinkOr(u.Query().Get("url"), s)
	case host == "urldefense.com" && strings.HasPrefix(u.Path, "/v3/__"):
		inner, _, ok := strings.Cut(s[strings.Index(s, "/v3/__")+len("/v3/__"):], "__;")
		if ok && !strings.Contains(inner, "*") { // a "*" stands for a character that only their key restores
			return webLinkOr(inner, s)
		}
	case host == "urldefense.proofpoint.com" && strings.HasPrefix(u.Path, "/v2/"):
		inner := strings.NewReplacer("-", "%", "_", "/").Replace(u.Query().Get("u"))
		if plain, err := url.QueryUnescape(inner); err == nil {
			return webLinkOr(plain, s)
		}
	}
	return s
}

func webLinkOr(s, or string) string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return s
	}
	return or
}
