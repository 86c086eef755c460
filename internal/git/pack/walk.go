package pack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// Forest is a finished pack, mapped, with its entries in order: which is a delta of which,
// and of what type they are. It serves to go through many of its objects. About 70 bytes
// of scratch memory an entry. Safe for concurrent use but for Close.
type Forest struct {
	pack  *Pack
	table *table
	place []uint32 // of each entry in the order of ids: its position in the pack
	rank  []uint32 // the other way round

	limits Limits
}

// WalkOptions say how a pack is walked.
type WalkOptions struct {
	Types   []object.Type
	Workers int              // at least 1
	Want    func(i int) bool // by the number in the order of ids: only those are shown; nil is all
	Held    int64            // whole blobs of more bytes from which nothing wanted is made are shown without Data, for Stream; 0 is none
}

// Forest reads the headers of the pack's entries. Its errors wrap ErrCorrupt, or a *LimitError
// for what passes DefaultLimits. Close it.
func (p *Pack) Forest(ctx context.Context, s Scratch) (*Forest, error) {
	return p.forest(ctx, s, DefaultLimits)
}

func (p *Pack) forest(ctx context.Context, s Scratch, limits Limits) (*Forest, error) {
	t, err := newTable(p.Index.format, int64(p.Index.Len()), s)
	if err != nil {
		return nil, fmt.Errorf("make table of %d objects: %w", p.Index.Len(), err)
	}
	f := &Forest{pack: p, table: t, limits: limits}
	turn := compute.Take()
	defer turn.Give()
	for _, step := range []func(context.Context) error{f.arrange, f.headers, f.types} {
		turn.Pass()
		if err := Guard(func() error { return step(ctx) }); err != nil {
			f.Close()
			return nil, fmt.Errorf("go through pack: %w", err)
		}
	}
	return f, nil
}

// Close gives back the forest's memory.
func (f *Forest) Close() { f.table.scratch.close() }

// arrange puts the entries in the order of their offsets.
func (f *Forest) arrange(context.Context) (err error) {
	n := int64(f.pack.Index.Len())
	f.place = take[uint32](&f.table.scratch, n, &err)
	f.rank = take[uint32](&f.table.scratch, n, &err)
	offsets := take[int64](&f.table.scratch, n, &err)
	if err != nil {
		return err
	}
	for i := range offsets {
		f.rank[i], offsets[i] = uint32(i), f.pack.Index.Offset(i)
	}
	slices.SortFunc(f.rank, func(a, b uint32) int { return cmp.Compare(offsets[a], offsets[b]) })
	for pos, i := range f.rank {
		f.place[i] = uint32(pos)
		f.table.offset[pos] = uint64(offsets[i])
	}
	f.table.n = uint32(n)
	f.table.end(int64(len(f.pack.bytes)))
	return nil
}

// headers reads what each entry is made from.
func (f *Forest) headers(ctx context.Context) error {
	t, end := f.table, uint64(len(f.pack.bytes))
	for pos := range t.n {
		if pos&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at, next := t.offset[pos], t.offset[pos+1]
		if at < packHeader || at >= next || next > end {
			return corrupt("entry at byte %d of %d", at, end)
		}
		h, _, err := splitEntry(f.pack.bytes[at:next], t.format)
		if err != nil {
			return err
		}
		if t.kind[pos], t.base[pos] = h.typ, none; h.typ.Valid() {
			t.size[pos] = uint64(h.size)
			if err := f.limits.check(h.typ, h.size, true); err != nil {
				return err
			}
			continue
		}
		if h.size > f.limits.HeldBytes {
			return &LimitError{"bytes in a delta", h.size, f.limits.HeldBytes}
		}
		if t.base[pos], err = f.base(pos, h); err != nil {
			return err
		}
	}
	return nil
}

// base returns the position of what the delta at pos is made from.
func (f *Forest) base(pos uint32, h header) (uint32, error) {
	t := f.table
	if h.typ == refDelta {
		i, ok := f.pack.Index.Find(h.base)
		if !ok {
			return none, corrupt("delta base %s is not in the pack", h.base)
		}
		return f.place[i], nil
	}
	want := t.offset[pos] - uint64(h.distance)
	i, ok := slices.BinarySearch(t.offset[:pos], want)
	if !ok {
		return none, corrupt("delta base at byte %d is no entry", int64(want))
	}
	return uint32(i), nil
}

