package deflate

import "encoding/binary"

const (
	adlerMod = 65521
	// adlerRun bytes at most go between two reductions, so that 64-bit sums cannot overflow.
	adlerRun = 1 << 24
	// laneRun bytes at most are summed up lane by lane, so that lanes cannot overflow: 255*(1+…+16) < 1<<16.
	laneRun = 16 * 8

	lanes = 0x00ff00ff00ff00ff // every other byte of a word, each with room for 16 bits
	pairs = 0x0000ffff0000ffff
	highs = 0x8080808080808080
)

// checksum returns the Adler-32 checksum of p (RFC 1950, section 9) and whether all of p is ASCII.
func checksum(p []byte) (sum uint32, ascii bool) {
	a, b, or := uint64(1), uint64(0), uint64(0)
	for len(p) > 0 {
		q := p[:min(len(p), adlerRun)]
		p = p[len(q):]
		for len(q) >= 8 {
			r := q[:min(len(q)&^7, laneRun)]
			q = q[len(r):]
			sums, weighted, bits := sumLanes(r)
			b += a*uint64(len(r)) + weighted
			a += sums
			or |= bits
		}
		for _, c := range q {
			or |= uint64(c)
			a += uint64(c)
			b += a
		}
		a %= adlerMod
		b %= adlerMod
	}
	return uint32(b<<16 | a), or&highs == 0
}

// sumLanes returns the sum of r's bytes, the same with each byte as often as there are bytes from it on, and all of
// them or-ed together. It takes whole words and is a function of its own for the sake of registers.
//
//go:noinline
func sumLanes(r []byte) (sum, weighted, or uint64) {
	var even, odd, evens, odds uint64
	for ; len(r) >= 16; r = r[16:] {
		v, w := binary.LittleEndian.Uint64(r), binary.LittleEndian.Uint64(r[8:])
		or |= v | w
		even += v & lanes
		odd += v >> 8 & lanes
		evens += even
		odds += odd
		even += w & lanes
		odd += w >> 8 & lanes
		evens += even
		odds += odd
	}
	if len(r) >= 8 {
		w := binary.LittleEndian.Uint64(r)
		or |= w
		even += w & lanes
		odd += w >> 8 & lanes
		evens += even
		odds += odd
	}
	// Byte i of the word with j words from it on counts 8*j-i times; each lane has 8*j in evens or odds.
	first := even>>16&0xffff*2 + even>>32&0xffff*4 + even>>48*6
	second := odd&0xffff + odd>>16&0xffff*3 + odd>>32&0xffff*5 + odd>>48*7
	return across(even) + across(odd), 8*(across(evens)+across(odds)) - first - second, or
}

// across returns the sum of the four lanes of w.
func across(w uint64) uint64 {
	w = w&pairs + w>>16&pairs
	return w&0xffffffff + w>>32
}
