package inflate

import "math/bits"

const (
	maxLit  = 286 // literal, end and length symbols a dynamic block may define
	maxDist = 30
	numPre  = 19 // symbols of the code that the code lengths are written in

	litBits  = 11 // widths of the tables' fronts
	distBits = 8
	preBits  = 7

	// What a table and its subtables need at most: for 286 symbols of up to 15 bits with an
	// 11-bit table in front, and 30 symbols with 8 bits (zlib's examples/enough.c).
	litEnough  = 2342
	distEnough = 402
)

// entry says what the next bits mean. From bit 0:
//
//	0-7    bits to drop: the code and its extra bits
//	8-12   bits of the code alone; with a subtable: its width
//	13-15  flags of what is neither literal, length nor distance
//	16-30  the literal byte, the base of a length or distance, or where the subtable starts
//	31     literal
type entry uint32

const (
	literal  entry = 1 << 31
	special  entry = 1 << 15 // a subtable, the end of the block, or (alone) no valid code
	subtable entry = 1 << 14
	blockEnd entry = 1 << 13
)

// drop returns the number of bits the entry takes in all.
func (e entry) drop() uint { return uint(e & 63) }

// value returns base plus extra bits, b being the bits the entry was looked up with.
func (e entry) value(b uint64) int {
	return int(e>>16) + int(b&(1<<(e&63)-1)>>(e>>8&31))
}

// usedSymbol is a symbol (shifted by 4) and the length of its code.
type usedSymbol uint16

var (
	litMeaning  = litMeanings()
	distMeaning = distMeanings()
	preMeaning  = preMeanings()
)

// litMeanings returns the entry of each literal/length symbol, without the code's own length.
func litMeanings() (m [maxLit + 2]entry) {
	for c := range 256 {
		m[c] = literal | entry(c)<<16
	}
	m[256] = special | blockEnd
	base := 3
	for i := range 28 {
		extra := max(i/4-1, 0)
		m[257+i] = entry(base)<<16 | entry(extra)
		base += 1 << extra
	}
	m[285] = 258 << 16
	m[286], m[287] = special, special // only the fixed code has them
	return m
}

func distMeanings() (m [maxDist + 2]entry) {
	base := 1
	for i := range maxDist {
		extra := max(i/2-1, 0)
		m[i] = entry(base)<<16 | entry(extra)
		base += 1 << extra
	}
	m[30], m[31] = special, special
	return m
}

func preMeanings() (m [numPre]entry) {
	for i := range m {
		m[i] = entry(i) << 16
	}
	return m
}

// fixed are the tables of blocks with the fixed code (RFC 1951, section 3.2.6).
var fixed = makeFixed()

func makeFixed() tables {
	var lit, dist []usedSymbol
	for s := range usedSymbol(288) {
		n := usedSymbol(8)
		switch {
		case s >= 144 && s < 256:
			n = 9
		case s >= 256 && s < 280:
			n = 7
		}
		lit = append(lit, s<<4|n)
	}
	for s := range usedSymbol(32) {
		dist = append(dist, s<<4|5)
	}
	t := tables{lit: new([litEnough]entry), dist: new([distEnough]entry), litMask: 1<<9 - 1, distMask: 1<<5 - 1}
	var b builder
	b.build(t.lit[:], lit, litMeaning[:], 9)
	b.build(t.dist[:], dist, distMeaning[:], 5)
	return t
}

// builder fills tables for canonical codes. Its fields are scratch.
type builder struct {
	sorted [maxLit + 2]uint16 // symbols by the length of their code, then by number
	count  [16]uint16         // codes of each length
}

// build fills table for the code of the used symbols, which come in ascending order, and returns
// how many bits index its front: width, or less when the longest code is shorter.
// It refuses what zlib refuses: over-subscribed and incomplete codes, except for a
// single code of one bit and for no code at all, whose other bits then mean nothing.
func (b *builder) build(table []entry, used []usedSymbol, meaning []entry, width uint) (uint, bool) {
	b.count = [16]uint16{}
	for _, u := range used {
		b.count[u&15]++
	}
	longest := uint(15)
	for longest > 1 && b.count[longest] == 0 {
		longest--
	}
	width = min(width, longest)
	var offset [16]uint16
	space, sum := 0, uint16(0)
	for n := uint(1); n <= longest; n++ {
		offset[n&15] = sum
		sum += b.count[n&15]
		space = space<<1 + int(b.count[n&15])
	}
	if space != 1<<longest {
		return width, buildSparse(table, used, meaning)
	}
	for _, u := range used {
		o := &offset[u&15]
		b.sorted[*o] = uint16(u >> 4)
		*o++
	}
	b.fill(table, b.sorted[:len(used)], meaning, width)
	return width, true
}

// buildSparse fills a table of one bit for an incomplete code and reports whether it is allowed.
func buildSparse(table []entry, used []usedSymbol, meaning []entry) bool {
	table[0], table[1] = special|1, special|1
	if len(used) == 0 {
		return true
	}
	if len(used) > 1 || used[0]&15 != 1 {
		return false
	}
	table[0] = withCode(meaning[used[0]>>4], 1)
	return true
}

// withCode completes the meaning of a symbol with the length of its code.
func withCode(m entry, n uint) entry { return m + entry(n)*0x101 }

// fill writes the table of a complete code. Codes are taken in ascending order and kept bit-reversed,
// as they stand in the stream: those of each length once, then the table so far is doubled
// for the next length.
func (b *builder) fill(table []entry, sorted []uint16, meaning []entry, width uint) {
	code, n := uint(0), uint(1)
	for ; n <= width; n++ {
		size := uint(1) << n
		copy(table[size/2:size], table[:size/2])
		k := int(b.count[n])
		for _, sym := range sorted[:k] {
			table[code] = withCode(meaning[sym], n)
			code = next(code, size-1)
		}
		sorted = sorted[k:]
	}
	if len(sorted) > 0 {
		b.fillSub(table, sorted, meaning, width, code)
	}
}

// next returns the code after a bit-reversed one; ones has as many bits as the code, all set.
// After the last code it returns 0.
func next(code, ones uint) uint {
	if code == ones {
		return 0
	}
	bit := uint(1) << ((bits.Len(code^ones) - 1) & 63)
	return code&(bit-1) | bit
}

// fillSub writes the subtables for the codes longer than width, of which code is the first.
func (b *builder) fillSub(table []entry, sorted []uint16, meaning []entry, width, code uint) {
	mask := uint(1)<<width - 1
	prefix, start, end := ^uint(0), uint(0), uint(1)<<width
	n, left := width, uint(0)
	for _, sym := range sorted {
		for left == 0 {
			n++
			left = uint(b.count[n])
		}
		if code&mask != prefix {
			prefix, start = code&mask, end
			sub := n - width
			for space := left; space < 1<<sub; space = space<<1 + uint(b.count[width+sub]) {
				sub++
			}
			end = start + 1<<sub
			table[prefix] = entry(start)<<16 | special | subtable | entry(sub)<<8 | entry(width)
		}
		e := withCode(meaning[sym], n-width)
		for i := start + code>>width; i < end; i += 1 << (n - width) {
			table[i] = e
		}
		code = next(code, 1<<n-1)
		left--
	}
}
