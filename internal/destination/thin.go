package destination

import (
	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// What is worth being made smaller: a sync, not a first push.
const (
	thinObjects = 20_000
	thinObject  = 4 << 20   // bytes of one object
	thinRead    = 256 << 20 // bytes of all objects that are looked at
)

// likeness finds for new trees and blobs what stood at their path in the commit before, which the destination has.
//
//	for each new commit whose first parent is known: walk both trees, side by side, as far as they differ
//	a new object and an old one of the same name are alike; what is like a new one is like what that is like
//
// It looks at so many bytes and no more, whatever is in them: what it finds nothing for is sent as it stands.
type likeness struct {
	objects *repo.Objects
	format  object.Format
	parts   []pack.Part
	has     func(id []byte) bool // the destination should have it
	like    map[object.ID]object.ID
	looked  map[object.ID]bool // new trees
	next    []alike            // trees to look at
	left    int64              // bytes that may still be read
}

// alike is a new object and one that stood in its place.
type alike struct{ now, before object.ID }

// resemble returns how whole objects of parts are to be sent as deltas, nil where that is not worth it.
func (s *session) resemble(parts []pack.Part) pack.Resemble {
	if s.goesBy != byMemory || s.p.Has == nil {
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
		like: map[object.ID]object.ID{}, looked: map[object.ID]bool{}, left: thinRead,
	}
	l.commits()
	return l.find
}

// commits goes through the new commits. What cannot be read is sent as it stands.
func (l *likeness) commits() {
	turn := compute.Take()
	defer turn.Give()
	for _, p := range l.parts {
		for i := range p.Pack.Index.Len() {
			turn.Pass()
			if l.left <= 0 {
				return
			}
			if p.Only != nil && !p.Only.Has(i) {
				continue
			}
			if t, err := p.Pack.Type(i); err == nil && t == object.Commit {
				l.commit(p.Pack.Index.ID(i), turn)
			}
		}
	}
}

// commit compares the trees of a commit and of its first parent.
func (l *likeness) commit(id object.ID, turn *compute.Turn) {
	c, ok := l.parse(id)
	if !ok {
		return
	}
	for parent := range c.Parents() {
		if before, ok := l.parse(parent); ok {
			l.note(alike{c.Tree, before.Tree}, true)
		}
		break
	}
	for len(l.next) > 0 {
		turn.Pass()
		pair := l.next[len(l.next)-1]
		l.next = l.next[:len(l.next)-1]
		l.trees(pair)
	}
}

func (l *likeness) parse(commit object.ID) (c object.CommitParts, ok bool) {
	raw, ok := l.read(commit, object.Commit)
	if ok {
		c, _ = object.ParseCommit(l.format, raw)
	}
	return c, ok
}

// trees notes of two trees that what has the same name in them is alike.
func (l *likeness) trees(pair alike) {
	now, ok := l.read(pair.now, object.Tree)
	before, alsoOK := l.read(pair.before, object.Tree)
	if !ok || !alsoOK {
		return
	}
	for len(now) > 0 && len(before) > 0 {
		e, n, err := object.ReadEntry(l.format, now)
		if err != nil {
			return
		}
		o, m, err := object.ReadEntry(l.format, before)
		if err != nil {
			return
		}
		order := object.CompareEntries(&e, &o)
		if order <= 0 {
			now = now[n:]
		}
		if order >= 0 {
			before = before[m:]
		}
		if t := e.Mode.Type(); order == 0 && string(e.ID) != string(o.ID) && t == o.Mode.Type() && t != object.Commit {
			l.note(alike{object.FromBytes(l.format, e.ID), object.FromBytes(l.format, o.ID)}, t == object.Tree)
		}
	}
}

// note keeps that two objects are alike, if the one is new; rather with what is not new itself. Trees are looked at,
// once each.
func (l *likeness) note(pair alike, trees bool) {
	if pair.now == pair.before || !l.isNew(pair.now) {
		return
	}
	if was, known := l.like[pair.now]; !known || l.isNew(was) && !l.isNew(pair.before) {
		l.like[pair.now] = pair.before
	}
	if trees && !l.looked[pair.now] {
		l.looked[pair.now] = true
		l.next = append(l.next, pair)
	}
}

func (l *likeness) isNew(id object.ID) bool {
	for _, p := range l.parts {
		if i, ok := p.Pack.Index.Find(id); ok && (p.Only == nil || p.Only.Has(i)) {
			return true
		}
	}
	return false
}

// read returns an object of that type, as long as reading goes on.
func (l *likeness) read(id object.ID, t object.Type) ([]byte, bool) {
	for _, p := range l.objects.Packs() {
		i, ok := p.Index.Find(id)
		if !ok {
			continue
		}
		is, data, err := p.Read(i, min(thinObject, l.left))
		if l.left -= int64(len(data)); err != nil && l.left < thinObject {
			l.left = 0 // it may have been too large for what is left
		}
		return data, err == nil && is == t
	}
	return nil, false
}

// find is a pack.Resemble.
func (l *likeness) find(id object.ID) (like object.ID, before, now []byte, ok bool) {
	like, ok = l.root(id)
	if !ok || !l.has(like.Bytes()) {
		return like, nil, nil, false
	}
	t, err := l.objects.Type(id)
	if err != nil {
		return like, nil, nil, false
	}
	if now, ok = l.read(id, t); ok {
		before, ok = l.read(like, t)
	}
	return like, before, now, ok
}

// root returns what an object is like that is not new. All on the way there are like that from then on, so that
// long ways are gone once; those that lead nowhere or round in a circle are like nothing.
func (l *likeness) root(id object.ID) (like object.ID, ok bool) {
	var way []object.ID
	for like, ok = l.like[id]; ok && l.isNew(like) && len(way) <= len(l.like); like, ok = l.like[like] {
		way = append(way, like)
	}
	ok = ok && !l.isNew(like)
	for _, on := range append(way, id) {
		if ok {
			l.like[on] = like
		} else {
			delete(l.like, on)
		}
	}
	return like, ok
}
