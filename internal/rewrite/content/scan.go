package content

import (
	"bytes"
	"context"
	"fmt"

	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/lfs"
)

// attributesName is the file that says what Git LFS looks after.
const attributesName = ".gitattributes"

// special reports whether a file is one that Git or Git LFS reads for itself: it is never chosen.
func special(name []byte) bool {
	switch string(name) {
	case attributesName, ".gitignore", modulesName, ".lfsconfig":
		return true
	}
	return false
}

// scan walks over all trees and takes down what is in which.
func (p *pass) scan(ctx context.Context) error {
	scanners := make([]*scanner, p.Workers)
	for i := range scanners {
		scanners[i] = &scanner{pass: p, shelf: shelf{links: &p.links}, anchored: p.Match != nil && p.Match.Anchored()}
	}
	o := pack.WalkOptions{Types: []object.Type{object.Tree}, Workers: p.Workers}
	return p.forest.Walk(ctx, o, func(o *pack.Object) error { return scanners[o.Worker].tree(ctx, o) })
}

// scanner is one worker's part of the scan.
type scanner struct {
	*pass
	shelf    shelf
	anchored bool
	at       uint32 // the tree
	seen     int    // entries
	record   []uint32
	files    []uint32
	ids      idCache
	names    nameCache
}

func (s *scanner) tree(ctx context.Context, o *pack.Object) error {
	s.at, s.record, s.files = o.Pos, append(s.record[:0], 0, 0, 0), s.files[:0]
	for at := 0; at < len(o.Data); {
		if s.seen++; s.seen&0xff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e, n, err := object.ReadEntry(s.Format, o.Data[at:])
		if err == nil {
			err = s.entry(&e, uint32(at))
		}
		if err != nil {
			return fmt.Errorf("tree %s: %w", o.ID, err)
		}
		at += n
	}
	if err := s.links.hasNames(); err != nil {
		return err
	}
	s.record[0], s.record[1] = uint32((len(s.record)-headWords)/linkWords), uint32(len(s.files)/linkWords)
	return s.shelf.put(o.Pos, append(s.record, s.files...))
}

func (s *scanner) entry(e *object.TreeEntry, at uint32) error {
	if string(e.Name) == attributesName && (e.Mode.IsSymlink() || e.Mode.Type() != object.Blob) {
		s.record[2] = noFile
	}
	switch {
	case e.Mode.IsTree():
		tree, ok := s.ids.find(s.pack.Index, s.Format, e.ID)
		if !ok {
			return fmt.Errorf("it names a tree that is missing: %x", e.ID)
		}
		name := uint32(0)
		if s.anchored {
			name = s.names.number(s.pass, e.Name)
		}
		s.record = append(s.record, tree, at, name)
	case !e.Mode.IsSubmodule():
		s.file(e, at)
	case s.Submodules != nil:
		s.link(e, at)
	}
	return nil
}

// file takes down an entry that may be chosen.
func (s *scanner) file(e *object.TreeEntry, at uint32) {
	if len(e.Name) == len(attributesName) && string(e.Name) == attributesName && !e.Mode.IsSymlink() {
		if i, ok := s.ids.find(s.pack.Index, s.Format, e.ID); ok {
			s.record[2] = i + 1
		}
	}
	if s.Submodules != nil && string(e.Name) == modulesName && s.module(e, at) {
		return
	}
	may := s.Match != nil && s.names.may(s.pass, e.Name)
	if !may && !s.filter.may(e.ID) {
		return
	}
	blob, ok := s.ids.find(s.pack.Index, s.Format, e.ID)
	large := ok && s.large.has(blob)
	if !ok || !may && !large {
		return
	}
	name, word := s.names.number(s.pass, e.Name), blob
	if large {
		word |= isLarge
	}
	if special(e.Name) || e.Mode.IsSymlink() && !(large && s.removes()) {
		name |= isNever
	} else {
		s.possible.add(blob)
	}
	s.files = append(s.files, word, at, name)
}

// idCache finds numbers of ids again that were looked up lately.
type idCache struct{ slots [1 << 14]uint32 } // numbers plus one

func (c *idCache) find(x *pack.Index, f object.Format, id []byte) (uint32, bool) {
	slot := &c.slots[(uint(id[0])<<8|uint(id[1]))&(1<<14-1)]
	if n := *slot; n != 0 && bytes.Equal(x.IDBytes(int(n-1)), id) {
		return n - 1, true
	}
	i, ok := x.Find(object.FromBytes(f, id))
	if ok {
		*slot = uint32(i) + 1
	}
	return uint32(i), ok
}

// nameCache keeps what is known of names seen lately.
type nameCache struct{ slots [1 << 15]knownName }

type knownName struct {
	name   string
	number uint32 // 0 until it is asked for
	asked  bool
	may    bool // a pattern may match it
}

func (c *nameCache) of(name []byte) *knownName {
	h := uint32(2166136261)
	for _, b := range name {
		h = (h ^ uint32(b)) * 16777619
	}
	k := &c.slots[(h^h>>15)&(1<<15-1)]
	if k.name != string(name) {
		*k = knownName{name: string(name)}
	}
	return k
}

func (c *nameCache) number(p *pass, name []byte) uint32 {
	k := c.of(name)
	if k.number == 0 {
		k.number = p.links.nameOf(name)
	}
	return k.number
}

func (c *nameCache) may(p *pass, name []byte) bool {
	k := c.of(name)
	if !k.asked {
		k.asked, k.may = true, p.Match.MayMatch(name)
	}
	return k.may
}

// sift finds those among the possible blobs that are left alone. A pointer is not the file it stands
// for, and an empty file is its own pointer (git-lfs docs/spec.md).
func (p *pass) sift(ctx context.Context) error {
	p.sizes = map[uint32]int64{}
	small := newSet(p.forest.Len())
	var d inflate.Decoder
	for i := range p.possible.each {
		size, err := p.forest.Size(&d, int(i))
		if err != nil {
			return err
		}
		p.sizes[i] = size
		if size <= lfs.MaxPointer {
			small.add(i)
		}
	}
	o := pack.WalkOptions{Types: []object.Type{object.Blob}, Workers: p.Workers, Want: func(i int) bool { return small.has(uint32(i)) }}
	return p.forest.Walk(ctx, o, func(o *pack.Object) error {
		if _, pointer := lfs.ParsePointer(o.Data); pointer || o.Size == 0 {
			p.left.add(o.Pos)
		}
		return nil
	})
}
