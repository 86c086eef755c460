package submodule

import (
	"bytes"
	"iter"
	"strings"
)

// MaxFile is the size of the largest .gitmodules file that is edited, bytes.
const MaxFile = 8 << 20

// value is that of a variable, and where it stands: without blanks around it.
type value struct {
	text       string
	start, end int
}

// config reads a git config as git does (git-config(1), "Syntax").
type config struct {
	text    []byte
	at      int
	eof     bool
	section []byte // with its subsection, and a dot behind each
	depth   int    // 1 without a subsection
}

// urls yields the URLs of submodules in a .gitmodules file, up to where it cannot be read.
func urls(text []byte) iter.Seq[value] {
	return func(yield func(value) bool) {
		c := config{text: text}
		c.read(yield)
	}
}

// SameButURLs reports whether two .gitmodules files differ in nothing but the URLs of submodules.
func SameButURLs(a, b []byte) bool { return bytes.Equal(withoutURLs(a), withoutURLs(b)) }

// withoutURLs puts a zero byte, which no such file has, in the place of each URL.
func withoutURLs(text []byte) (rest []byte) {
	from := 0
	for v := range urls(text) {
		rest = append(append(rest, text[from:v.start]...), 0)
		from = v.end
	}
	return append(rest, text[from:]...)
}

// isReadable reports whether git reads the whole file.
func isReadable(text []byte) bool {
	c := config{text: text}
	return c.read(func(value) bool { return true })
}

// next returns the next byte. A line ends as on any system, and the last one at the end of the file.
func (c *config) next() byte {
	if c.at >= len(c.text) {
		c.eof = true
		return '\n'
	}
	b := c.text[c.at]
	if c.at++; b == '\r' && c.at < len(c.text) && c.text[c.at] == '\n' {
		c.at++
		return '\n'
	}
	return b
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// read shows the URLs of submodules until show returns false. It returns false when it came to what git cannot read.
func (c *config) read(show func(value) bool) (whole bool) {
	c.at = len(c.text) - len(bytes.TrimPrefix(c.text, byteOrderMark))
	comment := false
	for {
		switch b := c.next(); {
		case b == '\n':
			if c.eof {
				return true
			}
			comment = false
		case comment, isSpace(b):
		case b == '#' || b == ';':
			comment = true
		case b == '[':
			if !c.header() {
				return false
			}
		case !isLetter(b):
			return false
		default:
			v, isURL, ok := c.variable(b)
			if !ok {
				return false
			}
			if isURL && !show(v) {
				return true
			}
		}
	}
}

// header reads the header of a section behind its bracket.
func (c *config) header() bool {
	c.section, c.depth = c.section[:0], 1
	for {
		b := c.next()
		switch {
		case c.eof:
			return false
		case b == ']':
			c.section = append(c.section, '.')
			return true
		case isSpace(b):
			return c.subsection(b)
		case !isKey(b) && b != '.':
			return false
		case b == '.':
			c.depth++
		}
		c.section = append(c.section, lower(b))
	}
}

// subsection reads the rest of a header from the blank before its quote.
func (c *config) subsection(b byte) bool {
	for ; isSpace(b); b = c.next() {
		if b == '\n' {
			return false
		}
	}
	if b != '"' {
		return false
	}
	c.section = append(c.section, '.')
	c.depth++
	for {
		switch b = c.next(); b {
		case '\n':
			return false
		case '"':
			c.section = append(c.section, '.')
			return c.next() == ']'
		case '\\':
			if b = c.next(); b == '\n' {
				return false
			}
		}
		c.section = append(c.section, b)
	}
}

// variable reads one, of whose name the first letter has been read.
func (c *config) variable(first byte) (v value, isURL, ok bool) {
	name := []byte{lower(first)}
	b := c.next()
	for ; !c.eof && isKey(b); b = c.next() {
		name = append(name, lower(b))
	}
	for b == ' ' || b == '\t' {
		b = c.next()
	}
	switch b {
	case '\n':
		return v, false, true
	case '=':
		v, ok = c.value()
		return v, string(name) == "url" && c.depth > 1 && bytes.HasPrefix(c.section, []byte("submodule.")), ok
	}
	return v, false, false
}

// value reads the value of a variable up to the end of its line.
func (c *config) value() (v value, ok bool) {
	var text, blanks []byte
	quoted, comment, begun := false, false, false
	for {
		at := c.at
		b := c.next()
		switch {
		case b == '\n':
			v.text, _, _ = strings.Cut(string(text), "\x00") // as a C string
			return v, !quoted
		case comment:
			continue
		case isSpace(b) && !quoted:
			if len(text) > 0 {
				blanks = append(blanks, b)
			}
			continue
		case (b == '#' || b == ';') && !quoted:
			comment = true
			continue
		}
		if len(blanks) > 0 {
			text, blanks, v.end = append(text, blanks...), blanks[:0], at
		}
		switch b {
		case '"':
			quoted = !quoted
		case '\\':
			if b = c.next(); b == '\n' {
				continue // goes on in the next line
			}
			if b, ok = unescape(b); !ok {
				return v, false
			}
			text = append(text, b)
		default:
			text = append(text, b)
		}
		if !begun {
			begun, v.start = true, at
		}
		v.end = c.at
	}
}

func unescape(b byte) (byte, bool) {
	switch b {
	case 't':
		return '\t', true
	case 'b':
		return '\b', true
	case 'n':
		return '\n', true
	}
	return b, b == '\\' || b == '"'
}

// isQuoted reports whether a value stands in one pair of quotes.
func isQuoted(raw []byte) bool {
	n := len(raw)
	return n > 1 && raw[0] == '"' && raw[n-1] == '"' && !bytes.ContainsAny(raw[1:n-1], `"\`)
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`)

// appendValue appends a value as it is written, in quotes where those are wanted or it takes them.
func appendValue(dst []byte, text string, quoted bool) []byte {
	escaped := escapes.Replace(text)
	if !quoted && escaped == text && !strings.ContainsAny(text, "#;") && strings.TrimSpace(text) == text {
		return append(dst, text...)
	}
	return append(append(append(dst, '"'), escaped...), '"')
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

func isLetter(b byte) bool { return lower(b) >= 'a' && lower(b) <= 'z' }

func isKey(b byte) bool { return isLetter(b) || b >= '0' && b <= '9' || b == '-' }

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
