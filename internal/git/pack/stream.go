package pack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"rehome/internal/git/object"
)

// window is how much of the incoming pack is looked at in one piece. An entry that
// may be longer is streamed.
const window = 1 << 20

// readerFunc is a Read that is an io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// until reads in as long as ctx lasts.
func until(ctx context.Context, in io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return in.Read(p)
	})
}

// stream is a pack on its way in: it hashes what is consumed, for the trailer, and
// counts it, against the limit.
type stream struct {
	r     *bufio.Reader
	sum   hash.Hash
	n     int64 // consumed so far
	limit int64
}

func newStream(in io.Reader, f object.Format, limit int64) *stream {
	return &stream{r: bufio.NewReaderSize(in, window), sum: newTrailer(f), limit: limit}
}

// peek returns the next n bytes without consuming them, fewer only where the stream
// ends. They are valid until the next call. n is at most window.
func (s *stream) peek(n int) ([]byte, error) {
	b, err := s.r.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read pack at byte %d: %w", s.n, err)
	}
	return b, nil
}

// take consumes b, which is the start of what peek returned.
func (s *stream) take(b []byte) error {
	s.sum.Write(b)
	s.n += int64(len(b))
	if s.n > s.limit {
		return &LimitError{WhatBytes, s.n, s.limit}
	}
	_, err := s.r.Discard(len(b))
	return err
}

// trailer reads the checksum at the end and that nothing follows it.
func (s *stream) trailer() error {
	want := s.sum.Sum(nil)
	got, err := s.peek(len(want) + 1)
	if err != nil {
		return err
	}
	if len(got) < len(want) {
		return fmt.Errorf("read pack at byte %d: %w", s.n, io.ErrUnexpectedEOF)
	}
	if !bytes.Equal(got[:len(want)], want) {
		return corrupt("its checksum is %x, its bytes make %x", got[:len(want)], want)
	}
	if len(got) > len(want) {
		return corrupt("bytes follow its checksum")
	}
	s.n += int64(len(want))
	return nil
}

// tap hands a stream's bytes to a decompressor and, as they turn out to be used, to
// used. The decompressor reads ahead; what it leaves is never consumed.
type tap struct {
	s    *stream
	last []byte // handed out, not yet consumed
	used func([]byte) error
}

// Read implements io.Reader. It is called only when everything handed out before was used.
func (t *tap) Read(p []byte) (int, error) {
	if err := t.consume(len(t.last)); err != nil {
		return 0, err
	}
	if _, err := t.s.peek(1); err != nil {
		return 0, err
	}
	b, err := t.s.peek(min(len(p), max(1, t.s.r.Buffered())))
	if err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	t.last = b
	return copy(p, b), nil
}

// consume takes the first n bytes of what was handed out last.
func (t *tap) consume(n int) error {
	if n == 0 {
		return nil
	}
	if err := t.used(t.last[:n]); err != nil {
		return err
	}
	err := t.s.take(t.last[:n])
	t.last = nil
	return err
}
