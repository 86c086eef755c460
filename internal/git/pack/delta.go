package pack

import "encoding/binary"

// A delta is: size of the base, size of the result (each low seven bits first), then
//
//	1 offset and size bits: copy from the base; the low seven bits say which of four
//	  offset bytes and three size bytes follow; size 0 means 65,536
//	0 count: that many bytes follow and are inserted; a count of 0 is reserved
//
// (gitformat-pack, "Deltified representation").

// maxDeltaHeader is the most bytes the two sizes can take.
const maxDeltaHeader = 20

// DeltaSizes reads the two sizes at the start of a delta; n is where its instructions begin.
func DeltaSizes(delta []byte) (base, result int64, n int, err error) {
	b, i := binary.Uvarint(delta)
	if i <= 0 || int64(b) < 0 {
		return 0, 0, 0, corrupt("delta without a base size")
	}
	r, j := binary.Uvarint(delta[i:])
	if j <= 0 || int64(r) < 0 {
		return 0, 0, 0, corrupt("delta without a result size")
	}
	return int64(b), int64(r), i + j, nil
}

// applyDelta fills dst with what delta makes of base. dst has exactly the result's
// size, which the caller has read and bounded.
func applyDelta(dst, base, delta []byte) error {
	baseSize, resultSize, n, err := DeltaSizes(delta)
	if err != nil {
		return err
	}
	if baseSize != int64(len(base)) || resultSize != int64(len(dst)) {
		return corrupt("delta is for a base of %d bytes, not %d", baseSize, len(base))
	}
	d, at := delta[n:], 0
	for len(d) > 0 {
		op := d[0]
		d = d[1:]
		if op&0x80 == 0 {
			size := int(op)
			if size == 0 || size > len(d) || size > len(dst)-at {
				return corrupt("delta inserts %d bytes where they do not fit", size)
			}
			at += copy(dst[at:], d[:size])
			d = d[size:]
			continue
		}
		offset, size, used := copyOp(op, d)
		// An offset has 32 bits, which an int need not hold.
		if used < 0 || uint64(uint32(offset))+uint64(size) > uint64(len(base)) || size > len(dst)-at {
			return corrupt("delta copies past the end of its base or result")
		}
		at += copyPieces(dst[at:], base[offset:offset+size])
		d = d[used:]
	}
	if at != len(dst) {
		return corrupt("delta makes %d bytes of %d", at, len(dst))
	}
	return nil
}

// pieceBytes is what is copied in one go. The runtime stops nobody in the middle of a copy, and where the memory is a
// file's one of megabytes may wait for the disk: so long nobody else would run.
const pieceBytes = 64 << 10

// copyPieces is copy, piece by piece.
func copyPieces(dst, src []byte) (n int) {
	for len(src) > pieceBytes {
		n += copy(dst[n:], src[:pieceBytes])
		src = src[pieceBytes:]
	}
	return n + copy(dst[n:], src)
}

// Instruction is one instruction of a delta: copy Size bytes from Offset of the base, or
// insert Size bytes that stand in the delta itself.
type Instruction struct {
	Copy   bool
	Offset int
	Size   int
}

// NextInstruction reads the instruction at the start of d; n is its length, with the bytes
// it inserts, and -1 when there is none or it makes no sense.
func NextInstruction(d []byte) (in Instruction, n int) {
	if len(d) == 0 || d[0] == 0 {
		return in, -1
	}
	if d[0]&0x80 == 0 {
		in.Size = int(d[0])
		if in.Size >= len(d) {
			return in, -1
		}
		return in, 1 + in.Size
	}
	offset, size, used := copyOp(d[0], d[1:])
	if used < 0 {
		return in, -1
	}
	return Instruction{Copy: true, Offset: offset, Size: size}, 1 + used
}

// copyOp reads the operands of a copy instruction; used is -1 when d is too short.
func copyOp(op byte, d []byte) (offset, size, used int) {
	if len(d) < 8 {
		return shortCopyOp(op, d)
	}
	// One load, then each byte that is there is shifted off in turn.
	v := binary.LittleEndian.Uint64(d)
	if op&1 != 0 {
		offset, v, used = int(v&0xff), v>>8, 1
	}
	if op&2 != 0 {
		offset, v, used = offset|int(v&0xff)<<8, v>>8, used+1
	}
	if op&4 != 0 {
		offset, v, used = offset|int(v&0xff)<<16, v>>8, used+1
	}
	if op&8 != 0 {
		offset, v, used = offset|int(v&0xff)<<24, v>>8, used+1
	}
	if op&16 != 0 {
		size, v, used = int(v&0xff), v>>8, used+1
	}
	if op&32 != 0 {
		size, v, used = size|int(v&0xff)<<8, v>>8, used+1
	}
	if op&64 != 0 {
		size, used = size|int(v&0xff)<<16, used+1
	}
	if size == 0 {
		size = 0x10000
	}
	return offset, size, used
}

// shortCopyOp is copyOp near the end of a delta, byte by byte.
func shortCopyOp(op byte, d []byte) (offset, size, used int) {
	for bit := range 7 {
		if op>>bit&1 == 0 {
			continue
		}
		if used == len(d) {
			return 0, 0, -1
		}
		v := int(d[used])
		used++
		if bit < 4 {
			offset |= v << (8 * bit)
		} else {
			size |= v << (8 * (bit - 4))
		}
	}
	if size == 0 {
		size = 0x10000
	}
	return offset, size, used
}
