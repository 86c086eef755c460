package attributes

import "slices"

// basenames are patterns for the last part of a path.
type basenames struct {
	exact map[string]bool
	tails map[string]bool
	sizes []int // the lengths that tails has
	program
	first []int32 // where each of the others begins in the program
}

// program is the steps of several patterns one after the other.
type program struct {
	steps []step
	class []*class
}

// add appends the steps of a pattern and tells where they begin.
func (p *program) add(one pattern) int32 {
	at := int32(len(p.steps))
	if len(one.steps) == 0 {
		for i := range len(one.whole) {
			p.steps = append(p.steps, step{kind: takeByte, byte: one.whole[i]})
		}
		p.steps = append(p.steps, step{kind: takeEnd})
	}
	for _, s := range one.steps {
		if s.kind == takeClass {
			s.nth += uint32(len(p.class))
		}
		p.steps = append(p.steps, s)
	}
	p.class = append(p.class, one.class...)
	return at
}

// ends tells whether a pattern ends where text does, when it begins with steps of from.
func (p *program) ends(from []int32, text []byte) bool {
	if len(from) == 0 {
		return false
	}
	r := runs.Get().(*run)
	defer runs.Put(r)
	r.begin(p.steps, p.class)
	r.enter(from...)
	return r.take(text) && r.ended()
}

func (n *basenames) add(one pattern) {
	switch {
	case len(one.steps) > 0:
		n.first = append(n.first, n.program.add(one))
	case one.tail:
		if n.tails == nil {
			n.tails = map[string]bool{}
		}
		n.tails[one.whole] = true
		if !slices.Contains(n.sizes, len(one.whole)) {
			n.sizes = append(n.sizes, len(one.whole))
		}
	default:
		if n.exact == nil {
			n.exact = map[string]bool{}
		}
		n.exact[one.whole] = true
	}
}

// match tells whether one of the patterns is for a file of that name.
func (n *basenames) match(name []byte) bool {
	if n.exact[string(name)] {
		return true
	}
	for _, size := range n.sizes {
		if size <= len(name) && n.tails[string(name[len(name)-size:])] {
			return true
		}
	}
	return n.ends(n.first, name)
}
