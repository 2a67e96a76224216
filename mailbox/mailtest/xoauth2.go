package mailtest

import (
	"errors"
	"strings"
)

// xoauth2Server is the server's side of Google's XOAUTH2: a wrong token is
// answered with a challenge of JSON, which the client has to acknowledge with
// an empty line before it is refused.
type xoauth2Server struct {
	check   func(username, token string) bool
	started bool
	refused bool
}

var errToken = errors.New("token refused")

// Next takes the client's response (sasl.Server).
func (x *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if x.refused {
		return nil, false, errToken
	}
	if response == nil && !x.started {
		x.started = true
		return []byte{}, false, nil
	}
	var username, token string
	for part := range strings.SplitSeq(string(response), "\x01") {
		if v, ok := strings.CutPrefix(part, "user="); ok {
			username = v
		}
		if v, ok := strings.CutPrefix(part, "auth=Bearer "); ok {
			token = v
		}
	}
	if !x.check(username, token) {
		x.refused = true
		return []byte(`{"status":"401","schemes":"bearer"}`), false, nil
	}
	return nil, true, nil
}
