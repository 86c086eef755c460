package picture

import "strings"

// widthOf estimates how wide a text is in letters of height 1: rather too wide than too narrow, since the font is the reader's.
func widthOf(text string) float64 {
	w := 0.0
	for _, r := range text {
		switch {
		case strings.ContainsRune("iljtfrI.,:;'|!()[]/ ", r):
			w += 0.38
		case r == 'w' || r == 'm' || r == 'W' || r == 'M' || r == '@' || r == '%':
			w += 0.98
		case r >= 'A' && r <= 'Z':
			w += 0.72
		case r < 0x80:
			w += 0.6
		case r < 0x500:
			w += 0.8
		default: // letters of Asia, pictures, and what nobody can know
			w += 1.2
		}
	}
	return w
}

// Fit cuts a text to what is no wider than room units in letters of the given height, with "…" where it ends early. It is "" where fewer
// than leastLetters would be left.
func Fit(text string, room, height float64) string {
	if widthOf(text)*height <= room {
		return text
	}
	letters := []rune(text)
	for n := len(letters) - 1; n >= leastLetters; n-- {
		if cut := strings.TrimRight(string(letters[:n]), " ") + "…"; widthOf(cut)*height <= room {
			return cut
		}
	}
	return ""
}

// leastLetters is how few of a name still say something.
const leastLetters = 5

// FitPath cuts a path to what is no wider than room: its last names are kept as long as they fit.
func FitPath(path string, room, height float64) string {
	for rest := path; ; {
		text := rest
		if len(rest) < len(path) {
			text = "…/" + rest
		}
		if widthOf(text)*height <= room {
			return text
		}
		_, after, more := strings.Cut(rest, "/")
		if !more {
			return Fit(rest, room, height)
		}
		rest = after
	}
}
