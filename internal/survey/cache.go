package survey

import (
	"bytes"
	"encoding/binary"
)

// cache remembers ids a worker named lately, so that most of those named over and over
// do not reach the table. Each id has one place; the zero value is empty.
type cache struct {
	slots []byte // of 33 bytes: the id, and in the last byte what it was wanted as
}

const (
	cacheBits = 12
	cacheSlot = 33
)

// fresh reports whether id was not named lately as what want says, and remembers it.
func (c *cache) fresh(id []byte, want byte) bool {
	if c.slots == nil {
		c.slots = make([]byte, cacheSlot<<cacheBits)
	}
	i := binary.LittleEndian.Uint16(id[4:]) & (1<<cacheBits - 1)
	slot := c.slots[int(i)*cacheSlot:][:cacheSlot]
	if slot[cacheSlot-1] == want && bytes.Equal(slot[:len(id)], id) {
		return false
	}
	copy(slot, id)
	slot[cacheSlot-1] = want
	return true
}
