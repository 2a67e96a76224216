package classifier

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word of a text as it is compared: lower case, without accents.
type token struct {
	word       string
	start, end int  // bytes of the text it came from
	sentence   int  // which sentence it is of
	number     bool // it has a digit
}

// sentence says what ends a stretch of tokens.
type sentence struct {
	from, to int // tokens
	question bool
}

// foldRune is the letter without accent, or "" where it needs no change.
func foldRune(r rune) string {
	switch r {
	case 'á', 'à', 'â', 'ã', 'ä', 'å', 'ā', 'ă', 'ą', 'ạ', 'ả', 'ấ', 'ầ', 'ẩ', 'ẫ', 'ậ', 'ắ', 'ằ', 'ẳ', 'ẵ', 'ặ':
		return "a"
	case 'é', 'è', 'ê', 'ë', 'ē', 'ę', 'ě', 'ė', 'ẹ', 'ẻ', 'ẽ', 'ế', 'ề', 'ể', 'ễ', 'ệ':
		return "e"
	case 'í', 'ì', 'î', 'ï', 'ī', 'ı', 'ị', 'ỉ', 'ĩ':
		return "i"
	case 'ó', 'ò', 'ô', 'õ', 'ö', 'ø', 'ō', 'ő', 'ơ', 'ọ', 'ỏ', 'ố', 'ồ', 'ổ', 'ỗ', 'ộ', 'ớ', 'ờ', 'ở', 'ỡ', 'ợ':
		return "o"
	case 'ú', 'ù', 'û', 'ü', 'ū', 'ů', 'ű', 'ư', 'ụ', 'ủ', 'ũ', 'ứ', 'ừ', 'ử', 'ữ', 'ự':
		return "u"
	case 'ý', 'ÿ', 'ỳ', 'ỵ', 'ỷ', 'ỹ':
		return "y"
	case 'ñ', 'ń', 'ň':
		return "n"
	case 'ç', 'ć', 'č':
		return "c"
	case 'ß':
		return "ss"
	case 'š', 'ś', 'ș', 'ş':
		return "s"
	case 'ž', 'ź', 'ż':
		return "z"
	case 'ł':
		return "l"
	case 'đ', 'ð', 'ď':
		return "d"
	case 'ř':
		return "r"
	case 'ť', 'ț', 'ţ':
		return "t"
	case 'ğ':
		return "g"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	}
	return ""
}

// fold is the string in lower case without accents.
func fold(s string) string {
	plain := true
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || s[i] >= 'A' && s[i] <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if r < utf8.RuneSelf {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			b.WriteByte(byte(r))
			continue
		}
		r = unicode.ToLower(r)
		if f := foldRune(r); f != "" {
			b.WriteString(f)
			continue
		}
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isCJK(r rune) bool {
	return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff
}

// tokenize divides a text into words and sentences. A Chinese character is a
// word. "don't" is "dont", "l'article" is two words, the possessive is dropped.
func tokenize(text string, max int) ([]token, []sentence) {
	var toks []token
	var sents []sentence
	from := 0
	endSentence := func(q bool) {
		if len(toks) > from {
			sents = append(sents, sentence{from, len(toks), q})
			from = len(toks)
		} else if q && len(sents) > 0 {
			sents[len(sents)-1].question = true
		}
	}
	newlines := 0
	for i := 0; i < len(text) && len(toks) < max; {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == '\n' {
			newlines++
			if newlines == 2 {
				endSentence(false)
			}
			i += n
			continue
		}
		if r != ' ' && r != '\t' && r != '\r' {
			newlines = 0
		}
		switch {
		case isCJK(r):
			toks = append(toks, token{word: text[i : i+n], start: i, end: i + n, sentence: len(sents)})
			i += n
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			j := i
			number := false
			for j < len(text) {
				c, m := utf8.DecodeRuneInString(text[j:])
				if isCJK(c) {
					break
				}
				if unicode.IsLetter(c) || unicode.Is(unicode.Mn, c) {
					j += m
					continue
				}
				if unicode.IsDigit(c) {
					number = true
					j += m
					continue
				}
				break
			}
			word := fold(text[i:j])
			end := j
			// the apostrophe
			if j < len(text) {
				c, m := utf8.DecodeRuneInString(text[j:])
				if c == '\'' || c == '’' {
					k := j + m
					for k < len(text) && (text[k] >= 'a' && text[k] <= 'z' || text[k] >= 'A' && text[k] <= 'Z') {
						k++
					}
					switch suffix := strings.ToLower(text[j+m : k]); suffix {
					case "t", "m", "re", "ve", "ll", "d", "all":
						word += suffix
						end, j = k, k
					case "s":
						if contracted[word] {
							word += "s"
						}
						end, j = k, k
					}
				}
			}
			toks = append(toks, token{word: word, start: i, end: end, sentence: len(sents), number: number})
			i = j
		case r >= 0x1F300 && r <= 0x1FAFF || r == '❤' || r == '✅': // a picture that speaks for itself
			toks = append(toks, token{word: text[i : i+n], start: i, end: i + n, sentence: len(sents)})
			i += n
		case r == '?' || r == '？' || r == '¿':
			endSentence(r != '¿')
			i += n
		case r == '!' || r == '！' || r == '。' || r == ';' || r == '；' || r == '…' || r == '¡':
			endSentence(false)
			i += n
		case r == '.':
			// not in "3.5", "p. 12" or "J. Smith"
			next := rune(' ')
			if i+1 < len(text) {
				next, _ = utf8.DecodeRuneInString(text[i+1:])
			}
			if (next == ' ' || next == '\n' || next == '\r') && len(toks) > 0 && toks[len(toks)-1].end == i && len(toks[len(toks)-1].word) > 2 {
				endSentence(false)
			}
			i += n
		default:
			i += n
		}
	}
	endSentence(false)
	return toks, sents
}

var contracted = map[string]bool{"it": true, "that": true, "what": true, "where": true, "how": true, "there": true, "here": true, "who": true, "let": true, "he": true, "she": true, "when": true}
