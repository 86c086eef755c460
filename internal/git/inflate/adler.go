package inflate

import "encoding/binary"

const (
	adlerMod = 65521
	// adlerRun bytes at most go between two reductions, so that 64-bit sums cannot overflow.
	adlerRun = 1 << 24

	lanes = 0x00ff00ff00ff00ff // every other byte of a word, each with room for 16 bits
)

// adler32 returns the Adler-32 checksum of p (RFC 1950, section 9), eight bytes at a time:
// multiplying lanes by a row of weights leaves their weighted sum in the top lane.
func adler32(p []byte) uint32 {
	a, b := uint64(1), uint64(0)
	for len(p) > 0 {
		q := p[:min(len(p), adlerRun)]
		p = p[len(q):]
		for len(q) >= 8 {
			w := binary.LittleEndian.Uint64(q)
			even, odd := w&lanes, w>>8&lanes
			b += a<<3 + (even*0x0008_0006_0004_0002+odd*0x0007_0005_0003_0001)>>48
			a += (even + odd) * 0x0001_0001_0001_0001 >> 48
			q = q[8:]
		}
		for _, c := range q {
			a += uint64(c)
			b += a
		}
		a %= adlerMod
		b %= adlerMod
	}
	return uint32(b<<16 | a)
}
