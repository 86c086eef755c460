package pack

import (
	"bytes"
	"context"
	"io"
	"iter"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/inflate"
)

// Len returns how many objects there are.
func (f *Forest) Len() int { return len(f.place) }

// At returns the number, in the order of ids, of the entry at a position in the pack.
func (f *Forest) At(pos uint32) int { return int(f.rank[pos]) }

// Depth returns how many deltas lie between the i-th object and a whole one.
func (f *Forest) Depth(i int) int { return int(f.table.depth[f.place[i]]) }

// Stored returns how many bytes the i-th object takes in the pack.
func (f *Forest) Stored(i int) int64 { return f.table.length(f.place[i]) }

// Late yields the objects that are deltas of the i-th and lie before it.
func (f *Forest) Late(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		pos := f.place[i]
		for child := f.table.child[pos]; child != none && child < pos; child = f.table.next[child] {
			if !yield(int(f.rank[child])) {
				return
			}
		}
	}
}

// startRoom is for the two sizes of a delta and for what inflate.Decoder.Start may leave out.
const startRoom = maxDeltaHeader + 2*258

// Size returns the size of the i-th object, bytes. Of a delta only the start is inflated.
func (f *Forest) Size(d *inflate.Decoder, i int) (int64, error) {
	t, pos := f.table, f.place[i]
	if t.base[pos] == none {
		return int64(t.size[pos]), nil
	}
	_, body, err := splitEntry(f.pack.bytes[t.offset[pos]:t.offset[pos+1]], t.format)
	if err != nil {
		return 0, err
	}
	var start [startRoom]byte
	n := d.Start(start[:], body)
	_, size, _, err := DeltaSizes(start[:n])
	return size, err
}

// Stream inflates the i-th object, a whole one, piece by piece. The checksum is the stream's own; ids are
// not looked at.
func (f *Forest) Stream(ctx context.Context, i int, sink io.Writer) error {
	t, pos := f.table, f.place[i]
	if t.base[pos] != none {
		return corrupt("entry at position %d is a delta, which cannot be streamed", pos)
	}
	h, body, err := splitEntry(f.pack.bytes[t.offset[pos]:t.offset[pos+1]], t.format)
	if err != nil {
		return err
	}
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return corrupt("entry: %v", err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{sink}, until(ctx, io.LimitReader(z, h.size+1)), make([]byte, 256<<10))
	if err != nil {
		return err
	}
	if n != h.size {
		return corrupt("entry at position %d has %d bytes, not the %d it declares", pos, n, h.size)
	}
	return nil
}
