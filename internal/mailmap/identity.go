package mailmap

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"rehome"
)

// maxPart is the longest name or mail that is written into history, bytes.
const maxPart = 1000

// CheckIdentity reports whether a name and a mail can be written into history. Both may be
// empty, as Git allows. The error is a *rehome.Error with the code Invalid and the field
// name or email.
func CheckIdentity(name, email string) error {
	for _, part := range [...]struct{ field, text string }{{"name", name}, {"email", email}} {
		if why := fault(part.text); why != "" {
			return &rehome.Error{
				Code: rehome.Invalid, Field: part.field, Message: "The " + part.field + " " + why + ".",
				Hint: "Give one that Git can write into a commit.",
			}
		}
	}
	return nil
}

// reason says what is wrong with the first part that CheckIdentity refuses.
func reason(name, email string) string {
	if why := fault(name); why != "" {
		return why
	}
	return fault(email)
}

// fault says what is wrong with a name or a mail, "" for nothing.
func fault(s string) string {
	switch {
	case len(s) > maxPart:
		return fmt.Sprintf("is longer than %d bytes", maxPart)
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "holds a line feed or another control character"
	case strings.ContainsAny(s, "<>"):
		return "holds < or >"
	}
	return ""
}
