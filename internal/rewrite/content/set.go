package content

import (
	"math/bits"
	"sync/atomic"
)

// set is a set of numbers of objects. Several may add to it at once.
type set []atomic.Uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) has(i uint32) bool { return s[i>>6].Load()&(1<<(i&63)) != 0 }

func (s set) add(i uint32) {
	if !s.has(i) {
		s[i>>6].Or(1 << (i & 63))
	}
}

// each yields the numbers, ascending.
func (s set) each(yield func(uint32) bool) {
	for w := range s {
		for word := s[w].Load(); word != 0; word &= word - 1 {
			if !yield(uint32(w<<6 + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

// filter tells quickly that an id is none of those added: by its first two bytes.
type filter [1 << 10]uint64

func (f *filter) add(id []byte) {
	at := uint(id[0])<<8 | uint(id[1])
	f[at>>6] |= 1 << (at & 63)
}

func (f *filter) may(id []byte) bool {
	at := uint(id[0])<<8 | uint(id[1])
	return f[at>>6]&(1<<(at&63)) != 0
}
