package pack

import "math/bits"

const (
	mappedBytes = 4 << 20  // the size from which a buffer is scratch memory rather than heap
	idleBytes   = 16 << 20 // of the buffers that wait to be used again
	idleMarks   = 1 << 18  // of the marks that do, in all
)

// buffers hands out byte slices and takes them back, by powers of two. It is for one
// goroutine; only scratch has to be set.
type buffers struct {
	scratch Scratch
	idle    [23][][]byte // by the logarithm of the capacity
	bytes   int          // of idle
	spare   [][]uint32   // marks
	marked  int          // capacity of spare
	mapped  map[*byte]func()
}

// get returns a slice of n bytes with anything in it.
func (b *buffers) get(n int64) ([]byte, error) {
	if n >= mappedBytes {
		return b.getMapped(n)
	}
	class := bits.Len64(uint64(max(n, 64) - 1))
	if k := len(b.idle[class]); k > 0 {
		buf := b.idle[class][k-1]
		b.idle[class] = b.idle[class][:k-1]
		b.bytes -= cap(buf)
		return buf[:n], nil
	}
	return make([]byte, n, 1<<class), nil
}

func (b *buffers) getMapped(n int64) ([]byte, error) {
	mem, free, err := b.scratch(n)
	if err != nil {
		return nil, err
	}
	if b.mapped == nil {
		b.mapped = map[*byte]func(){}
	}
	b.mapped[&mem[0]] = free
	return mem[:n:n], nil
}

// put takes back what get returned, and nil.
func (b *buffers) put(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	if cap(buf) >= mappedBytes {
		first := &buf[:1][0]
		if free, ok := b.mapped[first]; ok {
			delete(b.mapped, first)
			free()
			return
		}
	}
	if b.bytes+cap(buf) <= idleBytes {
		b.bytes += cap(buf)
		class := bits.Len64(uint64(cap(buf) - 1))
		b.idle[class] = append(b.idle[class], buf)
	}
}

// marks returns an empty slice, with the capacity of one given back.
func (b *buffers) marks() []uint32 {
	k := len(b.spare)
	if k == 0 {
		return nil
	}
	m := b.spare[k-1]
	b.spare = b.spare[:k-1]
	b.marked -= cap(m)
	return m
}

func (b *buffers) putMarks(m []uint32) {
	if cap(m) > 0 && b.marked+cap(m) <= idleMarks {
		b.marked += cap(m)
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
