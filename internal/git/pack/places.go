package pack

import (
	"fmt"
	"hash/maphash"
	"math/bits"

	"rehome/internal/git/object"
)

// places finds entries of either pack by id, once an entry has named its base that way. Packs
// that do are rare, so before that nothing is kept. It is a hash table in scratch memory.
type places struct {
	seed    maphash.Seed
	slots   []uint32 // a place plus one; 0 when free. Never more than half of them are taken
	history *table
	content *table
	scratch scratch
}

// newPlaces gathers the ids of both packs known so far; entries is how many there can be in the end.
func newPlaces(history, content *table, entries int64, s Scratch) (*places, error) {
	l := &places{seed: maphash.MakeSeed(), history: history, content: content, scratch: scratch{from: s}}
	var err error
	if l.slots = take[uint32](&l.scratch, 1<<bits.Len64(uint64(2*entries)), &err); err != nil {
		return nil, fmt.Errorf("make table of ids: %w", err)
	}
	l.gather()
	return l, nil
}

// gather adds what has an id by now. Of entries with the same id one is found.
func (l *places) gather() {
	for pos := range l.history.n {
		l.add(l.history.id(pos), pos)
	}
	for pos := range l.content.n {
		if id := l.content.id(pos); !id.IsZero() {
			l.add(id, pos|inContent)
		}
	}
}

// add notes where the object of an id went.
func (l *places) add(id object.ID, place uint32) {
	if slot := l.slot(id); *slot == 0 {
		*slot = place + 1
	}
}

// find returns where the object of an id went.
func (l *places) find(id object.ID) (place uint32, ok bool) {
	slot := *l.slot(id)
	return slot - 1, slot != 0
}

// slot returns the slot that id has or would get.
func (l *places) slot(id object.ID) *uint32 {
	var buf [32]byte
	mask := uint64(len(l.slots) - 1)
	for i := maphash.Bytes(l.seed, id.AppendTo(buf[:0])) & mask; ; i = (i + 1) & mask {
		if l.slots[i] == 0 || l.id(l.slots[i]-1) == id {
			return &l.slots[i]
		}
	}
}

func (l *places) id(place uint32) object.ID {
	if place&inContent != 0 {
		return l.content.id(place &^ inContent)
	}
	return l.history.id(place)
}
