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
func (c *codes) coded(w *writer, src []byte, matches []match) bool {
	most := w.out + len(src) + storedHead
	if w.out+6*len(c.head) > most {
		return false
	}
	w.begin(c.kind)
	for _, h := range c.head {
		w.put(h.bits, h.n)
	}
	for i := range matches {
		m := &matches[i]
		fours := int(m.literals &^ 3)
		if fours > 0 {
			c.literals(w, src[:fours], most)
		}
		src = src[fours:]
		if w.out > most {
			return false
		}
		if m.length == 0 {
			break
		}
		c.match(w, src, m)
		src = src[m.literals&3+m.length:]
	}
	for _, b := range src { // three at most
		w.put(uint64(c.lit[b]>>8), c.lit[b].size())
	}
	w.put(uint64(c.end>>8), c.end.size())
	return w.out < most
}

// literals writes literals, four at a time, until w stands behind most.
func (c *codes) literals(w *writer, run []byte, most int) {
	dst, out, acc, n := w.dst, w.out, w.bits, w.n
	for len(run) >= 4 && out <= most {
		four := binary.LittleEndian.Uint32(run)
		run = run[4:]
		a, b, x, y := c.lit[byte(four)], c.lit[byte(four>>8)], c.lit[byte(four>>16)], c.lit[four>>24]
		ab, k := uint64(a>>8)|uint64(b>>8)<<(a&63), uint(a+b)
		xy := uint64(x>>8) | uint64(y>>8)<<(x&63)
		acc |= (ab | xy<<(k&63)) << (n & 63)
		n += k + uint(x+y)
		binary.LittleEndian.PutUint64(dst[out:], acc)
		out += int(n >> 3 & 7)
		acc >>= n & 56
		n &= 7
	}
	w.out, w.bits, w.n = out, acc, n
}

// match writes the match m and those literals, three at most, that src has before it. Codes
// that are not wanted are masked, for which way a branch would go cannot be foreseen.
func (c *codes) match(w *writer, src []byte, m *match) {
	dst, out, acc, n := w.dst, w.out, w.bits, w.n
	three, mask := binary.LittleEndian.Uint32(src), &masks[m.literals&3]
	a, b, x := c.lit[byte(three)]&mask[0], c.lit[byte(three>>8)]&mask[1], c.lit[byte(three>>16)]&mask[2]
	ab, k := uint64(a>>8)|uint64(b>>8)<<(a&63), uint(a+b)
	acc |= (ab | uint64(x>>8)<<(k&63)) << (n & 63)
	n += k + uint(x)
	binary.LittleEndian.PutUint64(dst[out:], acc)
	out += int(n >> 3 & 7)
	acc >>= n & 56
	n &= 7

	s := distSymbol(uint32(m.dist)) & 31
	l, d, more := c.length[m.length], c.dist[s], distBits[s]&31
	acc |= uint64(l>>8) << (n & 63)
	n += uint(l)
	acc |= uint64(d>>8) << (n & 63)
	n += uint(d)
	acc |= uint64(uint32(m.dist)&(1<<more-1)) << (n & 63)
	n += uint(more)
	binary.LittleEndian.PutUint64(dst[out:], acc)
	w.out = out + int(n>>3&7)
	w.bits = acc >> (n & 56)
	w.n = n & 7
}

// masks keep so many codes of three.
var masks = [4][3]code{1: {^code(0)}, 2: {^code(0), ^code(0)}, 3: {^code(0), ^code(0), ^code(0)}}
