package pack

import (
	"cmp"
	"context"
	"math"
	"slices"

	"rehome/internal/git/object"
)

// none marks the absence of an entry in a table's links.
const none = math.MaxUint32

// table holds what is known of each entry of one pack under way, by position in it.
// About 55 bytes an entry with SHA-1, 67 with SHA-256, all of it scratch memory.
type table struct {
	format object.Format
	n      uint32 // entries so far

	offset []uint64 // in the pack as written
	size   []uint64 // inflated, of the object itself (for a delta: of what it makes)
	crc    []uint32
	base   []uint32 // position of the delta base, none when whole
	child  []uint32 // first of the entries made from this one, none without; filled by link
	next   []uint32 // the next made from the same base
	depth  []uint16 // deltas between the entry and a whole one, at most maxDepth
	kind   []object.Type
	ids    []byte // format.Size() bytes each, zero until known

	scratch scratch
}

// newTable makes a table for at most entries entries. Close its scratch.
func newTable(f object.Format, entries int64, s Scratch) (*table, error) {
	t := &table{format: f, scratch: scratch{from: s}}
	var err error
	t.offset = take[uint64](&t.scratch, entries+1, &err)
	t.size = take[uint64](&t.scratch, entries, &err)
	t.crc = take[uint32](&t.scratch, entries, &err)
	t.base = take[uint32](&t.scratch, entries, &err)
	t.child = take[uint32](&t.scratch, entries, &err)
	t.next = take[uint32](&t.scratch, entries, &err)
	t.depth = take[uint16](&t.scratch, entries, &err)
	t.kind = take[object.Type](&t.scratch, entries, &err)
	t.ids = take[byte](&t.scratch, entries*int64(f.Size()), &err)
	if err != nil {
		t.scratch.close()
		return nil, err
	}
	return t, nil
}

// add appends an entry that starts at offset and returns its position.
func (t *table) add(kind object.Type, offset, size int64, base uint32) uint32 {
	pos := t.n
	t.kind[pos], t.offset[pos], t.size[pos] = kind, uint64(offset), uint64(size)
	t.base[pos] = base
	if base != none {
		t.depth[pos] = t.depth[base] + 1
	}
	t.n++
	t.offset[t.n] = uint64(offset) // until end says better
	return pos
}

// end records where the last entry ends, which is where the next would start.
func (t *table) end(offset int64) { t.offset[t.n] = uint64(offset) }

// length returns the bytes of the entry at pos.
func (t *table) length(pos uint32) int64 { return int64(t.offset[pos+1] - t.offset[pos]) }

func (t *table) id(pos uint32) object.ID {
	return object.FromBytes(t.format, t.ids[int(pos)*t.format.Size():])
}

func (t *table) idBytes(pos uint32) []byte {
	n := t.format.Size()
	return t.ids[int(pos)*n : int(pos)*n+n : int(pos)*n+n]
}

func (t *table) setID(pos uint32, id object.ID) { id.AppendTo(t.idBytes(pos)[:0]) }

// link threads each base's children into a list, in pack order.
func (t *table) link() {
	for i := range t.n {
		t.child[i] = none
	}
	for i := t.n; i > 0; i-- {
		pos := i - 1
		if base := t.base[pos]; base != none {
			t.next[pos] = t.child[base]
			t.child[base] = pos
		}
	}
}

// sorted returns the positions in the order of their ids, in memory of the table: a counting sort by the
// first two bytes, then each small bucket by the rest.
func (t *table) sorted(ctx context.Context) (order []uint32, err error) {
	if order = take[uint32](&t.scratch, int64(t.n), &err); err != nil {
		return nil, err
	}
	var starts [1<<16 + 1]uint32
	bucket := func(pos uint32) int { b := t.idBytes(pos); return int(b[0])<<8 | int(b[1]) }
	for pos := range t.n {
		starts[bucket(pos)+1]++
	}
	for b := range 1 << 16 {
		starts[b+1] += starts[b]
	}
	fill := starts
	for pos := range t.n {
		b := bucket(pos)
		order[fill[b]] = pos
		fill[b]++
	}
	for b := range 1 << 16 {
		if b&0xff == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		slices.SortFunc(order[starts[b]:starts[b+1]], func(x, y uint32) int {
			if c := compareIDs(t.idBytes(x), t.idBytes(y)); c != 0 {
				return c
			}
			return cmp.Compare(x, y)
		})
	}
	return order, nil
}
