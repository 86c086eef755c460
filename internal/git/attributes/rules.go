package attributes

import (
	"bytes"
	"strings"
	"sync"
)

const (
	blank   = " \t\r\n"
	prefix  = "[attr]"
	maxFile = 100 << 20 // bytes; git passes over files of so many (attr.h, ATTR_MAX_FILE_SIZE)
)

// Rules is one .gitattributes file. It is safe for concurrent use.
type Rules struct {
	lines  []line
	macros []macro
	literals
	globs []int32 // the lines that literals does not have
}

// line says something of the files it matches.
type line struct {
	pattern pattern
	says    []assignment
}

// macro is an attribute that stands for others.
type macro struct {
	name string
	says []assignment
}

// assignment gives an attribute a value.
type assignment struct {
	attribute string
	value     Value
}

// Parse reads a .gitattributes file as git does (gitattributes, attr.c): a byte order mark
// at its start is passed over, and so are lines that are too long, that name an attribute
// that cannot be, or whose pattern begins with '!'. It keeps nothing of text.
func Parse(text []byte) *Rules {
	r := &Rules{}
	if len(text) >= maxFile {
		return r
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for one := range bytes.Lines(text) {
		one = bytes.TrimSuffix(one, []byte("\n"))
		if i := bytes.IndexByte(one, 0); i >= 0 {
			one = one[:i]
		}
		if len(one) < MaxLine {
			r.read(string(one))
		}
	}
	return r
}

// read reads one line without its line feed.
func (r *Rules) read(text string) {
	text = strings.TrimLeft(text, blank)
	if text == "" || text[0] == '#' {
		return
	}
	name, states, ok := "", "", false
	if text[0] == '"' {
		name, states, ok = unquote(text)
	}
	if !ok {
		name, states = cut(text)
	}
	says, ok := readStates(states)
	if !ok {
		return
	}
	if len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
		if name, _ = cut(strings.TrimLeft(name[len(prefix):], blank)); validName(name) {
			r.macros = append(r.macros, macro{name, says})
		}
		return
	}
	name, _, _ = strings.Cut(name, "\x00")
	if name == "" || name[0] == '!' || len(says) == 0 {
		return
	}
	if p, why := newPattern(name); why == "" {
		n := int32(len(r.lines))
		if r.lines = append(r.lines, line{p, says}); !r.literals.add(&p, n) {
			r.globs = append(r.globs, n)
		}
	}
}

// Globs tells how many lines have to be tried for each path; the others are looked up.
func (r *Rules) Globs() int { return len(r.globs) }

// cut cuts text at its first blank.
func cut(text string) (before, after string) {
	if i := strings.IndexAny(text, blank); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// readStates reads what a line says; one bad name spoils all of it.
func readStates(text string) (says []assignment, ok bool) {
	for {
		text = strings.TrimLeft(text, blank)
		if text == "" {
			return says, true
		}
		var state string
		state, text = cut(text)
		name, value, assigned := strings.Cut(state, "=")
		a := assignment{value: Value{Kind: Set}}
		switch {
		case strings.HasPrefix(name, "-"):
			name, a.value.Kind = name[1:], Unset
		case strings.HasPrefix(name, "!"):
			name, a.value.Kind = name[1:], Unspecified
		case assigned:
			a.value = Value{Kind: Text, Text: value}
		}
		if !validName(name) {
			return nil, false
		}
		a.attribute = name
		says = append(says, a)
	}
}

// validName tells whether an attribute may have the name.
func validName(name string) bool {
	if name == "" || name[0] == '-' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlpha(c) && !isDigit(c) && strings.IndexByte("-._", c) < 0 {
			return false
		}
	}
	return true
}

// runs are kept for the next match.
var runs = sync.Pool{New: func() any { return new(run) }}
