package history

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

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
//
// Objects that lean on each other in a circle, as where the few digits that one mentions happen to
// begin the id of another that comes of it, are in the order they have without also.
func (g *Graph) Order(ctx context.Context, members Set, also func(n uint32) []uint32) ([]uint32, error) {
	w := &walk{graph: g, members: members, at: make([]uint32, len(g.nodes))}
	order, err := w.all(ctx)
	if err != nil || also == nil {
		return order, err
	}
	place := make([]uint32, len(g.nodes))
	for i, n := range order {
		place[n] = uint32(i)
	}
	w = &walk{graph: g, members: members, also: also, at: make([]uint32, len(g.nodes))}
	w.circle = func(some []uint32) {
		slices.SortFunc(some, func(a, b uint32) int { return cmp.Compare(place[a], place[b]) })
	}
	return w.all(ctx)
}

// walk goes through members depth first, as Tarjan's algorithm for strongly connected components does.
type walk struct {
	graph   *Graph
	members Set
	also    func(n uint32) []uint32
	circle  func([]uint32) // sorts objects that lean on each other

	at      []uint32 // when each was entered, from 1; 0 is not yet, left is done with
	entered uint32
	open    []uint32 // entered, and may be in a circle with what is on the path
	path    []step
	order   []uint32
}

const left = ^uint32(0)

func (w *walk) all(ctx context.Context) ([]uint32, error) {
	w.order = make([]uint32, 0, len(w.graph.nodes))
	for n := range uint32(len(w.graph.nodes)) {
		if n&0xffff == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if w.members.Has(n) && w.at[n] == 0 {
			w.from(n)
		}
	}
	return w.order, nil
}

// from goes through what n leans on, and then n.
func (w *walk) from(n uint32) {
	for w.enter(n); len(w.path) > 0; {
		top := &w.path[len(w.path)-1]
		p, more := top.next(w.graph, w.also)
		switch {
		case !more:
			w.leave()
		case p == None || !w.members.Has(p):
		case w.at[p] == 0:
			w.enter(p)
		case w.at[p] != left:
			top.back = min(top.back, w.at[p])
		}
	}
}

func (w *walk) enter(n uint32) {
	w.entered++
	w.at[n] = w.entered
	w.open = append(w.open, n)
	w.path = append(w.path, step{n: n, back: w.entered})
}

// leave ends the last step of the path: when it leads back to none before it, everything entered
// since is one circle.
func (w *walk) leave() {
	top := w.path[len(w.path)-1]
	w.path = w.path[:len(w.path)-1]
	if top.back < w.at[top.n] {
		before := &w.path[len(w.path)-1]
		before.back = min(before.back, top.back)
		return
	}
	from := len(w.open) - 1
	for w.open[from] != top.n {
		from--
	}
	some := w.open[from:]
	if len(some) > 1 && w.circle != nil {
		w.circle(some)
	}
	for _, n := range some {
		w.at[n] = left
	}
	w.order, w.open = append(w.order, some...), w.open[:from]
}

// step is an object on the way to its oldest ancestor.
type step struct {
	n    uint32
	back uint32   // the earliest entered, and not left, that it leads to
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
