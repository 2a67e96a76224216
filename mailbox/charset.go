package mailbox

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// decodeCharset turns text in the labelled charset into UTF-8. Labels lie:
// "us-ascii" and "utf-8" are written over anything, so bytes that do not fit
// the label are decoded by what they look like. ok is false where the label
// was unknown or wrong.
func decodeCharset(label string, b []byte) (text string, ok bool) {
	label = strings.ToLower(strings.Trim(label, " \t\"'"))
	stateful := strings.HasPrefix(label, "utf-7") || strings.HasSuffix(label, "utf-7") || strings.HasPrefix(label, "utf-16") ||
		strings.HasPrefix(label, "utf-32") || strings.HasPrefix(label, "iso-2022") || strings.HasPrefix(label, "hz")
	if !stateful && isASCII(b) {
		if bytes.Contains(b, []byte("\x1b$")) { // ISO-2022-JP without saying so
			return decodeWith(japanese.ISO2022JP, b), false
		}
		return string(b), true
	}
	switch label {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "8bit", "default", "default_charset", "utf-8mb4":
		if utf8.Valid(b) {
			return string(b), true
		}
		return decodeUnknown(b), false
	case "unicode-1-1-utf-7", "utf-7":
		return decodeUTF7(b), true
	}
	enc := lookupCharset(label)
	if enc == nil {
		return decodeUnknown(b), false
	}
	if !stateful && utf8.Valid(b) && enc != traditionalchinese.Big5 {
		// Multi-byte sequences that all happen to be UTF-8 are UTF-8 under a wrong label.
		return string(b), false
	}
	if enc == simplifiedchinese.HZGB2312 && !isASCII(b) {
		enc = simplifiedchinese.GB18030
	}
	return decodeWith(enc, b), true
}

// lookupCharset finds an encoding by any name that mail gives it. The names
// of WHATWG come first: they read gb2312 as GBK and iso-8859-1 as
// windows-1252, as mailers mean them.
func lookupCharset(label string) encoding.Encoding {
	switch label {
	case "gb2312", "gbk", "gb18030", "cp936", "x-gbk", "gb_2312-80", "chinese", "euc-cn":
		return simplifiedchinese.GB18030
	case "hz-gb-2312", "hz":
		return simplifiedchinese.HZGB2312
	case "big5", "big5-hkscs", "cp950", "x-x-big5", "csbig5":
		return traditionalchinese.Big5
	case "cp932", "x-ms-cp932", "ms932":
		return japanese.ShiftJIS
	case "cp949", "uhc", "ks_c_5601-1987", "iso-2022-kr":
		return korean.EUCKR
	case "cp1252", "cp-1252", "ansi", "windows1252", "windows-1252http-equivcontent-type", "iso-8859-1-windows-3.1-latin-1":
		return charmap.Windows1252
	}
	if strings.HasPrefix(label, "iso-2022-jp") {
		return japanese.ISO2022JP
	}
	if rest, ok := strings.CutPrefix(label, "cp125"); ok {
		label = "windows-125" + rest
	}
	if rest, ok := strings.CutPrefix(label, "iso8859"); ok {
		label = "iso-8859-" + strings.TrimLeft(rest, "-_")
	}
	if enc, err := htmlindex.Get(label); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(label); err == nil && enc != nil {
		return enc
	}
	return nil
}

func decodeWith(enc encoding.Encoding, b []byte) string {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// decodeUnknown decodes text whose charset nobody names: UTF-8 where it is,
// else by its statistics.
func decodeUnknown(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if enc := guessCharset(b); enc != nil {
		return decodeWith(enc, b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// guessCharset looks at how high bytes stand: one or two beside ASCII letters
// in the languages of Western Europe, in pairs within the ranges of frequent
// characters in Chinese, in whole words in Cyrillic. nil: UTF-8 with an
// accident in it.
func guessCharset(b []byte) encoding.Encoding {
	const enough = 64 << 10
	b = b[:min(len(b), enough)]
	var high, letters, valid, invalid int
	for i := 0; i < len(b); {
		if b[i] < 0x80 {
			if isLetter(b[i]) {
				letters++
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError {
			invalid++
		} else {
			valid += n
		}
		high += n
		i += n
	}
	var runs, odd, attached, gb, koiLower, winLower int
	for i := 0; i < len(b); i++ {
		start := i
		for ; i < len(b) && b[i] >= 0x80; i++ {
			switch c := b[i]; {
			case c >= 0xc0 && c <= 0xdf:
				koiLower++
			case c >= 0xe0:
				winLower++
			}
		}
		n := i - start
		if n == 0 {
			continue
		}
		runs++
		odd += n % 2
		if n <= 3 && (start > 0 && isLetter(b[start-1]) || i < len(b) && isLetter(b[i])) {
			attached += n
		}
		for j := start; j+1 < i; j += 2 {
			if b[j] >= 0xb0 && b[j] <= 0xd7 && b[j+1] >= 0xa1 { // the frequent characters of GB 2312
				gb += 2
			}
		}
	}
	big5 := 0
	for i := 0; i+1 < len(b); i++ {
		if b[i] >= 0xa4 && b[i] <= 0xc6 && (b[i+1] >= 0x40 && b[i+1] <= 0x7e || b[i+1] >= 0xa1) { // the frequent ones of Big5
			i++
			if big5++; b[i] >= 0x80 {
				big5++
			}
		}
	}
	switch {
	case valid > 8*invalid:
		return nil
	case gb*10 >= high*7 && gb >= big5 && odd*4 < runs:
		return simplifiedchinese.GB18030
	case big5*10 >= high*8 && high > 3:
		return traditionalchinese.Big5
	case attached*2 > high || letters > 4*high:
		return charmap.Windows1252
	case koiLower > winLower && koiLower*10 > high*6:
		return charmap.KOI8R
	case winLower*10 > high*6:
		return charmap.Windows1251
	}
	return charmap.Windows1252
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// decodeUTF7 decodes RFC 2152, which old Exchange servers write reports in.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); {
		if b[i] != '+' {
			out.WriteByte(b[i])
			i++
			continue
		}
		j := i + 1
		for j < len(b) && strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b[j]) >= 0 {
			j++
		}
		if j == i+1 {
			out.WriteByte('+')
		} else if raw, err := base64.RawStdEncoding.DecodeString(string(b[i+1 : j])); err == nil {
			units := make([]uint16, len(raw)/2)
			for k := range units {
				units[k] = uint16(raw[2*k])<<8 | uint16(raw[2*k+1])
			}
			out.WriteString(string(utf16.Decode(units)))
		} else {
			out.Write(b[i:j])
		}
		if j < len(b) && b[j] == '-' {
			j++
		}
		i = j
	}
	return out.String()
}
