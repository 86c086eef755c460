package split

import (
	"context"
	"math"
	"strings"

	"rehome/internal/compute"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// Places in the order. What the updates bring has one from 1 on.
const (
	there    uint32 = 0 // the destination has it
	unplaced uint32 = math.MaxUint32
)

// order is the commits and tags that are to be sent, one after the other, with all parents before each, and the trees and
// blobs that refs name. What leads to a ref is a chain: from its tip the first parents, as far as nothing before it has sent
// them. What else a merge brings are side chains of the merge, and lies between its first parent and itself.
type order struct {
	graph  *history.Graph
	place  []uint32             // by number in the graph
	nodes  []uint32             // by place, less one: number in the graph, None for what a ref names besides
	beside map[uint32]object.ID // by place, what refs name that is no commit or tag
	chain  []uint32             // by place, less one
	open   []uint32             // by place, less one: refs of our own it would take to stop there
	owner  []uint32             // by chain: number of the merge that brings it, None for one that leads to a ref
	roots  []root
}

// root is a ref that moves, in the order in which they do.
type root struct {
	repo.Update
	chain  uint32 // None when nothing has to be sent for it
	ready  uint32 // the place from which on it may have its new value
	stands bool   // it can stand at the commits of its chain on the way
}

// frame is a commit or tag that waits for what is before it.
type frame struct {
	n     uint32
	next  int // parent to look at
	chain uint32
	sides uint32 // side chains begun
}

// arranger makes the order.
type arranger struct {
	*order
	stack []frame
	sides uint32 // chains that have begun, and whose merge is yet to come
	begun []bool // by chain
	turn  *compute.Turn
}

// arrange makes the order in which what the updates bring is sent.
func arrange(ctx context.Context, g *history.Graph, known []object.ID, updates []repo.Update) (*order, error) {
	a := arranger{order: &order{graph: g, beside: map[uint32]object.ID{}, place: make([]uint32, g.Len())}}
	a.turn = compute.Take()
	defer a.turn.Give()
	has := g.Reach(known)
	besides := map[object.ID]bool{}
	for n := range a.place {
		if !has.Has(uint32(n)) {
			a.place[n] = unplaced
		}
	}
	for _, id := range known {
		besides[id] = true
	}
	for _, u := range updates {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if u.New.IsZero() {
			continue
		}
		r := root{Update: u, chain: history.None}
		n, ok := g.Find(u.New)
		switch {
		case ok && a.place[n] == unplaced:
			a.root(&r, n)
		case !ok && !besides[u.New]:
			besides[u.New] = true
			r.chain = a.begin(history.None)
			a.put(frame{n: history.None, chain: r.chain}, false)
			a.beside[uint32(len(a.nodes))] = u.New
		}
		r.ready = uint32(len(a.nodes))
		a.roots = append(a.roots, r)
	}
	return a.order, nil
}

// begin makes a chain.
func (a *arranger) begin(owner uint32) uint32 {
	a.owner, a.begun = append(a.owner, owner), append(a.begun, false)
	return uint32(len(a.owner) - 1)
}

// root puts all that a ref leads to in its place.
func (a *arranger) root(r *root, tip uint32) {
	r.chain = a.begin(history.None)
	r.stands = a.stands(r.Update, tip)
	a.stack = append(a.stack[:0], frame{n: tip, chain: r.chain})
	for len(a.stack) > 0 {
		a.turn.Pass()
		top := &a.stack[len(a.stack)-1]
		parents := a.graph.Parents(top.n)
		if top.next == parents.Len() {
			a.put(*top, !r.stands && top.n != tip)
			a.stack = a.stack[:len(a.stack)-1]
			continue
		}
		p := parents.At(top.next)
		top.next++
		if p == history.None || a.place[p] != unplaced {
			continue
		}
		chain := top.chain
		if top.next > 1 {
			top.sides++
			chain = a.begin(top.n)
		}
		a.stack = append(a.stack, frame{n: p, chain: chain})
	}
}

// stands reports whether a ref can be moved along its chain: a branch that is new, or that stands where its chain begins. Any
// other would have to go back at first.
func (a *arranger) stands(u repo.Update, tip uint32) bool {
	if !strings.HasPrefix(u.Name, "refs/heads/") {
		return false
	}
	if u.Old.IsZero() {
		return true
	}
	for n := tip; ; {
		parents := a.graph.Parents(n)
		if parents.Len() == 0 || parents.At(0) == history.None {
			return false
		}
		if n = parents.At(0); a.place[n] != unplaced {
			return a.graph.ID(n) == u.Old
		}
	}
}

// put gives a node its place. extra says that stopping there takes a ref for the chain that leads to the root, too.
func (a *arranger) put(f frame, extra bool) {
	a.nodes = append(a.nodes, f.n)
	a.chain = append(a.chain, f.chain)
	if f.n != history.None {
		a.place[f.n] = uint32(len(a.nodes))
	}
	if !a.begun[f.chain] && a.owner[f.chain] != history.None {
		a.sides++
	}
	a.begun[f.chain] = true
	a.sides -= f.sides
	open := a.sides
	if extra {
		open++
	}
	a.open = append(a.open, open)
}

// id returns what has a place from 1 on.
func (o *order) id(place uint32) object.ID {
	if n := o.nodes[place-1]; n != history.None {
		return o.graph.ID(n)
	}
	return o.beside[place]
}

// len returns how many places there are.
func (o *order) len() uint32 { return uint32(len(o.nodes)) }
