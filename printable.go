package rehome

import (
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendPrintable appends JSON to a text. It escapes what JSON may hold as it is and terminals take for orders, or readers for
// something else: DEL, the controls beyond ASCII, marks that change the direction of text, bytes that are not UTF-8. Outside strings JSON has none of these.
func AppendPrintable(to, json []byte) []byte {
	for rest := json; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r < 0x7f || size > 1 && unicode.IsPrint(r) {
			to = append(to, rest[:size]...)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				to = fmt.Appendf(to, `\u%04x`, unit)
			}
		}
		rest = rest[size:]
	}
	return to
}
