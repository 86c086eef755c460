package lfs

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"

	"rehome/internal/bucket"
	"rehome/internal/disk"
)

// MismatchError reports bytes that are not the object they should be. Got's OID is of all bytes that were
// written.
type MismatchError struct{ Want, Got Object }

func (e *MismatchError) Error() string {
	if e.Want.Size != e.Got.Size {
		return fmt.Sprintf("LFS object %s should have %d bytes and has %d", e.Want.OID, e.Want.Size, e.Got.Size)
	}
	return fmt.Sprintf("LFS object %s hashes to %s", e.Want.OID, e.Got.OID)
}

// Writer takes an object's bytes, hashing them on their way into a file of the spool. It is for one goroutine.
type Writer struct {
	store *Store
	file  *disk.File // locked, so that no sweep takes it away; nil once kept or closed
	hash  hash.Hash
	out   *bufio.Writer // gathers small writes; large ones go past it
	size  int64
}

// buffers are for Writers: most objects are small, and come by the thousand.
var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

// Create begins an object. The Writer has to be closed.
func (s *Store) Create() (*Writer, error) {
	file, err := createLocked(s.spool)
	if err != nil {
		return nil, fmt.Errorf("begin LFS object: %w", err)
	}
	out := buffers.Get().(*bufio.Writer)
	out.Reset(file)
	return &Writer{store: s, file: file, hash: sha256.New(), out: out}, nil
}

// Write takes the next bytes.
func (w *Writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, os.ErrClosed
	}
	n, err := w.out.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, err
}

// chunks are for ReadFrom.
var chunks = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// ReadFrom takes bytes up to the end of r.
func (w *Writer) ReadFrom(r io.Reader) (size int64, err error) {
	chunk := chunks.Get().(*[256 << 10]byte)
	defer chunks.Put(chunk)
	for {
		n, err := r.Read(chunk[:])
		written, failed := w.Write(chunk[:n])
		size += int64(written)
		switch {
		case failed != nil:
			return size, failed
		case err == io.EOF:
			return size, nil
		case err != nil:
			return size, err
		}
	}
}

// Keep ends the object and puts it into the store, durably. That waits for the disk, and for many objects at
// a time hardly longer than for one.
func (w *Writer) Keep(ctx context.Context) (Object, error) {
	if w.file == nil {
		return Object{}, os.ErrClosed
	}
	o := w.object()
	if err := w.keep(ctx, o); err != nil {
		return Object{}, fmt.Errorf("keep LFS object %s: %w", o.OID, err)
	}
	return o, nil
}

// KeepAs is Keep for an object that is known before. It is a *MismatchError, and nothing is kept, when the
// bytes are others.
func (w *Writer) KeepAs(ctx context.Context, want Object) error {
	if w.file == nil {
		return os.ErrClosed
	}
	if got := w.object(); got != want {
		return errors.Join(&MismatchError{Want: want, Got: got}, w.Close())
	}
	_, err := w.Keep(ctx)
	return err
}

func (w *Writer) object() Object {
	o := Object{Size: w.size}
	w.hash.Sum(o.OID[:0])
	return o
}

func (w *Writer) keep(ctx context.Context, o Object) error {
	err := w.store.clear(ctx, o)
	if err == nil {
		err = w.out.Flush()
	}
	w.giveBack() // others can use it while the bucket waits for its disk
	if err == nil {
		err = bucket.Take(ctx, w.store.bucket, key(o.OID), w.file.Name())
	}
	if err != nil {
		return errors.Join(err, w.Close())
	}
	return w.release()
}

// clear makes room for an object: what has another size there cannot be it, but is some other program's or a
// disk's fault, and is removed.
func (s *Store) clear(ctx context.Context, o Object) error {
	size, err := s.Size(ctx, o.OID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || size == o.Size:
		return err
	}
	return s.bucket.Remove(ctx, key(o.OID))
}

// Close discards what was written, unless it was kept.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	err := os.Remove(w.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // a bucket took it, and failed afterwards
	}
	return errors.Join(err, w.release())
}

// release gives back what the Writer holds, but for the file's name.
func (w *Writer) release() error {
	w.giveBack()
	file := w.file
	w.file = nil
	return file.Close()
}

func (w *Writer) giveBack() {
	if w.out != nil {
		w.out.Reset(nil)
		buffers.Put(w.out)
		w.out = nil
	}
}
