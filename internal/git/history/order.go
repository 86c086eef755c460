package history

import (
	"context"
	"math/bits"

	"rehome/internal/git/object"
)

// Set is a set of numbers.
type Set []uint64

// NewSet returns an empty set for the graph's numbers.
func (g *Graph) NewSet() Set { return make(Set, (len(g.nodes)+63)/64) }

// Has reports whether n is in the set.
func (s Set) Has(n uint32) bool { return s[n/64]>>(n%64)&1 != 0 }

// Add puts n into the set.
func (s Set) Add(n uint32) { s[n/64] |= 1 << (n % 64) }

// Remove takes the members of another set out of s.
func (s Set) Remove(others Set) {
	for i := range s {
		s[i] &^= others[i]
	}
}

// Len returns how many members there are.
func (s Set) Len() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Reach returns everything that tips reach. Tips that are no commits or tags reach nothing.
func (g *Graph) Reach(tips []object.ID) Set {
	seen := g.NewSet()
	var next []uint32
	push := func(n uint32) {
		if n != None && !seen.Has(n) {
			seen.Add(n)
			next = append(next, n)
		}
	}
	for _, id := range tips {
		if n, ok := g.Find(id); ok {
			push(n)
		}
	}
	for len(next) > 0 {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		parents := g.Parents(n)
		for i := range parents.Len() {
			push(parents.At(i))
		}
	}
	return seen
}

// Order returns the members of a set so that parents and what tags name come first, and, as
// far as that makes no circle, what also says that an object leans on. It depends on nothing but
// the graph, the set and also, which may be nil.
func (g *Graph) Order(ctx context.Context, members Set, also func(n uint32) []uint32) ([]uint32, error) {
	order := make([]uint32, 0, len(g.nodes))
	entered := g.NewSet()
	var path []step
	for n := range uint32(len(g.nodes)) {
		if n&0xffff == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !members.Has(n) || entered.Has(n) {
			continue
		}
		entered.Add(n)
		for path = append(path[:0], step{n: n}); len(path) > 0; {
			top := &path[len(path)-1]
			p, more := top.next(g, also)
			switch {
			case !more:
				order = append(order, top.n)
				path = path[:len(path)-1]
			case p != None && members.Has(p) && !entered.Has(p):
				entered.Add(p)
				path = append(path, step{n: p})
			}
		}
	}
	return order, nil
}

// step is an object on the way to its oldest ancestor.
type step struct {
	n    uint32
	done int      // of parents, then of also
	also []uint32 // what it leans on besides its parents, once those are done
}

// next returns what has to come before the object, one after the other.
func (s *step) next(g *Graph, also func(uint32) []uint32) (n uint32, more bool) {
	parents := g.Parents(s.n)
	at := s.done - parents.Len()
	s.done++
	if at < 0 {
		return parents.At(at + parents.Len()), true
	}
	if at == 0 && also != nil {
		s.also = also(s.n)
	}
	if at < len(s.also) {
		return s.also[at], true
	}
	return None, false
}
