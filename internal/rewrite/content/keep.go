package content

import (
	"context"
	"fmt"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// findStays finds the blobs that something goes on to name, though they are chosen elsewhere or
// over the limit: an entry that is never chosen, a path that no pattern matches, a tree of notes.
func (p *pass) findStays(ctx context.Context) error {
	for _, id := range p.Blobs {
		if i, ok := p.pack.Index.Find(id); ok && !p.large.has(uint32(i)) {
			p.stays.add(uint32(i))
		}
	}
	if p.Match == nil && len(p.edited) == 0 {
		return p.sameFor(p.forest.Len(), func(from, to int) error {
			for i := from; i < to; i++ {
				r, ok := p.links.of(uint32(i))
				for f := 0; ok && f < r.files(); f++ {
					p.look(uint32(i), r.file(f))
				}
			}
			return nil
		})
	}
	return p.findOthers(ctx)
}

// look notes that a blob stays if an entry of a tree goes on to name it.
func (p *pass) look(tree uint32, f file) {
	if f.link {
		return
	}
	stays := p.clean.has(tree)
	for n := p.first[tree]; n != 0 && !stays; n = p.nodes[n-1].next {
		state := p.nodes[n-1].state
		stays = !p.chooses(state, f) && !p.edits(state, f)
	}
	if stays {
		p.stays.add(f.blob)
	}
}

// findOthers goes through the trees again: the scan took down names that a pattern may match, and the
// same blob may have others.
func (p *pass) findOthers(ctx context.Context) error {
	var chosen filter
	for i := range p.chosen.each {
		chosen.add(p.forest.IDBytes(int(i)))
	}
	for i := range p.edited {
		chosen.add(p.forest.IDBytes(int(i)))
	}
	type one struct {
		ids   idCache
		files map[uint32]file
	}
	workers := make([]one, p.Workers)
	o := pack.WalkOptions{Types: []object.Type{object.Tree}, Workers: p.Workers, Want: func(i int) bool { return p.clean.has(uint32(i)) || p.first[i] != 0 }}
	return p.forest.Walk(ctx, o, func(o *pack.Object) error {
		w := &workers[o.Worker]
		w.files = map[uint32]file{}
		r, ok := p.links.of(o.Pos)
		for i := 0; ok && i < r.files(); i++ {
			f := r.file(i)
			w.files[f.at] = f
		}
		for at := 0; at < len(o.Data); {
			e, n, err := object.ReadEntry(p.Format, o.Data[at:])
			if err != nil {
				return fmt.Errorf("tree %s: %w", o.ID, err)
			}
			if f, known := w.files[uint32(at)]; known {
				p.look(o.Pos, f)
			} else if e.Mode.Type() == object.Blob && chosen.may(e.ID) {
				if blob, ok := w.ids.find(p.pack.Index, p.Format, e.ID); ok {
					p.look(o.Pos, file{blob: blob, never: true})
				}
			}
			at += n
		}
		return nil
	})
}

// goes reports whether a blob is not in the new pack.
func (p *pass) goes(blob uint32) bool {
	return (p.chosen.has(blob) || p.large.has(blob) && !p.left.has(blob) || p.isEdited(blob)) && !p.stays.has(blob)
}

// keeps reports whether an object is in the new pack. Of trees those are that something reaches.
func (p *pass) keeps(i int) bool {
	switch p.forest.Type(i) {
	case object.Tree:
		return p.clean.has(uint32(i))
	case object.Blob:
		return !p.goes(uint32(i))
	}
	return true
}
