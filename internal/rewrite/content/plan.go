package content

import (
	"context"
	"fmt"

	"rehome"
	"rehome/internal/git/object"
)

// plan goes down from the roots and notes the trees that change, lower ones first.
func (p *pass) plan(ctx context.Context) error {
	walk := walk{pass: p, macros: map[uint32]uint32{}, kept: newSet(p.forest.Len())}
	for _, id := range p.Roots {
		tree, ok := p.pack.Index.Find(id)
		if !ok {
			return fmt.Errorf("tree %s is missing", id)
		}
		s, err := walk.rootState(uint32(tree))
		if err == nil {
			err = walk.down(ctx, uint32(tree), s)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range p.Kept {
		if tree, ok := p.pack.Index.Find(id); ok {
			if err := walk.keep(ctx, uint32(tree)); err != nil {
				return err
			}
		}
	}
	for _, blob := range p.namedLarge {
		p.chosen.add(blob)
	}
	return nil
}

// rootNode returns the node of a root, if it changes.
func (p *pass) rootNode(id object.ID) (n uint32, ok bool) {
	tree, ok := p.pack.Index.Find(id)
	if !ok {
		return 0, false
	}
	for n := p.first[tree]; n != 0; n = p.nodes[n-1].next {
		if p.states.list[p.nodes[n-1].state].root {
			return n - 1, true
		}
	}
	return 0, false
}

// walk is the way down.
type walk struct {
	*pass
	macros map[uint32]uint32 // of a .gitattributes at a root, by its blob: their number
	stack  []step
	kept   set // trees that stay, whatever they hold
}

// step is a tree on the way, with the next of its folders to look at.
type step struct {
	tree, state uint32
	record      record
	next        int
	changes     bool
	height      uint32
}

// rootState returns the state of a root. Only there .gitattributes may define macros, which those
// further down use (gitattributes, "Defining macro attributes").
func (w *walk) rootState(tree uint32) (uint32, error) {
	s := state{root: true}
	if w.Match != nil {
		s.path = w.Match.Start()
	}
	r, ok := w.links.of(tree)
	if blob, has := r.attributes(); ok && has && w.converts() {
		number, known := w.macros[blob]
		if !known {
			var err error
			if number, err = w.macrosOf(blob); err != nil {
				return 0, err
			}
			w.macros[blob] = number
		}
		s.macros = number
	}
	return w.states.number(s, w.Scratch, w.forest.Len())
}

// down looks at a tree in a state, and at everything below it that was not looked at yet.
func (w *walk) down(ctx context.Context, tree, state uint32) error {
	if w.states.get(state, tree) != unseen {
		return nil
	}
	if err := w.enter(tree, state); err != nil {
		return err
	}
	for n := 0; len(w.stack) > 0; n++ {
		if n&0xff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		top := &w.stack[len(w.stack)-1]
		if top.next == top.record.folders() {
			w.leave()
			continue
		}
		f := top.record.folder(top.next)
		below, err := w.below(top.state, f.name)
		if err != nil {
			return err
		}
		switch seen := w.states.get(below, f.tree); seen {
		case unseen:
			if err := w.enter(f.tree, below); err != nil {
				return err
			}
			continue
		case asItIs:
		default:
			top.changes = true
			top.height = max(top.height, w.nodes[seen-firstNode].height)
		}
		top.next++
	}
	return nil
}

// below returns the state of a folder in a tree of the given state.
func (w *walk) below(of, name uint32) (uint32, error) {
	key := together(of, name)
	if n, ok := w.states.below[key]; ok {
		return n, nil
	}
	s := w.states.list[of]
	if w.Match != nil && w.Match.Anchored() {
		s.path = w.Match.Enter(s.path, w.links.text(name))
	}
	s.root = false
	n, err := w.states.number(s, w.Scratch, w.forest.Len())
	w.states.below[key] = n
	return n, err
}

// enter puts a tree on the way and looks at its files.
func (w *walk) enter(tree, state uint32) error {
	r, ok := w.links.of(tree)
	if !ok {
		return fmt.Errorf("%s is not a tree", w.pack.Index.ID(int(tree)))
	}
	if w.states.isFull() {
		return &rehome.Error{
			Code:    rehome.LimitPassed,
			Message: "Large files cannot be chosen: the patterns, or the macros in .gitattributes, tell too many paths apart.",
			Hint:    "Use fewer patterns with a slash, or leave large files as they are.",
		}
	}
	s := step{tree: tree, state: state, record: r}
	for i := range r.files() {
		f := r.file(i)
		if key := together(state, f.name); w.Match != nil && !f.never && !f.large {
			if _, known := w.states.chosen[key]; !known {
				w.states.chosen[key] = w.Match.Matches(w.states.list[state].path, w.links.text(f.name))
			}
		}
		if w.chooses(state, f) {
			s.changes = true
			w.chosen.add(f.blob)
		}
		if follows, err := w.follow(&s, f); err != nil {
			return err
		} else if follows {
			s.changes = true
		}
	}
	w.stack = append(w.stack, s)
	return nil
}

// chooses reports whether an entry of a tree in a state is chosen.
func (p *pass) chooses(state uint32, f file) bool {
	if f.never || p.left.has(f.blob) {
		return false
	}
	return f.large || p.states.chosen[together(state, f.name)]
}

// leave decides about the tree at the end of the way.
func (w *walk) leave() {
	top := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	if !top.changes {
		w.states.set(top.state, top.tree, asItIs)
		w.clean.add(top.tree)
		return
	}
	n := uint32(len(w.nodes))
	w.nodes = append(w.nodes, node{tree: top.tree, state: top.state, next: w.first[top.tree], height: top.height + 1})
	w.first[top.tree] = n + 1
	w.height = max(w.height, top.height+1)
	w.states.set(top.state, top.tree, n+firstNode)
}

// keep notes that a tree stays, with all below it.
func (w *walk) keep(ctx context.Context, tree uint32) error {
	next := []uint32{tree}
	for n := 0; len(next) > 0; n++ {
		if n&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		tree := next[len(next)-1]
		next = next[:len(next)-1]
		r, ok := w.links.of(tree)
		if !ok || w.kept.has(tree) {
			continue
		}
		w.kept.add(tree)
		w.clean.add(tree)
		for i := range r.folders() {
			next = append(next, r.folder(i).tree)
		}
	}
	return nil
}

// child returns the node of a folder below a node; ok is false when the folder stays.
func (p *pass) child(n *node, f folder) (child uint32, ok bool) {
	seen := p.states.get(p.states.below[together(n.state, f.name)], f.tree)
	return seen - firstNode, seen >= firstNode
}
