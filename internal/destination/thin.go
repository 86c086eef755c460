package destination

import (
	"bytes"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// What is worth being made smaller: a sync, not a first push.
const (
	thinObjects = 20_000
	thinObject  = 4 << 20 // bytes of one object
)

// likeness finds for new trees and blobs what stood at their path in the commit before, which the destination has.
//
//	for each new commit whose first parent is known: walk both trees, side by side, as far as they differ
//	a new object and an old one of the same name are alike; what is like a new one is like what that is like
type likeness struct {
	objects *repo.Objects
	format  object.Format
	parts   []pack.Part
	has     func(id []byte) bool // the destination should have it
	like    map[object.ID]object.ID
	looked  map[object.ID]bool // new trees
}

// resemble returns how whole objects of parts are to be sent as deltas, nil where that is not worth it.
func (s *session) resemble(parts []pack.Part) pack.Resemble {
	if !s.leavesOut() || s.p.Has == nil {
		return nil
	}
	n := 0
	for _, p := range parts {
		if p.Only != nil {
			n += p.Only.Len()
		} else {
			n += p.Pack.Index.Len()
		}
	}
	if n > thinObjects {
		return nil
	}
	l := &likeness{
		objects: s.objects, format: s.p.From.Format(), parts: parts, has: s.p.Has,
		like: map[object.ID]object.ID{}, looked: map[object.ID]bool{},
	}
	l.commits()
	return l.find
}

// commits goes through the new commits. What cannot be read is sent as it stands.
func (l *likeness) commits() {
	for _, p := range l.parts {
		for i := range p.Pack.Index.Len() {
			if p.Only != nil && !p.Only.Has(i) {
				continue
			}
			if t, err := p.Pack.Type(i); err != nil || t != object.Commit {
				continue
			}
			_, raw, err := p.Pack.Read(i, thinObject)
			if err != nil {
				continue
			}
			c, _ := object.ParseCommit(l.format, raw)
			for parent := range c.Parents() {
				if before, ok := l.tree(parent); ok {
					l.trees(c.Tree, before)
				}
				break
			}
		}
	}
}

// tree returns the tree of a commit.
func (l *likeness) tree(commit object.ID) (object.ID, bool) {
	t, raw, err := l.objects.Read(commit)
	if err != nil || t != object.Commit {
		return object.ID{}, false
	}
	c, _ := object.ParseCommit(l.format, raw)
	return c.Tree, true
}

// trees notes that now is like before, and what is in it like what is in that.
func (l *likeness) trees(now, before object.ID) {
	if !l.alike(now, before) || l.looked[now] {
		return
	}
	l.looked[now] = true
	_, new, err := l.objects.Read(now)
	if err != nil {
		return
	}
	_, old, err := l.objects.Read(before)
	if err != nil {
		return
	}
	was := map[string]object.TreeEntry{}
	for e, err := range object.Entries(l.format, old) {
		if err != nil {
			return
		}
		if !bytes.Contains(new, e.ID) {
			was[string(e.Name)] = e
		}
	}
	for e, err := range object.Entries(l.format, new) {
		if err != nil {
			return
		}
		o, ok := was[string(e.Name)]
		switch {
		case !ok || bytes.Equal(o.ID, e.ID) || o.Mode.Type() != e.Mode.Type():
		case e.Mode.IsTree():
			l.trees(object.FromBytes(l.format, e.ID), object.FromBytes(l.format, o.ID))
		case e.Mode.Type() == object.Blob:
			l.alike(object.FromBytes(l.format, e.ID), object.FromBytes(l.format, o.ID))
		}
	}
}

// alike notes that a new object is like one before it, unless that is known; false when it is not new.
func (l *likeness) alike(now, before object.ID) bool {
	if now == before || !l.isNew(now) {
		return false
	}
	if _, known := l.like[now]; !known {
		l.like[now] = before
	}
	return true
}

func (l *likeness) isNew(id object.ID) bool {
	for _, p := range l.parts {
		if i, ok := p.Pack.Index.Find(id); ok && (p.Only == nil || p.Only.Has(i)) {
			return true
		}
	}
	return false
}

// find is a pack.Resemble.
func (l *likeness) find(id object.ID) (like object.ID, before, now []byte, ok bool) {
	like, ok = l.like[id]
	for n := 0; ok && l.isNew(like); n++ { // to what the destination has
		if like, ok = l.like[like]; n > thinObjects {
			return like, nil, nil, false
		}
	}
	if !ok || !l.has(like.Bytes()) {
		return like, nil, nil, false
	}
	kind, before, err := l.objects.Read(like)
	if err != nil || len(before) > thinObject {
		return like, nil, nil, false
	}
	same, now, err := l.objects.Read(id)
	return like, before, now, err == nil && same == kind && len(now) <= thinObject
}
