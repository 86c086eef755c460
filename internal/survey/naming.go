package survey

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sync"

	"rehome/internal/git/object"
)

// naming is that an object was named, as what the bit want says, by the one with number from.
type naming struct {
	number, from uint32
	want         byte
}

// namings are the first of those that contradict what else is known of an object: one of them is wrong. Which it is shows
// when all objects have passed. The zero value is empty; it is safe for concurrent use.
type namings struct {
	mu   sync.Mutex
	list []naming // guarded by mu
}

// maxNamings bounds them: what is kept names the object to blame, and one is enough.
const maxNamings = 1024

func (n *namings) add(one naming) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) < maxNamings {
		n.list = append(n.list, one)
	}
}

// first adds who named the object with a number first, given its ref and state in the table, where that is known.
func (n *namings) first(e []byte, number uint32) {
	if want := e[4] & wantAny; e[4]&hasRef != 0 && bits.OnesCount8(want) == 1 {
		n.add(naming{number, binary.LittleEndian.Uint32(e), want})
	}
}

// blame returns what names k, and as what bits of its state: of those that name it as something else than t, which it is, the
// one with the lowest id. t is 0 for an object that is missing. It is false where nobody is known.
func (s *Survey) blame(k known, t object.Type) (from known, as byte, ok bool) {
	right := byte(0)
	if t != 0 {
		right = wantOf(t)
	}
	for _, n := range s.table.odd.list {
		if n.number != k.number || n.want == right {
			continue
		}
		if one := s.table.get(n.from); !ok || bytes.Compare(one.id, from.id) < 0 {
			from, as, ok = one, n.want, true
		}
	}
	if ok && t != 0 {
		return from, as, true
	}
	as = k.state & wantAny &^ right
	if k.state&hasRef != 0 {
		return s.table.get(k.ref), as, true
	}
	for i := 0; i < s.tagged.n; i += 2 {
		if s.tagged.at(i) == k.number {
			return s.table.get(s.tagged.at(i + 1)), as, true
		}
	}
	return known{}, as, false
}
