package pack

import "math/bits"

// mappedBytes is the size from which a buffer is scratch memory rather than heap.
const mappedBytes = 4 << 20

// buffers hands out byte slices and takes them back, by powers of two. The zero value
// is ready; it is for one goroutine.
type buffers struct {
	idle   [23][][]byte // by the logarithm of the capacity
	spare  [][]uint32   // marks
	mapped map[*byte]func()
}

// get returns a slice of n bytes with anything in it.
func (b *buffers) get(n int64, s Scratch) ([]byte, error) {
	if n >= mappedBytes {
		return b.getMapped(n, s)
	}
	class := bits.Len64(uint64(max(n, 64) - 1))
	if k := len(b.idle[class]); k > 0 {
		buf := b.idle[class][k-1]
		b.idle[class] = b.idle[class][:k-1]
		return buf[:n], nil
	}
	return make([]byte, n, 1<<class), nil
}

func (b *buffers) getMapped(n int64, s Scratch) ([]byte, error) {
	mem, free, err := s(n)
	if err != nil {
		return nil, err
	}
	if b.mapped == nil {
		b.mapped = map[*byte]func(){}
	}
	b.mapped[&mem[0]] = free
	return mem[:n:n], nil
}

// put takes back what get returned.
func (b *buffers) put(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	if free, ok := b.mapped[&buf[:1][0]]; ok {
		delete(b.mapped, &buf[:1][0])
		free()
		return
	}
	class := bits.Len64(uint64(cap(buf) - 1))
	if len(b.idle[class]) < 16 {
		b.idle[class] = append(b.idle[class], buf)
	}
}

// marks returns an empty slice, with the capacity of one given back.
func (b *buffers) marks() []uint32 {
	if k := len(b.spare); k > 0 {
		m := b.spare[k-1]
		b.spare = b.spare[:k-1]
		return m
	}
	return nil
}

func (b *buffers) putMarks(m []uint32) {
	if cap(m) > 0 && len(b.spare) < 64 {
		b.spare = append(b.spare, m[:0])
	}
}

// close gives back mapped buffers that were never put.
func (b *buffers) close() {
	for _, free := range b.mapped {
		free()
	}
	b.mapped = nil
}
