package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	hashBits  = 12
	hashPrime = 0x9e3779b1

	blockSize = 1<<16 - 1 // what a stored block holds at most
)

// match is a run of literals and then a match. The last one of a block has literals alone.
type match struct {
	literals uint16
	length   uint16
	dist     uint16 // less one
}

// parser finds matches: the last place of each hash of four bytes is tried, the first that fits is taken.
type parser struct {
	places  [1 << hashBits]place
	base    uint32 // what the source's first byte is counted as in places
	size    uint32 // of the source
	matches [blockSize/minMatch + 2]match
}

// place is where four bytes stood last. What is left of earlier sources lies below base, so that
// nothing has to be cleared; key is the four bytes mixed with base, so that it is not even looked at.
type place struct{ key, pos uint32 }

// begin makes p ready for a source of n bytes.
func (p *parser) begin(n int) {
	next := uint64(p.base) + uint64(p.size)
	if next+uint64(n) >= 1<<32 || next == 0 {
		clear(p.places[:])
		next = 1
	}
	p.base, p.size = uint32(next), uint32(n)
}

// find returns the matches for src[from:], at most blockSize bytes; they may reach back to what
// is before. They are valid until the next call.
func (p *parser) find(src []byte, from int) []match {
	n, base, at, next := 0, p.base, from, from
	mark := base * hashPrime
	for at <= len(src)-8 {
		w := binary.LittleEndian.Uint64(src[at:])
		pos := base + uint32(at)
		key := uint32(w) ^ mark
		h := uint32(w) * hashPrime >> (32 - hashBits)
		old := p.places[h]
		p.places[h] = place{key, pos}
		if old.key != key || pos-old.pos > uint32(min(at, window)) {
			at++
			pos++
			w >>= 8
			key = uint32(w) ^ mark
			h = uint32(w) * hashPrime >> (32 - hashBits)
			old = p.places[h]
			p.places[h] = place{key, pos}
			if old.key != key || pos-old.pos > uint32(min(at, window)) {
				at++
				continue
			}
		}
		was := at - int(pos-old.pos)
		length := minMatch + common(src[was+minMatch:], src[at+minMatch:min(len(src), at+maxMatch)])
		p.matches[n] = match{uint16(at - next), uint16(length), uint16(at - was - 1)}
		n++
		at += length
		next = at
	}
	p.matches[n] = match{literals: uint16(len(src) - next)}
	return p.matches[:n+1]
}

// common returns with how many of its bytes b begins as a does; a is not the shorter one.
func common(a, b []byte) int {
	n := 0
	for n <= len(b)-8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
