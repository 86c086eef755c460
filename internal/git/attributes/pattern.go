package attributes

import (
	"bytes"
	"strings"
)

// special are the bytes that mean something in a pattern (git's is_glob_special).
const special = `*?[\`

// pattern is one pattern of a .gitattributes file, ready to match.
type pattern struct {
	base  bool     // it has no slash: it is matched against the last part of a path only
	whole string   // what must be there as it is, when steps is empty
	tail  bool     // whole is only what it must end with; for base
	start string   // with steps: what it must begin with
	steps []step   // otherwise
	class []*class // that steps speak of
}

// kind says what a step takes.
type kind byte

const (
	takeByte    kind = iota // the byte
	takeAny                 // any byte but '/'
	takeClass               // one of a class
	takeStar                // any number of bytes but '/'
	takeAll                 // any number of bytes
	takeFolders             // nothing, or any number of bytes and a '/'
	takeEnd                 // nothing: here the pattern ends
)

// step is one step of a pattern.
type step struct {
	kind kind
	byte byte
	nth  uint32 // of the class
}

// newPattern reads a pattern as git's parse_path_pattern and match_pathname do (dir.c); why
// says what is wrong with one that matches nothing ever.
func newPattern(text string) (p pattern, why string) {
	if strings.HasSuffix(text, "/") {
		return p, "ends with two slashes" // with one: ParsePatterns cut the other; git has it for folders only
	}
	p.base = !strings.Contains(text, "/")
	text = strings.TrimPrefix(text, "/")
	first := strings.IndexAny(text, special)
	switch {
	case first < 0:
		p.whole = text
		return p, ""
	case p.base && first == 0 && text[0] == '*' && !strings.ContainsAny(text[1:], special):
		p.whole, p.tail = text[1:], true
		return p, ""
	}
	p.start = text[:first]
	if why = p.compile(text, first); why == "" {
		p.flatten()
	}
	return p, why
}

// compile makes the steps of text, as git's wildmatch does with WM_PATHNAME (wildmatch.c).
// What stands before the first special byte, at first, git compares beforehand: for it the
// pattern begins there.
func (p *pattern) compile(text string, first int) (why string) {
	p.steps = make([]step, 0, len(text)+1)
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return "ends with a backslash"
			}
			p.steps = append(p.steps, step{kind: takeByte, byte: text[i]})
			i++
		case '?':
			p.steps = append(p.steps, step{kind: takeAny})
			i++
		case '[':
			set, n := readClass(text[i:])
			if n == 0 {
				return "has a [ that is not closed, or a class that does not exist"
			}
			p.steps = append(p.steps, step{kind: takeClass, nth: uint32(len(p.class))})
			p.class = append(p.class, set)
			i += n
		case '*':
			i = p.stars(text, i, first)
		default:
			p.steps = append(p.steps, step{kind: takeByte, byte: c})
			i++
		}
	}
	p.steps = append(p.steps, step{kind: takeEnd})
	return ""
}

// stars adds the step for the asterisks at text[i:] and tells what follows them.
func (p *pattern) stars(text string, i, first int) int {
	end := i
	for end < len(text) && text[end] == '*' {
		end++
	}
	rest := text[end:]
	begins := i == first || text[i-1] == '/'
	switch {
	case end-i < 2 || !begins:
		p.steps = append(p.steps, step{kind: takeStar})
	case strings.HasPrefix(rest, "/"):
		p.steps = append(p.steps, step{kind: takeFolders})
		end++
	case rest == "" || strings.HasPrefix(rest, `\/`):
		p.steps = append(p.steps, step{kind: takeAll})
	default:
		p.steps = append(p.steps, step{kind: takeStar})
	}
	return end
}

// flatten makes a pattern that is only bytes one that is compared.
func (p *pattern) flatten() {
	var whole strings.Builder
	for _, s := range p.steps[:len(p.steps)-1] {
		if s.kind != takeByte {
			return
		}
		whole.WriteByte(s.byte)
	}
	p.whole, p.steps = whole.String(), nil
}

// match tells whether the pattern is for path, whose last part is base. The run is for one
// goroutine.
func (p *pattern) match(r *run, path, base []byte) bool {
	if p.base {
		path = base
	}
	switch {
	case len(p.steps) > 0:
		if len(path) < len(p.start) || string(path[:len(p.start)]) != p.start {
			return false
		}
		r.begin(p.steps, p.class)
		r.enter(0)
		return r.take(path) && r.ended()
	case p.tail:
		return len(path) >= len(p.whole) && string(path[len(path)-len(p.whole):]) == p.whole
	}
	return string(path) == p.whole
}

// base is the last part of a path.
func base(path []byte) []byte { return path[bytes.LastIndexByte(path, '/')+1:] }
