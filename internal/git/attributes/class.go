package attributes

import "strings"

// class is a set of bytes.
type class [4]uint64

func (s *class) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }
func (s *class) put(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *class) drop(c byte)     { s[c>>6] &^= 1 << (c & 63) }

// readClass reads the bracket expression that text begins with, as git's wildmatch does; n
// is its length, 0 when it is none. No class has the '/'.
func readClass(text string) (s *class, n int) {
	r := classReader{text: text, at: 1}
	negated := r.here() == '!' || r.here() == '^'
	if negated {
		r.at++
	}
	// The first byte is a member, even a ']'.
	for ok := true; ok; ok = r.here() != ']' {
		if r.at >= len(text) || !r.member() {
			return nil, 0
		}
		if r.at >= len(text) {
			return nil, 0
		}
	}
	if negated {
		for i := range r.set {
			r.set[i] = ^r.set[i]
		}
	}
	r.set.drop('/')
	return &r.set, r.at + 1
}

// classReader reads the members of a bracket expression.
type classReader struct {
	text string
	at   int
	last byte // the member before, where a range may begin; 0 when none may
	set  class
}

// here is the byte at the reader, 0 past the end.
func (r *classReader) here() byte { return r.ahead(0) }

// ahead is the byte n after the reader, 0 past the end.
func (r *classReader) ahead(n int) byte {
	if r.at+n < len(r.text) {
		return r.text[r.at+n]
	}
	return 0
}

// member reads a byte, the rest of a range or a named class; false says that there is none.
func (r *classReader) member() bool {
	c := r.here()
	switch {
	case c == '\\':
		r.at++
		if c = r.here(); c == 0 {
			return false
		}
	case c == '-' && r.last != 0 && r.ahead(1) != 0 && r.ahead(1) != ']':
		return r.rangeEnd()
	case c == '[' && r.ahead(1) == ':':
		if done, ok := r.named(); done {
			return ok
		}
	}
	r.set.put(c)
	r.last = c
	r.at++
	return true
}

// rangeEnd reads what follows the last member in a range.
func (r *classReader) rangeEnd() bool {
	r.at++
	if r.here() == '\\' {
		r.at++
	}
	end := r.here()
	if end == 0 {
		return false
	}
	for c := int(r.last); c <= int(end); c++ {
		r.set.put(byte(c))
	}
	r.last = 0
	r.at++
	return true
}

// named reads "[:name:]"; when it is not closed so, it is not done: the '[' is a member.
func (r *classReader) named() (done, ok bool) {
	rest := r.text[r.at+2:]
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return true, false
	}
	if end == 0 || rest[end-1] != ':' {
		return false, false
	}
	is, ok := names[rest[:end-1]]
	if !ok {
		return true, false
	}
	for c := range 128 {
		if is(byte(c)) {
			r.set.put(byte(c))
		}
	}
	r.last = 0
	r.at += 2 + end + 1
	return true, true
}

// names are the classes that have one, for ASCII alone, as git has them: its isspace knows
// neither the form feed nor the vertical tab (git-compat-util.h).
var names = map[string]func(c byte) bool{
	"alnum":  func(c byte) bool { return isAlpha(c) || isDigit(c) },
	"alpha":  isAlpha,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
	"digit":  isDigit,
	"graph":  isGraph,
	"lower":  func(c byte) bool { return 'a' <= c && c <= 'z' },
	"print":  func(c byte) bool { return c == ' ' || isGraph(c) },
	"punct":  func(c byte) bool { return isGraph(c) && !isAlpha(c) && !isDigit(c) },
	"space":  func(c byte) bool { return strings.IndexByte(" \t\r\n", c) >= 0 },
	"upper":  func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' },
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isGraph(c byte) bool { return ' ' < c && c < 0x7f }
