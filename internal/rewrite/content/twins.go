package content

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// twins are files in folders that have the name of a pointer at the root and are none themselves.
// git-lfs (fsck --pointers, 3.3) would miss pointers at them, for it does not anchor what a line says
// of a file of the root; so such a line is written for Git alone.
type twins struct {
	names map[string]uint32   // of chosen files at roots: their numbers
	own   map[uint32][]uint32 // by tree: the twins right in it, as numbers
	below map[uint32]uint32   // by tree: number of the set of those in it and below
	lists [][]uint32          // by number; 0 is empty
	known map[string]uint32
}

// findTwins goes through all trees, if any root has chosen files.
func (p *pass) findTwins(ctx context.Context) error {
	if !p.converts() {
		return nil
	}
	t := &twins{names: map[string]uint32{}, own: map[uint32][]uint32{}, below: map[uint32]uint32{}, lists: [][]uint32{nil}, known: map[string]uint32{"": 0}}
	for i := range p.nodes {
		n := &p.nodes[i]
		if !p.states.list[n.state].root {
			continue
		}
		r, _ := p.links.of(n.tree)
		for f := range r.files() {
			if file := r.file(f); p.chooses(n.state, file) {
				t.names[string(p.links.text(file.name))] = file.name
			}
		}
	}
	if len(t.names) == 0 {
		return nil
	}
	p.twins = t
	found := make([]map[uint32][]uint32, p.Workers)
	for i := range found {
		found[i] = map[uint32][]uint32{}
	}
	o := pack.WalkOptions{Types: []object.Type{object.Tree}, Workers: p.Workers}
	err := p.forest.Walk(ctx, o, func(o *pack.Object) error { return p.ownTwins(o, found[o.Worker]) })
	for _, some := range found {
		for tree, names := range some {
			t.own[tree] = names
		}
	}
	return err
}

// ownTwins finds those right in a tree.
func (p *pass) ownTwins(o *pack.Object, found map[uint32][]uint32) error {
	for at := 0; at < len(o.Data); {
		e, n, err := object.ReadEntry(p.Format, o.Data[at:])
		if err != nil {
			return fmt.Errorf("tree %s: %w", o.ID, err)
		}
		at += n
		if e.Mode.IsTree() || e.Mode.IsSubmodule() || e.Mode.IsSymlink() {
			continue
		}
		name, ok := p.twins.names[string(e.Name)]
		if !ok {
			continue
		}
		blob, ok := p.pack.Index.Find(object.FromBytes(p.Format, e.ID))
		if ok && p.mayStay(uint32(blob)) {
			found[o.Pos] = append(found[o.Pos], name)
		}
	}
	return nil
}

// mayStay reports whether a blob, which no symlink names, may be named as it is somewhere. Patterns with a slash
// choose it on some paths only.
func (p *pass) mayStay(blob uint32) bool {
	byPath := p.Match.Anchored() && !p.large.has(blob)
	return !p.left.has(blob) && (byPath || !p.chosen.has(blob))
}

// twinsOf returns the number of the set of twins in the folders of a tree.
func (p *pass) twinsOf(tree uint32) uint32 {
	if p.twins == nil {
		return 0
	}
	r, _ := p.links.of(tree)
	var all []uint32
	for i := range r.folders() {
		all = append(all, p.twins.lists[p.twinsIn(r.folder(i).tree)]...)
	}
	return p.twins.number(all)
}

// twinsIn returns the number of the set of twins in a tree and below it. No tree lies deeper than the
// survey allows.
func (p *pass) twinsIn(tree uint32) uint32 {
	if n, ok := p.twins.below[tree]; ok {
		return n
	}
	r, _ := p.links.of(tree)
	all := slices.Clone(p.twins.own[tree])
	for i := range r.folders() {
		all = append(all, p.twins.lists[p.twinsIn(r.folder(i).tree)]...)
	}
	n := p.twins.number(all)
	p.twins.below[tree] = n
	return n
}

// number returns the number of a set, which it sorts.
func (t *twins) number(all []uint32) uint32 {
	slices.Sort(all)
	all = slices.Compact(all)
	var key []byte
	for _, name := range all {
		key = binary.LittleEndian.AppendUint32(key, name)
	}
	n, ok := t.known[string(key)]
	if !ok {
		n = uint32(len(t.lists))
		t.known[string(key)] = n
		t.lists = append(t.lists, all)
	}
	return n
}

// isTwin reports whether a path, a file of the root, has a twin in a set.
func (p *pass) isTwin(path []byte, set uint32) bool {
	if set == 0 {
		return false
	}
	name, ok := p.twins.names[string(path)]
	if ok {
		_, ok = slices.BinarySearch(p.twins.lists[set], name)
	}
	return ok
}
