package inflate

import "encoding/binary"

// The fast loop reads and writes in words of eight bytes, so it stops this far from the ends:
// two refills go by in one turn, and two literals come before a match.
const (
	fastIn  = 16
	fastOut = 12
)

// tables are the two codes of a block; the masks cut the bits that index their fronts.
type tables struct {
	lit      *[litEnough]entry
	dist     *[distEnough]entry
	litMask  uint64
	distMask uint64
}

// symbols decodes the symbols of a block up to its end.
func (s *stream) symbols(t tables) error {
	end, ok := s.fast(t)
	if !end && ok {
		ok = s.careful(t)
	}
	if !ok {
		return s.fault()
	}
	return nil
}

// fast decodes symbols until the block ends, or either end of the slices comes near.
//
// It is long because calls and fields would cost more than the work between them: every
// variable of the loop has to stay in a register.
func (s *stream) fast(t tables) (end, ok bool) {
	src, dst, in, out, buf, n := s.src, s.dst, s.in, s.out, s.bits, s.n
	var e entry
	ok = true
	for in <= len(src)-fastIn && out <= len(dst)-fastOut {
		buf |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
		in += int(63-n) >> 3
		n |= 56
		e = t.lit[buf&t.litMask]
		if e&literal != 0 {
			dst[out] = byte(e >> 16)
			out++
			buf >>= e & 63
			n -= e.drop()
			e = t.lit[buf&t.litMask]
			if e&literal != 0 {
				dst[out] = byte(e >> 16)
				out++
				buf >>= e & 63
				n -= e.drop()
				e = t.lit[buf&t.litMask]
			}
		}
		if e&subtable != 0 {
			buf >>= e & 63
			n -= e.drop()
			e = t.lit[uint64(e>>16)+buf&(1<<(e>>8&15)-1)]
		}
		length := e.value(buf)
		buf >>= e & 63
		n -= e.drop()
		if e&(literal|special) != 0 {
			if e&literal != 0 {
				dst[out] = byte(e >> 16)
				out++
				continue
			}
			end, ok = true, e&blockEnd != 0
			break
		}
		if n < 28 {
			buf |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
			in += int(63-n) >> 3
			n |= 56
		}
		e = t.dist[buf&t.distMask]
		if e&subtable != 0 {
			buf >>= e & 63
			n -= e.drop()
			e = t.dist[uint64(e>>16)+buf&(1<<(e>>8&15)-1)]
		}
		back := e.value(buf)
		buf >>= e & 63
		n -= e.drop()
		stop := out + length
		if e&special != 0 || back > out || stop > len(dst) {
			ok = false
			break
		}
		if stop > len(dst)-8 {
			copyBytes(dst, out, back, stop)
		} else if back >= 8 {
			for o := out; o < stop; o += 8 {
				binary.LittleEndian.PutUint64(dst[o:], binary.LittleEndian.Uint64(dst[o-back:]))
			}
		} else {
			repeat(dst, out, back, stop)
		}
		out = stop
	}
	s.in, s.out, s.bits, s.n = in, out, buf, n
	return end, ok
}

// careful decodes symbols up to the end of the block, one at a time.
func (s *stream) careful(t tables) (ok bool) {
	for {
		s.refill()
		e := s.lookup(t.lit[:], t.litMask)
		length := s.value(e)
		switch {
		case e&literal != 0:
			if s.out == len(s.dst) {
				return false
			}
			s.dst[s.out] = byte(e >> 16)
			s.out++
			continue
		case e&special != 0:
			return e&blockEnd != 0
		}
		e = s.lookup(t.dist[:], t.distMask)
		back := s.value(e)
		stop := s.out + length
		if e&special != 0 || back > s.out || stop > len(s.dst) {
			return false
		}
		copyBytes(s.dst, s.out, back, stop)
		s.out = stop
	}
}

// lookup returns the entry for the next bits; those of a subtable's front are dropped.
func (s *stream) lookup(table []entry, mask uint64) entry {
	e := table[s.bits&mask]
	if e&subtable != 0 {
		s.take(e.drop())
		e = table[uint64(e>>16)+s.bits&(1<<(e>>8&15)-1)]
	}
	return e
}

// value returns the value of e, which the next bits were looked up to, and drops them.
func (s *stream) value(e entry) int {
	v := e.value(s.bits)
	s.take(e.drop())
	return v
}

// copyBytes copies a match to dst[out:stop] from back bytes before.
func copyBytes(dst []byte, out, back, stop int) {
	for ; out < stop; out++ {
		dst[out] = dst[out-back]
	}
}

// repeat fills dst[out:stop], and up to seven bytes more, with the back bytes before it, 1 to 7,
// again and again. Each word written holds one whole turn; the rest of it is written over.
func repeat(dst []byte, out, back, stop int) {
	if back == 1 {
		w := uint64(dst[out-1]) * 0x0101_0101_0101_0101
		for ; out < stop; out += 8 {
			binary.LittleEndian.PutUint64(dst[out:], w)
		}
		return
	}
	for ; out < stop; out += back {
		binary.LittleEndian.PutUint64(dst[out:], binary.LittleEndian.Uint64(dst[out-back:]))
	}
}
