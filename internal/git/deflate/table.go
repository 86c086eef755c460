package deflate

// Table is a set of Huffman codes that fits one kind of object. It is immutable and safe for
// concurrent use.
type Table struct {
	ascii, all *codes // for sources that are ASCII throughout, and for the others
}

// codes are the Huffman codes of a block.
type codes struct {
	kind   uint64    // 1: fixed, 2: described in head
	head   []bitRun  // what a block begins with after its kind
	lit    [256]code // of bytes
	end    code      // of the end of the block
	length [maxMatch + 1]code
	dist   [distSymbols + 2]code
	least  int // bytes; for shorter blocks the fixed codes do better
}

// bitRun is n bits, 48 at most.
type bitRun struct {
	bits uint64
	n    uint
}

var (
	fixedSizes = sizeFixed()
	fixed      = newCodes(append(fixedSizes[:litSymbols:litSymbols], 8, 8), fixedSizes[litSymbols:])
	untrained  = &Table{ascii: fixed, all: fixed}
)

// sizeFixed returns the lengths of the codes of RFC 1951, section 3.2.6. Two
// symbols behind those for lengths never occur, but have codes.
func sizeFixed() (size [symbols]uint8) {
	for s := range size {
		switch {
		case s < 144 || s >= 280 && s < litSymbols:
			size[s] = 8
		case s < 256:
			size[s] = 9
		case s < litSymbols:
			size[s] = 7
		default:
			size[s] = 5
		}
	}
	return size
}

// newCodes returns the codes with these lengths. Those of match lengths have the bits after them.
func newCodes(lit, dist []uint8) *codes {
	c := &codes{kind: 1}
	l := canonical(lit)
	copy(c.lit[:], l)
	c.end = l[endSymbol]
	copy(c.dist[:], canonical(dist))
	for n := minMatch; n <= maxMatch; n++ {
		s := lengthSymbols[n]
		c.length[n] = l[lengthSymbol+int(s)].then(uint32(n)-uint32(lengthStart[s]), lengthBits[s])
	}
	return c
}

// encode writes a block, in the way that is likely to be the shortest.
func (t *Table) encode(w *writer, src []byte, matches []match, ascii bool) {
	before, c := *w, t.pick(len(src), ascii)
	ok := c.coded(w, src, matches)
	if ok && (c == fixed || w.out-before.out <= len(src)-len(src)/8) {
		return
	}
	after := w.out
	*w = before
	if c != fixed && fixed.coded(w, src, matches) && (!ok || w.out < after) {
		return
	}
	*w = before
	if ok && c.coded(w, src, matches) {
		return
	}
	*w = before
	w.stored(src)
}

// pick returns the codes to try first for n bytes.
func (t *Table) pick(n int, ascii bool) *codes {
	c := t.all
	if ascii {
		c = t.ascii
	}
	if n < c.least {
		return fixed
	}
	return c
}
