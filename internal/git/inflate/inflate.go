// Package inflate decodes zlib streams whose inflated size is known beforehand, as in Git's packs.
//
// It follows RFC 1950 and 1951 and accepts what zlib accepts. A stream is decoded in
// one go, from one slice into another:
//
//	read the two header bytes
//	for each block: stored → copy; else build the code tables, then
//	    while 8 bytes of input and a few of output are left: fast loop, 8 bytes of input at a time
//	    near either end: careful loop, symbol by symbol
//	compare size and Adler-32
package inflate

import (
	"encoding/binary"
	"errors"
	"sync"
)

var (
	// ErrShort says that the source ends before the stream does; nothing wrong was met so far.
	ErrShort = errors.New("zlib stream is cut short")
	// ErrCorrupt says that the bytes are no zlib stream of the expected size.
	ErrCorrupt = errors.New("corrupt zlib stream")
)

// Decoder inflates streams, one after the other, without allocating. The zero value is
// ready to use; it is for one goroutine at a time.
type Decoder struct {
	lit  [litEnough]entry
	dist [distEnough]entry
	pre  [1 << preBits]entry
	used [maxLit + maxDist]usedSymbol
	builder
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Inflate is Decoder.Inflate with a decoder out of a pool. It is safe for concurrent use.
func Inflate(dst, src []byte) (n int, err error) {
	d := decoders.Get().(*Decoder)
	n, err = d.Inflate(dst, src)
	decoders.Put(d)
	return n, err
}

// Inflate decodes the one zlib stream at the start of src, which must fill dst exactly,
// and returns the bytes of src it took, checksum included. With ErrShort the same stream
// may be tried again with more of it in src; every other fault is ErrCorrupt. After an error
// dst holds anything.
func (d *Decoder) Inflate(dst, src []byte) (n int, err error) {
	if err := checkHeader(src); err != nil {
		return 0, err
	}
	s := stream{src: src, dst: dst, in: 2}
	for final := false; !final; {
		if final, err = d.block(&s); err != nil {
			return 0, err
		}
	}
	return s.finish()
}

// Start decodes as much of the zlib stream at the start of src as dst has room for, and returns
// how many bytes of dst are filled: all of them unless the stream ends before, or is damaged from
// there on. The last 258 may be left out. It checks neither size nor checksum.
func (d *Decoder) Start(dst, src []byte) (n int) {
	if checkHeader(src) != nil {
		return 0
	}
	s := stream{src: src, dst: dst, in: 2}
	for final := false; !final; {
		var err error
		if final, err = d.block(&s); err != nil {
			break
		}
	}
	return s.out
}

// checkHeader looks at CMF and FLG: deflate, a window of at most 32 KiB, check bits, no dictionary.
func checkHeader(src []byte) error {
	if len(src) < 2 {
		return ErrShort
	}
	h := uint(src[0])<<8 | uint(src[1])
	if h&0x0f00 != 0x0800 || h>>12 > 7 || h&0x20 != 0 || h%31 != 0 {
		return ErrCorrupt
	}
	return nil
}

// block decodes the next block and reports whether it was the last.
func (d *Decoder) block(s *stream) (final bool, err error) {
	s.refill()
	head := s.take(3)
	final = head&1 != 0
	switch head >> 1 {
	case 0:
		err = s.stored()
	case 1:
		err = s.symbols(fixed)
	case 2:
		var t tables
		if t, err = d.readTables(s); err == nil {
			err = s.symbols(t)
		}
	default:
		err = s.fault()
	}
	return final, err
}

// stream is one stream being decoded. The low n bits of bits come next; above them may stand
// copies of bits that follow. Past the end of src, zero bytes are read and counted in in.
type stream struct {
	src, dst []byte
	in, out  int
	bits     uint64
	n        uint
}

// refill brings n to at least 56.
func (s *stream) refill() {
	if s.in <= len(s.src)-8 {
		s.bits |= binary.LittleEndian.Uint64(s.src[s.in:]) << (s.n & 63)
		s.in += int(63-s.n) >> 3
		s.n |= 56
		return
	}
	for s.n < 56 {
		if s.in < len(s.src) {
			s.bits |= uint64(s.src[s.in]) << (s.n & 63)
		}
		s.in++
		s.n += 8
	}
}

// take removes the next k bits, which must be there.
func (s *stream) take(k uint) uint {
	v := uint(s.bits) & (1<<(k&63) - 1)
	s.bits >>= k & 63
	s.n -= k
	return v
}

// pos returns how many bytes were taken, counting one that was taken in part.
func (s *stream) pos() int { return s.in - int(s.n>>3) }

// fault returns the error for bits that make no sense: ErrShort if they are not all from src.
func (s *stream) fault() error {
	if s.pos() > len(s.src) {
		return ErrShort
	}
	return ErrCorrupt
}

// align drops the rest of the current byte and gives back unread whole ones.
// It fails when more was taken than there is.
func (s *stream) align() error {
	s.in = s.pos()
	s.bits, s.n = 0, 0
	if s.in > len(s.src) {
		return ErrShort
	}
	return nil
}

// stored copies a stored block.
func (s *stream) stored() error {
	if err := s.align(); err != nil {
		return err
	}
	rest := s.src[s.in:]
	if len(rest) < 4 {
		return ErrShort
	}
	size := int(binary.LittleEndian.Uint16(rest))
	if size^int(binary.LittleEndian.Uint16(rest[2:])) != 0xffff {
		return ErrCorrupt
	}
	rest = rest[4:]
	if room := len(s.dst) - s.out; size > room {
		s.out += copy(s.dst[s.out:], rest)
		return ErrCorrupt
	}
	if len(rest) < size {
		return ErrShort
	}
	copy(s.dst[s.out:], rest[:size])
	s.out += size
	s.in += 4 + size
	return nil
}

// finish checks size and checksum after the last block and returns the bytes used.
func (s *stream) finish() (int, error) {
	if err := s.align(); err != nil {
		return 0, err
	}
	if s.out != len(s.dst) {
		return 0, ErrCorrupt
	}
	if len(s.src)-s.in < 4 {
		return 0, ErrShort
	}
	if binary.BigEndian.Uint32(s.src[s.in:]) != adler32(s.dst) {
		return 0, ErrCorrupt
	}
	return s.in + 4, nil
}
