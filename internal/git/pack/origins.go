package pack

import (
	"math"
	"sort"
)

// origins says for each entry of the incoming pack where it began there and where it
// went: the offsets ascend, so a base is found by its distance.
type origins struct {
	n       int
	offset  []uint64
	place   []uint32
	scratch scratch
}

// inContent marks a place in the content pack; without it, the place is in the history pack.
const inContent = 1 << 31

// nowhere is the place of an entry that was put aside.
const nowhere = math.MaxUint32

func newOrigins(entries int64, s Scratch) (o origins, err error) {
	o.scratch.from = s
	o.offset = take[uint64](&o.scratch, entries, &err)
	o.place = take[uint32](&o.scratch, entries, &err)
	return o, err
}

func (o *origins) add(offset int64, place uint32) {
	o.offset[o.n], o.place[o.n] = uint64(offset), place
	o.n++
}

// find returns where the entry that began at offset went.
func (o *origins) find(offset int64) (place uint32, ok bool) {
	i := sort.Search(o.n, func(i int) bool { return o.offset[i] >= uint64(offset) })
	if i == o.n || o.offset[i] != uint64(offset) {
		return 0, false
	}
	return o.place[i], true
}
