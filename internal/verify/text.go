package verify

import (
	"bytes"
	"strings"

	"rehome/internal/git/object"
)

// otherLines says in what two commits or tags differ besides ids, names, mails and signatures, "" for nothing.
func otherLines(old, new []byte, oldMessage, newMessage int) string {
	was, is := headers(old[:oldMessage]), headers(new[:newMessage])
	if len(was) != len(is) {
		return "has other header lines at the destination"
	}
	for n := range was {
		if was[n] != is[n] {
			word, _, _ := strings.Cut(was[n], " ")
			return "has another " + word + " line at the destination"
		}
	}
	if !bytes.Equal(old[oldMessage:], new[newMessage:]) && !bytes.Equal(plain(old[oldMessage:]), plain(new[newMessage:])) {
		return "has another message at the destination"
	}
	return ""
}

// headers are the lines before a message, without what a move may change: what is left of ids is their key, of people
// their date; signatures go.
func headers(raw []byte) (lines []string) {
	signature := false
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		key, rest, _ := bytes.Cut(line, []byte(" "))
		if signature && len(line) > 0 && line[0] == ' ' {
			continue
		}
		signature = false
		switch string(key) {
		case "gpgsig", "gpgsig-sha256":
			signature = true
		case "parent": // compared with what they became
		case "tree", "object":
			lines = append(lines, string(key))
		case "author", "committer", "tagger":
			who := object.ParseIdent(rest, 0, len(rest))
			lines = append(lines, string(key)+" "+string(rest[who.End:]))
		default:
			lines = append(lines, string(line))
		}
	}
	return lines
}

// plain is a message without what a move may change on request: people in trailers, and hashes of commits.
func plain(message []byte) []byte {
	var out []byte
	for line := range bytes.Lines(message) {
		if key, _, ok := bytes.Cut(line, []byte(":")); ok && len(key) > 2 && bytes.EqualFold(key[len(key)-3:], []byte("-by")) && !bytes.ContainsAny(key, " \t") {
			out = append(append(out, key...), '\n')
			continue
		}
		out = append(out, withoutHashes(line)...)
	}
	return out
}

// withoutHashes replaces words of seven hex digits or more.
func withoutHashes(line []byte) []byte {
	var out []byte
	for at := 0; at < len(line); {
		if !isWord(line[at]) {
			out = append(out, line[at])
			at++
			continue
		}
		start, isHex := at, true
		for ; at < len(line) && isWord(line[at]); at++ {
			isHex = isHex && (line[at] >= '0' && line[at] <= '9' || line[at] >= 'a' && line[at] <= 'f')
		}
		if isHex && at-start >= 7 {
			out = append(out, '#')
			continue
		}
		out = append(out, line[start:at]...)
	}
	return out
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
