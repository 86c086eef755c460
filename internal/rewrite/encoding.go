package rewrite

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"

	"rehome"
	"rehome/internal/git/object"
)

// encoded returns `Name <mail>` of what somebody becomes, in the encoding that the object at
// hand declares.
func (e *Editor) encoded(old *object.Ident, who rehome.Identity) ([]byte, error) {
	text := who.String()
	if isASCII(text) && !strings.Contains(text, "~") { // HZ (RFC 1843) doubles it
		return []byte(text), nil
	}
	name := e.charset()
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "utf8") {
		return []byte(text), nil
	}
	if with, ok := encode(name, text); ok {
		return with, nil
	}
	if isASCII(text) {
		return []byte(text), nil
	}
	return nil, &rehome.Error{
		Code: rehome.Invalid, Field: "name",
		Message: fmt.Sprintf("%q, which %q becomes, cannot be written in the encoding of a commit of theirs: %q.",
			rehome.Clean(text, 400), rehome.Clean(string(old.Name)+" <"+string(old.Mail)+">", 400), rehome.Clean(name, 60)),
		Hint: "Map that identity to a name and mail in plain ASCII.",
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// charset returns the encoding that the commit at hand declares, "" for none.
func (e *Editor) charset() string {
	for at := 0; at < len(e.raw) && e.raw[at] != '\n'; {
		end := e.lineEnd(at)
		if e.has(at, "encoding ") {
			return string(bytes.TrimSpace(e.raw[at+len("encoding ") : end]))
		}
		at = end + 1
	}
	return ""
}

// encode writes text in the charset called name; false when it does not have all of its letters,
// or is not known.
func encode(name, text string) ([]byte, bool) {
	charset, err := ianaindex.IANA.Encoding(name)
	if err != nil || charset == nil {
		if charset, err = htmlindex.Get(name); err != nil {
			return nil, false
		}
	}
	if charset == encoding.Replacement {
		return nil, false
	}
	with, err := charset.NewEncoder().Bytes([]byte(text))
	// What is not one line of text would make another object of it. ISO-2022-JP and HZ write
	// letters as two bytes of ASCII, among them these.
	if err != nil || bytes.ContainsAny(with, "\n\x00") || bytes.Count(with, []byte("<")) != 1 || bytes.IndexByte(with, '>') != len(with)-1 {
		return nil, false
	}
	return with, true
}
