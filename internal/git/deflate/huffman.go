package deflate

import (
	"math/bits"
	"slices"
)

// code is a Huffman code, or what is sent for a symbol and the bits after it: its low byte is
// the number of bits, the bits themselves stand above, the first one lowest.
type code uint32

func (c code) size() uint { return uint(c & 0xff) }

// then returns c with n more bits after it.
func (c code) then(value uint32, n uint8) code {
	return c + code(value)<<(8+c.size()) + code(n)
}

// huffman sets size to the code lengths, of at most limit bits, that suit the counts; a symbol
// with a count of zero gets none, and there have to be two others. Where the best code would have
// longer ones, the lowest counts are raised.
func huffman(size []uint8, counts []uint32, limit int) {
	var room [preSymbols]uint64 // count and symbol
	leaves := room[:0]
	for s, n := range counts {
		size[s] = 0
		if n > 0 {
			leaves = append(leaves, uint64(n)<<16|uint64(s))
		}
	}
	slices.Sort(leaves)
	var depth [preSymbols]uint32
	for floor := uint64(1); ; floor *= 2 {
		d := depth[:len(leaves)]
		for i, l := range leaves {
			d[i] = uint32(max(l>>16, floor))
		}
		depths(d)
		if int(d[0]) <= limit {
			break
		}
	}
	for i, l := range leaves {
		size[l&0xffff] = uint8(depth[i])
	}
}

// depths replaces ascending counts, two at least, by the depths of their leaves in a Huffman tree, in place
// (Moffat and Katajainen 1995).
func depths(a []uint32) {
	n := len(a)
	// From counts to parents: a[next] becomes the weight of an inner node, then the place of its parent.
	root, leaf := 0, 0
	take := func(next int) uint32 {
		if leaf >= n || root < next && a[root] < a[leaf] {
			w := a[root]
			a[root] = uint32(next)
			root++
			return w
		}
		leaf++
		return a[leaf-1]
	}
	for next := range n - 1 {
		w := take(next)
		a[next] = w + take(next)
	}
	// From parents to depths of inner nodes, from the top.
	a[n-2] = 0
	for next := n - 3; next >= 0; next-- {
		a[next] = a[a[next]] + 1
	}
	// From those to depths of leaves: what a level holds and no inner node takes is leaves.
	inner, next := n-2, n-1
	for open, level := 1, uint32(0); open > 0; level++ {
		used := 0
		for inner >= 0 && a[inner] == level {
			used++
			inner--
		}
		for ; open > used; open-- {
			a[next] = level
			next--
		}
		open = 2 * used
	}
}

// canonical returns the codes for code lengths (RFC 1951, section 3.2.2).
func canonical(size []uint8) []code {
	var first [17]uint32
	for _, n := range size {
		first[n+1]++
	}
	first[1] = 0 // symbols without a code
	for n := 1; n < len(first); n++ {
		first[n] = (first[n-1] + first[n]) << 1
	}
	codes := make([]code, len(size))
	for s, n := range size {
		if n > 0 {
			codes[s] = code(bits.Reverse32(first[n])>>(32-n))<<8 | code(n)
			first[n]++
		}
	}
	return codes
}
