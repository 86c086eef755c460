package survey

import "encoding/binary"

// list is numbers in memory of an arena: 4 bytes each, so it may grow with the repository.
type list struct {
	arena  *arena
	chunks [][]byte
	n      int
}

const listBits = 14 // a chunk has so many numbers, as a power of two: 64 KiB

// add appends v.
func (l *list) add(v uint32) error {
	if l.n>>listBits == len(l.chunks) {
		chunk, err := l.arena.alloc(4 << listBits)
		if err != nil {
			return err
		}
		l.chunks = append(l.chunks, chunk)
	}
	l.n++
	l.set(l.n-1, v)
	return nil
}

// pop removes the last number and returns it.
func (l *list) pop() uint32 {
	l.n--
	return l.at(l.n)
}

// at returns the i-th number.
func (l *list) at(i int) uint32 { return binary.LittleEndian.Uint32(l.slot(i)) }

// set changes the i-th number.
func (l *list) set(i int, v uint32) { binary.LittleEndian.PutUint32(l.slot(i), v) }

func (l *list) slot(i int) []byte {
	return l.chunks[i>>listBits][4*(i&(1<<listBits-1)):]
}
