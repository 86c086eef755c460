package pack

import (
	"bufio"
	"context"
	"fmt"
	"hash/crc32"
	"io"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// packWriter appends entries to a pack whose number of entries is known only at the end.
type packWriter struct {
	file    File
	out     *bufio.Writer
	at      int64 // where the next byte goes
	flushed int64 // what can be read back
	crc     uint32
	head    []byte // an entry's header
	table   *table
	err     error // the first failure to write
}

func newPackWriter(f File, format object.Format, entries int64, s Scratch) (*packWriter, error) {
	t, err := newTable(format, entries, s)
	if err != nil {
		return nil, fmt.Errorf("make table of %d objects: %w", entries, err)
	}
	w := &packWriter{file: f, out: bufio.NewWriterSize(f, 512<<10), table: t}
	w.write(make([]byte, packHeader))
	return w, nil
}

// write appends raw bytes; a failure shows in err.
func (w *packWriter) write(b []byte) {
	if _, err := w.out.Write(b); err != nil && w.err == nil {
		w.err = fmt.Errorf("write pack: %w", err)
	}
	w.at += int64(len(b))
	w.crc = crc32.Update(w.crc, crc32.IEEETable, b)
}

// begin starts the entry of an object of the given type and size, made from base
// (none when whole), whose zlib stream holds stored bytes. It returns its position.
func (w *packWriter) begin(t object.Type, size int64, base uint32, stored int64) uint32 {
	h := header{typ: t, size: stored}
	if base != none {
		h.typ, h.distance = ofsDelta, w.at-int64(w.table.offset[base])
	}
	pos := w.table.add(t, w.at, size, base)
	w.crc = 0
	w.head = appendHeader(w.head[:0], h)
	w.write(w.head)
	return pos
}

// end closes the entry that begin started.
func (w *packWriter) end() error {
	w.table.crc[w.table.n-1] = w.crc
	w.table.end(w.at)
	return w.err
}

// flush makes everything written so far readable.
func (w *packWriter) flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	w.flushed = w.at
	return w.err
}

// read fills raw with the bytes of the entry at pos.
func (w *packWriter) read(pos uint32, raw []byte) error {
	if int64(w.table.offset[pos+1]) > w.flushed {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if _, err := w.file.ReadAt(raw, int64(w.table.offset[pos])); err != nil {
		return fmt.Errorf("read pack back: %w", err)
	}
	return nil
}

// seal writes header and trailer, and returns what the pack came to.
func (w *packWriter) seal(ctx context.Context, turn *compute.Turn) (Written, error) {
	if err := w.flush(); err != nil {
		return Written{}, err
	}
	if _, err := w.file.WriteAt(appendPackHeader(nil, w.table.n), 0); err != nil {
		return Written{}, fmt.Errorf("write pack header: %w", err)
	}
	sum := newTrailer(w.table.format)
	file := until(ctx, io.NewSectionReader(w.file, 0, w.at))
	whole := readerFunc(func(p []byte) (int, error) {
		turn.Pass()
		return file.Read(p)
	})
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, whole, make([]byte, 256<<10)); err != nil {
		return Written{}, fmt.Errorf("read pack back: %w", err)
	}
	trailer := sum.Sum(nil)
	w.write(trailer)
	return Written{Entries: int64(w.table.n), Bytes: w.at, Sum: trailer}, w.flush()
}

// grow returns a slice of n bytes, b itself where it is large enough.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) >= n {
		return b[:n]
	}
	return make([]byte, n, n+n/4)
}
