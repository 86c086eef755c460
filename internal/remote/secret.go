package remote

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rehome"
)

const (
	longName  = 16 // the length from which a user name may be a token
	shortWord = 4  // what is shorter is no secret within a word: every text has it somewhere
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// RepeatsSecret reports whether the text, of a server, holds a secret of l, in one of the spellings it may
// have found it in. A user name is one where it stands without a password, and where it is as long as a token. To SSH
// it is none. One of less than four bytes counts only as a word of its own.
func RepeatsSecret(l Location, text string) bool {
	clean := rehome.Clean(text, len(text))
	return slices.ContainsFunc(spellings(l), func(spelt string) bool { return find(text, spelt) >= 0 || find(clean, spelt) >= 0 })
}

// Redact is the text without the secrets of l that RepeatsSecret finds in it; "" where they cannot be told from the rest.
func Redact(l Location, text string) string {
	for _, spelt := range spellings(l) {
		var b strings.Builder
		for at := find(text, spelt); at >= 0; at = find(text, spelt) {
			b.WriteString(text[:at] + Redacted)
			text = text[at+len(spelt):]
		}
		text = b.String() + text
	}
	if RepeatsSecret(l, text) {
		return ""
	}
	return text
}

// spellings of the secrets of l, the longest first.
func spellings(l Location) (all []string) {
	name, password := l.Username, string(l.Password)
	if name == "" && password == "" || l.SSH() && password == "" {
		return nil
	}
	secrets := []string{name + ":" + password}
	if password != "" {
		secrets = append(secrets, password)
	}
	if !l.SSH() && (password == "" || len(name) >= longName) {
		secrets = append(secrets, name)
	}
	for _, one := range secrets {
		encoded := base64.StdEncoding.EncodeToString([]byte(one))
		all = append(
			all, one, rehome.Clean(one, len(one)), url.QueryEscape(one), url.PathEscape(one),
			strings.TrimRight(encoded, "="), base64.RawURLEncoding.EncodeToString([]byte(one)),
		)
	}
	all = slices.DeleteFunc(all, func(spelt string) bool { return spelt == "" })
	slices.SortStableFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// find is where the text has a secret, -1 for nowhere.
func find(text, spelt string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], spelt)
		if at < 0 {
			return -1
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(spelt):])
		if len(spelt) >= shortWord || !inWord(before) && !inWord(after) {
			return at
		}
		from = at + 1
	}
}

func inWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
