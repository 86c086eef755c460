// Package deflate encodes very many small alike objects as zlib streams, for a fraction of the
// time a general encoder takes.
//
// It follows RFC 1950 and 1951. What makes it quick is that its Huffman codes are made once, from
// a sample of the objects, so that a stream needs neither counts nor codes of its own:
//
//	Train: find the matches of the samples, count symbols, choose codes, write their description down
//	Append, for each block of 64 KiB at most:
//	    find matches: a hash of four bytes, its last place, no second try
//	    copy the description of the codes, then send literals and matches with them
//	    if that did badly: the fixed codes; if that did too: a stored block
package deflate

import (
	"encoding/binary"
	"slices"
)

// Encoder makes zlib streams, one after the other. It is for one goroutine at a time; NewEncoder makes it.
type Encoder struct {
	table *Table
	parser
}

// NewEncoder returns an encoder that uses the codes of t; nil is for the fixed codes of RFC 1951.
func NewEncoder(t *Table) *Encoder {
	if t == nil {
		t = untrained
	}
	return &Encoder{table: t}
}

// Append appends the zlib stream of src, which is smaller than 4 GiB, to dst. The same table and
// src always make the same bytes. It does not allocate when dst has room for Bound(len(src))
// bytes more; it may write anywhere in that room.
func (e *Encoder) Append(dst, src []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, Bound(len(src)))
	w := writer{dst: dst[start : start+Bound(len(src))]}
	w.put(0x0178, 16) // deflate, a window of 32 KiB, the fastest level
	sum, ascii := checksum(src)
	e.begin(len(src))
	for from, end := 0, 0; ; from = end {
		end = min(len(src), from+blockSize)
		w.final = end == len(src)
		e.table.encode(&w, src[from:end], e.find(src[:end], from), ascii)
		if w.final {
			break
		}
	}
	w.align()
	binary.BigEndian.PutUint32(w.dst[w.out:], sum)
	return dst[:start+w.out+4]
}

// Bound returns the room that Append wants for a source of n bytes. Streams take less.
func Bound(n int) int {
	return n + (n/blockSize+1)*storedHead + 6 + slack
}
