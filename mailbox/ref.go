package mailbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// Ref is what an X-Illmail-Ref field says of a mail of ours: which notice it
// was, for which transactions. It lets a restored backup recognise mail that
// the database does not know.
type Ref struct {
	Kind               string
	Rung               int
	Cycle              string // the day that names the cycle, e.g. "2026-11-23"; "" for a reply
	TransactionNumbers []int64
	More               int // further transactions that the field had no room for
}

// maxRefTransactions keeps the field within the line length of RFC 5322
// section 2.1.1: a line must not be folded, since servers search for its text.
const maxRefTransactions = 60

// SignRef writes a Ref that only the holder of key can make:
// "overdue.1.2026-11-23.412304,412522.<mac>". kind and cycle must not contain
// a dot.
func SignRef(key []byte, kind string, rung int, cycle string, tns []int64) string {
	var b strings.Builder
	b.WriteString(kind)
	b.WriteByte('.')
	b.WriteString(strconv.Itoa(rung))
	b.WriteByte('.')
	b.WriteString(cycle)
	b.WriteByte('.')
	for i, tn := range tns {
		if i > 0 {
			b.WriteByte(',')
		}
		if i == maxRefTransactions {
			b.WriteString("+" + strconv.Itoa(len(tns)-i))
			break
		}
		b.WriteString(strconv.FormatInt(tn, 10))
	}
	return b.String() + "." + refMAC(key, b.String())
}

// VerifyRef reads a Ref and reports whether the holder of key made it.
func VerifyRef(key []byte, ref string) (Ref, bool) {
	ref = strings.Join(strings.Fields(ref), "")
	at := strings.LastIndexByte(ref, '.')
	if at < 0 || !hmac.Equal([]byte(ref[at+1:]), []byte(refMAC(key, ref[:at]))) {
		return Ref{}, false
	}
	p := strings.Split(ref[:at], ".")
	if len(p) != 4 {
		return Ref{}, false
	}
	rung, err := strconv.Atoi(p[1])
	if err != nil {
		return Ref{}, false
	}
	r := Ref{Kind: p[0], Rung: rung, Cycle: p[2]}
	for tn := range strings.SplitSeq(p[3], ",") {
		if tn == "" {
			continue
		}
		n, err := strconv.ParseInt(tn, 10, 64)
		if err != nil {
			return Ref{}, false
		}
		if tn[0] == '+' {
			r.More = int(n)
			continue
		}
		r.TransactionNumbers = append(r.TransactionNumbers, n)
	}
	return r, true
}

// refMAC is HMAC-SHA256, cut to 96 bits (RFC 2104 section 5).
func refMAC(key []byte, payload string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("X-Illmail-Ref\n" + payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}
