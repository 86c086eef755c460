// Package glob matches names against patterns in which * stands for any characters and ? for one.
package glob

import (
	"strings"
	"unicode/utf8"
)

// Match reports whether pattern covers the whole of name. * stands for any characters, also none and slashes, and ? for one.
// After a mismatch it goes on where the last * took one character more, so it takes no longer than their lengths multiplied.
func Match(pattern, name string) bool {
	star, from := -1, 0 // behind the last *, and what it has taken up to
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			star, from = p, n
		case p < len(pattern) && pattern[p] == '?':
			_, size := utf8.DecodeRuneInString(name[n:])
			p, n = p+1, n+size
		case p < len(pattern) && pattern[p] == name[n]:
			p, n = p+1, n+1
		case star >= 0:
			_, size := utf8.DecodeRuneInString(name[from:])
			from += size
			p, n = star, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
