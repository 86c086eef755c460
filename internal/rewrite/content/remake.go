package content

import (
	"context"
	"fmt"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// remake finds the new id of every tree that changes, the lowest first, so that those it names
// are known.
func (p *pass) remake(ctx context.Context) (err error) {
	if p.ids, err = p.take(len(p.nodes) * p.Format.Size()); err != nil {
		return err
	}
	makers := make([]*maker, p.Workers)
	for i := range makers {
		makers[i] = &maker{pass: p, hasher: object.NewHasher(p.Format)}
	}
	for height := uint32(1); height <= p.height; height++ {
		want := newSet(p.forest.Len())
		for i := range p.nodes {
			if p.nodes[i].height == height {
				want.add(p.nodes[i].tree)
			}
		}
		o := pack.WalkOptions{Types: []object.Type{object.Tree}, Workers: p.Workers, Want: func(i int) bool { return want.has(uint32(i)) }}
		err := p.forest.Walk(ctx, o, func(o *pack.Object) error { return makers[o.Worker].all(ctx, o, height) })
		if err == nil {
			err = p.links.hasNames()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maker makes trees anew, for one worker.
type maker struct {
	*pass
	hasher *object.Hasher
	items  []item
	buf    []byte
}

// all finds the ids of a tree's nodes of one height.
func (m *maker) all(ctx context.Context, o *pack.Object, height uint32) error {
	for n := m.first[o.Pos]; n != 0; n = m.nodes[n-1].next {
		if m.nodes[n-1].height != height {
			continue
		}
		if err := m.one(ctx, o.Data, n-1); err != nil {
			return fmt.Errorf("tree %s: %w", o.ID, err)
		}
	}
	return nil
}

// one finds the id of a node, its paths and its .gitattributes.
func (m *maker) one(ctx context.Context, data []byte, at uint32) error {
	n := &m.nodes[at]
	r, _ := m.links.of(n.tree)
	if err := m.below(n, r, data); err != nil {
		return err
	}
	var err error
	if n.set, err = m.setOf(m.items); err != nil {
		return err
	}
	s := m.states.list[n.state]
	if !m.removes() {
		a, err := m.attribute(ctx, r, question{set: n.set, macros: s.macros, root: s.root}, n.tree)
		if err != nil {
			return err
		}
		n.attr, n.set = a.file, a.left
	}
	if m.buf, err = m.build(m.buf[:0], data, at); err != nil {
		return err
	}
	if len(m.buf) == 0 && !s.root {
		return nil // an empty folder is none
	}
	id, err := m.hasher.Sum(object.Tree, m.buf)
	if err != nil {
		return err
	}
	id.AppendTo(m.idBytes(at)[:0])
	return nil
}

// below gathers the paths of a node: its own files and what its folders have left.
func (m *maker) below(n *node, r record, data []byte) error {
	m.items = m.items[:0]
	for c := range m.changes(n, r) {
		it := item{name: c.name}
		if c.child == nil && c.name == 0 {
			continue
		}
		if c.child != nil {
			if it.below = c.child.set; it.below == 0 {
				continue
			}
			e, _, err := object.ReadEntry(m.Format, data[c.at:])
			if err != nil {
				return err
			}
			it.name = m.links.nameOf(e.Name)
		}
		m.items = append(m.items, it)
	}
	return nil
}

func (p *pass) idBytes(node uint32) []byte {
	size := p.Format.Size()
	return p.ids[int(node)*size : int(node)*size+size : int(node)*size+size]
}

// newID returns the id of what a node became, the zero id for nothing.
func (p *pass) newID(node uint32) object.ID { return object.FromBytes(p.Format, p.idBytes(node)) }

// change is an entry of a tree that gets another id, or goes when that is nil.
type change struct {
	at    uint32
	child *node  // nil for a file
	name  uint32 // of a chosen file, 0 for none
	id    []byte
}

// changeOf is the change of a file in a tree of some state, if it changes.
func (p *pass) changeOf(state uint32, f file) (c change, changes bool) {
	switch {
	case p.chooses(state, f):
		return change{at: f.at, name: f.name, id: p.pointerBytes(f.blob)}, true
	case p.edits(state, f):
		return change{at: f.at, id: p.editedBytes(f)}, true
	}
	return c, false
}

// changes yields the entries of a node that change, in order.
func (p *pass) changes(n *node, r record) func(yield func(change) bool) {
	return func(yield func(change) bool) {
		files := 0
		flush := func(before uint32) bool {
			for ; files < r.files(); files++ {
				f := r.file(files)
				if f.at >= before {
					break
				}
				if c, changes := p.changeOf(n.state, f); changes && !yield(c) {
					return false
				}
			}
			return true
		}
		for i := range r.folders() {
			f := r.folder(i)
			if !flush(f.at) {
				return
			}
			child, ok := p.child(n, f)
			if !ok {
				continue
			}
			c := change{at: f.at, child: &p.nodes[child]}
			if !p.newID(child).IsZero() {
				c.id = p.idBytes(child)
			}
			if !yield(c) {
				return
			}
		}
		flush(^uint32(0))
	}
}

// pointerBytes returns the id of a chosen blob's pointer, nil when it is removed.
func (p *pass) pointerBytes(blob uint32) []byte {
	if c, ok := p.converted[blob]; ok {
		return c.pointer.Bytes()
	}
	return nil
}

// build appends the bytes of what a node becomes. Entries that stay keep theirs, whatever they are.
func (p *pass) build(dst, data []byte, at uint32) ([]byte, error) {
	n := &p.nodes[at]
	r, _ := p.links.of(n.tree)
	attr := attributeEdit{pass: p, node: n}
	if n.attr != 0 {
		if err := attr.find(data, r); err != nil {
			return dst, err
		}
	}
	from := 0
	size := p.Format.Size()
	for c := range p.changes(n, r) {
		dst = attr.before(dst, data, &from, int(c.at))
		_, length, err := object.ReadEntry(p.Format, data[c.at:])
		if err != nil {
			return dst, err
		}
		end := int(c.at) + length
		dst = append(dst, data[from:c.at]...)
		if c.id != nil {
			dst = append(append(dst, data[c.at:end-size]...), c.id...)
		}
		from = end
	}
	dst = attr.before(dst, data, &from, len(data)+1)
	return append(dst, data[from:]...), nil
}

// attributeEdit puts a node's .gitattributes into its tree.
type attributeEdit struct {
	*pass
	node *node
	at   int  // where its entry is, or is to be
	end  int  // of the entry that is there; at for none
	done bool // also when there is nothing to do
}

// find finds the entry's place.
func (e *attributeEdit) find(data []byte, r record) error {
	want := object.TreeEntry{Mode: object.ModeFile, Name: []byte(attributesName)}
	_, has := r.attributes()
	e.at = len(data)
	for at := 0; at < len(data); {
		entry, n, err := object.ReadEntry(e.Format, data[at:])
		if err != nil {
			return err
		}
		if string(entry.Name) == attributesName {
			if !has {
				return e.noFile(e.node.tree)
			}
			e.at, e.end = at, at+n
			return nil
		}
		if e.at == len(data) && object.CompareEntries(&entry, &want) > 0 {
			e.at = at
		}
		at += n
	}
	e.end = e.at
	return nil
}

// before makes the edit once the bytes up to at come, which begins at another entry.
func (e *attributeEdit) before(dst, data []byte, from *int, at int) []byte {
	if e.done || e.node.attr == 0 || e.at > at {
		return dst
	}
	e.done = true
	dst = append(dst, data[*from:e.at]...)
	if e.end > e.at {
		dst = append(dst, data[e.at:e.end-e.Format.Size()]...)
	} else {
		dst = append(dst, "100644 "+attributesName+"\x00"...)
	}
	*from = e.end
	id := e.rules.idOf(e.node.attr)
	return id.AppendTo(dst)
}
