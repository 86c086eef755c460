package protocol

import (
	"io"
)

// MaxProgress bounds what the progress band may hold in one answer, in bytes, and those of pkt-lines that hold
// nothing, which are signs of life: an honest server says less in a week.
const MaxProgress = 16 << 20

// The bands (gitprotocol-pack, "side-band").
const (
	bandData     = 1
	bandProgress = 2
	bandError    = 3
)

// Sideband takes the data band out of a multiplexed stream. It is an io.Reader that ends
// with io.EOF at the flush packet, with io.ErrUnexpectedEOF where the stream stops before
// it, and with *RemoteError at an error band. It is for one goroutine.
type Sideband struct {
	r        *Reader
	progress func([]byte)
	left     int // bytes of the data pkt-line at hand not yet read
	said     int
	err      error
}

// NewSideband reads the bands in r. progress gets each piece of the progress band as it
// comes, valid until it returns; it may be nil. r must not be used until Sideband ended.
func NewSideband(r *Reader, progress func([]byte)) *Sideband {
	if progress == nil {
		progress = func([]byte) {}
	}
	return &Sideband{r: r, progress: progress}
}

// Read reads the data band.
func (s *Sideband) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, s.err
	}
	for s.left == 0 && s.err == nil {
		s.err = s.next()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.r.Read(p[:min(len(p), s.left)])
	s.left -= n
	if err != nil {
		s.err = cut(err)
	}
	if n > 0 {
		return n, nil
	}
	return 0, s.err
}

// next goes to the next data pkt-line, telling what it passes.
func (s *Sideband) next() error {
	size, err := s.r.header()
	if err != nil {
		return cut(err)
	}
	if size > 4 {
		head, err := s.r.r.Peek(5)
		if err != nil {
			return cut(err)
		}
		if head[4] == bandData {
			s.r.r.Discard(5)
			if s.left = size - 5; s.left == 0 {
				return s.hear(size)
			}
			return nil
		}
	}
	return s.aside()
}

// hear counts what is no data.
func (s *Sideband) hear(n int) error {
	if s.said += n; s.said > MaxProgress {
		return malformed("more than %d bytes of progress", MaxProgress)
	}
	return nil
}

// aside reads one pkt-line that is not of the data band.
func (s *Sideband) aside() error {
	kind, line, err := s.r.Next()
	switch {
	case err != nil:
		return cut(err)
	case kind == Flush:
		return io.EOF
	case kind != Data || len(line) == 0:
		return malformed("%s packet inside a sideband", kind)
	case line[0] == bandProgress:
		if err := s.hear(len(line)); err != nil {
			return err
		}
		s.progress(line[1:])
		return nil
	case line[0] == bandError:
		return &RemoteError{Text: string(line[1:])}
	}
	return malformed("sideband %d", line[0])
}
