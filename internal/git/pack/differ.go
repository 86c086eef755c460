package pack

import (
	"encoding/binary"
	"math/bits"
)

const (
	// diffBlock is the length of what is looked up in the base, and so of the shortest copy
	// made that way.
	diffBlock = 16
	// maxDiffBlocks bounds the index of a base: of a larger one, blocks further apart are kept.
	maxDiffBlocks = 1 << 20
	// maxDiffTries bounds how many blocks of one hash are tried, so that hostile content costs
	// no more than a few passes.
	maxDiffTries = 8
	// minDiffEnds is the shortest common start or end that is worth a copy.
	minDiffEnds = 8
	// maxCopy is the most one instruction copies, and maxInsert the most one inserts, as git
	// writes them.
	maxCopy, maxInsert = 0x10000, 0x7f
)

// Differ makes deltas. The zero value is ready; it is for one goroutine, and what it
// allocated for one delta serves the next.
//
//	what base and target start with alike is copied, and what they end with
//	blocks of what is left of base are put into a hash table
//	at each place of what is left of target: a block that is there is lengthened both ways
//	  and copied; what lies between two copies is inserted
type Differ struct {
	heads  []uint32 // by hash: one more than the number of the first block, 0 for none
	next   []uint32 // by block: the same, of the next one of that hash
	lo     int      // where block 0 begins in the base
	stride int
	shift  uint
}

// Append appends to dst the delta that makes target of base (gitformat-pack, "Deltified
// representation"). Both may have up to 2 GiB. It does not allocate when it has made one of
// that size before and dst has room.
func (d *Differ) Append(dst, base, target []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(base)))
	dst = binary.AppendUvarint(dst, uint64(len(target)))
	start := commonPrefix(base, target)
	if start < minDiffEnds {
		start = 0
	}
	end := commonSuffix(base[start:], target[start:])
	if end < minDiffEnds {
		end = 0
	}
	dst = appendCopy(dst, 0, start)
	dst = d.middle(dst, base, target[start:len(target)-end], start, len(base)-end)
	return appendCopy(dst, len(base)-end, end)
}

// middle appends what makes t, which lies between the common start and end of the target.
// base[lo:hi] is what lies between those of the base.
func (d *Differ) middle(dst, base, t []byte, lo, hi int) []byte {
	if len(t) >= 256 && len(t) > 2*(hi-lo) {
		// Much is new: it may repeat what stayed.
		lo, hi = 0, len(base)
	}
	if len(t) < diffBlock || hi-lo < diffBlock {
		return appendInsert(dst, t)
	}
	d.index(base, lo, hi)
	kept, at := 0, 0 // t[:kept] is made; nothing begins before t[at]
	for at+diffBlock <= len(t) {
		from, size := d.longest(base, t, at)
		if size == 0 {
			at++
			continue
		}
		back := commonSuffix(base[:from], t[kept:at])
		dst = appendInsert(dst, t[kept:at-back])
		dst = appendCopy(dst, from-back, size+back)
		at += size
		kept = at
	}
	return appendInsert(dst, t[kept:])
}

// index fills the table with blocks of base[lo:hi], the first of each hash in front.
func (d *Differ) index(base []byte, lo, hi int) {
	d.lo, d.stride = lo, max(diffBlock, (hi-lo)/maxDiffBlocks)
	n := (hi-lo-diffBlock)/d.stride + 1
	size := 1 << bits.Len(uint(n))
	d.shift = 64 - uint(bits.Len(uint(n)))
	if cap(d.heads) < size {
		d.heads = make([]uint32, size)
	}
	d.heads = d.heads[:size]
	clear(d.heads)
	if cap(d.next) < n {
		d.next = make([]uint32, n)
	}
	d.next = d.next[:n]
	for i := n - 1; i >= 0; i-- {
		head := &d.heads[d.hash(base[lo+i*d.stride:])]
		d.next[i], *head = *head, uint32(i+1)
	}
}

// longest finds the longest piece of base that t[at:] begins with; size is 0 when there is
// none of at least a block.
func (d *Differ) longest(base, t []byte, at int) (from, size int) {
	block := d.heads[d.hash(t[at:])]
	for tries := 0; block != 0 && tries < maxDiffTries; tries++ {
		i := int(block - 1)
		here := d.lo + i*d.stride
		if n := commonPrefix(base[here:], t[at:]); n >= diffBlock && n > size {
			from, size = here, n
		}
		block = d.next[i]
	}
	return from, size
}

// hash is the place in heads of the block that b begins with.
func (d *Differ) hash(b []byte) uint64 {
	h := binary.LittleEndian.Uint64(b)*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(b[8:])
	return h * 0xc2b2ae3d27d4eb4f >> d.shift
}

// commonPrefix tells how many bytes a and b begin with alike.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// commonSuffix tells how many bytes a and b end with alike.
func commonSuffix(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[len(a)-n:], b[len(b)-n:]
	i := n
	for ; i >= 8; i -= 8 {
		if x := binary.LittleEndian.Uint64(a[i-8:]) ^ binary.LittleEndian.Uint64(b[i-8:]); x != 0 {
			return n - i + bits.LeadingZeros64(x)/8
		}
	}
	for i > 0 && a[i-1] == b[i-1] {
		i--
	}
	return n - i
}

// appendInsert appends the instructions that insert b.
func appendInsert(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), maxInsert)
		dst = append(append(dst, byte(n)), b[:n]...)
		b = b[n:]
	}
	return dst
}

// appendCopy appends the instructions that copy size bytes from offset of the base.
func appendCopy(dst []byte, offset, size int) []byte {
	for size > 0 {
		n := min(size, maxCopy)
		at, op := len(dst), byte(0x80)
		dst = append(dst, 0)
		for i := range 4 {
			if v := byte(offset >> (8 * i)); v != 0 {
				dst, op = append(dst, v), op|1<<i
			}
		}
		for i := range 2 {
			if v := byte(n >> (8 * i)); v != 0 {
				dst, op = append(dst, v), op|16<<i
			}
		}
		dst[at] = op
		offset, size = offset+n, size-n
	}
	return dst
}