// types gives deltas the type of what they are made from, base first. What that does not
// come to leans on itself.
func (f *Forest) types(context.Context) error {
	t := f.table
	t.link()
	reached := uint32(0)
	var next []uint32
	for pos := range t.n {
		if t.base[pos] != none {
			continue
		}
		reached++
		for next = append(next[:0], pos); len(next) > 0; {
			top := next[len(next)-1]
			next = next[:len(next)-1]
			for child := t.child[top]; child != none; child = t.next[child] {
				if t.depth[top] == maxDepth {
					return &LimitError{"deltas on one another", maxDepth + 1, maxDepth}
				}
				t.kind[child], t.depth[child] = t.kind[top], t.depth[top]+1
				reached++
				next = append(next, child)
			}
		}
	}
	if reached != t.n {
		return corrupt("deltas are made from one another in a circle")
	}
	return nil
}

// IDBytes returns the bytes of the i-th id in ascending order, which are the index's own.
func (f *Forest) IDBytes(i int) []byte { return f.pack.Index.IDBytes(i) }

// Place returns the position in the pack of the i-th object in the order of ids.
func (f *Forest) Place(i int) uint32 { return f.place[i] }

// Type returns the type of the i-th object in the order of ids.
func (f *Forest) Type(i int) object.Type { return f.table.kind[f.place[i]] }

// Walk makes every object of the given types, base first, on all workers, and shows it to
// visit, which is called as Visit says but for the order of types. Object.Pos is the object's
// number in the order of ids; its id is the index's word. An error of visit comes back wrapped.
func (f *Forest) Walk(ctx context.Context, o WalkOptions, visit Visit) error {
	t := f.table
	var made atomic.Int64
	most := int64(madeFloor) + madeRatio*int64(len(f.pack.bytes))
	need := f.need(o)
	walk := &forest{
		table: t, pack: f.pack.bytes, need: need, streamed: o.Held, workers: o.Workers, scratch: t.scratch.from,
		heldPath: max(heldPath/int64(o.Workers), mappedBytes),
		skip:     func(kind object.Type) bool { return !slices.Contains(o.Types, kind) },
		passed:   func(object.Type) bool { return false },
		look: func(_ *walker, made *Object) error {
			pos := made.Pos
			if o.Want != nil && !o.Want(int(f.rank[pos])) {
				return nil // on the way only
			}
			defer func() { made.Pos = pos }()
			made.Pos = f.rank[pos]
			made.ID, made.Stored = f.pack.Index.ID(int(made.Pos)), t.length(pos)
			return visit(made)
		},
		spend: func(bytes int64) error {
			if sum := made.Add(bytes); sum > most {
				return &LimitError{"bytes made by deltas", sum, most}
			}
			return nil
		},
	}
	walk.measure = func(pos uint32, delta []byte) (int64, error) {
		_, size, _, err := DeltaSizes(delta)
		if err == nil {
			err = f.limits.check(t.kind[pos], size, false)
		}
		if err == nil {
			err = walk.spend(size)
		}
		t.size[pos] = uint64(size) // of the one walker that makes it
		return size, err
	}
	if err := walk.run(ctx); err != nil {
		return fmt.Errorf("walk pack: %w", err)
	}
	return nil
}

// need returns a bit for each position of what is wanted and of what that is made from; nil for all.
func (f *Forest) need(o WalkOptions) []uint64 {
	if o.Want == nil {
		return nil
	}
	need := make([]uint64, (f.table.n+63)/64)
	for i, pos := range f.place {
		if !slices.Contains(o.Types, f.table.kind[pos]) || !o.Want(i) {
			continue
		}
		for at := pos; at != none && need[at>>6]&(1<<(at&63)) == 0; at = f.table.base[at] {
			need[at>>6] |= 1 << (at & 63)
		}
	}
	return need
}

// Entry is how an object lies in a pack.
type Entry struct {
	Base   int    // number of the object it is a delta of, in the order of ids; -1 for none
	Stored int64  // bytes its zlib stream holds
	Stream []byte // the zlib stream, of the pack's own bytes
}

// Entry returns how the i-th object in the order of ids lies in the pack.
func (f *Forest) Entry(i int) (Entry, error) {
	t, pos := f.table, f.place[i]
	h, body, err := splitEntry(f.pack.bytes[t.offset[pos]:t.offset[pos+1]], t.format)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Base: -1, Stored: h.size, Stream: body}
	if base := t.base[pos]; base != none {
		e.Base = int(f.rank[base])
	}
	return e, nil
}
