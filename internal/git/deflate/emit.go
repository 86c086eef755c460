package deflate

import "encoding/binary"

const (
	storedHead = 5  // bytes before what a stored block holds, at most
	slack      = 24 // what has to be left of dst for a few tokens without another look
)

// writer writes bits, the first one lowest. The low n bits of bits are not in dst yet; n < 8
// between calls.
type writer struct {
	dst   []byte
	out   int
	bits  uint64
	n     uint
	final bool // the block is the last one
}

// put writes v, which has k bits, 48 at most. It needs 8 bytes of room.
func (w *writer) put(v uint64, k uint) {
	w.bits |= v << (w.n & 63)
	w.n += k
	binary.LittleEndian.PutUint64(w.dst[w.out:], w.bits)
	w.out += int(w.n >> 3)
	w.bits >>= w.n & 56
	w.n &= 7
}

// begin writes what a block of some kind begins with (RFC 1951, section 3.2.3).
func (w *writer) begin(kind uint64) {
	if w.final {
		w.put(1|kind<<1, 3)
	} else {
		w.put(kind<<1, 3)
	}
}

// align fills up the last byte.
func (w *writer) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// stored writes src, which is no longer than blockSize, as it is.
func (w *writer) stored(src []byte) {
	w.begin(0)
	w.align()
	size := uint64(len(src))
	w.put(size|(size^blockSize)<<16, 32)
	w.out += copy(w.dst[w.out:], src)
}

// coded writes a block: the matches of src, with their literals, in the codes of c. It reports
// false, and w is to be thrown away, when a stored block is shorter.
//
// It is long because calls and fields would cost more than the work between them.
func (c *codes) coded(w *writer, src []byte, matches []match) bool {
	start := w.out
	dst := w.dst[:min(len(w.dst), w.out+len(src)+storedHead+slack)]
	if len(dst)-w.out < 8*len(c.head)+slack {
		return false
	}
	w.begin(c.kind)
	for _, h := range c.head {
		w.put(h.bits, h.n)
	}
	out, acc, n, at := w.out, w.bits, w.n, 0
	for _, m := range matches {
		rest := int(m.literals)
		for ; rest >= 4; rest -= 4 {
			if out > len(dst)-slack {
				return false
			}
			four := binary.LittleEndian.Uint32(src[at:])
			at += 4
			a, b, x, y := c.lit[byte(four)], c.lit[byte(four>>8)], c.lit[byte(four>>16)], c.lit[four>>24]
			acc |= (uint64(a>>8) | uint64(b>>8)<<(a&63)) << (n & 63)
			n += uint(a + b)
			acc |= (uint64(x>>8) | uint64(y>>8)<<(x&63)) << (n & 63)
			n += uint(x + y)
			binary.LittleEndian.PutUint64(dst[out:], acc)
			out += int(n >> 3 & 7)
			acc >>= n & 56
			n &= 7
		}
		if out > len(dst)-slack {
			return false
		}
		if m.length == 0 {
			break
		}
		three := binary.LittleEndian.Uint32(src[at:])
		a := c.lit[byte(three)] & code(int32(0-rest)>>31)
		b := c.lit[byte(three>>8)] & code(int32(1-rest)>>31)
		x := c.lit[byte(three>>16)] & code(int32(2-rest)>>31)
		acc |= (uint64(a>>8) | uint64(b>>8)<<(a&63)) << (n & 63)
		n += uint(a + b)
		acc |= uint64(x>>8) << (n & 63)
		n += uint(x)
		binary.LittleEndian.PutUint64(dst[out:], acc)
		out += int(n >> 3 & 7)
		acc >>= n & 56
		n &= 7

		at += rest + int(m.length)
		l := c.length[m.length]
		acc |= uint64(l>>8) << (n & 63)
		n += uint(l)
		s := distSymbol(uint32(m.dist)+1) & 31
		d := c.dist[s]
		acc |= uint64(d>>8) << (n & 63)
		n += uint(d)
		extra := distBits[s] & 31
		acc |= uint64(uint32(m.dist)&(1<<extra-1)) << (n & 63)
		n += uint(extra)
		binary.LittleEndian.PutUint64(dst[out:], acc)
		out += int(n >> 3 & 7)
		acc >>= n & 56
		n &= 7
	}
	w.out, w.bits, w.n = out, acc, n
	for _, b := range src[at:] { // three at most
		w.put(uint64(c.lit[b]>>8), c.lit[b].size())
	}
	w.put(uint64(c.end>>8), c.end.size())
	return w.out < start+len(src)+storedHead
}
