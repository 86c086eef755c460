package pack

import (
	"context"
	"fmt"
	"math"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// Part is what of a finished pack goes out.
type Part struct {
	Pack *Pack
	Only Chosen // nil: all of it
}

// OutgoingOptions say how a pack is put together. All fields but Has are required.
type OutgoingOptions struct {
	Format  object.Format
	Has     func(object.ID) bool // the receiver has that object, so that a delta may name it as its base; nil: it has none. Never called by two goroutines at once
	Scratch Scratch

	// Resemble makes a small pack smaller: whole objects become deltas of what the receiver has. It is asked for each,
	// by one goroutine; nil leaves them whole.
	Resemble Resemble
}

// Outgoing is one pack of entries from several finished ones, as they lie there:
//
//	a whole pack: its bytes between header and trailer
//	a part of one: entry by entry, in its order, each with a header of its own
//	    a delta of what went out before: with its distance     (OFS_DELTA)
//	    a delta of what only the receiver has: with its id     (REF_DELTA)
//	    any other delta: the object, deflated whole
//
// Whole packs come before parts. An object that is in several of them goes out once: a part gives way to what comes before
// it, and of two whole packs that share objects the smaller one becomes a part. As no delta names what comes after it in the
// pack, there are no circles, whatever the packs are made from one another.
//
// It keeps about 90 bytes of scratch memory for each entry of a pack that does not go out whole, and what was deflated. The
// packs must not be closed before it. It is safe for concurrent use but for Close.
type Outgoing struct {
	format   object.Format
	from     Scratch
	sections []*section
	objects  int64
	bytes    int64
	store    arena
	limits   Limits
}

// section is what goes out of one pack.
type section struct {
	pack *Pack
	only Chosen // nil: all
	at   int64  // where it begins
	part *partial
}

// NewOutgoing puts a pack together; nothing is written yet. Its errors wrap ErrCorrupt, or a *LimitError for what passes
// DefaultLimits. Close it.
func NewOutgoing(ctx context.Context, parts []Part, o OutgoingOptions) (*Outgoing, error) {
	return newOutgoing(ctx, parts, o, DefaultLimits)
}

func newOutgoing(ctx context.Context, parts []Part, o OutgoingOptions, limits Limits) (*Outgoing, error) {
	out := &Outgoing{format: o.Format, from: o.Scratch, store: arena{scratch: scratch{from: o.Scratch}}, limits: limits}
	if err := Guard(func() error { return out.plan(ctx, parts, o) }); err != nil {
		out.Close()
		return nil, fmt.Errorf("put pack together: %w", err)
	}
	return out, nil
}

// Objects returns how many objects the pack has.
func (o *Outgoing) Objects() int64 { return o.objects }

// Bytes returns how many bytes Write writes.
func (o *Outgoing) Bytes() int64 { return o.bytes }

// Close gives back memory.
func (o *Outgoing) Close() {
	for _, s := range o.sections {
		if s.part != nil {
			s.part.close()
		}
	}
	o.store.scratch.close()
}

func (o *Outgoing) plan(ctx context.Context, parts []Part, options OutgoingOptions) error {
	if err := o.choose(ctx, parts); err != nil {
		return err
	}
	if options.Resemble != nil {
		for _, s := range o.sections {
			if s.only == nil {
				s.only = s.pack.all() // entry by entry
			}
		}
	}
	at := int64(packHeader)
	for k, s := range o.sections {
		s.at = at
		if s.only == nil {
			o.objects += int64(s.pack.Index.Len())
			at += int64(len(s.pack.bytes)) - packHeader
			continue
		}
		end, err := o.lay(ctx, k, options)
		if err != nil {
			return err
		}
		o.objects += s.part.entries
		at = end
	}
	if o.objects > math.MaxUint32 {
		return &LimitError{WhatObjects, o.objects, math.MaxUint32}
	}
	o.bytes = at + int64(o.format.Size())
	return nil
}

// choose makes sections of the parts, whole ones first, so that no object is in two.
func (o *Outgoing) choose(ctx context.Context, parts []Part) error {
	turn := compute.Take()
	defer turn.Give()
	all, err := o.gather(parts, turn)
	if err != nil {
		return err
	}
	for i, a := range all {
		for _, b := range all[:i] {
			turn.Pass()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if a.only != nil || b.only != nil || !a.shares(b, turn) {
				continue
			}
			smaller := a
			if len(b.pack.bytes) < len(a.pack.bytes) {
				smaller = b
			}
			smaller.only = smaller.pack.all()
		}
	}
	for _, whole := range []bool{true, false} {
		for _, s := range all {
			if (s.only == nil) == whole {
				o.sections = append(o.sections, s)
			}
		}
	}
	for i, s := range o.sections {
		for _, before := range o.sections[:i] {
			turn.Pass()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if s.only != nil {
				s.giveWay(before, turn)
			}
		}
	}
	return nil
}

// gather makes one section of all parts of the same pack, in the order given. Packs in which an object is more than once
// do not go out whole.
func (o *Outgoing) gather(parts []Part, turn *compute.Turn) (all []*section, err error) {
	have := map[*Pack]*section{}
	for _, p := range parts {
		if f := p.Pack.Index.format; f != o.format {
			return nil, fmt.Errorf("a %s pack cannot go out as %s", f, o.format)
		}
		n := p.Pack.Index.Len()
		s := have[p.Pack]
		if s == nil {
			s = &section{pack: p.Pack, only: NewChosen(n)}
			have[p.Pack] = s
			all = append(all, s)
		}
		if p.Only == nil {
			s.only = p.Pack.all()
		}
		for k, word := range p.Only.within(n) {
			s.only[k] |= word
		}
	}
	for _, s := range all {
		if repeats := s.dropRepeats(turn); !repeats && s.only.Len() == s.pack.Index.Len() {
			s.only = nil
		}
	}
	return all, nil
}

// all is every object of the pack.
func (p *Pack) all() Chosen {
	c := NewChosen(p.Index.Len())
	for k := range c {
		c[k] = math.MaxUint64
	}
	return c.within(p.Index.Len())
}

// dropRepeats leaves one of the entries that an object has, the first in the pack, and reports whether any has more.
func (s *section) dropRepeats(turn *compute.Turn) (repeats bool) {
	x, kept := s.pack.Index, 0
	for i := 1; i < x.Len(); i++ {
		turn.Pass()
		if compareIDs(x.IDBytes(i-1), x.IDBytes(i)) != 0 {
			continue
		}
		if repeats = true; compareIDs(x.IDBytes(kept), x.IDBytes(i)) != 0 {
			kept = i - 1
		}
		switch {
		case !s.only.Has(i):
		case !s.only.Has(kept):
			kept = i
		case x.Offset(i) < x.Offset(kept):
			s.only.Remove(kept)
			kept = i
		default:
			s.only.Remove(i)
		}
	}
	return repeats
}

// shares reports whether two whole packs have an object in common.
func (s *section) shares(other *section, turn *compute.Turn) bool {
	few, many := s.pack.Index, other.pack.Index
	if few.Len() > many.Len() {
		few, many = many, few
	}
	for i := range few.Len() {
		turn.Pass()
		if _, ok := many.Find(few.ID(i)); ok {
			return true
		}
	}
	return false
}

// giveWay leaves out of a part what the other section has.
func (s *section) giveWay(other *section, turn *compute.Turn) {
	x, y := s.pack.Index, other.pack.Index
	if other.only != nil && s.only.Len() > other.only.Len() || other.only == nil && s.only.Len() > y.Len() {
		for j := range y.Len() {
			if turn.Pass(); !other.sends(j) {
				continue
			}
			if i, ok := s.find(y.ID(j)); ok {
				s.only.Remove(i)
			}
		}
		return
	}
	for i := range s.only.All() {
		turn.Pass()
		if _, ok := other.find(x.ID(i)); ok {
			s.only.Remove(i)
		}
	}
}

// sends reports whether the i-th object of the pack goes out.
func (s *section) sends(i int) bool { return s.only == nil || s.only.Has(i) }

// find returns the number of an object that goes out with the section.
func (s *section) find(id object.ID) (i int, ok bool) {
	x := s.pack.Index
	for i, ok = x.Find(id); ok && !s.sends(i); {
		// The same object may lie in the pack again.
		i++
		ok = i < x.Len() && x.ID(i) == id
	}
	return i, ok
}
