package pack

import (
	"context"
	"fmt"
	"hash"
	"io"

	"rehome/internal/compute"
)

const (
	sendPiece = 1 << 20   // of a pack is hashed and written at once
	sendSmall = 128 << 10 // what has less is gathered first
)

// Write writes the pack. progress, which may be nil, is told now and then how many bytes were written so far, by the
// goroutine that called. Writing again writes the same.
func (o *Outgoing) Write(ctx context.Context, w io.Writer, progress func(bytes int64)) error {
	s := &sender{ctx: ctx, w: w, sum: newTrailer(o.format), progress: progress}
	if err := Guard(func() error { return o.write(s) }); err != nil {
		return fmt.Errorf("send pack: %w", err)
	}
	return nil
}

func (o *Outgoing) write(to *sender) error {
	to.buf = appendPackHeader(make([]byte, 0, sendPiece), uint32(o.objects))
	for _, s := range o.sections {
		if err := o.section(to, s); err != nil {
			return err
		}
	}
	if err := to.flush(); err != nil {
		return err
	}
	if _, err := to.w.Write(to.sum.Sum(nil)); err != nil {
		return err
	}
	if to.n += int64(o.format.Size()); to.n != o.bytes {
		return fmt.Errorf("%d bytes were announced, and %d written", o.bytes, to.n)
	}
	to.tell()
	return nil
}

func (o *Outgoing) section(to *sender, s *section) error {
	if s.part == nil {
		return to.send(s.pack.bytes[packHeader:])
	}
	var head [maxHeader]byte
	for pos, how := range s.part.how {
		if how == left {
			continue
		}
		h, body, err := o.entry(s.part, uint32(pos), head[:0])
		if err == nil {
			err = to.send(h)
		}
		if err == nil {
			err = to.send(body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sender hashes and writes, in large pieces.
type sender struct {
	ctx      context.Context // of the one call
	w        io.Writer
	sum      hash.Hash
	buf      []byte
	n        int64 // written
	progress func(int64)
}

// send takes what has to be written next.
func (s *sender) send(b []byte) error {
	if len(b) < sendSmall {
		if len(s.buf)+len(b) > cap(s.buf) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		s.buf = append(s.buf, b...)
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	for len(b) > 0 {
		n := min(len(b), sendPiece)
		if err := s.pass(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (s *sender) flush() error {
	err := s.pass(s.buf)
	s.buf = s.buf[:0]
	return err
}

// pass hashes b, which is computing, and writes it, which waits for the other side.
func (s *sender) pass(b []byte) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if len(b) == 0 {
		return nil
	}
	turn := compute.Take()
	s.sum.Write(b)
	turn.Give()
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	s.n += int64(len(b))
	s.tell()
	return nil
}

func (s *sender) tell() {
	if s.progress != nil {
		s.progress(s.n)
	}
}
