package pack

import (
	"cmp"
	"fmt"
	"slices"

	"rehome/internal/git/object"
)

// pending is a delta whose base was not known when it passed, so neither was the pack
// it belongs to. Its zlib stream waits in the pending file.
type pending struct {
	base   object.ID // named by id, unless
	parent uint32    // the pending delta it is made from; none when named by id
	child  uint32    // the last of those made from this one, none without
	next   uint32    // the one before it that is made from the same parent
	placed bool
	start  int64 // where it began in the incoming pack
	stored int64 // what its zlib stream holds
	at     int64 // in the pending file
	length int64
}

// waiting are all pending deltas, in stream order, and what is needed to place them. All
// of it is scratch memory.
type waiting struct {
	list    []pending
	named   []uint32 // those that name their base by id, sorted by that
	ready   []ready  // a stack
	scratch scratch
}

// ready is a pending delta whose base has a place.
type ready struct{ pending, base uint32 }

// newWaiting makes room for at most entries deltas. Close its scratch.
func newWaiting(entries int64, s Scratch) (*waiting, error) {
	w := &waiting{scratch: scratch{from: s}}
	var err error
	if w.list = take[pending](&w.scratch, entries, &err)[:0]; err != nil {
		return nil, fmt.Errorf("make table of entries put aside: %w", err)
	}
	return w, nil
}

// add appends d, made from the pending delta that began at baseAt, or by id when that is 0.
func (w *waiting) add(d pending, baseAt int64) {
	d.parent, d.child, d.next = none, none, none
	if baseAt != 0 {
		i, _ := slices.BinarySearchFunc(w.list, baseAt, func(d pending, at int64) int { return cmp.Compare(d.start, at) })
		d.parent, d.next = uint32(i), w.list[i].child
		w.list[i].child = uint32(len(w.list))
	}
	w.list = append(w.list, d)
}

// sort prepares for placing.
func (w *waiting) sort() (err error) {
	n := int64(len(w.list))
	w.named = take[uint32](&w.scratch, n, &err)[:0]
	w.ready = take[ready](&w.scratch, n, &err)[:0]
	if err != nil {
		return fmt.Errorf("sort entries put aside: %w", err)
	}
	for i, d := range w.list {
		if d.parent == none {
			w.named = append(w.named, uint32(i))
		}
	}
	slices.SortFunc(w.named, func(a, b uint32) int {
		return cmp.Or(w.list[a].base.Compare(w.list[b].base), cmp.Compare(a, b))
	})
	return nil
}

// byID makes those ready that name id as their base, now that it has a place.
func (w *waiting) byID(id object.ID, place uint32) {
	from, _ := slices.BinarySearchFunc(w.named, id, func(i uint32, id object.ID) int { return w.list[i].base.Compare(id) })
	for _, i := range w.named[from:] {
		d := &w.list[i]
		if d.base != id || d.placed {
			return
		}
		d.placed = true
		w.ready = append(w.ready, ready{i, place})
	}
}

// byDistance makes those ready that are made from the i-th, now that it has a place.
func (w *waiting) byDistance(i, place uint32) {
	for child := w.list[i].child; child != none; child = w.list[child].next {
		w.list[child].placed = true
		w.ready = append(w.ready, ready{child, place})
	}
}
