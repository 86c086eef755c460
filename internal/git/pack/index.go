package pack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math"
	"sort"

	"rehome/internal/git/object"
)

// An index, version 2 (gitformat-pack):
//
//	\377 t O c | version 2 | fan-out: 256 counts of ids whose first byte is at most i
//	ids, sorted | CRC-32 of each raw entry | offsets, 31 bits | offsets of 64 bits
//	the pack's checksum | the index's checksum
//
// An offset with its top bit set is a number into the 64-bit ones.
const (
	indexMagic  = "\xfftOc\x00\x00\x00\x02"
	fanoutBytes = 256 * 4
	largeOffset = 1 << 31
)

func compareIDs(a, b []byte) int { return bytes.Compare(a, b) }

// newTrailer returns the hash that closes packs and indexes. It guards against
// damage, not against malice, so it does without collision detection.
func newTrailer(f object.Format) hash.Hash {
	if f == object.SHA256 {
		return sha256.New()
	}
	return sha1.New()
}

// writeIndex writes the index of the pack that t describes.
func writeIndex(ctx context.Context, w io.Writer, t *table, packSum []byte) error {
	order, err := t.sorted(ctx)
	if err != nil {
		return err
	}
	sum := newTrailer(t.format)
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 256<<10)
	out.WriteString(indexMagic)
	writeFanout(out, t, order)
	for _, pos := range order {
		out.Write(t.idBytes(pos))
	}
	var b [8]byte
	for _, pos := range order {
		binary.BigEndian.PutUint32(b[:], t.crc[pos])
		out.Write(b[:4])
	}
	writeOffsets(out, t, order)
	out.Write(packSum)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write pack index: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("write pack index: %w", err)
	}
	return nil
}

func writeFanout(out *bufio.Writer, t *table, order []uint32) {
	var b [4]byte
	n := 0
	for first := range 256 {
		for n < len(order) && int(t.idBytes(order[n])[0]) <= first {
			n++
		}
		binary.BigEndian.PutUint32(b[:], uint32(n))
		out.Write(b[:])
	}
}

// writeOffsets writes the 31-bit offsets, then those that need 64 bits.
func writeOffsets(out *bufio.Writer, t *table, order []uint32) {
	var b [8]byte
	large := uint32(0)
	for _, pos := range order {
		v := uint32(t.offset[pos])
		if t.offset[pos] >= largeOffset {
			v = largeOffset | large
			large++
		}
		binary.BigEndian.PutUint32(b[:], v)
		out.Write(b[:4])
	}
	if large == 0 {
		return
	}
	for _, pos := range order {
		if t.offset[pos] >= largeOffset {
			binary.BigEndian.PutUint64(b[:], t.offset[pos])
			out.Write(b[:])
		}
	}
}

// Index is a pack index to look things up in. It is safe for concurrent use and
// keeps the bytes it was opened on.
type Index struct {
	format object.Format
	fanout []byte
	ids    []byte
	small  []byte // offsets of 31 bits
	large  []byte // offsets of 64 bits
	n      int
}

// OpenIndex reads the index of a pack with ids of format f. Its checksum is not verified.
func OpenIndex(b []byte, f object.Format) (*Index, error) {
	idSize, head := f.Size(), len(indexMagic)+fanoutBytes
	if len(b) < head+2*idSize || string(b[:len(indexMagic)]) != indexMagic {
		return nil, corrupt("not a version 2 pack index")
	}
	x := &Index{format: f, fanout: b[len(indexMagic):head]}
	last := uint32(0)
	for i := range 256 {
		v := binary.BigEndian.Uint32(x.fanout[i*4:])
		if v < last {
			return nil, corrupt("pack index fan-out goes down at %d", i)
		}
		last = v
	}
	n := int64(last)
	rest, fixed := int64(len(b)-head), n*int64(idSize+8)+2*int64(idSize)
	if rest < fixed || (rest-fixed)%8 != 0 || (rest-fixed)/8 > n {
		return nil, corrupt("pack index of %d entries has %d bytes", n, len(b))
	}
	x.n = int(n)
	cut := func(size int64) []byte { part := b[head : head+int(size)]; head += int(size); return part }
	x.ids = cut(n * int64(idSize))
	cut(n * 4) // checksums
	x.small, x.large = cut(n*4), cut(rest-fixed)
	return x, nil
}

// Len returns the number of entries.
func (x *Index) Len() int { return x.n }

// ID returns the i-th id in ascending order.
func (x *Index) ID(i int) object.ID { return object.FromBytes(x.format, x.IDBytes(i)) }

// IDBytes returns the bytes of the i-th id in ascending order, which are the index's own.
func (x *Index) IDBytes(i int) []byte {
	n := x.format.Size()
	return x.ids[i*n : i*n+n : i*n+n]
}

// Offset returns where the i-th entry starts in the pack; an index that lies gives
// an offset outside of it.
func (x *Index) Offset(i int) int64 {
	v := binary.BigEndian.Uint32(x.small[i*4:])
	if v < largeOffset {
		return int64(v)
	}
	at := int(v&^largeOffset) * 8
	if at+8 > len(x.large) {
		return math.MaxInt64
	}
	return int64(binary.BigEndian.Uint64(x.large[at:]) & math.MaxInt64)
}

// Find returns the number of id in ascending order.
func (x *Index) Find(id object.ID) (i int, ok bool) {
	if id.Format() != x.format || x.n == 0 {
		return 0, false
	}
	var buf [32]byte
	want := id.AppendTo(buf[:0])
	lo, hi := 0, int(binary.BigEndian.Uint32(x.fanout[int(want[0])*4:]))
	if want[0] > 0 {
		lo = int(binary.BigEndian.Uint32(x.fanout[int(want[0]-1)*4:]))
	}
	i = lo + sort.Search(hi-lo, func(k int) bool { return compareIDs(x.IDBytes(lo+k), want) >= 0 })
	return i, i < hi && bytes.Equal(x.IDBytes(i), want)
}
