package pack

import (
	"cmp"
	"math"
	"slices"
	"unsafe"

	"rehome/internal/git/object"
)

// Scratch hands out zeroed memory that lives in a file rather than in the heap, so
// that tables may grow with the repository. Untouched parts cost nothing. free gives
// it back; the memory must not be used afterwards.
type Scratch func(size int64) (memory []byte, free func(), err error)

// none marks the absence of an entry in a table's links.
const none = math.MaxUint32

// table holds what is known of each entry of one pack under way, by position in it.
// About 61 bytes an entry, all of it scratch memory.
type table struct {
	format object.Format
	n      uint32 // entries so far

	offset []uint64 // in the pack as written
	size   []uint64 // inflated, of the object itself (for a delta: of what it makes)
	crc    []uint32
	base   []uint32 // position of the delta base, none when whole
	child  []uint32 // first of the entries made from this one, none without; filled by link
	next   []uint32 // the next made from the same base
	kind   []object.Type
	ids    []byte // format.Size() bytes each, zero until known

	free []func()
}

// newTable makes a table for at most entries entries.
func newTable(f object.Format, entries int64, s Scratch) (*table, error) {
	t := &table{format: f}
	var err error
	t.offset = alloc[uint64](t, s, entries+1, &err)
	t.size = alloc[uint64](t, s, entries, &err)
	t.crc = alloc[uint32](t, s, entries, &err)
	t.base = alloc[uint32](t, s, entries, &err)
	t.child = alloc[uint32](t, s, entries, &err)
	t.next = alloc[uint32](t, s, entries, &err)
	t.kind = alloc[object.Type](t, s, entries, &err)
	t.ids = alloc[byte](t, s, entries*int64(f.Size()), &err)
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// alloc takes n values of T from s and remembers to give them back. It does nothing
// once err is set.
func alloc[T uint64 | uint32 | byte | object.Type](t *table, s Scratch, n int64, err *error) []T {
	if *err != nil || n == 0 {
		return nil
	}
	var zero T
	mem, free, e := s(n * int64(unsafe.Sizeof(zero)))
	if e != nil {
		*err = e
		return nil
	}
	t.free = append(t.free, free)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n)
}

func (t *table) close() {
	for _, free := range t.free {
		free()
	}
	t.free = nil
}

// add appends an entry that starts at offset and returns its position.
func (t *table) add(kind object.Type, offset, size int64, base, crc uint32) uint32 {
	pos := t.n
	t.kind[pos], t.offset[pos], t.size[pos] = kind, uint64(offset), uint64(size)
	t.base[pos], t.crc[pos] = base, crc
	t.n++
	t.offset[t.n] = uint64(offset) // until end says better
	return pos
}

// end records where the last entry ends, which is where the next would start.
func (t *table) end(offset int64) { t.offset[t.n] = uint64(offset) }

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

// sorted returns the positions in the order of their ids: a counting sort by the
// first two bytes, then each small bucket by the rest.
func (t *table) sorted(s Scratch) (order []uint32, free func(), err error) {
	mem, free, err := s(int64(t.n)*4 + 4)
	if err != nil {
		return nil, nil, err
	}
	order = unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(mem))), t.n)
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
		slices.SortFunc(order[starts[b]:starts[b+1]], func(x, y uint32) int {
			if c := compareIDs(t.idBytes(x), t.idBytes(y)); c != 0 {
				return c
			}
			return cmp.Compare(x, y)
		})
	}
	return order, free, nil
}
