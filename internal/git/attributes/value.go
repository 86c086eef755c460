package attributes

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Kind is what an attribute is for a path.
type Kind byte

// The kinds, as gitattributes names them.
const (
	Unspecified Kind = iota
	Unset
	Set
	Text // "set to a value"
)

// Value is what an attribute is for a path; the zero Value is unspecified.
type Value struct {
	Kind Kind
	Text string // only of the kind Text
}

// String is the value as git check-attr prints it.
func (v Value) String() string {
	switch v.Kind {
	case Unset:
		return "unset"
	case Set:
		return "set"
	case Text:
		return v.Text
	}
	return "unspecified"
}

// Macros are the attributes that stand for others: git's own binary, and those of the root's
// .gitattributes. It is safe for concurrent use; nil has binary alone.
type Macros struct {
	says map[string][]assignment
}

// builtin is git's own macro.
var builtin = []assignment{
	{"diff", Value{Kind: Unset}}, {"merge", Value{Kind: Unset}}, {"text", Value{Kind: Unset}},
}

// Macros gives the macros of a repository whose root has r as its .gitattributes; nil when
// it has none. Those of other files git refuses.
func (r *Rules) Macros() *Macros {
	if r == nil || len(r.macros) == 0 {
		return nil
	}
	m := &Macros{says: map[string][]assignment{"binary": builtin}}
	for _, one := range r.macros {
		m.says[one.name] = one.says
	}
	return m
}

// String gives the lines that define the macros, sorted; "" for binary alone. Those with the same
// lines are equal.
func (m *Macros) String() string {
	if m == nil {
		return ""
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.says)) {
		b.WriteString(prefix + name)
		for _, a := range m.says[name] {
			switch a.value.Kind {
			case Unset:
				b.WriteString(" -" + a.attribute)
			case Unspecified:
				b.WriteString(" !" + a.attribute)
			case Set:
				b.WriteString(" " + a.attribute)
			default:
				b.WriteString(" " + a.attribute + "=" + a.value.Text)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// of gives what the macro of that name says.
func (m *Macros) of(name string) ([]assignment, bool) {
	if m == nil {
		return builtin, name == "binary"
	}
	says, ok := m.says[name]
	return says, ok
}

// Value gives what the last line that says anything of the attribute says for a path, which
// is relative to the file's folder and is not a folder; found is false when none does. A line
// that takes back a macro says that what the macro stands for is unspecified, unless another one
// says more: in files of folders above, git does not look at the macro. Where several files matter,
// [Lookup] is exact.
func (r *Rules) Value(m *Macros, path []byte, attribute string) (v Value, found bool) {
	s := search{macros: m, attribute: attribute}
	if v, found = s.file(r, path); found {
		return v, true
	}
	for name, set := range s.seen {
		if !set && m.standsFor(name, attribute) {
			return Value{}, true
		}
	}
	return Value{}, false
}

// standsFor tells whether a macro says anything of the attribute, by way of other ones or not.
func (m *Macros) standsFor(name, attribute string) bool {
	says, ok := m.of(name)
	if !ok {
		return false
	}
	s := search{macros: m, attribute: attribute}
	_, found := s.expand(says)
	return found
}

// Lookup gives what git says of an attribute for a path, which is not a folder. The first
// file is that of the root, each next one that of the next folder on the path; nil where
// there is none. Found is false when no file says anything of it.
func Lookup(m *Macros, files []*Rules, path []byte, attribute string) (v Value, found bool) {
	s := search{macros: m, attribute: attribute}
	begins := make([]int, 1, len(files)+1) // where the path begins for each file
	for len(begins) < len(files) {
		last := begins[len(begins)-1]
		n := bytes.IndexByte(path[last:], '/')
		if n < 0 {
			break
		}
		begins = append(begins, last+n+1)
	}
	for i := min(len(begins), len(files)) - 1; i >= 0; i-- {
		if v, found = s.file(files[i], path[begins[i]:]); found {
			return v, true
		}
	}
	return Value{}, false
}

// search looks for what is said of an attribute, what counts most first. A macro is expanded
// only where it is first said to be set, and not when it was said to be something else before.
type search struct {
	macros    *Macros
	attribute string
	seen      map[string]bool // macros that something was said of: whether they were set
}

// file looks in one file, the last line first.
func (s *search) file(r *Rules, path []byte) (v Value, found bool) {
	if r == nil || len(r.lines) == 0 {
		return Value{}, false
	}
	active := runs.Get().(*run)
	defer runs.Put(active)
	last := base(path)
	var room [16]int32
	literal := r.literals.find(room[:0], path, last)
	for globs := r.globs; len(globs) > 0 || len(literal) > 0; {
		var i int32
		if n := len(globs); n > 0 && (len(literal) == 0 || globs[n-1] > literal[0]) {
			i, globs = globs[n-1], globs[:n-1]
			if !r.lines[i].pattern.match(active, path, last) {
				continue
			}
		} else {
			i, literal = literal[0], literal[1:]
		}
		if v, found = s.expand(r.lines[i].says); found {
			return v, true
		}
	}
	return Value{}, false
}

// expand looks in what one line says, the last first, and at once in what a macro says that
// is set there.
func (s *search) expand(says []assignment) (v Value, found bool) {
	left := [][]assignment{says}
	for len(left) > 0 {
		top := left[len(left)-1]
		if len(top) == 0 {
			left = left[:len(left)-1]
			continue
		}
		a := top[len(top)-1]
		left[len(left)-1] = top[:len(top)-1]
		if a.attribute == s.attribute {
			return a.value, true
		}
		more, is := s.macros.of(a.attribute)
		if _, known := s.seen[a.attribute]; known || !is {
			continue
		}
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		s.seen[a.attribute] = a.value.Kind == Set
		if a.value.Kind == Set {
			left = append(left, more)
		}
	}
	return Value{}, false
}
