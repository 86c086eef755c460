package pack

import (
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// WriterOptions say what a pack is to hold. All fields are required.
type WriterOptions struct {
	Format  object.Format
	Objects int64 // at most
	Scratch Scratch
}

// Writer writes a pack entry by entry, and its index. It is for one goroutine.
type Writer struct {
	out *packWriter
}

// NewWriter begins a pack in f. Close gives back the writer's memory.
func NewWriter(f File, o WriterOptions) (*Writer, error) {
	out, err := newPackWriter(f, o.Format, o.Objects, o.Scratch)
	if err != nil {
		return nil, fmt.Errorf("begin pack: %w", err)
	}
	return &Writer{out}, nil
}

// Add appends a whole object of size bytes as the zlib stream of them. It returns the
// entry's number, for deltas to name.
func (w *Writer) Add(t object.Type, id object.ID, size int64, stream []byte) (number uint32, err error) {
	return w.add(t, id, size, none, size, stream)
}

// AddDelta appends an object of type t as a delta of the entry base. stream is the zlib
// stream of the delta, which has stored bytes.
func (w *Writer) AddDelta(t object.Type, id object.ID, base uint32, stored int64, stream []byte) (number uint32, err error) {
	return w.add(t, id, 0, base, stored, stream)
}

// AddStream appends a whole object of size bytes, which write writes, deflating it on the way.
func (w *Writer) AddStream(t object.Type, id object.ID, size int64, write func(io.Writer) error) (number uint32, err error) {
	if err := w.room(); err != nil {
		return 0, err
	}
	n := w.out.begin(t, size, none, size)
	w.out.table.setID(n, id)
	z, err := zlib.NewWriterLevel(writerFunc(w.out.write), streamLevel)
	if err == nil {
		err = write(z)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return 0, fmt.Errorf("write pack: %w", err)
	}
	return n, w.out.end()
}

// streamLevel is how hard AddStream tries: what it writes is rare and large.
const streamLevel = 5

// writerFunc is the io.Writer for a function that cannot fail.
type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// room reports whether another entry fits in.
func (w *Writer) room() error {
	if int(w.out.table.n) == len(w.out.table.kind) {
		return fmt.Errorf("write pack: more than the %d objects it was begun for", w.out.table.n)
	}
	return nil
}

func (w *Writer) add(t object.Type, id object.ID, size int64, base uint32, stored int64, stream []byte) (uint32, error) {
	if err := w.room(); err != nil {
		return 0, err
	}
	n := w.out.begin(t, size, base, stored)
	w.out.table.setID(n, id)
	w.out.write(stream)
	return n, w.out.end()
}

// Len returns the number of entries so far.
func (w *Writer) Len() int { return int(w.out.table.n) }

// Finish completes the pack and writes its index. Without entries nothing is written.
func (w *Writer) Finish(ctx context.Context, index File) (Written, error) {
	if w.out.table.n == 0 {
		return Written{}, nil
	}
	turn := compute.Take()
	defer turn.Give()
	sum, err := w.out.seal(ctx, turn)
	if err == nil {
		err = writeIndex(ctx, index, w.out.table, sum.Sum)
	}
	if err != nil {
		return Written{}, fmt.Errorf("finish pack: %w", err)
	}
	return sum, nil
}

// Close gives back the writer's memory.
func (w *Writer) Close() { w.out.table.scratch.close() }
