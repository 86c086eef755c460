package pack

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/inflate"
)

// inflateInto fills data with what the zlib stream at the start of body holds.
func inflateInto(d *inflate.Decoder, data, body []byte) error {
	if _, err := d.Inflate(data, body); err != nil {
		return corrupt("entry: %v", err)
	}
	return nil
}

// streamInflater inflates zlib streams that are too large to be held.
type streamInflater struct {
	in  *bufio.Reader
	z   io.ReadCloser
	buf []byte
}

// inflate reads the zlib stream that begins where s stands and must make exactly
// size bytes. Each piece goes to sink, the compressed bytes go to used.
func (si *streamInflater) inflate(s *stream, size int64, used, sink func([]byte) error) error {
	t := &tap{s: s, used: used}
	if err := si.reset(t); err != nil {
		return zlibError(s, err)
	}
	var n int64
	for {
		k, err := si.z.Read(si.buf)
		n += int64(k)
		if n > size {
			return corrupt("entry at byte %d is longer than the %d bytes it declares", s.n, size)
		}
		if k > 0 {
			if err := sink(si.buf[:k]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return zlibError(s, err)
		}
	}
	if n != size {
		return corrupt("entry at byte %d is shorter than the %d bytes it declares", s.n, size)
	}
	return t.consume(len(t.last) - si.in.Buffered())
}

// reset makes the reader ready for another stream; the first call builds it.
func (si *streamInflater) reset(t *tap) (err error) {
	if si.z != nil {
		si.in.Reset(t)
		return si.z.(zlib.Resetter).Reset(si.in, nil)
	}
	si.buf = make([]byte, 128<<10)
	si.in = bufio.NewReaderSize(t, 64<<10)
	si.z, err = zlib.NewReader(si.in)
	return err
}

// zlibError tells a stream that ended early, a damaged one, and a failing reader apart.
func zlibError(s *stream, err error) error {
	var bad flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("read pack at byte %d: %w", s.n, io.ErrUnexpectedEOF)
	case errors.As(err, &bad), errors.Is(err, zlib.ErrChecksum), errors.Is(err, zlib.ErrHeader), errors.Is(err, zlib.ErrDictionary):
		return corrupt("entry at byte %d: %v", s.n, err)
	}
	return err
}
